//! Proxies to test against: HTTP CONNECT, SOCKS5, and one that only forwards.

mod carry;
mod http;
mod socks;

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Condvar, Mutex, PoisonError, Weak},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};

pub use self::carry::Cut;
use self::carry::{Carry, Ends};
use super::{
    door::{self, Buffers, Door, Doorway, Place, is_timeout},
    lock,
};

/// A proxy on a port of this machine that records what it was asked for, and fails as it is told.
///
/// ```
/// use steadfast_sim::mock::{Cut, MockServer, Proxy, Refusal};
///
/// let server = MockServer::echo();
/// let proxy = Proxy::http()
///     .credentials("user", "secret")
///     .resolve("chat.test", server.address().unwrap()) // names are known to the proxy alone
///     .start();
/// // ... the program connects to ws://chat.test/ through proxy.url() ...
/// proxy.strike(Cut::Silence); // half-open: nothing gets through, and nobody is told
/// proxy.refuse(Some(Refusal::Code(502))); // and who comes back is turned away
/// ```
///
/// Dropping it resets everything that it carries, and ends its threads.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// How a [`Proxy`] is made.
#[derive(Clone, Debug)]
#[must_use]
pub struct ProxyBuilder {
    kind: Kind,
    address: SocketAddr,
    rules: Rules,
}

/// What was asked of a proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ProxyRequest {
    /// The host, as the client named it: a name, or an address in text.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether the client left it to the proxy to resolve a name.
    pub by_name: bool,
    /// The user and the password that came with it.
    pub credentials: Option<(String, String)>,
    /// The head of the request in the words of HTTP; empty for SOCKS5.
    pub head: String,
}

/// What a proxy does with a request that it does not grant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It answers with this HTTP status, or this reply of SOCKS5 (RFC 1928 §6), in place of success.
    Code(u16),
    /// It answers with these bytes.
    Raw(Vec<u8>),
    /// It never answers.
    Hang,
    /// It ends the stream (FIN).
    Fin,
    /// It resets the stream (RST).
    Reset,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Http,
    Socks5,
    /// No words: straight to this address.
    Forward(SocketAddr),
}

/// What may change while a proxy runs.
#[derive(Clone, Default, Debug)]
struct Rules {
    credentials: Option<(String, String)>,
    names: BTreeMap<String, SocketAddr>,
    delay: Duration,
    refusal: Option<Refusal>,
    cut_after: Option<(u64, Cut)>,
}

#[derive(Debug)]
struct Shared {
    kind: Kind,
    doorway: Arc<Doorway>,
    rules: Mutex<Rules>,
    seen: Mutex<Seen>,
    news: Condvar,
}

#[derive(Default, Debug)]
struct Seen {
    requests: Vec<ProxyRequest>,
    accepted: usize,
    /// The threads of a connection keep it: what they have let go of is over.
    carried: Vec<Weak<Carry>>,
    /// Those that are not carried, so that they can be woken.
    sockets: Vec<Weak<Socket>>,
    gone: bool,
}

impl ProxyBuilder {
    /// Asks for this user and password: with `Basic` (RFC 7617), or as RFC 1929 says.
    pub fn credentials(mut self, user: &str, password: &str) -> Self {
        self.rules.credentials = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// Knows this name. Other names are unknown to it, except `localhost`; it never asks a resolver.
    pub fn resolve(mut self, name: &str, address: SocketAddr) -> Self {
        self.rules.names.insert(name.to_owned(), address);
        self
    }

    /// Delivers bytes so much later, each way.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.rules.delay = delay;
        self
    }

    /// Listens on this address; port 0 is any that is free. The default is 127.0.0.1, any port.
    pub fn address(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = address.into();
        self
    }

    /// Listens.
    ///
    /// # Panics
    /// If it cannot.
    #[track_caller]
    #[must_use]
    pub fn start(self) -> Proxy {
        let doorway = Doorway::take(Place::Tcp(self.address), Buffers::default());
        let doorway = Arc::new(doorway.unwrap_or_else(|error| panic!("the proxy cannot listen: {error}")));
        let shared = Arc::new(Shared {
            kind: self.kind,
            doorway,
            rules: Mutex::new(self.rules),
            seen: Mutex::default(),
            news: Condvar::new(),
        });
        let acceptor = door::open(&shared.doorway, {
            let shared = Arc::clone(&shared);
            move |socket, door| shared.admit(socket, door)
        });
        Proxy { shared, acceptor: Some(acceptor) }
    }
}

impl Proxy {
    /// An HTTP proxy that knows `CONNECT` (RFC 9110 §9.3.6) and nothing else.
    pub fn http() -> ProxyBuilder {
        Self::of(Kind::Http)
    }

    /// A SOCKS5 proxy (RFC 1928) that knows `CONNECT`.
    pub fn socks5() -> ProxyBuilder {
        Self::of(Kind::Socks5)
    }

    /// No proxy in the sense of a protocol: whatever comes is forwarded to this address.
    pub fn forwarding_to(address: SocketAddr) -> ProxyBuilder {
        Self::of(Kind::Forward(address))
    }

    fn of(kind: Kind) -> ProxyBuilder {
        ProxyBuilder { kind, address: (IpAddr::from(Ipv4Addr::LOCALHOST), 0).into(), rules: Rules::default() }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match self.shared.doorway.place() {
            Place::Tcp(address) => *address,
            Place::Unix(_) => unreachable!("a proxy listens on a port"),
        }
    }

    /// As programs are told of proxies: `http://user:secret@127.0.0.1:PORT` or `socks5h://127.0.0.1:PORT`; a forwarder
    /// is just `127.0.0.1:PORT`. User and password stand as they are, without percent-encoding.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = match self.shared.kind {
            Kind::Http => "http://",
            Kind::Socks5 => "socks5h://",
            Kind::Forward(_) => return self.address().to_string(),
        };
        let credentials = self.shared.rules().credentials;
        let user = credentials.map_or(String::new(), |(user, password)| format!("{user}:{password}@"));
        format!("{scheme}{user}{}", self.address())
    }

    /// What becomes of new connections from now on.
    pub fn set_door(&self, door: Door) {
        self.shared.doorway.set(door);
    }

    /// What becomes of requests from now on; `None` grants them.
    pub fn refuse(&self, refusal: Option<Refusal>) {
        lock(&self.shared.rules).refusal = refusal;
    }

    /// Asks for this user and password from now on, or for none.
    pub fn set_credentials(&self, credentials: Option<(&str, &str)>) {
        let owned = credentials.map(|(user, password)| (user.to_owned(), password.to_owned()));
        lock(&self.shared.rules).credentials = owned;
    }

    /// Connections to come are cut in this way once so many bytes have gone to the client, the proxy's own answer not
    /// counted.
    pub fn cut_after(&self, bytes: u64, cut: Cut) {
        lock(&self.shared.rules).cut_after = Some((bytes, cut));
    }

    /// Breaks every connection that it carries now and that is whole; says how many. Later ones are not affected.
    #[expect(clippy::must_use_candidate, reason = "it is struck, however many there are")]
    pub fn strike(&self, cut: Cut) -> usize {
        let carried = self.shared.carried();
        carried.iter().filter(|carry| carry.strike(cut)).count()
    }

    /// How many connections it has accepted, whatever became of them.
    #[must_use]
    pub fn accepted(&self) -> usize {
        lock(&self.shared.seen).accepted
    }

    /// What was asked of it, in this order.
    #[must_use]
    pub fn requests(&self) -> Vec<ProxyRequest> {
        lock(&self.shared.seen).requests.clone()
    }

    /// Waits until it was asked so many times.
    ///
    /// # Panics
    /// If it is not within 10 s.
    #[track_caller]
    pub fn wait_for_requests(&self, count: usize) {
        let until = Instant::now() + PATIENCE;
        let mut seen = lock(&self.shared.seen);
        while seen.requests.len() < count {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "expected {count} requests to the proxy, but there were {:?}", seen.requests);
            seen = self.shared.news.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.doorway.shut();
        let sockets = {
            let mut seen = lock(&self.shared.seen);
            seen.gone = true;
            std::mem::take(&mut seen.sockets)
        };
        self.shared.news.notify_all();
        for socket in sockets.iter().filter_map(Weak::upgrade) {
            let _gone_is_fine = socket.shutdown(std::net::Shutdown::Both);
        }
        for carry in self.shared.carried() {
            carry.reset();
        }
        if let Some(acceptor) = self.acceptor.take() {
            let ended = acceptor.join();
            assert!(ended.is_ok() || thread::panicking(), "the proxy's acceptor panicked");
        }
    }
}

/// How a request was understood.
enum Asked {
    Granted(ProxyRequest),
    /// To be answered with this code.
    Refused(Option<ProxyRequest>, u16),
}

impl Shared {
    fn admit(self: &Arc<Self>, client: Socket, door: Door) {
        let client = Arc::new(client);
        {
            let mut seen = lock(&self.seen);
            seen.accepted += 1;
            seen.sockets.retain(|socket| socket.strong_count() > 0);
            seen.sockets.push(Arc::downgrade(&client));
        }
        let shared = Arc::clone(self);
        thread::spawn(move || {
            // A client that leaves or babbles has nothing more coming.
            let _its_own_fault = if door == Door::Mute { shared.hold(&client) } else { shared.serve(client) };
        });
    }

    fn serve(self: &Arc<Self>, client: Arc<Socket>) -> io::Result<()> {
        client.set_tcp_nodelay(true)?;
        let server = match self.kind {
            Kind::Forward(address) => connect(address)?,
            Kind::Http | Kind::Socks5 => match self.negotiate(&client)? {
                Some(server) => server,
                None => return Ok(()),
            },
        };
        let rules = self.rules();
        let carry = Carry::new(Ends { client, server }, rules.delay, rules.cut_after)?;
        {
            let mut seen = lock(&self.seen);
            if seen.gone {
                return Ok(());
            }
            seen.carried.retain(|carry| carry.strong_count() > 0);
            seen.carried.push(Arc::downgrade(&carry));
        }
        // Whoever has got a byte through can be struck.
        if self.kind == Kind::Http {
            carry.client().write_all(http::GRANTED)?;
        }
        if self.kind == Kind::Socks5 {
            carry.client().write_all(&socks::reply(0))?;
        }
        carry.forward();
        Ok(())
    }

    /// Hears what is wanted, and connects to it. `None` if it was refused.
    fn negotiate(&self, client: &Socket) -> io::Result<Option<Socket>> {
        let rules = self.rules();
        let asked = match self.kind {
            Kind::Socks5 => socks::ask(client, &rules)?,
            _ => http::ask(client, &rules)?,
        };
        let (request, code) = match asked {
            Asked::Granted(request) => (Some(request), None),
            Asked::Refused(request, code) => (request, Some(code)),
        };
        if let Some(request) = &request {
            lock(&self.seen).requests.push(request.clone());
            self.news.notify_all();
        }
        if let (Some(request), None, None) = (&request, code, &rules.refusal) {
            let server = rules.address(request).ok_or(None).and_then(|address| connect(address).map_err(Some));
            match server {
                Ok(server) => return Ok(Some(server)),
                Err(unreachable) => {
                    let code = self.code_of(unreachable.as_ref());
                    self.turn_away(client, &Refusal::Code(code))?;
                    return Ok(None);
                }
            }
        }
        let refusal = code.map(Refusal::Code).or(rules.refusal).unwrap_or(Refusal::Fin);
        self.turn_away(client, &refusal)?;
        Ok(None)
    }

    /// What the proxy says of a server that it cannot reach; without an error, of a name that it does not know.
    fn code_of(&self, error: Option<&io::Error>) -> u16 {
        match (self.kind, error) {
            (Kind::Socks5, Some(error)) if error.kind() == io::ErrorKind::ConnectionRefused => 5,
            (Kind::Socks5, _) => 4,
            _ => 502,
        }
    }

    fn turn_away(&self, client: &Socket, refusal: &Refusal) -> io::Result<()> {
        match refusal {
            Refusal::Code(code) => {
                let answer = match self.kind {
                    Kind::Socks5 => socks::refusal(*code),
                    _ => http::refusal(*code),
                };
                write_all(client, &answer)?;
            }
            Refusal::Raw(bytes) => write_all(client, bytes)?,
            Refusal::Hang => return self.hold(client),
            Refusal::Fin => {}
            Refusal::Reset => return client.set_linger(Some(Duration::ZERO)),
        }
        client.shutdown(std::net::Shutdown::Write)?;
        self.hold(client)
    }

    /// Reads and forgets, until the client or the proxy is gone.
    fn hold(&self, mut client: &Socket) -> io::Result<()> {
        let mut chunk = [0; 1024];
        while !lock(&self.seen).gone && client.read(&mut chunk)? > 0 {}
        Ok(())
    }

    fn rules(&self) -> Rules {
        lock(&self.rules).clone()
    }

    fn carried(&self) -> Vec<Arc<Carry>> {
        lock(&self.seen).carried.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Rules {
    fn address(&self, request: &ProxyRequest) -> Option<SocketAddr> {
        if let Some(address) = self.names.get(&request.host) {
            return Some(*address);
        }
        let ip = match request.host.as_str() {
            "localhost" => IpAddr::from(Ipv4Addr::LOCALHOST),
            host => host.parse().ok()?,
        };
        Some((ip, request.port).into())
    }
}

fn connect(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.connect_timeout(&address.into(), PATIENCE)?;
    Ok(socket)
}

fn write_all(mut socket: &Socket, bytes: &[u8]) -> io::Result<()> {
    socket.write_all(bytes)
}

/// Reads exactly so many bytes.
fn read_exact<const N: usize>(mut socket: &Socket) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        match socket.read(&mut bytes[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => filled += read,
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// Far longer than anything on this machine takes.
const PATIENCE: Duration = Duration::from_secs(10);
