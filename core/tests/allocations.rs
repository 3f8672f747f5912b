//! A session in steady state does not allocate. Counted by an allocator that counts.

#[expect(dead_code, reason = "each of its users takes what it needs")]
mod steady;

use core::time::Duration;

use allocation_counter::measure;
use steadfast_core::config::Config;
use steady::Steady;

#[test]
fn messages_in_both_directions_allocate_nothing() {
    let mut steady = Steady::warm(Config::default());
    let before = steady.actions();
    let allocated = measure(|| (0..10_000).for_each(|_| steady.round()));
    assert!(steady.actions() - before >= 30_000, "each round delivers, sends and confirms");
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}

#[test]
fn a_heartbeat_allocates_nothing() {
    let mut steady = Steady::warm(Config::default());
    // The first idle minute gives back what the traffic needed.
    steady.idle(Duration::from_mins(1));
    let allocated = measure(|| (0..100).for_each(|_| steady.tick()));
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}
