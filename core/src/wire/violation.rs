//! How a server can break the protocol, and what it is told.

use core::{error, fmt};

use crate::CloseCode;

/// What the server did that RFC 6455 or RFC 7692 forbids, or that a limit of ours forbids.
///
/// Each leads to the close code that the RFC demands ([`close_code`](Self::close_code)) and names the clause that it
/// broke ([`clause`](Self::clause)). The machine has already written the close frame when it reports one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Violation {
    /// Reserved bits were set that no extension gave a meaning; all of them, RSV1 as 4, RSV2 as 2, RSV3 as 1.
    ReservedBits(u8),
    /// An opcode that is reserved for later.
    ReservedOpcode(u8),
    /// A frame of the server's was masked.
    Masked,
    /// A length was not written in the fewest bytes.
    LengthNotMinimal(u64),
    /// A length of 2⁶³ or more.
    LengthOverflow(u64),
    /// A control frame was fragmented.
    ControlFragmented,
    /// A control frame said that it carries more than 125 bytes.
    ControlTooLong,
    /// A continuation frame came when no message was under way.
    UnexpectedContinuation,
    /// A new message began within another.
    ExpectedContinuation,
    /// A close frame with a payload of one byte.
    CloseTooShort,
    /// A close frame with a code that may not stand on the wire.
    CloseCode(u16),
    /// A close frame whose reason is not UTF-8.
    CloseReason,
    /// A text message that is not UTF-8.
    Utf8,
    /// A compressed message that is not DEFLATE.
    Deflate,
    /// A frame of more bytes than [`Config::max_frame_bytes`](super::Config::max_frame_bytes) allows.
    FrameTooBig {
        /// What it said that it carries.
        bytes: u64,
        /// What is allowed.
        limit: u64,
    },
    /// A message of more bytes than [`Config::max_message_bytes`](super::Config::max_message_bytes) allows, as sent or
    /// inflated.
    MessageTooBig {
        /// What is allowed.
        limit: u64,
    },
    /// More empty fragments in one message than [`Config::max_empty_fragments`](super::Config::max_empty_fragments).
    EmptyFragments {
        /// What is allowed.
        limit: u32,
    },
    /// More control frames than [`Config::control_rate`](super::Config::control_rate) allows.
    ControlFlood {
        /// How many a second are allowed in the long run.
        per_second: u32,
    },
}

impl Violation {
    /// The code that the server is told in the close frame.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::ReservedBits(_)
            | Self::ReservedOpcode(_)
            | Self::Masked
            | Self::LengthNotMinimal(_)
            | Self::LengthOverflow(_)
            | Self::ControlFragmented
            | Self::ControlTooLong
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation
            | Self::CloseTooShort
            | Self::CloseCode(_) => CloseCode::PROTOCOL_ERROR,
            Self::CloseReason | Self::Utf8 | Self::Deflate => CloseCode::INVALID_PAYLOAD,
            Self::FrameTooBig { .. } | Self::MessageTooBig { .. } => CloseCode::TOO_BIG,
            Self::EmptyFragments { .. } | Self::ControlFlood { .. } => CloseCode::POLICY,
        }
    }

    /// The clause that was broken or, for limits, that allows them.
    #[must_use]
    pub const fn clause(self) -> &'static str {
        match self {
            Self::ReservedBits(_) | Self::ReservedOpcode(_) | Self::LengthNotMinimal(_) | Self::LengthOverflow(_) => {
                "RFC 6455 §5.2"
            }
            Self::Masked => "RFC 6455 §5.1",
            Self::ControlFragmented | Self::ControlTooLong => "RFC 6455 §5.5",
            Self::UnexpectedContinuation | Self::ExpectedContinuation => "RFC 6455 §5.4",
            Self::CloseTooShort | Self::CloseReason => "RFC 6455 §5.5.1",
            Self::CloseCode(_) => "RFC 6455 §7.4",
            Self::Utf8 => "RFC 6455 §8.1",
            Self::Deflate => "RFC 7692 §7.2.2",
            Self::FrameTooBig { .. }
            | Self::MessageTooBig { .. }
            | Self::EmptyFragments { .. }
            | Self::ControlFlood { .. } => "RFC 6455 §10.4",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits(bits) => {
                write!(f, "reserved bits {bits:03b}: expected 000, but for extensions that were agreed on")
            }
            Self::ReservedOpcode(opcode) => {
                write!(f, "opcode {opcode:#x}: expected one that is not reserved, 0x0 to 0x2 or 0x8 to 0xa")
            }
            Self::Masked => f.write_str("a masked frame: expected none from a server"),
            Self::LengthNotMinimal(len) => {
                write!(f, "a length of {len} in more bytes than it needs: expected the fewest")
            }
            Self::LengthOverflow(len) => write!(f, "a length of {len} B: expected less than 2^63"),
            Self::ControlFragmented => f.write_str("a fragment of a control frame: expected it whole"),
            Self::ControlTooLong => f.write_str("a control frame of more than 125 B: expected no more"),
            Self::UnexpectedContinuation => {
                f.write_str("a continuation, and no message under way: expected the beginning of one")
            }
            Self::ExpectedContinuation => f.write_str("a new message within another: expected a continuation"),
            Self::CloseTooShort => f.write_str("a close frame with one byte: expected none, or a code of two"),
            Self::CloseCode(code) => write!(f, "close code {code}: expected one that may stand on the wire"),
            Self::CloseReason => f.write_str("a close reason that is not UTF-8: expected UTF-8"),
            Self::Utf8 => f.write_str("a text message that is not UTF-8: expected UTF-8"),
            Self::Deflate => f.write_str("a compressed message that cannot be inflated: expected DEFLATE"),
            Self::FrameTooBig { bytes, limit } => write!(f, "a frame of {bytes} B: expected at most {limit}"),
            Self::MessageTooBig { limit } => write!(f, "a message of more than {limit} B: expected no more"),
            Self::EmptyFragments { limit } => {
                write!(f, "more than {limit} empty fragments in one message: expected no more")
            }
            Self::ControlFlood { per_second } => {
                write!(f, "more control frames than {per_second} a second: expected no more in the long run")
            }
        }?;
        write!(f, " ({})", self.clause())
    }
}

impl error::Error for Violation {}
