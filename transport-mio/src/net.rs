//! Sockets: registered with mio, and set up as messages want it.

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    time::Duration,
};

#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest, Registry, Token, event::Source, net::TcpStream};
use socket2::SockRef;
use steadfast_transport::{Address, Net, SocketOptions, refuse_itself};

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
    /// To a Unix domain socket.
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Sockets {
    pub(crate) const fn new(registry: Registry, first: usize) -> Self {
        Self { registry, first }
    }

    fn register(&self, slot: usize, source: &mut impl Source) -> io::Result<()> {
        self.registry.register(source, Token(self.first + slot), Interest::READABLE | Interest::WRITABLE)
    }
}

impl Net for Sockets {
    type Socket = Socket;

    fn connect(&mut self, slot: usize, address: &Address, options: SocketOptions) -> io::Result<Socket> {
        match address {
            Address::Tcp(address) => {
                let mut socket = TcpStream::connect(*address)?;
                self.register(slot, &mut socket)?;
                options.apply(&SockRef::from(&socket));
                Ok(Socket::Tcp(socket))
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                let mut socket = UnixStream::connect(path)?;
                self.register(slot, &mut socket)?;
                Ok(Socket::Unix(socket))
            }
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn close(&mut self, mut socket: Socket) {
        let _ = match &mut socket {
            Socket::Tcp(socket) => self.registry.deregister(socket),
            #[cfg(unix)]
            Socket::Unix(socket) => self.registry.deregister(socket),
        };
    }

    fn abort(&mut self, socket: Socket) {
        if let Socket::Tcp(socket) = &socket {
            let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
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
        let (error, peer) = match self {
            Self::Tcp(socket) => {
                (socket.take_error()?, socket.peer_addr().and_then(|_| refuse_itself(&SockRef::from(&*socket))))
            }
            #[cfg(unix)]
            Self::Unix(socket) => (socket.take_error()?, socket.peer_addr().map(drop)),
        };
        match error.map_or(peer, Err) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn read(&mut self, first: &mut [u8], then: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => read(socket, first, then),
            #[cfg(unix)]
            Self::Unix(socket) => read(socket, first, then),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            #[cfg(unix)]
            Self::Unix(socket) => socket.write(bytes),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write_vectored(slices),
            #[cfg(unix)]
            Self::Unix(socket) => socket.write_vectored(slices),
        }
    }
}

fn read(socket: &mut impl Read, first: &mut [u8], then: &mut [u8]) -> io::Result<usize> {
    if first.is_empty() {
        return socket.read(then);
    }
    socket.read_vectored(&mut [IoSliceMut::new(first), IoSliceMut::new(then)])
}
