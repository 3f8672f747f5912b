//! The summary: for a person, and as the one JSON object that a program reads.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::judge::Judgement;
use crate::{
    chaos::Fault,
    paint::{Paint, Tone},
    words::{count, percentile, span},
};

/// What is known after a show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Report {
    pub(crate) judgement: Judgement,
    /// Why the session stopped by itself, if it did.
    pub(crate) gave_up: Option<String>,
    /// How often a message was handed over again.
    pub(crate) resent: u64,
    /// Messages that the session did not accept.
    pub(crate) refused: u64,
    /// Connections that were opened, by the server's count.
    pub(crate) connections: u64,
    /// What the client survived.
    pub(crate) faults: BTreeMap<Fault, u32>,
    /// From each loss to the next open connection, sorted.
    pub(crate) reconnects: Vec<Duration>,
    pub(crate) rtt_p50: Option<Duration>,
    pub(crate) rtt_p99: Option<Duration>,
    pub(crate) seed: u64,
}

/// The keys, in this order.
#[derive(Debug, Serialize)]
struct Json {
    sent: u64,
    confirmed: u64,
    written: u64,
    in_doubt: u64,
    dropped: u64,
    resent: u64,
    lost: u64,
    duplicates: u64,
    reordered: u64,
    connections: u64,
    reconnect_ms_p50: Option<u64>,
    reconnect_ms_p99: Option<u64>,
    rtt_us_p50: Option<u64>,
    rtt_us_p99: Option<u64>,
    seed: u64,
}

impl Report {
    /// Whether the client kept its promises, and held on.
    pub(crate) fn is_good(&self) -> bool {
        self.judgement.is_good() && self.gave_up.is_none()
    }

    /// One line of JSON. A percentile of nothing is `null`.
    pub(crate) fn json(&self) -> String {
        let Judgement { sent, confirmed, written, in_doubt, dropped, lost, duplicates, reordered, .. } = self.judgement;
        let json = Json {
            sent,
            confirmed,
            written,
            in_doubt,
            dropped,
            resent: self.resent,
            lost,
            duplicates,
            reordered,
            connections: self.connections,
            reconnect_ms_p50: percentile(&self.reconnects, 50).map(|span| whole(span.as_millis())),
            reconnect_ms_p99: percentile(&self.reconnects, 99).map(|span| whole(span.as_millis())),
            rtt_us_p50: self.rtt_p50.map(|span| whole(span.as_micros())),
            rtt_us_p99: self.rtt_p99.map(|span| whole(span.as_micros())),
            seed: self.seed,
        };
        serde_json::to_string(&json).expect("numbers can be written")
    }

    /// The summary for a person.
    pub(crate) fn text(&self, paint: Paint) -> String {
        let judged = &self.judgement;
        let faults = self.faults.iter().map(|(fault, times)| format!("{} ×{times}", fault.name())).collect::<Vec<_>>();
        let reconnect = [50, 99].map(|percent| shown(percentile(&self.reconnects, percent)));
        let rtt = [self.rtt_p50, self.rtt_p99].map(shown);
        let refused = if self.refused > 0 { format!(", {} refused", count(self.refused)) } else { String::new() };
        let mut lines = vec![
            format!(
                "faults      {} kinds survived: {}",
                self.faults.len(),
                if faults.is_empty() { String::from("none") } else { faults.join(", ") }
            ),
            format!(
                "client      {} sent{refused}: {} confirmed, {} written, {} in doubt, {} dropped; {} sent again",
                count(judged.sent),
                count(judged.confirmed),
                count(judged.written),
                count(judged.in_doubt),
                count(judged.dropped),
                count(self.resent),
            ),
            format!(
                "server      {} lost, {} reordered, {} duplicates, over {} connections",
                count(judged.lost),
                count(judged.reordered),
                count(judged.duplicates),
                count(self.connections),
            ),
            format!("reconnect   p50 {}, p99 {}", reconnect[0], reconnect[1]),
            format!("round trip  p50 {}, p99 {}", rtt[0], rtt[1]),
            format!("seed        {}", self.seed),
        ];
        lines.extend(
            judged.findings().into_iter().map(|finding| paint.text(Tone::Bad, &format!("BROKEN      {finding}"))),
        );
        lines.extend(self.gave_up.iter().map(|why| paint.text(Tone::Bad, &format!("BROKEN      it gave up: {why}"))));
        lines.push(if self.is_good() {
            paint.text(Tone::Good, "GOOD        every accepted message is accounted for, by the server's own record")
        } else {
            paint.text(Tone::Bad, "BAD         the client did not keep its promises")
        });
        lines.join("\n")
    }
}

fn whole(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn shown(value: Option<Duration>) -> String {
    value.map_or_else(|| String::from("–"), span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            gave_up: None,
            judgement: Judgement { sent: 3_000, confirmed: 3_000, duplicates: 4, ..Judgement::default() },
            resent: 5,
            refused: 0,
            connections: 9,
            faults: BTreeMap::from([(Fault::Reset, 2), (Fault::Restart, 1)]),
            reconnects: [80, 90, 1_000].map(Duration::from_millis).to_vec(),
            rtt_p50: Some(Duration::from_micros(85)),
            rtt_p99: None,
            seed: 7,
        }
    }

    #[test]
    fn the_json_has_the_keys_in_their_order() {
        assert_eq!(
            report().json(),
            r#"{"sent":3000,"confirmed":3000,"written":0,"in_doubt":0,"dropped":0,"resent":5,"lost":0,"duplicates":4,"#
                .to_owned()
                + r#""reordered":0,"connections":9,"reconnect_ms_p50":90,"reconnect_ms_p99":1000,"rtt_us_p50":85,"#
                + r#""rtt_us_p99":null,"seed":7}"#
        );
    }

    #[test]
    fn the_summary_says_whether_the_promises_were_kept_and_which_were_not() {
        let mut report = report();
        let text = report.text(Paint::OFF);
        assert!(text.contains("2 kinds survived: reset ×2, restart 1012 ×1") && text.contains("GOOD"), "{text}");
        report.judgement.lost = 1;
        let text = report.text(Paint::OFF);
        assert!(text.contains("1 message lost without a word") && !text.contains("GOOD"), "{text}");
    }
}
