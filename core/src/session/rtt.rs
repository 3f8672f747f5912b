//! Round-trip times: what the last ones were, and how they are distributed.

use core::time::Duration;

use crate::time::micros;

/// How long pings take to be answered, from their flush to their pong.
///
/// Percentiles come from a histogram and are within 12 % of the exact ones, between 1 µs and 67 s (longer times count
/// as 67 s). After some 65,000 similar samples older ones begin to weigh less. All are `None` before the first sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RttSnapshot {
    /// The last one, exactly.
    pub last: Option<Duration>,
    /// Smoothed as TCP smooths it: each sample counts for an eighth (SRTT, RFC 6298 §2).
    pub smoothed: Option<Duration>,
    /// The shortest since the session was made, exactly.
    pub min: Option<Duration>,
    /// The median.
    pub p50: Option<Duration>,
    /// 95 of 100 took no longer.
    pub p95: Option<Duration>,
    /// 99 of 100 took no longer.
    pub p99: Option<Duration>,
    /// How many were measured.
    pub count: u64,
}

/// The octaves 2² to 2²⁵ µs in four buckets each, and one bucket for each of 0 to 3 µs.
const BUCKETS: usize = 4 * 25;
/// The longest time that has a bucket: 67 s.
const LONGEST: u64 = (1 << 26) - 1;

/// The statistics behind [`RttSnapshot`], in a fixed amount of memory.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Rtt {
    count: u64,
    last: u64,
    min: u64,
    /// SRTT in eighths of a microsecond, so that no fraction is lost (Jacobson, 1988).
    smoothed_eighths: u64,
    #[cfg_attr(feature = "serde", serde(with = "sparse"))]
    buckets: [u16; BUCKETS],
}

// A session at rest fits into 1.5 KiB only if this part stays small.
const _: () = assert!(size_of::<Rtt>() <= 280);

impl Default for Rtt {
    fn default() -> Self {
        Self { count: 0, last: 0, min: u64::MAX, smoothed_eighths: 0, buckets: [0; BUCKETS] }
    }
}

impl Rtt {
    pub(super) fn record(&mut self, round_trip: Duration) {
        // An eighth of the range of 64 bits, 73,000 years, leaves room for the scaled sum.
        let sample = micros(round_trip).min(u64::MAX / 8);
        self.smoothed_eighths = match self.count {
            0 => sample * 8,
            _ => self.smoothed_eighths - self.smoothed_eighths / 8 + sample,
        };
        self.count = self.count.saturating_add(1);
        self.last = sample;
        self.min = self.min.min(sample);
        let bucket = bucket(sample);
        if self.buckets[bucket] == u16::MAX {
            for count in &mut self.buckets {
                *count /= 2;
            }
        }
        self.buckets[bucket] += 1;
    }

    pub(super) fn snapshot(&self) -> RttSnapshot {
        if self.count == 0 {
            return RttSnapshot::default();
        }
        let [p50, p95, p99] = self.percentiles([50, 95, 99]).map(|micros| Some(Duration::from_micros(micros)));
        RttSnapshot {
            last: Some(Duration::from_micros(self.last)),
            smoothed: Some(Duration::from_micros(self.smoothed_eighths / 8)),
            min: Some(Duration::from_micros(self.min)),
            p50,
            p95,
            p99,
            count: self.count,
        }
    }

    /// The nearest-rank percentiles.
    fn percentiles<const N: usize>(&self, percents: [u32; N]) -> [u64; N] {
        let total: u32 = self.buckets.iter().map(|count| u32::from(*count)).sum();
        percents.map(|percent| {
            let rank = (total * percent).div_ceil(100);
            let mut seen = 0;
            let bucket = self.buckets.iter().position(|count| {
                seen += u32::from(*count);
                seen >= rank
            });
            representative(bucket.expect("ranks do not exceed the total")).max(self.min)
        })
    }
}

/// The bucket of a time in microseconds.
const fn bucket(micros: u64) -> usize {
    let micros = if micros < LONGEST { micros } else { LONGEST };
    if micros < 4 {
        return narrow(micros);
    }
    let octave = micros.ilog2();
    let quarter = (micros >> (octave - 2)) & 3;
    narrow(4 * (octave as u64 - 1) + quarter)
}

/// The harmonic mean of a bucket's ends, from which neither end is farther than an eleventh and a bit: a bucket is at
/// most a quarter wider than its lower end, and (b - a) / (b + a) = 0.25 / 2.25.
const fn representative(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 4 {
        return bucket;
    }
    let shift = bucket / 4 - 1;
    let low = (4 + bucket % 4) << shift;
    let high = low + (1 << shift) - 1;
    (2 * low * high + low.midpoint(high)) / (low + high)
}

#[expect(clippy::cast_possible_truncation, reason = "bucket numbers are below 100")]
const fn narrow(number: u64) -> usize {
    number as usize
}

#[cfg(feature = "serde")]
mod sparse {
    //! The buckets that hold something, as a list of `[bucket, count]`.
    use alloc::vec::Vec;

    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::BUCKETS;

    pub(super) fn serialize<S: Serializer>(buckets: &[u16; BUCKETS], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(buckets.iter().enumerate().filter(|(_, count)| **count > 0))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u16; BUCKETS], D::Error> {
        let mut buckets = [0; BUCKETS];
        for (bucket, count) in Vec::<(usize, u16)>::deserialize(deserializer)? {
            let slot = buckets.get_mut(bucket).ok_or_else(|| {
                de::Error::custom(alloc::format!("bucket {bucket} of round-trip times: expected 0 to {}", BUCKETS - 1))
            })?;
            *slot = count;
        }
        Ok(buckets)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::rng::Rng;

    fn recorded(samples: impl IntoIterator<Item = u64>) -> Rtt {
        let mut rtt = Rtt::default();
        for sample in samples {
            rtt.record(Duration::from_micros(sample));
        }
        rtt
    }

    /// Each percentile is within 12 % of the exact one.
    fn assert_percentiles(name: &str, samples: &[u64]) {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable();
        let percents = [1, 50, 95, 99, 100];
        for (percent, found) in percents.into_iter().zip(recorded(samples.iter().copied()).percentiles(percents)) {
            let exact = sorted[(sorted.len() * percent as usize).div_ceil(100) - 1];
            assert!(found.abs_diff(exact) * 100 <= exact * 12, "{name}: p{percent} is {exact}, found {found}");
        }
    }

    #[test]
    fn percentiles_are_within_twelve_percent_of_the_exact_ones() {
        let mut rng = Rng::new(1);
        let mut draw =
            |shape: &mut dyn FnMut(&mut Rng) -> u64| -> Vec<u64> { (0..20_000).map(|_| shape(&mut rng)).collect() };
        assert_percentiles("uniform", &draw(&mut |rng| rng.between(1, 1_000_000)));
        assert_percentiles("loopback", &draw(&mut |rng| rng.between(20, 90)));
        assert_percentiles("tiny", &draw(&mut |rng| rng.between(1, 12)));
        assert_percentiles("two peaks", &draw(&mut |rng| rng.between(0, 1) * 400_000 + rng.between(9_000, 11_000)));
        assert_percentiles("log-uniform", &draw(&mut |rng| (1 << rng.between(0, 25)) + rng.between(0, 100)));
        // The sum of many is bell-shaped; the product of many has a long tail.
        assert_percentiles("bell", &draw(&mut |rng| (0..12).map(|_| rng.between(0, 10_000)).sum()));
        assert_percentiles("long tail", &draw(&mut |rng| (0..6).fold(50, |product, _| product * rng.between(2, 7))));
        assert_percentiles("constant", &[33_333; 1_000]);
    }

    #[test]
    fn every_time_is_near_its_representative() {
        let mut micros = 1;
        while micros <= LONGEST {
            for near in [micros, micros + 1, micros + micros / 5] {
                let near = near.min(LONGEST);
                let found = representative(bucket(near));
                assert!(found.abs_diff(near) * 1_000 <= near * 112, "{near} is taken for {found}");
            }
            micros += micros / 16 + 1;
        }
        assert_eq!(bucket(LONGEST), BUCKETS - 1);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(bucket(0), 0);
    }

    #[test]
    fn buckets_are_in_order_without_gaps() {
        let mut last = 0;
        for micros in 0..100_000 {
            let this = bucket(micros);
            assert!(this == last || this == last + 1);
            last = this;
        }
    }

    #[test]
    fn nothing_measured_is_none() {
        assert_eq!(Rtt::default().snapshot(), RttSnapshot::default());
    }

    #[test]
    fn last_and_min_are_exact() {
        let snapshot = recorded([5_003, 777, 90_001]).snapshot();
        assert_eq!(snapshot.last, Some(Duration::from_micros(90_001)));
        assert_eq!(snapshot.min, Some(Duration::from_micros(777)));
        assert_eq!(snapshot.count, 3);
    }

    #[test]
    fn smoothing_takes_an_eighth_of_each_sample() {
        assert_eq!(recorded([8_000]).snapshot().smoothed, Some(Duration::from_millis(8)));
        assert_eq!(recorded([8_000, 16_000]).snapshot().smoothed, Some(Duration::from_millis(9)));
        assert_eq!(recorded([8_000, 16_000, 1_000]).snapshot().smoothed, Some(Duration::from_millis(8)));
    }

    #[test]
    fn smoothing_does_not_drift() {
        let samples = core::iter::repeat_n(12_345, 10_000);
        assert_eq!(recorded(samples).snapshot().smoothed, Some(Duration::from_micros(12_345)));
    }

    #[test]
    fn recent_samples_outweigh_old_ones_in_the_end() {
        let old = core::iter::repeat_n(1_000, 65_535);
        let recent = core::iter::repeat_n(50_000, 3 * 65_535);
        let p50 = recorded(old.chain(recent)).snapshot().p50.expect("there are samples");
        assert!(p50 > Duration::from_millis(40));
        let long = recorded(core::iter::repeat_n(1_000, 1_000_000));
        assert_eq!(long.snapshot().count, 1_000_000);
    }

    #[test]
    fn the_longest_times_do_no_harm() {
        let mut rtt = recorded([u64::MAX, u64::MAX]);
        rtt.record(Duration::MAX);
        assert!(rtt.snapshot().p99.is_some_and(|p99| p99 > Duration::from_mins(1)));
        assert!(rtt.snapshot().smoothed > Some(Duration::from_hours(24)));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn statistics_are_read_back_the_same() {
        let rtt = recorded([1, 2, 3, 40_000, 40_001, 9_999_999]);
        let json = serde_json::to_string(&rtt).expect("they can be written");
        assert_eq!(serde_json::from_str::<Rtt>(&json).expect("what was written can be read"), rtt, "{json}");
        assert!(json.len() < 200, "{json}");
        let bad = json.replace("[1,1]", "[100,1]");
        let error = serde_json::from_str::<Rtt>(&bad).expect_err("there is no such bucket");
        let error = alloc::format!("{error}");
        assert!(error.contains("bucket 100"), "{error}");
    }
}
