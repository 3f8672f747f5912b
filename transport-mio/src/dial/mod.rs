//! From an endpoint to a connected byte stream.

mod resolver;

use std::{collections::VecDeque, io, net::SocketAddr};

use mio::{Interest, Registry, Token, net::TcpStream};
use steadfast_core::IoKind;

pub(crate) use self::resolver::{Answer, Resolver, in_turn};
use crate::{cause, failure::Failure, stream::Stream};

/// An attempt to connect to one address after the other.
#[derive(Debug)]
pub(crate) struct Dial {
    addresses: VecDeque<SocketAddr>,
    socket: Option<(SocketAddr, TcpStream)>,
    /// The most telling of the failures so far.
    failure: Option<Box<(IoKind, Failure)>>,
}

/// How an attempt stands.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The operating system has not decided.
    Pending,
    /// Connected.
    Connected(Stream),
    /// No address is left.
    Failed(Failure),
}

impl Dial {
    pub(crate) const fn new(addresses: VecDeque<SocketAddr>) -> Self {
        Self { addresses, socket: None, failure: None }
    }

    /// Looks what became of the connect under way, and goes on to the next address when it failed. May be called at any
    /// time.
    pub(crate) fn advance(&mut self, registry: &Registry, token: Token) -> Progress {
        loop {
            if let Some((address, socket)) = &self.socket {
                match outcome(socket) {
                    Ok(false) => return Progress::Pending,
                    Ok(true) => {
                        let (_, socket) = self.socket.take().expect("it was there just now");
                        return Progress::Connected(Stream::tcp(socket));
                    }
                    Err(error) => {
                        self.failed(*address, &error);
                        self.close(registry);
                    }
                }
            }
            let Some(address) = self.addresses.pop_front() else {
                return Progress::Failed(self.failure.take().map_or_else(no_address, |failure| failure.1));
            };
            match start(address, registry, token) {
                Ok(socket) => self.socket = Some((address, socket)),
                Err(error) => self.failed(address, &error),
            }
        }
    }

    /// Drops the connect under way.
    pub(crate) fn close(&mut self, registry: &Registry) {
        if let Some((_, mut socket)) = self.socket.take() {
            let _ = registry.deregister(&mut socket);
        }
    }

    fn failed(&mut self, address: SocketAddr, error: &io::Error) {
        let kind = cause::io_kind(error);
        if self.failure.as_ref().is_none_or(|known| telling(kind) > telling(known.0)) {
            self.failure = Some(Box::new((kind, Failure::dial(address, error))));
        }
    }
}

/// Whether the socket is connected; an error if it never will be.
fn outcome(socket: &TcpStream) -> io::Result<bool> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}

fn start(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(address)?;
    registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(socket)
}

fn no_address() -> Failure {
    Failure::Io { kind: IoKind::Other, text: String::from("the name has no address") }
}

/// A host that answers says more than a network that does not know it.
const fn telling(kind: IoKind) -> u8 {
    match kind {
        IoKind::Refused | IoKind::Reset => 3,
        IoKind::TimedOut | IoKind::Exhausted => 2,
        IoKind::Unreachable => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::TcpListener,
        time::{Duration, Instant},
    };

    use mio::{Events, Poll};
    use steadfast_core::Cause;

    use super::*;

    const TOKEN: Token = Token(0);

    /// Nobody listens there.
    fn refused() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    }

    /// Dials these addresses and says how it ended.
    fn dial(addresses: &[SocketAddr]) -> Progress {
        let (mut poll, mut events, start) = (Poll::new().expect("a poll"), Events::with_capacity(4), Instant::now());
        let mut dial = Dial::new(addresses.iter().copied().collect());
        loop {
            match dial.advance(poll.registry(), TOKEN) {
                Progress::Pending => assert!(start.elapsed() < Duration::from_secs(20)),
                ended => return ended,
            }
            poll.poll(&mut events, Some(Duration::from_secs(1))).expect("a poll");
        }
    }

    #[test]
    fn an_address_that_refuses_is_followed_by_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let good = listener.local_addr().expect("an address");
        assert!(matches!(dial(&[refused(), refused(), good]), Progress::Connected(_)));
    }

    #[test]
    fn when_none_is_left_the_most_telling_failure_counts() {
        let unreachable = SocketAddr::from(([255, 255, 255, 255], 9));
        let closed = refused();
        let Progress::Failed(failure) = dial(&[closed, unreachable]) else { panic!("nobody listens there") };
        assert_eq!(failure.cause(), Cause::Io(IoKind::Refused));
        assert!(failure.to_string().starts_with(&closed.to_string()), "{failure}");
    }

    #[test]
    fn an_attempt_without_addresses_fails() {
        assert!(matches!(dial(&[]), Progress::Failed(Failure::Io { kind: IoKind::Other, .. })));
    }
}
