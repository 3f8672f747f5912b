//! Durable messages: accepted once stored, in their place, taken up again, forgotten once settled.

mod common;

use common::{Act, Rig, secs};
use steadfast_core::{
    Cause, CloseFrame, Delivery, Dropped, Event, Identity, IoKind, Key, Message, MessageId, NotCancelled, Notice,
    Refusal, SendOptions, StateKind, StoreError, Verdict,
    config::{Config, Confirm, Outbox, Settings, WhenFull},
};

fn settings() -> Settings {
    Settings { store: true, ..Settings::default() }
}

fn rig() -> Rig {
    Rig::started_and_open(settings())
}

fn stored(rig: &mut Rig, id: u64) {
    rig.event(Event::Persisted { id: MessageId(id), result: Ok(()) });
}

fn fails(rig: &mut Rig, id: u64, error: StoreError) {
    rig.event(Event::Persisted { id: MessageId(id), result: Err(error) });
}

fn restored(rig: &mut Rig, id: u64, options: SendOptions) {
    let (id, message) = (MessageId(id), Message::text("kept"));
    rig.event(Event::Restored { id, message, options, identity: None });
}

fn stop(rig: &mut Rig) {
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: None });
}

/// Starts it, and opens its connection.
fn start(rig: &mut Rig) {
    rig.start();
    rig.open();
}

/// What was asked of the store, and told of the messages, in order.
fn account(rig: &Rig) -> Vec<String> {
    rig.all
        .iter()
        .filter_map(|(_, act)| match act {
            Act::Send(_, id) => Some(format!("send {id}")),
            Act::Persist(id) => Some(format!("persist {id}")),
            Act::Forget(id) => Some(format!("forget {id}")),
            Act::Notify(Notice::Accepted { id }) => Some(format!("accepted {}", id.0)),
            Act::Notify(Notice::Verdict { id, verdict, .. }) => Some(format!("{verdict:?} {}", id.0)),
            Act::Notify(Notice::Refused { id, why, .. }) => Some(format!("refused {} {why:?}", id.0)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_durable_message_is_stored_accepted_sent_confirmed_and_forgotten() {
    let mut rig = rig();
    let id = rig.send_with(SendOptions::durable());
    assert_eq!(account(&rig), ["persist 1"]);
    stored(&mut rig, id);
    rig.flush(id);
    rig.pong();
    assert_eq!(account(&rig), ["persist 1", "accepted 1", "send 1", "Confirmed 1", "forget 1"]);
}

#[test]
fn what_comes_after_it_in_its_lane_waits_for_the_store() {
    let mut rig = rig();
    let first = rig.send_with(SendOptions::durable());
    rig.send();
    rig.send_with(SendOptions::default().control());
    assert_eq!(rig.sent(), [3], "the other lane goes on");
    stored(&mut rig, first);
    assert_eq!(rig.sent(), [3, 1, 2]);
}

#[test]
fn answers_in_another_order_do_not_change_the_order_of_messages() {
    let mut rig = rig();
    let (first, second) = (rig.send_with(SendOptions::durable()), rig.send_with(SendOptions::durable()));
    stored(&mut rig, second);
    assert!(rig.sent().is_empty());
    stored(&mut rig, first);
    assert_eq!(rig.sent(), [1, 2]);
}

#[test]
fn a_message_that_cannot_be_stored_comes_back_and_those_behind_it_go() {
    let mut rig = rig();
    let first = rig.send_with(SendOptions::durable());
    let second = rig.send();
    fails(&mut rig, first, StoreError::Full);
    assert_eq!(account(&rig), ["persist 1", "refused 1 NotStored(Full)", "send 2"]);
    rig.flush(second);
    rig.pong();
    assert_eq!(rig.verdicts(), [(2, Verdict::Confirmed)]);
    assert_eq!(rig.session.unsettled(), (0, 0));
}

#[test]
fn answers_about_messages_that_nobody_waits_for_are_ignored() {
    let mut rig = rig();
    stored(&mut rig, 7);
    fails(&mut rig, 7, StoreError::Failed);
    let id = rig.send_with(SendOptions::durable());
    stored(&mut rig, id);
    stored(&mut rig, id);
    fails(&mut rig, id, StoreError::Failed);
    assert_eq!(account(&rig), ["persist 1", "accepted 1", "send 1"]);
}

#[test]
fn what_cannot_be_durable_is_refused() {
    let mut rig = rig();
    let bound = rig.conn();
    let options = SendOptions::durable();
    for options in [
        SendOptions { delivery: Delivery::AtMostOnce, ..options },
        SendOptions { delivery: Delivery::Volatile, ..options },
        options.bound_to(bound),
        options.key(Key(1)),
    ] {
        rig.send_with(options);
        assert!(matches!(rig.notices().last(), Some(Notice::Refused { why: Refusal::CannotStore, .. })), "{options:?}");
    }
    let mut without = Rig::started_and_open(Settings::default());
    without.send_with(options);
    assert_eq!(account(&without), ["refused 1 CannotStore"]);
}

#[test]
fn a_name_that_is_being_stored_is_taken() {
    let mut rig = rig();
    rig.send_with(SendOptions::durable());
    rig.event(Event::Send { id: MessageId(1), message: Message::text("again"), options: SendOptions::default() });
    assert_eq!(account(&rig), ["persist 1", "refused 1 DuplicateId"]);
}

#[test]
fn a_message_taken_back_before_it_is_stored_was_never_accepted() {
    let mut rig = rig();
    let id = rig.send_with(SendOptions::durable());
    rig.event(Event::Cancel { id: MessageId(id) });
    stored(&mut rig, id);
    assert_eq!(account(&rig), ["persist 1", "refused 1 Cancelled", "forget 1"]);
}

#[test]
fn a_message_taken_back_after_it_is_stored_is_dropped_and_forgotten() {
    let mut rig = Rig::new(settings());
    rig.start();
    let id = rig.send_with(SendOptions::durable());
    stored(&mut rig, id);
    rig.event(Event::Cancel { id: MessageId(id) });
    assert_eq!(account(&rig), ["persist 1", "accepted 1", "Dropped(Cancelled) 1", "forget 1"]);
}

#[test]
fn a_message_that_expires_before_it_is_stored_was_never_accepted() {
    let mut rig = rig();
    rig.send_with(SendOptions::durable().ttl(secs(1)));
    rig.pass(secs(2));
    assert_eq!(account(&rig), ["persist 1", "refused 1 Expired", "forget 1"]);
}

#[test]
fn a_stop_keeps_what_is_stored_and_refuses_what_is_not() {
    let mut rig = Rig::new(settings());
    rig.start();
    let first = rig.send_with(SendOptions::durable());
    rig.send_with(SendOptions::durable());
    stored(&mut rig, first);
    stop(&mut rig);
    rig.closed(Cause::Aborted);
    assert_eq!(rig.kind(), StateKind::Stopped);
    assert_eq!(account(&rig)[2..], ["accepted 1", "Kept 1", "refused 2 Stopped", "forget 2"]);
    assert_eq!(rig.session.unsettled(), (0, 0));
}

#[test]
fn what_was_handed_over_when_the_session_stops_is_kept_and_sent_again_at_the_next_start() {
    let mut rig = rig();
    let id = rig.send_with(SendOptions::durable());
    stored(&mut rig, id);
    stop(&mut rig);
    rig.closed(Cause::Aborted);
    assert_eq!(rig.verdicts(), [(1, Verdict::Kept)]);
    start(&mut rig);
    assert_eq!(account(&rig)[3..], ["Kept 1", "accepted 1", "send 1"]);
    rig.flush(id);
    rig.pong();
    assert_eq!(account(&rig)[6..], ["Confirmed 1", "forget 1"]);
}

#[test]
fn a_start_during_the_stop_takes_up_at_once_what_was_kept() {
    let mut rig = rig();
    let id = rig.send_with(SendOptions::durable());
    stored(&mut rig, id);
    stop(&mut rig);
    rig.event(Event::Start);
    rig.closed(Cause::Aborted);
    assert_eq!(account(&rig)[3..], ["Kept 1", "accepted 1"]);
    assert_eq!(rig.kind(), StateKind::Connecting);
}

#[test]
fn a_drain_waits_for_the_store_until_its_time_is_over() {
    let mut rig = rig();
    rig.send_with(SendOptions::durable());
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: Some(secs(5)) });
    rig.pass(secs(4));
    assert_eq!(rig.kind(), StateKind::Open);
    rig.pass(secs(1));
    rig.closed(Cause::Aborted);
    assert_eq!(rig.kind(), StateKind::Stopped);
    assert_eq!(account(&rig), ["persist 1", "refused 1 Stopped", "forget 1"]);
}

#[test]
fn a_drain_ends_when_the_last_message_could_not_be_stored() {
    let mut rig = rig();
    let id = rig.send_with(SendOptions::durable());
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: Some(secs(5)) });
    fails(&mut rig, id, StoreError::Full);
    assert_eq!(rig.kind(), StateKind::Closing);
}

#[test]
fn a_store_that_never_answers_fills_the_outbox_and_no_more() {
    let outbox = Outbox { max_messages: 2, ..Outbox::default() };
    let mut rig = Rig::started_and_open(Settings { outbox, ..settings() });
    for _ in 0..3 {
        rig.send_with(SendOptions::durable());
    }
    assert_eq!(account(&rig), ["persist 1", "persist 2", "refused 3 Full"]);
}

#[test]
fn what_is_being_stored_is_not_displaced() {
    let outbox = Outbox { max_messages: 2, when_full: WhenFull::DropOldest, ..Outbox::default() };
    let mut rig = Rig::new(Settings { outbox, ..settings() });
    rig.start();
    rig.send_with(SendOptions::durable());
    rig.send();
    rig.send();
    assert_eq!(account(&rig), ["persist 1", "Dropped(Displaced) 2"]);
    rig.send_with(SendOptions::durable());
    rig.send();
    assert_eq!(account(&rig)[2..], ["Dropped(Displaced) 3", "persist 4", "refused 5 Full"]);
}

#[test]
fn what_is_stored_and_displaced_is_forgotten() {
    let outbox = Outbox { max_messages: 1, when_full: WhenFull::DropOldest, ..Outbox::default() };
    let mut rig = Rig::new(Settings { outbox, ..settings() });
    rig.start();
    let id = rig.send_with(SendOptions::durable());
    stored(&mut rig, id);
    rig.send();
    assert_eq!(account(&rig)[2..], ["Dropped(Displaced) 1", "forget 1"]);
}

#[test]
fn a_full_outbox_that_drops_the_newest_refuses_what_would_have_to_be_stored() {
    let outbox = Outbox { max_messages: 1, when_full: WhenFull::DropNewest, ..Outbox::default() };
    let mut rig = Rig::new(Settings { outbox, ..settings() });
    rig.start();
    rig.send();
    rig.send_with(SendOptions::durable());
    assert_eq!(account(&rig), ["refused 2 Full"]);
}

#[test]
fn what_is_restored_goes_first_in_its_order_whatever_the_bounds() {
    let outbox = Outbox { max_messages: 1, ..Outbox::default() };
    let mut rig = Rig::new(Settings { outbox, ..settings() });
    for id in [12, 10, 11] {
        restored(&mut rig, id, SendOptions::durable());
    }
    rig.event(Event::Send { id: MessageId(20), message: Message::text("new"), options: SendOptions::default() });
    start(&mut rig);
    assert_eq!(rig.sent(), [12, 10, 11, 20]);
    assert_eq!(account(&rig)[..3], ["accepted 12", "accepted 10", "accepted 11"]);
}

#[test]
fn what_is_restored_while_the_session_runs_is_ignored() {
    let mut rig = rig();
    restored(&mut rig, 9, SendOptions::durable());
    stop(&mut rig);
    rig.closed(Cause::Aborted);
    start(&mut rig);
    assert!(account(&rig).is_empty());
}

#[test]
fn what_is_restored_twice_is_taken_up_once() {
    let mut rig = Rig::new(settings());
    restored(&mut rig, 9, SendOptions::durable());
    restored(&mut rig, 9, SendOptions::durable());
    start(&mut rig);
    assert_eq!(account(&rig), ["accepted 9", "send 9"]);
}

#[test]
fn what_is_restored_may_have_been_sent() {
    let mut rig = Rig::new(settings());
    restored(&mut rig, 9, SendOptions::durable());
    rig.start();
    rig.event(Event::Cancel { id: MessageId(9) });
    assert_eq!(account(&rig), ["accepted 9", "InDoubt 9", "forget 9"]);
}

#[test]
fn what_may_not_be_sent_again_is_in_doubt_after_a_crash() {
    let mut rig = Rig::new(settings());
    restored(&mut rig, 9, SendOptions::durable().max_resends(0));
    rig.start();
    assert_eq!(account(&rig), ["accepted 9", "InDoubt 9", "forget 9"]);
}

#[test]
fn nothing_is_settled_that_was_restored_for_a_session_that_never_starts() {
    let mut rig = Rig::new(settings());
    restored(&mut rig, 9, SendOptions::durable());
    stop(&mut rig);
    assert!(account(&rig).is_empty());
    start(&mut rig);
    assert_eq!(rig.sent(), [9]);
}

#[test]
fn what_is_kept_can_be_taken_back_only_after_a_start() {
    let mut rig = Rig::new(settings());
    restored(&mut rig, 9, SendOptions::durable());
    rig.event(Event::Cancel { id: MessageId(9) });
    let unknown = Notice::NotCancelled { id: MessageId(9), why: NotCancelled::Unknown };
    assert!(rig.notices().contains(&unknown));
}

#[test]
fn a_lost_connection_does_not_ask_the_store_again() {
    let mut rig = rig();
    let id = rig.send_with(SendOptions::durable());
    stored(&mut rig, id);
    rig.closed(Cause::Io(IoKind::Reset));
    rig.wait_out();
    rig.event(Event::Opened { conn: rig.conn(), can_ping: true });
    assert_eq!(account(&rig), ["persist 1", "accepted 1", "send 1", "send 1"]);
}

#[test]
fn runs_of_confirmed_messages_are_forgotten_one_by_one() {
    let mut rig = rig();
    let ids: Vec<u64> =
        (0..5).map(|n| rig.send_with(SendOptions { durable: n != 2, ..SendOptions::default() })).collect();
    for &id in &ids {
        stored(&mut rig, id);
    }
    rig.flush(5);
    rig.pong();
    rig.pass(secs(1));
    rig.pong();
    let forgotten: Vec<u64> =
        rig.all.iter().filter_map(|(_, act)| if let Act::Forget(id) = act { Some(*id) } else { None }).collect();
    assert_eq!(forgotten, [1, 2, 4, 5]);
}

#[test]
fn the_figures_balance() {
    let mut rig = rig();
    for id in 1..=6 {
        rig.send_with(SendOptions::durable());
        if id % 2 == 0 {
            stored(&mut rig, id);
        }
    }
    stop(&mut rig);
    rig.closed(Cause::Aborted);
    let metrics = rig.session.metrics();
    assert_eq!((metrics.accepted, metrics.refused), (3, 3));
    assert_eq!((metrics.verdicts.kept, metrics.verdicts.total()), (3, 3));
}

#[test]
fn a_store_needs_confirmation() {
    let confirm = Confirm { enabled: false, ..Confirm::default() };
    let error = Config::new(Settings { confirm, ..settings() }).expect_err("refused");
    assert_eq!(error.field(), "store");
    let error = Config::new(Settings { answer_timeout: None, ..settings() }).expect_err("refused");
    assert_eq!(error.field(), "store");
}

#[test]
fn a_link_that_cannot_ping_settles_what_is_durable() {
    let mut rig = Rig::new(settings());
    rig.start();
    let id = rig.send_with(SendOptions::durable());
    rig.send_with(SendOptions::durable());
    stored(&mut rig, id);
    rig.event(Event::Opened { conn: rig.conn(), can_ping: false });
    let end = ["Dropped(CannotConfirm) 1", "forget 1", "refused 2 CannotConfirm", "forget 2"];
    assert_eq!(account(&rig)[3..], end);
}

fn act_for(rig: &mut Rig, identity: u64) {
    rig.event(Event::SwitchIdentity { identity: Identity(identity) });
}

#[test]
fn what_was_kept_for_one_user_is_never_sent_as_another() {
    let mut rig = rig();
    rig.closed(Cause::Io(IoKind::Reset));
    act_for(&mut rig, 1);
    let id = rig.send_with(SendOptions::durable());
    stored(&mut rig, id);
    stop(&mut rig);
    act_for(&mut rig, 2);
    start(&mut rig);
    let dropped = format!("{:?} 1", Verdict::Dropped(Dropped::IdentityChanged));
    assert_eq!(account(&rig), ["persist 1", "accepted 1", "Kept 1", "accepted 1", &dropped, "forget 1"]);
}

#[test]
fn what_was_restored_is_for_whoever_is_named_first() {
    let mut rig = Rig::new(settings());
    restored(&mut rig, 7, SendOptions::durable());
    act_for(&mut rig, 1);
    start(&mut rig);
    assert_eq!(rig.sent(), [7]);
}

#[test]
fn what_was_restored_for_one_user_is_in_doubt_for_the_next() {
    let mut rig = Rig::new(settings());
    act_for(&mut rig, 1);
    restored(&mut rig, 7, SendOptions::durable());
    act_for(&mut rig, 2);
    start(&mut rig);
    assert_eq!(account(&rig), ["accepted 7", "InDoubt 7", "forget 7"]);
}
