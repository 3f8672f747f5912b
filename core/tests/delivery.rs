//! The way of a message: accepted or refused, handed over in order, confirmed by a pong, settled once.

mod common;

use common::{Act, Rig, millis, secs};
use steadfast_core::{
    Cause, CloseFrame, Delivery, Dropped, Event, IoKind, MessageId, NotCancelled, Notice, Refusal, SendOptions,
    StateKind, Verdict, Watermark,
    config::{Confirm, Outbox, Ready, Settings, WhenFull},
};

fn confirm_at_most(max_messages: u32) -> Settings {
    Settings { confirm: Confirm { max_messages, ..Confirm::default() }, ..Settings::default() }
}

#[test]
fn a_pong_confirms_everything_handed_over_before_its_ping() {
    let mut rig = Rig::started_and_open(Settings::default());
    let id = rig.send();
    assert!(matches!(rig.last[..], [Act::Send(1, 1), Act::Ping(_), Act::Timer(_)] | [Act::Send(1, 1), Act::Ping(_)]));
    rig.flush(id);
    assert!(rig.verdicts().is_empty());
    rig.pong();
    assert_eq!(rig.verdicts(), [(id, Verdict::Confirmed)]);
}

#[test]
fn messages_behind_a_ping_share_the_next_one() {
    let mut rig = Rig::started_and_open(Settings::default());
    let first = rig.send();
    let (second, third) = (rig.send(), rig.send());
    assert_eq!(rig.pings(), 1, "at most one in flight");
    rig.flush(third);
    rig.pong();
    assert_eq!(rig.verdicts(), [(first, Verdict::Confirmed)]);
    rig.pass(millis(10));
    assert_eq!(rig.pings(), 2);
    rig.pong();
    assert_eq!(rig.verdicts()[1..], [(second, Verdict::Confirmed), (third, Verdict::Confirmed)]);
}

#[test]
fn barriers_keep_their_distance() {
    let mut rig = Rig::started_and_open(Settings::default());
    rig.send();
    rig.pong();
    rig.send();
    assert_eq!(rig.pings(), 1);
    rig.pass(millis(9));
    assert_eq!(rig.pings(), 1);
    rig.pass(millis(1));
    assert_eq!(rig.pings(), 2);
}

#[test]
fn the_distance_is_waived_when_a_quarter_of_the_window_is_used() {
    let mut rig = Rig::started_and_open(confirm_at_most(8));
    rig.send();
    rig.pong();
    rig.send();
    assert_eq!(rig.pings(), 1);
    rig.send();
    assert_eq!(rig.pings(), 2);
}

#[test]
fn no_ping_goes_out_when_there_is_nothing_to_confirm() {
    let mut rig = Rig::started_and_open(Settings::default());
    rig.send();
    rig.pong();
    rig.pass(secs(20));
    assert_eq!(rig.pings(), 1);
}

#[test]
fn no_more_is_handed_over_than_may_be_in_doubt() {
    let mut rig = Rig::started_and_open(confirm_at_most(3));
    for _ in 0..10 {
        rig.send();
    }
    assert_eq!(rig.sent(), [1, 2, 3]);
    rig.pong();
    assert_eq!(rig.sent(), [1, 2, 3, 4]);
}

#[test]
fn one_message_may_go_however_large() {
    let confirm = Confirm { max_bytes: 4, ..Confirm::default() };
    let mut rig = Rig::started_and_open(Settings { confirm, ..Settings::default() });
    rig.send();
    rig.send();
    assert_eq!(rig.sent(), [1]);
}

#[test]
fn after_a_break_the_unconfirmed_go_first_and_in_order() {
    let mut rig = Rig::started_and_open(Settings::default());
    let (a, b) = (rig.send(), rig.send());
    rig.reset();
    let c = rig.send();
    rig.wait_out();
    let d = rig.send();
    rig.open();
    assert_eq!(rig.sent(), [a, b, a, b, c, d]);
    rig.pong();
    let settled: Vec<u64> = rig.verdicts().iter().map(|(id, _)| *id).collect();
    assert_eq!(settled, [a, b, c, d]);
    assert_eq!(rig.session.metrics().resent, 2);
}

#[test]
fn what_the_driver_did_not_touch_is_as_if_never_sent() {
    let mut rig = Rig::started_and_open(Settings::default());
    let a = rig.send_as(Delivery::AtMostOnce);
    let b = rig.send_as(Delivery::AtMostOnce);
    let conn = rig.conn();
    rig.event(Event::Closed { conn, cause: Cause::Io(IoKind::Reset), untouched_from: Some(MessageId(b)) });
    assert_eq!(rig.verdicts(), [(a, Verdict::InDoubt)]);
    rig.wait_out();
    rig.open();
    assert_eq!(rig.sent(), [a, b, b]);
    assert_eq!(rig.session.metrics().resent, 0);
}

#[test]
fn what_the_driver_never_took_was_never_sent() {
    let mut rig = Rig::started_and_open(Settings::default());
    let conn = rig.conn();
    let options = SendOptions::new(Delivery::AtMostOnce);
    drop(rig.session.handle(rig.now, Event::Send { id: MessageId(1), message: "x".into(), options }));
    rig.event(Event::Closed { conn, cause: Cause::Io(IoKind::Reset), untouched_from: None });
    assert!(rig.verdicts().is_empty());
    assert!(rig.sent().is_empty(), "an action for a dead connection is gone");
}

#[test]
fn at_most_once_is_in_doubt_at_a_break_and_never_sent_again() {
    let mut rig = Rig::started_and_open(Settings::default());
    let id = rig.send_as(Delivery::AtMostOnce);
    rig.reset();
    assert_eq!(rig.verdicts(), [(id, Verdict::InDoubt)]);
    rig.wait_out();
    rig.open();
    assert_eq!(rig.sent(), [id]);
}

#[test]
fn a_message_in_doubt_comes_back() {
    let mut rig = Rig::started_and_open(Settings::default());
    rig.send_as(Delivery::AtMostOnce);
    rig.reset();
    let comes_back = rig.notices().into_iter().any(|notice| {
        matches!(notice, Notice::Verdict { message: Some(message), .. } if message.as_text() == Some("message 1"))
    });
    assert!(comes_back);
}

#[test]
fn volatile_is_refused_while_there_is_no_open_connection() {
    let mut rig = Rig::new(Settings::default());
    rig.start();
    rig.send_as(Delivery::Volatile);
    assert!(matches!(rig.last[..], [Act::Notify(Notice::Refused { why: Refusal::NotOpen, .. })]), "{:?}", rig.last);
}

#[test]
fn resends_are_limited_where_that_is_asked() {
    let mut rig = Rig::started_and_open(Settings::default());
    let id = rig.send_with(SendOptions::default().max_resends(1));
    rig.reset();
    rig.wait_out();
    rig.open();
    assert_eq!(rig.sent(), [id, id]);
    rig.reset();
    assert_eq!(rig.verdicts(), [(id, Verdict::InDoubt)]);
}

#[test]
fn without_confirmation_a_message_is_written_when_it_is_flushed() {
    let confirm = Confirm { enabled: false, ..Confirm::default() };
    let mut rig = Rig::started_and_open(Settings { confirm, ..Settings::default() });
    rig.send();
    assert!(matches!(rig.last[..], [Act::Notify(Notice::Refused { why: Refusal::CannotConfirm, .. })]));
    let id = rig.send_as(Delivery::AtMostOnce);
    assert_eq!(rig.pings(), 0);
    rig.flush(id);
    assert_eq!(rig.verdicts(), [(id, Verdict::Written)]);
}

#[test]
fn a_link_that_cannot_ping_drops_what_it_could_never_confirm() {
    let mut rig = Rig::new(Settings::default());
    rig.start();
    let (first, second) = (rig.send(), rig.send_as(Delivery::AtMostOnce));
    let conn = rig.conn();
    rig.event(Event::Opened { conn, can_ping: false });
    assert_eq!(rig.verdicts(), [(first, Verdict::Dropped(Dropped::CannotConfirm))]);
    assert_eq!(rig.sent(), [second]);
}

#[test]
fn a_duplicate_id_is_refused_until_its_message_is_settled() {
    let mut rig = Rig::started_and_open(Settings::default());
    let send = |id| Event::Send { id: MessageId(id), message: "x".into(), options: SendOptions::default() };
    rig.event(send(9));
    rig.event(send(4));
    for id in [9, 4] {
        rig.event(send(id));
        assert!(matches!(rig.last[..], [Act::Notify(Notice::Refused { why: Refusal::DuplicateId, .. })]));
    }
    rig.pong();
    rig.pass(millis(10));
    rig.pong();
    rig.event(send(9));
    assert!(matches!(rig.last[0], Act::Send(1, 9)));
}

#[test]
fn a_full_outbox_hands_the_message_back_and_keeps_the_connection() {
    let outbox = Outbox { max_messages: 2, ..Outbox::default() };
    let mut rig = Rig::started_and_open(Settings { outbox, ..Settings::default() });
    rig.send();
    rig.send();
    rig.send();
    let [Act::Notify(Notice::Refused { id, message, why })] = &rig.last[..] else { panic!("{:?}", rig.last) };
    assert_eq!((id.0, message.as_text(), *why), (3, Some("message 3"), Refusal::Full));
    assert_eq!(rig.kind(), StateKind::Open);
}

#[test]
fn a_message_larger_than_the_outbox_is_refused() {
    let outbox = Outbox { max_bytes: 8, ..Outbox::default() };
    let mut rig = Rig::new(Settings { outbox, ..Settings::default() });
    rig.send();
    assert!(matches!(rig.last[..], [Act::Notify(Notice::Refused { why: Refusal::TooLarge, .. })]));
}

#[test]
fn drop_oldest_spares_what_was_handed_over() {
    let outbox = Outbox { max_messages: 3, when_full: WhenFull::DropOldest, ..Outbox::default() };
    let mut rig = Rig::started_and_open(Settings { outbox, ..confirm_at_most(1) });
    let (handed, old, new) = (rig.send(), rig.send(), rig.send());
    let newest = rig.send();
    assert_eq!(rig.verdicts(), [(old, Verdict::Dropped(Dropped::Displaced))]);
    rig.reset();
    let also = rig.send();
    assert_eq!(rig.verdicts()[1..], [(new, Verdict::Dropped(Dropped::Displaced))]);
    rig.wait_out();
    rig.open();
    assert_eq!(rig.sent(), [handed, handed]);
    rig.pong();
    rig.pong();
    assert_eq!(rig.sent()[2..], [newest, also]);
}

#[test]
fn drop_oldest_refuses_when_everything_was_handed_over() {
    let outbox = Outbox { max_messages: 2, when_full: WhenFull::DropOldest, ..Outbox::default() };
    let mut rig = Rig::started_and_open(Settings { outbox, ..Settings::default() });
    rig.send();
    rig.send();
    rig.send();
    assert!(matches!(rig.last[..], [Act::Notify(Notice::Refused { why: Refusal::Full, .. })]));
}

#[test]
fn drop_newest_accepts_and_drops_at_once() {
    let outbox = Outbox { max_messages: 1, when_full: WhenFull::DropNewest, ..Outbox::default() };
    let mut rig = Rig::new(Settings { outbox, ..Settings::default() });
    rig.send();
    let id = rig.send();
    assert_eq!(rig.verdicts(), [(id, Verdict::Dropped(Dropped::NoRoom))]);
}

#[test]
fn a_waiting_message_can_be_taken_back_and_one_under_way_cannot() {
    let mut rig = Rig::started_and_open(confirm_at_most(1));
    let (under_way, waiting) = (rig.send(), rig.send());
    rig.event(Event::Cancel { id: MessageId(under_way) });
    assert!(matches!(rig.last[..], [Act::Notify(Notice::NotCancelled { why: NotCancelled::HandedOver, .. })]));
    rig.event(Event::Cancel { id: MessageId(waiting) });
    assert_eq!(rig.verdicts(), [(waiting, Verdict::Dropped(Dropped::Cancelled))]);
    rig.event(Event::Cancel { id: MessageId(waiting) });
    assert!(matches!(rig.last[..], [Act::Notify(Notice::NotCancelled { why: NotCancelled::Unknown, .. })]));
}

#[test]
fn a_message_that_waits_to_be_sent_again_is_in_doubt_when_taken_back() {
    let mut rig = Rig::started_and_open(Settings::default());
    let id = rig.send();
    rig.reset();
    rig.event(Event::Cancel { id: MessageId(id) });
    assert_eq!(rig.verdicts(), [(id, Verdict::InDoubt)]);
    rig.wait_out();
    rig.open();
    assert_eq!(rig.sent(), [id]);
}

#[test]
fn bound_messages_go_ahead_of_the_outbox_until_ready_is_said() {
    let mut rig = Rig::new(Settings { ready: Ready::WhenTold, ..Settings::default() });
    rig.start();
    let queued = rig.send();
    let conn = rig.open();
    assert!(rig.sent().is_empty());
    let token = rig.send_with(SendOptions::default().bound_to(conn));
    let topics = rig.send_with(SendOptions::default().bound_to(conn));
    assert_eq!(rig.sent(), [token, topics]);
    rig.event(Event::Ready { conn });
    assert_eq!(rig.sent(), [token, topics, queued]);
}

#[test]
fn a_bound_message_never_reaches_another_connection() {
    let mut rig = Rig::new(Settings { ready: Ready::WhenTold, ..Settings::default() });
    rig.start();
    let conn = rig.open();
    let token = rig.send_with(SendOptions::default().bound_to(conn));
    rig.reset();
    assert_eq!(rig.verdicts(), [(token, Verdict::InDoubt)]);
    rig.send_with(SendOptions::default().bound_to(conn));
    assert!(matches!(rig.last[..], [Act::Notify(Notice::Refused { why: Refusal::NotThatConnection, .. })]));
    rig.wait_out();
    rig.open();
    assert_eq!(rig.sent(), [token]);
}

#[test]
fn a_ping_between_fragments_confirms_only_what_was_complete_before_it() {
    let mut rig = Rig::started_and_open(Settings::default());
    let conn = rig.conn();
    let id = rig.send();
    let payload = rig.last_ping().expect("the barrier");
    rig.event(Event::PingFlushed { conn, overtook: Some(MessageId(id)) });
    rig.event(Event::Pong { conn, payload });
    assert!(rig.verdicts().is_empty());
    rig.pass(millis(10));
    rig.pong();
    assert_eq!(rig.verdicts(), [(id, Verdict::Confirmed)]);
}

#[test]
fn the_marks_are_told_once_each_way() {
    let outbox = Outbox { max_messages: 4, high_watermark: 75, low_watermark: 25, ..Outbox::default() };
    let mut rig = Rig::new(Settings { outbox, ..Settings::default() });
    for _ in 0..4 {
        rig.send();
    }
    let marks = |rig: &Rig| -> Vec<(Watermark, u32)> {
        let notices = rig.notices().into_iter();
        notices
            .filter_map(|notice| match notice {
                Notice::Watermark { mark, messages, .. } => Some((mark, messages)),
                _ => None,
            })
            .collect()
    };
    assert_eq!(marks(&rig), [(Watermark::High, 3)]);
    rig.start();
    rig.open();
    rig.pong();
    assert_eq!(marks(&rig), [(Watermark::High, 3), (Watermark::Low, 0)]);
}

#[test]
fn stop_settles_everything_before_it_is_told() {
    let mut rig = Rig::started_and_open(confirm_at_most(1));
    let (handed, queued) = (rig.send(), rig.send());
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: None });
    assert!(matches!(rig.last[0], Act::Close(_)));
    rig.send();
    assert!(matches!(rig.last[..], [Act::Notify(Notice::Refused { why: Refusal::Stopped, .. })]));
    rig.closed(Cause::Closed(CloseFrame::NORMAL));
    assert_eq!(rig.verdicts(), [(handed, Verdict::InDoubt), (queued, Verdict::Dropped(Dropped::Stopped))]);
    let last_notice = rig.notices().pop().expect("there were notices");
    assert!(matches!(last_notice, Notice::State(change) if change.to.kind() == StateKind::Stopped));
}

#[test]
fn a_pong_that_comes_while_closing_still_confirms() {
    let mut rig = Rig::started_and_open(Settings::default());
    let id = rig.send();
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: None });
    rig.pong();
    assert_eq!(rig.verdicts(), [(id, Verdict::Confirmed)]);
}

#[test]
fn a_drain_outlives_a_break_and_ends_when_everything_is_settled() {
    let mut rig = Rig::started_and_open(Settings::default());
    let id = rig.send();
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: Some(secs(60)) });
    assert_eq!(rig.kind(), StateKind::Open);
    rig.reset();
    rig.wait_out();
    rig.open();
    rig.pong();
    assert_eq!(rig.verdicts(), [(id, Verdict::Confirmed)]);
    assert_eq!(rig.kind(), StateKind::Closing);
    rig.closed(Cause::Closed(CloseFrame::NORMAL));
    assert_eq!(rig.kind(), StateKind::Stopped);
}

#[test]
fn a_drain_ends_at_its_deadline() {
    let mut rig = Rig::new(Settings::default());
    rig.start();
    let id = rig.send();
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: Some(secs(3)) });
    rig.pass(secs(3));
    assert_eq!(rig.kind(), StateKind::Closing);
    rig.closed(Cause::Aborted);
    assert_eq!(rig.verdicts(), [(id, Verdict::Dropped(Dropped::Stopped))]);
    assert_eq!(rig.kind(), StateKind::Stopped);
}
