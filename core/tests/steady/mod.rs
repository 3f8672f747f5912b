//! A session in steady state, and a driver that costs next to nothing: what the benchmarks time and the tests count.

use core::{hint::black_box, time::Duration};

use steadfast_core::{
    Action, Cause, ConnId, Event, IoKind, Message, MessageId, PingPayload, SendOptions, Session, Stage, Timestamp,
    config::Config,
};

/// Between one round and the next: a hundred thousand messages a second each way.
const ROUND: Duration = Duration::from_micros(10);

/// A text as quotes, chats and telemetry have them.
pub(crate) const PAYLOAD: &str = r#"{"type":"quote","symbol":"ACME","bid":101.25,"ask":101.27,"at":1700000000}"#;

/// The session, and what its driver remembers.
pub(crate) struct Steady {
    /// The session.
    pub(crate) session: Session,
    conn: ConnId,
    now: Timestamp,
    /// The last message sent.
    id: u64,
    message: Message<'static>,
    /// What the session asked for and has not been given yet.
    asked: Asked,
}

#[derive(Default)]
struct Asked {
    ping: Option<PingPayload>,
    timer: Option<Timestamp>,
    connect: Option<ConnId>,
    /// Counts the actions, so that none is optimised away.
    actions: u64,
}

impl Steady {
    /// An open session that has sent and received enough for its buffers to have found their size.
    pub(crate) fn warm(config: Config) -> Self {
        let mut steady = Self::open(config);
        for _ in 0..5_000 {
            steady.round();
        }
        steady
    }

    /// An open session.
    pub(crate) fn open(config: Config) -> Self {
        let mut steady = Self {
            session: Session::new(config, 1),
            conn: ConnId::default(),
            now: Timestamp::ZERO,
            id: 0,
            message: Message::text(PAYLOAD),
            asked: Asked::default(),
        };
        steady.tell(Event::Start);
        steady.connect();
        steady
    }

    /// Received, sent and flushed once; before that, an outstanding ping is answered, as it would be by a server, and the
    /// timer fires if it is due.
    pub(crate) fn round(&mut self) {
        self.answer();
        self.receive();
        self.send();
        self.flush();
    }

    /// One message comes in.
    pub(crate) fn receive(&mut self) {
        self.now = self.now + ROUND;
        if self.asked.timer.is_some_and(|at| at <= self.now) {
            self.asked.timer = None;
            self.tell(Event::TimerFired);
        }
        self.tell(Event::Received { conn: self.conn, message: Message::text(PAYLOAD) });
    }

    /// One message goes out.
    pub(crate) fn send(&mut self) {
        self.id += 1;
        let message = self.message.clone();
        self.tell(Event::Send { id: MessageId(self.id), message, options: SendOptions::default() });
    }

    /// What went out has left all buffers.
    pub(crate) fn flush(&mut self) {
        self.tell(Event::Flushed { conn: self.conn, up_to: MessageId(self.id) });
    }

    /// The pong comes, if one is owed: everything flushed is confirmed.
    pub(crate) fn answer(&mut self) {
        if let Some(payload) = self.asked.ping.take() {
            self.tell(Event::PingFlushed { conn: self.conn, overtook: None });
            self.tell(Event::Pong { conn: self.conn, payload });
        }
    }

    /// Time passes until the timer fires, and a ping that it makes is answered.
    pub(crate) fn tick(&mut self) {
        self.now = self.asked.timer.take().expect("an open session has a timer").max(self.now);
        self.tell(Event::TimerFired);
        self.answer();
    }

    /// Nothing happens for this long but what the session does by itself.
    pub(crate) fn idle(&mut self, span: Duration) {
        let until = self.now + span;
        self.answer();
        while self.now < until {
            self.tick();
        }
    }

    /// The connection breaks, the backoff passes, and the next one opens.
    pub(crate) fn reconnect(&mut self) {
        let cause = Cause::Io(IoKind::Reset);
        self.tell(Event::Closed { conn: self.conn, cause, untouched_from: None });
        while self.asked.connect.is_none() {
            self.now = self.asked.timer.take().expect("a waiting session has a timer").max(self.now);
            self.tell(Event::TimerFired);
        }
        self.connect();
    }

    /// How many actions the session gave out.
    pub(crate) fn actions(&self) -> u64 {
        self.asked.actions
    }

    fn connect(&mut self) {
        self.conn = self.asked.connect.take().expect("the session asked for a connection");
        self.asked.ping = None;
        self.tell(Event::Dialing { conn: self.conn, stage: Stage::Connect });
        self.tell(Event::Opened { conn: self.conn, can_ping: true });
    }

    /// As a driver that calls the session where it learns of the event, and not through a function for all of them.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "the cost of a call with an event that is not known yet is not the session's"
    )]
    fn tell(&mut self, event: Event<'_>) {
        for action in self.session.handle(self.now, event) {
            self.asked.actions += 1;
            match action {
                Action::Deliver { message, .. } => drop(black_box(message.as_bytes())),
                Action::Send { message, .. } => drop(black_box(message.as_bytes())),
                Action::Notify(notice) => drop(black_box(notice)),
                Action::Ping { payload, .. } => self.asked.ping = Some(payload),
                Action::SetTimer { at } => self.asked.timer = Some(at),
                Action::CancelTimer => self.asked.timer = None,
                Action::Connect { conn, .. } => self.asked.connect = Some(conn),
                _ => {}
            }
        }
    }
}
