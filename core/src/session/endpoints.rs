//! Which of several endpoints the next attempt goes to: priorities, recent failures, circuit breakers.
//!
//! A small machine of its own: it knows the time that it is told, and nothing of connections. Its owner says what became
//! of the endpoint that was [chosen](Endpoints::choose) last before it lets choose again.

use alloc::vec::Vec;
use core::{fmt, time::Duration};

use crate::{Timestamp, config, rng::Rng};

/// One of the endpoints that a session may connect to: its place in the driver's list, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct EndpointId(pub u16);

/// How an endpoint's circuit breaker stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum BreakerState {
    /// It may be connected to.
    #[default]
    Closed,
    /// It failed too often in a row: it is left alone for a time.
    Open {
        /// Until when; then one attempt may probe it.
        until: Timestamp,
    },
    /// Its one probe is under way: an attempt, and the connection that comes of it until it is stable.
    HalfOpen,
}

/// The endpoints of a session, and what is known of each.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Endpoints {
    /// By their ids.
    all: Vec<Endpoint>,
    /// Which was chosen last.
    current: EndpointId,
    /// How often one was chosen.
    choices: u64,
    /// How often it was another than the one before.
    moves: u64,
    /// When a connection was last stable, to whichever.
    worked: Option<Timestamp>,
    settings: config::Breaker,
}

#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Endpoint {
    /// The lower, the sooner.
    priority: u8,
    /// Its place in the order.
    rank: u16,
    breaker: BreakerState,
    /// For how long the breaker was opened last.
    period: Duration,
    /// When that was.
    opened: Timestamp,
    /// How many failures there were in a row since a connection was stable.
    in_a_row: u32,
    /// Failures in thousandths, as they were at the last one; they fade.
    recent: u32,
    /// When the last failure was.
    failed: Timestamp,
    /// Not before this, by the server's own word.
    held: Timestamp,
    /// Not in this row of failures, unless there is no other.
    passed_over: bool,
}

impl EndpointId {
    /// Whether it is the first of the list: the only one of a session that has one.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.0 == 0
    }
}

impl Endpoints {
    pub(super) fn new(settings: &config::Endpoints, rng: &mut Rng) -> Self {
        let mut ranks: Vec<u16> = (0..settings.count).collect();
        if settings.order == config::Order::Shuffled {
            // Fisher and Yates: every order is as likely as any other.
            for last in (1..ranks.len()).rev() {
                let other = usize::try_from(rng.between(0, last as u64)).unwrap_or(last);
                ranks.swap(last, other);
            }
        }
        let endpoint = |(index, rank)| Endpoint {
            priority: settings.priorities.get(index).copied().unwrap_or_default(),
            rank,
            breaker: BreakerState::Closed,
            period: settings.breaker.open_for,
            opened: Timestamp::ZERO,
            in_a_row: 0,
            recent: 0,
            failed: Timestamp::ZERO,
            held: Timestamp::ZERO,
            passed_over: false,
        };
        let all = ranks.into_iter().enumerate().map(endpoint).collect();
        Self { all, current: EndpointId(0), choices: 0, moves: 0, worked: None, settings: settings.breaker.clone() }
    }

    /// The one of the connection that lives, or that was last.
    pub(super) const fn current(&self) -> EndpointId {
        self.current
    }

    /// How often another was chosen than the one before.
    pub(super) const fn moves(&self) -> u64 {
        self.moves
    }

    /// The one to connect to now. `tell` hears if that is a probe. If none may be tried, it is the one that may be soonest:
    /// whoever asks before its [time](Self::earliest) has the application's word for it.
    pub(super) fn choose(&mut self, now: Timestamp, mut tell: impl FnMut(EndpointId, BreakerState)) -> EndpointId {
        let best = (0_u16..).zip(&mut self.all).min_by_key(|(_, endpoint)| endpoint.place(now));
        if let Some((id, endpoint)) = best {
            self.moves += u64::from(self.choices > 0 && self.current.0 != id);
            self.choices += 1;
            self.current = EndpointId(id);
            if let BreakerState::Open { .. } = endpoint.breaker {
                endpoint.breaker = BreakerState::HalfOpen;
                tell(self.current, BreakerState::HalfOpen);
            }
        }
        self.current
    }

    /// From when on one of them may be tried.
    pub(super) fn earliest(&self) -> Timestamp {
        self.all.iter().map(Endpoint::ready_at).min().unwrap_or(Timestamp::ZERO)
    }

    /// The connection to the current one has proved itself.
    pub(super) fn stable(&mut self, now: Timestamp, mut tell: impl FnMut(EndpointId, BreakerState)) {
        self.begin_row();
        self.worked = Some(now);
        let id = self.current;
        if let Some(endpoint) = self.current_mut() {
            endpoint.in_a_row = 0;
            if endpoint.breaker != BreakerState::Closed {
                endpoint.breaker = BreakerState::Closed;
                tell(id, BreakerState::Closed);
            }
        }
    }

    /// The attempt at the current one failed, or its connection was lost. `move_on`: it is not to be tried again in this
    /// row while there is another.
    pub(super) fn failed(&mut self, now: Timestamp, move_on: bool, mut tell: impl FnMut(EndpointId, BreakerState)) {
        let was_probe = self.breaker() == BreakerState::HalfOpen;
        // A probe goes ahead of what is well only once, or several that are dead would leave no turn to the living.
        if move_on || was_probe {
            self.pass_over();
        }
        let Self { all, current: id, worked, settings, .. } = self;
        let Some(endpoint) = all.get_mut(usize::from(id.0)) else { return };
        endpoint.recent = endpoint.recent(now).saturating_add(ONE).min(MOST);
        endpoint.failed = now;
        endpoint.in_a_row = endpoint.in_a_row.saturating_add(1);
        if was_probe {
            // Where nothing has worked meanwhile, it may be our own network: longer waits would help nobody.
            if worked.is_some_and(|worked| worked > endpoint.opened) {
                endpoint.period = endpoint.period.saturating_mul(2).min(settings.longest);
            }
        } else if endpoint.in_a_row >= settings.failures {
            endpoint.period = settings.open_for;
        } else {
            return;
        }
        endpoint.opened = now;
        endpoint.breaker = BreakerState::Open { until: now + endpoint.period };
        tell(*id, endpoint.breaker);
    }

    /// The attempt at the current one, or its connection, has ended for a reason that says nothing of it: if it was the
    /// probe, there may be another.
    pub(super) fn spared(&mut self, now: Timestamp, mut tell: impl FnMut(EndpointId, BreakerState)) {
        let id = self.current;
        if let Some(endpoint) = self.current_mut()
            && endpoint.breaker == BreakerState::HalfOpen
        {
            endpoint.breaker = BreakerState::Open { until: now };
            tell(id, endpoint.breaker);
        }
    }

    /// The server behind the current one asked not to be tried before this.
    pub(super) fn hold(&mut self, until: Timestamp) {
        if let Some(endpoint) = self.current_mut() {
            endpoint.held = until;
        }
    }

    /// A new row of attempts: whoever was passed over is tried again.
    pub(super) fn begin_row(&mut self) {
        for endpoint in &mut self.all {
            endpoint.passed_over = false;
        }
    }

    /// There is another network: what was found out about endpoints over the old one may be wrong. What servers said stays.
    pub(super) fn forgive(&mut self, now: Timestamp, tell: impl FnMut(EndpointId, BreakerState)) {
        self.advance(tell, |until| until.min(now));
    }

    /// The process slept: what is waited for was waited for in that time, too.
    pub(super) fn slept(&mut self, gap: Duration, tell: impl FnMut(EndpointId, BreakerState)) {
        for endpoint in &mut self.all {
            endpoint.held = endpoint.held.saturating_sub(gap);
        }
        self.advance(tell, |until| until.saturating_sub(gap));
    }

    /// Moves the ends of open breakers to an earlier time.
    fn advance(&mut self, mut tell: impl FnMut(EndpointId, BreakerState), earlier: impl Fn(Timestamp) -> Timestamp) {
        for (id, endpoint) in (0..).map(EndpointId).zip(&mut self.all) {
            if let BreakerState::Open { until } = &mut endpoint.breaker {
                let at = earlier(*until);
                if at < *until {
                    *until = at;
                    tell(id, BreakerState::Open { until: at });
                }
            }
        }
    }

    /// The current one is not chosen again in this row before the others. When all have been passed over, their turns begin
    /// anew.
    fn pass_over(&mut self) {
        if let Some(endpoint) = self.current_mut() {
            endpoint.passed_over = true;
        }
        if self.all.iter().all(|endpoint| endpoint.passed_over) {
            let current = usize::from(self.current.0);
            for (_, other) in self.all.iter_mut().enumerate().filter(|(index, _)| *index != current) {
                other.passed_over = false;
            }
        }
    }

    fn breaker(&self) -> BreakerState {
        self.all.get(usize::from(self.current.0)).map_or(BreakerState::Closed, |endpoint| endpoint.breaker)
    }

    fn current_mut(&mut self) -> Option<&mut Endpoint> {
        self.all.get_mut(usize::from(self.current.0))
    }
}

impl Endpoint {
    /// From when on it may be tried.
    fn ready_at(&self) -> Timestamp {
        match self.breaker {
            BreakerState::Open { until } => until.max(self.held),
            BreakerState::Closed | BreakerState::HalfOpen => self.held,
        }
    }

    /// Its place among all: the least goes first.
    fn place(&self, now: Timestamp) -> (Timestamp, bool, u8, u32, u16) {
        let ready_at = self.ready_at();
        let wait = if ready_at <= now { Timestamp::ZERO } else { ready_at };
        (wait, self.passed_over, self.priority, (self.recent(now) + ONE / 2) / ONE, self.rank)
    }

    /// Its failures in thousandths, faded.
    fn recent(&self, now: Timestamp) -> u32 {
        let halvings = now.since(self.failed).as_secs() / HALF_LIFE.as_secs();
        u32::try_from(halvings).ok().and_then(|halvings| self.recent.checked_shr(halvings)).unwrap_or(0)
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "endpoint {}", self.0)
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Open { until } => write!(f, "open until {until}"),
            Self::HalfOpen => f.write_str("half-open"),
        }
    }
}

/// In which time a failure counts half. One failure is forgotten after two of them, so that an endpoint which had a bad
/// moment is not avoided for an hour.
const HALF_LIFE: Duration = Duration::from_mins(1);
/// One failure.
const ONE: u32 = 1_000;
/// More are not remembered: 64 are forgotten after eight minutes.
const MOST: u32 = 64 * ONE;

#[cfg(test)]
mod tests;
