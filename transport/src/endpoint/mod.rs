//! Where to connect, by what way, and what the upgrade request says.

mod error;
mod several;
mod url;

use std::{borrow::Cow, collections::BTreeMap, fmt, net::IpAddr, path::Path, sync::Arc};

#[cfg(feature = "_tls")]
use steadfast_core::TlsKind;
use steadfast_core::{
    ProxyKind,
    config::Config,
    dial::{
        Hop, Peer, Race, Route,
        environment::proxy_for,
        proxy::{Proxy, ProxyConfigError, Tunnel},
        redirect::{RedirectError, Redirects},
    },
    wire::handshake::{Rejected, Request, RequestError, Scheme},
};

pub use self::{error::EndpointError, several::Endpoints};
use self::{
    error::refuse,
    url::{Url, without_query},
};
#[cfg(feature = "_tls")]
use crate::tls::{Tls, TlsConfig};
use crate::{
    credentials::{Credentials, Known, Misfit},
    engine::EngineKind,
    failure::Failure,
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
    #[cfg(feature = "_tls")]
    tls: Option<TlsConfig>,
    proxy: Way,
    redirects: Redirects,
    /// Whether what a server wants to be told on the next connection is told.
    cookies: bool,
    race: Race,
    socket: SocketOptions,
    /// Whether nothing goes over the network in the clear.
    secure_only: bool,
    /// Where tokens come from, and where they go; `None` where a redirect to another origin has led.
    credentials: Option<Credentials>,
}

/// How to get to the server.
#[derive(Clone, PartialEq, Eq)]
enum Way {
    Direct,
    Proxy(Proxy),
    /// Through the proxy that these environment variables name for it, if they name one.
    Environment(Arc<BTreeMap<&'static str, String>>),
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
            #[cfg(feature = "_tls")]
            tls: None,
            proxy: Way::Direct,
            redirects: Redirects::default(),
            cookies: false,
            race: Race::default(),
            socket: SocketOptions::default(),
            secure_only: false,
            credentials: None,
        })))
    }

    /// Adds a header to the request. Headers keep the order and the case in which they were added.
    ///
    /// # Errors
    /// A name or a value that HTTP does not allow (so that no header can smuggle in another), a second `Origin`, and the
    /// names that belong to the handshake itself: `Host`, `Upgrade`, `Connection`, `Content-Length`, `Transfer-Encoding`
    /// and `Sec-WebSocket-…`.
    pub fn header(self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<Self, EndpointError> {
        self.map(|request| request.header(name.as_ref(), value))?.without_conflict()
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

    /// Has connections carry tokens, which are fetched when the session wants them. They are for this origin alone: where a
    /// redirect leads to another one, they are left behind. Over `ws://` they go in the clear: see
    /// [`secure_only`](Self::secure_only).
    ///
    /// A session of this endpoint is configured for it: [`configure`](Self::configure).
    ///
    /// # Errors
    /// Its place is taken: a header of that name was added, or the query has such a parameter.
    pub fn credentials(mut self, credentials: Credentials) -> Result<Self, EndpointError> {
        Arc::make_mut(&mut self.0).credentials = Some(credentials);
        self.without_conflict()
    }

    fn without_conflict(self) -> Result<Self, EndpointError> {
        let credentials = self.0.credentials.as_ref();
        match credentials.and_then(|credentials| credentials.place().conflict(self.request())) {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// The configuration of a session of this endpoint: if it has [credentials](Self::credentials), the session is told that
    /// there are such, and how connections present them; all else stays as it is configured. Whoever adds a session does that by
    /// himself only if it is recorded, before he makes the recorder.
    #[must_use]
    pub fn configure(&self, config: Config) -> Config {
        match &self.0.credentials {
            Some(credentials) => credentials.configure(&config),
            None => config,
        }
    }

    /// Chooses what turns bytes into messages and back. The native engine, unless set.
    #[must_use]
    pub fn engine(mut self, engine: EngineKind) -> Self {
        Arc::make_mut(&mut self.0).engine = engine;
        self
    }

    /// Refuses what goes over a network in the clear: `ws://` to anything but this machine, now and wherever a redirect
    /// leads. Nor does `ws://` to this machine go through a proxy then: each attempt fails at that.
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

    /// Connects through a proxy, which resolves the server's name. Not for Unix domain sockets.
    ///
    /// ```
    /// use steadfast_transport::{Endpoint, core::dial::proxy::Proxy};
    ///
    /// let proxy = Proxy::parse("socks5://127.0.0.1:1080")?;
    /// let endpoint = Endpoint::parse("ws://example.com/")?.proxy(proxy);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        Arc::make_mut(&mut self.0).proxy = Way::Proxy(proxy);
        self
    }

    /// Connects through the proxy that the environment names for the server, if it names one, now and wherever a redirect
    /// leads: see [`proxy_for`]. The variables are read now.
    ///
    /// # Errors
    /// The variable that counts names no proxy.
    pub fn proxy_from_environment(self) -> Result<Self, EndpointError> {
        let read = |name| Some((name, std::env::var(name).ok()?));
        self.proxy_from(VARIABLES.into_iter().filter_map(read).collect())
    }

    fn proxy_from(mut self, variables: BTreeMap<&'static str, String>) -> Result<Self, EndpointError> {
        Arc::make_mut(&mut self.0).proxy = Way::Environment(Arc::new(variables));
        self.chosen_proxy()?;
        Ok(self)
    }

    /// Whether to follow where the server sends the client instead of answering the upgrade. Not, unless set. Each
    /// attempt begins with the original URL.
    #[must_use]
    pub fn redirects(mut self, redirects: Redirects) -> Self {
        Arc::make_mut(&mut self.0).redirects = redirects;
        self
    }

    /// Whether cookies that a server sets when it accepts the upgrade are sent with the next one to the same origin
    /// (RFC 6265), beside those of a `Cookie` header of yours. Sticky sessions behind a load balancer live on that. Not,
    /// unless set. Each session keeps its own, in memory.
    #[must_use]
    pub fn keep_cookies(mut self, keep: bool) -> Self {
        Arc::make_mut(&mut self.0).cookies = keep;
        self
    }

    /// Sets whom to trust and who we are, for `wss://`. The [default](TlsConfig::shared), unless set.
    #[cfg(feature = "_tls")]
    #[must_use]
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        Arc::make_mut(&mut self.0).tls = Some(tls);
        self
    }

    /// Takes the [default](TlsConfig::shared) for whom to trust, if this is for `wss://` and [none](Self::tls) was set.
    ///
    /// To build it for the first time in a process reads the platform's roots, which takes milliseconds. Clients do it
    /// when they are built. Whoever adds sessions to a loop of his own calls this beforehand: else the first attempt
    /// does it, on the loop's thread, and where there are no roots each attempt fails, and is told so.
    ///
    /// # Errors
    /// The platform has no roots, or no feature brings any.
    #[cfg(feature = "_tls")]
    pub fn with_default_tls(self) -> Result<Self, EndpointError> {
        if self.0.tls.is_some() {
            return Ok(self);
        }
        if self.is_secure() {
            return Ok(self.tls(TlsConfig::shared().map_err(|error| EndpointError::tls(&error))?));
        }
        if self.0.redirects != Redirects::Refuse {
            // It may lead to `wss://`. If it cannot be built, that is told if it does.
            let _kept_for_later = TlsConfig::shared();
        }
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
        let route = match (&self.0.unix, self.chosen_proxy()) {
            (Some(_), _) => Route::direct(Hop::Local),
            (None, Ok(Some(proxy))) => Route::direct(proxy.hop()).through_proxy(),
            (None, Ok(None) | Err(_)) => Route::direct(Hop::new(self.host(), self.port())),
        };
        if self.is_secure() { route.with_tls() } else { route }
    }

    /// The proxy on the way.
    fn chosen_proxy(&self) -> Result<Option<Cow<'_, Proxy>>, EndpointError> {
        match &self.0.proxy {
            Way::Direct => Ok(None),
            Way::Proxy(proxy) => Ok(Some(Cow::Borrowed(proxy))),
            Way::Environment(variables) => {
                let read = |name: &str| variables.get(name).cloned();
                let chosen = proxy_for(self.request().scheme(), self.host(), self.port(), read);
                Ok(chosen.map_err(|error| EndpointError::environment(&error))?.map(Cow::Owned))
            }
        }
    }

    /// Why it is not to be connected to, whatever the network says: known only once all is set, or a redirect has led here.
    pub(crate) fn obstacle(&self) -> Option<Failure> {
        let refused = |text| Some(Failure::Proxy { kind: ProxyKind::Unsupported, text });
        match self.chosen_proxy() {
            _ if self.0.unix.is_some() => None,
            Ok(Some(proxy)) if self.0.secure_only && !self.is_secure() => {
                refused(format!("`{self}` through `{proxy}` would be in the clear: expected `wss`, or no proxy"))
            }
            Ok(_) => None,
            // Whoever asked for a proxy is not to be seen without one.
            Err(error) => refused(error.to_string()),
        }
    }

    /// What to say to the proxy.
    pub(crate) fn tunnel(&self) -> Result<Tunnel, Failure> {
        let failed = |text| Failure::Proxy { kind: ProxyKind::Unsupported, text };
        match self.chosen_proxy() {
            Ok(Some(proxy)) => {
                proxy.tunnel(self.host(), self.port()).map_err(|error: ProxyConfigError| failed(error.to_string()))
            }
            Ok(None) => Err(failed(String::from("there is no proxy"))),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    #[cfg(feature = "_tls")]
    pub(crate) fn begin_tls(&self) -> Result<Tls, Failure> {
        let config = self.0.tls.clone().map_or_else(TlsConfig::shared, Ok);
        let config = config.map_err(|error| Failure::Tls { kind: TlsKind::UnknownIssuer, text: error.to_string() })?;
        Tls::new(&config, self.host()).map_err(|failure| Failure::tls(&failure))
    }

    /// The endpoint that this answer sends the client to, if it sends it anywhere; why not, if it is not gone there.
    pub(crate) fn redirected(&self, rejected: &Rejected, followed: u8) -> Result<Option<Self>, RedirectError> {
        let Some(redirect) = self.0.redirects.judge(&self.0.request, rejected, followed)? else { return Ok(None) };
        let mut next = self.clone();
        let parts = Arc::make_mut(&mut next.0);
        if !redirect.is_same_origin() {
            parts.unix = None;
            parts.credentials = None;
            #[cfg(feature = "_tls")]
            {
                parts.tls = parts.tls.as_ref().map(TlsConfig::for_another_origin);
            }
        }
        parts.request = redirect.into_request();
        if self.0.secure_only && !next.is_secure() && !next.is_local() {
            return Err(RedirectError::Insecure { location: next.to_string() });
        }
        Ok(Some(next))
    }

    /// Whether its cookies are kept.
    pub(crate) fn keeps_cookies(&self) -> bool {
        self.0.cookies
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

    /// Where tokens come from, and where they go.
    pub(crate) fn credentials_wanted(&self) -> Option<&Credentials> {
        self.0.credentials.as_ref()
    }

    /// This request with a secret in its place, if it is for this origin.
    pub(crate) fn authorized<'r>(
        &self,
        request: Cow<'r, Request>,
        known: Option<&Known>,
    ) -> Result<Cow<'r, Request>, Misfit> {
        match (&self.0.credentials, known) {
            (Some(credentials), Some(known)) => {
                credentials.place().put(request.into_owned(), &known.secret).map(Cow::Owned)
            }
            (None, _) | (_, None) => Ok(request),
        }
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
            .field("credentials", &self.0.credentials)
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

/// The environment variables that may name a proxy, or servers that need none.
const VARIABLES: [&str; 7] =
    ["https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];

#[cfg(test)]
mod tests;
