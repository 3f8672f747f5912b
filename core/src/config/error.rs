//! What is wrong with a configuration.

use alloc::string::{String, ToString};
use core::fmt;

/// A setting that cannot be: which one, what it was, and what was expected.
///
/// ```
/// use core::time::Duration;
/// use steadfast_core::config::Config;
///
/// let error = Config::builder().close_timeout(Duration::ZERO).build().unwrap_err();
/// assert_eq!(error.to_string(), "`close_timeout` is 0s: expected 1ms to 1d");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct ConfigError {
    field: String,
    value: String,
    expected: String,
}

impl ConfigError {
    pub(super) fn new(field: &str, value: &dyn fmt::Display, expected: &dyn fmt::Display) -> Self {
        Self { field: field.to_string(), value: value.to_string(), expected: expected.to_string() }
    }

    /// The setting, as a path from the top: `heartbeat.timeout`.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Its value, as a configuration file would have it.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What was expected: mostly a range, both ends included.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {}: expected {}", self.field, self.value, self.expected)
    }
}

impl core::error::Error for ConfigError {}
