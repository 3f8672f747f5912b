//! The summary: for a person, and as the one JSON object that a program reads.

use std::collections::BTreeMap;

use serde::Serialize;

use super::judge::Judgement;
use crate::{
    chaos::Fault,
    paint::{Paint, Tone},
    words::count,
};

/// What is known after a show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Report {
    pub(super) judgement: Judgement,
    /// How often the process was killed.
    pub(super) kills: u64,
    /// How the process ended when it should not have.
    pub(super) ended: Option<String>,
    /// Connections that were opened, by the server's count.
    pub(super) connections: u64,
    /// What the client survived.
    pub(super) faults: BTreeMap<Fault, u32>,
    pub(super) seed: u64,
}

/// The keys, in this order.
#[derive(Debug, Serialize)]
struct Json {
    kills: u64,
    sent: u64,
    accepted: u64,
    refused: u64,
    confirmed: u64,
    delivered: u64,
    restored: u64,
    lost: u64,
    duplicates: u64,
    reordered: u64,
    connections: u64,
    seed: u64,
}

impl Report {
    /// Whether the client kept its promises, and lived as long as it was let.
    pub(super) fn is_good(&self) -> bool {
        self.judgement.findings().is_empty() && self.ended.is_none()
    }

    /// One line of JSON.
    pub(super) fn json(&self) -> String {
        let Judgement { sent, accepted, refused, confirmed, delivered, restored, lost, duplicates, reordered, .. } =
            self.judgement;
        let Self { kills, connections, seed, .. } = *self;
        let json = Json {
            kills,
            sent,
            accepted,
            refused,
            confirmed,
            delivered,
            restored,
            lost,
            duplicates,
            reordered,
            connections,
            seed,
        };
        serde_json::to_string(&json).expect("numbers can be written")
    }

    /// The summary for a person.
    pub(super) fn text(&self, paint: Paint) -> String {
        let judged = &self.judgement;
        let faults = self.faults.iter().map(|(fault, times)| format!("{} ×{times}", fault.name())).collect::<Vec<_>>();
        let refused = if judged.refused > 0 { format!(", {} refused", count(judged.refused)) } else { String::new() };
        let mut lines = vec![
            format!(
                "faults      {} kinds survived: {}",
                self.faults.len(),
                if faults.is_empty() { String::from("none") } else { faults.join(", ") }
            ),
            format!("kills       {} with SIGKILL, {} found in the store", count(self.kills), count(judged.restored)),
            format!(
                "client      {} sent{refused}: {} accepted, {} told to be confirmed",
                count(judged.sent),
                count(judged.accepted),
                count(judged.confirmed),
            ),
            format!(
                "server      {} lost, {} reordered, {} delivered, {} duplicates, over {} connections",
                count(judged.lost),
                count(judged.reordered),
                count(judged.delivered),
                count(judged.duplicates),
                count(self.connections),
            ),
            format!("seed        {}", self.seed),
        ];
        let broken =
            judged.findings().into_iter().chain(self.ended.iter().map(|how| format!("the client ended: {how}")));
        lines.extend(broken.map(|finding| paint.text(Tone::Bad, &format!("BROKEN      {finding}"))));
        lines.push(if self.is_good() {
            paint.text(Tone::Good, "GOOD        every accepted message arrived, in order, by the server's own record")
        } else {
            paint.text(Tone::Bad, "BAD         the client did not keep its promises")
        });
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            judgement: Judgement { sent: 3_000, accepted: 2_999, delivered: 2_999, ..Judgement::default() },
            kills: 12,
            ended: None,
            connections: 40,
            faults: BTreeMap::from([(Fault::Reset, 2)]),
            seed: 7,
        }
    }

    #[test]
    fn the_json_has_the_keys_in_their_order() {
        assert_eq!(
            report().json(),
            r#"{"kills":12,"sent":3000,"accepted":2999,"refused":0,"confirmed":0,"delivered":2999,"restored":0,"lost":0,"#
                .to_owned()
                + r#""duplicates":0,"reordered":0,"connections":40,"seed":7}"#
        );
    }

    #[test]
    fn the_summary_says_what_broke() {
        let text = report().text(Paint::OFF);
        assert!(text.contains("12 with SIGKILL") && text.contains("GOOD"), "{text}");
        let lost = Report { judgement: Judgement { lost: 1, ..report().judgement }, ..report() };
        let ended = Report { ended: Some("exit status: 1".into()), ..report() };
        for (report, why) in [(lost, "1 message accepted, and lost"), (ended, "ended: exit status: 1")] {
            let text = report.text(Paint::OFF);
            assert!(!report.is_good() && text.contains(why) && !text.contains("GOOD"), "{text}");
        }
    }
}
