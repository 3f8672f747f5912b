//! Choosing: endpoints at a time, and what was told of their breakers.

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
