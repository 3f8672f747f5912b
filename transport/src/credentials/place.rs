//! Where a token goes: each place with what it can hold.

use std::fmt;

use steadfast_core::wire::handshake::{Request, RequestError, Scheme};

use crate::{credentials::Secret, endpoint::EndpointError};

/// Where a token goes when a connection is made.
///
/// A token that its place cannot hold (a line break in a header, say, which would be a header of its own) is not
/// sent, nor cut, nor escaped: the fetch that brought it counts as failed, and the error says which byte is the matter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place(pub(super) Where);

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Where {
    /// Behind the prefix, in the header of this name.
    Header { name: String, prefix: String },
    /// In the query of the target, percent-encoded.
    Query { name: String },
    /// Behind the prefix, as a subprotocol that is offered.
    Subprotocol { prefix: String },
    /// Not with the upgrade: in the first message.
    Message,
}

/// What is the matter with a token. It says where, and never what the token is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Misfit(String);

impl Place {
    /// `Authorization: Bearer …` (RFC 6750 §2.1). The token is one word of visible ASCII.
    #[must_use]
    pub fn bearer() -> Self {
        Self(Where::Header { name: String::from("Authorization"), prefix: String::from("Bearer ") })
    }

    /// In a header of this name, behind a prefix, which may be empty. The token is visible ASCII, with blanks only inside.
    ///
    /// # Errors
    /// A name that no added header can have, or a prefix with control characters.
    pub fn header(name: &str, prefix: &str) -> Result<Self, EndpointError> {
        blank()?.header(name, prefix)?;
        Ok(Self(Where::Header { name: name.to_owned(), prefix: prefix.to_owned() }))
    }

    /// In the query, as the parameter of this name; any bytes, percent-encoded. For servers that nothing else reaches:
    /// proxies and servers write URLs to their logs.
    ///
    /// # Errors
    /// A name with anything but letters, digits, `-`, `.`, `_` and `~`.
    pub fn query(name: &str) -> Result<Self, EndpointError> {
        if name.is_empty() || !name.bytes().all(is_unreserved) {
            return Err(EndpointError::refuse("query parameter", name, "letters, digits, `-`, `.`, `_` and `~`"));
        }
        Ok(Self(Where::Query { name: name.to_owned() }))
    }

    /// As a subprotocol that is offered behind those of the endpoint, with a prefix, which may be empty: the way of browsers,
    /// which cannot set headers. The token is of the characters that a subprotocol may have (RFC 6455 §4.1): base64url
    /// without padding fits, base64 does not.
    ///
    /// The server has to choose one of the subprotocols, so offer one that says what is spoken, too.
    ///
    /// # Errors
    /// A prefix with other characters than a subprotocol may have.
    pub fn subprotocol(prefix: &str) -> Result<Self, EndpointError> {
        blank()?.subprotocol(&format!("{prefix}x"))?;
        Ok(Self(Where::Subprotocol { prefix: prefix.to_owned() }))
    }

    /// What of the request is taken already that this would add.
    pub(crate) fn conflict(&self, request: &Request) -> Option<EndpointError> {
        match &self.0 {
            Where::Header { name, .. } => {
                let taken = request.headers().any(|(other, _)| other.eq_ignore_ascii_case(name));
                taken.then(|| EndpointError::refuse("header name", name, "no such header beside the credentials"))
            }
            Where::Query { name } => {
                let query = request.target().split_once('?').map(|(_, query)| query).unwrap_or_default();
                let taken = query.split('&').any(|pair| pair.split('=').next() == Some(name));
                let expected = "no such parameter beside the credentials";
                taken.then(|| EndpointError::refuse("query parameter", name, expected))
            }
            Where::Subprotocol { .. } | Where::Message => None,
        }
    }

    /// The request with the token in its place.
    pub(crate) fn put(&self, request: Request, secret: &Secret) -> Result<Request, Misfit> {
        let token = secret.expose();
        length(token)?;
        // Nothing of what is wrong with a token may say what it is.
        let misfit = |error: RequestError| Misfit(format!("{}: expected {}", error.part(), error.expected()));
        match &self.0 {
            Where::Header { name, prefix } => {
                let is_bearer = prefix == "Bearer ";
                let expected =
                    if is_bearer { "one word of visible ASCII" } else { "visible ASCII, blanks only inside" };
                let inside = |at: usize| !is_bearer && at > 0 && at + 1 < token.len();
                let fits = |at, byte: u8| byte.is_ascii_graphic() || byte == b' ' && inside(at);
                all(token, fits, &format_args!("the header `{name}`"), expected)?;
                let value = [prefix.as_bytes(), token].concat();
                request.header(name, value).map_err(misfit)
            }
            Where::Query { name } => {
                let target = request.target();
                let joint = match target.split_once('?') {
                    None => "?",
                    Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
                    Some(_) => "&",
                };
                let target = format!("{target}{joint}{name}={}", Encoded(token));
                request.redirected(request.scheme(), request.host(), Some(request.port()), &target).map_err(misfit)
            }
            Where::Subprotocol { prefix } => {
                let expected = "letters, digits and !#$%&'*+-.^_`|~, such as base64url without padding";
                all(token, |_, byte| is_token(byte), &"a subprotocol", expected)?;
                // All of it is ASCII by now.
                let token = str::from_utf8(token).map_err(|_| Misfit(String::from("expected ASCII")))?;
                request.subprotocol(&format!("{prefix}{token}")).map_err(misfit)
            }
            Where::Message => Ok(request),
        }
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::bearer()
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn length(token: &[u8]) -> Result<(), Misfit> {
    match token.len() {
        0 => Err(Misfit(String::from("the token is empty"))),
        len if len > LONGEST => Err(Misfit(format!("the token has {len} bytes: expected at most {LONGEST}"))),
        _ => Ok(()),
    }
}

/// Whether each byte of a token fits, and if not, which does not.
fn all(token: &[u8], fits: impl Fn(usize, u8) -> bool, place: &dyn fmt::Display, expected: &str) -> Result<(), Misfit> {
    let Some((at, &byte)) = token.iter().enumerate().find(|&(at, &byte)| !fits(at, byte)) else { return Ok(()) };
    let found = match byte {
        b'\r' | b'\n' => "a line break",
        b' ' | b'\t' => "a blank",
        byte if byte.is_ascii_control() => "a control character",
        byte if byte.is_ascii() => "a character that has no place there",
        _ => "a byte beyond ASCII",
    };
    Err(Misfit(format!("the token does not fit {place}: found {found} at byte {}, expected {expected}", at + 1)))
}

/// A request to try parts on.
fn blank() -> Result<Request, EndpointError> {
    Ok(Request::new(Scheme::Ws, "localhost", None, "/")?)
}

/// RFC 9110 §5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// RFC 3986 §2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Bytes as a query has them (RFC 3986 §2.1).
pub(super) struct Encoded<'a>(pub(super) &'a [u8]);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&byte| {
            if is_unreserved(byte) { write!(f, "{}", char::from(byte)) } else { write!(f, "%{byte:02X}") }
        })
    }
}

/// More than servers take in a head.
const LONGEST: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str) -> Request {
        Request::new(Scheme::Ws, "example.com", None, target).expect("a good request")
    }

    fn put(place: &Place, token: impl Into<Secret>) -> Result<Request, String> {
        place.put(request("/"), &token.into()).map_err(|misfit| misfit.to_string())
    }

    fn header(request: &Request) -> (&str, &[u8]) {
        request.headers().next().expect("a header")
    }

    #[test]
    fn a_bearer_token_goes_into_its_header() {
        let request = put(&Place::bearer(), "a.b|c").expect("a good token");
        assert_eq!(header(&request), ("Authorization", &b"Bearer a.b|c"[..]));
    }

    #[test]
    fn any_header_takes_a_token_behind_its_prefix() {
        let place = Place::header("X-Key", "v1 ").expect("a good place");
        assert_eq!(header(&put(&place, "a b").expect("a good token")), ("X-Key", &b"v1 a b"[..]));
    }

    #[test]
    fn a_query_takes_any_token_percent_encoded() {
        let place = Place::query("token").expect("a good place");
        for (target, expected) in [
            ("/", "/?token=a%26b%0D%0A%FF"),
            ("/x?", "/x?token=a%26b%0D%0A%FF"),
            ("/x?y=1", "/x?y=1&token=a%26b%0D%0A%FF"),
        ] {
            let placed = place.put(request(target), &Secret::from(b"a&b\r\n\xff".to_vec())).expect("a good token");
            assert_eq!(placed.target(), expected);
        }
    }

    #[test]
    fn a_subprotocol_takes_a_token_behind_its_prefix() {
        let place = Place::subprotocol("bearer.").expect("a good place");
        assert_eq!(put(&place, "a-_b").expect("a good token").subprotocols(), ["bearer.a-_b"]);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_place_and_without_what_it_is() {
        let (key, sub) = (Place::header("X-Key", "").expect("a place"), Place::subprotocol("").expect("a place"));
        for (place, token, found) in [
            (&Place::bearer(), "secret\r\nX-Other: 1", "a line break at byte 7"),
            (&Place::bearer(), "secret x", "a blank at byte 7"),
            (&Place::bearer(), "secr\u{e9}t", "a byte beyond ASCII at byte 5"),
            (&key, "secret\0", "a control character at byte 7"),
            (&key, "secret\n", "a line break at byte 7"),
            (&key, "secret ", "a blank at byte 7"),
            (&sub, "secret==", "a character that has no place there at byte 7"),
            (&sub, "secret, other", "a character that has no place there at byte 7"),
        ] {
            let misfit = put(place, token).expect_err(token);
            assert!(misfit.contains(found), "{misfit}");
            assert!(!misfit.contains("secr"), "{misfit}");
        }
    }

    #[test]
    fn nothing_and_too_much_are_no_tokens() {
        let query = Place::query("t").expect("a place");
        for place in [Place::bearer(), query] {
            assert_eq!(put(&place, "").expect_err("nothing"), "the token is empty");
            assert!(put(&place, "x".repeat(LONGEST + 1)).expect_err("too much").contains("at most"));
            assert!(put(&place, "x".repeat(LONGEST)).is_ok());
        }
    }

    #[test]
    fn places_that_cannot_be_are_refused() {
        assert_eq!(Place::header("Host", "").expect_err("the handshake's").field(), "header name");
        assert_eq!(Place::header("X-Key", "a\r\n").expect_err("two lines").field(), "header value");
        assert_eq!(Place::query("a=b").expect_err("no name").field(), "query parameter");
        assert_eq!(Place::subprotocol("a b").expect_err("two words").field(), "subprotocol");
    }

    #[test]
    fn a_token_is_where_no_other_is() {
        let place = Place::query("token").expect("a place");
        assert!(place.conflict(&request("/?token=1")).is_some());
        assert!(place.conflict(&request("/?tokens=1&x=token")).is_none());
        let other = request("/").header("authorization", "Basic x").expect("a header");
        assert!(Place::bearer().conflict(&other).is_some());
        assert!(Place::bearer().conflict(&request("/")).is_none());
    }
}
