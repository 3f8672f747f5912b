//! The listening socket, which can go away and come back on the same port.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
};

use socket2::{Domain, Protocol, Socket, Type};

/// A listener on one address, open or closed.
#[derive(Debug)]
pub(crate) struct Door {
    addr: SocketAddr,
    listener: Option<TcpListener>,
    /// Bound to the same port and never listening: while the listener is away, connects are refused by the system, and
    /// it gives the port to nobody else (not even to a client's own end, which could then connect to itself).
    #[cfg(unix)]
    _placeholder: Option<Socket>,
}

impl Door {
    /// Listens on `addr`; port 0 takes a free one.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) fn open(addr: SocketAddr) -> io::Result<Self> {
        if addr.port() != 0 {
            // Sockets that share their port (see below) would also share it with another program that does so: ask first.
            drop(TcpListener::bind(addr)?);
        }
        let listener = listen(addr)?;
        let addr = listener.local_addr()?;
        Ok(Self {
            addr,
            listener: Some(listener),
            #[cfg(unix)]
            _placeholder: bound(addr, false).ok(),
        })
    }

    /// Where it listens.
    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// From now on connects are refused; those not yet accepted are reset.
    pub(crate) fn close(&mut self) {
        self.listener = None;
    }

    /// Listens again; `Ok(false)` if it did already.
    ///
    /// # Errors
    /// What the operating system says; it can be tried again.
    pub(crate) fn reopen(&mut self) -> io::Result<bool> {
        if self.listener.is_some() {
            return Ok(false);
        }
        self.listener = Some(listen(self.addr)?);
        Ok(true)
    }

    /// The next connection, if one is there.
    pub(crate) fn accept(&self) -> Option<TcpStream> {
        let (stream, _) = self.listener.as_ref()?.accept().ok()?;
        // Some systems hand the listener's mode down, others do not: connections are served by blocking threads.
        stream.set_nonblocking(false).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(stream)
    }
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = bound(addr, true)?;
    socket.listen(128)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// A socket bound to a port that it shares with others of ours; with `reuse_address` also with closed connections that
/// linger there, and with any other that says so and does not listen either.
fn bound(addr: SocketAddr, reuse_address: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    #[cfg(unix)]
    {
        socket.set_reuse_address(reuse_address)?;
        socket.set_reuse_port(true)?;
    }
    #[cfg(not(unix))]
    let _ = reuse_address;
    socket.bind(&addr.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_door_refuses_and_a_reopened_one_listens_on_the_same_port() {
        let mut door = Door::open("127.0.0.1:0".parse().expect("an address")).expect("loopback");
        door.close();
        let refused = TcpStream::connect(door.addr()).expect_err("nobody listens");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert!(door.reopen().expect("the port is still ours"));
        assert!(!door.reopen().expect("it listens"));
        TcpStream::connect(door.addr()).expect("somebody listens");
    }

    #[test]
    #[cfg(unix)]
    fn while_the_door_is_closed_nobody_else_gets_its_port() {
        let mut door = Door::open("127.0.0.1:0".parse().expect("an address")).expect("loopback");
        door.close();
        assert!(TcpListener::bind(door.addr()).is_err());
    }
}
