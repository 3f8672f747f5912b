//! A `Set-Cookie` header, taken apart (RFC 6265 §5.2).

use super::date;

/// What it says. Attributes that are not known, or make no sense, are as if they were not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Received<'v> {
    pub(super) name: &'v [u8],
    pub(super) value: &'v [u8],
    /// Without its leading dot.
    pub(super) domain: Option<&'v str>,
    /// It begins with a slash.
    pub(super) path: Option<&'v str>,
    pub(super) secure: bool,
    /// In seconds; 0 for none.
    max_age: Option<u64>,
    /// In seconds since 1970.
    expires: Option<u64>,
}

impl<'v> Received<'v> {
    /// `None` if it is no cookie, or one that is not kept.
    pub(super) fn parse(header: &'v [u8]) -> Option<Self> {
        // They could end the header that it becomes a part of.
        if header.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t') {
            return None;
        }
        let mut parts = header.split(|&byte| byte == b';');
        let (name, value) = pair(parts.next()?);
        let (name, value) = (name, value?);
        if name.is_empty() || name.len() + value.len() > MAX_BYTES {
            return None;
        }
        let mut cookie = Self { name, value, ..Self::default() };
        for (attribute, value) in parts.map(pair) {
            cookie.take(attribute, value.unwrap_or_default());
        }
        Some(cookie)
    }

    /// From when on it is none any more: `Max-Age` counts before `Expires` (§5.3, step 3).
    pub(super) fn expires(&self, unix_now: u64) -> Option<u64> {
        match self.max_age {
            Some(0) => Some(0),
            Some(age) => Some(unix_now.saturating_add(age)),
            None => self.expires,
        }
    }

    /// One attribute (§5.2.1 to §5.2.6); of several of a name, the last counts.
    fn take(&mut self, attribute: &'v [u8], value: &'v [u8]) {
        let is = |name: &str| attribute.eq_ignore_ascii_case(name.as_bytes());
        let text = core::str::from_utf8(value).ok().filter(|text| text.len() <= MAX_ATTRIBUTE);
        if is("secure") {
            self.secure = true;
        } else if is("max-age") {
            self.max_age = text.and_then(max_age).or(self.max_age);
        } else if is("expires") {
            self.expires = text.and_then(date::parse).or(self.expires);
        } else if is("domain") {
            // What cannot be read cannot be the host's: it must not pass for none.
            let domain = text.unwrap_or("�");
            let domain = domain.strip_prefix('.').unwrap_or(domain);
            self.domain = (!domain.is_empty()).then_some(domain);
        } else if is("path") {
            self.path = text.filter(|path| path.starts_with('/'));
        }
    }
}

/// Name and, behind the first equals sign, value, without the white space around them.
fn pair(part: &[u8]) -> (&[u8], Option<&[u8]>) {
    match part.iter().position(|&byte| byte == b'=') {
        Some(at) => (trimmed(&part[..at]), Some(trimmed(&part[at + 1..]))),
        None => (trimmed(part), None),
    }
}

/// Without the blanks and tabs around it; line ends are no white space here (§5.2).
fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Digits, perhaps behind a minus sign (§5.2.2); what is not positive means now.
fn max_age(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(if digits.len() < text.len() { 0 } else { digits.parse().unwrap_or(u64::MAX) })
}

/// The longest name and value together (§6.1).
const MAX_BYTES: usize = 4 << 10;
/// The longest value of an attribute.
const MAX_ATTRIBUTE: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn parsed(header: &str) -> Option<Received<'_>> {
        Received::parse(header.as_bytes())
    }

    #[test]
    fn a_cookie_is_a_name_and_a_value() {
        for (header, name, value) in [
            ("a=b", "a", "b"),
            (" a = b ; Path=/", "a", "b"),
            ("a=", "a", ""),
            ("a=b=c", "a", "b=c"),
            ("a=\"b c\"", "a", "\"b c\""),
        ] {
            let cookie = parsed(header).expect(header);
            assert_eq!((cookie.name, cookie.value), (name.as_bytes(), value.as_bytes()));
        }
    }

    #[test]
    fn what_is_no_cookie_is_ignored() {
        for header in ["", "a", "=b", " = ", ";a=b", "a=b\rc", "a\n=b", "a=\u{7f}"] {
            assert_eq!(parsed(header), None, "{header:?}");
        }
        let long = [&b"a="[..], &[b'x'; 4 << 10]].concat();
        assert_eq!(Received::parse(&long), None);
        assert!(Received::parse(&long[..4 << 10]).is_some());
    }

    #[test]
    fn attributes_are_read_in_any_case_and_the_last_of_a_name_counts() {
        let cookie =
            parsed("a=b; SECURE; httponly; path=/x; Path=/y; domain=.Example.com; unknown=1").expect("a cookie");
        assert!(cookie.secure);
        assert_eq!((cookie.path, cookie.domain), (Some("/y"), Some("Example.com")));
        let without = parsed("a=b; path=/x; path=y; domain=").expect("a cookie");
        assert_eq!((without.path, without.domain), (None, None));
    }

    #[test]
    fn a_domain_that_cannot_be_read_is_nobodys() {
        let header = [&b"a=b; domain=\xff"[..]].concat();
        assert!(Received::parse(&header).expect("a cookie").domain.is_some());
    }

    #[test]
    fn max_age_counts_before_expires() {
        let past = "Expires=Thu, 01 Jan 1970 00:00:01 GMT";
        let expiry = |attributes: &str| {
            let header = ["a=b; ", attributes].concat();
            Received::parse(header.as_bytes()).expect("a cookie").expires(1_000)
        };
        assert_eq!(expiry(""), None);
        assert_eq!(expiry(past), Some(1));
        assert_eq!(expiry(&["Max-Age=60; ", past].concat()), Some(1_060));
        assert_eq!(expiry(&[past, "; max-age=60"].concat()), Some(1_060));
        assert_eq!(expiry("max-age=60; max-age=soon"), Some(1_060), "what makes no sense is not there");
        assert_eq!(expiry(&[past, "; expires=soon"].concat()), Some(1));
        let others = ["0", "-1", "-99999999999999999999", "99999999999999999999", "", "+1", "1s", "-"];
        let found: Vec<_> = others.iter().map(|age| expiry(&["Max-Age=", age].concat())).collect();
        assert_eq!(found, [Some(0), Some(0), Some(0), Some(u64::MAX), None, None, None, None]);
    }
}
