//! Where to connect, and what the upgrade request says.

use std::{fmt, sync::Arc};

use steadfast_core::{
    dial::{Hop, Race, Route},
    wire::handshake::{Request, RequestError, RequestPart, Scheme},
};

use crate::engine::EngineKind;

/// Where to connect, and what the upgrade request says beyond what RFC 6455 §4.1 demands.
///
/// Checked once, cheap to clone, and meant to be shared by many sessions.
///
/// ```
/// use steadfast_transport::Endpoint;
///
/// let endpoint = Endpoint::parse("ws://example.com/chat?room=7")?
///     .header("Authorization", "Bearer …token…".replace('…', ""))?
///     .subprotocol("chat.v2")?;
/// assert_eq!(endpoint.host(), "example.com");
/// assert_eq!(endpoint.port(), 80);
///
/// let error = Endpoint::parse("http://example.com/").unwrap_err();
/// assert_eq!(error.field(), "scheme");
/// # Ok::<(), steadfast_transport::EndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Arc<Parts>);

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    request: Request,
    engine: EngineKind,
    race: Race,
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
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if let Some((_, host)) = authority.rsplit_once('@') {
            return Err(refuse("userinfo", format!("…@{host}"), "none: send credentials in a header"));
        }
        if authority.is_empty() || authority.starts_with(':') {
            return Err(refuse("host", shown(url), "a name or an address"));
        }
        let (host, port) = host_and_port(authority).map_err(|wrong| match target.rsplit_once('@') {
            // What looks like a port is a part of a password with a slash in it.
            Some((_, host)) => refuse("userinfo", format!("…@{host}"), "none: send credentials in a header"),
            None => wrong,
        })?;
        let request = Request::new(Scheme::Ws, host, port, target)?;
        Ok(Self(Arc::new(Parts { request, engine: EngineKind::default(), race: Race::default() })))
    }

    /// Adds a header to the request. Headers keep the order and the case in which they were added.
    ///
    /// # Errors
    /// A name or a value that HTTP does not allow (so that no header can smuggle in another), a second `Origin`, and the
    /// names that belong to the handshake itself: `Host`, `Upgrade`, `Connection`, `Content-Length`, `Transfer-Encoding`
    /// and `Sec-WebSocket-…`.
    pub fn header(self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<Self, EndpointError> {
        self.map(|request| request.header(name.as_ref(), value))
    }

    /// Offers a subprotocol (RFC 6455 §1.9), the most wanted first. The server must then choose one of those offered.
    ///
    /// # Errors
    /// A name that is not an HTTP token, or that was offered before.
    pub fn subprotocol(self, name: impl AsRef<str>) -> Result<Self, EndpointError> {
        self.map(|request| request.subprotocol(name.as_ref()))
    }

    /// Makes the `Host` header say something else than host and port: a virtual host behind an address or a tunnel.
    ///
    /// # Errors
    /// What is not a host, IPv6 in brackets, and perhaps a port.
    pub fn host_header(self, value: &str) -> Result<Self, EndpointError> {
        self.map(|request| request.host_header(value))
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
        self.0.request.host()
    }

    /// The port; 80 if the URL names none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.request.port()
    }

    /// Path and query, as the request line names them.
    #[must_use]
    pub fn target(&self) -> &str {
        self.0.request.target()
    }

    /// The subprotocols offered.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        self.0.request.subprotocols()
    }

    /// What turns bytes into messages and back.
    #[must_use]
    pub fn engine_kind(&self) -> &EngineKind {
        &self.0.engine
    }

    /// The first hop, and the stages behind it.
    pub(crate) fn route(&self) -> Route {
        Route::direct(Hop::new(self.host(), self.port()))
    }

    /// How addresses race.
    pub(crate) fn race(&self) -> Race {
        self.0.race
    }

    pub(crate) fn request(&self) -> &Request {
        &self.0.request
    }

    fn map(mut self, change: impl FnOnce(Request) -> Result<Request, RequestError>) -> Result<Self, EndpointError> {
        let parts = Arc::make_mut(&mut self.0);
        parts.request = change(parts.request.clone())?;
        Ok(self)
    }
}

impl EndpointError {
    /// Which part is wrong: `url`, `scheme`, `host`, `port`, `userinfo`, `target`, `fragment`, `host header`, `origin`,
    /// `header name`, `header value` or `subprotocol`.
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

impl From<RequestError> for EndpointError {
    fn from(error: RequestError) -> Self {
        let field = match error.part() {
            RequestPart::Scheme => "scheme",
            RequestPart::Host => "host",
            RequestPart::Port => "port",
            RequestPart::Target => "target",
            RequestPart::HostHeader => "host header",
            RequestPart::Origin => "origin",
            RequestPart::Subprotocol => "subprotocol",
            RequestPart::HeaderName => "header name",
            RequestPart::HeaderValue => "header value",
            _ => "request",
        };
        let found = error.found();
        let value = found.strip_prefix('`').and_then(|found| found.strip_suffix('`')).unwrap_or(found);
        Self { field, value: value.to_owned(), expected: error.expected() }
    }
}

impl std::error::Error for EndpointError {}

impl fmt::Debug for Endpoint {
    /// Header values and the query may hold secrets: they are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("request", &self.0.request).field("engine", &self.0.engine).finish()
    }
}

impl fmt::Display for Endpoint {
    /// The URL without its query, which may hold a token. Where the `Host` header says something else than the URL, that
    /// is left out, too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host();
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let port = if self.port() == Scheme::Ws.default_port() { String::new() } else { format!(":{}", self.port()) };
        write!(f, "ws://{bracketed}{port}{}", without_query(self.target()))
    }
}

/// The host, IPv6 in its brackets, and the port, if there is one.
fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), EndpointError> {
    let end = authority.find(']').map_or(0, |bracket| bracket + 1);
    let Some(colon) = authority[end..].find(':') else { return Ok((authority, None)) };
    let (host, digits) = (&authority[..end + colon], &authority[end + colon + 1..]);
    match digits.parse() {
        Ok(port) if port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok((host, Some(port))),
        _ => Err(refuse("port", digits.escape_debug(), "1 to 65535")),
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
        assert_eq!(endpoint.to_string(), "ws://example.com:8080/a/b");
    }

    #[test]
    fn what_the_url_leaves_out_has_defaults() {
        let endpoint = Endpoint::parse("WS://[::1]").expect("a good URL");
        assert_eq!((endpoint.host(), endpoint.port(), endpoint.target()), ("::1", 80, "/"));
        assert_eq!(endpoint.to_string(), "ws://[::1]/");
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
        assert_eq!(field_of("ws://[::1/"), "port");
        assert_eq!(field_of("ws://[fe]/"), "host");
        assert_eq!(field_of("ws://h:0/"), "port");
        assert_eq!(field_of("ws://h:65536/"), "port");
        assert_eq!(field_of("ws://h:/"), "port");
        assert_eq!(field_of("ws://user:secret@h/"), "userinfo");
        assert_eq!(field_of("ws://h/#there"), "fragment");
        assert_eq!(field_of("ws://h:+1/"), "port");
        assert_eq!(field_of("ws://[::1]x/"), "host");
        assert_eq!(field_of("ws://h\\i/"), "host");
        assert_eq!(field_of("ws://h/a b"), "target");
    }

    #[test]
    fn an_error_shows_no_secrets() {
        let error = Endpoint::parse("ws://user:secret@h/").expect_err("userinfo is refused");
        assert!(!error.to_string().contains("secret"), "{error}");
        for url in ["ws://user:sec/ret@h/", "ws://user:sec?ret@h/"] {
            let error = Endpoint::parse(url).expect_err("userinfo is refused");
            assert_eq!((error.field(), error.value()), ("userinfo", "…@h/"));
        }
        assert_eq!(Endpoint::parse("ws://h:8o/").expect_err("no number").value(), "8o");
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
