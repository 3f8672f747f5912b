//! The target `frame`: reading and writing the header of a frame are inverse.

use arbitrary::{Result, Unstructured};
use steadfast_core::wire::{FrameHeader, OpCode, Violation};

/// Reads the bytes as a header, and makes a header of them.
///
/// # Panics
/// When what is written is not what was read, or the reverse, or when a judgement depends on how many bytes were there.
pub fn frame(bytes: &[u8]) {
    read(bytes);
    if let Ok(header) = made(&mut Unstructured::new(bytes)) {
        let (bytes, len) = header.to_bytes();
        assert_eq!(FrameHeader::parse(&bytes[..len]), Ok(Some((header, len))), "what was written is read");
        assert_eq!(bytes[len..], [0; FrameHeader::MAX_BYTES][len..], "the others are 0");
        read(&bytes[..len]);
    }
}

/// Reads a header, and asks the same of each of its beginnings.
fn read(bytes: &[u8]) {
    let whole = FrameHeader::parse(bytes);
    let needed = match whole {
        Ok(Some((header, taken))) => {
            assert!(header.len < 1 << 63);
            assert!(!header.opcode.is_control() || header.fin && header.len <= 125);
            let (written, len) = header.to_bytes();
            assert_eq!(written[..len], bytes[..taken], "what was read is written");
            taken
        }
        Ok(None) => {
            assert!(bytes.len() < FrameHeader::MAX_BYTES, "no header takes more");
            bytes.len()
        }
        Err(violation) => {
            let needed = shown_by(violation, bytes);
            assert!(needed <= bytes.len(), "{violation} cannot be seen in {} B", bytes.len());
            needed
        }
    };
    for cut in 0..bytes.len().min(FrameHeader::MAX_BYTES + 1) {
        let expected = if cut < needed { Ok(None) } else { whole };
        assert_eq!(FrameHeader::parse(&bytes[..cut]), expected, "cut at {cut}");
    }
}

/// How many bytes of a header show what is wrong with it: not one more may be waited for.
fn shown_by(violation: Violation, bytes: &[u8]) -> usize {
    match violation {
        Violation::ReservedBits(_) | Violation::ReservedOpcode(_) | Violation::ControlFragmented => 1,
        Violation::ControlTooLong => 2,
        Violation::LengthNotMinimal(_) | Violation::LengthOverflow(_) => {
            if bytes[1] & 0x7F == 126 {
                4
            } else {
                10
            }
        }
        other => panic!("{other} is not a matter of the header alone"),
    }
}

fn made(input: &mut Unstructured<'_>) -> Result<FrameHeader> {
    let opcodes = [OpCode::Continuation, OpCode::Text, OpCode::Binary, OpCode::Close, OpCode::Ping, OpCode::Pong];
    let opcode = *input.choose(&opcodes)?;
    let bits: u32 = *input.choose(&[7, 8, 16, 17, 63])?;
    let len = input.arbitrary::<u64>()? & ((1 << bits) - 1);
    Ok(FrameHeader {
        fin: opcode.is_control() || input.arbitrary()?,
        rsv1: input.arbitrary()?,
        opcode,
        mask: input.arbitrary()?,
        len: if opcode.is_control() { len.min(125) } else { len },
    })
}
