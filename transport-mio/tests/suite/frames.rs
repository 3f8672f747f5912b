//! Frames by hand, as a server reads and writes them.

use std::io::Read;

/// Reads one frame of the client's: its first byte and its payload, unmasked. `None` once the stream has ended.
pub(crate) fn next_frame(stream: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).ok()?;
    assert!(head[1] & 0x80 != 0, "a client masks");
    let extended = match head[1] & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mut len = [0; 8];
    stream.read_exact(&mut len[8 - extended..]).ok()?;
    let len = if extended == 0 { u64::from(head[1] & 0x7f) } else { u64::from_be_bytes(len) };
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).ok()?;
    let mut payload = vec![0; usize::try_from(len).expect("a length that fits")];
    stream.read_exact(&mut payload).ok()?;
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    Some((head[0], payload))
}

/// A frame of a server's: its first byte and its payload.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(u8::try_from(len).expect("a small one")),
        len @ 126..=0xffff => {
            bytes.push(126);
            bytes.extend_from_slice(&u16::try_from(len).expect("a small one").to_be_bytes());
        }
        len => {
            bytes.push(127);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}
