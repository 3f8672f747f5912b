//! How long to wait before each attempt: schedule, jitter, limits; in whole microseconds and parts per million.

#[cfg(feature = "serde")]
mod form;
mod growth;
mod presets;

use alloc::vec::Vec;
use core::{iter, time::Duration};

use crate::{rng::Rng, time::micros};

/// How long to wait before each attempt.
///
/// The n-th delay in a row (n = 0, 1, 2 …) is the [`schedule`](Self::schedule)'s n-th, jittered, plus the
/// [`offset`](Self::offset). Jitter comes after the schedule's cap, so that late attempts stay spread.
///
/// The default: 500 ms doubling up to 30 s, at least half of the time since the first failure, full jitter with a floor
/// of 100 ms, the first retry between 100 ms and 1 s, attempts without limit. gRPC and Centrifugo begin and grow so; the
/// jitter keeps the clients of a restarted server from coming back as one.
///
/// ```
/// use core::time::Duration;
/// use steadfast_core::config::{Backoff, Schedule};
///
/// let mut backoff = Backoff::plain_exponential();
/// backoff.schedule = Schedule::Exponential { base: Duration::from_secs(1), factor_ppm: 3_000_000, cap: None };
/// let seconds: Vec<u64> = backoff.delays(0).map(|delay| delay.as_secs()).collect();
/// assert_eq!(seconds, [1, 3, 9, 27, 81]);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct Backoff {
    /// How the delay grows. 500 ms doubling up to 30 s.
    pub schedule: Schedule,
    /// The schedule's delay is at least this share of the time since the first failure in the row, in parts per million,
    /// within the schedule's cap. 500,000; 0: not; at most 1,000,000. Attempts that hang are few, so that a schedule that
    /// counts them is still short when an outage is long, and the clients of one server come back as one. Only schedules
    /// that grow, exponential and linear ones, keep pace.
    pub keep_pace_ppm: u32,
    /// How chance changes it. Full, with a floor of 100 ms.
    pub jitter: Jitter,
    /// If set, the first delay is uniform between these two instead of what schedule and jitter give. 100 ms to 1 s: most
    /// losses are short, but not even the first retry of a whole fleet may come at once.
    #[cfg_attr(feature = "serde", serde(with = "super::form::table_or_off"))]
    pub first: Option<FirstDelay>,
    /// Added to each delay after jitter. 0; at most a day.
    #[cfg_attr(feature = "serde", serde(with = "super::human"))]
    pub offset: Duration,
    /// If set, no delay is longer than this, whatever jitter and offset make of it. Late delays then bunch at the limit,
    /// so the default is `None`. 1 ms to a day.
    #[cfg_attr(feature = "serde", serde(with = "super::human::option"))]
    pub limit: Option<Duration>,
    /// How many attempts in a row may follow a failure before the session gives up; `None`, the default: any number.
    /// With 0 the first failure is final.
    pub max_attempts: Option<u32>,
    /// How long after the first failure in a row another attempt may begin; `None`, the default: for ever. 1 ms to
    /// 365 days.
    #[cfg_attr(feature = "serde", serde(with = "super::human::option"))]
    pub max_elapsed: Option<Duration>,
    /// From when the delay counts. From the failure.
    pub counted_from: CountedFrom,
}

/// How the delay grows with the number n of delays in a row before it (n = 0, 1, 2 …). In configuration files it is a
/// table with `kind = "exponential"` and so on; there, `cap = "off"` is none, and what is missing of kind, base, factor
/// and cap is as in the default.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "form::ScheduleForm", into = "form::ScheduleForm")
)]
pub enum Schedule {
    /// `base · factorⁿ`, at most `cap`, to the nearest microsecond.
    Exponential {
        /// The delay at n = 0. 1 ms to a day.
        base: Duration,
        /// The factor in parts per million: 2,000,000 doubles. 1,000,000 (no growth) to 1,000,000,000.
        factor_ppm: u32,
        /// Where growth ends; `None`: nowhere. From `base` to a day.
        cap: Option<Duration>,
    },
    /// `step · (n + 1)`, at most `cap`.
    Linear {
        /// What each delay adds. 1 ms to a day.
        step: Duration,
        /// Where growth ends; `None`: nowhere. From `step` to a day.
        cap: Option<Duration>,
    },
    /// The same delay each time.
    Fixed {
        /// The delay. 1 ms to a day.
        delay: Duration,
    },
    /// These delays in this order; after the last one the session gives up.
    List {
        /// The delays: at least one, each at most a day. A zero is allowed, as the list ends.
        delays: Vec<Duration>,
    },
}

/// How chance changes the delay d of the schedule. Every range includes both its ends. In configuration files it is a
/// table with `kind = "full"` and so on; there, the kind and its floor may be missing, as may either proportion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "form::JitterForm", into = "form::JitterForm")
)]
pub enum Jitter {
    /// Not at all.
    None,
    /// Uniform from `floor` to d: the widest spread. `floor` itself where d is shorter.
    Full {
        /// The least delay. At most the schedule's longest delay.
        floor: Duration,
    },
    /// Uniform from half of d to d.
    Equal,
    /// Uniform from `below` under d to `above` over it.
    Proportional {
        /// In parts per million of d: 50,000 is 5 %. At most 1,000,000.
        below_ppm: u32,
        /// In parts per million of d. At most 10,000,000.
        above_ppm: u32,
    },
    /// d plus a uniform share of `max`.
    Additive {
        /// The most that is added. At most a day.
        max: Duration,
    },
    /// Uniform from `base` to three times the previous delay (at first, to three times `base`), at most `cap`. It takes
    /// the schedule's place; of the schedule only a list's end counts. The cap cuts the range, not the draw, so that
    /// late delays do not bunch at it.
    Decorrelated {
        /// The least delay. 1 ms to a day.
        base: Duration,
        /// The longest delay. From `base` to a day.
        cap: Duration,
    },
}

/// The range of the first delay after a connection that was stable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct FirstDelay {
    /// The least. 100 ms; from zero to `max`.
    #[cfg_attr(feature = "serde", serde(with = "super::human"))]
    pub min: Duration,
    /// The most. 1 s; at most a day.
    #[cfg_attr(feature = "serde", serde(with = "super::human"))]
    pub max: Duration,
}

/// From when a delay counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum CountedFrom {
    /// From the failure of the attempt or the loss of the connection.
    #[default]
    Failure,
    /// From the start of the last attempt, as gRPC counts: what the attempt took is not waited again.
    AttemptStart,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            keep_pace_ppm: 500_000,
            jitter: Jitter::default(),
            first: Some(FirstDelay::default()),
            offset: Duration::ZERO,
            limit: None,
            max_attempts: None,
            max_elapsed: None,
            counted_from: CountedFrom::default(),
        }
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::Exponential {
            base: Self::DEFAULT_BASE,
            factor_ppm: Self::DEFAULT_FACTOR_PPM,
            cap: Some(Self::DEFAULT_CAP),
        }
    }
}

impl Default for Jitter {
    fn default() -> Self {
        Self::Full { floor: Self::DEFAULT_FLOOR }
    }
}

impl Default for FirstDelay {
    fn default() -> Self {
        Self { min: Duration::from_millis(100), max: Duration::from_secs(1) }
    }
}

impl Backoff {
    /// The delays that this policy gives in a row of attempts that fail at once, for a look at it; a session draws its
    /// own. Ends where the policy gives up by the number of attempts or by the end of its list;
    /// [`max_elapsed`](Self::max_elapsed) is not judged, as it depends on how long attempts take.
    pub fn delays(&self, seed: u64) -> impl Iterator<Item = Duration> {
        let mut rng = Rng::new(seed);
        let mut previous = Duration::ZERO;
        let mut elapsed = Duration::ZERO;
        let mut count = 0_u32;
        iter::from_fn(move || {
            let delay = self.delay(count, previous, elapsed, &mut rng)?;
            elapsed = elapsed.saturating_add(delay);
            count = count.saturating_add(1);
            previous = delay;
            Some(delay)
        })
    }

    /// The delay after `n` delays in a row, the last of which was `previous`, `elapsed` after the first failure; `None`
    /// when the policy gives up.
    pub(crate) fn delay(&self, n: u32, previous: Duration, elapsed: Duration, rng: &mut Rng) -> Option<Duration> {
        if self.max_attempts.is_some_and(|max| n >= max) {
            return None;
        }
        let scheduled = self.schedule.nth(n, growth::share(micros(elapsed), self.keep_pace_ppm))?;
        let jittered = match self.first {
            Some(first) if n == 0 => rng.between(micros(first.min), micros(first.max)),
            _ => self.jitter.apply(scheduled, micros(previous), rng),
        };
        let delay = jittered.saturating_add(micros(self.offset));
        Some(Duration::from_micros(self.limit.map_or(delay, |limit| delay.min(micros(limit)))))
    }
}

impl Schedule {
    const DEFAULT_BASE: Duration = Duration::from_millis(500);
    const DEFAULT_FACTOR_PPM: u32 = 2_000_000;
    const DEFAULT_CAP: Duration = Duration::from_secs(30);

    /// The n-th delay in microseconds, of one that grows at least `pace` within its cap; `None` past the end of a list.
    fn nth(&self, n: u32, pace: u64) -> Option<u64> {
        let (delay, cap) = match self {
            Self::Exponential { base, factor_ppm, cap } => {
                (growth::exponential(micros(*base), *factor_ppm, n).max(pace), *cap)
            }
            Self::Linear { step, cap } => (micros(*step).saturating_mul(u64::from(n) + 1).max(pace), *cap),
            Self::Fixed { delay } => (micros(*delay), None),
            Self::List { delays } => (micros(*delays.get(usize::try_from(n).ok()?)?), None),
        };
        Some(cap.map_or(delay, |cap| delay.min(micros(cap))))
    }

    /// No delay of the schedule is longer than this; `None` where it grows without end.
    pub(super) fn longest(&self) -> Option<Duration> {
        match self {
            Self::Exponential { cap, .. } | Self::Linear { cap, .. } => *cap,
            Self::Fixed { delay } => Some(*delay),
            Self::List { delays } => delays.iter().max().copied(),
        }
    }
}

impl Jitter {
    const DEFAULT_FLOOR: Duration = Duration::from_millis(100);

    /// A draw around `delay`, all in microseconds.
    fn apply(self, delay: u64, previous: u64, rng: &mut Rng) -> u64 {
        match self {
            Self::None => delay,
            Self::Full { floor } => rng.between(micros(floor), delay),
            Self::Equal => rng.between(delay / 2, delay),
            Self::Proportional { below_ppm, above_ppm } => rng.between(
                delay.saturating_sub(growth::share(delay, below_ppm)),
                delay.saturating_add(growth::share(delay, above_ppm)),
            ),
            Self::Additive { max } => rng.between(delay, delay.saturating_add(micros(max))),
            Self::Decorrelated { base, cap } => {
                let base = micros(base);
                rng.between(base, previous.max(base).saturating_mul(3).min(micros(cap)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u64 = 4_000;

    fn drawn(jitter: Jitter, delay: u64, previous: u64) -> (u64, u64) {
        let mut rng = Rng::new(11);
        let draws = (0..DRAWS).map(|_| jitter.apply(delay, previous, &mut rng));
        draws.fold((u64::MAX, 0), |(least, most), draw| (least.min(draw), most.max(draw)))
    }

    #[test]
    fn no_jitter_leaves_the_delay_alone() {
        assert_eq!(drawn(Jitter::None, 100, 0), (100, 100));
    }

    #[test]
    fn full_jitter_is_met_from_floor_to_delay() {
        assert_eq!(drawn(Jitter::Full { floor: Duration::from_micros(10) }, 100, 0), (10, 100));
    }

    #[test]
    fn full_jitter_never_goes_below_its_floor() {
        assert_eq!(drawn(Jitter::Full { floor: Duration::from_micros(200) }, 100, 0), (200, 200));
    }

    #[test]
    fn equal_jitter_is_met_from_half_to_the_whole() {
        assert_eq!(drawn(Jitter::Equal, 100, 0), (50, 100));
    }

    #[test]
    fn decorrelated_jitter_is_met_from_base_to_three_times_the_previous() {
        let jitter = Jitter::Decorrelated { base: Duration::from_micros(10), cap: Duration::from_micros(90) };
        assert_eq!(drawn(jitter, 7, 0), (10, 30));
        assert_eq!(drawn(jitter, 7, 20), (10, 60));
        assert_eq!(drawn(jitter, 7, 80), (10, 90));
    }

    #[test]
    fn decorrelated_jitter_does_not_bunch_at_its_cap() {
        let jitter = Jitter::Decorrelated { base: Duration::from_millis(1), cap: Duration::from_secs(1) };
        let backoff = Backoff { jitter, first: None, ..Backoff::default() };
        assert!(backoff.delays(5).skip(20).take(2_000).filter(|delay| *delay == Duration::from_secs(1)).count() < 3);
    }

    #[test]
    fn the_default_meets_its_bounds_and_never_leaves_them() {
        let backoff = Backoff::default();
        let bounds = |n| {
            let mut rng = Rng::new(3);
            let draws = (0..DRAWS)
                .map(|_| backoff.delay(n, Duration::ZERO, Duration::ZERO, &mut rng).expect("attempts are unlimited"));
            draws.fold((Duration::MAX, Duration::ZERO), |(least, most), draw| (least.min(draw), most.max(draw)))
        };
        for (n, most_ms) in [(0, 1_000), (1, 1_000), (2, 2_000), (5, 16_000), (6, 30_000), (u32::MAX, 30_000)] {
            let (least, most) = bounds(n);
            assert!((Duration::from_millis(100)..Duration::from_millis(100 + most_ms / 100)).contains(&least));
            assert!((Duration::from_millis(most_ms * 99 / 100)..=Duration::from_millis(most_ms)).contains(&most));
        }
    }

    #[test]
    fn the_default_keeps_pace_with_an_outage_whose_attempts_hang() {
        let longest = |elapsed| {
            let mut rng = Rng::new(3);
            let draw = |_| Backoff::default().delay(1, Duration::ZERO, elapsed, &mut rng);
            (0..DRAWS).filter_map(draw).max().expect("attempts are unlimited")
        };
        for (elapsed, most_ms) in [(1, 1_000), (20, 10_000), (60, 30_000), (3_600, 30_000)] {
            let most = longest(Duration::from_secs(elapsed));
            assert!((Duration::from_millis(most_ms * 99 / 100)..=Duration::from_millis(most_ms)).contains(&most));
        }
    }

    #[test]
    fn only_what_grows_keeps_pace() {
        let day = Duration::from_hours(24);
        let mut rng = Rng::new(1);
        let mut delay = |schedule| {
            let backoff = Backoff { schedule, jitter: Jitter::None, ..Backoff::default() };
            backoff.delay(1, Duration::ZERO, day, &mut rng).expect("there are two")
        };
        let second = Duration::from_secs(1);
        assert_eq!(delay(Schedule::Linear { step: second, cap: None }), day / 2);
        assert_eq!(delay(Schedule::Fixed { delay: second }), second);
        assert_eq!(delay(Schedule::List { delays: [second; 2].into() }), second);
    }

    #[test]
    fn offset_comes_after_jitter_and_limit_after_both() {
        let backoff = Backoff {
            schedule: Schedule::Fixed { delay: Duration::from_secs(3) },
            jitter: Jitter::None,
            first: None,
            offset: Duration::from_secs(2),
            ..Backoff::default()
        };
        assert_eq!(backoff.delays(0).next(), Some(Duration::from_secs(5)));
        let limited = Backoff { limit: Some(Duration::from_secs(4)), ..backoff };
        assert_eq!(limited.delays(0).next(), Some(Duration::from_secs(4)));
    }

    #[test]
    fn no_attempts_allowed_gives_no_delay() {
        assert_eq!(Backoff { max_attempts: Some(0), ..Backoff::default() }.delays(0).count(), 0);
    }

    #[test]
    fn every_schedule_survives_the_largest_count() {
        let hour = Duration::from_hours(1);
        let nth = |schedule: Schedule| schedule.nth(u32::MAX, 0);
        assert_eq!(nth(Schedule::Exponential { base: hour, factor_ppm: 2_000_000, cap: None }), Some(u64::MAX));
        assert_eq!(nth(Schedule::Linear { step: hour, cap: None }), Some(3_600_000_000 << 32));
        assert_eq!(nth(Schedule::Linear { step: Duration::MAX, cap: Some(hour) }), Some(3_600_000_000));
        assert_eq!(nth(Schedule::List { delays: [hour].into() }), None);
    }

    #[test]
    fn a_policy_is_seen_alike_from_the_same_seed() {
        let backoff = Backoff::default();
        assert!(backoff.delays(9).take(50).eq(backoff.delays(9).take(50)));
        assert!(!backoff.delays(9).take(50).eq(backoff.delays(10).take(50)));
    }
}
