//! What must not make a session hammer anybody, nor wait for ever: rejections, sources and signals that talk nonsense.

mod common;

use std::time::Duration;

use common::{Act, Rig, millis, secs, steady};
use steadfast_core::{
    Cause, CloseFrame, ConnId, Delivery, Epoch, Event, FetchError, FetchReason, Identity, IoKind, Lease, SendOptions,
    StateKind, Visibility,
    config::{Background, Backoff, CountedFrom, Credentials, Heartbeat, Ready, Renewal, Settings},
};

const LIFETIME: Duration = Duration::from_mins(10);
const NONE: [u64; 0] = [];

fn settings(renewal: Renewal) -> Settings {
    let credentials = Some(Credentials { renewal, ..Credentials::default() });
    Settings { credentials, backoff: steady(2), heartbeat: Heartbeat::Off, ..Settings::default() }
}

fn answer(rig: &mut Rig, epoch: u64, result: Result<Lease, FetchError>) -> Vec<Act> {
    rig.event(Event::Credentials { epoch: Epoch(epoch), result }).to_vec()
}

fn granted(rig: &mut Rig, epoch: u64, lifetime: Duration) -> Vec<Act> {
    answer(rig, epoch, Ok(Lease { expires_in: Some(lifetime), identity: Identity(1) }))
}

/// Open, on the lease of epoch 1, for long enough to be stable.
fn settled(settings: Settings) -> (Rig, ConnId) {
    let mut rig = Rig::new(settings);
    rig.event(Event::Start);
    granted(&mut rig, 1, LIFETIME);
    let conn = rig.open();
    rig.pass(secs(31));
    (rig, conn)
}

fn fetched<'a>(acts: impl IntoIterator<Item = &'a Act>) -> Vec<u64> {
    let epoch = |act: &Act| if let Act::Fetch(epoch, _) = act { Some(*epoch) } else { None };
    acts.into_iter().filter_map(epoch).collect()
}

fn fetches(rig: &Rig) -> usize {
    fetched(rig.all.iter().map(|(_, act)| act)).len()
}

fn connects(rig: &Rig) -> usize {
    rig.all.iter().filter(|(_, act)| matches!(act, Act::Connect(..))).count()
}

#[test]
fn a_rejection_told_twice_leaves_the_fetch_under_way() {
    let (mut rig, conn) = settled(settings(Renewal::Message));
    rig.event(Event::CredentialsRejected { conn });
    assert_eq!(fetched(&rig.last), [2]);
    rig.event(Event::CredentialsRejected { conn });
    assert_eq!(fetched(&rig.pass(secs(5))), NONE, "one at a time");
    assert!(granted(&mut rig, 2, LIFETIME).contains(&Act::Present(conn.0, 2)));
}

#[test]
fn a_rejection_that_is_told_all_the_time_does_not_put_off_the_fetch() {
    let (mut rig, conn) = settled(settings(Renewal::Message));
    rig.event(Event::CredentialsRejected { conn });
    granted(&mut rig, 2, LIFETIME);
    for _ in 0..4 {
        rig.event(Event::CredentialsRejected { conn });
        rig.pass(millis(500));
    }
    assert!(rig.all.iter().any(|(_, act)| *act == Act::Fetch(3, FetchReason::Rejected)));
}

#[test]
fn a_server_that_rejects_all_that_is_presented_is_left_alone_for_longer_and_longer() {
    let (mut rig, conn) = settled(Settings { backoff: Backoff::default(), ..settings(Renewal::Message) });
    let end = rig.now + secs(3_600);
    rig.event(Event::CredentialsRejected { conn });
    while rig.now < end {
        let epoch = fetches(&rig);
        granted(&mut rig, epoch as u64, LIFETIME);
        rig.event(Event::CredentialsRejected { conn });
        while fetches(&rig) == epoch {
            rig.pass(secs(1));
        }
    }
    assert!((100..400).contains(&fetches(&rig)), "{} fetches in an hour", fetches(&rig));
}

#[test]
fn a_delay_that_counts_from_the_attempt_counts_from_its_fetch() {
    let mut settings = settings(Renewal::NextConnection);
    settings.backoff.counted_from = CountedFrom::AttemptStart;
    let mut rig = Rig::new(settings);
    rig.now = rig.now + secs(1_000);
    rig.event(Event::Start);
    assert_eq!(fetched(&answer(&mut rig, 1, Err(FetchError::Retry))), NONE);
    assert_eq!(fetched(&rig.pass(secs(2))), [2]);
}

#[test]
fn a_lease_of_hardly_more_than_a_second_is_a_failure_and_no_spin() {
    let mut rig = Rig::new(settings(Renewal::NextConnection));
    rig.event(Event::Start);
    assert_eq!(fetched(&granted(&mut rig, 1, Duration::new(1, 999))), NONE);
    assert_eq!(rig.session.state().kind(), StateKind::Waiting);
}

#[test]
fn suspends_by_the_dozen_have_credentials_fetched_once_a_second() {
    let (mut rig, _) = settled(settings(Renewal::NextConnection));
    let mut epoch = 1;
    for _ in 0..100 {
        rig.event(Event::Resumed { gap: secs(3_600) });
        for due in fetched(&rig.last.clone()) {
            epoch = due;
            granted(&mut rig, due, LIFETIME);
        }
    }
    assert_eq!(epoch, 2);
    rig.pass(secs(1));
    assert_eq!(fetches(&rig), 3);
}

#[test]
fn a_foreground_that_flickers_while_connections_close_does_not_undo_the_backoff() {
    let background = Background::Close { after: Duration::ZERO };
    let mut rig = Rig::new(Settings { background, ..Settings::default() });
    rig.event(Event::Start);
    for _ in 0..600 {
        rig.event(Event::Visibility(Visibility::Background));
        rig.event(Event::Visibility(Visibility::Foreground));
        if let Some(conn) = rig.session.state().conn() {
            rig.event(Event::Closed { conn, cause: Cause::Io(IoKind::Refused), untouched_from: None });
        }
        rig.pass(secs(1));
    }
    assert!(connects(&rig) <= 100, "{} attempts in ten minutes", connects(&rig));
}

#[test]
fn a_drain_ends_when_the_last_message_has_expired_before_the_connection_is_ready() {
    let mut rig = Rig::new(Settings { ready: Ready::WhenTold, ..Settings::default() });
    rig.start();
    let conn = rig.open();
    rig.send_with(SendOptions::new(Delivery::AtMostOnce).ttl(secs(5)));
    rig.event(Event::Stop { frame: CloseFrame::NORMAL, drain: Some(secs(60)) });
    rig.sleep(secs(6));
    rig.event(Event::Ready { conn });
    assert_eq!(rig.session.state().kind(), StateKind::Closing);
}

#[test]
fn messages_expire_after_a_gap_that_is_nonsense() {
    let mut rig = Rig::new(Settings::default());
    let brief = SendOptions::new(Delivery::AtMostOnce).ttl(secs(5));
    rig.start();
    rig.send_with(brief);
    rig.event(Event::Resumed { gap: Duration::MAX });
    assert_eq!(rig.session.unsettled().0, 0);
    rig.send_with(brief);
    rig.pass(secs(5));
    assert_eq!(rig.session.unsettled().0, 0);
}

#[test]
fn a_renewal_by_reconnect_waits_for_no_proof_of_what_it_leaves() {
    let mut rig = Rig::new(Settings { ready: Ready::WhenTold, long_outage: None, ..settings(Renewal::Reconnect) });
    rig.event(Event::Start);
    granted(&mut rig, 1, LIFETIME);
    let conn = rig.open();
    rig.event(Event::RefreshCredentials);
    granted(&mut rig, 2, LIFETIME);
    rig.event(Event::Ready { conn });
    rig.pass(secs(5));
    assert_eq!(rig.timer, None, "the close has timed out, and nothing else is awaited");
}
