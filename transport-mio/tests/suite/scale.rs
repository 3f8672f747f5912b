//! Many sessions on one loop: when it wakes up, and whom it serves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use super::common::{self, SOON, Server, config};
use steadfast_mio::{
    Application, EventLoop, Reads, Requests, SessionId,
    core::{
        Message, Notice, SendOptions, StateKind, Timestamp,
        config::{ConfigBuilder, Heartbeat},
    },
};

/// Has nothing to say, and waits until its connection has proved itself.
#[derive(Default)]
struct Silent {
    stable: bool,
}

impl Application for Silent {
    fn deliver(&mut self, _: Message<'_>, _: &mut Requests<'_>) -> Reads {
        Reads::Continue
    }

    fn notify(&mut self, _: Timestamp, notice: Notice, _: &mut Requests<'_>) {
        self.stable |= matches!(notice, Notice::Stable { .. });
    }
}

/// A loop of sessions that are open, and have nothing to do but their heartbeats.
fn silent(server: &Server, count: u64, more: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> EventLoop<Silent> {
    let config = more(config()).stable_after(Duration::from_millis(1)).build().expect("a good configuration");
    let mut sessions = EventLoop::new().expect("a poll");
    let ids: Vec<SessionId> = (0..count)
        .map(|seed| sessions.add(common::endpoint(&server.url()), config.clone(), seed, Silent::default()))
        .collect();
    for id in ids {
        run_until(&mut sessions, |sessions| sessions.driver_mut().application(id).is_some_and(|silent| silent.stable));
    }
    sessions
}

fn run_until<A: Application>(sessions: &mut EventLoop<A>, mut done: impl FnMut(&mut EventLoop<A>) -> bool) {
    let start = Instant::now();
    while !done(sessions) {
        assert!(start.elapsed() < SOON, "not done in time");
        sessions.run_once(Some(Duration::from_millis(100))).expect("a poll");
    }
}

fn pings(sessions: &EventLoop<Silent>) -> u64 {
    let driver = sessions.driver();
    driver.sessions().filter_map(|id| driver.session(id)).map(|session| session.metrics().pings).sum()
}

#[test]
fn sessions_that_have_nothing_to_do_have_no_timer() {
    let server = Server::echo();
    let mut sessions = silent(&server, 30, |config| config.heartbeat(Heartbeat::Off));
    assert_eq!(sessions.driver().next_deadline(), None);
    // Nothing wakes the loop: the one round ends with its timeout.
    let (start, timeout) = (Instant::now(), Duration::from_millis(200));
    sessions.run_once(Some(timeout)).expect("a poll");
    assert!(start.elapsed() >= timeout && sessions.driver().next_deadline().is_none());
}

#[test]
fn sessions_with_a_heartbeat_have_it_as_their_only_timer() {
    let server = Server::echo();
    let day = Duration::from_hours(24);
    let sessions = silent(&server, 30, |config| config.heartbeat_interval(day));
    let next = sessions.driver().next_deadline().expect("a heartbeat");
    assert!(next > Instant::now() + Duration::from_hours(23));
}

#[test]
fn between_heartbeats_a_loop_sleeps() {
    let server = Server::echo();
    let mut sessions = silent(&server, 20, |config| {
        config.heartbeat_interval(Duration::from_millis(300)).heartbeat_timeout(Duration::from_mins(1))
    });
    let (before, start) = (pings(&sessions), Instant::now());
    let mut rounds = 0;
    while pings(&sessions) < before + 60 {
        assert!(start.elapsed() < SOON, "no heartbeats");
        sessions.run_once(Some(SOON)).expect("a poll");
        rounds += 1;
    }
    // Each is a timer and an answer, unless some fall together; what was left to do before them is little.
    let pings = pings(&sessions) - before;
    assert!(rounds <= 2 * pings + 20, "{rounds} rounds for {pings} heartbeats");
}

/// Counts what it was given.
struct Ear(Arc<AtomicUsize>);

impl Application for Ear {
    fn deliver(&mut self, _: Message<'_>, _: &mut Requests<'_>) -> Reads {
        self.0.fetch_add(1, Ordering::SeqCst);
        Reads::Continue
    }

    fn notify(&mut self, _: Timestamp, _: Notice, _: &mut Requests<'_>) {}
}

/// A server that sends one message for each that it is told to, and says when it has left.
fn whisperer() -> (Server, mpsc::Sender<()>, mpsc::Receiver<()>) {
    let (tell, told) = mpsc::channel::<()>();
    let (said, heard) = mpsc::channel();
    let (told, said) = (std::sync::Mutex::new(told), std::sync::Mutex::new(said));
    let server = Server::start(move |stream, _| {
        let mut socket = tungstenite::accept(stream).expect("a client");
        let (told, said) = (told.lock().expect("one connection"), said.lock().expect("one connection"));
        while told.recv().is_ok() {
            socket.send(tungstenite::Message::text("psst")).expect("a client");
            if said.send(()).is_err() {
                return;
            }
        }
    });
    (server, tell, heard)
}

/// In how many rounds of a loop a quiet session gets a hundred messages, one after the other, each counted from when it
/// has arrived at this machine.
fn rounds_of_the_quiet(mut sessions: EventLoop<Ear>) -> usize {
    let (server, tell, heard) = whisperer();
    let count = Arc::default();
    let config = config().build().expect("a good configuration");
    let quiet = sessions.add(common::endpoint(&server.url()), config, 99, Ear(Arc::clone(&count)));
    run_until(&mut sessions, |sessions| {
        sessions.driver().session(quiet).is_some_and(|session| session.state().kind() == StateKind::Open)
    });
    let mut rounds = 0;
    for number in 1..=100 {
        tell.send(()).expect("a server");
        heard.recv_timeout(SOON).expect("it has left");
        run_until(&mut sessions, |_| {
            rounds += 1;
            count.load(Ordering::SeqCst) == number
        });
        // The last look was no round.
        rounds -= 1;
    }
    drop(tell);
    rounds
}

#[test]
fn sessions_whose_servers_never_stop_talking_leave_the_others_their_turn() {
    let floods: Vec<Server> = (0..2)
        .map(|_| {
            Server::start(|stream, _| {
                let Ok(mut socket) = tungstenite::accept(stream) else { return };
                while socket.send(tungstenite::Message::binary(vec![0; 256 << 10])).is_ok() {}
            })
        })
        .collect();
    let mut sessions = EventLoop::new().expect("a poll");
    let count: Arc<AtomicUsize> = Arc::default();
    let config = config().build().expect("a good configuration");
    for (seed, server) in (0..).zip(&floods) {
        sessions.add(common::endpoint(&server.url()), config.clone(), seed, Ear(Arc::clone(&count)));
    }
    run_until(&mut sessions, |_| count.load(Ordering::SeqCst) > 40);
    // In the round after it came; now and then the operating system is a little later than it says.
    let rounds = rounds_of_the_quiet(sessions);
    assert!(rounds <= 300, "{rounds} rounds for 100 messages");
}

#[test]
fn a_session_that_is_sent_on_without_end_leaves_the_others_their_turn() {
    let server = Server::start(|stream, _| {
        if let Ok(mut socket) = tungstenite::accept(stream) {
            common::drain(&mut socket);
        }
    });
    let mut sessions = EventLoop::new().expect("a poll");
    let config = config().build().expect("a good configuration");
    let loud = sessions.add(common::endpoint(&server.url()), config, 1, Ear(Arc::default()));
    let remote = sessions.remote(loud).expect("a session");
    let over = Arc::new(AtomicBool::new(false));
    let sender = {
        let over = Arc::clone(&over);
        thread::spawn(move || {
            // Until the loop is gone; what finds no room is sent again.
            while !over.load(Ordering::SeqCst) {
                let _ = remote.send(vec![0; 100], SendOptions::default());
            }
        })
    };
    let rounds = rounds_of_the_quiet(sessions);
    over.store(true, Ordering::SeqCst);
    sender.join().expect("no panic");
    assert!(rounds <= 300, "{rounds} rounds for 100 messages");
}
