//! The parts of a request, and what each may be. What passes here cannot end its line or its place in it.

use alloc::{
    format,
    string::{String, ToString},
};
use core::{error, fmt, net::Ipv6Addr};

use super::list::is_token_byte;

/// A part of a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RequestPart {
    /// `ws` or `wss`.
    Scheme,
    /// The server's name or address.
    Host,
    /// Its port.
    Port,
    /// Path and query.
    Target,
    /// What the `Host` header says instead of host and port.
    HostHeader,
    /// The `Origin` header.
    Origin,
    /// A subprotocol.
    Subprotocol,
    /// The name of an added header.
    HeaderName,
    /// The value of an added header.
    HeaderValue,
    /// The method of a request of the `http` crate.
    Method,
    /// The version of a request of the `http` crate.
    Version,
}

/// Why a request cannot be: which part of it, what was found there, and what was expected.
///
/// Header values, queries and subprotocols may be secrets, and are not shown.
///
/// ```
/// use steadfast_core::wire::handshake::{Request, RequestPart, Scheme};
///
/// let error = Request::new(Scheme::Ws, "example.com", None, "/a b").unwrap_err();
/// assert_eq!(error.part(), RequestPart::Target);
/// assert_eq!(error.to_string(), "target: found 0x20 at byte 2, expected visible ASCII, the rest percent-encoded");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestError {
    part: RequestPart,
    found: String,
    expected: &'static str,
}

impl RequestError {
    pub(super) fn new(part: RequestPart, found: impl fmt::Display, expected: &'static str) -> Self {
        Self { part, found: found.to_string(), expected }
    }

    /// Which part is wrong.
    #[must_use]
    pub const fn part(&self) -> RequestPart {
        self.part
    }

    /// What was found there; never a secret.
    #[must_use]
    pub fn found(&self) -> &str {
        &self.found
    }

    /// What was expected.
    #[must_use]
    pub const fn expected(&self) -> &'static str {
        self.expected
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: found {}, expected {}", self.part, self.found, self.expected)
    }
}

impl error::Error for RequestError {}

impl fmt::Display for RequestPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "scheme",
            Self::Host => "host",
            Self::Port => "port",
            Self::Target => "target",
            Self::HostHeader => "host header",
            Self::Origin => "origin",
            Self::Subprotocol => "subprotocol",
            Self::HeaderName => "header name",
            Self::HeaderValue => "header value",
            Self::Method => "method",
            Self::Version => "version",
        })
    }
}

/// The host as it is kept: a name, an IPv4 address, or an IPv6 address without its brackets (RFC 3986 §3.2.2).
pub(crate) fn host(host: &str) -> Result<String, RequestError> {
    let refuse = |expected| Err(RequestError::new(RequestPart::Host, quoted(host), expected));
    if host.is_empty() {
        return refuse("a name or an address");
    }
    let bracketed = host.strip_prefix('[').map(|rest| rest.strip_suffix(']'));
    if bracketed.is_some() || host.contains(':') {
        // A zone (`fe80::1%eth0`) means something on this machine only.
        return match bracketed.unwrap_or(Some(host)).map(str::parse::<Ipv6Addr>) {
            Some(Ok(address)) => Ok(address.to_string()),
            _ => refuse("an IPv6 address without a zone, its port apart"),
        };
    }
    if !host.is_ascii() {
        return refuse("ASCII: international names in their `xn--` form");
    }
    if !is_registered_name(host.as_bytes()) {
        return refuse("letters, digits, `-`, `.` and what else a name may hold");
    }
    Ok(host.to_string())
}

pub(crate) fn port(port: Option<u16>) -> Result<Option<u16>, RequestError> {
    match port {
        Some(0) => Err(RequestError::new(RequestPart::Port, 0, "1 to 65535")),
        port => Ok(port),
    }
}

/// Path and query as the request line names them: never empty, never more than one word (RFC 9112 §3.2.1).
pub(super) fn target(target: &str) -> Result<String, RequestError> {
    let refuse = |found: String, expected| Err(RequestError::new(RequestPart::Target, found, expected));
    if let Some((at, byte)) = find(target.as_bytes(), |byte| !byte.is_ascii_graphic()) {
        return refuse(place(at, byte), "visible ASCII, the rest percent-encoded");
    }
    if target.contains('#') {
        return refuse(quoted("#…"), "no fragment: RFC 6455 §3 forbids them");
    }
    match target.bytes().next() {
        None => Ok("/".to_string()),
        Some(b'/') => Ok(target.to_string()),
        Some(b'?') => Ok(format!("/{target}")),
        Some(_) => refuse(quoted(target.split('?').next().unwrap_or_default()), "a path that begins with `/`"),
    }
}

/// What a `Host` header may say: a host and perhaps a port (RFC 9110 §7.2).
pub(super) fn host_header(value: &str) -> Result<String, RequestError> {
    let expected = "a host, IPv6 in brackets, and perhaps `:` and a port";
    let refuse = || RequestError::new(RequestPart::HostHeader, quoted(value), expected);
    // The last colon, but not one of an address.
    let (name, digits) = match value.rsplit_once(':') {
        Some((name, digits)) if !digits.ends_with(']') => (name, Some(digits)),
        _ => (value, None),
    };
    let plain = !name.contains(':') || name.starts_with('[');
    let port_fits = digits.is_none_or(|digits| {
        digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if plain && port_fits && host(name).is_ok() { Ok(value.to_string()) } else { Err(refuse()) }
}

/// One word (RFC 6454 §7.1); `null` is one, too.
pub(super) fn origin(origin: &[u8]) -> Result<(), RequestError> {
    if origin.is_empty() {
        return Err(RequestError::new(RequestPart::Origin, "nothing", "an origin such as `https://example.com`"));
    }
    match find(origin, |byte| !byte.is_ascii_graphic()) {
        Some((at, byte)) => Err(RequestError::new(RequestPart::Origin, place(at, byte), "visible ASCII")),
        None => Ok(()),
    }
}

/// A name of a header or of a subprotocol (RFC 9110 §5.6.2).
pub(super) fn token(part: RequestPart, name: &str) -> Result<(), RequestError> {
    let found = match find(name.as_bytes(), |byte| !is_token_byte(byte)) {
        Some((at, byte)) if part == RequestPart::Subprotocol => place(at, byte),
        Some(_) => quoted(name),
        None if name.is_empty() => quoted(""),
        None => return Ok(()),
    };
    Err(RequestError::new(part, found, "letters, digits and !#$%&'*+-.^_`|~"))
}

/// What the value of a header may hold (RFC 9110 §5.5): no control characters but tabs. Bytes beyond ASCII are allowed,
/// and mean what server and client agreed on.
pub(super) fn header_value(name: &str, value: &[u8]) -> Result<(), RequestError> {
    match find(value, |byte| byte != b'\t' && byte.is_ascii_control()) {
        Some((at, byte)) => {
            let found = format!("{} of `{name}`", place(at, byte));
            Err(RequestError::new(RequestPart::HeaderValue, found, "no control characters"))
        }
        None => Ok(()),
    }
}

/// As an error shows what was found.
pub(crate) fn quoted(found: &str) -> String {
    format!("`{}`", found.escape_debug())
}

/// Unreserved characters, sub-delimiters and bytes that are percent-encoded (RFC 3986 §3.2.2).
fn is_registered_name(name: &[u8]) -> bool {
    name.iter().enumerate().all(|(at, byte)| match byte {
        b'%' => name.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
        b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => true,
        byte => byte.is_ascii_alphanumeric(),
    })
}

fn find(bytes: &[u8], wrong: impl Fn(u8) -> bool) -> Option<(usize, u8)> {
    bytes.iter().copied().enumerate().find(|&(_, byte)| wrong(byte))
}

/// Where a byte is that must not be there, without what is around it.
fn place(at: usize, byte: u8) -> String {
    format!("{byte:#04x} at byte {at}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for (given, kept) in [
            ("example.com", "example.com"),
            ("EXAMPLE.com.", "EXAMPLE.com."),
            ("a_b-c.xn--bcher-kva.example", "a_b-c.xn--bcher-kva.example"),
            ("b%C3%BCcher.example", "b%C3%BCcher.example"),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("2001:DB8::0:1", "2001:db8::1"),
        ] {
            assert_eq!(host(given).as_deref(), Ok(kept), "{given}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused_and_shown() {
        for given in [
            "",
            " ",
            "a b",
            "h:80",
            "[::1",
            "::1]",
            "[]",
            "[::1]:80",
            "[1.2.3.4]",
            "fe80::1%eth0",
            "fe80::1%25eth0",
            ":",
            "h/",
            "h?",
            "h#",
            "u@h",
            "h\r\nX: 1",
            "h\0",
            "h\u{7f}",
            "b\u{fc}cher.example",
            "%",
            "%4",
            "%gg",
            "h\\",
        ] {
            let error = host(given).expect_err(given);
            assert_eq!((error.part(), error.found()), (RequestPart::Host, quoted(given).as_str()));
        }
    }

    #[test]
    fn a_target_is_one_word_that_begins_with_a_slash() {
        for (given, kept) in [
            ("", "/"),
            ("/", "/"),
            ("?q=1", "/?q=1"),
            ("/a/b?c=d&e={}|\"<>", "/a/b?c=d&e={}|\"<>"),
            ("//double", "//double"),
            ("/%20?%23", "/%20?%23"),
        ] {
            assert_eq!(target(given).as_deref(), Ok(kept), "{given}");
        }
        for given in ["chat", "*", "http://h/", "/#there", "#", "/a b", "/ HTTP/1.1\r\nX: 1", "/\t", "/\0", "/\u{fc}"] {
            assert_eq!(target(given).expect_err(given).part(), RequestPart::Target);
        }
    }

    #[test]
    fn a_host_header_is_a_host_and_perhaps_a_port() {
        for given in ["h", "h:1", "h:65535", "127.0.0.1:80", "[::1]", "[::1]:8080"] {
            assert_eq!(host_header(given).as_deref(), Ok(given));
        }
        for given in [
            "",
            ":80",
            "h:",
            "h:0",
            "h:65536",
            "h:+1",
            "h:1:2",
            "::1",
            "::1:80",
            "[::1",
            "[::1]80",
            "[::1]:",
            "[::1]:x",
            "h\r\nX: 1",
            "h x",
            "u@h",
        ] {
            assert_eq!(host_header(given).expect_err(given).part(), RequestPart::HostHeader);
        }
    }

    #[test]
    fn an_origin_is_one_word() {
        for given in ["https://example.com:8443", "null", "chrome-extension://abc"] {
            assert_eq!(origin(given.as_bytes()), Ok(()), "{given}");
        }
        for given in ["", "a b", "a\r\nX: 1", "a\t", "\u{fc}"] {
            assert_eq!(origin(given.as_bytes()).expect_err(given).part(), RequestPart::Origin);
        }
    }

    #[test]
    fn a_value_holds_no_control_characters_but_tabs() {
        for byte in 0..=u8::MAX {
            let allowed = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
            assert_eq!(header_value("X", &[b'a', byte]).is_ok(), allowed, "{byte:#x}");
        }
        assert_eq!(header_value("X", b""), Ok(()));
    }

    #[test]
    fn an_error_says_where_a_byte_is_wrong_and_nothing_of_what_is_around_it() {
        let error = header_value("X-Key", b"secret\r\nX-Other: 1").expect_err("a second line");
        let said = "header value: found 0x0d at byte 6 of `X-Key`, expected no control characters";
        assert_eq!(error.to_string(), said);
        let error = target("chat?token=secret").expect_err("no path");
        assert_eq!(error.to_string(), "target: found `chat`, expected a path that begins with `/`");
        assert!(!target("/?token=secret#x").expect_err("a fragment").to_string().contains("secret"));
    }
}
