//! The written form of schedules and jitter: one table each, told apart by `kind`.
//!
//! The forms mirror the public types variant by variant, with braces on those without fields: serde refuses unknown
//! fields in a tagged variant only where the variant has braces.

use alloc::vec::Vec;
use core::{fmt, marker::PhantomData, time::Duration};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, value::MapAccessDeserializer},
};

use super::{Jitter, Schedule};
use crate::config::human;

#[derive(Serialize, Deserialize)]
#[serde(remote = "Schedule", rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
enum ScheduleForm {
    Exponential {
        #[serde(with = "human", default = "base")]
        base: Duration,
        #[serde(default = "factor_ppm")]
        factor_ppm: u32,
        #[serde(with = "human::option", default = "cap")]
        cap: Option<Duration>,
    },
    Linear {
        #[serde(with = "human")]
        step: Duration,
        #[serde(with = "human::option", default = "cap")]
        cap: Option<Duration>,
    },
    Fixed {
        #[serde(with = "human")]
        delay: Duration,
    },
    List {
        #[serde(with = "human::list")]
        delays: Vec<Duration>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Jitter", rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
enum JitterForm {
    None {},
    Full {
        #[serde(with = "human", default)]
        floor: Duration,
    },
    Equal {},
    Proportional {
        #[serde(default)]
        below_ppm: u32,
        #[serde(default)]
        above_ppm: u32,
    },
    Additive {
        #[serde(with = "human")]
        max: Duration,
    },
    Decorrelated {
        #[serde(with = "human")]
        base: Duration,
        #[serde(with = "human")]
        cap: Duration,
    },
}

// A missing field of a schedule is what the default schedule has.
const fn base() -> Duration {
    Duration::from_millis(500)
}

const fn factor_ppm() -> u32 {
    2_000_000
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants a default of the field's own type")]
const fn cap() -> Option<Duration> {
    Some(Duration::from_secs(30))
}

macro_rules! in_this_form {
    ($form:ident, $name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $form::serialize(self, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $form::deserialize(deserializer)
            }
        }
    };
}

in_this_form!(ScheduleForm, Schedule);
in_this_form!(JitterForm, Jitter);

/// A table, or `"off"` for `None`, as TOML knows no null.
pub(super) mod off {
    use super::{Deserialize, Deserializer, MapAccessDeserializer, PhantomData, Serialize, Serializer, de, fmt};

    pub(in crate::config) fn serialize<T: Serialize, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => value.serialize(serializer),
            None => serializer.serialize_str("off"),
        }
    }

    pub(in crate::config) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_any(TableOrOff(PhantomData))
    }

    struct TableOrOff<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> de::Visitor<'de> for TableOrOff<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table, or \"off\"")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            if text == "off" { Ok(None) } else { Err(E::invalid_value(de::Unexpected::Str(text), &self)) }
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }
}
