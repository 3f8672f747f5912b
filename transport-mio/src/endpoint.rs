//! Where to connect, and what the upgrade request says.

use std::{fmt, net::IpAddr, sync::Arc};

use http::{HeaderName, HeaderValue, Uri};

use crate::engine::EngineKind;

/// Where to connect, and what the upgrade request says beyond what RFC 6455 §4.1 demands.
///
/// Checked once, cheap to clone, and meant to be shared by many sessions.
///
/// ```
/// use steadfast_mio::Endpoint;
///
/// let endpoint = Endpoint::parse("ws://example.com/chat?room=7")?
///     .header("Authorization", "Bearer …token…".replace('…', ""))?
///     .subprotocol("chat.v2")?;
/// assert_eq!(endpoint.host(), "example.com");
/// assert_eq!(endpoint.port(), 80);
///
/// let error = Endpoint::parse("http://example.com/").unwrap_err();
/// assert_eq!(error.field(), "scheme");
/// # Ok::<(), steadfast_mio::EndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Arc<Parts>);

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    /// As in the URL, IPv6 addresses without their brackets.
    host: String,
    port: u16,
    /// Path and query: what the request line names.
    target: String,
    /// In the caller's order and case.
    headers: Vec<(String, HeaderValue)>,
    subprotocols: Vec<String>,
    engine: EngineKind,
}

/// Why an [`Endpoint`] cannot be: which part of it, what was found there, and what was expected.
///
/// Header values, user names and passwords are never shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointError {
    field: &'static str,
    value: String,
    expected: &'static str,
}

impl Endpoint {
    /// Reads a `ws://host[:port][/path][?query]` URL (RFC 6455 §3).
    ///
    /// # Errors
    /// Names the part of the URL that is missing or wrong, and shows it. `wss://` is refused: there is no TLS yet.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| refuse("url", shown(url), "ws://host[:port][/path]"))?;
        match scheme.to_ascii_lowercase().as_str() {
            "ws" => {}
            "wss" => return Err(refuse("scheme", scheme, "`ws`: TLS is not supported by this build")),
            _ => return Err(refuse("scheme", scheme, "`ws`")),
        }
        if rest.contains('#') {
            return Err(refuse("fragment", shown(url), "none: RFC 6455 §3 forbids fragments"));
        }
        let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        if let Some((_, host)) = authority.rsplit_once('@') {
            return Err(refuse("userinfo", format!("…@{host}"), "none: send credentials in a header"));
        }
        if authority.is_empty() || authority.starts_with(':') {
            return Err(refuse("host", shown(url), "a name or an address"));
        }
        let uri: Uri = url.parse().map_err(|_| refuse("url", shown(url), "no characters that a URL cannot hold"))?;
        let authority = uri.authority().ok_or_else(|| refuse("host", shown(url), "a name or an address"))?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Ok(Self(Arc::new(Parts {
            host: host(authority)?,
            port: port(authority)?,
            target: if target.starts_with('/') { target.to_owned() } else { format!("/{target}") },
            headers: Vec::new(),
            subprotocols: Vec::new(),
            engine: EngineKind::default(),
        })))
    }

    /// Adds a header to the request. Headers keep the order and the case in which they were added.
    ///
    /// # Errors
    /// A name or a value that HTTP does not allow (so that no header can smuggle in another), and the names that belong
    /// to the handshake itself: `Host`, `Upgrade`, `Connection`, `Content-Length`, `Transfer-Encoding` and
    /// `Sec-WebSocket-…`.
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Result<Self, EndpointError> {
        let name = name.into();
        let checked = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| refuse("header name", name.escape_debug(), "letters, digits and !#$%&'*+-.^_`|~"))?;
        if RESERVED.contains(&checked.as_str()) || checked.as_str().starts_with("sec-websocket-") {
            return Err(refuse("header name", name, "one that does not belong to the handshake"));
        }
        let value = HeaderValue::from_bytes(value.as_ref())
            .map_err(|_| refuse("header value", format!("of `{name}`"), "no control characters"))?;
        Arc::make_mut(&mut self.0).headers.push((name, value));
        Ok(self)
    }

    /// Offers a subprotocol (RFC 6455 §1.9), the most wanted first. The server must then choose one of those offered.
    ///
    /// # Errors
    /// A name that is not an HTTP token, or that was offered before.
    pub fn subprotocol(mut self, name: impl Into<String>) -> Result<Self, EndpointError> {
        let name = name.into();
        // A header name is a token, too (RFC 9110 §5.6.2).
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(refuse("subprotocol", name.escape_debug(), "letters, digits and !#$%&'*+-.^_`|~"));
        }
        if self.0.subprotocols.contains(&name) {
            return Err(refuse("subprotocol", name, "each only once"));
        }
        Arc::make_mut(&mut self.0).subprotocols.push(name);
        Ok(self)
    }

    /// Chooses what turns bytes into messages and back. The native engine, unless set.
    #[must_use]
    pub fn engine(mut self, engine: EngineKind) -> Self {
        Arc::make_mut(&mut self.0).engine = engine;
        self
    }

    /// The host: a name or an address, IPv6 without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The port; 80 if the URL names none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Path and query, as the request line names them.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// The subprotocols offered.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        &self.0.subprotocols
    }

    /// What turns bytes into messages and back.
    pub(crate) fn engine_kind(&self) -> &EngineKind {
        &self.0.engine
    }

    /// The added headers.
    pub(crate) fn headers(&self) -> &[(String, HeaderValue)] {
        &self.0.headers
    }

    /// What the `Host` header says: the port only if it is not the scheme's own (RFC 6455 §4.1).
    pub(crate) fn host_header(&self) -> String {
        let Parts { host, port, .. } = &*self.0;
        match (host.contains(':'), *port) {
            (true, 80) => format!("[{host}]"),
            (true, port) => format!("[{host}]:{port}"),
            (false, 80) => host.clone(),
            (false, port) => format!("{host}:{port}"),
        }
    }
}

impl EndpointError {
    /// Which part is wrong: `url`, `scheme`, `host`, `port`, `userinfo`, `fragment`, `header name`, `header value` or
    /// `subprotocol`.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// What was found there; never a secret.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`: expected {}", self.field, self.value, self.expected)
    }
}

impl std::error::Error for EndpointError {}

impl fmt::Debug for Endpoint {
    /// Header values and the query may hold secrets: they are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("host", &self.0.host)
            .field("port", &self.0.port)
            .field("path", &without_query(&self.0.target))
            .field("headers", &self.0.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("subprotocols", &self.0.subprotocols)
            .field("engine", &self.0.engine)
            .finish()
    }
}

impl fmt::Display for Endpoint {
    /// The URL without its query, which may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ws://{}{}", self.host_header(), without_query(&self.0.target))
    }
}

fn host(authority: &http::uri::Authority) -> Result<String, EndpointError> {
    let host = authority.host();
    let Some(inner) = host.strip_prefix('[') else {
        return match host {
            "" => Err(refuse("host", authority.as_str(), "a name or an address")),
            name => Ok(name.to_owned()),
        };
    };
    match inner.strip_suffix(']').map(str::parse::<IpAddr>) {
        Some(Ok(IpAddr::V6(address))) => Ok(address.to_string()),
        _ => Err(refuse("host", host, "an IPv6 address in brackets")),
    }
}

fn port(authority: &http::uri::Authority) -> Result<u16, EndpointError> {
    let Some(port) = authority.as_str()[authority.host().len()..].strip_prefix(':') else { return Ok(80) };
    match port.parse() {
        Ok(0) | Err(_) => Err(refuse("port", port, "1 to 65535")),
        Ok(port) => Ok(port),
    }
}

fn without_query(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

/// The URL as an error may show it: no user, no password, no query.
fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let rest = without_query(rest);
    let end = rest.find('/').unwrap_or(rest.len());
    let rest = rest[..end].rfind('@').map_or(rest, |at| &rest[at + 1..]);
    let separator = if url.contains("://") { "://" } else { "" };
    format!("{scheme}{separator}{rest}").escape_debug().collect()
}

fn refuse(field: &'static str, value: impl fmt::Display, expected: &'static str) -> EndpointError {
    EndpointError { field, value: value.to_string(), expected }
}

/// Headers that the handshake itself writes, or that would make the request have a body.
const RESERVED: [&str; 5] = ["host", "upgrade", "connection", "content-length", "transfer-encoding"];

#[cfg(test)]
mod tests {
    use super::*;

    fn field_of(url: &str) -> &'static str {
        Endpoint::parse(url).expect_err(url).field()
    }

    #[test]
    fn a_url_is_taken_apart() {
        let endpoint = Endpoint::parse("ws://example.com:8080/a/b?c=d").expect("a good URL");
        assert_eq!((endpoint.host(), endpoint.port(), endpoint.target()), ("example.com", 8080, "/a/b?c=d"));
        assert_eq!(endpoint.host_header(), "example.com:8080");
    }

    #[test]
    fn what_the_url_leaves_out_has_defaults() {
        let endpoint = Endpoint::parse("WS://[::1]").expect("a good URL");
        assert_eq!((endpoint.host(), endpoint.port(), endpoint.target()), ("::1", 80, "/"));
        assert_eq!(endpoint.host_header(), "[::1]");
        assert_eq!(Endpoint::parse("ws://h?q=1").expect("a good URL").target(), "/?q=1");
    }

    #[test]
    fn a_bad_url_is_refused_by_the_part_that_is_wrong() {
        assert_eq!(field_of("example.com"), "url");
        assert_eq!(field_of("http://example.com"), "scheme");
        assert_eq!(field_of("wss://example.com"), "scheme");
        assert_eq!(field_of("ws://"), "host");
        assert_eq!(field_of("ws:///path"), "host");
        assert_eq!(field_of("ws://:80/"), "host");
        assert_eq!(field_of("ws://[::1/"), "url");
        assert_eq!(field_of("ws://[fe]/"), "host");
        assert_eq!(field_of("ws://h:0/"), "port");
        assert_eq!(field_of("ws://h:65536/"), "port");
        assert_eq!(field_of("ws://h:/"), "port");
        assert_eq!(field_of("ws://user:secret@h/"), "userinfo");
        assert_eq!(field_of("ws://h/#there"), "fragment");
        assert_eq!(field_of("ws://h/a b"), "url");
    }

    #[test]
    fn an_error_shows_no_secrets() {
        let error = Endpoint::parse("ws://user:secret@h/").expect_err("userinfo is refused");
        assert!(!error.to_string().contains("secret"), "{error}");
        let error = Endpoint::parse("ws://h/?token=secret#x").expect_err("a fragment is refused");
        assert!(!error.to_string().contains("secret"), "{error}");
        let endpoint = Endpoint::parse("ws://h/").expect("a good URL");
        let error = endpoint.clone().header("X-Key", "secret\r\nX-Other: 1").expect_err("injection is refused");
        assert!(!error.to_string().contains("secret"), "{error}");
        let endpoint = endpoint.header("Authorization", "secret").expect("a good header");
        assert!(!format!("{endpoint:?} {endpoint}").contains("secret"));
    }

    #[test]
    fn headers_of_the_handshake_cannot_be_set() {
        for name in ["Host", "upgrade", "Connection", "Sec-WebSocket-Key", "sec-websocket-protocol", "Content-Length"] {
            let error = Endpoint::parse("ws://h/").expect("a good URL").header(name, "x").expect_err(name);
            assert_eq!((error.field(), error.value()), ("header name", name));
        }
    }

    #[test]
    fn a_subprotocol_is_a_token_and_offered_once() {
        let endpoint = Endpoint::parse("ws://h/").expect("a good URL").subprotocol("a").expect("a token");
        assert!(endpoint.clone().subprotocol("a").is_err());
        assert!(endpoint.clone().subprotocol("a, b").is_err());
        assert!(endpoint.subprotocol("").is_err());
    }
}
