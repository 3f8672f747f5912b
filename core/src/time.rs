//! Time as the core knows it: a number that the driver passes in.

use core::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

/// A point in time: microseconds since an arbitrary epoch that the driver chose.
///
/// The core never asks for the time; every call carries it. A driver measures it on a monotonic clock
/// (`Instant::now() - started`), a simulator just counts. All arithmetic saturates, so that no clock can make
/// the core panic.
///
/// ```
/// use core::time::Duration;
/// use steadfast_core::Timestamp;
///
/// let later = Timestamp::ZERO + Duration::from_millis(3);
/// assert_eq!(later.as_micros(), 3_000);
/// assert_eq!(later - Timestamp::ZERO, Duration::from_millis(3));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Timestamp(u64);

impl Timestamp {
    /// The epoch.
    pub const ZERO: Self = Self(0);
    /// The end of time; no timer is ever set this late.
    pub const MAX: Self = Self(u64::MAX);

    /// The point `micros` microseconds after the epoch.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The point this long before; the epoch at the earliest.
    pub(crate) fn saturating_sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }

    /// How long after `earlier` this point is; zero when it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Timestamp {
    /// Seconds with six decimals: `12.000350s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// A span in whole microseconds; what lies beyond 584,000 years saturates.
pub(crate) fn micros(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(span.subsec_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Timestamp::MAX + Duration::MAX, Timestamp::MAX);
        assert_eq!(Timestamp::ZERO - Timestamp::MAX, Duration::ZERO);
    }

    #[test]
    fn prints_seconds() {
        assert_eq!(alloc::format!("{}", Timestamp::from_micros(12_000_350)), "12.000350s");
    }
}
