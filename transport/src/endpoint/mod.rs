//! Where to connect, by what way, and what the upgrade request says.

mod error;
mod url;

use std::{fmt, net::IpAddr, path::Path, sync::Arc};

use steadfast_core::{
    dial::{Hop, Peer, Race, Route},
    wire::handshake::{Request, RequestError, Scheme},
};

pub use self::error::EndpointError;
use self::{
    error::refuse,
    url::{Url, without_query},
};
use crate::{
    engine::EngineKind,
    net::{Address, SocketOptions},
};

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
    /// The Unix domain socket, if that is where the server is.
    unix: Option<Arc<Path>>,
    race: Race,
    socket: SocketOptions,
    /// Whether nothing goes over the network in the clear.
    secure_only: bool,
}

impl Endpoint {
    /// Reads a URL (RFC 6455 §3): `ws://host[:port][/path][?query]` or `wss://…`; or, for a server on this machine,
    /// `ws+unix:/path/of/its/socket[:/path][?query]`.
    ///
    /// # Errors
    /// Names the part of the URL that is missing or wrong, and shows it.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let Url { request, unix } = Url::parse(url)?;
        Ok(Self(Arc::new(Parts {
            request,
            engine: EngineKind::default(),
            unix: unix.map(Arc::from),
            race: Race::default(),
            socket: SocketOptions::default(),
            secure_only: false,
        })))
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

    /// Refuses what goes over a network in the clear: `ws://` to anything but this machine, now and wherever a redirect
    /// leads.
    ///
    /// ```
    /// use steadfast_transport::Endpoint;
    ///
    /// assert!(Endpoint::parse("ws://127.0.0.1:9001/")?.secure_only().is_ok());
    /// assert_eq!(Endpoint::parse("ws://example.com/")?.secure_only().unwrap_err().field(), "scheme");
    /// # Ok::<(), steadfast_transport::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// This endpoint is one of those.
    pub fn secure_only(mut self) -> Result<Self, EndpointError> {
        if !self.is_secure() && !self.is_local() {
            return Err(refuse("scheme", self.request().scheme().as_str(), "`wss`, as this is not a loopback address"));
        }
        Arc::make_mut(&mut self.0).secure_only = true;
        Ok(self)
    }

    /// Sets how the addresses of a name race (RFC 8305).
    #[must_use]
    pub fn race(mut self, race: Race) -> Self {
        Arc::make_mut(&mut self.0).race = race;
        self
    }

    /// Sets what the operating system is asked for with each socket.
    #[must_use]
    pub fn socket_options(mut self, socket: SocketOptions) -> Self {
        Arc::make_mut(&mut self.0).socket = socket;
        self
    }

    /// Whether the connection is over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.0.request.scheme() == Scheme::Wss
    }

    /// Whether the server is on this machine, as far as its name tells: a Unix domain socket, a loopback address, or
    /// `localhost`.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let host = self.host();
        let loopback = |address: IpAddr| address.to_canonical().is_loopback();
        self.0.unix.is_some() || host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(loopback)
    }

    /// The host: a name or an address, IPv6 without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.request.host()
    }

    /// The port; that of the scheme if the URL names none.
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

    /// The Unix domain socket, if that is where the server is.
    #[must_use]
    pub fn unix_path(&self) -> Option<&Path> {
        self.0.unix.as_deref()
    }

    /// The first hop, and the stages behind it.
    pub(crate) fn route(&self) -> Route {
        let hop = if self.0.unix.is_some() { Hop::Local } else { Hop::new(self.host(), self.port()) };
        let route = Route::direct(hop);
        if self.is_secure() { route.with_tls() } else { route }
    }

    /// Where a socket of the dialer's goes.
    pub(crate) fn address(&self, peer: Peer) -> Address {
        match (peer, &self.0.unix) {
            (Peer::Tcp(address), _) => Address::Tcp(address),
            (Peer::Local, path) => Address::Unix(path.clone().expect("only then is the hop local")),
        }
    }

    pub(crate) fn dial_settings(&self) -> (Race, SocketOptions) {
        (self.0.race, self.0.socket)
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

impl fmt::Debug for Endpoint {
    /// Header values and the query may hold secrets: they are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("request", &self.0.request)
            .field("engine", &self.0.engine)
            .field("unix", &self.0.unix)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Endpoint {
    /// The URL without its query, which may hold a token. Where the `Host` header says something else than the URL, that
    /// is left out, too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = without_query(self.target());
        if let Some(path) = &self.0.unix {
            return write!(f, "ws+unix:{}:{target}", path.display());
        }
        let (scheme, host) = (self.request().scheme(), self.host());
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let port = if self.port() == scheme.default_port() { String::new() } else { format!(":{}", self.port()) };
        write!(f, "{}://{bracketed}{port}{target}", scheme.as_str())
    }
}

#[cfg(test)]
mod tests;
