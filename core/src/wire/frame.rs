//! Frame headers (RFC 6455 §5.2), read and written.

use super::Violation;

/// What a frame is (RFC 6455 §11.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpCode {
    /// More of the message under way.
    Continuation = 0x0,
    /// The beginning of a text message.
    Text = 0x1,
    /// The beginning of a binary message.
    Binary = 0x2,
    /// The closing handshake.
    Close = 0x8,
    /// To be answered with a pong.
    Ping = 0x9,
    /// The answer to a ping, or a sign of life.
    Pong = 0xA,
}

impl OpCode {
    /// The opcode of these four bits; `None` for one that is reserved.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    /// Whether frames of this kind stand between those of messages (RFC 6455 §5.5).
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The header of a frame.
///
/// ```
/// use steadfast_core::wire::{FrameHeader, OpCode};
///
/// let header = FrameHeader { fin: true, rsv1: false, opcode: OpCode::Text, mask: None, len: 5 };
/// let (bytes, len) = header.to_bytes();
/// assert_eq!(bytes[..len], [0x81, 5]);
/// assert_eq!(FrameHeader::parse(&bytes[..len]), Ok(Some((header, len))));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    /// Whether the frame is the last of its message.
    pub fin: bool,
    /// The first reserved bit, which marks compressed messages (RFC 7692 §6).
    pub rsv1: bool,
    /// What the frame is.
    pub opcode: OpCode,
    /// The masking key, if the payload is masked: a client's always is, a server's never (RFC 6455 §5.1).
    pub mask: Option<[u8; 4]>,
    /// The payload's length, below 2⁶³.
    pub len: u64,
}

impl FrameHeader {
    /// The most bytes that a header takes.
    pub const MAX_BYTES: usize = 14;

    /// Reads a header from the front of `bytes`, and says how many bytes it took; `None` if they are not all there.
    ///
    /// # Errors
    /// What RFC 6455 forbids in any header, whoever sent it and whatever came before: RSV2 and RSV3, reserved opcodes,
    /// control frames that are fragmented or longer than 125 bytes, and lengths in a longer form than needed. Each is
    /// told as soon as the byte is there that shows it, so that it does not depend on how many bytes come at a time.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Violation> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        if first & 0x30 != 0 {
            return Err(Violation::ReservedBits(first >> 4 & 0x7));
        }
        let opcode = OpCode::new(first & 0xF).ok_or(Violation::ReservedOpcode(first & 0xF))?;
        let (fin, rsv1) = (first & 0x80 != 0, first & 0x40 != 0);
        if opcode.is_control() && !fin {
            return Err(Violation::ControlFragmented);
        }
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        let (masked, short) = (second & 0x80 != 0, second & 0x7F);
        if opcode.is_control() && short > 125 {
            return Err(Violation::ControlTooLong);
        }
        let (len, mut at) = match short {
            0..=125 => (u64::from(short), 2),
            126 => {
                let Some(long) = bytes.get(2..4).and_then(|bytes| bytes.try_into().ok()) else { return Ok(None) };
                (u64::from(u16::from_be_bytes(long)), 4)
            }
            _ => {
                let Some(long) = bytes.get(2..10).and_then(|bytes| bytes.try_into().ok()) else { return Ok(None) };
                (u64::from_be_bytes(long), 10)
            }
        };
        if short == 126 && len < 126 || short == 127 && len <= 0xFFFF {
            return Err(Violation::LengthNotMinimal(len));
        }
        if len >> 63 != 0 {
            return Err(Violation::LengthOverflow(len));
        }
        let mut mask = None;
        if masked {
            let Some(key) = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()) else { return Ok(None) };
            mask = Some(key);
            at += 4;
        }
        Ok(Some((Self { fin, rsv1, opcode, mask, len }, at)))
    }

    /// The header's bytes, and how many they are; the others are 0.
    #[inline]
    #[must_use]
    pub fn to_bytes(self) -> ([u8; Self::MAX_BYTES], usize) {
        let mut bytes = [0; Self::MAX_BYTES];
        bytes[0] = u8::from(self.fin) << 7 | u8::from(self.rsv1) << 6 | self.opcode as u8;
        let masked = u8::from(self.mask.is_some()) << 7;
        let mut at = match self.len {
            0..=125 => {
                bytes[1] = masked | self.len.to_be_bytes()[7];
                2
            }
            126..=0xFFFF => {
                bytes[1] = masked | 0x7E;
                bytes[2..4].copy_from_slice(&self.len.to_be_bytes()[6..]);
                4
            }
            _ => {
                bytes[1] = masked | 0x7F;
                bytes[2..10].copy_from_slice(&self.len.to_be_bytes());
                10
            }
        };
        if let Some(key) = self.mask {
            bytes[at..at + 4].copy_from_slice(&key);
            at += 4;
        }
        (bytes, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPCODES: [OpCode; 6] =
        [OpCode::Continuation, OpCode::Text, OpCode::Binary, OpCode::Close, OpCode::Ping, OpCode::Pong];

    #[test]
    fn what_is_written_is_read_back() {
        for opcode in OPCODES {
            for len in [0, 1, 125, 126, 127, 65_535, 65_536, (1 << 63) - 1] {
                for (fin, rsv1) in [(true, false), (false, false), (true, true), (false, true)] {
                    for mask in [None, Some([1, 2, 3, 4])] {
                        if opcode.is_control() && (!fin || len > 125) {
                            continue;
                        }
                        let header = FrameHeader { fin, rsv1, opcode, mask, len };
                        let (bytes, end) = header.to_bytes();
                        assert_eq!(FrameHeader::parse(&bytes[..end]), Ok(Some((header, end))));
                        for cut in 0..end {
                            assert_eq!(FrameHeader::parse(&bytes[..cut]), Ok(None), "{header:?} cut at {cut}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn each_forbidden_header_is_named() {
        let refused = |bytes: &[u8]| FrameHeader::parse(bytes).expect_err("must be refused");
        assert_eq!(refused(&[0xA1]), Violation::ReservedBits(2));
        assert_eq!(refused(&[0xF1]), Violation::ReservedBits(7));
        for opcode in [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF] {
            assert_eq!(refused(&[0x80 | opcode]), Violation::ReservedOpcode(opcode));
        }
        for opcode in [8, 9, 0xA] {
            assert_eq!(refused(&[opcode]), Violation::ControlFragmented);
            assert_eq!(refused(&[0x80 | opcode, 126]), Violation::ControlTooLong);
        }
        assert_eq!(refused(&[0x82, 126, 0, 125]), Violation::LengthNotMinimal(125));
        assert_eq!(refused(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]), Violation::LengthNotMinimal(0xFFFF));
        assert_eq!(refused(&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]), Violation::LengthOverflow(1 << 63));
    }
}
