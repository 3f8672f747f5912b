//! Many sessions on one thread, and sessions on a poll of somebody else's.

use std::{
    collections::BTreeSet,
    io::Write,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::common::{self, SOON, Server, config};
use mio::{Events, Interest, Poll, Token, Waker};
use steadfast_mio::{
    Accepted, Application, Driver, Endpoint, EventLoop, Failure, Reads, Requests, SessionId,
    core::{
        Cause, ConnId, Delivery, IoKind, Message, Notice, SendOptions, Stage, State, StateKind, Timestamp, Verdict,
    },
};

/// Sends a few messages, each after the echo of the one before, and keeps account.
#[derive(Default)]
struct Counter {
    left: u32,
    echoes: u32,
    confirmed: u32,
    opened: u32,
    state: Option<StateKind>,
}

impl Counter {
    fn of(left: u32) -> Self {
        Self { left, ..Self::default() }
    }

    fn send(&mut self, requests: &mut Requests<'_>) {
        if self.left > 0 {
            self.left -= 1;
            requests.send(format!("{:?} {}", requests.session(), self.left), SendOptions::default());
        }
    }
}

impl Application for Counter {
    fn deliver(&mut self, message: Message<'_>, requests: &mut Requests<'_>) -> Reads {
        let session = format!("{:?}", requests.session());
        assert!(message.as_text().is_some_and(|text| text.starts_with(&session)), "somebody else's: {message:?}");
        self.echoes += 1;
        self.send(requests);
        Reads::Continue
    }

    fn notify(&mut self, _at: Timestamp, notice: Notice, requests: &mut Requests<'_>) {
        match notice {
            Notice::State(transition) => {
                self.state = Some(transition.to.kind());
                if self.state == Some(StateKind::Open) {
                    self.send(requests);
                }
            }
            Notice::Verdict { verdict: Verdict::Confirmed, .. } => self.confirmed += 1,
            _ => {}
        }
    }

    fn opened(&mut self, conn: ConnId, accepted: &Accepted, _requests: &mut Requests<'_>) {
        assert_eq!(conn, ConnId(1));
        assert!(accepted.headers().iter().any(|(name, _)| name.eq_ignore_ascii_case("upgrade")));
        self.opened += 1;
    }
}

fn endpoint(server: &Server) -> Endpoint {
    common::endpoint(&server.url())
}

/// Runs the loop until the condition holds.
fn run_until<A: Application>(sessions: &mut EventLoop<A>, mut done: impl FnMut(&mut EventLoop<A>) -> bool) {
    let start = Instant::now();
    while !done(sessions) {
        assert!(start.elapsed() < SOON, "not done in time");
        sessions.run_once(Some(Duration::from_millis(100))).expect("a poll");
    }
}

#[test]
fn two_hundred_sessions_share_a_thread() {
    let server = Server::echo();
    let config = config().build().expect("a good configuration");
    let mut sessions = EventLoop::new().expect("a poll");
    let ids: Vec<SessionId> =
        (0..200).map(|seed| sessions.add(endpoint(&server), config.clone(), seed, Counter::of(20))).collect();
    for id in &ids {
        run_until(&mut sessions, |sessions| {
            sessions.driver_mut().application(*id).is_some_and(|counter| counter.confirmed == 20)
        });
        let counter = sessions.driver_mut().remove(*id).expect("a session");
        assert_eq!((counter.echoes, counter.opened, counter.state), (20, 1, Some(StateKind::Stopped)));
    }
    assert!(sessions.is_empty());
    assert!(ids.iter().collect::<BTreeSet<_>>().len() == 200 && sessions.remote(ids[0]).is_none());
}

#[test]
fn a_loop_with_nothing_to_do_sleeps() {
    let server = Server::echo();
    let mut sessions = EventLoop::new().expect("a poll");
    let id = sessions.add(endpoint(&server), config().build().expect("a good configuration"), 1, Counter::of(1));
    run_until(&mut sessions, |sessions| {
        sessions.driver_mut().application(id).is_some_and(|counter| counter.confirmed == 1)
    });
    let (mut rounds, start) = (0, Instant::now());
    while start.elapsed() < Duration::from_millis(300) {
        sessions.run_once(Some(Duration::from_millis(100))).expect("a poll");
        rounds += 1;
    }
    assert!(rounds <= 5, "{rounds} rounds in three times the timeout");
}

#[test]
fn a_loop_that_sleeps_is_woken_by_other_threads() {
    let server = Server::echo();
    let mut sessions = EventLoop::new().expect("a poll");
    let id = sessions.add(endpoint(&server), config().build().expect("a good configuration"), 1, Keeper::default());
    let remote = sessions.remote(id).expect("a session");
    let other = thread::spawn(move || {
        for index in 0..100_u8 {
            remote.send(vec![index], SendOptions::new(Delivery::AtMostOnce)).expect("a loop");
        }
        let (answer, answered) = mpsc::channel();
        remote.inspect(move |session| answer.send(session.metrics().accepted).expect("an ear"));
        let accepted = answered.recv_timeout(SOON).expect("an answer");
        remote.remove();
        accepted
    });
    while !sessions.is_empty() {
        sessions.run_once(None).expect("a poll");
    }
    assert_eq!(other.join().expect("no panic"), 100);
}

/// Keeps what came in, and takes one message at a time.
#[derive(Default)]
struct Keeper {
    one_by_one: bool,
    kept: Vec<Vec<u8>>,
}

impl Application for Keeper {
    fn deliver(&mut self, message: Message<'_>, _requests: &mut Requests<'_>) -> Reads {
        self.kept.push(message.as_bytes().to_vec());
        if self.one_by_one { Reads::Pause } else { Reads::Continue }
    }

    fn notify(&mut self, _at: Timestamp, _notice: Notice, _requests: &mut Requests<'_>) {}
}

#[test]
fn an_application_that_pauses_gets_one_message_at_a_time() {
    let server = Server::start(|stream, _| {
        let mut socket = tungstenite::accept(stream).expect("a client");
        for index in 0..50_u8 {
            // Some in one segment, one larger than a read.
            let size = if index == 25 { 200_000 } else { 1 };
            socket.write(tungstenite::Message::binary(vec![index; size])).expect("a message");
        }
        socket.flush().expect("a flush");
        common::drain(&mut socket);
    });
    let mut sessions = EventLoop::new().expect("a poll");
    let keeper = Keeper { one_by_one: true, kept: Vec::new() };
    let id = sessions.add(endpoint(&server), config().build().expect("a good configuration"), 1, keeper);
    for index in 0..50_u8 {
        let kept = usize::from(index) + 1;
        run_until(&mut sessions, |sessions| {
            sessions.driver_mut().application(id).is_some_and(|keeper| keeper.kept.len() == kept)
        });
        sessions.run_once(Some(Duration::ZERO)).expect("a poll");
        let keeper = sessions.driver_mut().application(id).expect("a session");
        assert_eq!((keeper.kept.len(), keeper.kept[usize::from(index)][0]), (kept, index));
        sessions.driver_mut().resume_reads(id);
    }
}

#[test]
fn a_loud_session_does_not_starve_a_quiet_one() {
    let loud = Server::start(|stream, _| {
        let Ok(mut socket) = tungstenite::accept(stream) else { return };
        while socket.send(tungstenite::Message::binary(vec![0; 1 << 20])).is_ok() {}
    });
    let quiet = Server::echo();
    let config = config().build().expect("a good configuration");
    let mut sessions: EventLoop<Box<dyn Application>> = EventLoop::new().expect("a poll");
    sessions.add(endpoint(&loud), config.clone(), 1, Box::new(Swallower));
    let quiet = sessions.add(endpoint(&quiet), config, 2, Box::new(Counter::of(100)));
    run_until(&mut sessions, |sessions| {
        sessions.driver().session(quiet).is_some_and(|session| session.metrics().verdicts.confirmed == 100)
    });
}

/// Remembers why its attempts failed.
#[derive(Default)]
struct Patient {
    causes: Vec<Cause>,
}

impl Application for Patient {
    fn deliver(&mut self, _message: Message<'_>, _requests: &mut Requests<'_>) -> Reads {
        Reads::Continue
    }

    fn notify(&mut self, _at: Timestamp, notice: Notice, _requests: &mut Requests<'_>) {
        if let Notice::State(transition) = notice
            && let State::Waiting { cause, .. } = transition.to
        {
            self.causes.push(cause);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_attempt_without_a_descriptor_fails_and_is_made_again() {
    const ALONE: &str = "STEADFAST_TEST_FEW_DESCRIPTORS";
    if std::env::var_os(ALONE).is_none() {
        // In a process of its own, which has only a few.
        let name = "an_attempt_without_a_descriptor_fails_and_is_made_again";
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "ulimit -n 40 && exec \"$@\"", "sh"]);
        return common::assert_ran(shell.args(common::one_test(module_path!(), name)).env(ALONE, "1"));
    }
    let hanging = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", hanging.local_addr().expect("an address"));
    let endpoint = common::endpoint(&url);
    let config = config().build().expect("a good configuration");
    let mut sessions = EventLoop::new().expect("a poll");
    let ids: Vec<SessionId> =
        (0..60).map(|seed| sessions.add(endpoint.clone(), config.clone(), seed, Patient::default())).collect();
    let unlucky = *ids.last().expect("sixty");
    let has = |sessions: &mut EventLoop<Patient>, cause: Cause| {
        sessions.driver_mut().application(unlucky).expect("a session").causes.contains(&cause)
    };
    run_until(&mut sessions, |sessions| has(sessions, Cause::Dial { stage: Stage::Connect, kind: IoKind::Exhausted }));
    for id in &ids[..59] {
        sessions.driver_mut().remove(*id).expect("a session");
    }
    // Now it gets as far as the server, where nobody listens any more.
    drop(hanging);
    run_until(&mut sessions, |sessions| has(sessions, Cause::Dial { stage: Stage::Connect, kind: IoKind::Refused }));
    // Every attempt ended once: a failure each, but for the one under way.
    let metrics = sessions.driver().session(unlucky).expect("a session").metrics();
    let failures = sessions.driver_mut().application(unlucky).expect("a session").causes.len() as u64;
    assert!([failures, failures + 1].contains(&metrics.attempts), "{failures} of {} failed", metrics.attempts);
}

/// Starts again whenever it is stopped, and has something to say.
#[derive(Default)]
struct Stubborn {
    refused: u32,
    state: Option<StateKind>,
}

impl Application for Stubborn {
    fn deliver(&mut self, _message: Message<'_>, _requests: &mut Requests<'_>) -> Reads {
        Reads::Continue
    }

    fn notify(&mut self, _at: Timestamp, notice: Notice, requests: &mut Requests<'_>) {
        match notice {
            Notice::State(transition) => {
                self.state = Some(transition.to.kind());
                if self.state == Some(StateKind::Stopped) {
                    requests.start();
                    requests.send("again", SendOptions::default());
                }
            }
            Notice::Refused { .. } => self.refused += 1,
            _ => {}
        }
    }
}

#[test]
fn a_session_that_is_removed_does_not_start_again() {
    let server = Server::echo();
    let mut sessions = EventLoop::new().expect("a poll");
    let config = config().build().expect("a good configuration");
    let id = sessions.add(endpoint(&server), config, 1, Stubborn::default());
    run_until(&mut sessions, |sessions| {
        sessions.driver_mut().application(id).is_some_and(|stubborn| stubborn.state == Some(StateKind::Open))
    });
    let stubborn = sessions.driver_mut().remove(id).expect("a session");
    assert_eq!((stubborn.state, stubborn.refused), (Some(StateKind::Stopped), 1));
}

struct Swallower;

impl Application for Swallower {
    fn deliver(&mut self, _message: Message<'_>, _requests: &mut Requests<'_>) -> Reads {
        Reads::Continue
    }

    fn notify(&mut self, _at: Timestamp, _notice: Notice, _requests: &mut Requests<'_>) {}
}

#[test]
fn a_driver_shares_a_poll_with_strangers() {
    const WAKER: Token = Token(7);
    const STRANGER: Token = Token(8);
    let server = Server::echo();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut knocker = std::net::TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    let (stream, _) = listener.accept().expect("a connection");
    stream.set_nonblocking(true).expect("an option");
    let mut stranger = mio::net::TcpStream::from_std(stream);

    let mut poll = Poll::new().expect("a poll");
    let waker = Arc::new(Waker::new(poll.registry(), WAKER).expect("a waker"));
    let registry = poll.registry().try_clone().expect("a registry");
    registry.register(&mut stranger, STRANGER, Interest::READABLE).expect("a registration");
    let mut driver = Driver::new(registry, 100..102, waker);
    let config = config().build().expect("a good configuration");
    let ids = [1, 2].map(|seed| driver.add(endpoint(&server), config.clone(), seed, Counter::of(5)).expect("a token"));
    assert!(driver.add(endpoint(&server), config, 3, Counter::of(5)).is_err());
    knocker.write_all(b"knock").expect("a knock");

    let (mut events, mut strangers, start) = (Events::with_capacity(16), 0, Instant::now());
    while strangers == 0 || ids.iter().any(|id| driver.application(*id).expect("a session").confirmed < 5) {
        assert!(start.elapsed() < SOON);
        let timeout = driver.next_deadline().map(|at| at.saturating_duration_since(Instant::now()));
        poll.poll(&mut events, timeout.or(Some(Duration::from_millis(100)))).expect("a poll");
        for event in &events {
            if !driver.handle_event(event) {
                assert!([WAKER, STRANGER].contains(&event.token()));
                strangers += usize::from(event.token() == STRANGER);
            }
        }
        driver.advance();
    }
}

/// Keeps what was wrong.
#[derive(Default)]
struct Curious(Option<Failure>);

impl Application for Curious {
    fn deliver(&mut self, _message: Message<'_>, _requests: &mut Requests<'_>) -> Reads {
        Reads::Continue
    }

    fn notify(&mut self, _at: Timestamp, _notice: Notice, _requests: &mut Requests<'_>) {}

    fn failed(&mut self, _conn: ConnId, failure: &Failure, _requests: &mut Requests<'_>) {
        self.0 = Some(failure.clone());
    }
}

#[test]
fn a_refusal_is_shown_with_its_headers_and_its_reason() {
    let server = Server::start(|stream, _| {
        common::answer(stream, b"HTTP/1.1 403 No\r\nX-Why: banned\r\nContent-Length: 4\r\n\r\nyou!");
    });
    let mut sessions = EventLoop::new().expect("a poll");
    let config = config().build().expect("a good configuration");
    let id = sessions.add(endpoint(&server), config, 1, Curious::default());
    run_until(&mut sessions, |sessions| sessions.driver_mut().application(id).is_some_and(|known| known.0.is_some()));
    let failure = sessions.driver_mut().remove(id).and_then(|known| known.0).expect("a refusal");
    assert_eq!(failure.to_string(), "expected status 101, found `403 No` with `you!` (RFC 6455 §4.1)");
    let Failure::Rejected(rejected) = failure else { panic!("{failure:?}") };
    assert_eq!((rejected.status(), rejected.body()), (403, &b"you!"[..]));
    assert_eq!(rejected.headers().get("x-why"), Some(&b"banned"[..]));
}
