//! What was said and what arrived, judged.

use std::{collections::BTreeSet, fmt};

/// One life of the process.
pub(crate) struct Life {
    /// What it said.
    pub(crate) lines: Vec<Line>,
    /// What the server got from it, in order.
    pub(crate) arrived: Vec<u64>,
}

/// Something that the process said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Line {
    Restored(u64),
    Send(u64),
    Accepted(u64),
    Confirmed(u64),
}

impl Line {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (what, number) = line.split_once(' ')?;
        let number = number.parse().ok()?;
        Some(match what {
            "restored" => Self::Restored(number),
            "send" => Self::Send(number),
            "accepted" => Self::Accepted(number),
            "confirmed" => Self::Confirmed(number),
            _ => return None,
        })
    }

    pub(crate) const fn sent(&self) -> Option<u64> {
        match self {
            Self::Send(number) => Some(*number),
            Self::Restored(_) | Self::Accepted(_) | Self::Confirmed(_) => None,
        }
    }
}

/// What all of it comes to.
pub(crate) struct Sum {
    pub(crate) accepted: u64,
    arrived: usize,
    twice: usize,
    restored: usize,
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, arrived, twice, restored } = self;
        write!(f, "{accepted} accepted, {arrived} arrived, {twice} of them again, {restored} restored, none lost")
    }
}

/// # Panics
/// If something durable was lost, went out of order, or came twice without having been in doubt.
pub(crate) fn judge(lives: &[Life]) -> Sum {
    let mut seen = BTreeSet::new();
    // Told to be confirmed, and since then not in the store that a process found: gone for good.
    let mut done: BTreeSet<u64> = BTreeSet::new();
    let mut sum = Sum { accepted: 0, arrived: 0, twice: 0, restored: 0 };
    for (index, life) in lives.iter().enumerate() {
        let said = |of: fn(&Line) -> Option<u64>| life.lines.iter().filter_map(of).collect::<Vec<u64>>();
        let restored = said(|line| if let Line::Restored(number) = line { Some(*number) } else { None });
        let confirmed = said(|line| if let Line::Confirmed(number) = line { Some(*number) } else { None });
        assert!(restored.is_sorted_by(|a, b| a < b), "life {index} found its store out of order: {restored:?}");
        assert!(life.arrived.is_sorted_by(|a, b| a < b), "life {index} sent out of order: {:?}", life.arrived);
        sum.restored += restored.len();
        let restored: BTreeSet<u64> = restored.into_iter().collect();
        // The process before this one may have died before its store forgot what it had told.
        if let Some(before) = index.checked_sub(1).map(|before| &lives[before]) {
            done.extend(before.lines.iter().filter_map(|line| match line {
                Line::Confirmed(number) if !restored.contains(number) => Some(*number),
                _ => None,
            }));
        }
        if let Some(again) = restored.intersection(&done).next() {
            panic!("{again} was confirmed and forgotten, and life {index} found it in its store");
        }
        for number in &life.arrived {
            sum.arrived += 1;
            let newest = seen.last().copied();
            if !seen.insert(*number) {
                sum.twice += 1;
                assert!(restored.contains(number), "{number} came again in life {index}, and was not in doubt");
            } else if let Some(newest) = newest {
                assert!(*number > newest, "{number} came in life {index}, after {newest}");
            }
        }
        for number in &confirmed {
            assert!(life.arrived.contains(number), "{number} was confirmed in life {index}, and did not arrive");
        }
    }
    for line in lives.iter().flat_map(|life| &life.lines) {
        if let Line::Accepted(number) = line {
            sum.accepted += 1;
            assert!(seen.contains(number), "{number} was accepted, and is lost: {sum}");
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(said: &[&str], arrived: &[u64]) -> Life {
        let lines = said.iter().map(|line| Line::parse(line).expect("a line")).collect();
        Life { lines, arrived: arrived.to_vec() }
    }

    #[test]
    fn what_was_in_doubt_may_come_twice() {
        let sum = judge(&[life(&["accepted 1"], &[1]), life(&["restored 1"], &[1])]);
        assert_eq!((sum.twice, sum.accepted), (1, 1));
    }

    #[test]
    #[should_panic(expected = "is lost")]
    fn what_was_accepted_and_did_not_arrive_is_found() {
        judge(&[life(&["accepted 1", "accepted 2"], &[1])]);
    }

    #[test]
    #[should_panic(expected = "was not in doubt")]
    fn what_comes_twice_and_was_not_in_doubt_is_found() {
        judge(&[life(&["accepted 1", "confirmed 1"], &[1]), life(&[], &[1])]);
    }

    #[test]
    #[should_panic(expected = "was confirmed and forgotten")]
    fn what_comes_back_after_it_was_forgotten_is_found() {
        judge(&[life(&["accepted 1", "confirmed 1"], &[1]), life(&[], &[]), life(&["restored 1"], &[1])]);
    }

    #[test]
    #[should_panic(expected = "after 2")]
    fn what_overtakes_over_a_crash_is_found() {
        judge(&[life(&["accepted 1", "accepted 2"], &[2]), life(&["restored 1"], &[1])]);
    }

    #[test]
    #[should_panic(expected = "out of order")]
    fn what_overtakes_within_a_life_is_found() {
        judge(&[life(&["accepted 1", "accepted 2"], &[2, 1])]);
    }
}
