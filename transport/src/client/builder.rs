//! How a client comes to be, on whichever transport.

use std::{fmt, io, marker::PhantomData, sync::Arc};

use steadfast_core::{
    config::{Config, ConfigError},
    dial::{proxy::Proxy, redirect::Redirects},
};

use crate::{
    client::{
        backlog::Incoming,
        notices::{Notices, Subscribers},
    },
    credentials::Credentials,
    endpoint::{Endpoint, EndpointError, Endpoints},
    engine::EngineKind,
};

/// A client that can be built.
pub trait Built: Sized {
    /// What connecting comes to, at once or in time.
    type Connecting;
    /// What its notices are taken from.
    type Notices: From<Notices>;

    /// Builds it and begins to connect.
    fn connect(builder: Builder<Self>) -> Self::Connecting;
}

/// Builds a client. An error in any part is kept and told when the client is made of it.
///
/// What is set here of an endpoint is set on [every one](Self::or) of several.
pub struct Builder<C> {
    endpoints: Result<Vec<Endpoint>, EndpointError>,
    /// What was set on every endpoint, for those that are still to come.
    changes: Vec<Change>,
    config: Config,
    seed: Option<u64>,
    incoming: Option<Incoming>,
    subscribers: Arc<Subscribers>,
    #[cfg(feature = "store")]
    store: Option<steadfast_store::Store>,
    #[cfg(feature = "signals")]
    signals: bool,
    #[cfg(feature = "trace")]
    recording: Option<Recording>,
    client: PhantomData<fn() -> C>,
}

/// Sets something on an endpoint.
type Change = Box<dyn Fn(Endpoint) -> Result<Endpoint, EndpointError> + Send>;

/// What a client is built of.
#[derive(Debug)]
pub struct Parts {
    /// Where it connects.
    pub endpoints: Endpoints,
    /// The session's configuration, for as many endpoints.
    pub config: Config,
    /// The seed of jitter and ping nonces.
    pub seed: u64,
    /// The bounds of the client's own queue; `None` for no queue.
    pub incoming: Option<Incoming>,
    /// Who subscribed before there was a client.
    pub subscribers: Arc<Subscribers>,
    /// Where durable messages are kept.
    #[cfg(feature = "store")]
    pub store: Option<steadfast_store::Store>,
    /// Whether the session is told what the machine says.
    #[cfg(feature = "signals")]
    pub signals: bool,
    /// Where to write down what the session is told.
    #[cfg(feature = "trace")]
    pub recording: Option<Recording>,
}

/// Where a recording goes, and what it leaves out.
#[cfg(feature = "trace")]
pub struct Recording {
    /// Where its lines are written.
    pub to: Box<dyn io::Write + Send>,
    /// What is written of messages.
    pub payloads: steadfast_core::trace::Payloads,
}

/// Why a client could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The endpoint cannot be.
    Endpoint(EndpointError),
    /// The configuration does not go with the endpoints, or with a store.
    Config(ConfigError),
    /// The operating system refused a poll, a thread or random numbers.
    Io(io::Error),
}

impl<C: Built> Builder<C> {
    /// Begins with this endpoint.
    #[must_use]
    pub fn new(endpoint: Result<Endpoint, EndpointError>) -> Self {
        Self {
            endpoints: endpoint.map(|endpoint| vec![endpoint]),
            changes: Vec::new(),
            config: Config::default(),
            seed: None,
            incoming: Some(Incoming::default()),
            subscribers: Arc::default(),
            #[cfg(feature = "store")]
            store: None,
            #[cfg(feature = "signals")]
            signals: false,
            #[cfg(feature = "trace")]
            recording: None,
            client: PhantomData,
        }
    }

    /// Adds another URL, which the session may connect to when this one does not answer: the same server elsewhere. It
    /// chooses by [`Config::endpoints`](steadfast_core::config::Settings::endpoints), whose number of endpoints is set by
    /// the client. What is set on this builder, before or after, is set on all of them: headers, TLS, a proxy.
    ///
    /// An error names the URL by its [place](EndpointError::place).
    #[must_use]
    pub fn or(self, url: &str) -> Self {
        self.add(Endpoint::parse(url))
    }

    /// Adds another endpoint, with what was set on it; see [`or`](Self::or).
    #[must_use]
    pub fn or_to(self, endpoint: Endpoint) -> Self {
        self.add(Ok(endpoint))
    }

    fn add(mut self, endpoint: Result<Endpoint, EndpointError>) -> Self {
        self.endpoints = self.endpoints.and_then(|mut list| {
            let change = |endpoint| self.changes.iter().try_fold(endpoint, |endpoint, change| change(endpoint));
            let endpoint = endpoint.and_then(change).map_err(|error| error.of(list.len() + 1))?;
            list.push(endpoint);
            Ok(list)
        });
        self
    }

    /// Adds a header to the upgrade request; see [`Endpoint::header`].
    #[must_use]
    pub fn header(self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let (name, value) = (name.as_ref().to_owned(), value.as_ref().to_vec());
        self.map(move |endpoint| endpoint.header(&name, &value))
    }

    /// Offers a subprotocol; see [`Endpoint::subprotocol`].
    #[must_use]
    pub fn subprotocol(self, name: impl AsRef<str>) -> Self {
        let name = name.as_ref().to_owned();
        self.map(move |endpoint| endpoint.subprotocol(&name))
    }

    /// Chooses what turns bytes into messages and back; see [`Endpoint::engine`].
    #[must_use]
    pub fn engine(self, engine: EngineKind) -> Self {
        self.map(move |endpoint| Ok(endpoint.engine(engine.clone())))
    }

    /// Sets whom to trust and who we are, for `wss://`; see [`Endpoint::tls`].
    #[cfg(feature = "_tls")]
    #[must_use]
    pub fn tls(self, tls: crate::tls::TlsConfig) -> Self {
        self.map(move |endpoint| Ok(endpoint.tls(tls.clone())))
    }

    /// Refuses what goes over a network in the clear; see [`Endpoint::secure_only`].
    #[must_use]
    pub fn secure_only(self) -> Self {
        self.map(Endpoint::secure_only)
    }

    /// Built through a proxy; see [`Endpoint::proxy`].
    #[must_use]
    pub fn proxy(self, proxy: Proxy) -> Self {
        self.map(move |endpoint| Ok(endpoint.proxy(proxy.clone())))
    }

    /// Built through the proxy that the environment names; see [`Endpoint::proxy_from_environment`].
    #[must_use]
    pub fn proxy_from_environment(self) -> Self {
        self.map(Endpoint::proxy_from_environment)
    }

    /// Whether redirects are followed; see [`Endpoint::redirects`].
    #[must_use]
    pub fn redirects(self, redirects: Redirects) -> Self {
        self.map(move |endpoint| Ok(endpoint.redirects(redirects)))
    }

    /// Whether cookies are kept; see [`Endpoint::keep_cookies`].
    #[must_use]
    pub fn keep_cookies(self, keep: bool) -> Self {
        self.map(move |endpoint| Ok(endpoint.keep_cookies(keep)))
    }

    /// Has connections carry tokens, which are fetched when the session wants them; see [`Endpoint::credentials`]. The
    /// [configuration](Self::config) is completed for it.
    #[must_use]
    pub fn credentials(self, credentials: Credentials) -> Self {
        self.map(move |endpoint| endpoint.credentials(credentials.clone()))
    }

    /// Sets the session's configuration.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the seed of backoff jitter and ping nonces, so that a run can be repeated. By default the operating
    /// system's random numbers; masks always come from there.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the bounds of the queue of messages that wait for the client's `receive`, and of later subscribers' queues.
    #[must_use]
    pub const fn incoming(mut self, incoming: Incoming) -> Self {
        self.incoming = Some(incoming);
        self
    }

    /// Keeps no queue for the client's `receive`, for an application that only sends, or only reads through `subscribe`.
    /// Messages that nobody subscribed to are thrown away.
    #[must_use]
    pub const fn without_receiver(mut self) -> Self {
        self.incoming = None;
        self
    }

    /// Subscribes to the notices of the client to be, from its first one on.
    #[must_use]
    pub fn notices(&mut self) -> C::Notices {
        self.subscribers.subscribe().into()
    }

    /// Keeps [durable](steadfast_core::SendOptions::durable) messages in this store. What it holds already is sent first, in its
    /// order; new messages are named behind it. The store is this client's alone, and closed with it: the last thing that
    /// a client with a thread of its own does is to wait for the disk; one in a task [leaves](steadfast_store::Store::leave) that
    /// to the store's thread.
    #[cfg(feature = "store")]
    #[must_use]
    pub fn store(mut self, store: steadfast_store::Store) -> Self {
        self.store = Some(store);
        self
    }

    /// Has the session told what the machine says: on Linux, that the network is gone, back or another, from netlink, and that the
    /// machine was suspended, from the difference of boot time and monotonic time. All clients of a process share one
    /// thread for it. Everywhere else nothing is said, and the application calls the client's `network` and `resumed`.
    ///
    /// Hints, all of them: a session that is told nothing, or nonsense, works all the same.
    #[cfg(feature = "signals")]
    #[must_use]
    pub const fn signals(mut self) -> Self {
        self.signals = true;
        self
    }

    /// Writes down what the session is told, as JSON lines from which
    /// [`Trace`](steadfast_core::trace::Trace) replays it. The lines are written where the client is driven, as things
    /// happen; if writing fails, the recording ends and the client goes on.
    #[cfg(feature = "trace")]
    #[must_use]
    pub fn record(mut self, to: impl io::Write + Send + 'static, payloads: steadfast_core::trace::Payloads) -> Self {
        self.recording = Some(Recording { to: Box::new(to), payloads });
        self
    }

    /// Changes every endpoint, those that are still to come included.
    fn map(mut self, change: impl Fn(Endpoint) -> Result<Endpoint, EndpointError> + Send + 'static) -> Self {
        self.endpoints = self.endpoints.and_then(|list| {
            let several = list.len() > 1;
            let named =
                |(place, endpoint)| change(endpoint).map_err(|error| if several { error.of(place) } else { error });
            (1..).zip(list).map(named).collect()
        });
        self.changes.push(Box::new(change));
        self
    }

    /// Makes the client, which starts to connect.
    ///
    /// # Errors
    /// A URL, header or subprotocol that cannot be; nobody to trust by default for `wss://`; or the operating system refused a poll, a thread or random numbers.
    #[must_use = "nothing else has the client"]
    pub fn connect(self) -> C::Connecting {
        C::connect(self)
    }

    /// What the client is to be made of.
    ///
    /// # Errors
    /// A URL, header or subprotocol that cannot be, more priorities than endpoints, nobody to trust by default for `wss://`,
    /// or the operating system has no random numbers.
    pub fn into_parts(self) -> Result<Parts, BuildError> {
        #[cfg(feature = "store")]
        let config = if self.store.is_some() { with_store(self.config)? } else { self.config };
        #[cfg(not(feature = "store"))]
        let config = self.config;
        let endpoints = self.endpoints?.into_iter().map(prepared).collect::<Result<Vec<_>, _>>()?;
        let endpoints = Endpoints::new(endpoints)?;
        Ok(Parts {
            config: endpoints.configure(config.for_endpoints(endpoints.len())?),
            endpoints,
            seed: self.seed.map_or_else(random_seed, Ok)?,
            incoming: self.incoming,
            subscribers: self.subscribers,
            #[cfg(feature = "store")]
            store: self.store,
            #[cfg(feature = "signals")]
            signals: self.signals,
            #[cfg(feature = "trace")]
            recording: self.recording,
        })
    }
}

impl<C: Built> From<&str> for Builder<C> {
    /// For this URL.
    fn from(url: &str) -> Self {
        Self::new(Endpoint::parse(url))
    }
}

impl<C: Built> From<Endpoints> for Builder<C> {
    fn from(endpoints: Endpoints) -> Self {
        let mut builder = Self::new(Ok(endpoints.first().clone()));
        builder.endpoints = Ok(endpoints.as_slice().to_vec());
        builder
    }
}

impl<C> fmt::Debug for Builder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("endpoints", &self.endpoints)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl<C: Built> From<Endpoint> for Builder<C> {
    fn from(endpoint: Endpoint) -> Self {
        Self::new(Ok(endpoint))
    }
}

#[cfg(feature = "trace")]
impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("payloads", &self.payloads).finish_non_exhaustive()
    }
}

impl From<EndpointError> for BuildError {
    fn from(error: EndpointError) -> Self {
        Self::Endpoint(error)
    }
}

impl From<ConfigError> for BuildError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<io::Error> for BuildError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(error) => fmt::Display::fmt(error, f),
            Self::Config(error) => fmt::Display::fmt(error, f),
            Self::Io(error) => write!(f, "the client could not be started: {error}"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Endpoint(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::Io(error) => Some(error),
        }
    }
}

/// The endpoint with what is to be there before the first attempt, which is made where nothing may take long.
#[cfg(feature = "_tls")]
fn prepared(endpoint: Endpoint) -> Result<Endpoint, EndpointError> {
    endpoint.with_default_tls()
}

#[cfg(not(feature = "_tls"))]
#[expect(clippy::unnecessary_wraps, reason = "with TLS there may be no roots")]
const fn prepared(endpoint: Endpoint) -> Result<Endpoint, EndpointError> {
    Ok(endpoint)
}

/// The same configuration for a session with a store.
#[cfg(feature = "store")]
fn with_store(config: Config) -> Result<Config, ConfigError> {
    if config.store {
        return Ok(config);
    }
    Config::new(steadfast_core::config::Settings { store: true, ..config.settings().clone() })
}

fn random_seed() -> io::Result<u64> {
    getrandom::u64().map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(all(test, feature = "_tls"))]
mod tests {
    use super::*;

    struct Nothing;

    impl Built for Nothing {
        type Connecting = ();
        type Notices = Notices;

        fn connect(_: Builder<Self>) {}
    }

    #[test]
    fn whom_to_trust_is_known_before_the_first_attempt() {
        let built =
            Builder::<Nothing>::from("wss://example.com/").into_parts().map(|parts| parts.endpoints.first().clone());
        let expected = Endpoint::parse("wss://example.com/").expect("a good URL");
        match crate::tls::TlsConfig::shared() {
            Ok(shared) => assert_eq!(built.expect("an endpoint"), expected.tls(shared)),
            Err(error) => assert!(built.expect_err("nobody is trusted").to_string().contains(error.found())),
        }
    }
}
