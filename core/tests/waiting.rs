//! When the next attempt is made: backoff, hints, the word of a server; and when none is made any more.

mod common;

use common::{Act, Rig, millis, secs, steady};
use steadfast_core::{
    Cause, CloseCode, CloseFrame, ConnId, Event, IoKind, Network, Notice, Stage, State, StateKind, StopCause,
    config::{Backoff, CountedFrom, Heartbeat, Jitter, Ready, Schedule, Settings},
};

/// Without a heartbeat, for tests of hours in which nobody answers.
fn waits(delay: u64) -> Settings {
    Settings { backoff: steady(delay), heartbeat: Heartbeat::Off, ..Settings::default() }
}

fn connects(rig: &Rig) -> Vec<(u64, u32)> {
    let acts = rig.all.iter();
    acts.filter_map(|(_, act)| if let Act::Connect(conn, attempt) = act { Some((*conn, *attempt)) } else { None })
        .collect()
}

fn server_close(code: u16) -> Cause {
    Cause::Closed(CloseFrame { code: CloseCode(code), reason: String::new() })
}

#[test]
fn the_next_connect_waits_for_the_end_of_the_last_connection() {
    let mut rig = Rig::new(waits(1));
    rig.start();
    rig.pass(secs(10));
    rig.pass(secs(60));
    assert_eq!(connects(&rig), [(1, 1)], "Closed has not come yet");
    rig.closed(Cause::Aborted);
    assert_eq!(connects(&rig), [(1, 1), (2, 2)], "the wait counted from the timeout, and is over");
}

#[test]
fn a_connection_that_opens_and_dies_does_not_reset_the_backoff() {
    let backoff = Backoff {
        schedule: Schedule::Exponential { base: secs(1), factor_ppm: 2_000_000, cap: None },
        jitter: Jitter::None,
        first: None,
        ..Backoff::default()
    };
    let mut rig = Rig::started_and_open(Settings { backoff, heartbeat: Heartbeat::Off, ..Settings::default() });
    let mut waited = Vec::new();
    for _ in 0..4 {
        rig.reset();
        waited.push(rig.wait());
        rig.wait_out();
        rig.open();
    }
    assert_eq!(waited, [secs(1), secs(2), secs(4), secs(8)]);
    rig.pass(secs(30));
    assert!(rig.notices().contains(&Notice::Stable { conn: rig.conn() }));
    rig.reset();
    assert_eq!(rig.wait(), secs(1));
}

#[test]
fn stability_is_twice_the_last_delay_if_that_is_longer() {
    let mut rig = Rig::started_and_open(waits(60));
    rig.reset();
    rig.wait_out();
    rig.open();
    rig.pass(secs(119));
    assert!(!rig.notices().iter().any(|notice| matches!(notice, Notice::Stable { conn: ConnId(2) })));
    rig.pass(secs(1));
    assert!(rig.notices().contains(&Notice::Stable { conn: ConnId(2) }));
}

#[test]
fn a_connection_that_is_not_ready_does_not_become_stable() {
    let mut rig = Rig::started_and_open(Settings { ready: Ready::WhenTold, ..Settings::default() });
    rig.pass(secs(100));
    assert!(!rig.notices().iter().any(|notice| matches!(notice, Notice::Stable { .. })));
}

#[test]
fn reconnect_now_works_from_every_waiting_state() {
    let mut rig = Rig::started_and_open(waits(60));
    rig.reset();
    rig.event(Event::ReconnectNow);
    assert_eq!(rig.kind(), StateKind::Connecting);
    rig.reset();
    rig.event(Event::Network(Network::Offline));
    assert_eq!(rig.kind(), StateKind::Offline);
    rig.event(Event::ReconnectNow);
    let conn = rig.conn();
    rig.event(Event::Dialing { conn, stage: Stage::Connect });
    rig.pass(secs(10));
    assert_eq!(rig.kind(), StateKind::Closing);
    rig.event(Event::ReconnectNow);
    rig.closed(Cause::Aborted);
    assert_eq!(rig.kind(), StateKind::Connecting);
}

#[test]
fn reconnect_now_outranks_the_servers_word() {
    let mut rig = Rig::new(waits(1));
    rig.start();
    rig.closed(Cause::Rejected { status: 503, retry_after: Some(secs(120)) });
    rig.event(Event::ReconnectNow);
    assert_eq!(rig.kind(), StateKind::Connecting);
}

#[test]
fn the_servers_word_is_a_floor_and_is_capped() {
    for (asked, least, most) in [(secs(120), secs(121), secs(133)), (secs(86_400), secs(601), secs(661))] {
        let mut rig = Rig::new(waits(1));
        rig.start();
        rig.closed(Cause::Rejected { status: 503, retry_after: Some(asked) });
        assert!((least..=most).contains(&rig.wait()), "{:?}", rig.wait());
    }
}

#[test]
fn a_service_restart_is_given_between_five_and_thirty_seconds() {
    let backoff = Backoff { schedule: Schedule::Fixed { delay: millis(1) }, ..steady(1) };
    let mut waited: Vec<_> = (0..200)
        .map(|seed| {
            let mut rig = Rig::seeded(Settings { backoff: backoff.clone(), ..Settings::default() }, seed);
            rig.start();
            rig.open();
            rig.closed(server_close(1012));
            rig.wait()
        })
        .collect();
    waited.sort();
    assert!(waited[0] >= secs(5) && waited[0] < secs(6), "{:?}", waited[0]);
    assert!(waited[199] <= millis(30_001) && waited[199] > secs(29), "{:?}", waited[199]);
}

#[test]
fn online_hastens_the_attempt_but_not_past_the_servers_word() {
    let mut rig = Rig::started_and_open(waits(60));
    rig.reset();
    rig.event(Event::Network(Network::Online));
    assert!(rig.wait() <= millis(500));
    rig.wait_out();
    rig.closed(Cause::Rejected { status: 503, retry_after: Some(secs(120)) });
    rig.event(Event::Network(Network::Online));
    assert!(rig.wait() >= secs(120));
}

#[test]
fn offline_makes_no_attempts_until_online() {
    let mut rig = Rig::new(waits(1));
    rig.event(Event::Network(Network::Offline));
    rig.event(Event::Start);
    assert_eq!(rig.kind(), StateKind::Offline);
    rig.pass(secs(3_600));
    assert!(connects(&rig).is_empty());
    rig.event(Event::Network(Network::Online));
    rig.pass(millis(500));
    assert_eq!(connects(&rig), [(1, 1)]);
}

#[test]
fn offline_leaves_an_open_connection_alone() {
    let mut rig = Rig::started_and_open(waits(1));
    rig.event(Event::Network(Network::Offline));
    assert_eq!(rig.kind(), StateKind::Open);
    rig.reset();
    assert_eq!(rig.kind(), StateKind::Offline);
}

#[test]
fn a_policy_that_is_exhausted_says_so_and_stops() {
    let mut rig = Rig::new(Settings { backoff: Backoff { max_attempts: Some(2), ..steady(1) }, ..Settings::default() });
    rig.start();
    for _ in 0..2 {
        rig.reset();
        rig.wait_out();
    }
    rig.reset();
    let told = rig.notices().iter().any(|notice| matches!(notice, Notice::Exhausted { attempts: 3, .. }));
    assert!(told, "{:?}", rig.last);
    assert_eq!(rig.session.state(), State::Stopped { cause: StopCause::Exhausted(Cause::Io(IoKind::Reset)) });
    assert_eq!(rig.timer, None);
    rig.event(Event::Start);
    assert_eq!(connects(&rig).last(), Some(&(4, 1)), "started afresh");
}

#[test]
fn attempts_end_when_their_time_has_elapsed() {
    let backoff = Backoff { max_elapsed: Some(secs(10)), ..steady(4) };
    let mut rig = Rig::new(Settings { backoff, ..Settings::default() });
    rig.start();
    rig.reset();
    rig.wait_out();
    rig.reset();
    rig.wait_out();
    rig.reset();
    assert_eq!(rig.kind(), StateKind::Stopped, "the next attempt would begin 12 s after the first failure");
}

#[test]
fn a_hint_that_changes_nothing_tells_nothing() {
    let mut rig = Rig::started_and_open(waits(1));
    rig.closed(Cause::Closed(CloseFrame { code: CloseCode(1012), reason: String::new() }));
    rig.event(Event::Network(Network::Online));
    rig.event(Event::Network(Network::Online));
    let told = rig.last.iter().any(|act| matches!(act, Act::Notify(_)));
    assert!(!told, "{:?}", rig.last);
}

#[test]
fn a_delay_that_counts_from_the_attempt_does_so_after_a_stable_connection_too() {
    let backoff = Backoff { counted_from: CountedFrom::AttemptStart, ..steady(60) };
    let mut rig = Rig::new(Settings { backoff, heartbeat: Heartbeat::Off, ..Settings::default() });
    rig.start();
    rig.open();
    rig.pass(secs(40));
    rig.reset();
    assert_eq!(rig.wait(), secs(20));
}
