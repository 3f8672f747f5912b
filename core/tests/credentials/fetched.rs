//! Before they are needed, one at a time, and no more often than the source bears.

use super::*;

#[test]
fn a_session_without_credentials_never_asks_for_any() {
    let mut rig = Rig::new(Settings { credentials: None, ..settings() });
    rig.event(Event::Start);
    assert_eq!(connects(&rig.last), 1);
    close(&mut rig, unauthorized());
    rig.event(Event::RefreshCredentials);
    rig.pass(secs(10));
    assert_eq!(fetches(&rig.all.iter().map(|(_, act)| act.clone()).collect::<Vec<_>>()), []);
}

#[test]
fn they_are_fetched_before_the_first_attempt() {
    let mut rig = Rig::new(settings());
    rig.event(Event::Start);
    assert_eq!(fetches(&rig.last), [(1, FetchReason::First)]);
    assert_eq!(rig.session.state(), State::Authorizing { attempt: 1, reason: FetchReason::First });
    assert_eq!(connects(&granted(&mut rig, 1)), 1);
    assert_eq!(rig.session.state().kind(), StateKind::Connecting);
}

#[test]
fn an_attempt_says_which_credentials_it_stands_for() {
    let mut rig = Rig::new(settings());
    rig.event(Event::Start);
    let event = Event::Credentials { epoch: Epoch(1), result: Ok(lease(LIFETIME)) };
    let connect = rig.session.handle(rig.now, event).find_map(|action| match action {
        steadfast_core::Action::Connect { credentials, .. } => Some(credentials),
        _ => None,
    });
    assert_eq!(connect, Some(Some(Epoch(1))));
}

#[test]
fn a_lease_serves_until_it_expires() {
    let mut rig = settled(settings());
    let acts = close(&mut rig, Cause::Io(IoKind::Reset));
    assert_eq!(fetches(&acts), []);
    let acts = rig.pass(secs(2));
    assert_eq!((fetches(&acts), connects(&acts)), (vec![], 1));
}

#[test]
fn a_lease_that_expired_while_nothing_was_open_is_fetched_anew() {
    let mut rig = settled(settings());
    rig.event(Event::Network(Network::Offline));
    close(&mut rig, Cause::Io(IoKind::Reset));
    assert_eq!(fetches(&rig.pass(LIFETIME)), [], "offline nobody asks");
    rig.event(Event::Network(Network::Online));
    assert_eq!(fetches(&rig.pass(secs(1))), [(2, FetchReason::Expired)]);
}

#[test]
fn suspended_time_counts_as_lifetime() {
    let mut rig = settled(settings());
    close(&mut rig, Cause::Io(IoKind::Reset));
    rig.event(Event::Resumed { gap: Duration::from_hours(2) });
    assert_eq!(fetches(&rig.pass(secs(2))), [(2, FetchReason::Expired)]);
}

#[test]
fn answers_of_other_epochs_change_nothing() {
    let mut rig = Rig::new(settings());
    rig.event(Event::Start);
    assert_eq!(answer(&mut rig, 0, Ok(lease(LIFETIME))), []);
    assert_eq!(answer(&mut rig, 2, Err(FetchError::Final)), []);
    assert_eq!(rig.session.state().kind(), StateKind::Authorizing);
}

#[test]
fn an_answer_that_comes_after_the_timeout_is_ignored() {
    let mut rig = Rig::new(settings());
    rig.event(Event::Start);
    rig.pass(secs(30));
    assert_eq!(failed(&rig), [CredentialsKind::TimedOut]);
    assert_eq!(granted(&mut rig, 1), []);
    let acts = rig.pass(secs(2));
    assert_eq!(fetches(&acts), [(2, FetchReason::First)]);
}

#[test]
fn a_failed_fetch_is_tried_again_after_the_backoff() {
    let mut rig = Rig::new(settings());
    rig.event(Event::Start);
    answer(&mut rig, 1, Err(FetchError::Retry));
    let cause = Cause::Credentials(CredentialsKind::Failed);
    assert!(matches!(rig.session.state(), State::Waiting { attempt: 1, cause: why, .. } if why == cause));
    assert_eq!(fetches(&rig.pass(millis(1_999))), []);
    assert_eq!(fetches(&rig.pass(millis(1))), [(2, FetchReason::First)]);
}

#[test]
fn credentials_that_have_expired_already_are_a_failure_and_no_spin() {
    let mut rig = Rig::new(settings());
    rig.event(Event::Start);
    for epoch in 1..10 {
        let acts = answer(&mut rig, epoch, Ok(lease(secs(1))));
        assert_eq!((fetches(&acts), connects(&acts)), (vec![], 0));
        assert_eq!(fetches(&rig.pass(secs(2))).len(), 1);
    }
    assert_eq!(failed(&rig), [CredentialsKind::Expired; 9]);
}

#[test]
fn a_source_that_is_done_for_good_stops_the_session() {
    let mut rig = Rig::new(settings());
    rig.event(Event::Start);
    answer(&mut rig, 1, Err(FetchError::Final));
    let cause = StopCause::Terminal(Cause::Credentials(CredentialsKind::Refused));
    assert_eq!(rig.session.state(), State::Stopped { cause });
}

#[test]
fn a_stop_while_they_are_fetched_stops_at_once_and_the_answer_serves_the_next_start() {
    let mut rig = Rig::new(settings());
    rig.event(Event::Start);
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: None });
    assert_eq!(rig.session.state().kind(), StateKind::Stopped);
    assert_eq!(connects(&granted(&mut rig, 1)), 0);
    rig.event(Event::Start);
    assert_eq!((fetches(&rig.last), connects(&rig.last)), (vec![], 1));
}

#[test]
fn no_second_fetch_is_asked_for_while_one_is_under_way() {
    let mut rig = settled(settings());
    rig.event(Event::RefreshCredentials);
    assert_eq!(fetches(&rig.last), [(2, FetchReason::Asked)]);
    rig.event(Event::RefreshCredentials);
    assert_eq!(fetches(&rig.last), []);
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: None });
    close(&mut rig, code(1_000));
    rig.event(Event::SwitchIdentity { identity: Identity(2) });
    rig.event(Event::Start);
    assert_eq!(fetches(&rig.last), [], "it waits for the one that it asked for");
    answer(&mut rig, 2, Err(FetchError::Retry));
    assert_eq!(fetches(&rig.last), [(3, FetchReason::IdentityChanged)]);
}

#[test]
fn what_is_counted_is_told() {
    let mut rig = settled(settings());
    rig.event(Event::RefreshCredentials);
    answer(&mut rig, 2, Err(FetchError::Retry));
    close(&mut rig, code(4_401));
    let metrics = rig.session.metrics();
    let counts = (metrics.credentials_fetched, metrics.credentials_failed, metrics.credentials_rejected);
    assert_eq!(counts, (3, 1, 1));
}

#[test]
fn a_fetch_that_fails_is_no_spin_where_waits_count_from_the_attempt() {
    let mut settings = settings();
    settings.backoff.counted_from = CountedFrom::AttemptStart;
    let mut rig = Rig::new(settings);
    rig.event(Event::Start);
    close_to_fetch(&mut rig);
    let begun = rig.now;
    for epoch in 2..12 {
        answer(&mut rig, epoch, Err(FetchError::Retry));
        rig.pass(secs(2));
    }
    assert_eq!(rig.session.metrics().credentials_fetched, 12);
    assert_eq!(rig.now - begun, secs(20));
}

/// Long after an attempt was begun there is nothing to connect with.
fn close_to_fetch(rig: &mut Rig) {
    answer(rig, 1, Ok(lease(secs(10))));
    open(rig);
    rig.pass(secs(29));
    answer(rig, 2, Err(FetchError::Retry));
    close(rig, Cause::Io(IoKind::Reset));
    rig.event(Event::ReconnectNow);
}

#[test]
fn a_fetch_that_hung_while_there_was_no_network_costs_no_attempt_when_there_is_one() {
    let mut rig = Rig::new(settings());
    rig.event(Event::Start);
    rig.event(Event::Network(Network::Offline));
    rig.pass(secs(60));
    assert_eq!(failed(&rig), [], "nobody waits for it");
    rig.event(Event::Network(Network::Online));
    let acts = rig.pass(millis(500));
    assert_eq!(failed(&rig), [CredentialsKind::TimedOut]);
    assert_eq!(fetches(&acts), [(2, FetchReason::First)]);
    assert_eq!(connects(&granted(&mut rig, 2)), 1);
}

#[test]
fn a_fetch_that_hung_while_the_session_was_stopped_costs_no_attempt_at_the_next_start() {
    let mut rig = Rig::new(settings());
    rig.event(Event::Start);
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: None });
    rig.pass(secs(60));
    rig.event(Event::Start);
    assert_eq!(fetches(&rig.last), [(2, FetchReason::First)]);
}
