//! Whose durable messages are: what a store held for one user is never sent as another.

mod common;

use std::time::Duration;

use common::{Act, Rig, secs};
use steadfast_core::{
    Action, Cause, CloseCode, CloseFrame, CredentialsKind, Delivery, Dropped, Epoch, Event, Identity, Lease, Message,
    MessageId, Notice, Refusal, SendOptions, State, StateKind, Verdict,
    config::{Credentials, Heartbeat, Settings},
};

const A: Identity = Identity(1);
const B: Identity = Identity(2);

fn without_credentials() -> Settings {
    Settings { store: true, heartbeat: Heartbeat::Off, ..Settings::default() }
}

fn with_credentials() -> Settings {
    Settings { credentials: Some(Credentials::default()), ..without_credentials() }
}

fn granted(rig: &mut Rig, epoch: u64, identity: Identity) {
    let lease = Lease { expires_in: Some(Duration::from_mins(10)), identity };
    rig.event(Event::Credentials { epoch: Epoch(epoch), result: Ok(lease) });
}

/// A durable message; for whom it is to be stored.
fn send(rig: &mut Rig, id: u64) -> Option<Identity> {
    let (id, message) = (MessageId(id), Message::text("a"));
    let event = Event::Send { id, message, options: SendOptions::durable() };
    let whose = rig.session.handle(rig.now, event).find_map(|action| match action {
        Action::Persist(persist) => Some(persist.identity),
        _ => None,
    });
    rig.event(Event::Persisted { id, result: Ok(()) });
    whose.expect("it is to be stored")
}

fn restored(rig: &mut Rig, id: u64, identity: Option<Identity>) {
    let (id, message) = (MessageId(id), Message::text("a"));
    rig.event(Event::Restored { id, message, options: SendOptions::durable(), identity });
}

fn switch(rig: &mut Rig, identity: Identity) {
    rig.event(Event::SwitchIdentity { identity });
}

fn stop(rig: &mut Rig) {
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: None });
    if let Some(conn) = rig.session.state().conn() {
        let cause = Cause::Closed(CloseFrame { code: CloseCode::NORMAL, reason: String::new() });
        rig.event(Event::Closed { conn, cause, untouched_from: None });
    }
}

fn forgotten(rig: &Rig) -> Vec<u64> {
    rig.all.iter().filter_map(|(_, act)| if let Act::Forget(id) = act { Some(*id) } else { None }).collect()
}

#[test]
fn a_message_is_stored_for_whom_the_session_acts() {
    let mut rig = Rig::new(with_credentials());
    rig.event(Event::Start);
    granted(&mut rig, 1, A);
    assert_eq!(send(&mut rig, 2), Some(A));
}

#[test]
fn nothing_is_stored_for_nobody_where_somebody_will_be_named() {
    let mut rig = Rig::new(with_credentials());
    rig.event(Event::Start);
    let durable = SendOptions::durable();
    for (id, options) in [(1, durable), (2, durable.ttl(secs(60))), (3, durable.control().max_resends(4))] {
        let (id, message) = (MessageId(id), Message::text("a"));
        rig.event(Event::Send { id, message, options });
    }
    rig.sleep(secs(5));
    assert!(!rig.all.iter().any(|(_, act)| matches!(act, Act::Persist(_) | Act::Notify(Notice::Accepted { .. }))));
    let lease = Lease { expires_in: Some(Duration::from_mins(10)), identity: A };
    let event = Event::Credentials { epoch: Epoch(1), result: Ok(lease) };
    let stored: Vec<(u64, SendOptions, Option<Identity>)> = rig
        .session
        .handle(rig.now, event)
        .filter_map(|action| match action {
            Action::Persist(persist) => Some((persist.id.0, persist.options, persist.identity)),
            _ => None,
        })
        .collect();
    // By lane, in order, with what is left of the time to live.
    let third = (3, durable.control().max_resends(4), Some(A));
    assert_eq!(stored, [third, (1, durable, Some(A)), (2, durable.ttl(secs(55)), Some(A))]);
    rig.event(Event::Persisted { id: MessageId(1), result: Ok(()) });
    assert!(rig.notices().contains(&Notice::Accepted { id: MessageId(1) }));
}

#[test]
fn what_waits_for_a_name_can_be_taken_back() {
    let mut rig = Rig::new(with_credentials());
    rig.event(Event::Start);
    let (id, message) = (MessageId(1), Message::text("a"));
    rig.event(Event::Send { id, message, options: SendOptions::durable() });
    rig.event(Event::Cancel { id });
    granted(&mut rig, 1, A);
    assert!(!rig.all.iter().any(|(_, act)| matches!(act, Act::Persist(_))));
    let refused = |notice: &Notice| matches!(notice, Notice::Refused { why: Refusal::Cancelled, .. });
    assert!(rig.notices().iter().any(refused));
}

#[test]
fn what_was_restored_for_one_user_is_not_sent_by_a_session_of_another() {
    let mut rig = Rig::new(with_credentials());
    restored(&mut rig, 1, Some(A));
    restored(&mut rig, 2, Some(B));
    restored(&mut rig, 3, None);
    rig.event(Event::Start);
    granted(&mut rig, 1, B);
    assert_eq!(rig.verdicts(), [(1, Verdict::InDoubt)]);
    assert_eq!(forgotten(&rig), [1]);
    rig.open();
    assert_eq!(rig.sent(), [2, 3]);
}

#[test]
fn whose_a_message_is_may_be_known_before_the_start() {
    let mut rig = Rig::new(without_credentials());
    restored(&mut rig, 1, Some(A));
    restored(&mut rig, 2, Some(B));
    switch(&mut rig, B);
    rig.start();
    assert_eq!((rig.verdicts(), forgotten(&rig)), (vec![(1, Verdict::InDoubt)], vec![1]));
    rig.open();
    assert_eq!(rig.sent(), [2]);
}

#[test]
fn without_credentials_what_is_for_somebody_stays_in_the_store_until_it_is_known_who_is_there() {
    let mut rig = Rig::new(without_credentials());
    restored(&mut rig, 1, Some(A));
    restored(&mut rig, 2, None);
    rig.start();
    rig.open();
    assert_eq!(rig.sent(), [2]);
    switch(&mut rig, A);
    assert_eq!(rig.sent(), [2], "not on the connection that stands for nobody");
    let cause = Cause::Credentials(CredentialsKind::IdentityChanged);
    assert!(matches!(rig.session.state(), State::Closing { cause: why, .. } if why == cause));
    rig.reset();
    rig.open();
    assert_eq!(rig.sent(), [2, 2, 1]);
    assert_eq!(rig.verdicts(), []);
}

#[test]
fn what_stays_in_the_store_is_there_at_the_next_start() {
    let mut rig = Rig::new(without_credentials());
    restored(&mut rig, 1, Some(A));
    rig.start();
    stop(&mut rig);
    switch(&mut rig, A);
    rig.start();
    rig.open();
    assert_eq!(rig.sent(), [1]);
}

#[test]
fn what_a_stop_has_kept_is_not_sent_for_another() {
    let mut rig = Rig::new(with_credentials());
    rig.event(Event::Start);
    granted(&mut rig, 1, A);
    send(&mut rig, 1);
    stop(&mut rig);
    switch(&mut rig, B);
    rig.event(Event::Start);
    let left_behind = Verdict::Dropped(Dropped::IdentityChanged);
    assert_eq!(rig.verdicts(), [(1, Verdict::Kept), (1, left_behind)]);
    assert_eq!(forgotten(&rig), [1]);
}

#[test]
fn what_a_stop_has_kept_is_sent_for_whom_it_was_after_all() {
    let mut rig = Rig::new(with_credentials());
    rig.event(Event::Start);
    granted(&mut rig, 1, A);
    send(&mut rig, 1);
    stop(&mut rig);
    switch(&mut rig, B);
    switch(&mut rig, A);
    rig.event(Event::Start);
    granted(&mut rig, 2, A);
    rig.open();
    assert_eq!(rig.sent(), [1]);
}

#[test]
fn what_was_restored_and_kept_before_it_was_known_who_is_there_keeps_whose_it_is() {
    let mut rig = Rig::new(with_credentials());
    restored(&mut rig, 1, Some(A));
    rig.event(Event::Start);
    stop(&mut rig);
    rig.event(Event::Start);
    granted(&mut rig, 1, B);
    assert_eq!(rig.verdicts(), [(1, Verdict::Kept), (1, Verdict::InDoubt)]);
}

#[test]
fn the_first_identity_is_no_change() {
    for settings in [with_credentials(), without_credentials()] {
        let mut rig = Rig::new(settings);
        rig.send_as(Delivery::AtMostOnce);
        rig.event(Event::Start);
        rig.send_as(Delivery::AtLeastOnce);
        switch(&mut rig, A);
        assert_eq!(rig.verdicts(), []);
        assert!(!rig.notices().iter().any(|notice| matches!(notice, Notice::IdentityChanged { .. })));
    }
}

#[test]
fn the_first_identity_has_the_attempt_made_anew_that_stands_for_nobody() {
    let mut rig = Rig::new(without_credentials());
    rig.start();
    switch(&mut rig, A);
    assert!(rig.last.contains(&Act::Abort(1)));
    rig.closed(Cause::Aborted);
    assert_eq!(rig.kind(), StateKind::Connecting);
}

#[test]
fn a_second_identity_is_a_change_of_what_was_accepted_before_the_first_too() {
    let mut rig = Rig::new(with_credentials());
    rig.event(Event::Start);
    rig.send();
    switch(&mut rig, A);
    switch(&mut rig, B);
    assert_eq!(rig.verdicts(), [(1, Verdict::Dropped(Dropped::IdentityChanged))]);
}

#[test]
fn a_drain_ends_when_all_that_is_left_is_for_somebody_else() {
    let mut rig = Rig::new(with_credentials());
    restored(&mut rig, 1, Some(A));
    rig.event(Event::Start);
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: Some(secs(60)) });
    granted(&mut rig, 1, B);
    assert_eq!((rig.kind(), rig.verdicts()), (StateKind::Stopped, vec![(1, Verdict::InDoubt)]));
}

#[test]
fn what_was_restored_for_nobody_in_particular_is_for_whoever_is_known_first_and_nobody_else() {
    let mut rig = Rig::new(without_credentials());
    restored(&mut rig, 1, None);
    switch(&mut rig, A);
    switch(&mut rig, B);
    rig.start();
    assert_eq!(rig.verdicts(), [(1, Verdict::InDoubt)]);
}
