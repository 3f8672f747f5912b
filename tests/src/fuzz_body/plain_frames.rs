//! Frames, written and read in the plainest way: an opinion of its own on RFC 6455 §5.2.

/// Writes a frame as a server does: the first byte as given, the length in the fewest bytes, no mask.
///
/// # Panics
/// Never: each form of a length is used where it fits.
pub fn write(first: u8, payload: &[u8], to: &mut Vec<u8>) {
    to.push(first);
    match payload.len() {
        len @ 0..=125 => to.push(u8::try_from(len).expect("short")),
        len @ 126..=0xFFFF => {
            to.push(126);
            to.extend(u16::try_from(len).expect("short").to_be_bytes());
        }
        len => {
            to.push(127);
            to.extend((len as u64).to_be_bytes());
        }
    }
    to.extend(payload);
}

/// The frames that a client wrote, with their first bytes, and the masks taken off.
///
/// # Panics
/// If they are anything but whole frames, masked and with lengths in the fewest bytes.
#[must_use]
pub fn read(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        assert!(second & 0x80 != 0, "a client masks (§5.1)");
        let (len, rest) = match second & 0x7F {
            126 => {
                let (len, rest) = rest.split_first_chunk::<2>().expect("a whole frame");
                assert!(u16::from_be_bytes(*len) > 125, "the fewest bytes");
                (usize::from(u16::from_be_bytes(*len)), rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk::<8>().expect("a whole frame");
                assert!(u64::from_be_bytes(*len) > 0xFFFF, "the fewest bytes");
                (usize::try_from(u64::from_be_bytes(*len)).expect("of a size that fits"), rest)
            }
            len => (usize::from(len), rest),
        };
        let (key, rest) = rest.split_first_chunk::<4>().expect("a whole frame");
        let (payload, rest) = rest.split_at(len);
        frames.push((*first, unmasked(payload, *key)));
        bytes = rest;
    }
    assert!(bytes.is_empty(), "half a frame");
    frames
}

/// Four bytes at a time, as that is how long the key is.
fn unmasked(payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mut plain = payload.to_vec();
    let (words, rest) = plain.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    rest.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    plain
}
