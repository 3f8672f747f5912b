//! The clause about metrics: they agree with what was seen.

use steadfast_core::{Metrics, Verdict};

use super::{Checker, clause::Clause};

/// What was seen, counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) attempts: u64,
    pub(super) connects: u64,
    pub(super) failovers: u64,
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) sent_bytes: u64,
    pub(super) resent: u64,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) pings: u64,
    confirmed: u64,
    written: u64,
    in_doubt: u64,
    dropped: u64,
    kept: u64,
}

impl Tally {
    pub(super) fn settled(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Confirmed => self.confirmed += 1,
            Verdict::Written => self.written += 1,
            Verdict::InDoubt => self.in_doubt += 1,
            Verdict::Dropped(_) => self.dropped += 1,
            Verdict::Kept => self.kept += 1,
        }
    }
}

impl Checker {
    /// What the session says of itself, between two events.
    pub fn metrics(&mut self, metrics: &Metrics) {
        let seen = &self.account;
        let verdicts = &metrics.verdicts;
        let (depth, bytes) = (self.ledger.len() as u64, self.ledger.bytes);
        let pairs = [
            ("attempts", metrics.attempts, seen.attempts),
            ("connects", metrics.connects, seen.connects),
            ("failovers", metrics.failovers, seen.failovers),
            ("messages_received", metrics.messages_received, seen.received),
            ("messages_sent", metrics.messages_sent, seen.sent),
            ("bytes_sent", metrics.bytes_sent, seen.sent_bytes),
            ("resent", metrics.resent, seen.resent),
            ("accepted", metrics.accepted, seen.accepted),
            ("refused", metrics.refused, seen.refused),
            ("pings", metrics.pings, seen.pings),
            ("verdicts.confirmed", verdicts.confirmed, seen.confirmed),
            ("verdicts.written", verdicts.written, seen.written),
            ("verdicts.in_doubt", verdicts.in_doubt, seen.in_doubt),
            ("verdicts.dropped", verdicts.dropped, seen.dropped),
            ("verdicts.kept", verdicts.kept, seen.kept),
            ("outbox_messages", metrics.outbox_messages.into(), depth),
            ("outbox_bytes", metrics.outbox_bytes, bytes),
        ];
        for (name, told, seen) in pairs {
            if told != seen {
                self.blame(Clause::MetricsTrue, || format!("{name} is {told}, and {seen} was seen"));
            }
        }
    }
}
