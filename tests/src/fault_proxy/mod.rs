//! A TCP proxy on loopback that breaks what it carries.
//!
//! It sits between a client and a server and forwards bytes, each way with the same latency, until it is told to break
//! something: the connections that it carries ([`Fault`]), or its door, so that new ones are refused, left hanging or
//! rejected ([`Door`]). Everything happens when its owner says so; the proxy itself rolls no dice.

mod door;
mod link;

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use door::PortHolder;
use link::Link;

/// What can happen to a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// RST to both ends; what was on its way is lost.
    Reset,
    /// FIN to both ends without a close frame; what was on its way is lost.
    Fin,
    /// Nothing is forwarded any more, and nobody is told.
    Silence,
    /// Only what the server says gets through: the way out is dead, although data comes in.
    OnlyToClient,
    /// Only what the client says gets through: messages arrive, and nobody learns of it.
    OnlyToServer,
}

/// What becomes of new connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// They are carried to the server.
    Open,
    /// They are refused: nobody listens.
    Refusing,
    /// They are accepted, and then nothing happens.
    Hanging,
    /// Their upgrade is answered with HTTP 503.
    Rejecting,
    /// The proxy ends.
    Gone,
}

/// The proxy; dropping it resets all connections and ends its threads.
#[derive(Debug)]
pub struct FaultProxy {
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// Where clients connect.
    addr: SocketAddr,
    /// Keeps the port while nobody listens on it.
    port: PortHolder,
    /// Where the server listens.
    upstream: SocketAddr,
    /// Each way.
    latency: Duration,
    door: Mutex<Door>,
    door_moved: Condvar,
    /// The threads of a link keep it: what they have let go of is over.
    links: Mutex<Vec<Weak<Link>>>,
    /// Attempts that reached the proxy.
    accepted: AtomicUsize,
}

impl FaultProxy {
    /// Listens on a free port of the loopback interface and forwards to `upstream`.
    ///
    /// # Errors
    /// When the operating system has no port.
    pub fn start(upstream: SocketAddr, latency: Duration) -> io::Result<Self> {
        let port = PortHolder::take()?;
        let listener = port.listen()?;
        let shared = Arc::new(Shared {
            addr: port.addr(),
            port,
            upstream,
            latency,
            door: Mutex::new(Door::Open),
            door_moved: Condvar::new(),
            links: Mutex::default(),
            accepted: AtomicUsize::new(0),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.accept_all(listener)
        });
        Ok(Self { shared, acceptor: Some(acceptor) })
    }

    /// Where clients connect.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// How many connections it has accepted, whatever became of them.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Relaxed)
    }

    /// Breaks every connection that is whole now, in this way; says how many. Later ones are not affected.
    pub fn strike(&self, fault: Fault) -> usize {
        let links = self.shared.links();
        links.iter().filter_map(Weak::upgrade).filter(|link| link.strike(fault)).count()
    }

    /// Changes what becomes of new connections.
    pub fn set_door(&self, door: Door) {
        self.shared.set_door(door);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.set_door(Door::Gone);
        for link in self.shared.links().iter().filter_map(Weak::upgrade) {
            link.reset();
        }
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().expect("the acceptor does not panic");
        }
    }
}

impl Shared {
    fn accept_all(self: &Arc<Self>, mut listener: TcpListener) {
        loop {
            let accepted = listener.accept();
            match self.door() {
                Door::Gone => return,
                Door::Refusing => {
                    drop((listener, accepted));
                    let door = self
                        .door_moved
                        .wait_while(lock(&self.door), |door| *door == Door::Refusing)
                        .unwrap_or_else(PoisonError::into_inner);
                    if *door == Door::Gone {
                        return;
                    }
                    listener = self.port.listen().expect("the port is held for this listener");
                }
                door => {
                    if let Ok((client, _)) = accepted {
                        self.admit(client, door);
                    }
                }
            }
        }
    }

    fn admit(self: &Arc<Self>, client: TcpStream, door: Door) {
        self.accepted.fetch_add(1, Relaxed);
        match door {
            Door::Hanging => door::hang(client),
            Door::Rejecting => door::reject(client, self.latency),
            Door::Open => {
                // What the server refuses, the client sees as a reset.
                if let Ok(link) = Link::connect(client, self.upstream) {
                    let mut links = self.links();
                    links.retain(|link| link.strong_count() > 0);
                    links.push(Arc::downgrade(&link));
                    // Whoever has got a byte through can strike.
                    link.forward(self.latency);
                }
            }
            Door::Refusing | Door::Gone => {}
        }
    }

    fn door(&self) -> Door {
        *lock(&self.door)
    }

    fn set_door(&self, door: Door) {
        let before = std::mem::replace(&mut *lock(&self.door), door);
        self.door_moved.notify_all();
        if matches!(door, Door::Refusing | Door::Gone) && before != Door::Refusing {
            // Wakes the acceptor, so that it looks.
            drop(TcpStream::connect(self.addr));
        }
    }

    fn links(&self) -> MutexGuard<'_, Vec<Weak<Link>>> {
        lock(&self.links)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
