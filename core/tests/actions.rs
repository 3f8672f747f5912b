//! How actions are taken: without a copy, none lost, and the same verdict for many at once.

mod common;

use common::{Act, Rig, secs};
use steadfast_core::{Action, Cause, Event, IoKind, Message, MessageId, Notice, Verdict, config::Settings};

#[test]
fn messages_pass_through_without_a_copy() {
    let mut rig = Rig::started_and_open(Settings::default());
    let conn = rig.conn();
    let text = String::from("from the read buffer");
    let lent = text.as_ptr();
    let delivered = rig
        .session
        .handle(rig.now, Event::Received { conn, message: Message::text(text.as_str()) })
        .find_map(|action| match action {
            steadfast_core::Action::Deliver { message, .. } => Some(message.as_bytes().as_ptr()),
            _ => None,
        });
    assert_eq!(delivered, Some(lent));
}

#[test]
fn a_delivery_that_is_not_taken_comes_first_the_next_time() {
    let mut rig = Rig::started_and_open(Settings::default());
    let conn = rig.conn();
    drop(rig.session.handle(rig.now, Event::Received { conn, message: "kept".into() }));
    rig.event(Event::Activity { conn });
    assert_eq!(rig.last, [Act::Deliver("kept".into())]);
}

#[test]
fn a_peek_shows_what_this_event_led_to_although_older_actions_were_forgotten() {
    let mut rig = Rig::new(Settings::default());
    drop(rig.session.handle(rig.now, Event::Start));
    let conn = rig.conn();
    let closed = Event::Closed { conn, cause: Cause::Io(IoKind::Refused), untouched_from: None };
    let actions = rig.session.handle(rig.now, closed);
    let seen: Vec<Act> = actions.peek().map(common::own).collect();
    assert!(matches!(seen[..], [Act::Notify(Notice::State(_)), Act::Timer(_)]), "{seen:?}");
}

#[test]
fn the_same_verdict_for_messages_in_a_row_comes_at_once_for_whom_asks_for_it() {
    let (mut rig, pong) = confirmed_by_the_next_pong();
    let mut actions = rig.session.handle(rig.now, pong);
    let peeked: Vec<Act> = actions.peek().map(common::own).collect();
    let run = actions.next_run().expect("a run");
    assert_eq!((run.first, run.count, run.verdict), (MessageId(2), 3, Verdict::Confirmed));
    let told: Vec<Act> = run.notices().map(Act::Notify).chain(actions.map(common::own)).collect();
    assert_eq!(told, peeked);
}

#[test]
fn of_a_run_of_verdicts_that_is_begun_one_by_one_the_rest_comes_at_once() {
    let (mut rig, pong) = confirmed_by_the_next_pong();
    let mut actions = rig.session.handle(rig.now, pong);
    assert!(actions.next().is_some());
    let run = actions.next_run().expect("the rest of it");
    assert_eq!((run.first, run.count), (MessageId(3), 2));
}

#[test]
fn no_run_of_verdicts_overtakes_what_comes_before_it() {
    let (mut rig, pong) = confirmed_by_the_next_pong();
    let conn = rig.conn();
    drop(rig.session.handle(rig.now, Event::Received { conn, message: "kept".into() }));
    let mut actions = rig.session.handle(rig.now, pong);
    assert_eq!(actions.next_run(), None);
    assert_eq!(actions.next().map(common::own), Some(Act::Deliver("kept".into())));
    assert!(actions.next_run().is_some());
    drop(actions);
    // What came before goes on to come before, and what comes now comes behind.
    let (mut rig, pong) = confirmed_by_the_next_pong();
    drop(rig.session.handle(rig.now, pong));
    let mut actions = rig.session.handle(rig.now, Event::Received { conn, message: "later".into() });
    assert_eq!(actions.next_run().map(|run| run.count), Some(3));
    assert_eq!(
        actions.find(|action| !matches!(action, Action::SetTimer { .. })).map(common::own),
        Some(Act::Deliver("later".into()))
    );
}

/// Three messages under way, and the pong that confirms them.
fn confirmed_by_the_next_pong() -> (Rig, Event<'static>) {
    let mut rig = Rig::started_and_open(Settings::default());
    rig.send();
    rig.pong();
    // These share the next ping, which keeps to its pace.
    for _ in 0..3 {
        rig.send();
    }
    rig.pass(secs(1));
    let (conn, payload) = (rig.conn(), rig.last_ping().expect("a ping"));
    rig.event(Event::PingFlushed { conn, overtook: None });
    (rig, Event::Pong { conn, payload })
}
