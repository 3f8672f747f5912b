//! Close codes and close frames (RFC 6455 §7.4).

use alloc::string::String;
use core::fmt;

/// A close code (RFC 6455 §7.4.1 and the IANA registry of WebSocket close codes).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The endpoint goes away: a server shuts down, a page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// A protocol error.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// A kind of message that the endpoint cannot accept.
    pub const UNSUPPORTED: Self = Self(1003);
    /// No code was in the close frame; never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// The connection ended without a close frame; never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// A message does not fit its type: text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// A policy was violated; often used for failed authorisation.
    pub const POLICY: Self = Self(1008);
    /// A message is too big.
    pub const TOO_BIG: Self = Self(1009);
    /// The server did not offer an extension that the client needs.
    pub const EXTENSION: Self = Self(1010);
    /// An unexpected condition in the server.
    pub const INTERNAL: Self = Self(1011);
    /// The service restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// Try again later: the service is overloaded.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// A gateway received an invalid answer.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// Whether this code may stand in a close frame on the wire (RFC 6455 §7.4: 1005, 1006 and 1015 may not; codes
    /// below 1000, unassigned ones below 3000 and those above 4999 may not either).
    #[must_use]
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a close frame says: a code and a reason of at most 123 bytes (RFC 6455 §5.5.1).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct CloseFrame {
    /// The code.
    pub code: CloseCode,
    /// The reason, for logs; empty for none.
    #[cfg_attr(feature = "serde", serde(default))]
    pub reason: String,
}

impl CloseFrame {
    /// 1000 without a reason.
    pub const NORMAL: Self = Self { code: CloseCode::NORMAL, reason: String::new() };

    /// A close frame. A reason longer than 123 bytes is cut at a character boundary, a code that may not stand on the
    /// wire becomes 1000.
    #[must_use]
    pub fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }.into_sendable()
    }

    /// The frame as it may stand on the wire; see [`new`](Self::new).
    pub(crate) fn into_sendable(mut self) -> Self {
        if !self.code.is_sendable() {
            self.code = CloseCode::NORMAL;
        }
        if self.reason.len() > 123 {
            let mut end = 123;
            while !self.reason.is_char_boundary(end) {
                end -= 1;
            }
            self.reason.truncate(end);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_may_not_stand_on_the_wire_is_mended() {
        let frame = CloseFrame::new(CloseCode::ABNORMAL, "ä".repeat(100));
        assert_eq!(frame.code, CloseCode::NORMAL);
        assert_eq!(frame.reason, "ä".repeat(61));
    }
}
