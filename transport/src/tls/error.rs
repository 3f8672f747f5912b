//! Why a configuration of TLS cannot be.

use std::{fmt, io};

/// Why a [`TlsConfig`](super::TlsConfig) cannot be: which part of it, what was found there, and what was expected.
///
/// Keys are never shown.
#[derive(Debug)]
pub struct TlsConfigError {
    part: &'static str,
    found: String,
    expected: &'static str,
    source: Option<io::Error>,
}

impl TlsConfigError {
    pub(super) fn new(part: &'static str, found: impl fmt::Display, expected: &'static str) -> Self {
        Self { part, found: found.to_string(), expected, source: None }
    }

    pub(super) fn unreadable(part: &'static str, path: &std::path::Path, error: io::Error) -> Self {
        let found = format!("{}: {error}", path.display());
        Self { part, found, expected: "a file that can be read", source: Some(error) }
    }

    /// Which part is wrong: `roots`, `root certificate`, `client certificate`, `client key`, `server name`, `pins` or
    /// `protocol versions`.
    #[must_use]
    pub const fn part(&self) -> &'static str {
        self.part
    }

    /// What was found there; never a secret.
    #[must_use]
    pub fn found(&self) -> &str {
        &self.found
    }

    /// What was expected there.
    #[must_use]
    pub const fn expected(&self) -> &'static str {
        self.expected
    }
}

impl fmt::Display for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS {}: {}; expected {}", self.part, self.found, self.expected)
    }
}

impl std::error::Error for TlsConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}
