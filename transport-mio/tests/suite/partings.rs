//! Connections that end while messages are on their way: what was sent is sent, and what was not is as if never handed over.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    sync::{Mutex, mpsc},
    time::{Duration, Instant},
};

use super::{
    common::{SOON, Server, config, endpoint, upgrade},
    frames::{frame, next_frame},
};
use socket2::{Domain, Socket, Type};
use steadfast_mio::{
    Application, EventLoop, Failure, Reads, Requests, SessionId,
    core::{
        ConnId, Delivery, Message, Notice, SendOptions, StateKind, Timestamp, Verdict,
        config::{Config, Confirm},
    },
};

/// Keeps account, and answers the first message or failure if it is to.
#[derive(Default)]
struct Parting {
    opened: bool,
    verdicts: Vec<Verdict>,
    answers_message: bool,
    answers_failure: bool,
}

impl Application for Parting {
    fn deliver(&mut self, _message: Message<'_>, requests: &mut Requests<'_>) -> Reads {
        if std::mem::take(&mut self.answers_message) {
            requests.send("answer", AT_MOST_ONCE);
        }
        Reads::Continue
    }

    fn notify(&mut self, _at: Timestamp, notice: Notice, _requests: &mut Requests<'_>) {
        match notice {
            Notice::State(transition) => self.opened |= transition.to.kind() == StateKind::Open,
            Notice::Verdict { verdict, .. } => self.verdicts.push(verdict),
            _ => {}
        }
    }

    fn failed(&mut self, _conn: ConnId, _failure: &Failure, requests: &mut Requests<'_>) {
        if std::mem::take(&mut self.answers_failure) {
            requests.send("answer", AT_MOST_ONCE);
        }
    }
}

struct Sessions(EventLoop<Parting>, SessionId);

impl Sessions {
    fn begin(server: &Server, config: Config, application: Parting) -> Self {
        let mut sessions = EventLoop::new().expect("a poll");
        let id = sessions.add(endpoint(&server.url()), config, 1, application);
        Self(sessions, id)
    }

    fn run_until(&mut self, done: impl Fn(&Parting) -> bool) {
        let start = Instant::now();
        while !self.0.driver_mut().application(self.1).is_some_and(|parting| done(parting)) {
            assert!(start.elapsed() < SOON, "not done in time");
            self.0.run_once(Some(Duration::from_millis(100))).expect("a poll");
        }
    }

    fn verdicts(&mut self, count: usize) -> Vec<Verdict> {
        self.run_until(|parting| parting.verdicts.len() >= count);
        self.0.driver_mut().application(self.1).expect("it is there").verdicts.clone()
    }
}

#[test]
fn what_the_operating_system_takes_goes_out_before_a_session_is_removed() {
    let (told, heard) = mpsc::channel();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    // All of it fits, so nothing has to be waited for.
    socket.set_recv_buffer_size(8 << 20).expect("a number of bytes");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    socket.listen(16).expect("a listener");
    let server = Server::on(socket.into(), move |mut stream, _| {
        upgrade(&mut stream, b"");
        let firsts = std::iter::from_fn(|| next_frame(&mut stream)).map(|(first, _)| first);
        let _ = told.send(firsts.filter(|first| *first != PING).collect::<Vec<_>>());
    });
    let mut sessions = Sessions::begin(&server, config().build().expect("valid"), Parting::default());
    sessions.run_until(|parting| parting.opened);
    let Sessions(mut sessions, id) = sessions;
    for _ in 0..6 {
        sessions.driver_mut().send(id, vec![1; 100_000], SendOptions::default());
    }
    sessions.driver_mut().remove(id);
    let mut expected = vec![BINARY; 6];
    expected.push(CLOSE);
    assert_eq!(heard.recv_timeout(SOON), Ok(expected));
}

#[test]
fn messages_that_a_closing_connection_did_not_take_go_out_on_the_next() {
    let (go, going) = mpsc::channel::<()>();
    let (told, closed) = mpsc::channel();
    let going = Mutex::new(going);
    let server = Server::start(move |mut stream, index| {
        upgrade(&mut stream, b"");
        if index == 0 {
            going.lock().expect("nobody panics with it").recv().expect("the test goes on");
            stream.write_all(&frame(CLOSE, &1001_u16.to_be_bytes())).expect("the client is there");
            told.send(()).expect("the test goes on");
        }
        while next_frame(&mut stream).is_some_and(|(first, _)| first != CLOSE) {}
    });
    // Each message that has left makes room for another.
    let config =
        config().confirm(Confirm { enabled: false, max_messages: 2, ..Confirm::default() }).build().expect("valid");
    let mut sessions = Sessions::begin(&server, config, Parting::default());
    sessions.run_until(|parting| parting.opened);
    go.send(()).expect("the server is there");
    closed.recv_timeout(SOON).expect("it has closed");
    for _ in 0..10 {
        sessions.0.driver_mut().send(sessions.1, "message", AT_MOST_ONCE);
    }
    assert_eq!(sessions.verdicts(10), [Verdict::Written; 10]);
}

#[test]
fn what_is_sent_on_the_news_of_a_failure_goes_out_on_the_next_connection() {
    let server = Server::start(move |mut stream, index| {
        upgrade(&mut stream, if index == 0 { VIOLATION } else { b"" });
        while let Some((first, payload)) = next_frame(&mut stream) {
            match first {
                CLOSE => break,
                PING => stream.write_all(&frame(PONG, &payload)).expect("the client is there"),
                _ => {}
            }
        }
    });
    let application = Parting { answers_failure: true, ..Parting::default() };
    let mut sessions = Sessions::begin(&server, config().build().expect("valid"), application);
    assert_eq!(sessions.verdicts(1), [Verdict::Confirmed]);
}

#[test]
fn what_left_before_a_violation_was_seen_is_written() {
    let (told, heard) = mpsc::channel();
    let server = Server::start(move |mut stream, index| {
        let frames = [&frame(TEXT, b"question")[..], VIOLATION].concat();
        upgrade(&mut stream, if index == 0 { &frames } else { b"" });
        if index == 0 {
            let _ = told.send(next_frame(&mut stream));
        }
        let _gone_is_fine = stream.read_to_end(&mut Vec::new());
    });
    let application = Parting { answers_message: true, ..Parting::default() };
    let config = config().confirmation(false).build().expect("valid");
    let mut sessions = Sessions::begin(&server, config, application);
    assert_eq!(sessions.verdicts(1), [Verdict::Written]);
    assert_eq!(heard.recv_timeout(SOON), Ok(Some((TEXT, b"answer".to_vec()))));
}

const AT_MOST_ONCE: SendOptions = SendOptions::new(Delivery::AtMostOnce);
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8A;
/// The beginning of a frame with an opcode that does not exist.
const VIOLATION: &[u8] = &[0x83, 0];
