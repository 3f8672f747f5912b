//! From an endpoint to a connected byte stream.

mod resolver;

use std::{collections::VecDeque, io, net::SocketAddr};

use steadfast_core::IoKind;

pub(crate) use self::resolver::in_turn;
pub use self::resolver::{Answer, Resolver};
use crate::{
    cause,
    failure::Failure,
    net::{Address, Net, Socket},
};

/// An attempt to connect to one address after the other.
#[derive(Debug)]
pub(crate) struct Dial<S> {
    addresses: VecDeque<SocketAddr>,
    socket: Option<(SocketAddr, S)>,
    /// The most telling of the failures so far.
    failure: Option<Box<(IoKind, Failure)>>,
}

/// How an attempt stands.
#[derive(Debug)]
pub(crate) enum Progress<S> {
    /// The operating system has not decided.
    Pending,
    /// Connected.
    Connected(S),
    /// No address is left.
    Failed(Failure),
}

impl<S: Socket> Dial<S> {
    pub(crate) const fn new(addresses: VecDeque<SocketAddr>) -> Self {
        Self { addresses, socket: None, failure: None }
    }

    /// Looks what became of the connect under way, and goes on to the next address when it failed. May be called at any
    /// time.
    pub(crate) fn advance(&mut self, net: &mut impl Net<Socket = S>, slot: usize) -> Progress<S> {
        loop {
            if let Some((address, socket)) = &mut self.socket {
                let address = *address;
                match socket.connected() {
                    Ok(false) => return Progress::Pending,
                    Ok(true) => {
                        let (_, socket) = self.socket.take().expect("it was there just now");
                        return Progress::Connected(socket);
                    }
                    Err(error) => {
                        self.failed(address, &error);
                        self.close(net);
                    }
                }
            }
            let Some(address) = self.addresses.pop_front() else {
                return Progress::Failed(self.failure.take().map_or_else(no_address, |failure| failure.1));
            };
            match net.connect(slot, &Address::Tcp(address)) {
                Ok(socket) => self.socket = Some((address, socket)),
                Err(error) => self.failed(address, &error),
            }
        }
    }

    /// Drops the connect under way.
    pub(crate) fn close(&mut self, net: &mut impl Net<Socket = S>) {
        if let Some((_, socket)) = self.socket.take() {
            net.close(socket);
        }
    }

    fn failed(&mut self, address: SocketAddr, error: &io::Error) {
        let kind = cause::io_kind(error);
        if self.failure.as_ref().is_none_or(|known| telling(kind) > telling(known.0)) {
            self.failure = Some(Box::new((kind, Failure::dial(address, error))));
        }
    }
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

    use steadfast_core::Cause;

    use super::*;
    use crate::testing::Loop;

    /// Nobody listens there.
    fn refused() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    }

    /// Dials these addresses and says how it ended.
    fn dial(addresses: &[SocketAddr]) -> Progress<mio::net::TcpStream> {
        let (mut net, start) = (Loop::new(), Instant::now());
        let mut dial = Dial::new(addresses.iter().copied().collect());
        loop {
            match dial.advance(&mut net, 0) {
                Progress::Pending => assert!(start.elapsed() < Duration::from_secs(20)),
                ended => return ended,
            }
            net.wait();
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
