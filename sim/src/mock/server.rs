//! The server, and what it is built from.

use std::{
    collections::VecDeque,
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use socket2::Socket;

use super::{
    conn::{Conn, Incoming},
    door::{self, Buffers, Door, Doorway, Place},
    hub::Hub,
    link::{Last, Link},
    lock,
    opening::Accept,
    perform::Stage,
    pipe::{Layers, Pipe},
    record::Record,
    script::Script,
};

/// A WebSocket server on a socket of this machine that does what a test says.
///
/// Dropping it closes the port and all connections and ends all threads; it panics if something happened that the
/// script forbids.
#[derive(Debug)]
pub struct MockServer {
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// How a [`MockServer`] is made.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    place: Place,
    buffers: Buffers,
    patience: Duration,
    keep: bool,
    /// `None` for plain connections.
    layers: Option<Arc<dyn Layers>>,
}

#[derive(Debug)]
struct Shared {
    doorway: Arc<Doorway>,
    hub: Arc<Hub>,
    patience: Duration,
    keep: bool,
    layers: Mutex<Option<Arc<dyn Layers>>>,
    /// Plays the script, if there is one.
    stage: Option<Arc<Stage>>,
    /// Those whom nobody has taken yet, if there is none.
    waiting: Mutex<VecDeque<Arc<Link>>>,
}

impl Builder {
    /// Listens on this address; port 0 is any that is free. The default is 127.0.0.1, any port.
    pub fn address(mut self, address: impl Into<SocketAddr>) -> Self {
        self.place = Place::Tcp(address.into());
        self
    }

    /// Listens on a Unix domain socket at this path. What is there is removed, and the socket in the end.
    #[cfg(unix)]
    pub fn unix(mut self, path: impl Into<PathBuf>) -> Self {
        self.place = Place::Unix(path.into());
        self
    }

    /// Speaks TLS, from the first byte.
    #[cfg(feature = "mock-tls")]
    pub fn tls(mut self, tls: super::tls::ServerTls) -> Self {
        self.layers = Some(Arc::new(tls));
        self
    }

    /// How long an expectation waits before it fails: 10 s unless told otherwise.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The operating system's buffers for each connection, in bytes: what a client can write to a server that does not
    /// read, and the server to a client that does not. Small ones are filled soon; the operating system may round.
    pub fn socket_buffers(mut self, receive: usize, send: usize) -> Self {
        self.buffers = Buffers { receive: Some(receive), send: Some(send) };
        self
    }

    /// Forgets messages once they were expected or answered, and control frames at once: for long runs.
    pub fn forgetful(mut self) -> Self {
        self.keep = false;
        self
    }

    /// A server that plays this script.
    ///
    /// # Panics
    /// If it cannot listen.
    #[track_caller]
    #[must_use]
    pub fn start(self, script: Script) -> MockServer {
        self.open(Some(script)).unwrap_or_else(|error| panic!("the mock server cannot listen: {error}"))
    }

    /// A server whose connections the test takes with [`MockServer::accept`].
    ///
    /// # Panics
    /// If it cannot listen.
    #[track_caller]
    #[must_use]
    pub fn by_hand(self) -> MockServer {
        self.open(None).unwrap_or_else(|error| panic!("the mock server cannot listen: {error}"))
    }

    fn open(self, script: Option<Script>) -> io::Result<MockServer> {
        let doorway = Arc::new(Doorway::take(self.place, self.buffers)?);
        let hub = Arc::new(Hub::default());
        let shared = Arc::new(Shared {
            stage: script.map(|script| Stage::new(script, &doorway, &hub)),
            doorway,
            hub,
            patience: self.patience,
            keep: self.keep,
            layers: Mutex::new(self.layers),
            waiting: Mutex::default(),
        });
        let acceptor = door::open(&shared.doorway, {
            let shared = Arc::clone(&shared);
            move |socket, door| shared.admit(socket, door)
        });
        Ok(MockServer { shared, acceptor: Some(acceptor) })
    }
}

impl MockServer {
    /// A server on a free port that plays this script.
    ///
    /// # Panics
    /// If it cannot listen.
    #[track_caller]
    #[must_use]
    pub fn start(script: Script) -> Self {
        Self::builder().start(script)
    }

    /// A server on a free port whose connections the test takes with [`accept`](Self::accept).
    ///
    /// # Panics
    /// If it cannot listen.
    #[track_caller]
    #[must_use]
    pub fn by_hand() -> Self {
        Self::builder().by_hand()
    }

    /// A server on a free port that sends every message back.
    ///
    /// # Panics
    /// If it cannot listen.
    #[track_caller]
    #[must_use]
    pub fn echo() -> Self {
        Self::builder().start(Script::echoing())
    }

    /// Begins to build one.
    pub fn builder() -> Builder {
        Builder {
            place: Place::Tcp((IpAddr::from(Ipv4Addr::LOCALHOST), 0).into()),
            buffers: Buffers::default(),
            patience: PATIENCE,
            keep: true,
            layers: None,
        }
    }

    /// Where clients connect: `ws://127.0.0.1:PORT/`, with TLS `wss://localhost:PORT/`, and `ws+unix:PATH:/` for a Unix
    /// domain socket.
    #[must_use]
    pub fn url(&self) -> String {
        match self.shared.doorway.place() {
            Place::Unix(path) => format!("ws+unix:{}:/", path.display()),
            Place::Tcp(address) if self.is_secure() => format!("wss://localhost:{}/", address.port()),
            Place::Tcp(address) => format!("ws://{address}/"),
        }
    }

    /// Its address; `None` for one that listens on a Unix domain socket.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self.shared.doorway.place() {
            Place::Tcp(address) => Some(*address),
            Place::Unix(_) => None,
        }
    }

    /// Its path; `None` for one that listens on a port.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self.shared.doorway.place() {
            Place::Tcp(_) => None,
            Place::Unix(path) => Some(path),
        }
    }

    /// Waits for the next connection and accepts its upgrade.
    ///
    /// # Panics
    /// If none comes in time, it asks for something else, or the server has a script.
    #[track_caller]
    pub fn accept(&self) -> Conn {
        self.accept_with(&Accept::new())
    }

    /// Waits for the next connection and accepts its upgrade in this way.
    ///
    /// # Panics
    /// As [`accept`](Self::accept).
    #[track_caller]
    pub fn accept_with(&self, accept: &Accept) -> Conn {
        self.incoming().accept(accept)
    }

    /// Waits for the next connection, and leaves it to you how it is met.
    ///
    /// # Panics
    /// If none comes in time, or the server has a script.
    #[track_caller]
    pub fn incoming(&self) -> Incoming {
        assert!(self.shared.stage.is_none(), "the script has the connections of this server");
        let shared = &self.shared;
        let link = shared.hub.wait(Instant::now() + shared.patience, || lock(&shared.waiting).pop_front());
        let Some(link) = link else {
            let before = shared.hub.accepted();
            panic!("expected a connection within {:?}, but none came; there were {before} before", shared.patience);
        };
        Incoming::new(link)
    }

    /// Waits, at most so long, for the next connection.
    #[must_use]
    pub fn incoming_timeout(&self, timeout: Duration) -> Option<Incoming> {
        let shared = &self.shared;
        shared.hub.wait(Instant::now() + timeout, || lock(&shared.waiting).pop_front()).map(Incoming::new)
    }

    /// What becomes of new connections from now on; when this returns, the next meets it.
    pub fn set_door(&self, door: Door) {
        self.shared.doorway.set(door);
    }

    /// Closes the port and resets all connections, as when a server's process is killed. The port is kept for
    /// [`restart`](Self::restart).
    pub fn kill(&self) {
        self.set_door(Door::Refusing);
        self.reset_all();
    }

    /// Opens the port again, the same as before.
    pub fn restart(&self) {
        self.set_door(Door::Open);
    }

    /// Resets all connections (RST). When this returns it was sent.
    pub fn reset_all(&self) {
        for link in self.shared.hub.links() {
            link.reset();
        }
    }

    /// Ends all streams without a close frame (FIN).
    pub fn fin_all(&self) {
        for link in self.shared.hub.links() {
            link.finish(Last::Fin);
        }
    }

    /// Begins the closing handshake on all connections.
    pub fn close_all(&self, code: u16, reason: &str) {
        for link in self.shared.hub.links() {
            link.queue_close(Some(tungstenite::protocol::CloseFrame { code: code.into(), reason: reason.into() }));
        }
    }

    /// Reads nothing more from the connections there are, and answers nothing: they are half-open.
    pub fn freeze_all(&self) {
        for link in self.shared.hub.links() {
            link.change(|state| state.frozen = true);
        }
    }

    /// Reads on.
    pub fn thaw_all(&self) {
        for link in self.shared.hub.links() {
            link.change(|state| state.frozen = false);
        }
    }

    /// Speaks TLS in this way on connections to come: another certificate, for instance.
    #[cfg(feature = "mock-tls")]
    pub fn set_tls(&self, tls: super::tls::ServerTls) {
        *lock(&self.shared.layers) = Some(Arc::new(tls));
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.hub.accepted()
    }

    /// All connections so far, in the order in which they were accepted.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.shared.hub.links().iter().map(|link| link.record()).collect()
    }

    /// Waits until something can be said of the connections.
    ///
    /// # Panics
    /// If it cannot be said in time: with `what`, and with all connections.
    #[track_caller]
    pub fn wait_until<T>(&self, what: &str, mut ready: impl FnMut(&[Record]) -> Option<T>) -> T {
        let found = self.shared.hub.wait(Instant::now() + self.shared.patience, || ready(&self.records()));
        let Some(found) = found else {
            panic!("expected within {:?}: {what}; but there is {:#?}", self.shared.patience, self.records());
        };
        found
    }

    /// Waits until the whole script was played.
    ///
    /// # Panics
    /// If something happened that the script forbids, or something in it does not happen in time: with what, and where.
    #[track_caller]
    pub fn finish(&self) {
        let Some(stage) = &self.shared.stage else { return };
        let over = || (stage.is_done() || !stage.failures().is_empty()).then_some(());
        let ended = self.shared.hub.wait(Instant::now() + self.shared.patience, over);
        self.complain();
        assert!(ended.is_some(), "the script was not played to its end: {}", stage.left());
    }

    #[track_caller]
    fn complain(&self) {
        let failures = self.shared.stage.as_ref().map(|stage| stage.failures()).unwrap_or_default();
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    fn is_secure(&self) -> bool {
        lock(&self.shared.layers).is_some()
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.shared.doorway.shut();
        for link in self.shared.hub.close() {
            link.drop_with_server();
        }
        if let Some(acceptor) = self.acceptor.take() {
            let ended = acceptor.join();
            assert!(ended.is_ok() || thread::panicking(), "the mock's acceptor panicked");
        }
        if !thread::panicking() {
            self.complain();
        }
    }
}

impl Shared {
    fn admit(&self, socket: Socket, door: Door) {
        let layer = lock(&self.layers).as_ref().map(|layers| layers.layer());
        // Gone before it was there.
        let Ok(pipe) = Pipe::new(socket, layer) else { return };
        let link = self.hub.add(|number| Link::new(number, pipe, &self.hub, self.patience, self.keep));
        if door == Door::Mute {
            return;
        }
        if let Some(stage) = &self.stage {
            return stage.enter(&link);
        }
        lock(&self.waiting).push_back(link);
        self.hub.tell();
    }
}

impl fmt::Display for MockServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

/// Far longer than anything on this machine takes, and short enough for a test that fails.
const PATIENCE: Duration = Duration::from_secs(10);
