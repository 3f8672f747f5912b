//! Dialing over real sockets.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use steadfast_core::DnsKind;

use super::*;
use crate::{pump::Mailbox, testing::Loop};

type Ended = Result<(), Failure>;

/// A dial, and what a driver lends to it.
struct Dialed {
    dialing: Dialing<mio::net::TcpStream>,
    net: Loop,
    resolver: Resolver,
    events: VecDeque<Event<'static>>,
    start: Instant,
}

impl Dialed {
    fn new(url: &str) -> Self {
        let mailbox = Arc::new(Mailbox::new(Waker::noop().clone()));
        let endpoint = Endpoint::parse(url).expect("a URL");
        Self {
            dialing: Dialing::new(ConnId(1), endpoint, 1, None),
            net: Loop::new(),
            resolver: Resolver::new(mailbox),
            events: VecDeque::new(),
            start: Instant::now(),
        }
    }

    fn lend<T>(&mut self, act: impl FnOnce(&mut Dialing<mio::net::TcpStream>, &mut Lent<'_, Loop>) -> T) -> T {
        let now = Timestamp::from_micros(u64::try_from(self.start.elapsed().as_micros()).expect("a short test"));
        let Self { dialing, net, resolver, events, .. } = self;
        act(dialing, &mut Lent { now, slot: 0, net, resolver, events })
    }

    /// Goes on until it has ended.
    fn end(&mut self) -> Ended {
        loop {
            match self.lend(Dialing::advance) {
                Progress::Ready(_) => return Ok(()),
                Progress::Failed(failure) => return Err(failure),
                Progress::Pending => {}
            }
            assert!(self.start.elapsed() < Duration::from_secs(20), "{:?}", self.dialing);
            let now = self.start.elapsed();
            let left = self.dialing.deadline().map(|at| Duration::from_micros(at.as_micros()).saturating_sub(now));
            self.net.wait_at_most(left.unwrap_or(Duration::from_secs(20)));
        }
    }

    /// Answers the question for the name's addresses, and goes on until it has ended.
    fn resolved(&mut self, found: Result<Vec<SocketAddr>, Failure>) -> Ended {
        assert!(matches!(self.lend(Dialing::advance), Progress::Pending));
        let answer = Answer { name: "server.invalid".into(), found };
        match self.lend(|dialing, lent| dialing.resolved(&answer, lent)) {
            Some(failure) => Err(failure),
            None => self.end(),
        }
    }
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

fn at(ip: [u8; 4]) -> SocketAddr {
    SocketAddr::from((ip, 0))
}

#[test]
fn an_address_that_refuses_is_followed_by_the_next() {
    let (_listener, port) = listener();
    let mut dialed = Dialed::new(&format!("ws://server.invalid:{port}/"));
    // Nobody listens at the first two.
    let found = vec![at([127, 0, 0, 2]), at([127, 0, 0, 3]), at([127, 0, 0, 1])];
    assert_eq!(dialed.resolved(Ok(found)), Ok(()));
}

#[test]
fn when_none_is_left_the_most_telling_failure_counts() {
    let (listener, port) = listener();
    drop(listener);
    let mut dialed = Dialed::new(&format!("ws://server.invalid:{port}/"));
    let found = vec![at([127, 0, 0, 1]), at([255, 255, 255, 255])];
    let failure = dialed.resolved(Ok(found)).expect_err("nobody listens there");
    assert_eq!(failure.cause(), Cause::Dial { stage: Stage::Connect, kind: IoKind::Refused });
    assert!(failure.to_string().starts_with(&format!("connect: 127.0.0.1:{port}: ")), "{failure}");
}

#[test]
fn a_name_without_addresses_fails_with_the_resolvers_words() {
    let failure = Failure::Dns { kind: DnsKind::NotFound, text: String::from("`server.invalid`: unknown") };
    let mut dialed = Dialed::new("ws://server.invalid/");
    assert_eq!(dialed.resolved(Err(failure.clone())), Err(failure));
    let failure = Dialed::new("ws://server.invalid/").resolved(Ok(Vec::new())).expect_err("no addresses");
    assert_eq!(failure.cause(), Cause::Dns(DnsKind::NotFound));
}

#[test]
fn the_answer_for_another_name_is_none() {
    let mut dialed = Dialed::new("ws://server.invalid/");
    assert!(matches!(dialed.lend(Dialing::advance), Progress::Pending));
    let answer = Answer { name: "other.invalid".into(), found: Ok(vec![at([127, 0, 0, 1])]) };
    assert_eq!(dialed.lend(|dialing, lent| dialing.resolved(&answer, lent)), None);
    assert!(dialed.dialing.sockets.is_empty());
}

#[test]
fn the_session_is_told_when_it_begins() {
    let (_listener, port) = listener();
    let mut dialed = Dialed::new(&format!("ws://127.0.0.1:{port}/"));
    assert_eq!(dialed.end(), Ok(()));
    assert_eq!(dialed.events.front(), Some(&Event::Dialing { conn: ConnId(1), stage: Stage::Connect }));
}
