//! States and transitions: start, stop, reconnect, give up, start afresh.

mod common;

use common::{Act, Rig, millis, secs, steady};
use steadfast_core::{
    Action, Cause, CauseKind, CloseCode, CloseFrame, ConnId, Decision, Event, IoKind, MessageId, Notice, SendOptions,
    Session, Stage, State, StateKind, StopCause, Timestamp,
    config::{CleanClose, ClosePolicy, Config, Heartbeat, Match, Rule, Settings},
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
fn start_is_idempotent() {
    let mut rig = Rig::new(Settings::default());
    rig.start();
    rig.event(Event::Start);
    assert!(rig.last.is_empty(), "{:?}", rig.last);
    rig.open();
    rig.event(Event::Start);
    assert!(rig.last.is_empty(), "{:?}", rig.last);
    assert_eq!(connects(&rig), [(1, 1)]);
}

#[test]
fn a_failed_attempt_is_followed_by_a_wait_that_counts_from_the_failure() {
    let mut rig = Rig::new(waits(3));
    rig.start();
    rig.pass(secs(2));
    rig.reset();
    assert_eq!(rig.wait(), secs(3));
    rig.wait_out();
    assert_eq!(connects(&rig), [(1, 1), (2, 2)]);
}

#[test]
fn a_state_notice_carries_cause_decision_and_the_next_attempts_time() {
    let mut rig = Rig::started_and_open(waits(3));
    let now = rig.now;
    rig.reset();
    let Some(Notice::State(change)) = rig.notices().pop() else { panic!("no state notice came last") };
    assert_eq!(change.from, StateKind::Open);
    assert_eq!(change.to, State::Waiting { until: now + secs(3), attempt: 2, cause: Cause::Io(IoKind::Reset) });
    assert_eq!(change.decided.map(|decided| decided.decision), Some(Decision::Retry));
}

#[test]
fn the_connect_timeout_begins_with_dialing() {
    let mut rig = Rig::new(Settings::default());
    rig.event(Event::Start);
    assert!(rig.pass(secs(60)).iter().all(|act| !matches!(act, Act::Abort(_))), "the attempt waits its turn");
    let conn = rig.conn();
    rig.event(Event::Dialing { conn, stage: Stage::Connect });
    rig.pass(millis(9_999));
    assert_eq!(rig.kind(), StateKind::Connecting);
    let acts = rig.pass(millis(1));
    assert!(acts.contains(&Act::Abort(1)), "{acts:?}");
    rig.closed(Cause::Aborted);
    let State::Waiting { cause, .. } = rig.session.state() else { panic!("{:?}", rig.session.state()) };
    assert_eq!(cause, Cause::ConnectTimeout { stage: Stage::Connect });
}

#[test]
fn the_connect_timeout_is_one_over_all_stages_and_names_the_last() {
    let mut rig = Rig::new(Settings::default());
    rig.event(Event::Start);
    let conn = rig.conn();
    assert_eq!(rig.session.stage(), None);
    for stage in Stage::ALL {
        rig.event(Event::Dialing { conn, stage });
        assert_eq!(rig.session.stage(), Some(stage));
        rig.pass(secs(1));
    }
    // A redirect begins again; another connection's stage is none of this one's.
    rig.event(Event::Dialing { conn, stage: Stage::Resolve });
    rig.event(Event::Dialing { conn, stage: Stage::Tls });
    rig.event(Event::Dialing { conn: ConnId(77), stage: Stage::Proxy });
    rig.pass(millis(4_999));
    assert_eq!(rig.kind(), StateKind::Connecting);
    rig.pass(millis(1));
    assert_eq!(rig.session.state(), State::Closing { conn, cause: Cause::ConnectTimeout { stage: Stage::Tls } });
    rig.event(Event::Dialing { conn, stage: Stage::Upgrade });
    rig.closed(Cause::Aborted);
    let State::Waiting { cause, .. } = rig.session.state() else { panic!("{:?}", rig.session.state()) };
    assert_eq!(cause, Cause::ConnectTimeout { stage: Stage::Tls });
    assert_eq!(rig.session.stage(), None);
}

#[test]
fn clean_closes_are_final_or_not_by_preset() {
    let outcome = |clean, code| {
        let policy = ClosePolicy { clean, ..ClosePolicy::default() };
        let mut rig = Rig::started_and_open(Settings { policy, ..Settings::default() });
        rig.closed(server_close(code));
        rig.kind()
    };
    assert_eq!(outcome(CleanClose::AllBut1000, 1000), StateKind::Stopped);
    assert_eq!(outcome(CleanClose::AllBut1000, 1001), StateKind::Waiting);
    assert_eq!(outcome(CleanClose::UncleanOnly, 1001), StateKind::Stopped);
    assert_eq!(outcome(CleanClose::Every, 1000), StateKind::Waiting);
}

#[test]
fn a_rule_of_the_applications_comes_first() {
    let rule = Rule { when: Match::Code { from: CloseCode(4400), to: CloseCode(4499) }, then: Decision::Terminal };
    let policy = ClosePolicy { rules: vec![rule], ..ClosePolicy::default() };
    let mut rig = Rig::started_and_open(Settings { policy, ..Settings::default() });
    rig.closed(server_close(4401));
    assert_eq!(rig.session.state(), State::Stopped { cause: StopCause::Terminal(server_close(4401)) });
}

#[test]
fn a_status_that_no_retry_can_mend_is_terminal() {
    let after = |status| {
        let mut rig = Rig::new(Settings::default());
        rig.start();
        rig.closed(Cause::Rejected { status, retry_after: None });
        rig.kind()
    };
    for status in [301, 400, 405, 410, 426] {
        assert_eq!(after(status), StateKind::Stopped, "{status}");
    }
    for status in [200, 401, 403, 404, 408, 429, 500, 502, 503] {
        assert_eq!(after(status), StateKind::Waiting, "{status}");
    }
}

#[test]
fn stop_closes_and_aborts_when_the_server_does_not_answer() {
    let mut rig = Rig::started_and_open(Settings::default());
    let frame = CloseFrame::new(CloseCode::GOING_AWAY, "done");
    rig.event(Event::Stop { frame: frame.clone(), drain: None });
    assert_eq!(rig.last[0], Act::Close(frame));
    assert!(!rig.pass(millis(4_999)).contains(&Act::Abort(1)));
    assert!(rig.pass(millis(1)).contains(&Act::Abort(1)));
    rig.closed(Cause::Aborted);
    assert_eq!(rig.session.state(), State::Stopped { cause: StopCause::Application });
}

#[test]
fn no_reconnect_follows_the_applications_own_stop() {
    let mut rig = Rig::started_and_open(Settings::default());
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: None });
    rig.reset();
    rig.pass(secs(3_600));
    assert_eq!(connects(&rig), [(1, 1)]);
}

#[test]
fn stop_while_connecting_aborts_the_attempt() {
    let mut rig = Rig::new(Settings::default());
    rig.start();
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: None });
    assert!(rig.last.contains(&Act::Abort(1)));
    rig.closed(Cause::Aborted);
    assert_eq!(rig.kind(), StateKind::Stopped);
}

#[test]
fn stop_while_waiting_stops_at_once() {
    let mut rig = Rig::started_and_open(waits(60));
    rig.reset();
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: None });
    assert_eq!(rig.kind(), StateKind::Stopped);
    assert_eq!(rig.timer, None);
}

#[test]
fn a_start_that_comes_before_the_stop_is_done_is_not_lost() {
    let mut rig = Rig::started_and_open(waits(60));
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: None });
    rig.event(Event::Start);
    rig.closed(server_close(1000));
    assert_eq!(connects(&rig), [(1, 1), (2, 1)]);
}

#[test]
fn a_start_ends_a_drain() {
    let mut rig = Rig::started_and_open(waits(60));
    rig.send();
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: Some(secs(1)) });
    assert!(rig.session.is_stopping());
    rig.event(Event::Start);
    assert!(!rig.session.is_stopping());
    rig.pass(secs(5));
    assert_eq!(rig.kind(), StateKind::Open);
}

#[test]
fn a_long_outage_is_told_once() {
    let mut rig = Rig::started_and_open(waits(50));
    rig.reset();
    let lost = rig.now;
    for _ in 0..8 {
        rig.wait_out();
        rig.reset();
    }
    let told: Vec<Notice> =
        rig.notices().into_iter().filter(|notice| matches!(notice, Notice::LongOutage { .. })).collect();
    assert_eq!(told, [Notice::LongOutage { since: lost }]);
    let at = rig.all.iter().find(|(_, act)| matches!(act, Act::Notify(Notice::LongOutage { .. }))).expect("told").0;
    assert_eq!(at - lost, secs(120));
}

#[test]
fn events_of_dead_connections_are_ignored() {
    let mut rig = Rig::started_and_open(waits(1));
    rig.reset();
    rig.wait_out();
    let before = rig.session.state();
    let dead = ConnId(1);
    for event in [
        Event::Opened { conn: dead, can_ping: true },
        Event::Received { conn: dead, message: "late".into() },
        Event::Closed { conn: dead, cause: Cause::Aborted, untouched_from: None },
        Event::Flushed { conn: dead, up_to: MessageId(1) },
    ] {
        rig.event(event);
        assert!(rig.last.is_empty(), "{:?}", rig.last);
    }
    assert_eq!(rig.session.state(), before);
}

#[test]
fn a_clock_that_goes_back_is_clamped() {
    let mut rig = Rig::started_and_open(waits(10));
    rig.pass(secs(100));
    let conn = rig.conn();
    rig.event(Event::Activity { conn });
    rig.now = Timestamp::ZERO;
    let event = Event::Closed { conn, cause: Cause::Io(IoKind::Reset), untouched_from: None };
    let acts: Vec<Act> = rig.session.handle(Timestamp::ZERO, event).map(common::own).collect();
    assert!(acts.contains(&Act::Timer(secs(111))), "{acts:?}");
}

#[test]
fn the_deadline_can_be_asked_for() {
    let mut rig = Rig::started_and_open(Settings::default());
    assert!(rig.timer.is_some());
    assert_eq!(rig.session.deadline(), rig.timer);
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: None });
    rig.closed(Cause::Aborted);
    assert_eq!(rig.session.deadline(), None);
}

#[test]
fn time_in_each_state_and_causes_are_counted() {
    let mut rig = Rig::new(waits(3));
    rig.start();
    rig.pass(secs(2));
    rig.open();
    rig.pass(secs(7));
    rig.reset();
    rig.wait_out();
    let metrics = rig.session.metrics();
    assert_eq!(metrics.time_in(StateKind::Connecting), secs(2));
    assert_eq!(metrics.time_in(StateKind::Open), secs(7));
    assert_eq!(metrics.time_in(StateKind::Waiting), secs(3));
    assert_eq!((metrics.attempts, metrics.connects, metrics.reconnects), (2, 1, 0));
    assert_eq!(metrics.failures(CauseKind::Io), 1);
}

#[test]
fn the_same_log_gives_the_same_actions() {
    let run = || {
        let mut rig = Rig::seeded(Settings::default(), 42);
        rig.start();
        for _ in 0..5 {
            rig.open();
            rig.send();
            rig.pong();
            rig.send();
            rig.reset();
            rig.wait_out();
        }
        rig.all
    };
    assert_eq!(run(), run());
}

#[test]
fn a_session_survives_any_first_event() {
    for event in [
        Event::TimerFired,
        Event::ReconnectNow,
        Event::Stop { frame: CloseFrame::NORMAL, drain: Some(secs(1)) },
        Event::Cancel { id: MessageId(0) },
        Event::Ready { conn: ConnId(0) },
        Event::Resumed { gap: secs(1) },
        Event::Send { id: MessageId(0), message: "early".into(), options: SendOptions::default() },
    ] {
        let mut session = Session::new(Config::default(), 0);
        let acts: Vec<Act> = session.handle(Timestamp::MAX, event).map(common::own).collect();
        assert!(acts.iter().all(|act| matches!(act, Act::Notify(_))), "{acts:?}");
        for action in session.handle(Timestamp::MAX, Event::Start) {
            assert!(!matches!(action, Action::Send { .. }));
        }
    }
}
