//! Signals: the network, a suspend, the background. Hints, never a must.

mod common;

use std::time::Duration;

use common::{Act, Rig, millis, secs, steady};
use steadfast_core::{
    Cause, CloseCode, CloseFrame, ConnId, Event, IoKind, Message, Network, State, StateKind, Visibility,
    config::{Background, Heartbeat, Settings},
};

fn settings() -> Settings {
    Settings { backoff: steady(20), heartbeat: Heartbeat::Off, ..Settings::default() }
}

fn closing_after(seconds: u64) -> Settings {
    Settings { background: Background::Close { after: secs(seconds) }, ..settings() }
}

fn opened(settings: Settings) -> Rig {
    let mut rig = Rig::new(settings);
    rig.event(Event::Start);
    let conn = rig.conn();
    rig.event(Event::Opened { conn, can_ping: true });
    rig
}

fn lose(rig: &mut Rig) -> Vec<Act> {
    let conn = rig.conn();
    rig.event(Event::Closed { conn, cause: Cause::Io(IoKind::Reset), untouched_from: None }).to_vec()
}

fn connects(acts: &[Act]) -> usize {
    acts.iter().filter(|act| matches!(act, Act::Connect(..))).count()
}

fn hide(rig: &mut Rig) {
    rig.event(Event::Visibility(Visibility::Background));
}

fn show(rig: &mut Rig) -> Vec<Act> {
    rig.event(Event::Visibility(Visibility::Foreground)).to_vec()
}

const GOING_AWAY: CloseFrame = CloseFrame { code: CloseCode::GOING_AWAY, reason: String::new() };

#[test]
fn offline_nothing_is_attempted() {
    let mut rig = opened(settings());
    rig.event(Event::Network(Network::Offline));
    lose(&mut rig);
    assert_eq!(connects(&rig.pass(Duration::from_hours(5))), 0);
}

#[test]
fn a_connection_that_is_lost_during_a_drain_has_another_attempt_though_there_is_no_network() {
    let mut rig = opened(settings());
    rig.event(Event::Network(Network::Offline));
    send(&mut rig);
    drain(&mut rig, 300);
    assert_eq!(connects(&lose(&mut rig)), 1, "it was open, so the word was wrong");
    refuse(&mut rig);
    assert_eq!(rig.session.state().kind(), StateKind::Offline);
    assert_eq!(connects(&rig.pass(secs(299))), 0, "now it may be right");
}

#[test]
fn a_drain_does_not_wait_for_the_backoff() {
    let mut rig = opened(settings());
    lose(&mut rig);
    send(&mut rig);
    assert_eq!(connects(&drain(&mut rig, 5)), 1);
    refuse(&mut rig);
    assert_eq!(rig.session.state().kind(), StateKind::Waiting, "the next one does");
}

#[test]
fn drains_that_are_begun_and_taken_back_do_not_undo_the_backoff() {
    let mut rig = opened(settings());
    lose(&mut rig);
    send(&mut rig);
    let mut attempts = 0;
    for _ in 0..600 {
        attempts += connects(&drain(&mut rig, 60));
        rig.event(Event::Start);
        attempts += connects(&rig.pass(millis(100)));
        if rig.session.state().kind() == StateKind::Connecting {
            refuse(&mut rig);
        }
    }
    assert!(attempts <= 8, "{attempts} in a minute");
}

#[test]
fn a_drain_does_not_cut_short_what_the_server_asked_for() {
    let mut rig = opened(settings());
    let conn = rig.conn();
    let cause = Cause::Rejected { status: 503, retry_after: Some(secs(100)) };
    rig.event(Event::Closed { conn, cause, untouched_from: None });
    send(&mut rig);
    assert_eq!(connects(&drain(&mut rig, 300)), 0);
    assert_eq!(connects(&rig.pass(millis(99_999))), 0);
    assert_eq!(connects(&rig.pass(secs(1))), 1);
}

#[test]
fn online_is_followed_by_an_attempt_within_half_a_second() {
    let mut rig = opened(settings());
    rig.event(Event::Network(Network::Offline));
    lose(&mut rig);
    rig.event(Event::Network(Network::Online));
    assert_eq!(connects(&rig.pass(millis(500))), 1);
}

#[test]
fn a_monitor_that_says_offline_for_ever_costs_no_connection_that_works() {
    let mut rig = opened(settings());
    for _ in 0..100 {
        rig.event(Event::Network(Network::Offline));
        rig.pass(secs(60));
        let conn = rig.conn();
        rig.event(Event::Received { conn, message: Message::text("still here") });
    }
    assert_eq!(rig.session.state().kind(), StateKind::Open);
}

#[test]
fn a_network_that_comes_and_goes_by_the_second_does_not_undo_the_backoff() {
    let mut rig = opened(settings());
    lose(&mut rig);
    let mut attempts = 0;
    for _ in 0..600 {
        rig.event(Event::Network(Network::Offline));
        rig.event(Event::Network(Network::Online));
        attempts += connects(&rig.pass(secs(1)));
        if let State::Connecting { conn, .. } = rig.session.state() {
            rig.event(Event::Closed { conn, cause: Cause::Io(IoKind::Refused), untouched_from: None });
        }
    }
    assert!(attempts <= 100, "{attempts} attempts in ten minutes");
    assert!(attempts >= 10, "{attempts} attempts in ten minutes");
}

#[test]
fn the_background_costs_nothing_where_it_is_not_configured() {
    let mut rig = opened(settings());
    hide(&mut rig);
    assert_eq!(rig.last, []);
    rig.pass(Duration::from_hours(1));
    assert_eq!(rig.session.state().kind(), StateKind::Open);
}

#[test]
fn a_connection_is_closed_when_the_background_was_long() {
    let mut rig = opened(closing_after(20));
    hide(&mut rig);
    assert!(!rig.pass(millis(19_999)).contains(&Act::Close(GOING_AWAY)));
    assert!(rig.pass(millis(1)).contains(&Act::Close(GOING_AWAY)));
    let conn = rig.conn();
    rig.event(Event::Closed { conn, cause: Cause::Closed(GOING_AWAY), untouched_from: None });
    assert_eq!(rig.session.state(), State::Background { attempt: 2, cause: Some(Cause::Background) });
    assert_eq!(rig.timer, None);
}

#[test]
fn a_short_background_closes_nothing() {
    let mut rig = opened(closing_after(30));
    hide(&mut rig);
    rig.pass(secs(29));
    show(&mut rig);
    let conn = rig.conn();
    rig.event(Event::Activity { conn });
    rig.pass(secs(20));
    assert_eq!(rig.session.state().kind(), StateKind::Open);
}

fn in_background() -> Rig {
    let mut rig = opened(closing_after(30));
    hide(&mut rig);
    rig.pass(secs(30));
    let conn = rig.conn();
    rig.event(Event::Closed { conn, cause: Cause::Closed(GOING_AWAY), untouched_from: None });
    rig
}

#[test]
fn nothing_is_attempted_in_the_background() {
    let mut rig = in_background();
    rig.event(Event::Network(Network::Online));
    rig.event(Event::Network(Network::Changed));
    rig.event(Event::Resumed { gap: secs(60) });
    assert_eq!(connects(&rig.pass(Duration::from_hours(5))), 0);
    assert_eq!(rig.session.state().kind(), StateKind::Background);
}

#[test]
fn the_foreground_is_followed_by_an_attempt_at_once() {
    let mut rig = in_background();
    assert_eq!(connects(&show(&mut rig)), 1);
}

#[test]
fn the_foreground_waits_for_the_server_that_asked_for_patience() {
    let mut rig = opened(closing_after(30));
    let conn = rig.conn();
    let cause = Cause::Rejected { status: 503, retry_after: Some(secs(100)) };
    rig.event(Event::Closed { conn, cause, untouched_from: None });
    hide(&mut rig);
    rig.pass(secs(30));
    assert_eq!(rig.session.state().kind(), StateKind::Background);
    assert_eq!(connects(&show(&mut rig)), 0);
    assert_eq!(connects(&rig.pass(millis(69_999))), 0);
    assert_eq!(connects(&rig.pass(secs(1))), 1);
}

#[test]
fn messages_wait_in_the_background() {
    let mut rig = in_background();
    let event = Event::Send {
        id: steadfast_core::MessageId(1),
        message: Message::text("later"),
        options: steadfast_core::SendOptions::default(),
    };
    rig.event(event);
    rig.pass(Duration::from_hours(1));
    show(&mut rig);
    let conn = rig.conn();
    rig.event(Event::Opened { conn, can_ping: true });
    assert_eq!(rig.sent(), [1]);
}

#[test]
fn a_foreground_that_flickers_does_not_undo_the_backoff() {
    let mut rig = opened(closing_after(0));
    lose(&mut rig);
    let mut attempts = 0;
    for _ in 0..600 {
        hide(&mut rig);
        show(&mut rig);
        attempts += connects(&rig.last) + connects(&rig.pass(secs(1)));
        if let State::Connecting { conn, .. } | State::Closing { conn, .. } = rig.session.state() {
            rig.event(Event::Closed { conn, cause: Cause::Io(IoKind::Refused), untouched_from: None });
        }
    }
    assert!(attempts <= 100, "{attempts} attempts in ten minutes");
}

#[test]
fn a_connection_is_probed_when_the_application_is_seen_again() {
    let mut rig = opened(settings());
    hide(&mut rig);
    show(&mut rig);
    assert!(rig.last.iter().any(|act| matches!(act, Act::Ping(_))));
}

#[test]
fn an_attempt_is_given_up_in_the_background_and_made_in_the_foreground() {
    let mut rig = Rig::new(closing_after(5));
    rig.event(Event::Start);
    hide(&mut rig);
    assert!(rig.pass(secs(5)).contains(&Act::Abort(1)));
    rig.event(Event::Closed { conn: ConnId(1), cause: Cause::Aborted, untouched_from: None });
    assert_eq!(rig.session.state().kind(), StateKind::Background);
    assert_eq!(connects(&show(&mut rig)), 1);
}

#[test]
fn the_foreground_before_the_close_is_done_connects_at_once() {
    let mut rig = opened(closing_after(5));
    hide(&mut rig);
    rig.pass(secs(5));
    show(&mut rig);
    let conn = rig.conn();
    rig.event(Event::Closed { conn, cause: Cause::Closed(GOING_AWAY), untouched_from: None });
    assert_eq!(connects(&rig.last), 1);
}

#[test]
fn the_applications_word_connects_in_the_background_for_as_long_as_it_may_be() {
    let mut rig = in_background();
    rig.event(Event::ReconnectNow);
    assert_eq!(connects(&rig.last), 1);
    assert!(rig.pass(secs(30)).iter().any(|act| matches!(act, Act::Abort(_))));
}

#[test]
fn offline_and_background_end_where_both_have_ended() {
    let mut rig = in_background();
    rig.event(Event::Network(Network::Offline));
    assert_eq!(connects(&show(&mut rig)), 0);
    assert_eq!(rig.session.state().kind(), StateKind::Offline);
    rig.event(Event::Network(Network::Online));
    assert_eq!(connects(&rig.pass(secs(1))), 1);
}

#[test]
fn a_start_that_ends_a_drain_in_the_background_leaves_its_attempt_the_time_that_it_has_there() {
    let mut rig = in_background();
    send(&mut rig);
    drain(&mut rig, 60);
    rig.event(Event::Start);
    assert!(rig.pass(secs(30)).iter().any(|act| matches!(act, Act::Abort(_))));
    lose(&mut rig);
    assert_eq!(connects(&rig.pass(secs(120))), 0);
    assert_eq!(rig.session.state().kind(), StateKind::Background);
}

#[test]
fn the_applications_word_in_a_long_background_without_a_network_has_its_time() {
    let mut rig = opened(closing_after(5));
    hide(&mut rig);
    rig.event(Event::Network(Network::Offline));
    lose(&mut rig);
    rig.pass(secs(60));
    rig.event(Event::ReconnectNow);
    assert_eq!(connects(&rig.last), 1);
    // The time that an attempt may take, which is more.
    assert!(!rig.pass(millis(9_999)).iter().any(|act| matches!(act, Act::Abort(_))));
    assert!(rig.pass(millis(1)).iter().any(|act| matches!(act, Act::Abort(_))));
}

#[test]
fn the_applications_word_in_a_background_without_any_time_has_as_much_as_an_attempt_may_take() {
    let mut rig = opened(closing_after(0));
    hide(&mut rig);
    rig.pass(millis(1));
    lose(&mut rig);
    assert_eq!(rig.session.state().kind(), StateKind::Background);
    rig.event(Event::ReconnectNow);
    assert!(!rig.last.iter().any(|act| matches!(act, Act::Abort(_))));
    assert_eq!(rig.session.state().kind(), StateKind::Connecting);
    assert!(!rig.pass(millis(9_999)).iter().any(|act| matches!(act, Act::Abort(_))));
    assert!(rig.pass(millis(1)).iter().any(|act| matches!(act, Act::Abort(_))));
}

fn send(rig: &mut Rig) {
    let (id, options) = (steadfast_core::MessageId(1), steadfast_core::SendOptions::default());
    rig.event(Event::Send { id, message: Message::text("now"), options });
}

fn drain(rig: &mut Rig, seconds: u64) -> Vec<Act> {
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: Some(secs(seconds)) }).to_vec()
}

fn refuse(rig: &mut Rig) -> Vec<Act> {
    let conn = rig.conn();
    rig.event(Event::Closed { conn, cause: Cause::Io(IoKind::Refused), untouched_from: None }).to_vec()
}

#[test]
fn a_drain_in_the_background_connects_and_delivers() {
    let mut rig = in_background();
    send(&mut rig);
    assert_eq!(connects(&drain(&mut rig, 60)), 1);
    let conn = rig.conn();
    rig.event(Event::Opened { conn, can_ping: true });
    assert_eq!(rig.sent(), [1]);
    rig.pong();
    assert!(rig.last.contains(&Act::Close(CloseFrame::NORMAL)));
}

#[test]
fn a_drain_in_the_background_goes_on_with_the_backoff_until_it_is_over() {
    let mut rig = in_background();
    send(&mut rig);
    drain(&mut rig, 30);
    refuse(&mut rig);
    assert_eq!(connects(&rig.pass(millis(19_999))), 0);
    assert_eq!(connects(&rig.pass(millis(1))), 1);
    assert!(rig.pass(secs(10)).iter().any(|act| matches!(act, Act::Abort(_))));
}

#[test]
fn a_drain_with_nothing_to_deliver_makes_no_attempt() {
    let mut rig = in_background();
    assert_eq!(connects(&drain(&mut rig, 60)), 0);
    assert_eq!(rig.session.state().kind(), StateKind::Stopped);
}

#[test]
fn a_drain_in_the_background_waits_for_the_server_that_asked_for_patience() {
    let mut rig = opened(closing_after(30));
    let conn = rig.conn();
    let cause = Cause::Rejected { status: 503, retry_after: Some(secs(100)) };
    rig.event(Event::Closed { conn, cause, untouched_from: None });
    send(&mut rig);
    hide(&mut rig);
    rig.pass(secs(30));
    assert_eq!(connects(&drain(&mut rig, 300)), 0);
    assert_eq!(connects(&rig.pass(millis(69_999))), 0);
    assert_eq!(connects(&rig.pass(secs(1))), 1);
}

#[test]
fn a_drain_without_a_network_makes_one_attempt_as_the_hint_may_be_wrong() {
    let mut rig = opened(settings());
    rig.event(Event::Network(Network::Offline));
    lose(&mut rig);
    send(&mut rig);
    assert_eq!(connects(&drain(&mut rig, 300)), 1);
    refuse(&mut rig);
    assert_eq!(rig.session.state().kind(), StateKind::Offline);
    assert_eq!(connects(&rig.pass(secs(299))), 0);
    rig.pass(secs(1));
    assert_eq!(rig.session.state().kind(), StateKind::Stopped);
}

#[test]
fn online_is_followed_by_an_attempt_within_half_a_second_however_often_it_went() {
    let mut rig = opened(settings());
    rig.event(Event::Network(Network::Offline));
    lose(&mut rig);
    for _ in 0..20 {
        rig.pass(secs(60));
        rig.event(Event::Network(Network::Online));
        assert_eq!(connects(&rig.pass(millis(500))), 1);
        rig.event(Event::Network(Network::Offline));
        refuse(&mut rig);
    }
}

#[test]
fn online_right_after_an_attempt_waits_no_longer_than_half_a_minute() {
    let mut rig = opened(settings());
    rig.event(Event::Network(Network::Offline));
    lose(&mut rig);
    for _ in 0..20 {
        rig.event(Event::Network(Network::Online));
        assert_eq!(connects(&rig.pass(millis(32_500))), 1);
        rig.event(Event::Network(Network::Offline));
        refuse(&mut rig);
    }
}

#[test]
fn no_rule_fits_an_end_that_the_session_wanted() {
    let mut settings = closing_after(5);
    let when = steadfast_core::config::Match::Kind(steadfast_core::CauseKind::Background);
    settings.policy.rules.push(steadfast_core::config::Rule { when, then: steadfast_core::Decision::Terminal });
    for stable in [false, true] {
        let mut rig = opened(settings.clone());
        if stable {
            rig.pass(secs(60));
        }
        hide(&mut rig);
        rig.pass(secs(5));
        show(&mut rig);
        lose(&mut rig);
        assert_eq!(rig.session.state().kind(), StateKind::Connecting, "stable: {stable}");
    }
}
