//! Many sessions that want to connect, and a loop that lets only so many of them do so at the same time.

use std::{
    net::{TcpListener, TcpStream},
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use super::common::{self, SOON, Server, config};
use steadfast_mio::{
    Application, EventLoop, Reads, Requests, SessionId,
    core::{
        CloseFrame, Message, Notice, State, StateKind, Timestamp,
        config::{Config, ConfigBuilder},
    },
};

/// Remembers the states.
#[derive(Default)]
struct Witness {
    states: Vec<State>,
}

impl Application for Witness {
    fn deliver(&mut self, _: Message<'_>, _: &mut Requests<'_>) -> Reads {
        Reads::Continue
    }

    fn notify(&mut self, _: Timestamp, notice: Notice, _: &mut Requests<'_>) {
        if let Notice::State(transition) = notice {
            self.states.push(transition.to);
        }
    }
}

/// A loop in which one session may connect at a time, and a server that accepts and never answers.
struct Narrow {
    sessions: EventLoop<Witness>,
    hanging: TcpListener,
    /// What it accepted.
    accepted: Vec<TcpStream>,
}

impl Narrow {
    fn new() -> Self {
        let mut sessions = EventLoop::new().expect("a poll");
        sessions.driver_mut().set_max_connects(NonZeroUsize::MIN);
        Self { sessions, hanging: TcpListener::bind("127.0.0.1:0").expect("a port"), accepted: Vec::new() }
    }

    /// Adds a session that waits an hour for the server.
    fn add(&mut self) -> SessionId {
        self.add_with(|config| config.connect_timeout(Duration::from_hours(1)))
    }

    fn add_with(&mut self, more: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> SessionId {
        let url = format!("ws://{}/", self.hanging.local_addr().expect("an address"));
        let config = more(config()).build().expect("a good configuration");
        self.sessions.add(common::endpoint(&url), config, 1, Witness::default())
    }

    fn states(&mut self, session: SessionId) -> Vec<StateKind> {
        let witness = self.sessions.driver_mut().application(session).expect("a session");
        witness.states.iter().map(State::kind).collect()
    }

    /// How many sessions have got as far as the server since the last time.
    fn arrived(&mut self) -> usize {
        self.run();
        self.hanging.set_nonblocking(true).expect("an option");
        let before = self.accepted.len();
        self.accepted.extend(std::iter::from_fn(|| self.hanging.accept().ok()).map(|(stream, _)| stream));
        self.accepted.len() - before
    }

    /// Some rounds: whatever can happen has happened after them.
    fn run(&mut self) {
        for _ in 0..10 {
            self.sessions.run_once(Some(Duration::from_millis(1))).expect("a poll");
        }
    }
}

fn run_until<A: Application>(sessions: &mut EventLoop<A>, mut done: impl FnMut(&mut EventLoop<A>) -> bool) {
    let start = Instant::now();
    while !done(sessions) {
        assert!(start.elapsed() < SOON, "not done in time");
        sessions.run_once(Some(Duration::from_millis(100))).expect("a poll");
    }
}

#[test]
fn no_more_sessions_connect_at_the_same_time_than_may() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = common::endpoint(&format!("ws://{}/", listener.local_addr().expect("an address")));
    let mut sessions = EventLoop::new().expect("a poll");
    sessions.driver_mut().set_max_connects(NonZeroUsize::new(3).expect("not zero"));
    for seed in 0..20 {
        sessions.add(endpoint.clone(), config().build().expect("a good configuration"), seed, Witness::default());
    }
    run_until(&mut sessions, |sessions| sessions.driver().connects().under_way == 3);
    assert_eq!(sessions.driver().connects().waiting, 17);

    // From here on the server answers.
    let _server = Server::on(listener, |stream, _| {
        if let Ok(socket) = tungstenite::accept(stream) {
            common::echo(socket);
        }
    });
    run_until(&mut sessions, |sessions| {
        let connects = sessions.driver().connects();
        connects.under_way == 0 && connects.waiting == 0
    });
    assert_eq!(sessions.driver().connects().peak, 3);
}

#[test]
fn the_connect_timeout_does_not_run_while_a_session_waits_its_turn() {
    let mut narrow = Narrow::new();
    let first = narrow.add();
    let second = narrow.add_with(|config| config.connect_timeout(Duration::from_millis(1)));
    narrow.run();
    assert_eq!(narrow.states(second), [StateKind::Connecting]);
    narrow.sessions.driver_mut().remove(first).expect("a session");
    run_until(&mut narrow.sessions, |sessions| {
        let states = &sessions.driver_mut().application(second).expect("a session").states;
        states.iter().any(|state| state.kind() == StateKind::Waiting)
    });
}

#[test]
fn sessions_that_wait_have_no_timer() {
    let mut narrow = Narrow::new();
    for _ in 0..5 {
        narrow.add_with(|config| config.connect_timeout(Duration::from_hours(2)).long_outage(None));
    }
    assert_eq!(narrow.arrived(), 1);
    let next = narrow.sessions.driver().next_deadline().expect("the timeout of the first");
    assert!(next > Instant::now() + Duration::from_hours(1));
}

#[test]
fn a_session_stops_while_it_waits_and_the_next_one_takes_its_turn() {
    let mut narrow = Narrow::new();
    let (first, second, third) = (narrow.add(), narrow.add(), narrow.add());
    narrow.run();
    narrow.sessions.remote(second).expect("a session").stop(CloseFrame::NORMAL, None);
    assert_eq!(narrow.arrived(), 1);
    assert_eq!(narrow.states(second).last(), Some(&StateKind::Stopped));
    narrow.sessions.driver_mut().remove(first).expect("a session");
    assert_eq!(narrow.arrived(), 1);
    assert_eq!(narrow.sessions.driver().connects().waiting, 0);
    assert_eq!(narrow.states(third), [StateKind::Connecting]);
}

#[test]
fn a_session_that_is_removed_while_it_waits_leaves_no_trace() {
    let mut narrow = Narrow::new();
    let (first, second) = (narrow.add(), narrow.add());
    narrow.run();
    let witness = narrow.sessions.driver_mut().remove(second).expect("a session");
    assert_eq!(witness.states.last().map(State::kind), Some(StateKind::Stopped));
    narrow.sessions.driver_mut().remove(first).expect("a session");
    let connects = narrow.sessions.driver().connects();
    assert_eq!((connects.under_way, connects.waiting), (0, 0));
}

#[test]
fn reconnect_now_does_not_jump_the_queue() {
    let mut narrow = Narrow::new();
    let (first, second, third) = (narrow.add(), narrow.add(), narrow.add());
    narrow.run();
    narrow.sessions.remote(third).expect("a session").reconnect_now();
    narrow.sessions.driver_mut().remove(first).expect("a session");
    assert_eq!(narrow.arrived(), 2, "the first, and the one that came second");
    narrow.sessions.driver_mut().remove(second).expect("a session");
    assert_eq!(narrow.arrived(), 1);
}

#[test]
fn a_session_that_starts_again_while_it_waits_connects_once() {
    let mut narrow = Narrow::new();
    let (first, second) = (narrow.add(), narrow.add());
    narrow.run();
    let remote = narrow.sessions.remote(second).expect("a session");
    for _ in 0..5 {
        remote.stop(CloseFrame::NORMAL, None);
        remote.start();
    }
    narrow.run();
    assert_eq!(narrow.sessions.driver().connects().waiting, 1);
    assert_eq!(narrow.arrived(), 1);
    narrow.sessions.driver_mut().remove(first).expect("a session");
    assert_eq!(narrow.arrived(), 1);
}

#[test]
fn attempts_that_are_refused_make_room_for_the_next() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let mut sessions = EventLoop::new().expect("a poll");
    sessions.driver_mut().set_max_connects(NonZeroUsize::MIN);
    let ids: Vec<SessionId> = (0..50)
        .map(|seed| {
            let endpoint = common::endpoint(&format!("ws://{nobody}/"));
            sessions.add(endpoint, config().build().expect("a good configuration"), seed, Witness::default())
        })
        .collect();
    for id in ids {
        run_until(&mut sessions, |sessions| {
            sessions.driver().session(id).is_some_and(|session| session.metrics().attempts >= 2)
        });
    }
    assert_eq!(sessions.driver().connects().peak, 1);
}

#[test]
fn a_limit_that_is_raised_lets_those_in_that_wait() {
    let mut narrow = Narrow::new();
    for _ in 0..4 {
        narrow.add();
    }
    assert_eq!(narrow.arrived(), 1);
    narrow.sessions.driver_mut().set_max_connects(NonZeroUsize::new(3).expect("not zero"));
    assert_eq!(narrow.arrived(), 2);
    assert_eq!(narrow.sessions.driver().connects().waiting, 1);
}

#[test]
fn a_connection_that_closes_before_it_is_open_makes_room() {
    let server = Server::start(|stream: TcpStream, index| {
        if index % 2 == 0 {
            return drop(stream);
        }
        if let Ok(socket) = tungstenite::accept(stream) {
            common::echo(socket);
        }
    });
    let mut sessions = EventLoop::new().expect("a poll");
    sessions.driver_mut().set_max_connects(NonZeroUsize::MIN);
    let config: Config = config().build().expect("a good configuration");
    for seed in 0..10 {
        sessions.add(common::endpoint(&server.url()), config.clone(), seed, Witness::default());
    }
    run_until(&mut sessions, |sessions| {
        let connects = sessions.driver().connects();
        connects.under_way == 0 && connects.waiting == 0 && sessions.driver().connects().peak == 1
    });
}
