//! UTF-8, judged as it comes in (RFC 6455 §8.1).

use ascii::AsciiStr;

/// Text that may break off within a character: its whole characters.
///
/// # Errors
/// If no continuation of it can be UTF-8.
pub(super) fn judge(bytes: &[u8]) -> Result<&str, NotUtf8> {
    let (whole, rest) = bytes.split_at(whole_characters(bytes));
    let whole = text(whole)?;
    if rest.is_empty() {
        return Ok(whole);
    }
    match core::str::from_utf8(rest) {
        Err(error) if error.error_len().is_some() => Err(NotUtf8),
        Ok(_) | Err(_) => Ok(whole),
    }
}

/// These bytes as text.
#[inline]
pub(super) fn text(bytes: &[u8]) -> Result<&str, NotUtf8> {
    // Most short texts are ASCII, which a few words show; otherwise they would be looked at byte by byte.
    if bytes.len() < VECTORS
        && let Ok(ascii) = AsciiStr::from_ascii(bytes)
    {
        return Ok(ascii.as_str());
    }
    simdutf8::basic::from_utf8(bytes).map_err(|_| NotUtf8)
}

/// Not UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NotUtf8;

/// Where a character begins in the last three bytes that ends behind them; the length, if none does.
fn whole_characters(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let at = bytes.len() - back;
        let needed = match bytes[at] {
            0x80..=0xBF => continue,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            // ASCII, or what is never UTF-8.
            _ => 1,
        };
        return if needed > back { at } else { bytes.len() };
    }
    bytes.len()
}

/// From how many bytes on `simdutf8` uses vectors.
const VECTORS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// What the standard library says of the same question.
    fn expected(bytes: &[u8]) -> Result<usize, NotUtf8> {
        match core::str::from_utf8(bytes) {
            Ok(_) => Ok(bytes.len()),
            Err(error) if error.error_len().is_none() => Ok(error.valid_up_to()),
            Err(_) => Err(NotUtf8),
        }
    }

    #[test]
    fn every_beginning_of_up_to_four_bytes_is_judged_as_the_standard_library_does() {
        // Every class of bytes that the table of well-formed sequences tells apart, with the borders of each.
        let classes = [
            0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
            0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ];
        let mut sequences: Vec<Vec<u8>> = [Vec::new()].into();
        for _ in 0..4 {
            let longer: Vec<Vec<u8>> =
                sequences.iter().flat_map(|bytes| classes.map(|class| [&bytes[..], &[class]].concat())).collect();
            for bytes in &longer {
                assert_eq!(judge(bytes).map(str::len), expected(bytes), "{bytes:02x?}");
            }
            sequences = longer;
        }
    }

    #[test]
    fn a_bad_byte_is_found_wherever_it_stands() {
        for len in 1..140 {
            for at in 0..len {
                let mut bytes = alloc::vec![b'a'; len];
                assert_eq!(text(&bytes).map(str::len), Ok(len));
                bytes[at] = 0x80;
                assert_eq!(text(&bytes), Err(NotUtf8), "at {at} of {len}");
            }
        }
    }

    #[test]
    fn long_text_is_judged_at_every_cut() {
        let text = "aé€😀".repeat(50);
        for cut in 0..=text.len() {
            assert_eq!(judge(&text.as_bytes()[..cut]).map(str::len), expected(&text.as_bytes()[..cut]));
        }
    }
}
