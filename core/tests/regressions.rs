//! What once went wrong between the parts: each test is a sequence of events that ended badly.

mod common;

use common::{Act, Rig, millis, secs, steady};
use steadfast_core::{
    Cause, CloseCode, CloseFrame, ConnId, Delivery, Event, Message, MessageId, Network, Notice, Refusal, SendOptions,
    State, StateKind, Verdict, Watermark,
    config::{ClosePolicy, Confirm, Heartbeat, Match, Outbox, Pace, Ready, Rule, Settings, WhenFull},
};

const PACE: Pace = Pace { interval: secs(25), timeout: secs(10), missed_allowed: 1 };

fn off() -> Settings {
    Settings { heartbeat: Heartbeat::Off, ..Settings::default() }
}

fn text() -> Settings {
    let heartbeat = Heartbeat::Text { pace: PACE, ping: "ping?".to_owned(), pong: "pong!".to_owned(), deliver: false };
    Settings { heartbeat, ..Settings::default() }
}

fn ten_seconds() -> Settings {
    let pace = Pace { interval: secs(10), timeout: secs(4), missed_allowed: 0 };
    let heartbeat = Heartbeat::Text { pace, ping: "ping?".to_owned(), pong: "pong!".to_owned(), deliver: false };
    Settings { heartbeat, ..Settings::default() }
}

fn small_outbox(max_messages: u32, when_full: WhenFull) -> Settings {
    let outbox = Outbox { max_messages, when_full, ..Outbox::default() };
    Settings { outbox, ready: Ready::WhenTold, ..off() }
}

fn flush_ping(rig: &mut Rig) {
    let conn = rig.conn();
    rig.event(Event::PingFlushed { conn, overtook: None });
}

fn bound(conn: ConnId) -> SendOptions {
    SendOptions::new(Delivery::AtMostOnce).bound_to(conn)
}

fn was_refused(rig: &Rig) -> Option<Refusal> {
    rig.last.iter().find_map(|act| if let Act::Notify(Notice::Refused { why, .. }) = act { Some(*why) } else { None })
}

#[test]
fn a_flush_told_after_the_pong_leaves_no_write_behind() {
    let mut rig = Rig::started_and_open(off());
    let id = rig.send();
    rig.pong();
    rig.flush(id);
    rig.pass(secs(100));
    assert_eq!(rig.kind(), StateKind::Open);
}

#[test]
fn a_later_write_has_its_whole_time_although_an_earlier_flush_never_came() {
    let mut rig = Rig::started_and_open(off());
    rig.send();
    rig.pong();
    rig.pass(secs(29));
    rig.send();
    rig.pass(secs(2));
    assert_eq!(rig.kind(), StateKind::Open);
    rig.pass(secs(28));
    assert_eq!(rig.kind(), StateKind::Closing);
}

#[test]
fn an_answer_that_comes_before_its_flush_is_told_does_not_shift_the_flushes_behind_it() {
    let mut rig = Rig::started_and_open(off());
    let conn = rig.conn();
    rig.send();
    let first = rig.last_ping().expect("the barrier");
    rig.event(Event::Pong { conn, payload: first });
    rig.pass(millis(10));
    let id = rig.send();
    let second = rig.last_ping().expect("the next barrier");
    rig.event(Event::PingFlushed { conn, overtook: None });
    rig.event(Event::PingFlushed { conn, overtook: Some(MessageId(id)) });
    rig.event(Event::Pong { conn, payload: second });
    assert_eq!(rig.verdicts().len(), 1, "the second message was overtaken by its ping");
}

#[test]
fn a_full_outbox_does_not_keep_a_connection_from_being_made_ready() {
    for when_full in [WhenFull::Refuse, WhenFull::DropOldest, WhenFull::DropNewest] {
        let mut rig = Rig::new(small_outbox(2, when_full));
        rig.start();
        let (a, b) = (rig.send(), rig.send());
        let conn = rig.open();
        let token = rig.send_with(bound(conn));
        assert_eq!(rig.sent(), [token]);
        rig.event(Event::Ready { conn });
        assert_eq!(rig.sent(), [token, a, b]);
        assert!(rig.verdicts().is_empty());
    }
}

#[test]
fn what_goes_ahead_is_bounded_too() {
    let confirm = Confirm { max_messages: 2, ..Confirm::default() };
    let mut rig = Rig::new(Settings { confirm, ready: Ready::WhenTold, ..off() });
    rig.start();
    let conn = rig.open();
    rig.send_with(bound(conn));
    rig.send_with(bound(conn));
    rig.send_with(bound(conn));
    assert_eq!(was_refused(&rig), Some(Refusal::Full));
}

#[test]
fn a_drain_can_make_the_next_connection_ready() {
    let mut rig = Rig::new(Settings { ready: Ready::WhenTold, ..off() });
    rig.start();
    let id = rig.send();
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: Some(secs(60)) });
    let conn = rig.open();
    let token = rig.send_with(bound(conn));
    rig.send();
    assert_eq!(was_refused(&rig), Some(Refusal::Stopped), "what is for any connection comes too late");
    rig.event(Event::Ready { conn });
    assert_eq!(rig.sent(), [token, id]);
}

#[test]
fn a_peer_that_talks_but_never_answers_a_text_heartbeat_is_left() {
    let mut rig = Rig::new(text());
    rig.start();
    let conn = rig.conn();
    rig.event(Event::Opened { conn, can_ping: false });
    let mut heartbeats = 0;
    for _ in 0..60 {
        heartbeats += rig.pass(secs(1)).iter().filter(|act| matches!(act, Act::Heartbeat(_))).count();
        if rig.kind() != StateKind::Open {
            break;
        }
        rig.event(Event::Activity { conn });
        flush_ping(&mut rig);
    }
    let State::Closing { cause, .. } = rig.session.state() else { panic!("{:?}", rig.session.state()) };
    assert_eq!((cause, heartbeats), (Cause::AnswerTimeout, 2), "one goes out every interval all the same");
}

#[test]
fn a_miss_is_followed_by_another_text_although_a_barrier_stands_before_it() {
    let mut rig = Rig::started_and_open(text());
    rig.pass(secs(25));
    flush_ping(&mut rig);
    rig.pass(secs(9));
    rig.send();
    rig.pass(secs(1));
    assert!(rig.notices().iter().any(|notice| matches!(notice, Notice::PongMissed { missed: 1, .. })));
    flush_ping(&mut rig);
    assert!(rig.last.contains(&Act::Heartbeat("ping?".into())), "{:?}", rig.last);
    flush_ping(&mut rig);
    rig.pass(millis(9_999));
    assert_eq!(rig.kind(), StateKind::Open);
    rig.pass(millis(1));
    assert_eq!(rig.kind(), StateKind::Closing);
}

#[test]
fn a_server_held_back_by_our_pause_does_not_make_our_write_time_out() {
    let mut rig = Rig::started_and_open(off());
    let conn = rig.conn();
    rig.send();
    rig.event(Event::ReadsPaused { conn });
    rig.pass(secs(600));
    assert_eq!(rig.kind(), StateKind::Open);
    rig.event(Event::ReadsResumed { conn });
    rig.pass(millis(29_999));
    assert_eq!(rig.kind(), StateKind::Open);
    rig.pass(millis(1));
    assert_eq!(rig.kind(), StateKind::Closing);
}

#[test]
fn a_server_that_never_answers_pings_is_not_probed_to_death() {
    let heartbeat = Heartbeat::Idle { timeout: secs(60) };
    let mut rig = Rig::started_and_open(Settings { heartbeat, answer_timeout: None, ..Settings::default() });
    rig.event(Event::Resumed { gap: secs(3_600) });
    rig.event(Event::Network(Network::Changed));
    rig.pass(millis(59_999));
    assert_eq!(rig.kind(), StateKind::Open);
    rig.pass(millis(1));
    assert_eq!(rig.kind(), StateKind::Closing);
}

#[test]
fn a_connection_proves_itself_awake() {
    let mut rig = Rig::started_and_open(off());
    let conn = rig.conn();
    rig.sleep(secs(3_600));
    rig.event(Event::TimerFired);
    assert!(!rig.notices().contains(&Notice::Stable { conn }));
    rig.pass(secs(30));
    assert!(rig.notices().contains(&Notice::Stable { conn }));
}

#[test]
fn the_low_mark_is_told_when_larger_messages_make_room() {
    let outbox = Outbox { max_bytes: 100, when_full: WhenFull::DropOldest, ..Outbox::default() };
    let mut rig = Rig::new(Settings { outbox, ..off() });
    let mut send = |id, len| {
        let message = Message::binary(vec![0; len]);
        rig.event(Event::Send { id: MessageId(id), message, options: SendOptions::default() });
    };
    send(1, 100);
    send(2, 1);
    let marks: Vec<_> = rig.notices().into_iter().filter(|notice| matches!(notice, Notice::Watermark { .. })).collect();
    assert!(
        matches!(
            marks[..],
            [Notice::Watermark { mark: Watermark::High, .. }, Notice::Watermark { mark: Watermark::Low, bytes: 1, .. }]
        ),
        "{marks:?}"
    );
}

#[test]
fn the_cap_on_the_servers_word_holds_for_its_close_codes() {
    let mut rig = Rig::started_and_open(Settings { retry_after_max: secs(1), backoff: steady(1), ..off() });
    rig.closed(Cause::Closed(CloseFrame { code: CloseCode::SERVICE_RESTART, reason: String::new() }));
    assert!((secs(2)..=secs(3)).contains(&rig.wait()), "{:?}", rig.wait());
}

#[test]
fn the_servers_word_is_a_floor_whatever_a_rule_decides() {
    let rule = Rule { when: Match::Status { from: 500, to: 599 }, then: steadfast_core::Decision::NextEndpoint };
    let policy = ClosePolicy { rules: vec![rule], ..ClosePolicy::default() };
    let mut rig = Rig::new(Settings { policy, backoff: steady(1), ..off() });
    rig.start();
    rig.closed(Cause::Rejected { status: 503, retry_after: Some(secs(60)) });
    assert_eq!(rig.wait(), secs(61));
}

#[test]
fn a_word_of_online_that_is_repeated_does_not_undo_the_backoff() {
    let mut rig = Rig::new(Settings { backoff: steady(60), ..off() });
    rig.start();
    rig.reset();
    rig.event(Event::Network(Network::Online));
    assert!(rig.wait() < secs(1));
    rig.wait_out();
    rig.reset();
    rig.event(Event::Network(Network::Online));
    assert_eq!(rig.wait(), secs(60));
    rig.event(Event::Network(Network::Offline));
    rig.event(Event::Network(Network::Online));
    assert!(rig.wait() < secs(1), "now it was really away");
}

#[test]
fn time_slept_counts_for_what_the_server_asked() {
    let mut rig = Rig::new(Settings { backoff: steady(1), ..off() });
    rig.start();
    rig.closed(Cause::Rejected { status: 503, retry_after: Some(secs(300)) });
    rig.event(Event::Resumed { gap: secs(299) });
    assert!(rig.wait() <= secs(1), "{:?}", rig.wait());
}

#[test]
fn the_last_word_counts_while_a_connection_ends() {
    let mut rig = Rig::new(Settings { backoff: steady(1), ..off() });
    rig.start();
    rig.pass(secs(10));
    assert_eq!(rig.kind(), StateKind::Closing);
    rig.event(Event::ReconnectNow);
    rig.event(Event::Network(Network::Offline));
    rig.closed(Cause::Aborted);
    assert_eq!(rig.kind(), StateKind::Offline);
}

#[test]
fn messages_follow_each_other_without_waiting_for_verdicts_in_every_preset() {
    for settings in [Settings::android_simple(), Settings::react(), Settings::dart()] {
        let mut rig = Rig::started_and_open(settings);
        let ids = [rig.send_as(Delivery::Volatile), rig.send_as(Delivery::Volatile)];
        assert_eq!(rig.sent(), ids);
    }
}

#[test]
fn memory_is_given_back_without_a_heartbeat_too() {
    let mut rig = Rig::started_and_open(off());
    let id = rig.send();
    rig.flush(id);
    rig.pong();
    assert_eq!(rig.verdicts(), [(id, Verdict::Confirmed)]);
    rig.pass(secs(60));
    assert!(rig.pass(secs(3_600)).is_empty(), "and then nothing wakes the driver");
}

#[test]
fn a_probe_is_not_judged_before_it_has_left() {
    let mut rig = Rig::started_and_open(off());
    let conn = rig.conn();
    rig.send();
    rig.event(Event::ReadsPaused { conn });
    rig.event(Event::Resumed { gap: secs(1) });
    rig.event(Event::ReadsResumed { conn });
    rig.pass(secs(20));
    assert_eq!(rig.kind(), StateKind::Open);
    flush_ping(&mut rig);
    flush_ping(&mut rig);
    rig.pass(secs(3));
    assert_eq!(rig.kind(), StateKind::Closing);
}

#[test]
fn the_flush_of_a_text_given_up_is_not_taken_for_another_pings() {
    let mut rig = Rig::started_and_open(ten_seconds());
    rig.pass(secs(10));
    rig.event(Event::SetHeartbeat(Heartbeat::Ping(Pace { interval: secs(10), timeout: secs(4), missed_allowed: 0 })));
    rig.event(Event::Resumed { gap: secs(1) });
    assert_eq!(rig.pings(), 0, "the text has not left");
    flush_ping(&mut rig);
    assert_eq!(rig.pings(), 1);
    rig.pass(secs(20));
    assert_eq!(rig.kind(), StateKind::Open, "that was the text; the ping has not left yet");
    flush_ping(&mut rig);
    rig.pass(secs(3));
    assert_eq!(rig.kind(), StateKind::Closing);
}

#[test]
fn a_text_heartbeat_that_is_due_follows_the_barrier_that_stands_before_it() {
    let mut rig = Rig::started_and_open(ten_seconds());
    rig.send();
    rig.pass(secs(10));
    assert!(!rig.all.iter().any(|(_, act)| matches!(act, Act::Heartbeat(_))), "the barrier has not left");
    flush_ping(&mut rig);
    assert!(rig.last.contains(&Act::Heartbeat("ping?".into())), "{:?}", rig.last);
}

#[test]
fn a_link_that_cannot_be_probed_is_not_judged_by_a_probe() {
    let mut rig = Rig::new(Settings::default());
    rig.start();
    let conn = rig.conn();
    rig.event(Event::Opened { conn, can_ping: false });
    rig.event(Event::Network(Network::Changed));
    rig.event(Event::ReadsPaused { conn });
    rig.event(Event::ReadsResumed { conn });
    rig.pass(secs(600));
    assert_eq!(rig.kind(), StateKind::Open);
}

#[test]
fn an_answer_that_shows_that_a_text_has_left_lets_the_barrier_behind_it_go() {
    let mut rig = Rig::started_and_open(text());
    rig.pass(secs(25));
    rig.send();
    assert_eq!(rig.pings(), 0, "the text has not left");
    let conn = rig.conn();
    rig.event(Event::Received { conn, message: Message::text("pong!") });
    assert_eq!(rig.pings(), 1);
}

#[cfg(feature = "serde")]
mod stored {
    use super::*;
    use steadfast_core::Session;

    fn altered(rig: &Rig, alter: impl FnOnce(&mut serde_json::Value)) -> Result<Session, serde_json::Error> {
        let mut value = serde_json::to_value(&rig.session).expect("a session can be written");
        alter(&mut value);
        serde_json::from_value(value)
    }

    #[test]
    fn a_stored_session_goes_on_where_it_was() {
        let mut rig = Rig::started_and_open(Settings::default());
        rig.send();
        let mut twin = altered(&rig, |_| {}).expect("nothing is wrong with it");
        let conn = rig.conn();
        let closed = || Event::Closed { conn, cause: Cause::Aborted, untouched_from: None };
        let ours: Vec<Act> = rig.session.handle(rig.now, closed()).map(common::own).collect();
        let theirs: Vec<Act> = twin.handle(rig.now, closed()).map(common::own).collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn a_stored_account_that_does_not_add_up_is_refused() {
        let mut rig = Rig::started_and_open(Settings::default());
        rig.send();
        let refused = |alter: fn(&mut serde_json::Value)| {
            let refused = altered(&rig, |session| alter(&mut session["outbox"]));
            assert!(refused.as_ref().is_err_and(|error| error.to_string().contains("outbox")), "{refused:?}");
        };
        refused(|outbox| outbox["flushed"] = 2.into());
        refused(|outbox| outbox["handed"][0]["sends"] = 0.into());
        refused(|outbox| outbox["ahead"] = outbox["handed"].clone());
        refused(|outbox| outbox["data"] = outbox["handed"].clone());
        refused(|outbox| {
            outbox["again"] = outbox["handed"].clone();
            outbox["again"][0]["delivery"] = "volatile".into();
        });
    }

    /// One message in each place, with each thing that can be asked for.
    #[test]
    fn a_stored_outbox_goes_on_where_it_was() {
        let confirm = Confirm { max_messages: 1, ..Confirm::default() };
        let mut rig = Rig::started_and_open(Settings { confirm, ..Settings::default() });
        rig.send();
        rig.reset();
        rig.wait_out();
        let key = steadfast_core::Key(3);
        let plain = SendOptions::new(Delivery::AtLeastOnce);
        for options in [plain.ttl(secs(5)), plain.control().key(key), plain.key(key), plain.control(), plain] {
            rig.send_with(options);
        }
        let mut twin = Rig::new(off());
        twin.session = altered(&rig, |_| {}).expect("nothing is wrong with it");
        twin.now = rig.now;
        twin.timer = rig.timer;
        for rig in [&mut rig, &mut twin] {
            rig.event(Event::Send { id: MessageId(99), message: Message::text("newer"), options: plain.key(key) });
            rig.open();
            for _ in 0..4 {
                rig.pong();
                rig.pass(millis(10));
            }
            rig.pass(secs(6));
        }
        let behind = rig.all.len() - twin.all.len();
        assert_eq!(rig.all[behind..], twin.all[..]);
        assert_eq!(rig.verdicts().len(), 5);
    }

    #[test]
    fn a_stored_heartbeat_that_would_never_rest_is_refused() {
        let mut rig = Rig::started_and_open(Settings::default());
        rig.event(Event::SetHeartbeat(Heartbeat::Ping(PACE)));
        let refused = altered(&rig, |session| session["heartbeat"]["interval"] = "0s".into());
        assert!(refused.is_err_and(|error| error.to_string().contains("heartbeat.interval")));
    }
}

/// A session that was written down is not believed: a run of verdicts has at least one, and ids that exist.
#[cfg(feature = "serde")]
#[test]
fn verdicts_that_cannot_be_are_refused_in_a_stored_session() {
    let session = steadfast_core::Session::new(steadfast_core::config::Config::default(), 1);
    let mut stored = serde_json::to_value(&session).expect("a session can be written");
    for (first, count, good) in [(7, 2, true), (7, 0, false), (u64::MAX, 2, false)] {
        stored["pending"] = serde_json::json!([{"Verdicts": {"first": first, "count": count, "verdict": "confirmed"}}]);
        let read = serde_json::from_value::<steadfast_core::Session>(stored.clone());
        assert_eq!(read.is_ok(), good, "{read:?}");
    }
}
