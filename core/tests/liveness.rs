//! Pings and silence: a dead connection is noticed in time, a living one is left alone.

mod common;

use common::{Act, Rig, millis, secs};
use steadfast_core::{
    Cause, Event, Message, MessageId, Network, Notice, PingPayload, State, StateKind,
    config::{Heartbeat, Pace, Settings},
};

fn pace(interval: u64, timeout: u64, missed_allowed: u32) -> Pace {
    Pace { interval: secs(interval), timeout: secs(timeout), missed_allowed }
}

fn pings(interval: u64, timeout: u64, missed_allowed: u32) -> Settings {
    Settings { heartbeat: Heartbeat::Ping(pace(interval, timeout, missed_allowed)), ..Settings::default() }
}

fn text(deliver: bool) -> Settings {
    let heartbeat =
        Heartbeat::Text { pace: pace(10, 4, 0), ping: "ping?".to_owned(), pong: "pong!".to_owned(), deliver };
    Settings { heartbeat, ..Settings::default() }
}

fn flush_ping(rig: &mut Rig) {
    let conn = rig.conn();
    rig.event(Event::PingFlushed { conn, overtook: None });
}

fn hear(rig: &mut Rig) {
    let conn = rig.conn();
    rig.event(Event::Activity { conn });
}

/// Why the connection is being closed; `None` while it is open.
fn dead_by(rig: &Rig) -> Option<Cause> {
    match rig.session.state() {
        State::Open { .. } => None,
        State::Closing { cause, .. } => Some(cause),
        other => panic!("neither open nor closing: {other:?}"),
    }
}

#[test]
fn a_ping_goes_out_every_interval() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    for expected in 1..=5 {
        rig.pass(secs(10));
        assert_eq!(rig.pings(), expected);
        rig.pong();
    }
}

#[test]
fn silence_after_a_ping_ends_the_connection_without_a_close_frame() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.pass(secs(10));
    flush_ping(&mut rig);
    rig.pass(millis(3_999));
    assert_eq!(dead_by(&rig), None);
    let acts = rig.pass(millis(1));
    assert_eq!(dead_by(&rig), Some(Cause::HeartbeatTimeout));
    assert!(acts.contains(&Act::Abort(1)) && !acts.iter().any(|act| matches!(act, Act::Close(_))), "{acts:?}");
}

#[test]
fn a_heartbeat_that_failed_is_retried_like_any_loss() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.pass(secs(10));
    flush_ping(&mut rig);
    rig.pass(secs(4));
    rig.closed(Cause::Aborted);
    assert_eq!(rig.kind(), StateKind::Waiting);
}

#[test]
fn misses_are_counted_and_each_is_followed_by_another_ping() {
    let mut rig = Rig::started_and_open(pings(10, 4, 2));
    rig.pass(secs(10));
    for missed in 1..=2 {
        flush_ping(&mut rig);
        rig.pass(secs(4));
        assert!(rig.notices().contains(&Notice::PongMissed { conn: rig.conn(), missed }));
        assert_eq!(dead_by(&rig), None);
    }
    assert_eq!(rig.pings(), 3);
    flush_ping(&mut rig);
    rig.pass(secs(4));
    assert_eq!(dead_by(&rig), Some(Cause::HeartbeatTimeout));
}

#[test]
fn the_clock_of_a_pong_starts_when_its_ping_has_left() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.pass(secs(20));
    assert_eq!(dead_by(&rig), None);
    flush_ping(&mut rig);
    rig.pass(millis(3_999));
    assert_eq!(dead_by(&rig), None);
    rig.pass(millis(1));
    assert_eq!(dead_by(&rig), Some(Cause::HeartbeatTimeout));
}

#[test]
fn any_inbound_bytes_prove_life() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.pass(secs(10));
    flush_ping(&mut rig);
    for _ in 0..5 {
        rig.pass(secs(3));
        hear(&mut rig);
    }
    assert_eq!(dead_by(&rig), None);
    rig.pass(secs(4));
    assert_eq!(dead_by(&rig), Some(Cause::HeartbeatTimeout), "the ping is still unanswered, and now all is silent");
}

#[test]
fn a_peer_that_talks_but_never_answers_is_left() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.pass(secs(10));
    flush_ping(&mut rig);
    for _ in 0..29 {
        rig.pass(secs(1));
        hear(&mut rig);
    }
    assert_eq!(dead_by(&rig), None);
    rig.pass(secs(1));
    assert_eq!(dead_by(&rig), Some(Cause::AnswerTimeout));
}

#[test]
fn pong_that_arrives_with_its_deadline_keeps_the_connection() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.pass(secs(10));
    flush_ping(&mut rig);
    let payload = rig.last_ping().expect("the heartbeat");
    rig.sleep(secs(4));
    let conn = rig.conn();
    rig.event(Event::Pong { conn, payload });
    assert_eq!(dead_by(&rig), None);
    assert_eq!(rig.session.metrics().rtt.last, Some(secs(4)));
}

#[test]
fn sending_never_postpones_a_ping() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.send();
    rig.pong();
    let pings = rig.pings();
    for _ in 0..100 {
        let id = rig.send_as(steadfast_core::Delivery::Volatile);
        rig.flush(id);
        rig.pass(millis(100));
    }
    assert!(rig.pings() > pings);
    flush_ping(&mut rig);
    rig.pass(secs(14));
    assert_eq!(dead_by(&rig), Some(Cause::HeartbeatTimeout));
}

#[test]
fn a_barrier_serves_as_the_heartbeat() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.pass(secs(9));
    rig.send();
    rig.pong();
    rig.pass(millis(9_999));
    assert_eq!(rig.pings(), 1);
    rig.pass(millis(1));
    assert_eq!(rig.pings(), 2);
}

#[test]
fn a_pong_of_another_payload_answers_nothing() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.pass(secs(10));
    flush_ping(&mut rig);
    let conn = rig.conn();
    rig.event(Event::Pong { conn, payload: PingPayload(*b"notmine!") });
    rig.pass(secs(4));
    assert_eq!(dead_by(&rig), Some(Cause::HeartbeatTimeout));
    assert_eq!(rig.session.metrics().rtt.count, 0);
}

#[test]
fn a_later_pong_answers_the_earlier_pings_too() {
    let mut rig = Rig::started_and_open(pings(10, 4, 3));
    rig.pass(secs(10));
    flush_ping(&mut rig);
    rig.pass(secs(4));
    rig.pong();
    rig.pass(secs(9));
    assert_eq!(dead_by(&rig), None);
    assert_eq!(rig.pings(), 2);
}

#[test]
fn a_process_that_slept_grants_one_probe_and_only_one() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.pass(secs(10));
    flush_ping(&mut rig);
    rig.sleep(secs(7_200));
    rig.event(Event::TimerFired);
    assert_eq!(dead_by(&rig), None, "the deadline was seen two hours late");
    assert_eq!(rig.pings(), 2);
    flush_ping(&mut rig);
    rig.pass(secs(4));
    assert_eq!(dead_by(&rig), Some(Cause::HeartbeatTimeout));
}

#[test]
fn a_second_late_deadline_without_a_sign_of_life_is_the_end() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.pass(secs(10));
    flush_ping(&mut rig);
    rig.sleep(secs(7_200));
    rig.event(Event::TimerFired);
    flush_ping(&mut rig);
    rig.sleep(secs(7_200));
    rig.event(Event::TimerFired);
    assert_eq!(dead_by(&rig), Some(Cause::HeartbeatTimeout));
}

#[test]
fn a_clock_that_jumps_does_not_kill_a_healthy_connection() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.sleep(secs(86_400));
    rig.event(Event::TimerFired);
    assert_eq!(dead_by(&rig), None);
    rig.pong();
    rig.pass(secs(9));
    assert_eq!(dead_by(&rig), None);
}

#[test]
fn liveness_clocks_stop_while_reads_are_paused() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.pass(secs(10));
    flush_ping(&mut rig);
    rig.pass(secs(3));
    let conn = rig.conn();
    rig.event(Event::ReadsPaused { conn });
    rig.pass(secs(600));
    assert_eq!(dead_by(&rig), None);
    rig.event(Event::ReadsResumed { conn });
    rig.pass(millis(999));
    assert_eq!(dead_by(&rig), None);
    rig.pass(millis(1));
    assert_eq!(dead_by(&rig), Some(Cause::HeartbeatTimeout), "one of its four seconds was left");
}

#[test]
fn a_ping_under_way_in_a_pause_does_not_count_as_a_round_trip() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.pass(secs(10));
    flush_ping(&mut rig);
    let (conn, payload) = (rig.conn(), rig.last_ping().expect("the heartbeat"));
    rig.event(Event::ReadsPaused { conn });
    rig.pass(secs(60));
    rig.event(Event::ReadsResumed { conn });
    rig.event(Event::Pong { conn, payload });
    assert_eq!(rig.session.metrics().rtt.count, 0);
}

#[test]
fn a_write_without_progress_is_dead_after_its_timeout() {
    let mut rig = Rig::started_and_open(Settings { heartbeat: Heartbeat::Off, ..Settings::default() });
    rig.send();
    rig.pass(secs(20));
    let conn = rig.conn();
    rig.event(Event::Wrote { conn, bytes: 5 });
    rig.pass(millis(29_999));
    assert_eq!(dead_by(&rig), None);
    rig.pass(millis(1));
    assert_eq!(dead_by(&rig), Some(Cause::WriteTimeout));
}

#[test]
fn what_has_left_is_not_waited_for() {
    let heartbeat = Heartbeat::Off;
    let mut rig = Rig::started_and_open(Settings { heartbeat, ..Settings::default() });
    let id = rig.send();
    rig.flush(id);
    rig.pong();
    rig.pass(secs(3_600));
    assert_eq!(dead_by(&rig), None);
}

#[test]
fn text_heartbeats_are_answered_by_text_and_swallowed() {
    let mut rig = Rig::started_and_open(text(false));
    let acts = rig.pass(secs(10));
    assert!(acts.contains(&Act::Heartbeat("ping?".into())), "{acts:?}");
    flush_ping(&mut rig);
    rig.pass(millis(20));
    let conn = rig.conn();
    rig.event(Event::Received { conn, message: Message::text("pong!") });
    assert!(rig.last.is_empty(), "{:?}", rig.last);
    assert_eq!(rig.session.metrics().rtt.last, Some(millis(20)));
    rig.pass(secs(8));
    assert_eq!(dead_by(&rig), None);
}

#[test]
fn the_answer_to_a_text_heartbeat_is_delivered_where_that_is_asked() {
    let mut rig = Rig::started_and_open(text(true));
    rig.pass(secs(10));
    let conn = rig.conn();
    rig.event(Event::Received { conn, message: Message::text("pong!") });
    assert_eq!(rig.last[0], Act::Deliver("pong!".into()));
}

#[test]
fn a_text_heartbeat_that_is_not_answered_ends_the_connection() {
    let mut rig = Rig::started_and_open(text(false));
    rig.pass(secs(10));
    flush_ping(&mut rig);
    rig.pass(secs(4));
    assert_eq!(dead_by(&rig), Some(Cause::HeartbeatTimeout));
}

#[test]
fn a_text_heartbeat_goes_out_although_a_barrier_is_under_way() {
    let mut rig = Rig::started_and_open(text(false));
    let id = rig.send();
    rig.flush(id);
    flush_ping(&mut rig);
    let acts = rig.pass(secs(10));
    assert!(acts.contains(&Act::Heartbeat("ping?".into())), "{acts:?}");
    flush_ping(&mut rig);
    rig.pass(secs(4));
    assert_eq!(dead_by(&rig), Some(Cause::HeartbeatTimeout));
}

#[test]
fn silence_alone_ends_the_connection_in_idle_mode() {
    let heartbeat = Heartbeat::Idle { timeout: secs(30) };
    let mut rig = Rig::started_and_open(Settings { heartbeat, ..Settings::default() });
    rig.pass(secs(20));
    hear(&mut rig);
    rig.pass(millis(29_999));
    assert_eq!(dead_by(&rig), None);
    rig.pass(millis(1));
    assert_eq!(dead_by(&rig), Some(Cause::IdleTimeout));
    assert_eq!(rig.pings(), 0);
}

#[test]
fn the_heartbeat_changes_while_it_runs() {
    let mut rig = Rig::started_and_open(pings(60, 10, 0));
    rig.event(Event::SetHeartbeat(Heartbeat::Ping(pace(5, 1, 0))));
    rig.pass(secs(5));
    assert_eq!(rig.pings(), 1);
    flush_ping(&mut rig);
    rig.pass(secs(1));
    assert_eq!(dead_by(&rig), Some(Cause::HeartbeatTimeout));
}

#[test]
fn an_impossible_heartbeat_is_refused_and_the_old_one_stays() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.event(Event::SetHeartbeat(Heartbeat::Ping(pace(0, 4, 0))));
    let [Act::Notify(Notice::HeartbeatRefused(error))] = &rig.last[..] else { panic!("{:?}", rig.last) };
    assert_eq!(error.field(), "heartbeat.interval");
    rig.pass(secs(10));
    assert_eq!(rig.pings(), 1);
}

#[test]
fn a_resumed_process_probes_with_a_short_deadline() {
    let mut rig = Rig::started_and_open(pings(60, 50, 0));
    rig.event(Event::Resumed { gap: secs(3_600) });
    assert_eq!(rig.pings(), 1);
    flush_ping(&mut rig);
    rig.pass(millis(2_999));
    assert_eq!(dead_by(&rig), None);
    rig.pass(millis(1));
    assert_eq!(dead_by(&rig), Some(Cause::HeartbeatTimeout));
}

#[test]
fn a_probe_that_is_answered_leaves_no_deadline_behind() {
    let mut rig = Rig::started_and_open(pings(600, 50, 0));
    rig.event(Event::Network(Network::Changed));
    rig.pong();
    rig.sleep(secs(3_600));
    rig.event(Event::Resumed { gap: secs(3_599) });
    assert_eq!(dead_by(&rig), None, "the new probe has not even left");
    rig.pong();
    rig.pass(secs(500));
    assert_eq!(dead_by(&rig), None);
}

#[test]
fn spurious_timers_change_nothing() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    for _ in 0..10 {
        rig.sleep(millis(100));
        rig.event(Event::TimerFired);
        assert!(matches!(rig.last[..], [Act::Timer(_)]), "only the timer is told again: {:?}", rig.last);
    }
    rig.pass(secs(9));
    assert_eq!(rig.pings(), 1);
}

#[test]
fn pings_of_the_last_connection_mean_nothing_to_the_next() {
    let mut rig = Rig::started_and_open(pings(10, 4, 0));
    rig.pass(secs(10));
    flush_ping(&mut rig);
    let (old, payload) = (rig.conn(), rig.last_ping().expect("the heartbeat"));
    rig.reset();
    rig.wait_out();
    rig.open();
    rig.event(Event::Pong { conn: old, payload });
    rig.pass(secs(9));
    assert_eq!(dead_by(&rig), None);
    assert_eq!(rig.session.metrics().rtt.count, 0);
}

#[test]
fn an_answer_confirms_even_after_a_missed_one() {
    let mut rig = Rig::started_and_open(pings(10, 4, 1));
    let id = rig.send();
    rig.flush(id);
    flush_ping(&mut rig);
    rig.pass(secs(4));
    assert!(rig.notices().iter().any(|notice| matches!(notice, Notice::PongMissed { missed: 1, .. })));
    rig.pong();
    assert_eq!(rig.verdicts(), [(id, steadfast_core::Verdict::Confirmed)]);
    let conn = rig.conn();
    rig.event(Event::Flushed { conn, up_to: MessageId(id) });
}

#[test]
fn a_barrier_does_not_postpone_a_text_heartbeat() {
    let mut rig = Rig::started_and_open(text(false));
    rig.pass(secs(9));
    let id = rig.send();
    rig.flush(id);
    rig.pong();
    let acts = rig.pass(secs(1));
    assert!(acts.contains(&Act::Heartbeat("ping?".into())), "{acts:?}");
}

#[test]
fn a_heartbeat_that_changes_while_a_text_is_under_way_does_not_hold_the_barrier_back() {
    let mut rig = Rig::started_and_open(text(false));
    rig.pass(secs(10));
    rig.send();
    assert_eq!(rig.pings(), 0, "the text has not left");
    rig.event(Event::SetHeartbeat(Heartbeat::Off));
    flush_ping(&mut rig);
    assert_eq!(rig.pings(), 1);
}

#[test]
fn answers_that_are_late_but_always_come_keep_the_connection() {
    let mut rig = Rig::started_and_open(pings(30, 3, 5));
    let mut owed = std::collections::VecDeque::new();
    rig.pass(secs(30));
    for _ in 0..60 {
        let payload = rig.last_ping().expect("a ping was sent");
        if owed.back() != Some(&payload) {
            flush_ping(&mut rig);
            owed.push_back(payload);
        }
        rig.pass(secs(3));
        if owed.len() > 4 {
            let (conn, payload) = (rig.conn(), owed.pop_front().expect("one is owed"));
            rig.event(Event::Pong { conn, payload });
        }
        assert_eq!(dead_by(&rig), None);
    }
}

#[test]
fn a_text_heartbeat_given_up_before_it_left_leaves_no_write_behind() {
    let mut rig = Rig::started_and_open(text(false));
    rig.pass(secs(10));
    rig.event(Event::SetHeartbeat(Heartbeat::Off));
    flush_ping(&mut rig);
    rig.pass(secs(100));
    assert_eq!(dead_by(&rig), None);
}
