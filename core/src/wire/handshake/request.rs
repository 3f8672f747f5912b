//! The request that asks for a WebSocket (RFC 6455 §4.1).

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use super::{
    answer::{Handshake, base64},
    judge::Offer,
    part::{self, RequestError, RequestPart},
};
use crate::wire::Buffer;
#[cfg(feature = "deflate")]
use crate::wire::deflate;

/// `ws` or `wss` (RFC 6455 §3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scheme {
    /// Over TCP.
    Ws,
    /// Over TLS.
    Wss,
}

/// A request for a WebSocket, each part of it checked: whatever the parts were, it is one HTTP request, with the headers
/// that were asked for and no others.
///
/// It can be written again and again, with a new nonce each time, and is meant to be kept for reconnects.
///
/// ```
/// use steadfast_core::wire::{Buffer, handshake::{Request, Scheme}};
///
/// let request = Request::new(Scheme::Wss, "example.com", None, "/chat?room=7")?
///     .origin("https://example.com")?
///     .subprotocol("chat.v2")?
///     .header("Authorization", "Bearer …token…".replace('…', ""))?;
/// let (mut out, nonce) = (Buffer::new(), *b"sixteen random B"); // from the operating system's generator
/// let handshake = request.begin(nonce, &mut out);
/// assert!(out.as_slice().starts_with(b"GET /chat?room=7 HTTP/1.1\r\nHost: example.com\r\n"));
/// # let _ = handshake;
/// # Ok::<(), steadfast_core::wire::handshake::RequestError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    scheme: Scheme,
    /// IPv6 without brackets.
    host: String,
    port: u16,
    target: String,
    /// What the `Host` header says; host and port if nothing else was asked for.
    authority: String,
    /// In the caller's order and case.
    headers: Vec<(String, Vec<u8>)>,
    offer: Offer,
}

impl Scheme {
    /// The port that is meant when none is named: 80 or 443.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// `ws` or `wss`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }
}

impl Request {
    /// A request to `host`, a name or an address, for `target`, which is the path and the query (empty: `/`).
    ///
    /// `Host` names the port unless it is the scheme's own, and IPv6 addresses in brackets, which `host` may have or not.
    ///
    /// # Errors
    /// A host that is none, port 0, a target with a fragment, white space or other characters that a URL cannot hold.
    pub fn new(scheme: Scheme, host: &str, port: Option<u16>, target: &str) -> Result<Self, RequestError> {
        let host = part::host(host)?;
        let port = part::port(port)?.unwrap_or(scheme.default_port());
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let authority = if port == scheme.default_port() { bracketed } else { format!("{bracketed}:{port}") };
        let target = part::target(target)?;
        Ok(Self { scheme, host, port, target, authority, headers: Vec::new(), offer: Offer::default() })
    }

    /// Makes the `Host` header say something else than host and port: a virtual host behind an address or a tunnel.
    ///
    /// # Errors
    /// What is not a host, IPv6 in brackets, and perhaps a port.
    pub fn host_header(mut self, value: &str) -> Result<Self, RequestError> {
        self.authority = part::host_header(value)?;
        Ok(self)
    }

    /// Says on which page's behalf the client asks (RFC 6454); servers that serve browsers may insist on it. The same as
    /// a [`header`](Self::header) of that name.
    ///
    /// # Errors
    /// What is not one word of visible ASCII, or another origin before it.
    pub fn origin(self, origin: &str) -> Result<Self, RequestError> {
        self.header("Origin", origin)
    }

    /// Offers a subprotocol (RFC 6455 §1.9), the most wanted first. The server must then choose one of those offered: as
    /// in browsers, an answer without a choice is refused.
    ///
    /// # Errors
    /// A name that is not a token, or that was offered before.
    pub fn subprotocol(mut self, name: &str) -> Result<Self, RequestError> {
        part::token(RequestPart::Subprotocol, name)?;
        if self.offer.subprotocols.iter().any(|offered| offered == name) {
            return Err(RequestError::new(RequestPart::Subprotocol, "one that was offered before", "each only once"));
        }
        self.offer.subprotocols.push(name.to_string());
        Ok(self)
    }

    /// Offers permessage-deflate (RFC 7692). The server may do without it.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, offer: deflate::Offer) -> Self {
        self.offer.deflate = Some(offer);
        self
    }

    /// Adds a header. Headers keep the order and the case in which they were added.
    ///
    /// # Errors
    /// A name or a value that HTTP does not allow, so that no header can smuggle in another; a second `Origin`; and the
    /// names that the handshake writes itself or that would give the request a body: `Host`, `Upgrade`, `Connection`,
    /// `Sec-WebSocket-…`, `Content-Length` and `Transfer-Encoding`.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, RequestError> {
        part::token(RequestPart::HeaderName, name)?;
        let value = value.as_ref();
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) || is_websocket(name) {
            let expected = "one that does not belong to the handshake";
            return Err(RequestError::new(RequestPart::HeaderName, part::quoted(name), expected));
        }
        if name.eq_ignore_ascii_case("origin") {
            part::origin(value)?;
            if self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return Err(RequestError::new(RequestPart::Origin, "a second", "one"));
            }
        }
        part::header_value(name, value)?;
        self.headers.push((name.to_string(), value.to_vec()));
        Ok(self)
    }

    /// Adds cookies, as a `Cookie` header has them (RFC 6265 §4.2.1), behind those of a header that is there already: there
    /// may be only one (§5.4). Nothing is added for nothing.
    ///
    /// # Errors
    /// What HTTP does not allow in a header.
    pub fn cookies(mut self, pairs: impl AsRef<[u8]>) -> Result<Self, RequestError> {
        let pairs = pairs.as_ref();
        if pairs.is_empty() {
            return Ok(self);
        }
        part::header_value("Cookie", pairs)?;
        match self.headers.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("cookie")) {
            Some((_, value)) => {
                if !value.trim_ascii_end().is_empty() {
                    value.extend_from_slice(b"; ");
                }
                value.extend_from_slice(pairs);
                Ok(self)
            }
            None => self.header("Cookie", pairs),
        }
    }

    /// The same request to another place. If that is of another origin (scheme, host, port), it is made without
    /// `Authorization`, `Proxy-Authorization` and `Cookie`, which are secrets between the client and the old one, and with
    /// a `Host` header of its own. Other headers and the offer of subprotocols go along.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn redirected(
        &self,
        scheme: Scheme,
        host: &str,
        port: Option<u16>,
        target: &str,
    ) -> Result<Self, RequestError> {
        let mut request = Self::new(scheme, host, port, target)?;
        request.headers.clone_from(&self.headers);
        request.offer = self.offer.clone();
        if self.is_of_one_origin_with(&request) {
            request.authority.clone_from(&self.authority);
        } else {
            request.headers.retain(|(name, _)| !SECRET.iter().any(|secret| secret.eq_ignore_ascii_case(name)));
        }
        Ok(request)
    }

    /// Whether both go to the same origin: scheme, host and port (RFC 6454 §5).
    #[must_use]
    pub fn is_of_one_origin_with(&self, other: &Self) -> bool {
        (self.scheme, self.port) == (other.scheme, other.port) && self.host.eq_ignore_ascii_case(&other.host)
    }

    /// Appends the request to `out`, and begins to wait for its answer.
    ///
    /// `nonce` is what shows that the answer is one to this request: 16 bytes from a generator that the server cannot
    /// foresee, new for each connection (RFC 6455 §4.1).
    #[must_use = "the answer has to be judged"]
    pub fn begin(&self, nonce: [u8; 16], out: &mut Buffer) -> Handshake {
        let key = base64(&nonce);
        let mut line = |parts: &[&[u8]]| {
            for part in parts {
                out.extend_from_slice(part);
            }
            out.extend_from_slice(b"\r\n");
        };
        line(&[b"GET ", self.target.as_bytes(), b" HTTP/1.1"]);
        line(&[b"Host: ", self.authority.as_bytes()]);
        line(&[b"Upgrade: websocket"]);
        line(&[b"Connection: Upgrade"]);
        line(&[b"Sec-WebSocket-Key: ", &key]);
        line(&[b"Sec-WebSocket-Version: 13"]);
        if !self.offer.subprotocols.is_empty() {
            line(&[b"Sec-WebSocket-Protocol: ", self.offer.subprotocols.join(", ").as_bytes()]);
        }
        #[cfg(feature = "deflate")]
        if let Some(offer) = &self.offer.deflate {
            line(&[b"Sec-WebSocket-Extensions: ", offer.header_value().as_bytes()]);
        }
        for (name, value) in &self.headers {
            line(&[name.as_bytes(), b": ", value]);
        }
        line(&[]);
        Handshake::new(&key, self.offer.clone())
    }

    /// `ws` or `wss`.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host: a name or an address, IPv6 without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; the scheme's own if none was named.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, as the request line names them.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What the `Host` header says.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The subprotocols offered.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        &self.offer.subprotocols
    }

    /// The headers added.
    #[must_use]
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }
}

impl fmt::Debug for Request {
    /// Header values, the query and subprotocols (where tokens are passed by those who can set no header) may hold
    /// secrets: they are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut request = f.debug_struct("Request");
        #[cfg(feature = "deflate")]
        request.field("deflate", &self.offer.deflate);
        request
            .field("scheme", &self.scheme)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("path", &self.target.split('?').next().unwrap_or_default())
            .field("authority", &self.authority)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("subprotocols", &self.offer.subprotocols.len())
            .finish()
    }
}

fn is_websocket(name: &str) -> bool {
    name.as_bytes().get(..14).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"sec-websocket-"))
}

/// Headers that the handshake itself writes, or that would make the request have a body.
const RESERVED: [&str; 5] = ["Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding"];
/// Headers that are meant for one origin, and for no other.
const SECRET: [&str; 3] = ["Authorization", "Proxy-Authorization", "Cookie"];
