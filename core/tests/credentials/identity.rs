//! Somebody else's: what was accepted before is settled, and never sent in the new name.

use super::*;

/// What became of each message, in order.
fn verdicts(rig: &Rig) -> Vec<(u64, Verdict)> {
    let told = |notice| match notice {
        Notice::Verdict { id, verdict, .. } => Some((id.0, verdict)),
        _ => None,
    };
    rig.notices().into_iter().filter_map(told).collect()
}

const LEFT_BEHIND: Verdict = Verdict::Dropped(Dropped::IdentityChanged);

#[test]
fn a_change_of_identity_settles_what_was_accepted_before_it() {
    let mut settings = settings();
    settings.confirm.max_messages = 1;
    let mut rig = settled(settings);
    send(&mut rig, 1);
    send(&mut rig, 2);
    rig.event(Event::SwitchIdentity { identity: Identity(2) });
    assert!(rig.last.contains(&Act::Close(CloseFrame::NORMAL)));
    assert_eq!(verdicts(&rig), [(2, LEFT_BEHIND)]);
    send(&mut rig, 3);
    let acts = close(&mut rig, code(1_000));
    assert_eq!(verdicts(&rig), [(2, LEFT_BEHIND), (1, Verdict::InDoubt)]);
    assert_eq!(fetches(&acts), [(2, FetchReason::IdentityChanged)]);
    answer(&mut rig, 2, Ok(Lease { identity: Identity(2), ..lease(LIFETIME) }));
    open(&mut rig);
    assert_eq!(rig.sent(), [1, 3]);
}

#[test]
fn what_never_left_the_driver_is_dropped_when_the_identity_changes() {
    let mut rig = settled(settings());
    send(&mut rig, 1);
    rig.event(Event::SwitchIdentity { identity: Identity(2) });
    let conn = rig.conn();
    rig.event(Event::Closed { conn, cause: code(1_000), untouched_from: Some(MessageId(1)) });
    assert_eq!(verdicts(&rig), [(1, LEFT_BEHIND)]);
}

#[test]
fn the_same_identity_again_changes_nothing() {
    let mut rig = settled(settings());
    send(&mut rig, 1);
    rig.event(Event::SwitchIdentity { identity: Identity(1) });
    assert_eq!(rig.last, []);
}

#[test]
fn a_lease_of_the_old_identity_that_comes_late_is_not_used() {
    let mut rig = Rig::new(settings());
    rig.event(Event::Start);
    rig.event(Event::SwitchIdentity { identity: Identity(2) });
    let acts = granted(&mut rig, 1);
    assert_eq!((fetches(&acts), connects(&acts)), (vec![(2, FetchReason::IdentityChanged)], 0));
    let acts = granted(&mut rig, 2);
    assert_eq!((fetches(&acts), failed(&rig)), (vec![], vec![CredentialsKind::Mismatched]));
    assert_eq!(rig.session.state().kind(), StateKind::Waiting);
}

#[test]
fn a_lease_of_another_identity_is_a_change_of_identity() {
    let mut rig = settled(renewed_by(Renewal::Message));
    send(&mut rig, 1);
    rig.event(Event::RefreshCredentials);
    let acts = answer(&mut rig, 2, Ok(Lease { identity: Identity(9), ..lease(LIFETIME) }));
    assert!(acts.contains(&Act::Notify(Notice::IdentityChanged { identity: Identity(9) })));
    assert!(acts.contains(&Act::Close(CloseFrame::NORMAL)));
    assert!(!acts.iter().any(|act| matches!(act, Act::Present(..))), "not on the old one's connection");
    assert_eq!(connects(&close(&mut rig, code(1_000))), 1);
    assert_eq!(verdicts(&rig), [(1, Verdict::InDoubt)]);
}

#[test]
fn an_attempt_for_the_old_identity_is_aborted() {
    let mut rig = Rig::new(settings());
    rig.event(Event::Start);
    granted(&mut rig, 1);
    rig.event(Event::SwitchIdentity { identity: Identity(2) });
    assert!(rig.last.contains(&Act::Abort(1)));
    assert_eq!(fetches(&close(&mut rig, Cause::Aborted)), [(2, FetchReason::IdentityChanged)]);
}

#[test]
fn identities_change_without_a_source_of_credentials_too() {
    let mut rig = Rig::new(Settings { credentials: None, ..settings() });
    rig.event(Event::SwitchIdentity { identity: Identity(1) });
    rig.event(Event::Start);
    open(&mut rig);
    send(&mut rig, 1);
    rig.event(Event::SwitchIdentity { identity: Identity(2) });
    assert_eq!(connects(&close(&mut rig, code(1_000))), 1);
    assert_eq!(verdicts(&rig), [(1, Verdict::InDoubt)]);
}
