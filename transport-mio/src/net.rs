//! Sockets: registered with mio, and set up as messages want it.

use std::{
    io::{self, IoSliceMut, Read, Write},
    time::Duration,
};

use mio::{Interest, Registry, Token, net::TcpStream};
use socket2::SockRef;
use steadfast_transport::{Address, Net};

/// Where the sessions of a driver get their sockets from. All sockets of a session have its token.
#[derive(Debug)]
pub(crate) struct Sockets {
    registry: Registry,
    /// The token of the session in slot 0.
    first: usize,
}

/// A registered socket, connected or connecting.
#[derive(Debug)]
pub(crate) enum Socket {
    /// Over TCP.
    Tcp(TcpStream),
}

impl Sockets {
    pub(crate) const fn new(registry: Registry, first: usize) -> Self {
        Self { registry, first }
    }
}

impl Net for Sockets {
    type Socket = Socket;

    fn connect(&mut self, slot: usize, address: &Address) -> io::Result<Socket> {
        let Address::Tcp(address) = address else { return Err(io::ErrorKind::Unsupported.into()) };
        let mut socket = TcpStream::connect(*address)?;
        self.registry.register(&mut socket, Token(self.first + slot), Interest::READABLE | Interest::WRITABLE)?;
        // None of these is vital: where the system refuses one, the connection is merely less lively.
        let _ = socket.set_nodelay(true);
        bound_unsent(&SockRef::from(&socket));
        Ok(Socket::Tcp(socket))
    }

    fn close(&mut self, mut socket: Socket) {
        match &mut socket {
            Socket::Tcp(socket) => {
                let _ = self.registry.deregister(socket);
            }
        }
    }

    fn abort(&mut self, socket: Socket) {
        match &socket {
            Socket::Tcp(socket) => {
                let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
            }
        }
        self.close(socket);
    }
}

impl steadfast_transport::Socket for Socket {
    // epoll(7) promises it for streams. Bytes that come later are an event of their own, and so is the end, if it was not
    // there when the last event was fetched. Where mio re-arms its interest only with an operation that would block
    // (Windows), it is not so.
    const A_SHORT_ONE_IS_THE_LAST: bool = cfg!(any(target_os = "linux", target_os = "android"));

    fn connected(&mut self) -> io::Result<bool> {
        let Self::Tcp(socket) = self;
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        match socket.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn read(&mut self, first: &mut [u8], then: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) if first.is_empty() => socket.read(then),
            Self::Tcp(socket) => socket.read_vectored(&mut [IoSliceMut::new(first), IoSliceMut::new(then)]),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
        }
    }
}

/// Bounds what the kernel holds unsent, so that a ping is not stuck behind megabytes.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "ios"))]
fn bound_unsent(socket: &SockRef<'_>) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = socket.set_send_buffer_size(UNSENT as usize);
}

/// Bounds what the kernel holds unsent, so that a ping is not stuck behind megabytes.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "ios")))]
fn bound_unsent(socket: &SockRef<'_>) {
    let _ = socket.set_send_buffer_size(UNSENT as usize);
}

/// Enough for a full window on most links (10 ms at 100 Mbit/s); beyond it messages wait
/// in the driver, and are known to be untouched.
const UNSENT: u32 = 128 << 10;
