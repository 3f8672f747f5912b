//! The proxy's front: the port that it holds, and what can go wrong before a connection is carried.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

/// Holds a port without listening on it.
///
/// Without it the port would be free while the proxy refuses: the operating system could give it to somebody else's
/// outgoing connection, or to the client's own, which then talks to itself.
#[derive(Debug)]
pub(super) struct PortHolder {
    addr: SocketAddr,
    _bound: Socket,
}

impl PortHolder {
    pub(super) fn take() -> io::Result<Self> {
        let bound = shared_socket((Ipv4Addr::LOCALHOST, 0).into())?;
        let addr = bound.local_addr()?.as_socket().expect("an IPv4 socket has an IPv4 address");
        Ok(Self { addr, _bound: bound })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(super) fn listen(&self) -> io::Result<TcpListener> {
        let socket = shared_socket(self.addr)?;
        socket.listen(128)?;
        Ok(socket.into())
    }
}

/// Bound to an address that may be bound by others of its kind.
fn shared_socket(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

/// Says nothing until the client gives up.
pub(super) fn hang(client: TcpStream) {
    thread::spawn(move || until_gone(&client));
}

/// Answers the upgrade with 503.
pub(super) fn reject(mut client: TcpStream, latency: Duration) {
    thread::spawn(move || {
        let mut head = Vec::new();
        let mut chunk = [0; 1024];
        while !head.ends_with(b"\r\n\r\n") {
            match client.read(&mut chunk) {
                Ok(read @ 1..) => head.extend_from_slice(&chunk[..read]),
                _ => return,
            }
        }
        thread::sleep(2 * latency);
        let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        if client.write_all(answer).and_then(|()| client.shutdown(Shutdown::Write)).is_ok() {
            until_gone(&client);
        }
    });
}

/// Reads and discards until the other side is gone.
fn until_gone(mut stream: &TcpStream) {
    let mut chunk = [0; 1024];
    while matches!(stream.read(&mut chunk), Ok(1..)) {}
}
