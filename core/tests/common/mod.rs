//! A session under the hand of a test: events go in, actions come out as text that reads well in an assertion.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this module")]

use std::time::Duration;

use steadfast_core::{
    Action, Cause, CloseFrame, ConnId, Delivery, Event, FetchReason, IoKind, Message, MessageId, Notice, PingPayload,
    SendOptions, Session, Stage, State, StateKind, Timestamp, Verdict,
    config::{Backoff, Config, Jitter, Schedule, Settings},
};

/// An action without its borrow.
#[derive(Clone, PartialEq, Debug)]
pub enum Act {
    Connect(u64, u32),
    Send(u64, u64),
    Ping(PingPayload),
    Heartbeat(String),
    Close(CloseFrame),
    Abort(u64),
    Timer(Duration),
    CancelTimer,
    Deliver(Message<'static>),
    Notify(Notice),
    Fetch(u64, FetchReason),
    Present(u64, u64),
    Persist(u64),
    Forget(u64),
}

pub struct Rig {
    pub session: Session,
    pub now: Timestamp,
    pub timer: Option<Timestamp>,
    pub last: Vec<Act>,
    pub all: Vec<(Timestamp, Act)>,
    next_id: u64,
}

impl Rig {
    pub fn new(settings: Settings) -> Self {
        Self::seeded(settings, 1)
    }

    pub fn seeded(settings: Settings, seed: u64) -> Self {
        Self {
            session: Session::new(Config::new(settings).expect("the test's settings are valid"), seed),
            now: Timestamp::from_micros(1_000_000),
            timer: None,
            last: Vec::new(),
            all: Vec::new(),
            next_id: 1,
        }
    }

    /// Handles an event now; returns what it led to.
    pub fn event(&mut self, event: Event<'_>) -> &[Act] {
        if matches!(event, Event::TimerFired) {
            self.timer = None;
        }
        let acts: Vec<Act> = self.session.handle(self.now, event).map(own).collect();
        for act in &acts {
            match act {
                Act::Timer(at) => {
                    let at = Timestamp::ZERO + *at;
                    assert!(at > self.now, "a deadline lies in the future");
                    self.timer = Some(at);
                }
                Act::CancelTimer => self.timer = None,
                _ => {}
            }
            self.all.push((self.now, act.clone()));
        }
        self.last = acts;
        &self.last
    }

    /// Lets time pass, and the timer fire when it is due; returns everything that happened.
    pub fn pass(&mut self, span: Duration) -> Vec<Act> {
        let end = self.now + span;
        let from = self.all.len();
        while let Some(at) = self.timer.filter(|at| *at <= end) {
            self.now = at;
            self.event(Event::TimerFired);
        }
        self.now = end;
        self.all[from..].iter().map(|(_, act)| act.clone()).collect()
    }

    /// A step of time without the timer: the process sleeps.
    pub fn sleep(&mut self, span: Duration) {
        self.now = self.now + span;
    }

    pub fn conn(&self) -> ConnId {
        self.session.state().conn().expect("a connection is there")
    }

    pub fn start(&mut self) {
        self.event(Event::Start);
        let conn = self.conn();
        self.event(Event::Dialing { conn, stage: Stage::Connect });
    }

    /// Opens the connection that is being made.
    pub fn open(&mut self) -> ConnId {
        let conn = self.conn();
        self.event(Event::Dialing { conn, stage: Stage::Connect });
        self.event(Event::Opened { conn, can_ping: true });
        conn
    }

    pub fn started_and_open(settings: Settings) -> Self {
        let mut rig = Self::new(settings);
        rig.start();
        rig.open();
        rig
    }

    pub fn send_as(&mut self, delivery: Delivery) -> u64 {
        self.send_with(SendOptions::new(delivery))
    }

    pub fn send_with(&mut self, options: SendOptions) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.event(Event::Send { id: MessageId(id), message: Message::text(format!("message {id}")), options });
        id
    }

    pub fn send(&mut self) -> u64 {
        self.send_as(Delivery::AtLeastOnce)
    }

    pub fn flush(&mut self, id: u64) {
        let conn = self.conn();
        self.event(Event::Flushed { conn, up_to: MessageId(id) });
    }

    /// Flushes and answers every ping that is under way.
    pub fn pong(&mut self) {
        let conn = self.conn();
        let payload = self.last_ping().expect("a ping was sent");
        self.event(Event::PingFlushed { conn, overtook: None });
        self.event(Event::Pong { conn, payload });
    }

    pub fn last_ping(&self) -> Option<PingPayload> {
        self.all.iter().rev().find_map(|(_, act)| match act {
            Act::Ping(payload) => Some(*payload),
            _ => None,
        })
    }

    pub fn pings(&self) -> usize {
        self.all.iter().filter(|(_, act)| matches!(act, Act::Ping(_))).count()
    }

    /// The connection is reset.
    pub fn reset(&mut self) {
        self.closed(Cause::Io(IoKind::Reset));
    }

    pub fn closed(&mut self, cause: Cause) {
        let conn = self.conn();
        self.event(Event::Closed { conn, cause, untouched_from: None });
    }

    pub fn kind(&self) -> StateKind {
        self.session.state().kind()
    }

    /// How long the session waits from now on.
    pub fn wait(&self) -> Duration {
        match self.session.state() {
            State::Waiting { until, .. } => until - self.now,
            other => panic!("expected to be waiting, was {other:?}"),
        }
    }

    /// Lets the wait pass; the next attempt is begun.
    pub fn wait_out(&mut self) {
        let wait = self.wait();
        self.pass(wait);
        assert_eq!(self.kind(), StateKind::Connecting);
    }

    /// All verdicts so far, in order.
    pub fn verdicts(&self) -> Vec<(u64, Verdict)> {
        self.all
            .iter()
            .filter_map(|(_, act)| match act {
                Act::Notify(Notice::Verdict { id, verdict, .. }) => Some((id.0, *verdict)),
                _ => None,
            })
            .collect()
    }

    /// The ids of the messages handed over so far, in order.
    pub fn sent(&self) -> Vec<u64> {
        self.all
            .iter()
            .filter_map(|(_, act)| match act {
                Act::Send(_, id) => Some(*id),
                _ => None,
            })
            .collect()
    }

    pub fn notices(&self) -> Vec<Notice> {
        self.all
            .iter()
            .filter_map(|(_, act)| match act {
                Act::Notify(notice) => Some(notice.clone()),
                _ => None,
            })
            .collect()
    }
}

pub fn own(action: Action<'_>) -> Act {
    match action {
        Action::Connect { conn, attempt, .. } => Act::Connect(conn.0, attempt),
        Action::Send { conn, id, .. } => Act::Send(conn.0, id.0),
        Action::Ping { payload, .. } => Act::Ping(payload),
        Action::Heartbeat { text, .. } => Act::Heartbeat(text.into()),
        Action::Close { frame, .. } => Act::Close(frame),
        Action::Abort { conn } => Act::Abort(conn.0),
        Action::SetTimer { at } => Act::Timer(at - Timestamp::ZERO),
        Action::CancelTimer => Act::CancelTimer,
        Action::Deliver { message, .. } => Act::Deliver(message.into_owned()),
        Action::Notify(notice) => Act::Notify(notice),
        Action::FetchCredentials { epoch, reason, .. } => Act::Fetch(epoch.0, reason),
        Action::Present { conn, epoch } => Act::Present(conn.0, epoch.0),
        Action::Persist(persist) => Act::Persist(persist.id.0),
        Action::Forget { id } => Act::Forget(id.0),
    }
}

pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Always the same wait, so that a test can say when.
pub fn steady(delay: u64) -> Backoff {
    Backoff {
        schedule: Schedule::Fixed { delay: secs(delay) },
        jitter: Jitter::None,
        first: None,
        ..Backoff::default()
    }
}
