//! How an answer can go against RFC 6455 §4.

use alloc::{format, string::String};
use core::{error, fmt};

#[cfg(feature = "deflate")]
use crate::wire::deflate;
use crate::{Cause, HandshakeKind};

/// What was wrong with the server's answer: what was expected, and what came.
///
/// What came is shown with its unprintable bytes escaped, and no more of it than 64 bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Violation {
    /// It is not HTTP/1.1.
    NotHttp {
        /// What was expected where it went wrong.
        expected: &'static str,
        /// What came there; empty if it is not known.
        found: String,
    },
    /// The stream ended within the head.
    Truncated {
        /// How many bytes had come.
        bytes: usize,
    },
    /// The head, interim answers included, has more bytes than [`Limits::max_head_bytes`](super::Limits).
    HeadTooLarge {
        /// What is allowed.
        limit: usize,
    },
    /// The head has more headers than [`Limits::max_headers`](super::Limits).
    TooManyHeaders {
        /// What is allowed.
        limit: usize,
    },
    /// `Upgrade` is missing or says something else than `websocket`.
    Upgrade {
        /// What it says.
        found: Option<String>,
    },
    /// `Connection` is missing or does not say `Upgrade`.
    Connection {
        /// What it says.
        found: Option<String>,
    },
    /// `Sec-WebSocket-Accept` is missing, wrong, or there twice: who answered did not read this request, such as a cache.
    AcceptKey {
        /// What it says.
        found: Option<String>,
    },
    /// A subprotocol that was not offered, several, or none though some were offered.
    Subprotocol {
        /// What was chosen.
        found: Option<String>,
    },
    /// An extension that was not offered, or several.
    Extension {
        /// What was accepted.
        found: String,
    },
    /// permessage-deflate was offered, and this is no answer to that.
    #[cfg(feature = "deflate")]
    Deflate(deflate::Refusal),
}

impl Violation {
    /// Its kind, as the session's policy tells them apart.
    #[must_use]
    pub const fn kind(&self) -> HandshakeKind {
        match self {
            Self::NotHttp { .. } => HandshakeKind::NotHttp,
            Self::Truncated { .. } => HandshakeKind::Truncated,
            Self::HeadTooLarge { .. } | Self::TooManyHeaders { .. } => HandshakeKind::TooLarge,
            Self::Upgrade { .. } | Self::Connection { .. } => HandshakeKind::NotUpgraded,
            Self::AcceptKey { .. } => HandshakeKind::BadAcceptKey,
            Self::Subprotocol { .. } => HandshakeKind::Subprotocol,
            Self::Extension { .. } => HandshakeKind::Extension,
            #[cfg(feature = "deflate")]
            Self::Deflate(_) => HandshakeKind::Extension,
        }
    }

    /// What the session is told.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        Cause::Handshake(self.kind())
    }

    /// The clause that was broken or, for limits, that allows them.
    #[must_use]
    pub const fn clause(&self) -> &'static str {
        match self {
            Self::NotHttp { .. } | Self::Truncated { .. } => "RFC 9112 §2.1",
            Self::HeadTooLarge { .. } | Self::TooManyHeaders { .. } => "RFC 9110 §5.4",
            Self::Upgrade { .. }
            | Self::Connection { .. }
            | Self::AcceptKey { .. }
            | Self::Subprotocol { .. }
            | Self::Extension { .. } => "RFC 6455 §4.1",
            #[cfg(feature = "deflate")]
            Self::Deflate(_) => "RFC 7692 §7.1",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = |f: &mut fmt::Formatter<'_>, name, expected, found: &Option<String>| match found {
            Some(found) => write!(f, "`{name}` is `{found}`: expected {expected}"),
            None => write!(f, "`{name}` is missing: expected {expected}"),
        };
        match self {
            Self::NotHttp { expected, found } if found.is_empty() => write!(f, "not HTTP/1.1: expected {expected}"),
            Self::NotHttp { expected, found } => {
                write!(f, "not HTTP/1.1: expected {expected}, found `{found}`")?;
                // The first byte of an alert, which is how a TLS server answers plain HTTP.
                if found.starts_with(r"\x15") { f.write_str(" (does this port speak TLS?)") } else { Ok(()) }
            }
            Self::Truncated { bytes } => write!(f, "the stream ended after {bytes} B of a head"),
            Self::HeadTooLarge { limit } => write!(f, "a head of more than the {limit} B allowed"),
            Self::TooManyHeaders { limit } => write!(f, "more than the {limit} headers allowed"),
            Self::Upgrade { found } => wrong(f, "Upgrade", "`websocket`", found),
            Self::Connection { found } => wrong(f, "Connection", "`Upgrade` in it", found),
            Self::AcceptKey { found } => wrong(f, "Sec-WebSocket-Accept", "what the key calls for, once", found),
            Self::Subprotocol { found } => wrong(f, "Sec-WebSocket-Protocol", "one of those offered, if any", found),
            Self::Extension { found } => {
                write!(f, "`Sec-WebSocket-Extensions` is `{found}`: expected nothing that was not offered")
            }
            #[cfg(feature = "deflate")]
            Self::Deflate(refusal) => write!(f, "{refusal}"),
        }?;
        write!(f, " ({})", self.clause())
    }
}

impl error::Error for Violation {}

/// A server's bytes as an error may show them.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let kept = &bytes[..bytes.len().min(SHOWN)];
    let more = if kept.len() < bytes.len() { "…" } else { "" };
    format!("{}{more}", kept.escape_ascii())
}

/// The most bytes of an answer that an error shows.
const SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_violation_says_what_was_expected_what_came_and_the_clause() {
        let wrong = Violation::Upgrade { found: Some(shown(b"h2c")) };
        assert_eq!(wrong.to_string(), "`Upgrade` is `h2c`: expected `websocket` (RFC 6455 §4.1)");
        let missing = Violation::AcceptKey { found: None };
        assert!(missing.to_string().starts_with("`Sec-WebSocket-Accept` is missing: expected"), "{missing}");
    }

    #[test]
    fn the_answer_of_a_tls_server_is_recognised() {
        let alert = Violation::NotHttp { expected: "`HTTP/1.`", found: shown(b"\x15") };
        assert!(alert.to_string().contains("TLS"), "{alert}");
    }

    #[test]
    fn little_of_an_answer_is_shown_and_nothing_unprintable() {
        assert_eq!(shown(b"a\r\n\xff`"), r"a\r\n\xff`");
        assert_eq!(shown(&[b'x'; 64]).len(), 64);
        assert_eq!(shown(&[b'x'; 65]), "x".repeat(64) + "…");
    }
}
