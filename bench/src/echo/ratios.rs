//! How the session and the wire compare with raw tungstenite, and with raw async-tungstenite.

use std::collections::BTreeMap;

use super::{
    clients::{ASYNC_CLIENT, ASYNC_REFERENCE, CLIENT, EVENT_LOOP, REFERENCE, SECURE, SECURE_PEERS, WIRE},
    measure::Row,
};
use crate::stats::thousandth;

/// Above 1 is better than tungstenite. With a window of many, messages a second; with a window of one, the latency that half
/// of the messages do not exceed; `cpu`, the client's CPU time a message. `echo` is the whole session on its
/// user's thread, `client` the one with a thread of its own, `wire` the wire alone; `async-std`
/// the one on async-std, beside raw async-tungstenite. `tls` is the session over TLS, beside the
/// best of the peers over rustls.
pub(crate) fn ratios(rows: &[Row]) -> BTreeMap<String, f64> {
    let mut ratios = BTreeMap::new();
    for (claim, name, reference) in CLAIMS {
        for theirs in rows.iter().filter(|row| row.name == reference) {
            let same = |row: &&Row| (row.name, row.window, row.size) == (name, theirs.window, theirs.size);
            let Some(ours) = rows.iter().find(same) else { continue };
            let load = format!("w{} {}", ours.window, ours.size);
            let speed = if ours.window == 1 { theirs.p50_us / ours.p50_us } else { ours.per_s / theirs.per_s };
            ratios.insert(format!("{claim} {load}"), thousandth(speed));
            ratios.insert(format!("{claim} cpu {load}"), thousandth(theirs.cpu_ns / ours.cpu_ns));
        }
    }
    for ours in rows.iter().filter(|row| row.name == SECURE) {
        let peers = || {
            rows.iter()
                .filter(|row| SECURE_PEERS.contains(&row.name) && (row.window, row.size) == (ours.window, ours.size))
        };
        let load = format!("w{} {}", ours.window, ours.size);
        let speed = |row: &Row| if ours.window == 1 { 1.0 / row.p50_us } else { row.per_s };
        if let Some(best) = peers().map(speed).max_by(f64::total_cmp) {
            ratios.insert(format!("tls {load}"), thousandth(speed(ours) / best));
        }
        if let Some(least) = peers().map(|row| row.cpu_ns).min_by(f64::total_cmp) {
            ratios.insert(format!("tls cpu {load}"), thousandth(least / ours.cpu_ns));
        }
    }
    ratios
}

/// Which of ours is compared with which of the peers.
const CLAIMS: [(&str, &str, &str); 4] = [
    ("echo", EVENT_LOOP, REFERENCE),
    ("client", CLIENT, REFERENCE),
    ("wire", WIRE, REFERENCE),
    ("async-std", ASYNC_CLIENT, ASYNC_REFERENCE),
];
