//! Sockets for tests.

use std::{
    io::{self, IoSliceMut, Read, Write},
    time::Duration,
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};
use socket2::SockRef;

use crate::net::{Address, Net, Ready, Socket, SocketOptions};

/// A poll, and sockets that are registered with it.
pub(crate) struct Loop {
    poll: Poll,
    events: Events,
}

impl Loop {
    pub(crate) fn new() -> Self {
        Self { poll: Poll::new().expect("a poll"), events: Events::with_capacity(4) }
    }

    pub(crate) fn register(&self, socket: &mut TcpStream) {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(socket, Token(0), interest).expect("a poll");
    }

    /// Waits for the operating system to say something; what it says.
    pub(crate) fn wait(&mut self) -> Vec<Ready> {
        let said = self.wait_at_most(Duration::from_secs(20));
        assert!(!said.is_empty(), "no event in time");
        said
    }

    /// Waits for the operating system to say something, and no longer than this.
    pub(crate) fn wait_at_most(&mut self, time: Duration) -> Vec<Ready> {
        self.poll.poll(&mut self.events, Some(time)).expect("a poll");
        let ready = |event: &mio::event::Event| Ready {
            readable: event.is_readable(),
            writable: event.is_writable() || event.is_write_closed() || event.is_error(),
            ended: event.is_read_closed() || event.is_error(),
        };
        self.events.iter().map(ready).collect()
    }
}

impl Net for Loop {
    type Socket = TcpStream;

    fn connect(&mut self, _: usize, address: &Address, _: SocketOptions) -> io::Result<TcpStream> {
        let Address::Tcp(address) = address else { return Err(io::ErrorKind::Unsupported.into()) };
        let mut socket = TcpStream::connect(*address)?;
        self.register(&mut socket);
        Ok(socket)
    }

    fn close(&mut self, mut socket: TcpStream) {
        let _ = self.poll.registry().deregister(&mut socket);
    }

    fn abort(&mut self, socket: TcpStream) {
        let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
        self.close(socket);
    }
}

impl Socket for TcpStream {
    const A_SHORT_ONE_IS_THE_LAST: bool = cfg!(any(target_os = "linux", target_os = "android"));

    fn connected(&mut self) -> io::Result<bool> {
        if let Some(error) = self.take_error()? {
            return Err(error);
        }
        match self.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn read(&mut self, first: &mut [u8], then: &mut [u8]) -> io::Result<usize> {
        self.read_vectored(&mut [IoSliceMut::new(first), IoSliceMut::new(then)])
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }
}
