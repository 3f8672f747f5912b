//! The front of a server: the port that it holds, and what becomes of those who knock.

use std::{
    io,
    mem::MaybeUninit,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use socket2::{Domain, SockAddr, Socket, Type};

use super::lock;

/// What becomes of new connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Door {
    /// They are served.
    #[default]
    Open,
    /// They are refused: the port is kept, and nobody listens on it.
    Refusing,
    /// They are accepted, and then nothing is read and nothing said.
    Mute,
    /// Nobody accepts them, and the operating system's queue is full: to connect takes until one gives up, as with a
    /// host that is not there.
    Full,
}

/// A place to listen at, held from the beginning to the end.
#[derive(Debug)]
pub(super) struct Doorway {
    place: Place,
    buffers: Buffers,
    /// Keeps the port while nobody listens on it. Without it the operating system could give the port to somebody's
    /// outgoing connection, or to the client's own, which then talks to itself.
    _holder: Option<Socket>,
    state: Mutex<State>,
    changed: Condvar,
}

/// Where to listen.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Sizes of the operating system's buffers of accepted connections, in bytes; `None` leaves the default.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Buffers {
    pub(super) receive: Option<usize>,
    pub(super) send: Option<usize>,
}

#[derive(Debug)]
struct State {
    wanted: Wanted,
    /// What the acceptor has made of it.
    actual: Wanted,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wanted {
    Door(Door),
    Gone,
}

impl Doorway {
    /// Takes the place; nobody listens yet.
    pub(super) fn take(place: Place, buffers: Buffers) -> io::Result<Self> {
        let (place, holder) = match place {
            Place::Tcp(address) => {
                let bound = shared_socket(address)?;
                let address = bound.local_addr()?.as_socket().expect("bound to an address of the internet");
                // Where ports cannot be shared, the place is only remembered.
                (Place::Tcp(address), cfg!(unix).then_some(bound))
            }
            Place::Unix(path) => (Place::Unix(path), None),
        };
        let state = State { wanted: Wanted::Door(Door::Refusing), actual: Wanted::Door(Door::Refusing) };
        Ok(Self { place, buffers, _holder: holder, state: Mutex::new(state), changed: Condvar::new() })
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Changes the door; when this returns, the next who knocks meets it.
    pub(super) fn set(&self, door: Door) {
        self.want(Wanted::Door(door));
    }

    /// Ends [`run`](Self::run).
    pub(super) fn shut(&self) {
        self.want(Wanted::Gone);
        if let Place::Unix(path) = &self.place {
            let _gone_is_fine = std::fs::remove_file(path);
        }
    }

    fn want(&self, wanted: Wanted) {
        let mut state = lock(&self.state);
        if state.wanted == Wanted::Gone {
            return;
        }
        state.wanted = wanted;
        self.changed.notify_all();
        while !state.is_made() {
            if state.actual.listens() {
                // Wakes the acceptor, so that it looks.
                drop(state);
                drop(self.connect());
                state = lock(&self.state);
            }
            // Once more if it was not there yet.
            state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Accepts, and hands over who came in, until it is [shut](Self::shut).
    pub(super) fn run(&self, admit: impl Fn(Socket, Door)) {
        let mut listener = None;
        loop {
            match self.wanted() {
                Wanted::Gone => {
                    drop(listener);
                    return self.made(Wanted::Gone);
                }
                now @ Wanted::Door(Door::Refusing) => {
                    drop(listener.take());
                    self.unlink();
                    self.stay(now);
                }
                now @ Wanted::Door(Door::Full) => {
                    drop(listener.take());
                    let (full, crowd) = self.crowd();
                    self.stay(now);
                    if self.wanted().listens() {
                        // Nobody is refused who was waiting.
                        listener = Some(full);
                        self.disperse(listener.as_ref().expect("just there"), crowd, &admit);
                    }
                }
                now @ Wanted::Door(Door::Open | Door::Mute) => {
                    let listening = listener.get_or_insert_with(|| self.listen(BACKLOG).expect(HELD));
                    self.made(now);
                    let accepted = listening.accept();
                    // Whoever came while the door was moved is turned away.
                    if let (Ok((socket, _)), Wanted::Door(door @ (Door::Open | Door::Mute))) = (accepted, self.wanted())
                    {
                        admit(socket, door);
                    }
                }
            }
        }
    }

    fn wanted(&self) -> Wanted {
        lock(&self.state).wanted
    }

    fn made(&self, actual: Wanted) {
        lock(&self.state).actual = actual;
        self.changed.notify_all();
    }

    /// Says what was made, and waits until something else is wanted.
    fn stay(&self, now: Wanted) {
        let mut state = lock(&self.state);
        state.actual = now;
        self.changed.notify_all();
        while state.wanted == now {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn listen(&self, backlog: i32) -> io::Result<Socket> {
        let socket = match &self.place {
            Place::Tcp(address) => shared_socket(*address)?,
            Place::Unix(path) => {
                self.unlink();
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
                socket.bind(&SockAddr::unix(path)?)?;
                socket
            }
        };
        // Before anybody is accepted: the window is agreed on with the first packets.
        if let Some(bytes) = self.buffers.receive {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.buffers.send {
            socket.set_send_buffer_size(bytes)?;
        }
        socket.listen(backlog)?;
        Ok(socket)
    }

    /// A listener that nobody accepts from, with a queue in which no place is left.
    fn crowd(&self) -> (Socket, Vec<Socket>) {
        let listener = self.listen(0).expect(HELD);
        let mut waiting = Vec::new();
        while waiting.len() < CROWD_MAX {
            match self.connect() {
                Ok(socket) => waiting.push(socket),
                Err(_) => break,
            }
        }
        (listener, waiting)
    }

    /// Makes room in the queue.
    fn disperse(&self, listener: &Socket, crowd: Vec<Socket>, admit: &impl Fn(Socket, Door)) {
        let own: Vec<_> = crowd.iter().filter_map(|socket| socket.local_addr().ok()).collect();
        drop(crowd);
        listener.listen(BACKLOG).and_then(|()| listener.set_nonblocking(true)).expect(HELD);
        while let Ok((socket, from)) = listener.accept() {
            if let (false, Wanted::Door(door)) = (own.contains(&from), self.wanted()) {
                socket.set_nonblocking(false).expect("a socket may block");
                admit(socket, door);
            }
        }
        listener.set_nonblocking(false).expect(HELD);
    }

    fn connect(&self) -> io::Result<Socket> {
        match &self.place {
            Place::Tcp(address) => {
                let socket = Socket::new(Domain::for_address(*address), Type::STREAM, None)?;
                socket.connect_timeout(&(*address).into(), FULL_AFTER)?;
                Ok(socket)
            }
            Place::Unix(path) => {
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
                // Not to wait for a place in the queue.
                socket.set_nonblocking(true)?;
                socket.connect(&SockAddr::unix(path)?)?;
                Ok(socket)
            }
        }
    }

    fn unlink(&self) {
        if let Place::Unix(path) = &self.place {
            let _not_there_is_fine = std::fs::remove_file(path);
        }
    }
}

impl State {
    /// An open door and a mute one are the same to the acceptor.
    fn is_made(&self) -> bool {
        self.actual == self.wanted || (self.actual.listens() && self.wanted.listens())
    }
}

impl Wanted {
    fn listens(self) -> bool {
        matches!(self, Self::Door(Door::Open | Door::Mute))
    }
}

/// Waits until there is something to read or the stream has ended; `false` if it gave up waiting.
pub(super) fn readable(socket: &Socket) -> io::Result<bool> {
    match socket.peek(&mut [MaybeUninit::uninit()]) {
        Ok(_) => Ok(true),
        Err(error) if is_timeout(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a socket's own timeout is all that happened.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// Runs a doorway on a thread of its own.
pub(super) fn open(
    doorway: &Arc<Doorway>,
    admit: impl Fn(Socket, Door) + Send + 'static,
) -> std::thread::JoinHandle<()> {
    let acceptor = std::thread::spawn({
        let doorway = Arc::clone(doorway);
        move || doorway.run(admit)
    });
    doorway.set(Door::Open);
    acceptor
}

/// Bound to an address that may be bound by others of its kind.
fn shared_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    #[cfg(unix)]
    {
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// How long to wait before the acceptor is woken again.
const LOOK: Duration = Duration::from_millis(20);

const BACKLOG: i32 = 1024;

/// More than any operating system lets wait in a queue of none.
const CROWD_MAX: usize = 64;

/// A connect on this machine that takes longer is not coming.
const FULL_AFTER: Duration = Duration::from_millis(200);

const HELD: &str = "the port is held for this listener";
