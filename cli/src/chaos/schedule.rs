//! When which fault comes: endless, and the same for the same seed.

use std::{ops::Range, time::Duration};

use super::fault::Fault;

/// One entry of a schedule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    /// How long a connection is left in peace first.
    pub(crate) calm: Duration,
    /// What happens then.
    pub(crate) fault: Fault,
}

/// A seeded, endless sequence of faults. Every round brings each kind once, in an order of its own.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    kinds: Vec<Fault>,
    /// Milliseconds.
    calm: Range<u64>,
    random: SplitMix64,
    round: Vec<Fault>,
}

impl Schedule {
    /// A schedule of these faults, with a calm from this range of milliseconds before each.
    pub(crate) fn new(seed: u64, kinds: &[Fault], calm: Range<u64>) -> Self {
        Self { kinds: kinds.to_vec(), calm, random: SplitMix64(seed), round: Vec::new() }
    }

    /// The schedule of a show of this length: every kind if there is time for all, else the cheapest, at least five.
    pub(crate) fn for_show(seed: u64, length: Duration) -> Self {
        let calm = if length < Duration::from_secs(10) { 150..300 } else { 400..900 };
        let mean = Duration::from_millis(u64::midpoint(calm.start, calm.end));
        let mut planned = Duration::ZERO;
        let fitting = Fault::ALL
            .iter()
            .take_while(|fault| {
                planned += fault.cost() + mean;
                planned <= length
            })
            .count();
        Self::new(seed, &Fault::ALL[..fitting.max(LEAST_KINDS)], calm)
    }
}

impl Iterator for Schedule {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if self.round.is_empty() {
            self.round.clone_from(&self.kinds);
            self.random.shuffle(&mut self.round);
        }
        let fault = self.round.pop()?;
        Some(Step { calm: Duration::from_millis(self.random.within(&self.calm)), fault })
    }
}

/// `SplitMix64` (Steele, Lea and Flood, 2014): small, and its sequence never changes under us.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of the range; its start if it is empty. The bias of the remainder does not matter here.
    pub(crate) fn within(&mut self, range: &Range<u64>) -> u64 {
        range.start + self.next() % range.end.saturating_sub(range.start).max(1)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.within(&(0..last as u64 + 1))).expect("below the length of a slice");
            items.swap(last, other);
        }
    }
}

/// A show has at least this many kinds of fault, however short it is.
const LEAST_KINDS: usize = 5;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The kinds that come within `length` if every fault costs what it is expected to.
    fn kinds_within(seed: u64, length: Duration) -> BTreeSet<Fault> {
        let mut elapsed = Duration::ZERO;
        Schedule::for_show(seed, length)
            .take_while(|step| {
                elapsed += step.calm + step.fault.cost();
                elapsed <= length
            })
            .map(|step| step.fault)
            .collect()
    }

    #[test]
    fn every_seed_brings_every_kind_in_the_default_length() {
        for seed in 0..1_000 {
            assert_eq!(kinds_within(seed, Duration::from_secs(15)).len(), Fault::ALL.len(), "seed {seed}");
        }
    }

    #[test]
    fn every_seed_brings_at_least_five_kinds_in_four_seconds_or_more() {
        for seconds in [4, 5, 6, 8, 9, 10, 12, 30] {
            for seed in 0..500 {
                let kinds = kinds_within(seed, Duration::from_secs(seconds));
                assert!(kinds.len() >= LEAST_KINDS, "seed {seed}, {seconds} s: {kinds:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_schedule_and_another_seed_another() {
        let faults = |seed| Schedule::for_show(seed, Duration::from_secs(15)).take(50).collect::<Vec<_>>();
        assert_eq!(faults(7), faults(7));
        assert_ne!(faults(7), faults(8));
    }

    #[test]
    fn the_random_sequence_is_pinned() {
        let mut random = SplitMix64(1_234_567);
        // The reference implementation's first three numbers for this seed.
        assert_eq!(
            [random.next(), random.next(), random.next()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn a_schedule_without_faults_is_empty() {
        assert_eq!(Schedule::new(1, &[], 1..2).next(), None);
    }
}
