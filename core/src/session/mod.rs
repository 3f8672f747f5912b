//! The session: events in, actions out.
//!
//! Where to look: `transitions` for what an event does to the state, `authorize` for what credentials do to it and `signals` for
//! what the application knows of the world, `admission` for whether a message is
//! accepted and `delivery` for its way from there, `liveness` for pings and silence, `policy` for what the end of a connection means, `outbox`, `link` and `timers` for what they
//! are called.

pub(crate) mod action;
mod admission;
mod authorize;
mod credentials;
mod delivery;
pub(crate) mod endpoints;
pub(crate) mod event;
mod extras;
mod failover;
mod link;
mod liveness;
pub(crate) mod metrics;
pub(crate) mod notice;
mod outbox;
pub(crate) mod pending;
mod phase;
pub(crate) mod policy;
mod rate;
mod retry;
pub(crate) mod rtt;
mod signals;
pub(crate) mod state;
mod store;
mod timers;
mod transitions;

use alloc::{boxed::Box, collections::VecDeque};

use self::{
    event::Event,
    extras::Extras,
    link::Link,
    metrics::{Account, Metrics, Verdicts},
    notice::{Notice, Verdict},
    outbox::{Outbox, Settled, Stored},
    pending::{Actions, Pending},
    phase::{Intent, Phase, Sight},
    retry::Retry,
    state::State,
    timers::{Rearm, Timer, Timers},
};
use crate::{
    Timestamp,
    config::{Config, Heartbeat},
    message::ConnId,
    rng::Rng,
    stage::Stage,
};

/// What the application holds: it outlives connections, and owns the queue, the timers and the policy.
///
/// A pure state machine: [`handle`](Self::handle) takes the time and an [`Event`], and returns the
/// [`Action`](crate::Action)s to carry out. The same configuration, seed and log of events give the same actions, on
/// every platform.
///
/// ```
/// use steadfast_core::{Action, Event, Session, Timestamp, config::Config};
///
/// let mut session = Session::new(Config::default(), 7);
/// let mut connects = 0;
/// for action in session.handle(Timestamp::ZERO, Event::Start) {
///     if let Action::Connect { .. } = action {
///         connects += 1;
///     }
/// }
/// assert_eq!(connects, 1);
/// ```
///
/// With the feature `serde` a session can be written down and read back: what a recorder's checkpoint is. It goes on in
/// the time of the driver that it was written under, and believes that this driver still has its connection and its timer.
/// A new driver that takes one over must count on from the old time, say [`Event::TimerFired`] first, and say
/// [`Event::Closed`] for the connection that [`state`](Self::state) names.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Session {
    config: Config,
    /// The heartbeat, if it was changed while running.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "checked_heartbeat"))]
    heartbeat: Option<Box<Heartbeat>>,
    /// The latest time seen.
    now: Timestamp,
    rng: Rng,
    phase: Phase,
    /// What the application wants.
    intent: Intent,
    /// By the application's word there is no network.
    offline: bool,
    /// Whether people see the application, by its word.
    #[cfg_attr(feature = "serde", serde(default))]
    sight: Sight,
    /// How many connections were begun.
    conns: u64,
    retry: Retry,
    /// Since when there is no open connection, while one is wanted.
    outage: Option<Timestamp>,
    /// A connection was open since the last start.
    was_open: bool,
    /// Whether the last link could ping.
    can_ping: Option<bool>,
    /// The outbox is above its high mark, or has not fallen below the low one since.
    above: bool,
    timers: Timers,
    outbox: Outbox,
    #[cfg_attr(feature = "serde", serde(deserialize_with = "pending::checked"))]
    pending: VecDeque<Pending>,
    /// How many of them come from earlier events.
    old: usize,
    account: Account,
    /// What most sessions never need.
    #[cfg_attr(feature = "serde", serde(default))]
    extras: Option<Box<Extras>>,
}

impl Session {
    /// A session at rest, in [`State::Idle`]. Jitter and ping nonces come from `seed`; give each session its own, or a
    /// crowd of them reconnects as one.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        Self {
            extras: Extras::new(&config, &mut rng),
            config,
            heartbeat: None,
            now: Timestamp::ZERO,
            rng,
            phase: Phase::Idle,
            intent: Intent::Run,
            offline: false,
            sight: Sight::Seen,
            conns: 0,
            retry: Retry::default(),
            outage: None,
            was_open: false,
            can_ping: None,
            above: false,
            timers: Timers::new(),
            outbox: Outbox::new(),
            pending: VecDeque::new(),
            old: 0,
            account: Account::new(),
        }
    }

    /// Handles one event, and returns what is to be done, in order.
    ///
    /// Never fails and never panics, whatever comes in whatever order. A `now` that lies before an earlier one counts as
    /// that. The event is applied first and then the deadlines that have passed, so that an answer that comes with its
    /// own deadline is in time.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "measured: half the cost of a message is the copying of the enums otherwise"
    )]
    pub fn handle<'a>(&'a mut self, now: Timestamp, event: Event<'a>) -> Actions<'a> {
        // The events of every message come first and go straight to their functions: where the caller knows which event
        // it hands in, nothing of the enum is left, and the actions are put together in the caller's registers.
        self.now = self.now.max(now);
        self.old = self.pending.len();
        let (mut conn, mut sent, mut lent) = (ConnId(0), None, None);
        match event {
            Event::Received { conn: from, message } => {
                // By parts, so that the message need not lie in memory.
                if self.received(from, message.len()) && !self.swallows(|| message.as_text()) {
                    conn = from;
                    lent = Some(message);
                }
            }
            Event::Send { id, message, options } => {
                if let Some((to, sequence)) = self.send(id, message, options) {
                    conn = to;
                    sent = Some(sequence);
                }
            }
            Event::Flushed { conn, up_to } => self.flushed(conn, up_to),
            Event::Activity { conn } => self.activity(conn),
            Event::Wrote { conn, bytes: _ } => self.wrote(conn),
            event => self.control(event),
        }
        if self.timers.may_be_due(self.now) {
            self.expire_and_rearm(false);
        }
        let heartbeat = self.heartbeat.as_deref().unwrap_or(&self.config.heartbeat);
        Actions { pending: &mut self.pending, outbox: &self.outbox, heartbeat, old: self.old, conn, sent, lent }
    }

    /// The events that are not a message's.
    fn control(&mut self, event: Event<'_>) {
        self.account.begin(self.now);
        self.apply(event);
        self.schedule_expiry();
        // What happens for every message leaves a timer alone that has moved away; everything else tells it exactly.
        self.expire_and_rearm(true);
    }

    fn apply(&mut self, event: Event<'_>) {
        match event {
            Event::Start => self.start(),
            Event::Stop { frame, drain } => self.stop(frame, drain),
            Event::ReconnectNow => self.reconnect_now(),
            Event::Cancel { id } => self.cancel(id),
            Event::SetHeartbeat(heartbeat) => self.set_heartbeat(heartbeat),
            Event::Dialing { conn, stage } => self.dialing(conn, stage),
            Event::Opened { conn, can_ping } => self.opened(conn, can_ping),
            Event::Ready { conn } => self.ready(conn),
            Event::Pong { conn, payload } => self.pong(conn, payload),
            Event::PingFlushed { conn, overtook } => self.ping_flushed(conn, overtook),
            Event::ReadsPaused { conn } => self.reads_paused(conn),
            Event::ReadsResumed { conn } => self.reads_resumed(conn),
            Event::Closed { conn, cause, untouched_from } => self.closed(conn, cause, untouched_from),
            Event::TimerFired => self.timers.fired(),
            Event::Network(network) => self.network(network),
            Event::Resumed { gap } => self.resumed(gap),
            Event::Credentials { epoch, result } => self.credentials(epoch, result),
            Event::CredentialsRejected { conn } => self.rejection_seen(conn),
            Event::RefreshCredentials => self.refresh_asked(),
            Event::SwitchIdentity { identity } => self.switch_identity(identity),
            Event::Visibility(visibility) => self.visibility(visibility),
            Event::Persisted { id, result } => self.persisted(id, result),
            Event::Restored { id, message, options, identity } => self.restored(id, message, options, identity),
            Event::Received { .. }
            | Event::Send { .. }
            | Event::Flushed { .. }
            | Event::Activity { .. }
            | Event::Wrote { .. } => {
                debug_assert!(false, "handled before");
            }
        }
    }

    /// Lets the deadlines pass that have passed, and tells the driver the next one.
    fn expire_and_rearm(&mut self, exact: bool) {
        while let Some((timer, due)) = self.timers.take_due(self.now) {
            self.expire(timer, due);
        }
        match self.timers.rearm(self.now, exact) {
            Some(Rearm::Set(at)) => self.pending.push_back(Pending::SetTimer { at }),
            Some(Rearm::Cancel) => self.pending.push_back(Pending::CancelTimer),
            None => {}
        }
    }

    fn expire(&mut self, timer: Timer, due: Timestamp) {
        match timer {
            Timer::Connect => self.connect_timed_out(),
            Timer::Backoff => self.wait_is_over(),
            Timer::PingDue => self.ping_due(),
            Timer::PongDue => self.pong_due(),
            Timer::Probe => self.probe_due(),
            Timer::Answer => self.answer_due(),
            Timer::Idle => self.idle_due(),
            Timer::Write => self.write_due(),
            Timer::Barrier => self.barrier(),
            Timer::Stable => self.stable(due),
            Timer::Close => self.close_timed_out(),
            Timer::Outage => self.long_outage(),
            Timer::Drain => self.drain_is_over(),
            Timer::Rest => self.rest(),
            Timer::Lease => self.lease_due(),
            Timer::Background => self.background_is_long(),
            Timer::Rate => drop(self.pump(false)),
            Timer::Expiry => self.expire_messages(),
        }
    }

    /// The time that runs through a suspend, as deadlines of messages count it.
    fn boot_time(&self) -> Timestamp {
        self.now + self.outbox.slept()
    }

    /// Where the session stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.phase.state()
    }

    /// What is being done to connect, by the driver's last word; `None` unless an attempt has begun.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        match &self.phase {
            Phase::Connecting { stage, .. } if self.timers.is_set(Timer::Connect) => Some(*stage),
            _ => None,
        }
    }

    /// Whether it is on its way to [`Stopped`](State::Stopped) because the application asked for that: it drains, or closes. No more
    /// once it has stopped, or a start took the drain back.
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        match self.intent {
            Intent::Run => false,
            Intent::Drain { .. } | Intent::Stop { .. } => true,
        }
    }

    /// The figures up to the last event.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let counts = self.extras.as_ref().map(|extras| extras.credentials.counts).unwrap_or_default();
        let (messages, bytes) = (self.outbox.len(), self.outbox.bytes());
        let metrics = self.account.snapshot(self.phase.kind(), self.now, messages, bytes, counts);
        let verdicts = Verdicts { kept: self.outbox.kept_ever(), ..metrics.verdicts };
        Metrics { failovers: self.failovers(), verdicts, ..metrics }
    }

    /// When the driver's timer is to fire: what the last [`Action::SetTimer`](crate::Action::SetTimer) said. For drivers that
    /// look at the time anyway (a game loop) instead of keeping a timer.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.timers.armed()
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Accepted messages that are not settled, and their bytes.
    #[must_use]
    pub fn unsettled(&self) -> (usize, usize) {
        (self.outbox.len(), self.outbox.bytes())
    }

    /// A copy in which every payload is replaced by a blank one of the same kind and length: it behaves alike, and tells
    /// nothing.
    #[cfg(feature = "trace")]
    pub(crate) fn without_payloads(&self) -> Self {
        let mut copy = self.clone();
        for message in copy.outbox.messages_mut().chain(copy.pending.iter_mut().filter_map(Pending::message_mut)) {
            *message = crate::Message::blank(message.is_text(), message.len());
        }
        copy
    }

    /// The heartbeat in force.
    pub(crate) fn heartbeat(&self) -> &Heartbeat {
        self.heartbeat.as_deref().unwrap_or(&self.config.heartbeat)
    }

    /// The open connection, or the one being closed, if `conn` is its name.
    fn link_mut(&mut self, conn: ConnId) -> Option<&mut Link> {
        match &mut self.phase {
            Phase::Open(link) | Phase::Closing { link: Some(link), .. } => (link.conn == conn).then_some(link),
            Phase::Idle
            | Phase::Authorizing { .. }
            | Phase::Connecting { .. }
            | Phase::Closing { link: None, .. }
            | Phase::Waiting { .. }
            | Phase::Offline { .. }
            | Phase::Background { .. }
            | Phase::Stopped { .. } => None,
        }
    }

    /// How many actions wait to be taken.
    #[cfg(feature = "trace")]
    pub(crate) fn untaken(&self) -> usize {
        pending::actions(&self.pending)
    }

    /// Forgets actions that were not taken and mean nothing any more.
    fn forget(&mut self, is_gone: impl Fn(&Pending) -> bool) {
        self.old -= self.pending.iter().take(self.old).filter(|pending| is_gone(pending)).count();
        self.pending.retain(|pending| !is_gone(pending));
    }

    fn notify(&mut self, notice: Notice) {
        self.pending.push_back(Pending::Notify(notice));
    }
}

/// Counts a verdict that leaves something to decide, and tells it with the message.
fn settle(account: &mut Account, pending: &mut VecDeque<Pending>, settled: Settled) {
    let Settled { id, verdict, message, stored } = settled;
    if stored == Some(Stored::Asked) {
        // It was not accepted yet, and will not be.
        account.refused += 1;
        let why = store::refusal(verdict);
        pending.push_back(Pending::Notify(Notice::Refused { id, message: Box::new(message), why }));
    } else {
        account.count(verdict, 1);
        let message = (verdict != Verdict::Kept).then(|| Box::new(message));
        pending.push_back(Pending::Notify(Notice::Verdict { id, verdict, message }));
    }
    if stored.is_some() && verdict != Verdict::Kept {
        pending.push_back(Pending::Forget { first: id, count: 1 });
    }
}

/// A heartbeat is checked wherever it comes from: an interval of zero would be due for ever.
#[cfg(feature = "serde")]
fn checked_heartbeat<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Box<Heartbeat>>, D::Error> {
    let heartbeat: Option<Box<Heartbeat>> = serde::Deserialize::deserialize(deserializer)?;
    if let Some(heartbeat) = &heartbeat {
        crate::config::validate::heartbeat(heartbeat).map_err(serde::de::Error::custom)?;
    }
    Ok(heartbeat)
}
