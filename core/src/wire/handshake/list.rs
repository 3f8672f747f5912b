//! Header values that are lists (RFC 9110 §5.6.1).

/// The elements of a comma-separated list, without the white space around them and without empty ones. A comma within a
/// quoted string does not separate (RFC 9110 §5.6.4); a quote that is not closed reaches to the end.
pub(super) fn elements(value: &[u8]) -> Elements<'_> {
    Elements { rest: value }
}

/// What [`elements`] gives.
#[derive(Clone, Debug)]
pub(super) struct Elements<'v> {
    rest: &'v [u8],
}

impl<'v> Iterator for Elements<'v> {
    type Item = &'v [u8];

    fn next(&mut self) -> Option<&'v [u8]> {
        while !self.rest.is_empty() {
            let end = end_of_element(self.rest);
            let element = self.rest[..end].trim_ascii();
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    }
}

/// Where the first comma outside of quotes is, or the end.
fn end_of_element(list: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    let ends = |&byte: &u8| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' => return !quoted,
            _ => {}
        }
        false
    };
    list.iter().position(ends).unwrap_or(list.len())
}

/// Whether a token may hold this byte (RFC 9110 §5.6.2): names of headers, subprotocols and extensions are tokens.
pub(in crate::wire) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn split(value: &str) -> Vec<&[u8]> {
        elements(value.as_bytes()).collect()
    }

    #[test]
    fn elements_come_without_the_space_around_them_and_empty_ones_not_at_all() {
        assert_eq!(split(" keep-alive ,\tUpgrade\t"), [&b"keep-alive"[..], b"Upgrade"]);
        assert_eq!(split(",a,, ,b,"), [b"a", b"b"]);
        assert!(split("").is_empty() && split(" , ,\t").is_empty());
    }

    #[test]
    fn a_comma_within_quotes_separates_nothing() {
        assert_eq!(split(r#"a; b="1,2", c"#), [&br#"a; b="1,2""#[..], b"c"]);
        assert_eq!(split(r#"a; b="\",\\", c"#), [&br#"a; b="\",\\""#[..], b"c"]);
        assert_eq!(split(r#"a; b="1, c"#), [br#"a; b="1, c"#]);
        assert_eq!(split(r"a\,b"), [&br"a\"[..], b"b"]);
    }

    #[test]
    fn a_token_is_made_of_the_77_visible_characters_that_separate_nothing() {
        let separators = br#"()<>@,;:\"/[]?={}"#;
        for byte in 0..=255u8 {
            assert_eq!(is_token_byte(byte), byte.is_ascii_graphic() && !separators.contains(&byte), "{byte:#x}");
        }
    }
}
