//! The headers of an answer.

use alloc::{string::String, vec::Vec};
use core::{fmt, mem};

/// The headers of an answer, in their order and case.
///
/// Values are bytes: HTTP allows any but control characters (RFC 9110 §5.5).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers {
    /// All names, one after the other.
    names: String,
    /// All values, likewise.
    values: Vec<u8>,
    /// Where each header's name and value end.
    ends: Vec<(usize, usize)>,
}

impl Headers {
    /// From what the parser found.
    pub(super) fn new(parsed: &[httparse::Header<'_>]) -> Self {
        let mut headers = Self {
            names: String::with_capacity(parsed.iter().map(|header| header.name.len()).sum()),
            values: Vec::with_capacity(parsed.iter().map(|header| header.value.len()).sum()),
            ends: Vec::with_capacity(parsed.len()),
        };
        for header in parsed {
            headers.names.push_str(header.name);
            headers.values.extend_from_slice(header.value);
            headers.ends.push((headers.names.len(), headers.values.len()));
        }
        headers
    }

    /// The value of the first header of this name, in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// The values of all headers of this name, in any case.
    pub fn get_all<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        self.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All names and values.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        let (mut name, mut value) = (0, 0);
        self.ends.iter().map(move |&(name_end, value_end)| {
            let header = (&self.names[name..name_end], &self.values[value..value_end]);
            (name, value) = (name_end, value_end);
            header
        })
    }

    /// Lets `blot` change each name and each value in place.
    pub(super) fn redact(&mut self, blot: &mut impl FnMut(&mut [u8])) {
        let mut names = mem::take(&mut self.names).into_bytes();
        let (mut name, mut value) = (0, 0);
        for &(name_end, value_end) in &self.ends {
            blot(&mut names[name..name_end]);
            blot(&mut self.values[value..value_end]);
            (name, value) = (name_end, value_end);
        }
        // Without its names a header is still one.
        self.names = String::from_utf8(names).unwrap_or_else(|error| "*".repeat(error.as_bytes().len()));
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

impl fmt::Debug for Headers {
    /// Cookies are left out: they are the keys to a session. So is what follows the path where a redirect leads, and a
    /// subprotocol: tokens travel there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value): (_, &[u8])| match name {
            name if "set-cookie".eq_ignore_ascii_case(name) => (name, String::from("…")),
            name if "sec-websocket-protocol".eq_ignore_ascii_case(name) => (name, String::from("…")),
            name if "location".eq_ignore_ascii_case(name) => (name, without_query(value)),
            name => (name, alloc::format!("{}", value.escape_ascii())),
        };
        f.debug_map().entries(self.iter().map(shown)).finish()
    }
}

/// A location, with `…` for its query, its fragment, and the user before its host.
fn without_query(location: &[u8]) -> String {
    let end = location.iter().position(|byte| matches!(byte, b'?' | b'#'));
    let path = &location[..end.unwrap_or(location.len())];
    let host = path.iter().rposition(|&byte| byte == b'@');
    let (before, after) = (if host.is_some() { "…" } else { "" }, if end.is_some() { "…" } else { "" });
    alloc::format!("{before}{}{after}", path[host.unwrap_or(0)..].escape_ascii())
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec::Vec};

    use super::*;

    fn headers() -> Headers {
        let header = |name, value| httparse::Header { name, value };
        Headers::new(&[
            header("Date", b"now"),
            header("Set-Cookie", b"a=secret"),
            header("X", b""),
            header("x", b"\xff"),
        ])
    }

    #[test]
    fn headers_keep_their_order_and_case() {
        let headers = headers();
        let expected = [("Date", &b"now"[..]), ("Set-Cookie", b"a=secret"), ("X", b""), ("x", b"\xff")];
        assert_eq!(headers.iter().collect::<Vec<_>>(), expected);
        assert_eq!((headers.len(), headers.is_empty()), (4, false));
    }

    #[test]
    fn a_header_is_found_by_its_name_in_any_case() {
        let headers = headers();
        assert_eq!(headers.get("DATE"), Some(&b"now"[..]));
        assert_eq!(headers.get_all("X").collect::<Vec<_>>(), [&b""[..], b"\xff"]);
        assert_eq!(headers.get("Dat"), None);
    }

    #[test]
    fn a_location_is_shown_as_far_as_its_path() {
        for (location, expected) in [
            (&b"https://user:secret@h/a?token=secret"[..], "…@h/a…"),
            (b"/a#secret", "/a…"),
            (b"wss://h/a", "wss://h/a"),
        ] {
            let headers = Headers::new(&[httparse::Header { name: "Location", value: location }]);
            assert_eq!(format!("{headers:?}"), format!("{{\"Location\": {expected:?}}}"));
        }
    }

    #[test]
    fn cookies_are_not_shown() {
        let shown = format!("{:?}", headers());
        assert!(shown.contains("now") && !shown.contains("secret"), "{shown}");
    }
}
