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
mod tests {
    use alloc::vec;

    use super::*;
    use crate::config::Order;

    const SECOND: Duration = Duration::from_secs(1);

    /// Endpoints at a time, and what was told of their breakers.
    struct Bench {
        endpoints: Endpoints,
        now: Timestamp,
        told: Vec<(u16, BreakerState)>,
    }

    impl Bench {
        fn new(settings: &config::Endpoints) -> Self {
            let endpoints = Endpoints::new(settings, &mut Rng::new(1));
            Self { endpoints, now: at(1_000), told: Vec::new() }
        }

        fn listed(count: u16) -> Self {
            Self::new(&config::Endpoints { count, ..config::Endpoints::default() })
        }

        fn with_priorities(priorities: &[u8]) -> Self {
            let count = u16::try_from(priorities.len()).unwrap();
            let priorities = priorities.to_vec();
            Self::new(&config::Endpoints { count, priorities, ..config::Endpoints::default() })
        }

        fn choose(&mut self) -> u16 {
            self.endpoints.choose(self.now, |id, state| self.told.push((id.0, state))).0
        }

        fn fails(&mut self) {
            self.endpoints.failed(self.now, false, |id, state| self.told.push((id.0, state)));
        }

        fn fails_and_moves_on(&mut self) {
            self.endpoints.failed(self.now, true, |id, state| self.told.push((id.0, state)));
        }

        fn works(&mut self) {
            self.endpoints.stable(self.now, |id, state| self.told.push((id.0, state)));
        }

        fn wait(&mut self, seconds: u64) {
            self.now = self.now + SECOND * u32::try_from(seconds).unwrap();
        }

        /// Chooses and fails so often, with a second between.
        fn choices_that_fail(&mut self, times: usize) -> Vec<u16> {
            let mut choices = Vec::new();
            for _ in 0..times {
                choices.push(self.choose());
                self.fails();
                self.wait(1);
            }
            choices
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn the_first_of_the_list_goes_first() {
        assert_eq!(Bench::listed(3).choose(), 0);
    }

    #[test]
    fn the_one_with_the_fewest_recent_failures_goes_first() {
        assert_eq!(Bench::listed(3).choices_that_fail(7), [0, 1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn a_failure_is_forgotten_in_time() {
        let mut bench = Bench::listed(2);
        bench.choices_that_fail(1);
        assert_eq!(bench.choose(), 1);
        bench.wait(60);
        assert_eq!(bench.choose(), 1);
        bench.wait(60);
        assert_eq!(bench.choose(), 0);
    }

    #[test]
    fn a_priority_outweighs_failures_until_the_breaker_opens() {
        let mut bench = Bench::with_priorities(&[1, 0]);
        assert_eq!(bench.choices_that_fail(6), [1, 1, 1, 1, 1, 0]);
        assert_eq!(bench.told, [(1, BreakerState::Open { until: at(1_034) })]);
    }

    #[test]
    fn who_is_told_to_move_on_does() {
        let mut bench = Bench::with_priorities(&[0, 1]);
        bench.choose();
        bench.fails_and_moves_on();
        assert_eq!(bench.choices_that_fail(4), [1, 1, 1, 1]);
    }

    #[test]
    fn who_is_told_to_move_on_each_time_goes_round() {
        let mut bench = Bench::with_priorities(&[0, 1]);
        for endpoint in [0, 1, 0, 1] {
            assert_eq!(bench.choose(), endpoint);
            bench.fails_and_moves_on();
        }
    }

    #[test]
    fn moving_on_ends_with_the_row() {
        let mut bench = Bench::with_priorities(&[0, 1]);
        bench.choose();
        bench.fails_and_moves_on();
        bench.choose();
        bench.works();
        assert_eq!(bench.choose(), 0);
    }

    #[test]
    fn an_open_breaker_is_left_alone_until_its_time_and_then_probed_once() {
        let mut bench = Bench::with_priorities(&[0, 1]);
        bench.choices_that_fail(5);
        bench.choose();
        bench.works();
        bench.told.clear();
        bench.wait(28);
        assert_eq!(bench.choose(), 1);
        bench.wait(1);
        assert_eq!(bench.choose(), 0);
        assert_eq!(bench.told, [(0, BreakerState::HalfOpen)]);
        bench.fails();
        assert_eq!(bench.choose(), 1);
    }

    #[test]
    fn a_probe_that_works_closes_the_breaker() {
        let mut bench = Bench::with_priorities(&[0, 1]);
        bench.choices_that_fail(5);
        bench.wait(30);
        assert_eq!(bench.choose(), 0);
        bench.works();
        assert_eq!(bench.told.last(), Some(&(0, BreakerState::Closed)));
        assert_eq!(bench.choices_that_fail(4), [0; 4], "it has all its failures before it again");
    }

    #[test]
    fn a_probe_that_fails_doubles_the_time_while_another_works_and_no_further_than_the_longest() {
        let mut bench = Bench::with_priorities(&[0, 1]);
        bench.choices_that_fail(5);
        let mut periods = Vec::new();
        for _ in 0..7 {
            bench.wait(1);
            bench.choose();
            bench.works();
            bench.wait(600);
            assert_eq!(bench.choose(), 0);
            bench.fails();
            let Some((0, BreakerState::Open { until })) = bench.told.last() else { panic!("it is to be open") };
            periods.push(until.since(bench.now).as_secs());
        }
        assert_eq!(periods, [60, 120, 240, 480, 600, 600, 600]);
    }

    #[test]
    fn while_nothing_works_at_all_no_breaker_waits_longer() {
        let mut bench = Bench::with_priorities(&[0, 1]);
        for _ in 0..100 {
            bench.choose();
            bench.fails();
            bench.wait(20);
            assert!(bench.endpoints.earliest() <= bench.now + SECOND * 30);
        }
    }

    #[test]
    fn several_dead_ones_ahead_leave_a_turn_to_the_living() {
        let mut bench = Bench::with_priorities(&[0, 0, 0, 1]);
        assert_eq!(bench.choices_that_fail(15).iter().max(), Some(&2), "each has its five attempts");
        bench.endpoints.begin_row();
        let mut chosen = Vec::new();
        for _ in 0..4 {
            // All of them may be probed each time.
            bench.wait(3_600);
            chosen.push(bench.choose());
            bench.fails();
        }
        assert_eq!(chosen, [0, 1, 2, 3]);
    }

    #[test]
    fn what_says_nothing_of_an_endpoint_leaves_its_probe_to_another_attempt() {
        let mut bench = Bench::listed(1);
        bench.choices_that_fail(5);
        bench.wait(30);
        bench.choose();
        bench.endpoints.spared(bench.now, |id, state| bench.told.push((id.0, state)));
        assert_eq!(bench.endpoints.earliest(), bench.now);
        bench.choose();
        assert_eq!(bench.told.last(), Some(&(0, BreakerState::HalfOpen)));
    }

    #[test]
    fn the_word_of_one_server_does_not_hold_back_the_other() {
        let mut bench = Bench::listed(2);
        bench.choose();
        bench.endpoints.hold(at(2_000));
        assert_eq!((bench.choose(), bench.endpoints.earliest()), (1, Timestamp::ZERO));
        bench.endpoints.hold(at(1_500));
        assert_eq!(bench.endpoints.earliest(), at(1_500));
        assert_eq!(bench.choose(), 1, "the one that may be soonest, if one has to be");
    }

    #[test]
    fn another_network_forgives_breakers_and_not_what_servers_said() {
        let mut bench = Bench::listed(1);
        bench.choices_that_fail(5);
        bench.endpoints.hold(at(1_020));
        bench.endpoints.forgive(bench.now, |id, state| bench.told.push((id.0, state)));
        assert_eq!(bench.told.last(), Some(&(0, BreakerState::Open { until: bench.now })));
        assert_eq!(bench.endpoints.earliest(), at(1_020));
    }

    #[test]
    fn time_slept_is_time_waited() {
        let mut bench = Bench::listed(1);
        bench.choices_that_fail(5);
        let before = bench.endpoints.earliest();
        bench.endpoints.slept(SECOND * 10, |_, _| ());
        assert_eq!(before.since(bench.endpoints.earliest()), SECOND * 10);
    }

    #[test]
    fn a_shuffled_order_is_any_and_the_same_for_the_same_seed() {
        let settings = config::Endpoints { count: 3, order: Order::Shuffled, ..config::Endpoints::default() };
        let first = |seed| Endpoints::new(&settings, &mut Rng::new(seed)).choose(at(0), |_, _| ()).0;
        let mut counts = vec![0; 3];
        for seed in 0..3_000 {
            counts[usize::from(first(seed))] += 1;
        }
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
        assert_eq!(first(7), first(7));
    }
}
