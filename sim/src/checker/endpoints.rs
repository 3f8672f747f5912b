//! Clauses about several endpoints: which is chosen, and how their breakers stand.

use std::time::Duration;

use steadfast_core::{
    BreakerState, Cause, ConnId, Decision, EndpointId, IoKind, Network, State, Timestamp,
    config::{Endpoints, Order},
};

use super::{Checker, During, backoff::ROUNDING, clause::Clause};

/// After so long a failure counts nothing at all.
const FORGOTTEN: Duration = Duration::from_mins(10);
/// For so long a failure counts in any case.
const FRESH: Duration = Duration::from_secs(59);

/// What is known of the endpoints, by what was told and by what happened.
#[derive(Debug, Default)]
pub(super) struct Failover {
    all: Vec<Known>,
    /// The one that was told to be chosen, and by which connection.
    chosen: Option<(ConnId, EndpointId)>,
    /// The one whose breaker has to stand so after this event.
    due: Option<(EndpointId, Due)>,
    /// A probe was told with this event.
    probed: Option<EndpointId>,
    /// A breaker was told to be closed with this event.
    closed: Option<EndpointId>,
    /// The application asked for the attempt for which credentials are fetched first.
    asked: bool,
}

#[derive(Clone, Debug)]
struct Known {
    priority: u8,
    breaker: BreakerState,
    in_a_row: u32,
    failed: Option<Timestamp>,
    /// The server asked not to be tried before the first, and the session adds to that at most until the second.
    held: (Timestamp, Timestamp),
    passed_over: bool,
}

/// How a breaker has to stand.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// As it did.
    Same(BreakerState),
    /// Open, for a time between these.
    Open(Duration, Duration),
}

impl Failover {
    pub(super) fn new(settings: &Endpoints) -> Self {
        let known = |index: u16| Known {
            priority: settings.priorities.get(usize::from(index)).copied().unwrap_or_default(),
            breaker: BreakerState::Closed,
            in_a_row: 0,
            failed: None,
            held: (Timestamp::ZERO, Timestamp::ZERO),
            passed_over: false,
        };
        Self { all: (0..settings.count).map(known).collect(), ..Self::default() }
    }

    /// Whether there is a choice.
    pub(super) fn is_any(&self) -> bool {
        self.all.len() > 1
    }

    /// Nobody asked for the next attempt.
    pub(super) const fn forget_word(&mut self) {
        self.asked = false;
    }

    pub(super) fn begin_row(&mut self) {
        for known in &mut self.all {
            known.passed_over = false;
        }
    }

    /// The process slept, and waited meanwhile.
    pub(super) fn slept(&mut self, gap: Duration) {
        let earlier = |at: Timestamp| Timestamp::from_micros(at.as_micros().saturating_sub(crate::span::micros(gap)));
        for known in &mut self.all {
            known.held = (earlier(known.held.0), earlier(known.held.1));
        }
    }

    /// Between which times the first of them may be tried.
    pub(super) fn earliest(&self) -> (Timestamp, Timestamp) {
        let least = |held: fn(&Known) -> Timestamp| {
            self.all.iter().map(|known| known.ready_at(held(known))).min().unwrap_or(Timestamp::ZERO)
        };
        (least(|known| known.held.0), least(|known| known.held.1))
    }

    /// The server of the one that failed asked for patience, to which the session adds.
    pub(super) fn hold(&mut self, from: Timestamp, to: Timestamp) {
        if let Some((_, EndpointId(chosen))) = self.chosen
            && let Some(known) = self.all.get_mut(usize::from(chosen))
        {
            known.held = (from, to);
        }
    }

    fn known(&mut self, id: EndpointId) -> Option<&mut Known> {
        self.all.get_mut(usize::from(id.0))
    }
}

impl Known {
    fn ready_at(&self, held: Timestamp) -> Timestamp {
        match self.breaker {
            BreakerState::Open { until } => held.max(until),
            BreakerState::Closed | BreakerState::HalfOpen => held,
        }
    }

    /// Whether nothing speaks against it.
    fn is_well(&self, now: Timestamp) -> bool {
        let forgotten = self.failed.is_none_or(|failed| now.since(failed) >= FORGOTTEN);
        forgotten && !self.passed_over && self.ready_at(self.held.1) <= now
    }

    fn is_sick(&self, now: Timestamp) -> bool {
        self.failed.is_some_and(|failed| now.since(failed) <= FRESH)
    }
}

impl Checker {
    /// An attempt or a connection ended, by the driver's word.
    pub(super) fn endpoint_ended(&mut self, cause: &Cause, decision: Decision) {
        let Some((_, id)) = self.failover.chosen.filter(|_| self.failover.is_any()) else { return };
        let now = self.now;
        let stopping = self.standing.stopping.as_ref().is_some_and(|stopping| stopping.closing.is_some());
        let says_nothing = matches!(
            cause,
            Cause::NetworkLost
                | Cause::Background
                | Cause::Credentials(_)
                | Cause::Aborted
                | Cause::Stopped
                | Cause::Io(IoKind::Exhausted)
                | Cause::Dial { kind: IoKind::Exhausted, .. }
        );
        let spared = stopping || self.standing.offline || decision == Decision::RefreshCredentials || says_nothing;
        let breaker = self.settings.endpoints.breaker.clone();
        let Some(known) = self.failover.known(id) else { return };
        let was_probe = known.breaker == BreakerState::HalfOpen;
        let mut moved_on = false;
        let due = if spared {
            if was_probe { Due::Open(Duration::ZERO, Duration::ZERO) } else { Due::Same(known.breaker) }
        } else {
            known.in_a_row += 1;
            known.failed = Some(now);
            let passed = was_probe || decision == Decision::NextEndpoint;
            known.passed_over |= passed;
            moved_on = passed;
            if was_probe {
                Due::Open(breaker.open_for, breaker.longest)
            } else if known.in_a_row >= breaker.failures {
                Due::Open(breaker.open_for, breaker.open_for)
            } else {
                Due::Same(known.breaker)
            }
        };
        self.failover.due = Some((id, due));
        // When all were passed over, their turns begin anew.
        if moved_on && self.failover.all.iter().all(|known| known.passed_over) {
            self.failover.begin_row();
            if let Some(known) = self.failover.known(id) {
                known.passed_over = true;
            }
        }
    }

    /// A breaker changed, says the session.
    pub(super) fn breaker_told(&mut self, id: EndpointId, to: BreakerState) {
        let (now, during) = (self.now, self.during);
        let asked = self.application_asked();
        let Some(known) = self.failover.known(id) else {
            return self.blame(Clause::BreakerTrue, || format!("{id} is none of those that there are"));
        };
        let from = std::mem::replace(&mut known.breaker, to);
        let fits = match (from, to) {
            (BreakerState::Open { until }, BreakerState::HalfOpen) => now >= until || asked,
            (BreakerState::HalfOpen, BreakerState::Closed) => true,
            (BreakerState::Closed | BreakerState::HalfOpen, BreakerState::Open { .. }) => during == During::Closed,
            (BreakerState::Open { until }, BreakerState::Open { until: sooner }) => {
                let news = matches!(during, During::Network(Network::Online | Network::Changed) | During::Probe);
                news && sooner < until
            }
            _ => false,
        };
        match to {
            BreakerState::HalfOpen => self.failover.probed = Some(id),
            BreakerState::Closed => self.failover.closed = Some(id),
            BreakerState::Open { .. } => {}
        }
        if !fits {
            self.blame(Clause::BreakerTrue, || format!("the breaker of {id} was {from}, and became {to}"));
        }
    }

    /// The connection has proved itself, and so has its endpoint.
    pub(super) fn endpoint_is_stable(&mut self) {
        self.failover.begin_row();
        let Some((_, id)) = self.failover.chosen else { return };
        let told_closed = self.failover.closed.take();
        let Some(known) = self.failover.known(id) else { return };
        known.in_a_row = 0;
        let breaker = known.breaker;
        if breaker != BreakerState::Closed || told_closed.is_some_and(|closed| closed != id) {
            self.blame(Clause::BreakerTrue, || format!("{id} works, and its breaker is {breaker}"));
        }
    }

    /// The session says where it is about to connect.
    pub(super) fn endpoint_chosen(&mut self, conn: ConnId, id: EndpointId) {
        let moved = self.failover.chosen.is_some_and(|(_, before)| before != id);
        self.account.failovers += u64::from(moved);
        self.failover.chosen = Some((conn, id));
    }

    /// It connects.
    pub(super) fn connects_to(&mut self, conn: ConnId, id: EndpointId) {
        if !self.failover.is_any() {
            if !id.is_first() {
                self.blame(Clause::EndpointTold, || format!("there is one endpoint, and {conn} goes to {id}"));
            }
            return;
        }
        let told = self.failover.chosen;
        let asked = self.application_asked();
        self.failover.asked = false;
        if told != Some((conn, id)) || usize::from(id.0) >= self.failover.all.len() {
            self.blame(Clause::EndpointTold, || format!("{conn} goes to {id}, and {told:?} was told"));
        }
        let (now, probed) = (self.now, self.failover.probed.take());
        let Some(known) = self.failover.known(id).cloned() else { return };
        match known.breaker {
            BreakerState::Open { until } => {
                self.blame(Clause::BreakerKept, || format!("{conn} goes to {id}, whose breaker is open until {until}"));
            }
            BreakerState::HalfOpen if probed != Some(id) => {
                self.blame(Clause::OneProbe, || format!("{conn} is another probe of {id}"));
            }
            BreakerState::Closed | BreakerState::HalfOpen => {}
        }
        let held = known.held.0;
        if now + ROUNDING < held && !asked {
            self.blame(Clause::WaitKept, || format!("{conn} goes to {id}, which asked not to be tried before {held}"));
        }
        self.choice(id, &known);
    }

    /// No endpoint that is well is passed by for one that is not better.
    fn choice(&mut self, id: EndpointId, known: &Known) {
        let now = self.now;
        let listed = self.settings.endpoints.order == Order::Listed;
        let others =
            (0..).map(EndpointId).zip(&self.failover.all).filter(|(other, it)| *other != id && it.is_well(now));
        let mut broken = None;
        for (other, it) in others {
            let first = it.priority < known.priority || it.priority == known.priority && listed && other < id;
            let passed_by = it.priority == known.priority && known.is_sick(now) || known.passed_over;
            if first {
                broken = Some((Clause::PreferredServed, other));
            } else if passed_by {
                broken = Some((Clause::HealthyServed, other));
            }
        }
        if let Some((clause, other)) = broken {
            self.blame(clause, || format!("{id} was chosen, and {other} is well"));
        }
    }

    /// All actions of an event were shown.
    pub(super) fn endpoints_handled(&mut self) {
        self.failover.probed = None;
        if let Some(id) = self.failover.closed.take() {
            self.blame(Clause::BreakerTrue, || format!("the breaker of {id} was closed, and it has not worked"));
        }
        let now = self.now;
        let Some((id, due)) = self.failover.due.take() else { return };
        let Some(known) = self.failover.known(id) else { return };
        let breaker = known.breaker;
        let fits = match (due, breaker) {
            // It may be probed again with this very event.
            (Due::Open(least, _), BreakerState::HalfOpen) => least.is_zero(),
            (Due::Same(before), is) => is == before,
            (Due::Open(least, most), BreakerState::Open { until }) => until >= now + least && until <= now + most,
            (Due::Open(..), BreakerState::Closed) => false,
        };
        if !fits {
            self.blame(Clause::BreakerTrue, || format!("the breaker of {id} is {breaker}, and should be {due:?}"));
        }
    }

    /// An attempt begins with a fetch of credentials: whose word it was stays.
    pub(super) fn attempt_authorized(&mut self) {
        self.failover.asked = self.application_asked();
    }

    /// Whether the application wants an attempt now, whatever speaks against it.
    fn application_asked(&self) -> bool {
        self.failover.asked
            || matches!(self.during, During::Start | During::ReconnectNow)
            || matches!(self.standing.told, State::Idle | State::Stopped { .. })
            || self.row.is_hastened()
    }
}
