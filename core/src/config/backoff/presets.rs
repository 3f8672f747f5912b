//! Backoff policies as others have them, under their field names.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Backoff, CountedFrom, Jitter, Schedule};

/// The policies that people migrate from, each formula exactly. None resets earlier than
/// [`stable_after`](crate::config::Settings::stable_after), whatever the original does.
impl Backoff {
    /// `min(1 s · 2ⁿ, 30 s)`, then ±5 %.
    #[must_use]
    pub fn proportional_jitter() -> Self {
        Self { jitter: Jitter::Proportional { below_ppm: 50_000, above_ppm: 50_000 }, ..doubling(capped()) }
    }

    /// `min(1 s · 2ⁿ + uniform 0…1 s, 30 s)`, 10 attempts. From the sixth delay on there is no jitter left.
    #[must_use]
    pub fn additive_jitter() -> Self {
        Self {
            jitter: Jitter::Additive { max: Duration::from_secs(1) },
            limit: capped(),
            max_attempts: Some(10),
            ..doubling(None)
        }
    }

    /// `min(2ⁿ s, 30 s)`, then 0 to 30 % more.
    #[must_use]
    pub fn upward_jitter() -> Self {
        Self { jitter: Jitter::Proportional { below_ppm: 0, above_ppm: 300_000 }, ..doubling(capped()) }
    }

    /// `1 s · (n + 1)`, 5 attempts, no jitter.
    #[must_use]
    pub fn linear() -> Self {
        let schedule = Schedule::Linear { step: Duration::from_secs(1), cap: None };
        Self { max_attempts: Some(5), ..unjittered(schedule) }
    }

    /// `1 s · 2ⁿ`, 5 attempts, no jitter.
    #[must_use]
    pub fn plain_exponential() -> Self {
        Self { max_attempts: Some(5), ..doubling(None) }
    }

    /// 3 s each time, no jitter.
    #[must_use]
    pub fn fixed() -> Self {
        unjittered(Schedule::Fixed { delay: Duration::from_secs(3) })
    }

    /// 0, 2, 10 and 30 s, then no more (as `SignalR` does).
    #[must_use]
    pub fn list() -> Self {
        let delays: Vec<_> = [0, 2, 10, 30].into_iter().map(Duration::from_secs).collect();
        unjittered(Schedule::List { delays })
    }

    /// Centrifugo's: `min(20 s, 0.5 s + uniform 0…min(20 s, 0.5 s · 2ⁿ))`.
    #[must_use]
    pub fn centrifugo() -> Self {
        let (least, most) = (Duration::from_millis(500), Duration::from_secs(20));
        Self {
            jitter: Jitter::Full { floor: Duration::ZERO },
            offset: least,
            limit: Some(most),
            ..unjittered(Schedule::Exponential { base: least, factor_ppm: 2_000_000, cap: Some(most) })
        }
    }

    /// gRPC's: `1 s · 1.6ⁿ`, at most 120 s, ±20 %, counted from the attempt's start.
    #[must_use]
    pub fn grpc() -> Self {
        Self {
            jitter: Jitter::Proportional { below_ppm: 200_000, above_ppm: 200_000 },
            counted_from: CountedFrom::AttemptStart,
            ..unjittered(Schedule::Exponential {
                base: Duration::from_secs(1),
                factor_ppm: 1_600_000,
                cap: Some(Duration::from_mins(2)),
            })
        }
    }
}

/// The schedule and nothing else.
fn unjittered(schedule: Schedule) -> Backoff {
    Backoff { schedule, keep_pace_ppm: 0, jitter: Jitter::None, first: None, ..Backoff::default() }
}

fn doubling(cap: Option<Duration>) -> Backoff {
    unjittered(Schedule::Exponential { base: Duration::from_secs(1), factor_ppm: 2_000_000, cap })
}

#[expect(clippy::unnecessary_wraps, reason = "it is used where a cap is optional")]
const fn capped() -> Option<Duration> {
    Some(Duration::from_secs(30))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    const SECOND: u64 = 1_000_000;

    /// The least and the most of many draws of the n-th delay, in microseconds; `None` after the last attempt.
    fn range(backoff: &Backoff, n: u32) -> Option<(u64, u64)> {
        let mut rng = Rng::new(42);
        (0..3_000)
            .map(|_| backoff.delay(n, Duration::ZERO, Duration::from_hours(1), &mut rng).map(crate::time::micros))
            .try_fold((u64::MAX, 0), |(least, most), draw| draw.map(|draw| (least.min(draw), most.max(draw))))
    }

    /// The draws of the n-th delay stay within `low..=high` and come within 1 % of the range of both ends.
    fn assert_meets(backoff: &Backoff, n: u32, low: u64, high: u64) {
        let (least, most) = range(backoff, n).expect("the policy still tries");
        let near = (high - low) / 100;
        assert!((low..=low + near).contains(&least), "n = {n}: least {least}, expected {low}");
        assert!((high - near..=high).contains(&most), "n = {n}: most {most}, expected {high}");
    }

    fn attempts(backoff: &Backoff) -> usize {
        backoff.delays(1).take(100_000).count()
    }

    #[test]
    fn proportional_jitter_reproduces_its_formula() {
        let backoff = Backoff::proportional_jitter();
        for n in (0..40).chain([u32::MAX]) {
            let delay = (SECOND << n.min(20)).min(30 * SECOND);
            assert_meets(&backoff, n, delay * 95 / 100, delay * 105 / 100);
        }
        assert_eq!(attempts(&backoff), 100_000);
    }

    #[test]
    fn additive_jitter_reproduces_its_formula() {
        let backoff = Backoff::additive_jitter();
        for n in 0..10 {
            let delay = SECOND << n;
            assert_meets(&backoff, n, delay.min(30 * SECOND), (delay + SECOND).min(30 * SECOND));
        }
        assert_eq!(attempts(&backoff), 10);
        assert_eq!(range(&backoff, 10), None);
    }

    #[test]
    fn upward_jitter_reproduces_its_formula() {
        let backoff = Backoff::upward_jitter();
        for n in (0..40).chain([u32::MAX]) {
            let delay = (SECOND << n.min(20)).min(30 * SECOND);
            assert_meets(&backoff, n, delay, delay * 130 / 100);
        }
        assert_eq!(attempts(&backoff), 100_000);
    }

    #[test]
    fn linear_reproduces_its_formula() {
        let seconds: Vec<_> = Backoff::linear().delays(1).collect();
        assert_eq!(seconds, [1, 2, 3, 4, 5].map(Duration::from_secs));
    }

    #[test]
    fn plain_exponential_reproduces_its_formula() {
        let seconds: Vec<_> = Backoff::plain_exponential().delays(1).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16].map(Duration::from_secs));
    }

    #[test]
    fn fixed_reproduces_its_formula() {
        let backoff = Backoff::fixed();
        assert!(backoff.delays(1).take(1_000).all(|delay| delay == Duration::from_secs(3)));
        assert_eq!(attempts(&backoff), 100_000);
    }

    #[test]
    fn list_reproduces_its_formula() {
        let seconds: Vec<_> = Backoff::list().delays(1).collect();
        assert_eq!(seconds, [0, 2, 10, 30].map(Duration::from_secs));
    }

    #[test]
    fn centrifugo_reproduces_its_formula() {
        let backoff = Backoff::centrifugo();
        for n in (0..40).chain([u32::MAX]) {
            let range = ((SECOND / 2) << n.min(20)).min(20 * SECOND);
            assert_meets(&backoff, n, SECOND / 2, (SECOND / 2 + range).min(20 * SECOND));
        }
        assert_eq!(attempts(&backoff), 100_000);
    }

    #[test]
    fn grpc_reproduces_its_formula() {
        let backoff = Backoff::grpc();
        for n in (0..20_u32).chain([u32::MAX]) {
            let grown = u128::from(SECOND) * 8_u128.pow(n.min(20)) / 5_u128.pow(n.min(20));
            let delay = u64::try_from(grown).expect("1.6²⁰ s in µs fit").min(120 * SECOND);
            assert_meets(&backoff, n, delay * 80 / 100, delay * 120 / 100);
        }
        assert_eq!(attempts(&backoff), 100_000);
        assert_eq!(backoff.counted_from, CountedFrom::AttemptStart);
    }
}
