//! The checker: a judge that sees every event and every action, and knows the contract.

mod account;
mod backoff;
mod clause;
mod confirming;
mod credentials;
mod deadlines;
mod durable;
mod endpoints;
mod flow;
mod ledger;
mod line;
mod liveness;
mod messages;
mod states;
mod verdicts;

use std::{collections::BTreeMap, time::Duration};

use steadfast_core::config::Settings;
use steadfast_core::{
    Action, ConnId, Event, Message, MessageId, Network, Notice, PingPayload, State, Timestamp, Visibility,
};

pub use self::clause::{Clause, Violation};
use self::{
    account::Tally, backoff::Row, credentials::Badge, durable::Durable, endpoints::Failover, flow::Purse,
    ledger::Ledger, line::Line, states::Standing,
};

/// More violations than this are counted, not kept.
const KEPT: usize = 64;
/// No suspend counts for more against the time to live of a message.
const LONGEST_SLEEP: Duration = Duration::from_hours(10 * 365 * 24);

/// A judge of one session: it is shown every event before the session handles it, and every action after, and
/// collects what breaks the contract.
///
/// It only observes. A [`World`](crate::World) has one for each session, and tells it what really arrived; in a test
/// of a driver, or in a fuzz target, it is fed by hand:
///
/// ```
/// use steadfast_core::{Event, Session, Timestamp, config::Config};
/// use steadfast_sim::Checker;
///
/// let config = Config::default();
/// let mut session = Session::new(config.clone(), 7);
/// let mut checker = Checker::new(&config);
/// let (now, event) = (Timestamp::ZERO, Event::Start);
///
/// checker.event(now, &event);
/// for action in session.handle(now, event) {
///     checker.action(&action);
/// }
/// checker.handled(&session.state());
/// checker.expect_clean();
/// ```
#[derive(Debug)]
pub struct Checker {
    settings: Settings,
    /// The session's time: never goes back.
    now: Timestamp,
    /// How long it was suspended, all in all.
    slept: Duration,
    /// What is left of the rate.
    purse: Purse,
    /// The event that is being handled.
    during: During,
    /// It came so late that the process must have slept.
    overslept: bool,
    /// When the timer is set for.
    armed: Option<Timestamp>,
    /// How often in a row the timer fired within a millisecond of the first of them.
    spins: (Timestamp, u32),
    ledger: Ledger,
    line: Option<Line>,
    last_conn: ConnId,
    standing: Standing,
    row: Row,
    failover: Failover,
    account: Tally,
    badge: Badge,
    durable: Durable,
    /// What came in with this event and was not delivered yet.
    undelivered: Option<Message<'static>>,
    /// Whether the truth is told: what arrived at the server.
    truth: bool,
    found: Vec<Violation>,
    counts: BTreeMap<Clause, usize>,
}

/// The event that is being handled, as far as clauses ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum During {
    Start,
    Stop,
    ReconnectNow,
    Send(MessageId),
    Cancel(MessageId),
    Answer,
    Closed,
    TimerFired,
    Network(Network),
    Probe,
    SetHeartbeat,
    /// A fetch has come to its end.
    Answered,
    Rejection,
    SwitchIdentity,
    Ready,
    Visibility(Visibility),
    Other,
}

impl Checker {
    /// A judge for a session that is at rest, and has these settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            now: Timestamp::ZERO,
            slept: Duration::ZERO,
            purse: Purse::default(),
            during: During::Other,
            overslept: false,
            armed: None,
            spins: (Timestamp::ZERO, 0),
            ledger: Ledger::default(),
            line: None,
            last_conn: ConnId(0),
            standing: Standing::new(),
            row: Row::default(),
            failover: Failover::new(&settings.endpoints),
            account: Tally::default(),
            badge: Badge::default(),
            durable: Durable::default(),
            undelivered: None,
            truth: false,
            found: Vec::new(),
            counts: BTreeMap::new(),
        }
    }

    /// The session is about to handle this event.
    pub fn event(&mut self, now: Timestamp, event: &Event<'_>) {
        let late = self.armed.map_or(0, |armed| now.as_micros().saturating_sub(armed.as_micros()));
        self.now = self.now.max(now);
        self.during = During::Other;
        self.before_liveness(late, event);
        self.credentials_event(event);
        match event {
            Event::Start => self.start(),
            Event::Stop { frame, drain } => self.stop(frame, *drain),
            Event::ReconnectNow => {
                self.during = During::ReconnectNow;
                if matches!(self.standing.told, State::Closing { .. }) {
                    self.row.hasten();
                }
            }
            Event::Send { id, message, options } => self.offered(*id, message, *options),
            Event::Cancel { id } => self.cancel_asked(*id),
            Event::SetHeartbeat(heartbeat) => self.heartbeat_set(heartbeat),
            Event::TimerFired => self.timer_fired(),
            Event::Network(network) => self.network(*network),
            Event::Resumed { gap } => {
                self.slept = self.slept.saturating_add((*gap).min(LONGEST_SLEEP));
                self.probe_wanted();
                self.waited_asleep(*gap);
                self.failover.slept(*gap);
            }
            Event::Persisted { id, result } => self.store_answered(*id, *result),
            Event::Restored { id, message, options, identity } => self.store_held(*id, message, *options, *identity),
            _ => {
                if let Some(conn) = event.conn().filter(|conn| self.is_live(*conn)) {
                    self.connection_event(conn, event);
                }
            }
        }
    }

    /// The session asked for this action.
    pub fn action(&mut self, action: &Action<'_>) {
        match action {
            Action::Connect { conn, attempt, endpoint, credentials } => {
                self.connects_with(*conn, *credentials);
                self.connects_to(*conn, *endpoint);
                self.connect(*conn, *attempt);
            }
            Action::Send { conn, id, message } => self.sent(*conn, *id, message),
            Action::Ping { conn, payload } => self.pinged(*conn, *payload),
            Action::Heartbeat { conn, text } => self.text_pinged(*conn, text),
            Action::Close { conn, frame } => self.closed_politely(*conn, frame),
            Action::Abort { conn } => self.aborted(*conn),
            Action::SetTimer { at } => self.timer_set(*at),
            Action::CancelTimer => self.armed = None,
            Action::Deliver { conn, message } => self.delivered(*conn, message),
            Action::Notify(notice) => self.notice(notice),
            Action::FetchCredentials { epoch, .. } => self.fetch_asked(*epoch),
            Action::Present { conn, epoch } => self.presented(*conn, *epoch),
            Action::Persist(persist) => self.persist(persist),
            Action::Forget { id } => self.forgotten(*id),
        }
    }

    /// All actions of the event were shown, and the session stands here.
    pub fn handled(&mut self, state: &State) {
        self.state_is(state);
        self.endpoints_handled();
        self.sent_all_answers();
        self.outbox_is_bounded();
        self.outbox_flows();
        self.credentials_handled(state);
        self.durable_handled(state);
        self.deadlines();
        if let Some(line) = &mut self.line {
            line.overdue = line.has_unflushed_ping() && (line.overdue || self.overslept);
        }
        if self.undelivered.take().is_some()
            && matches!(state, State::Open { .. })
            && !self.line.as_ref().is_some_and(|line| line.swallows)
        {
            self.blame(Clause::Delivered, || "a message came in and was not delivered".into());
        }
    }

    /// A message arrived whole at the server: the truth, which the session cannot know.
    pub fn arrived(&mut self, conn: ConnId, id: MessageId) {
        self.truth = true;
        self.durable_arrived(id);
        if self.ledger.arrived(conn, id) {
            self.blame(Clause::VerdictTrue, || format!("{id} arrived on {conn} although it was said to be dropped"));
        }
    }

    /// The heartbeat that a new session has.
    pub(crate) fn heartbeat_at_first(&self) -> steadfast_core::config::Heartbeat {
        self.settings.heartbeat.clone()
    }

    /// Expects that everything accepted was settled.
    pub fn expect_settled(&mut self) {
        let open = self.ledger.len();
        if open > 0 {
            self.blame(Clause::Settles, || format!("{open} messages have no verdict"));
        }
    }

    /// Adds what somebody else found out.
    pub fn note(&mut self, clause: Clause, what: impl Into<String>) {
        let what = what.into();
        self.blame(clause, || what);
    }

    /// What was found, the first 64 of it.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.found
    }

    /// How often each clause was broken; none that was kept is listed.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<Clause, usize> {
        &self.counts
    }

    /// How many messages were accepted and are not settled.
    #[must_use]
    pub fn unsettled(&self) -> usize {
        self.ledger.len()
    }

    /// For tests.
    ///
    /// # Panics
    /// If a clause was broken; the message lists what was found.
    pub fn expect_clean(&self) {
        use std::fmt::Write as _;

        let mut list = String::new();
        for violation in &self.found {
            let _ = writeln!(list, "  {violation}");
        }
        assert!(self.counts.is_empty(), "the contract was broken:\n{list}");
    }

    fn blame(&mut self, clause: Clause, what: impl FnOnce() -> String) {
        *self.counts.entry(clause).or_default() += 1;
        if self.found.len() < KEPT {
            self.found.push(Violation { clause, at: self.now, what: what() });
        }
    }

    fn is_live(&self, conn: ConnId) -> bool {
        self.line.as_ref().is_some_and(|line| line.conn == conn)
    }

    fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::State(change) => self.state_told(change.from, &change.to, change.decided),
            Notice::Verdict { id, verdict, message } => self.verdict(*id, *verdict, message.as_deref()),
            Notice::Refused { id, message, why } => self.refused(*id, message, *why),
            Notice::Accepted { id } => self.told_accepted(*id),
            Notice::NotCancelled { id, why } => self.not_cancelled(*id, *why),
            Notice::PongMissed { missed, .. } => self.missed(*missed),
            Notice::Stable { conn } => {
                self.stable(*conn);
                self.proven();
            }
            Notice::CredentialsRefreshed { epoch, .. } => self.refreshed(*epoch),
            Notice::CredentialsFailed { epoch, kind } => self.fetch_failed(*epoch, *kind),
            Notice::IdentityChanged { identity } => self.identity_told(*identity),
            Notice::LongOutage { since } => self.long_outage(*since),
            Notice::Exhausted { .. } => self.exhausted(),
            Notice::HeartbeatRefused(_) => self.standing.heartbeat_refused(),
            Notice::EndpointChosen { conn, endpoint } => self.endpoint_chosen(*conn, *endpoint),
            Notice::Endpoint { endpoint, breaker } => self.breaker_told(*endpoint, *breaker),
            Notice::Watermark { mark, messages, bytes } => self.watermark(*mark, *messages, *bytes),
            _ => {}
        }
    }
}

/// Payloads are compared by their place first: what is passed on unchanged is the same buffer.
fn same(a: &Message<'_>, b: &Message<'_>) -> bool {
    let (x, y) = (a.as_bytes(), b.as_bytes());
    a.is_text() == b.is_text() && x.len() == y.len() && (std::ptr::eq(x, y) || x == y)
}

/// A ping on the wire.
#[derive(Clone, Copy, Debug)]
struct Ping {
    /// Its place among all pings of the connection, frames and texts.
    ordinal: u64,
    payload: PingPayload,
    at: Timestamp,
    /// How many messages were handed over before it, and are complete on the wire ahead of it.
    covers: u64,
    flushed: Option<Timestamp>,
}
