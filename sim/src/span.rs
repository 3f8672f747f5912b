//! Spans of time in a scenario's JSON: `"1500ms"`, `"2s"`, `"3h"`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error};

const UNITS: [(&str, u64); 6] =
    [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];

/// The largest unit of which the span is a whole multiple.
pub(crate) fn print(span: Duration) -> String {
    let micros = micros(span);
    let (name, unit) =
        UNITS.into_iter().find(|(_, unit)| micros != 0 && micros.is_multiple_of(*unit)).unwrap_or(("us", 1));
    format!("{}{name}", micros / unit)
}

pub(crate) fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, name) = text.split_at(digits);
    let (_, unit) = UNITS.into_iter().find(|(unit, _)| *unit == name)?;
    Some(Duration::from_micros(number.parse::<u64>().ok()?.checked_mul(unit)?))
}

pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

pub(crate) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&print(*span))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text)
        .ok_or_else(|| D::Error::custom(format!("{text:?} is no span of time; one is written \"1500ms\" or \"2s\"")))
}

/// The same for a span that may be missing.
pub(crate) mod option {
    use super::{Deserialize, Deserializer, Duration, Error, Serializer};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => serializer.serialize_some(&super::print(*span)),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        super::parse(&text).map(Some).ok_or_else(|| D::Error::custom(format!("{text:?} is no span of time")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        for micros in [0, 1, 1_000, 1_500_000, 60_000_000, 86_400_000_000, 86_400_000_001] {
            let span = Duration::from_micros(micros);
            assert_eq!(parse(&print(span)), Some(span), "{}", print(span));
        }
        assert_eq!(parse("soon"), None);
        assert_eq!(parse("5"), None);
        assert_eq!(parse("5 parsecs"), None);
    }
}
