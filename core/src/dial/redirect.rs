//! Where a server sends the client instead of answering it.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{error, fmt};

use super::hop::split_port;
use crate::wire::handshake::{Rejected, Request, RequestError, Scheme, shown};

/// Whether redirects of the upgrade are followed (RFC 6455 §4.1 leaves it to the client).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Redirects {
    /// None is: a server that moves is news, as browsers see it.
    #[default]
    Refuse,
    /// They are, and each attempt begins anew with the original request.
    Follow {
        /// How many in a row; those that go in circles end here.
        max: u8,
    },
}

/// A request to make instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redirect {
    request: Request,
    same_origin: bool,
}

/// Why a redirect is not followed. What the session is told is that the upgrade was rejected, with the status.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RedirectError {
    /// Redirects are not to be followed.
    NotAllowed {
        /// Where it would have gone, without its query.
        location: String,
    },
    /// As many as allowed were followed.
    TooMany {
        /// How many that is.
        max: u8,
    },
    /// There is no `Location`, or more than one.
    NoLocation {
        /// How many there are.
        found: usize,
    },
    /// `Location` is nothing that a WebSocket can be asked for at.
    Location {
        /// What it is, without its query.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// In the clear, from `wss` or where everything is to be secret: what was to be secret would not be.
    Insecure {
        /// Where it would have gone, without its query.
        location: String,
    },
}

impl Redirects {
    /// What a rejection means for this request, when so many redirects were followed before: another request, or `None` if
    /// it is no redirect (of status 301, 302, 307 or 308).
    ///
    /// `Location` may be relative (RFC 9110 §10.2.2); `http` and `https` mean `ws` and `wss`. Another origin is asked
    /// [without credentials](Request::redirected).
    ///
    /// # Errors
    /// A redirect that is not to be followed, and why.
    pub fn judge(
        self,
        request: &Request,
        rejected: &Rejected,
        followed: u8,
    ) -> Result<Option<Redirect>, RedirectError> {
        if !matches!(rejected.status(), 301 | 302 | 307 | 308) {
            return Ok(None);
        }
        let locations: Vec<&[u8]> = rejected.headers().get_all("location").collect();
        let &[location] = locations.as_slice() else {
            return Err(RedirectError::NoLocation { found: locations.len() });
        };
        match self {
            Self::Refuse => return Err(RedirectError::NotAllowed { location: without_query(location) }),
            Self::Follow { max } if followed >= max => return Err(RedirectError::TooMany { max }),
            Self::Follow { .. } => {}
        }
        let next = resolve(request, location)?;
        if request.scheme() == Scheme::Wss && next.scheme() == Scheme::Ws {
            return Err(RedirectError::Insecure { location: without_query(location) });
        }
        let same_origin = request.is_of_one_origin_with(&next);
        Ok(Some(Redirect { request: next, same_origin }))
    }
}

impl Redirect {
    /// The request to make instead, by way of a new connection.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// The request, and nothing else.
    #[must_use]
    pub fn into_request(self) -> Request {
        self.request
    }

    /// Whether it goes to the same scheme, host and port. If not, credentials have been left out of it, and whatever else
    /// was meant for the old server is to be left behind, too.
    #[must_use]
    pub const fn is_same_origin(&self) -> bool {
        self.same_origin
    }
}

/// The request that `location` means, seen from this one (RFC 3986 §5.2).
fn resolve(from: &Request, location: &[u8]) -> Result<Request, RedirectError> {
    let refuse = |expected: &str| {
        Err(RedirectError::Location { found: without_query(location), expected: expected.to_string() })
    };
    let Ok(text) = core::str::from_utf8(location.trim_ascii()) else { return refuse("ASCII") };
    // A fragment would be for the page that is shown.
    let text = text.split('#').next().unwrap_or_default();
    let (scheme, rest) = match scheme(text) {
        None => (from.scheme(), text),
        Some((name, rest)) => {
            let is = |names: [&str; 2]| names.iter().any(|other| other.eq_ignore_ascii_case(name));
            let scheme = match () {
                () if is(["ws", "http"]) => Scheme::Ws,
                () if is(["wss", "https"]) => Scheme::Wss,
                () => return refuse("`ws`, `wss`, `http` or `https`"),
            };
            if !rest.starts_with("//") {
                return refuse("`//` and a host behind the scheme");
            }
            (scheme, rest)
        }
    };
    let Some(rest) = rest.strip_prefix("//") else {
        return redirected(from, location, scheme, from.host(), Some(from.port()), &relative(from.target(), rest));
    };
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return refuse("no user and no password");
    }
    let (host, port) = split_port(authority);
    let port = match port.unwrap_or_default() {
        "" => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => match digits.parse() {
            Ok(port) => Some(port),
            Err(_) => return refuse("a port from 1 to 65535"),
        },
        _ => return refuse("a port from 1 to 65535"),
    };
    redirected(from, location, scheme, host, port, &relative("/", target))
}

fn redirected(
    from: &Request,
    location: &[u8],
    scheme: Scheme,
    host: &str,
    port: Option<u16>,
    target: &str,
) -> Result<Request, RedirectError> {
    let refuse = |wrong: RequestError| {
        let expected = format!("{}: {}", wrong.part(), wrong.expected());
        RedirectError::Location { found: without_query(location), expected }
    };
    from.redirected(scheme, host, port, target).map_err(refuse)
}

/// The scheme and what follows its colon (RFC 3986 §3.1).
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(':')?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    (begins && name.bytes().all(allowed)).then_some((name, rest))
}

/// Path and query of a reference without an authority, seen from a target (RFC 3986 §5.2.2 and §5.2.3).
fn relative(base: &str, reference: &str) -> String {
    let base_path = base.split('?').next().unwrap_or_default();
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    };
    let path = match path {
        // The same document, perhaps with another query.
        "" if query.is_none() => return base.to_string(),
        "" => base_path.to_string(),
        path if path.starts_with('/') => without_dots(path),
        path => without_dots(&format!("{}{path}", &base_path[..=base_path.rfind('/').unwrap_or(0)])),
    };
    query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"))
}

/// The path without `.` and `..` (RFC 3986 §5.2.4). It begins with a slash.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if segments.peek().is_none() {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

/// A location as an error may show it: queries carry tokens, and so does what stands before an `@`.
fn without_query(location: &[u8]) -> String {
    let end = location.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(location.len());
    let visible = &location[..end];
    match visible.iter().rposition(|&byte| byte == b'@') {
        Some(at) => format!("…{}", shown(&visible[at..])),
        None => shown(visible),
    }
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed { location } => write!(f, "a redirect to `{location}`: redirects are not followed"),
            Self::TooMany { max } => write!(f, "more than the {max} redirects allowed"),
            Self::NoLocation { found: 0 } => f.write_str("a redirect without `Location` (RFC 9110 §15.4)"),
            Self::NoLocation { found } => write!(f, "a redirect with {found} `Location` headers (RFC 9110 §10.2.2)"),
            Self::Location { found, expected } => write!(f, "a redirect to `{found}`: expected {expected}"),
            Self::Insecure { location } => write!(f, "a redirect to `{location}`, in the clear: expected `wss`"),
        }
    }
}

impl error::Error for RedirectError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3986 §5.4, with paths alone: the base there is `http://a/b/c/d;p?q`.
    #[test]
    fn references_are_resolved_as_in_the_examples_of_the_rfc() {
        for (reference, target) in [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            (";x", "/b/c/;x"),
            ("g;x", "/b/c/g;x"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../", "/"),
            ("../../g", "/g"),
            ("../../../g", "/g"),
            ("../../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            (".g", "/b/c/.g"),
            ("g..", "/b/c/g.."),
            ("..g", "/b/c/..g"),
            ("./../g", "/b/g"),
            ("./g/.", "/b/c/g/"),
            ("g/./h", "/b/c/g/h"),
            ("g/../h", "/b/c/h"),
            ("g;x=1/./y", "/b/c/g;x=1/y"),
            ("g;x=1/../y", "/b/c/y"),
            ("g?y/./x", "/b/c/g?y/./x"),
            ("g?y/../x", "/b/c/g?y/../x"),
        ] {
            assert_eq!(relative("/b/c/d;p?q", reference), target, "{reference}");
        }
    }

    /// RFC 3986 §5.2.4.
    #[test]
    fn dots_are_removed_as_in_the_examples_of_the_rfc() {
        assert_eq!(without_dots("/a/b/c/./../../g"), "/a/g");
        assert_eq!(without_dots("/mid/content=5/../6"), "/mid/6");
        assert_eq!(without_dots("/a//../b//"), "/a/b//");
    }

    #[test]
    fn a_location_is_shown_without_what_may_be_secret() {
        assert_eq!(without_query(b"https://user:secret@h/a?token=secret#secret"), "…@h/a");
        assert_eq!(without_query(b"/a\r\n\xff"), r"/a\r\n\xff");
    }
}
