//! The judgement: what the client said of its messages, against what the server has read.

use std::collections::BTreeMap;

use steadfast_core::{Delivery, Verdict};

use crate::words::messages;

/// What both sides have to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Evidence {
    /// The delivery that was asked for.
    pub(crate) delivery: Delivery,
    /// The numbers of the messages that the client accepted, in the order of acceptance.
    pub(crate) accepted: Vec<u64>,
    /// Every verdict the client gave.
    pub(crate) verdicts: Vec<(u64, Verdict)>,
    /// The numbers that the server has read, in the order of reading; `None` for what was no message of the client's.
    pub(crate) arrivals: Vec<Option<u64>>,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Judgement {
    /// Messages accepted.
    pub(crate) sent: u64,
    /// Verdicts, by kind.
    pub(crate) confirmed: u64,
    pub(crate) written: u64,
    pub(crate) in_doubt: u64,
    pub(crate) dropped: u64,
    /// Accepted, never reported as in doubt or dropped, and never arrived.
    pub(crate) lost: u64,
    /// Arrivals of what had arrived before.
    pub(crate) duplicates: u64,
    /// First arrivals that came after the first arrival of a message accepted later.
    pub(crate) reordered: u64,
    /// Accepted, and without a verdict.
    pub(crate) unsettled: u64,
    /// Verdicts beyond the first of a message, and those for messages that were never accepted.
    pub(crate) surplus_verdicts: u64,
    /// Reported as dropped (never sent), and arrived.
    pub(crate) dropped_but_arrived: u64,
    /// Arrivals of what was never accepted.
    pub(crate) strangers: u64,
    /// Whether duplicates break the promise.
    pub(crate) once_at_most: bool,
}

/// What is known of one message.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    /// Its place in the order of acceptance.
    place: usize,
    verdict: Option<Verdict>,
    arrivals: u64,
}

impl Evidence {
    /// Judges it.
    pub(crate) fn judge(&self) -> Judgement {
        let mut judgement = Judgement {
            sent: self.accepted.len() as u64,
            once_at_most: self.delivery != Delivery::AtLeastOnce,
            ..Judgement::default()
        };
        let mut fates: BTreeMap<u64, Fate> = BTreeMap::new();
        for (place, number) in self.accepted.iter().enumerate() {
            fates.insert(*number, Fate { place, ..Fate::default() });
        }
        self.hear_the_client(&mut fates, &mut judgement);
        self.hear_the_server(&mut fates, &mut judgement);
        for fate in fates.values() {
            match (fate.verdict, fate.arrivals) {
                (None, arrivals) => {
                    judgement.unsettled += 1;
                    judgement.lost += u64::from(arrivals == 0);
                }
                (Some(Verdict::Confirmed | Verdict::Written), 0) => judgement.lost += 1,
                (Some(Verdict::Dropped(_)), 1..) => judgement.dropped_but_arrived += 1,
                (Some(_), _) => {}
            }
        }
        judgement
    }

    fn hear_the_client(&self, fates: &mut BTreeMap<u64, Fate>, judgement: &mut Judgement) {
        for (number, verdict) in &self.verdicts {
            match fates.get_mut(number) {
                Some(fate) if fate.verdict.is_none() => fate.verdict = Some(*verdict),
                Some(_) | None => {
                    judgement.surplus_verdicts += 1;
                    continue;
                }
            }
            *match verdict {
                Verdict::Confirmed => &mut judgement.confirmed,
                Verdict::Written => &mut judgement.written,
                Verdict::InDoubt => &mut judgement.in_doubt,
                // What is kept is no longer this process's.
                Verdict::Dropped(_) | Verdict::Kept => &mut judgement.dropped,
            } += 1;
        }
    }

    fn hear_the_server(&self, fates: &mut BTreeMap<u64, Fate>, judgement: &mut Judgement) {
        let mut latest = 0;
        for number in &self.arrivals {
            let Some(fate) = number.as_ref().and_then(|number| fates.get_mut(number)) else {
                judgement.strangers += 1;
                continue;
            };
            fate.arrivals += 1;
            if fate.arrivals > 1 {
                judgement.duplicates += 1;
            } else if fate.place < latest {
                judgement.reordered += 1;
            } else {
                latest = fate.place;
            }
        }
    }
}

impl Judgement {
    /// What speaks against the client; nothing if it kept its promises.
    pub(crate) fn findings(&self) -> Vec<String> {
        let repeated = if self.once_at_most { self.duplicates } else { 0 };
        [
            (self.lost, "lost without a word"),
            (self.reordered, "arrived out of order"),
            (self.unsettled, "accepted, and left without a verdict"),
            (self.surplus_verdicts, "with a verdict too many"),
            (repeated, "arrived twice, though at most once was asked"),
            (self.dropped_but_arrived, "reported as dropped, and arrived"),
            (self.strangers, "arrived that were never accepted"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", messages(number)))
        .collect()
    }

    /// Whether the client kept its promises.
    pub(crate) fn is_good(&self) -> bool {
        self.findings().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use steadfast_core::Dropped;

    use super::*;
    use crate::exit::Exit;

    /// Five messages, all confirmed, all arrived in order, 3 and 4 a second time.
    fn honest() -> Evidence {
        Evidence {
            delivery: Delivery::AtLeastOnce,
            accepted: (1..=5).collect(),
            verdicts: (1..=5).map(|number| (number, Verdict::Confirmed)).collect(),
            arrivals: [1, 2, 3, 4, 3, 4, 5].map(Some).to_vec(),
        }
    }

    fn refused(evidence: &Evidence) -> Judgement {
        let judgement = evidence.judge();
        assert!(!judgement.is_good(), "{judgement:?}");
        assert_eq!(Exit::from_judgement(judgement.is_good()), Exit::Failed);
        judgement
    }

    #[test]
    fn an_honest_record_is_good_and_repeats_are_not_out_of_order() {
        let judgement = honest().judge();
        assert!(judgement.is_good(), "{judgement:?}");
        assert_eq!(Exit::from_judgement(judgement.is_good()), Exit::Good);
        assert_eq!((judgement.sent, judgement.confirmed, judgement.duplicates), (5, 5, 2));
    }

    #[test]
    fn a_confirmed_message_that_never_arrived_is_lost() {
        let mut evidence = honest();
        evidence.arrivals.retain(|number| *number != Some(2));
        assert_eq!(refused(&evidence).lost, 1);
    }

    #[test]
    fn a_written_message_that_never_arrived_is_lost() {
        let mut evidence = honest();
        evidence.verdicts[4].1 = Verdict::Written;
        evidence.arrivals.pop();
        assert_eq!(refused(&evidence).lost, 1);
    }

    #[test]
    fn a_message_in_doubt_or_dropped_that_never_arrived_is_not_lost() {
        for verdict in [Verdict::InDoubt, Verdict::Dropped(Dropped::Stopped)] {
            let mut evidence = honest();
            evidence.verdicts[4].1 = verdict;
            evidence.arrivals.pop();
            let judgement = evidence.judge();
            assert!(judgement.is_good(), "{judgement:?}");
            assert_eq!(judgement.lost, 0);
        }
    }

    #[test]
    fn a_message_in_doubt_may_have_arrived() {
        let mut evidence = honest();
        evidence.verdicts[0].1 = Verdict::InDoubt;
        assert!(evidence.judge().is_good());
    }

    #[test]
    fn a_dropped_message_may_not_have_arrived() {
        let mut evidence = honest();
        evidence.verdicts[0].1 = Verdict::Dropped(Dropped::ConnectionLost);
        assert_eq!(refused(&evidence).dropped_but_arrived, 1);
    }

    #[test]
    fn first_arrivals_out_of_order_are_found() {
        let mut evidence = honest();
        evidence.arrivals = [2, 1, 3, 5, 4].map(Some).to_vec();
        assert_eq!(refused(&evidence).reordered, 2);
    }

    #[test]
    fn the_order_is_that_of_acceptance_not_of_the_numbers() {
        let mut evidence = honest();
        evidence.accepted.reverse();
        assert!(refused(&evidence).reordered > 0);
        evidence.arrivals.reverse();
        assert!(evidence.judge().is_good());
    }

    #[test]
    fn a_missing_verdict_is_found_even_if_the_message_arrived() {
        let mut evidence = honest();
        evidence.verdicts.pop();
        let judgement = refused(&evidence);
        assert_eq!((judgement.unsettled, judgement.lost), (1, 0));
        evidence.arrivals.pop();
        let judgement = refused(&evidence);
        assert_eq!((judgement.unsettled, judgement.lost), (1, 1));
    }

    #[test]
    fn a_second_verdict_is_found_and_so_is_one_for_a_message_that_never_was() {
        for surplus in [(3, Verdict::Confirmed), (3, Verdict::InDoubt), (99, Verdict::Confirmed)] {
            let mut evidence = honest();
            evidence.verdicts.push(surplus);
            let judgement = refused(&evidence);
            assert_eq!((judgement.surplus_verdicts, judgement.confirmed), (1, 5));
        }
    }

    #[test]
    fn a_repeat_is_a_finding_unless_at_least_once_was_asked() {
        for delivery in [Delivery::AtMostOnce, Delivery::Volatile] {
            assert_eq!(refused(&Evidence { delivery, ..honest() }).duplicates, 2);
        }
    }

    #[test]
    fn an_arrival_of_what_was_never_accepted_is_found() {
        for stranger in [None, Some(77)] {
            let mut evidence = honest();
            evidence.arrivals.push(stranger);
            assert_eq!(refused(&evidence).strangers, 1);
        }
    }
}
