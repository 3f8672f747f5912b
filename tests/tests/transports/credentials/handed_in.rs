//! Tokens that the application of an event loop hands in by itself.

use std::{sync::mpsc, thread};

use steadfast_core::{Cause, CredentialsKind, Epoch, Message, Notice, State, StopCause, Timestamp};
use steadfast_mio::{Application, Credentials, Endpoint, EventLoop, Reads, Requests, SourceError, Token, Wanted};
use steadfast_sim::mock::{Accept, Answer, MockServer};

use crate::case::{SOON, config};

/// Answers at once, or lets somebody else do it.
struct Front {
    asks: mpsc::Sender<Wanted>,
    answers: bool,
    told: mpsc::Sender<Notice>,
}

impl Application for Front {
    fn deliver(&mut self, _: Message<'_>, _: &mut Requests<'_>) -> Reads {
        Reads::Continue
    }

    fn notify(&mut self, _: Timestamp, notice: Notice, _: &mut Requests<'_>) {
        let _ = self.told.send(notice);
    }

    fn wants_credentials(&mut self, wanted: Wanted, requests: &mut Requests<'_>) {
        let _ = self.asks.send(wanted);
        if self.answers {
            // One that nobody asked for changes nothing.
            requests.credentials(Epoch(wanted.epoch.0 + 1), Ok(Token::new("wrong")));
            requests.credentials(wanted.epoch, Ok(Token::new("at-once")));
        }
    }
}

/// Leaves everything as it is unless it is overridden.
struct Nobody(mpsc::Sender<Notice>);

impl Application for Nobody {
    fn deliver(&mut self, _: Message<'_>, _: &mut Requests<'_>) -> Reads {
        Reads::Continue
    }

    fn notify(&mut self, _: Timestamp, notice: Notice, _: &mut Requests<'_>) {
        let _ = self.0.send(notice);
    }
}

fn endpoint(server: &MockServer) -> Endpoint {
    let endpoint = Endpoint::parse(&server.url()).expect("a good URL");
    endpoint.credentials(Credentials::handed_in()).expect("room for a token")
}

#[test]
fn an_application_hands_a_token_in_at_once_or_later() {
    let server = MockServer::builder().patience(SOON).by_hand();
    let mut sessions = EventLoop::new().expect("a poll");
    let (asks, asked) = mpsc::channel();
    let (told, _notices) = mpsc::channel();
    let config = config().build().expect("a good configuration");
    let handle = sessions.handle();
    let later = Front { asks: asks.clone(), answers: false, told: told.clone() };
    let at_once = Front { asks, answers: true, told };
    let session = sessions.add(endpoint(&server), config.clone(), 1, later);
    let remote = sessions.remote(session).expect("it was added just now");
    let thread = thread::spawn(move || sessions.run());

    let wanted = asked.recv_timeout(SOON).expect("a question");
    remote.credentials(wanted.epoch, Ok(Token::new("later")));
    // Once is enough.
    remote.credentials(wanted.epoch, Err(SourceError::final_word("too late")));
    let conn = server.accept_with(&Accept::new().expect_header("authorization", "Bearer later"));

    drop(handle.add(endpoint(&server), config, 2, at_once));
    let other = server.accept_with(&Accept::new().expect_header("authorization", "Bearer at-once"));
    drop((conn, other));
    handle.stop();
    thread.join().expect("no panic").expect("a poll that works");
}

#[test]
fn where_nobody_hands_tokens_in_the_session_stops() {
    let server = MockServer::builder().patience(SOON).by_hand();
    let mut sessions = EventLoop::new().expect("a poll");
    let (told, notices) = mpsc::channel();
    let config = config().build().expect("a good configuration");
    sessions.add(endpoint(&server), config, 1, Nobody(told));
    sessions.run_once(None).expect("a poll that works");
    let stopped = notices.try_iter().any(|notice| match notice {
        Notice::State(change) => {
            let cause = StopCause::Terminal(Cause::Credentials(CredentialsKind::Refused));
            change.to == State::Stopped { cause }
        }
        _ => false,
    });
    assert!(stopped);
}

#[test]
fn a_loop_tells_all_its_sessions_of_signals() {
    use steadfast_core::{Network, StateKind};
    let server = MockServer::builder().patience(SOON).by_hand();
    let mut sessions = EventLoop::new().expect("a poll");
    let (told, _notices) = mpsc::channel();
    let config = config().build().expect("a good configuration");
    let endpoint = Endpoint::parse(&server.url()).expect("a good URL");
    let ids: Vec<_> =
        (0..3).map(|seed| sessions.add(endpoint.clone(), config.clone(), seed, Nobody(told.clone()))).collect();
    sessions.driver_mut().network(Network::Offline);
    // Their attempts are under way, and go on; what follows from the answer is another matter.
    let answers = thread::spawn(move || (0..3).for_each(|_| server.incoming().answer(&Answer::status(503))));
    while !ids
        .iter()
        .all(|id| sessions.driver().session(*id).is_some_and(|session| session.state().kind() == StateKind::Offline))
    {
        sessions.run_once(Some(SOON)).expect("a poll that works");
    }
    answers.join().expect("no panic");
}
