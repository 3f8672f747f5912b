//! What a driver lends to the pump: sockets.

use std::{
    fmt,
    io::{self, IoSlice},
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};

/// Makes sockets and takes them back.
pub trait Net {
    /// What it makes.
    type Socket: Socket;

    /// Begins to connect, in the name of the session in this slot of the driver. Does not wait: see [`Socket::connected`].
    ///
    /// # Errors
    /// What the operating system says at once.
    fn connect(&mut self, slot: usize, address: &Address, options: SocketOptions) -> io::Result<Self::Socket>;

    /// Closes a socket. What the operating system still holds goes out.
    fn close(&mut self, socket: Self::Socket);

    /// Closes a socket with a reset. What the operating system still holds is discarded: it must not reach the server
    /// after the next connection has sent it again.
    fn abort(&mut self, socket: Self::Socket);

    /// Has the runtime see to a task beside the sessions, if there is a runtime.
    ///
    /// # Errors
    /// There is none, and the task comes back.
    fn spawn(&mut self, task: Task) -> Result<(), Task> {
        Err(task)
    }
}

/// Something that a runtime sees to until its end.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A stream of bytes that never blocks.
///
/// Where it would have to wait, it says [`WouldBlock`](io::ErrorKind::WouldBlock), and sees to it that the driver is told
/// when that has changed; the driver tells the pump with [`Pump::ready`](crate::pump::Pump::ready).
pub trait Socket: fmt::Debug {
    /// Whether a read that fills less than it was given has emptied the stream, and a write that takes less than it was
    /// given has filled it, so that the next one has to wait for readiness and one that says so is not needed.
    const A_SHORT_ONE_IS_THE_LAST: bool;

    /// Whether it is connected; called again after each readiness until it is.
    ///
    /// # Errors
    /// It never will be.
    fn connected(&mut self) -> io::Result<bool>;

    /// Reads into the one, and what does not fit there into the other. `first` may be empty; 0 bytes are the end.
    ///
    /// # Errors
    /// `WouldBlock`, or what the operating system says.
    fn read(&mut self, first: &mut [u8], then: &mut [u8]) -> io::Result<usize>;

    /// Writes.
    ///
    /// # Errors
    /// `WouldBlock`, or what the operating system says.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Writes several slices, one after the other: of the first that is not empty, unless a socket can do more at once.
    ///
    /// # Errors
    /// `WouldBlock`, or what the operating system says.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write(slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice))
    }
}

/// Where a socket goes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Address {
    /// Over TCP.
    Tcp(SocketAddr),
    /// To a Unix domain socket.
    Unix(Arc<Path>),
}

/// What the operating system is asked for with each TCP socket. Where it refuses one of these, the connection is merely less
/// lively.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct SocketOptions {
    /// Whether small writes leave at once (`TCP_NODELAY`). Yes: what belongs together is written together anyway.
    pub nodelay: bool,
    /// After how long a silence the operating system asks whether the other side is there (`SO_KEEPALIVE`); a quarter of
    /// that later it asks again. 60 s, behind the session's own heartbeat, which notices more, and sooner; it is for sessions
    /// that have none. `None`: never.
    pub keepalive: Option<Duration>,
    /// How many bytes the operating system holds at most that were not sent yet (`TCP_NOTSENT_LOWAT`; where there is no such
    /// thing, `SO_SNDBUF`). 128 KiB: enough for a full window on most links (10 ms at 100 Mbit/s). Beyond it messages
    /// wait in the driver, where they are known to be untouched, and pings are not stuck behind them.
    pub unsent: u32,
}

/// What a driver was told of a socket's readiness. Whatever is true stays true until a read or a write finds out
/// otherwise; more than is so does no harm.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ready {
    /// There may be something to read.
    pub readable: bool,
    /// There may be room to write, or writing fails.
    pub writable: bool,
    /// The stream may have ended or failed, which may not be said again.
    pub ended: bool,
}

impl Ready {
    /// Everything may be.
    pub const ALL: Self = Self { readable: true, writable: true, ended: true };
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self { nodelay: true, keepalive: Some(Duration::from_mins(1)), unsent: 128 << 10 }
    }
}

impl SocketOptions {
    /// Asks for them, on a TCP socket.
    pub fn apply(&self, socket: &SockRef<'_>) {
        let _ = socket.set_tcp_nodelay(self.nodelay);
        if let Some(time) = self.keepalive {
            let keepalive = TcpKeepalive::new().with_time(time);
            #[cfg(not(any(target_os = "openbsd", target_os = "haiku")))]
            let keepalive = keepalive.with_interval(time / 4);
            let _ = socket.set_tcp_keepalive(&keepalive);
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = socket.set_tcp_notsent_lowat(self.unsent);
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let _ = socket.set_send_buffer_size(self.unsent as usize);
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => fmt::Display::fmt(address, f),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Refuses a TCP socket that is connected to itself.
///
/// A system picks a client's port from a range. If that is the very port that the client connects to, on its own machine
/// and while nobody listens there, TCP connects the socket to itself (RFC 9293 §3.5, a simultaneous open). What looked like
/// a server would then send our request back, and keep the real one from coming back to its port.
///
/// # Errors
/// `ConnectionRefused`, which is what it should have been; the socket lets go of the port at once when it is closed.
pub fn refuse_itself(socket: &SockRef<'_>) -> io::Result<()> {
    let (Some(local), Some(peer)) = (socket.local_addr()?.as_socket(), socket.peer_addr()?.as_socket()) else {
        return Ok(());
    };
    if local != peer {
        return Ok(());
    }
    // Without a reset the port would stay taken for a while.
    let _ = socket.set_linger(Some(Duration::ZERO));
    Err(io::Error::new(
        io::ErrorKind::ConnectionRefused,
        "nobody listens there, and the socket was connected to itself",
    ))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use socket2::{Domain, Socket as RawSocket, Type};

    use super::*;

    #[test]
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn a_socket_that_is_connected_to_itself_is_refused_and_lets_go_of_its_port() {
        let socket = RawSocket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
        let itself = socket.local_addr().expect("an address");
        socket.connect(&itself).expect("a connection to itself");
        let error = refuse_itself(&SockRef::from(&socket)).expect_err("nobody listens there");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        drop(socket);
        TcpListener::bind(itself.as_socket().expect("an address")).expect("the port is free");
    }

    #[test]
    fn a_socket_that_is_connected_to_a_server_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
        refuse_itself(&SockRef::from(&client)).expect("a server");
    }
}
