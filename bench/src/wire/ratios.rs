//! How far ahead of the best peer the wire is.

use std::collections::BTreeMap;

use super::{
    contest::Side,
    measure::{Direction, Row},
};

/// Best peer over ours, on medians; above 1 is ahead. `recv text 16` and so on for what hands out borrowed messages,
/// `recv owned text 16` for owned ones; and `recv 16`, `recv owned 16`, each the worse of text and binary. `send weak …`
/// counts peers with weak masks as well.
pub(crate) fn ratios(rows: &[Row]) -> BTreeMap<String, f64> {
    let mut ratios: BTreeMap<String, f64> = BTreeMap::new();
    for ours in rows.iter().filter(|row| matches!(row.side, Side::Ours | Side::OursToo)) {
        let (verb, sides): (_, &[&[Side]]) = match (ours.direction, ours.side) {
            (Direction::Recv, Side::Ours) => (["recv", ""], &[&[Side::Peer]]),
            (Direction::Recv, _) => (["recv owned", ""], &[&[Side::Peer]]),
            (Direction::Send, _) => (["send", "send weak"], &[&[Side::Peer], &[Side::Peer, Side::WeakPeer]]),
        };
        for (verb, sides) in verb.iter().zip(sides) {
            let Some(best) = best(rows, ours, sides) else { continue };
            let ratio = round(best / ours.ns);
            ratios.insert(format!("{verb} {} {}", ours.kind.name(), ours.size), ratio);
            let worse = ratios.entry(format!("{verb} {}", ours.size)).or_insert(ratio);
            *worse = worse.min(ratio);
        }
    }
    ratios
}

/// The fastest on one of these sides in the same discipline.
fn best(rows: &[Row], ours: &Row, sides: &[Side]) -> Option<f64> {
    let rivals = rows.iter().filter(|row| row.what == ours.what && row.size == ours.size && sides.contains(&row.side));
    rivals.map(|row| row.ns).reduce(f64::min)
}

/// To a thousandth.
pub(crate) fn round(ratio: f64) -> f64 {
    (ratio * 1000.0).round() / 1000.0
}
