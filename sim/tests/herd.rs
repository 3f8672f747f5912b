//! Thousands of clients lose one server: the default backoff brings them back spread out.

use std::time::Duration;

use steadfast_core::config::{Backoff, Settings};
use steadfast_sim::{Herd, Outage, Return};

/// What a server that comes back is promised: its worst second against the average one.
const PROMISED: f64 = 2.2;

fn come_back(clients: u32, backoff: Backoff, outage: Outage) -> Return {
    let settings = Settings { backoff, ..Settings::default() };
    Herd { clients, ..Herd::default() }.run(&settings, outage).expect("the settings can be")
}

fn assert_spread(outage: Outage) {
    let came_back = come_back(10_000, Backoff::default(), outage);
    assert_eq!(came_back.total(), 10_000);
    let ratio = came_back.peak_to_mean();
    assert!(ratio <= PROMISED, "{ratio:.2} times the average in the worst second");
}

#[test]
fn ten_thousand_clients_that_were_refused_come_back_spread_out() {
    assert_spread(Outage::Refused);
}

#[test]
fn ten_thousand_clients_whose_attempts_hung_come_back_spread_out() {
    assert_spread(Outage::Hanging);
}

#[test]
fn a_backoff_that_does_not_keep_pace_keeps_those_together_whose_attempts_hung() {
    let backoff = Backoff { keep_pace_ppm: 0, ..Backoff::default() };
    assert!(come_back(3_000, backoff, Outage::Hanging).peak_to_mean() > PROMISED);
}

#[test]
fn without_jitter_they_come_back_as_one() {
    let came_back = come_back(500, Backoff::fixed(), Outage::Refused);
    assert_eq!((came_back.peak(), came_back.total()), (500, 500));
    assert!(came_back.last() < Duration::from_secs(4));
}

#[test]
fn whoever_gives_up_does_not_come_back() {
    let came_back = come_back(500, Backoff::linear(), Outage::Refused);
    assert_eq!((came_back.total(), came_back.gave_up), (0, 500));
}
