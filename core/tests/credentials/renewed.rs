//! Ahead of their end: kept for the next connection, presented on this one, or worth another.

use super::*;

#[test]
fn they_are_fetched_ahead_of_their_end_and_kept_for_the_next_connection() {
    let mut rig = settled(settings());
    assert_eq!(fetches(&rig.pass(secs(600 - 31 - 30))), []);
    assert_eq!(fetches(&rig.pass(secs(4))), [(2, FetchReason::Expiring)]);
    let acts = granted(&mut rig, 2);
    assert!(matches!(acts[..], [Act::Notify(Notice::CredentialsRefreshed { epoch: Epoch(2), .. }), Act::Timer(_)]));
    assert_eq!(rig.session.state().kind(), StateKind::Open);
}

#[test]
fn a_refresh_that_fails_costs_no_connection_and_is_tried_again() {
    let mut rig = settled(settings());
    rig.pass(LIFETIME);
    assert_eq!(rig.session.state().kind(), StateKind::Open, "a fetch that hangs");
    for epoch in 3..20 {
        rig.pass(secs(60));
        answer(&mut rig, epoch, Err(FetchError::Retry));
        assert_eq!(rig.session.state().kind(), StateKind::Open);
    }
    assert!(failed(&rig).len() > 9);
}

#[test]
fn a_refresh_that_is_refused_for_good_costs_no_connection_either_but_the_next() {
    let mut rig = settled(settings());
    rig.event(Event::RefreshCredentials);
    answer(&mut rig, 2, Err(FetchError::Final));
    assert_eq!(fetches(&rig.pass(LIFETIME)), []);
    assert_eq!(rig.session.state().kind(), StateKind::Open);
    close(&mut rig, Cause::Io(IoKind::Reset));
    assert_eq!(fetches(&rig.pass(secs(2))), [(3, FetchReason::Expired)]);
    answer(&mut rig, 3, Err(FetchError::Final));
    assert_eq!(rig.session.state().kind(), StateKind::Stopped);
}

#[test]
fn renewal_by_message_presents_them_on_the_connection_ahead_of_what_follows() {
    let mut rig = settled(renewed_by(Renewal::Message));
    rig.event(Event::RefreshCredentials);
    assert!(granted(&mut rig, 2).contains(&Act::Present(1, 2)));
    assert_eq!(rig.session.state().kind(), StateKind::Open);
}

#[test]
fn renewal_by_reconnect_closes_politely_and_connects_at_once() {
    let mut rig = settled(renewed_by(Renewal::Reconnect));
    rig.event(Event::RefreshCredentials);
    assert!(granted(&mut rig, 2).contains(&Act::Close(CloseFrame::NORMAL)));
    let acts = close(&mut rig, code(1_000));
    assert_eq!(connects(&acts), 1);
    assert_eq!(rig.session.metrics().failures.iter().sum::<u32>(), 0, "nothing had failed");
}

#[test]
fn a_renewal_of_a_connection_that_has_not_proved_itself_waits() {
    let mut rig = Rig::new(renewed_by(Renewal::Reconnect));
    rig.event(Event::Start);
    granted(&mut rig, 1);
    open(&mut rig);
    rig.event(Event::RefreshCredentials);
    granted(&mut rig, 2);
    assert_eq!(connects(&close(&mut rig, code(1_000))), 0);
    assert_eq!(rig.session.state().kind(), StateKind::Waiting);
}

#[test]
fn a_first_message_presents_them_before_anything_else() {
    let credentials = Some(Credentials { placement: Placement::FirstMessage, ..Credentials::default() });
    let mut rig = Rig::new(Settings { credentials, ready: Ready::WhenTold, ..settings() });
    rig.event(Event::Start);
    rig.event(Event::Send { id: MessageId(1), message: Message::text("a"), options: SendOptions::default() });
    granted(&mut rig, 1);
    let conn = open(&mut rig);
    assert!(rig.last.contains(&Act::Present(1, 1)));
    assert!(rig.sent().is_empty());
    rig.event(Event::Ready { conn });
    assert_eq!(rig.sent(), [1]);
}

#[test]
fn credentials_presented_by_message_have_proved_themselves_when_the_connection_lasted() {
    for (after, at_once) in [(29, false), (30, true)] {
        let mut rig = settled(renewed_by(Renewal::Message));
        rig.event(Event::RefreshCredentials);
        assert!(granted(&mut rig, 2).contains(&Act::Present(1, 2)));
        rig.pass(secs(after));
        close(&mut rig, Cause::Io(IoKind::Reset));
        rig.pass(secs(2));
        assert_eq!(!fetches(&close(&mut rig, unauthorized())).is_empty(), at_once, "after {after} s");
    }
}
