//! Durations as people write them: `30s`, `500ms`, `1m30s`.
//!
//! Whole numbers with units, the largest unit first. Writing and reading back gives the same value.

use core::{fmt, time::Duration};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// The units, largest first, with their nanoseconds.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400 * NANOS_PER_SECOND),
    ("h", 3_600 * NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("s", NANOS_PER_SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Writes a duration.
pub(super) struct Human(pub(super) Duration);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return f.write_str("0s");
        }
        let mut left = self.0.as_nanos();
        for (unit, nanos) in UNITS {
            let count = left / u128::from(nanos);
            left %= u128::from(nanos);
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

/// Reads a duration as configuration files have them: `30s`, `500ms`, `1m30s`; `None` if it is none.
///
/// For programs that take durations elsewhere, so that they are written alike everywhere.
///
/// ```
/// use core::time::Duration;
/// use steadfast_core::config::parse_duration;
///
/// assert_eq!(parse_duration("1m30s"), Some(Duration::from_secs(90)));
/// assert_eq!(parse_duration("90"), None);
/// ```
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut units = UNITS.iter();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(|byte| !byte.is_ascii_digit()).count();
        let unit = if &rest[..letters] == "µs" { "us" } else { &rest[..letters] };
        let (_, nanos) = units.find(|(name, _)| *name == unit)?;
        let part = u128::from(count) * u128::from(*nanos);
        let seconds = u64::try_from(part / u128::from(NANOS_PER_SECOND)).ok()?;
        let below = u32::try_from(part % u128::from(NANOS_PER_SECOND)).ok()?;
        total = total.checked_add(Duration::new(seconds, below))?;
        rest = &rest[letters..];
    }
    Some(total)
}

#[cfg(feature = "serde")]
pub(crate) use self::written::{Span, SpanOrOff, deserialize, option, serialize};

#[cfg(feature = "serde")]
mod written {
    use core::fmt;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use super::{Duration, Human, parse_duration};

    const EXPECTED: &str = "a duration such as \"30s\", \"500ms\" or \"1m30s\"";

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Human(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        deserializer.deserialize_str(Written)
    }

    struct Written;

    impl de::Visitor<'_> for Written {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(EXPECTED)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            parse_duration(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }

    /// `"off"` for `None`, as TOML knows no null.
    pub(crate) mod option {
        use super::{Deserializer, Duration, EXPECTED, Serializer, Written, de, fmt};

        #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
        pub(crate) fn serialize<S: Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
            match value {
                Some(duration) => super::serialize(duration, serializer),
                None => serializer.serialize_str("off"),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
            deserializer.deserialize_any(WrittenOrOff)
        }

        struct WrittenOrOff;

        impl de::Visitor<'_> for WrittenOrOff {
            type Value = Option<Duration>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{EXPECTED}, or \"off\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                if text == "off" {
                    return Ok(None);
                }
                Written.visit_str(text).map(Some).map_err(|_: E| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(None)
            }
        }
    }

    /// A duration where serde needs a type of its own: in lists, and in fields that may be missing.
    #[derive(Clone, Copy, Serialize, Deserialize)]
    #[serde(transparent)]
    pub(crate) struct Span(#[serde(with = "crate::config::human")] pub(crate) Duration);

    /// A duration or `"off"`, likewise.
    #[derive(Clone, Copy, Serialize, Deserialize)]
    #[serde(transparent)]
    pub(crate) struct SpanOrOff(#[serde(with = "option")] pub(crate) Option<Duration>);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use alloc::string::ToString;

    #[test]
    fn the_usual_ones_are_read_and_written() {
        for (text, micros) in [
            ("0s", 0),
            ("250us", 250),
            ("500ms", 500_000),
            ("30s", 30_000_000),
            ("1m30s", 90_000_000),
            ("2h", 7_200_000_000),
            ("1d", 86_400_000_000),
            ("1d2h3m4s5ms6us", 93_784_005_006),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_micros(micros)), "{text}");
            assert_eq!(Human(Duration::from_micros(micros)).to_string(), text);
        }
    }

    #[test]
    fn other_spellings_are_read() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("3µs"), Some(Duration::from_micros(3)));
        assert_eq!(parse_duration(" 1s "), Some(Duration::from_secs(1)));
        assert_eq!(parse_duration("0ms"), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", " ", "30", "s", "-1s", "1.5s", "1 s", "5 parsecs", "1s1m", "1s2s", "1sm", "off", "1é", "µ"] {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
        assert_eq!(parse_duration("18446744073709551616s"), None);
        assert_eq!(parse_duration("18446744073709551615d"), None);
    }

    #[test]
    fn what_is_written_is_read_back_the_same() {
        let mut rng = Rng::new(1);
        for _ in 0..20_000 {
            let nanos = u32::try_from(rng.between(0, 999_999_999)).expect("below 2³²");
            let seconds = rng.next_u64() >> rng.between(0, 63);
            let duration = Duration::new(seconds, nanos);
            assert_eq!(parse_duration(&Human(duration).to_string()), Some(duration));
        }
        assert_eq!(parse_duration(&Human(Duration::MAX).to_string()), Some(Duration::MAX));
    }
}
