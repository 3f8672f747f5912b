//! What the written forms of tagged settings share.
//!
//! A heartbeat is written as one flat table, `{ mode = "ping", interval = "25s" }`, and so are schedules and jitter. Each
//! is read into a plain struct of optional fields, and only then judged by its tag. Serde's own tagged enums are not
//! used: they lose the place of an error within the table, and let unknown fields of some variants pass.

use alloc::{format, string::String};
use core::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, value::MapAccessDeserializer},
};

/// Refuses the first given field that is not one of those that `tag` has. The words are serde's own.
pub(super) fn refuse_others(tag: &str, fields: &[&str], given: &[(&str, bool)]) -> Result<(), String> {
    let Some((other, _)) = given.iter().find(|(name, given)| *given && !fields.contains(name)) else {
        return Ok(());
    };
    if fields.is_empty() {
        return Err(format!("unknown field `{other}`, there are no fields with {tag}"));
    }
    Err(format!("unknown field `{other}`, expected one of `{}` with {tag}", fields.join("`, `")))
}

/// A field that has no default.
pub(super) fn required<T>(tag: &str, name: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("missing field `{name}`, which is required with {tag}"))
}

/// Reads a field that may be missing. Serde's own reading of options would take a null for a missing field.
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A table, or `"off"` for `None`, as TOML knows no null.
pub(super) mod table_or_off {
    use super::{Deserialize, Deserializer, PhantomData, Serialize, Serializer, TableOrOff};

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
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
