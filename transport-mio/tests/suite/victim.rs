//! A session that is done harm to: how its first connection ends, what it is told, what it costs, and whether it goes on.

use std::{
    fmt,
    io::{Read, Write},
    net::TcpStream,
    sync::mpsc::{self, Sender},
    thread,
    time::{Duration, Instant},
};

use super::{
    common::{self, SOON, Server, accepting, config, finish, read_head},
    frames::next_frame,
};
use allocation_counter::measure;
use steadfast_mio::{
    Application, EngineKind, EventLoop, Failure, Reads, Requests, SessionId,
    core::{
        Cause, ConnId, Message, Notice, SendOptions, State, StateKind, StopCause, Timestamp, Verdict,
        config::ConfigBuilder,
    },
};

/// What a server does with the first connection. With all later ones it does what a good one does.
#[derive(Clone, Debug)]
pub(crate) struct Harm {
    /// How the upgrade is answered.
    pub(crate) answer: Answer,
    /// What follows.
    pub(crate) begin: Vec<u8>,
    /// What follows that, again and again, for as long as it is taken.
    pub(crate) again: Vec<u8>,
    pub(crate) then: Then,
}

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// As it should be, with more headers.
    Accept(&'static str),
    /// With these bytes, which know nothing of the request.
    Bytes(Vec<u8>),
    /// With the head that accepts, changed.
    Changed(fn(String) -> String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Then {
    /// Listens to what the client says to that, and ends the stream after a close frame.
    Listen,
    /// Ends the stream.
    End,
    /// Reads on, and says nothing any more.
    Silence,
    /// Neither reads nor ends.
    Deaf,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) cause: Cause,
    /// What the application was told beside the cause.
    pub(crate) failure: Option<Failure>,
    /// The code of the client's close frame, as the server saw it.
    pub(crate) told: Option<u16>,
    /// The most heap that the client had at a time.
    pub(crate) heap: u64,
    /// Whether the session stopped, and had to be started again.
    pub(crate) stopped: bool,
}

impl Harm {
    /// A good answer to the upgrade, and then these bytes.
    pub(crate) fn frames(bytes: impl Into<Vec<u8>>) -> Self {
        Self { answer: Answer::Accept(""), begin: bytes.into(), again: Vec::new(), then: Then::Listen }
    }

    /// These bytes instead of an answer.
    pub(crate) fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        let answer = Answer::Bytes(bytes.into());
        Self { answer, begin: Vec::new(), again: Vec::new(), then: Then::End }
    }

    /// A good answer but for a change.
    pub(crate) fn changed(change: fn(String) -> String) -> Self {
        Self { answer: Answer::Changed(change), ..Self::bytes("") }
    }

    pub(crate) fn again(mut self, again: impl Into<Vec<u8>>) -> Self {
        self.again = again.into();
        self
    }

    pub(crate) fn then(mut self, then: Then) -> Self {
        self.then = then;
        self
    }

    /// Does it to a connection; the code that the client was heard to close with.
    fn inflict(&self, mut stream: TcpStream, told: &Sender<Option<u16>>) {
        let request = read_head(&mut stream);
        let answer = match &self.answer {
            Answer::Accept(more) => format!("{}{more}\r\n", accepting(&request)).into_bytes(),
            Answer::Bytes(bytes) => bytes.clone(),
            Answer::Changed(change) => change(accepting(&request) + "\r\n").into_bytes(),
        };
        let mut talker = stream.try_clone().expect("a handle");
        let (begin, again, then) = (self.begin.clone(), self.again.clone(), self.then);
        let talking = thread::spawn(move || {
            let mut open = talker.write_all(&[answer, begin].concat()).is_ok();
            while open && !again.is_empty() {
                open = talker.write_all(&again).is_ok();
            }
            if then == Then::End {
                finish(&talker);
            }
        });
        match self.then {
            Then::Listen => {
                let _ = told.send(close_code(&mut stream));
                finish(&stream);
            }
            // Whoever ends it reads to the end.
            Then::End => {}
            Then::Silence => drop(stream.read_to_end(&mut Vec::new())),
            // Until the client is gone.
            Then::Deaf => while stream.take_error().is_ok_and(|error| error.is_none()) && !is_gone(&stream) {},
        }
        talking.join().expect("no panic");
    }
}

/// Waits a while for the end of the stream, without reading anything.
fn is_gone(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(10))).expect("an option");
    stream.peek(&mut [0]).is_ok_and(|read| read == 0)
}

/// Reads what the client says until it closes; its code, if it says one.
fn close_code(stream: &mut TcpStream) -> Option<u16> {
    loop {
        let (first, payload) = next_frame(stream)?;
        if first == 0x88 {
            return payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        }
    }
}

/// Lets a session on this engine meet harm, and go on afterwards: a message has to come back, and be confirmed.
pub(crate) fn meet(harm: &Harm, engine: &EngineKind, config: &ConfigBuilder) -> Course {
    let (tell, told) = mpsc::channel();
    let server = {
        let harm = harm.clone();
        Server::start(move |stream, index| {
            if index == 0 {
                harm.inflict(stream, &tell);
            } else if let Ok(socket) = tungstenite::accept(stream) {
                common::echo(socket);
            }
        })
    };
    let endpoint = common::endpoint(&server.url()).engine(engine.clone());
    let config = config.clone().build().expect("a good configuration");
    let mut victim = None;
    let cost = measure(|| {
        let mut sessions = EventLoop::new().expect("a poll");
        let id = sessions.add(endpoint, config, 1, Victim::default());
        run_until(&mut sessions, id, "the end", |victim| victim.cause.is_some());
        sessions.remote(id).expect("a session").start();
        run_until(&mut sessions, id, "a connection", |victim| victim.state == Some(StateKind::Open));
        sessions.driver_mut().send(id, "still here", SendOptions::default());
        run_until(&mut sessions, id, "a confirmed echo", |victim| victim.echoes > 0 && victim.confirmed == 1);
        victim = sessions.driver_mut().remove(id);
    });
    let Victim { cause, failure, stopped, .. } = victim.expect("it was there");
    Course {
        cause: cause.expect("it ended"),
        failure,
        told: if harm.then == Then::Listen { told.recv_timeout(SOON).expect("it listens") } else { None },
        heap: cost.bytes_max,
        stopped,
    }
}

/// What is done to, and goes on.
#[derive(Default)]
struct Victim {
    state: Option<StateKind>,
    /// Why the first connection ended, and what was told beside.
    cause: Option<Cause>,
    failure: Option<Failure>,
    stopped: bool,
    echoes: u32,
    confirmed: u32,
}

impl Application for Victim {
    fn deliver(&mut self, message: Message<'_>, _requests: &mut Requests<'_>) -> Reads {
        self.echoes += u32::from(message.as_text() == Some("still here"));
        Reads::Continue
    }

    fn notify(&mut self, _at: Timestamp, notice: Notice, _requests: &mut Requests<'_>) {
        match notice {
            Notice::State(transition) => {
                self.state = Some(transition.to.kind());
                match transition.to {
                    State::Waiting { cause, .. } => {
                        self.cause.get_or_insert(cause);
                    }
                    State::Stopped { cause: StopCause::Terminal(cause) } => {
                        self.stopped = true;
                        self.cause.get_or_insert(cause);
                    }
                    _ => {}
                }
            }
            Notice::Verdict { verdict: Verdict::Confirmed, .. } => self.confirmed += 1,
            _ => {}
        }
    }

    fn failed(&mut self, _conn: ConnId, failure: &Failure, _requests: &mut Requests<'_>) {
        if self.cause.is_none() {
            self.failure = Some(failure.clone());
        }
    }
}

fn run_until(sessions: &mut EventLoop<Victim>, id: SessionId, what: &str, done: impl Fn(&Victim) -> bool) {
    let start = Instant::now();
    while !sessions.driver_mut().application(id).is_some_and(|victim| done(victim)) {
        assert!(start.elapsed() < SOON, "{what} did not come in time");
        sessions.run_once(Some(Duration::from_millis(100))).expect("a poll");
    }
}

/// Judges every case on a thread of its own, and names those that went wrong.
pub(crate) fn judge_all<C: fmt::Debug + Sync>(cases: &[(&str, C)], judge: impl Fn(&C) -> Result<(), String> + Sync) {
    let wrong: Vec<String> = thread::scope(|scope| {
        let judge = &judge;
        let running: Vec<_> = cases.iter().map(|(name, case)| (name, scope.spawn(move || judge(case)))).collect();
        let judged = running.into_iter().map(|(name, thread)| (name, thread.join()));
        judged
            .filter_map(|(name, judged)| match judged {
                Ok(Ok(())) => None,
                Ok(Err(wrong)) => Some(format!("{name}: {wrong}")),
                Err(_) => Some(format!("{name}: see above")),
            })
            .collect()
    });
    assert!(wrong.is_empty(), "{} of {} went wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// A configuration with a small limit on messages, whose connections last.
pub(crate) fn small() -> ConfigBuilder {
    config().max_message_bytes(LIMIT)
}

/// The largest message that is accepted.
pub(crate) const LIMIT: usize = 64 << 10;
