//! Credentials: fetched once, by epoch, before they are needed; rejected, renewed, somebody else's.

mod common;

use std::time::Duration;

use common::{Act, Rig, millis, secs, steady};
use steadfast_core::{
    Cause, CloseCode, CloseFrame, ConnId, CredentialsKind, Decision, Dropped, EndpointId, Epoch, Event, FetchError,
    FetchReason, Identity, IoKind, Lease, Message, MessageId, Network, Notice, SendOptions, State, StateKind,
    StopCause, Verdict,
    config::{CountedFrom, Credentials, Endpoints, Heartbeat, Match, Placement, Ready, Renewal, Rule, Settings},
};

const LIFETIME: Duration = Duration::from_mins(10);

fn settings() -> Settings {
    Settings {
        credentials: Some(Credentials::default()),
        backoff: steady(2),
        heartbeat: Heartbeat::Off,
        ..Settings::default()
    }
}

fn renewed_by(renewal: Renewal) -> Settings {
    Settings { credentials: Some(Credentials { renewal, ..Credentials::default() }), ..settings() }
}

fn lease(span: Duration) -> Lease {
    Lease { expires_in: Some(span), identity: Identity(1) }
}

fn answer(rig: &mut Rig, epoch: u64, result: Result<Lease, FetchError>) -> Vec<Act> {
    rig.event(Event::Credentials { epoch: Epoch(epoch), result }).to_vec()
}

fn granted(rig: &mut Rig, epoch: u64) -> Vec<Act> {
    answer(rig, epoch, Ok(lease(LIFETIME)))
}

fn open(rig: &mut Rig) -> ConnId {
    let conn = rig.conn();
    rig.event(Event::Opened { conn, can_ping: true });
    conn
}

fn close(rig: &mut Rig, cause: Cause) -> Vec<Act> {
    let conn = rig.conn();
    rig.event(Event::Closed { conn, cause, untouched_from: None }).to_vec()
}

fn code(code: u16) -> Cause {
    Cause::Closed(CloseFrame { code: CloseCode(code), reason: String::new() })
}

fn unauthorized() -> Cause {
    Cause::Rejected { status: 401, retry_after: None }
}

/// Open, on a lease of ten minutes, for long enough to be stable.
fn settled(settings: Settings) -> Rig {
    let mut rig = Rig::new(settings);
    rig.event(Event::Start);
    granted(&mut rig, 1);
    open(&mut rig);
    rig.pass(secs(31));
    rig
}

fn fetches(acts: &[Act]) -> Vec<(u64, FetchReason)> {
    acts.iter()
        .filter_map(|act| if let Act::Fetch(epoch, reason) = act { Some((*epoch, *reason)) } else { None })
        .collect()
}

fn connects(acts: &[Act]) -> usize {
    acts.iter().filter(|act| matches!(act, Act::Connect(..))).count()
}

fn failed(rig: &Rig) -> Vec<CredentialsKind> {
    let kind = |notice| if let Notice::CredentialsFailed { kind, .. } = notice { Some(kind) } else { None };
    rig.notices().into_iter().filter_map(kind).collect()
}

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
fn rejections_have_credentials_fetched_anew() {
    let rejections =
        [unauthorized(), Cause::Rejected { status: 403, retry_after: None }, code(1_008), code(3_000), code(4_401)];
    for cause in rejections {
        let mut rig = settled(settings());
        let acts = close(&mut rig, cause.clone());
        assert_eq!(fetches(&acts), [(2, FetchReason::Rejected)], "{cause}");
        assert_eq!(connects(&granted(&mut rig, 2)), 1, "{cause}");
    }
}

#[test]
fn a_code_that_was_configured_rejects_whatever_the_presets_say_of_it() {
    for preset in [Settings::android(), Settings::react(), Settings::dart()] {
        let settings = Settings { credentials: Some(Credentials::default()), ..preset };
        assert_eq!(settings.decide(&code(4_401)).decision, Decision::RefreshCredentials);
        assert_eq!(settings.decide(&unauthorized()).decision, Decision::RefreshCredentials);
    }
}

#[test]
fn a_rule_of_the_applications_outranks_the_codes() {
    let mut settings = settings();
    let when = Match::Code { from: CloseCode(4_401), to: CloseCode(4_401) };
    settings.policy.rules.push(Rule { when, then: Decision::Terminal });
    assert_eq!(settings.decide(&code(4_401)).decision, Decision::Terminal);
}

#[test]
fn only_the_first_rejection_is_answered_at_once() {
    let mut rig = settled(settings());
    assert_eq!(fetches(&close(&mut rig, code(4_401))), [(2, FetchReason::Rejected)]);
    granted(&mut rig, 2);
    assert_eq!(fetches(&close(&mut rig, unauthorized())), []);
    assert_eq!(rig.session.state().kind(), StateKind::Waiting);
    assert_eq!(fetches(&rig.pass(secs(2))), [(3, FetchReason::Rejected)]);
}

#[test]
fn a_server_that_opens_and_rejects_is_not_hammered() {
    let mut rig = Rig::new(Settings { stable_after: Duration::ZERO, ..settings() });
    rig.event(Event::Start);
    let begun = rig.now;
    let mut attempts = 0;
    while rig.now - begun < secs(60) {
        match rig.session.state() {
            State::Authorizing { .. } => {
                let epoch = rig.session.metrics().credentials_fetched;
                granted(&mut rig, epoch);
            }
            State::Connecting { .. } => {
                attempts += 1;
                open(&mut rig);
                rig.pass(millis(10));
            }
            State::Open { .. } => drop(close(&mut rig, code(4_401))),
            _ => drop(rig.pass(millis(100))),
        }
    }
    assert!(attempts <= 33, "{attempts} attempts a minute, with waits of two seconds");
}

#[test]
fn a_rejection_of_an_older_epoch_is_answered_with_the_newest_at_once() {
    let mut rig = settled(settings());
    rig.event(Event::RefreshCredentials);
    granted(&mut rig, 2);
    let acts = close(&mut rig, code(4_401));
    assert_eq!((fetches(&acts), connects(&acts)), (vec![], 1));
}

#[test]
fn the_servers_patience_outranks_the_retry_at_once() {
    let mut rig = settled(settings());
    close(&mut rig, Cause::Io(IoKind::Reset));
    rig.pass(secs(2));
    let cause = Cause::Rejected { status: 401, retry_after: Some(secs(20)) };
    assert_eq!(fetches(&close(&mut rig, cause)), []);
    assert_eq!(fetches(&rig.pass(millis(19_999))), []);
    assert_eq!(fetches(&rig.pass(millis(1))), [(2, FetchReason::Rejected)]);
}

#[test]
fn a_rejection_that_the_application_saw_closes_the_connection() {
    let mut rig = settled(settings());
    let conn = rig.conn();
    rig.event(Event::CredentialsRejected { conn: ConnId(conn.0 + 1) });
    assert_eq!(rig.last, []);
    rig.event(Event::CredentialsRejected { conn });
    assert!(rig.last.contains(&Act::Close(CloseFrame::NORMAL)));
    assert_eq!(fetches(&close(&mut rig, code(1_000))), [(2, FetchReason::Rejected)]);
}

#[test]
fn a_rejection_where_they_are_renewed_by_message_keeps_the_connection() {
    let mut rig = settled(renewed_by(Renewal::Message));
    let conn = rig.conn();
    rig.event(Event::CredentialsRejected { conn });
    assert_eq!(fetches(&rig.last), [(2, FetchReason::Rejected)]);
    assert!(granted(&mut rig, 2).contains(&Act::Present(1, 2)));
    rig.event(Event::CredentialsRejected { conn });
    assert_eq!(fetches(&rig.last), [], "these were new: it waits");
    assert_eq!(fetches(&rig.pass(secs(2))), [(3, FetchReason::Rejected)]);
    assert_eq!(rig.session.state().kind(), StateKind::Open);
}

/// What became of each message, in order.
fn verdicts(rig: &Rig) -> Vec<(u64, Verdict)> {
    let told = |notice| match notice {
        Notice::Verdict { id, verdict, .. } => Some((id.0, verdict)),
        _ => None,
    };
    rig.notices().into_iter().filter_map(told).collect()
}

fn send(rig: &mut Rig, id: u64) {
    rig.event(Event::Send { id: MessageId(id), message: Message::text("hello"), options: SendOptions::default() });
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
fn a_rejection_that_is_seen_while_a_fetch_is_under_way_waits_for_that() {
    let mut rig = settled(renewed_by(Renewal::Message));
    let conn = rig.conn();
    rig.event(Event::RefreshCredentials);
    rig.event(Event::CredentialsRejected { conn });
    rig.event(Event::CredentialsRejected { conn });
    assert_eq!(fetches(&rig.last), []);
    close(&mut rig, Cause::Io(IoKind::Reset));
    assert_eq!(fetches(&rig.pass(secs(2))), []);
    assert_eq!(connects(&granted(&mut rig, 2)), 1);
    assert_eq!(rig.session.metrics().credentials_rejected, 1, "told twice, it is one rejection");
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
fn what_was_rejected_during_a_drain_is_not_used_after_it() {
    let mut rig = settled(settings());
    send(&mut rig, 1);
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: Some(secs(60)) });
    rig.event(Event::Cancel { id: MessageId(1) });
    rig.event(Event::SwitchIdentity { identity: Identity(1) });
    close(&mut rig, code(4_401));
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: None });
    rig.event(Event::Start);
    assert!(rig.all.iter().any(|(_, act)| matches!(act, Act::Fetch(2, FetchReason::Rejected))));
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

#[test]
fn a_rejection_seen_of_credentials_that_were_presented_long_ago_is_answered_at_once() {
    let mut rig = settled(renewed_by(Renewal::Message));
    rig.event(Event::RefreshCredentials);
    granted(&mut rig, 2);
    rig.pass(secs(60));
    let conn = rig.conn();
    rig.event(Event::CredentialsRejected { conn });
    assert_eq!(fetches(&rig.last), [(3, FetchReason::Rejected)]);
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

#[test]
fn the_patience_that_one_server_asks_for_with_a_rejection_leaves_the_others_alone() {
    let endpoints = Endpoints { count: 2, ..Endpoints::default() };
    let mut rig = settled(Settings { endpoints, ..settings() });
    close(&mut rig, Cause::Io(IoKind::Reset));
    rig.pass(secs(2));
    assert_eq!(rig.session.endpoint(), EndpointId(1));
    let cause = Cause::Rejected { status: 401, retry_after: Some(secs(20)) };
    assert_eq!(fetches(&close(&mut rig, cause)), [(2, FetchReason::Rejected)]);
    granted(&mut rig, 2);
    assert_eq!(rig.session.endpoint(), EndpointId(0), "it has failed, and may be tried");
}

/// Two endpoints, of which the first asked for a patience of so long, and a connection to the second that was stable.
fn stable_on_the_second(patience: u64) -> Rig {
    let endpoints = Endpoints { count: 2, ..Endpoints::default() };
    let mut rig = Rig::new(Settings { endpoints, ..settings() });
    rig.event(Event::Start);
    granted(&mut rig, 1);
    close(&mut rig, Cause::Rejected { status: 503, retry_after: Some(secs(patience)) });
    rig.pass(secs(2));
    open(&mut rig);
    rig.pass(secs(31));
    rig
}

#[test]
fn a_retry_at_once_goes_to_no_endpoint_that_is_to_be_left_alone() {
    let mut rig = stable_on_the_second(100);
    let begun = rig.now;
    let cause = Cause::Rejected { status: 401, retry_after: Some(secs(20)) };
    assert_eq!(fetches(&close(&mut rig, cause)), []);
    while rig.session.state().kind() == StateKind::Waiting {
        rig.pass(millis(100));
    }
    assert_eq!((rig.now - begun).as_secs(), 20, "the first that may be tried");
}

#[test]
fn another_network_lifts_no_word_of_a_server() {
    let mut rig = stable_on_the_second(100);
    close(&mut rig, Cause::Rejected { status: 401, retry_after: Some(secs(20)) });
    rig.event(Event::Network(Network::Changed));
    rig.event(Event::Network(Network::Offline));
    rig.event(Event::Network(Network::Online));
    assert_eq!(fetches(&rig.pass(millis(19_999))), []);
    assert_eq!(fetches(&rig.pass(secs(1))), [(2, FetchReason::Rejected)]);
}
