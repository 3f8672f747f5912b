//! Leases and fetches, without a session around them.

use super::*;

const AHEAD: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn lease(seconds: u64) -> Lease {
    Lease { expires_in: Some(Duration::from_secs(seconds)), identity: Identity(1) }
}

fn fetch(credentials: &mut Credentials, now: Timestamp, result: Result<Lease, FetchError>) -> Answer {
    let epoch = credentials.begin(now, TIMEOUT, credentials.reason()).expect("none is under way");
    credentials.answer(now, epoch, result, AHEAD, &mut Rng::new(1))
}

fn with_lease(seconds: u64) -> Credentials {
    let mut credentials = Credentials::default();
    assert_eq!(fetch(&mut credentials, at(0), Ok(lease(seconds))), Answer::Taken { changed: false });
    credentials
}

#[test]
fn one_fetch_is_under_way_at_a_time() {
    let mut credentials = Credentials::default();
    assert_eq!(credentials.begin(at(0), TIMEOUT, FetchReason::First), Some(Epoch(1)));
    assert_eq!(credentials.begin(at(1), TIMEOUT, FetchReason::Asked), None);
    assert_eq!(credentials.due(at(30), false), Due::TimedOut(Epoch(1)));
    credentials.give_up();
    assert_eq!(credentials.begin(at(30), TIMEOUT, FetchReason::First), Some(Epoch(2)));
}

#[test]
fn an_answer_of_another_epoch_is_ignored() {
    let mut credentials = Credentials::default();
    credentials.begin(at(0), TIMEOUT, FetchReason::First);
    let mut rng = Rng::new(1);
    assert_eq!(credentials.answer(at(1), Epoch(0), Ok(lease(60)), AHEAD, &mut rng), Answer::Ignored);
    assert_eq!(credentials.answer(at(1), Epoch(2), Ok(lease(60)), AHEAD, &mut rng), Answer::Ignored);
    assert_eq!(credentials.usable(at(1)), None);
}

#[test]
fn what_expires_within_a_second_is_a_failure() {
    let mut credentials = Credentials::default();
    let failed = Answer::Failed(CredentialsKind::Expired);
    assert_eq!(fetch(&mut credentials, at(0), Ok(lease(0))), failed);
    assert_eq!(fetch(&mut credentials, at(0), Ok(lease(1))), failed);
    assert_eq!(credentials.usable(at(0)), None);
}

#[test]
fn a_lease_is_not_used_in_its_last_second() {
    let credentials = with_lease(10);
    assert_eq!(credentials.usable(at(8)), Some(Epoch(1)));
    assert_eq!(credentials.usable(at(9)), None);
    assert_eq!(credentials.reason(), FetchReason::Expired);
}

#[test]
fn suspended_time_counts_as_lifetime() {
    let mut credentials = with_lease(3_600);
    credentials.slept(Duration::from_mins(59));
    assert_eq!(credentials.usable(at(58)), Some(Epoch(1)));
    assert_eq!(credentials.usable(at(59)), None);
}

#[test]
fn an_absurd_gap_spoils_no_later_lease() {
    let mut credentials = with_lease(3_600);
    credentials.slept(Duration::MAX);
    assert_eq!(credentials.usable(at(0)), None);
    assert_eq!(fetch(&mut credentials, at(0), Ok(lease(60))), Answer::Taken { changed: false });
    assert_eq!(credentials.usable(at(0)), Some(Epoch(2)));
}

#[test]
fn others_are_fetched_ahead_of_the_end_but_not_before_half_of_it() {
    for seed in 0..50 {
        let mut rng = Rng::new(seed);
        let long = ahead_of(Duration::from_hours(1), AHEAD, &mut rng);
        assert!((Duration::from_secs(3_570)..=Duration::from_secs(3_573)).contains(&long), "{long:?}");
        let short = ahead_of(Duration::from_secs(20), AHEAD, &mut rng);
        assert!((Duration::from_secs(10)..=Duration::from_secs(11)).contains(&short), "{short:?}");
    }
}

#[test]
fn nothing_is_fetched_ahead_without_a_connection() {
    let credentials = with_lease(60);
    assert_eq!(credentials.due(at(59), false), Due::Nothing);
    assert_eq!(credentials.due(at(59), true), Due::Fetch(FetchReason::Expiring));
}

#[test]
fn proven_credentials_that_are_rejected_have_one_retry_at_once() {
    let mut credentials = with_lease(3_600);
    credentials.used(Epoch(1));
    credentials.succeeded();
    assert_eq!(credentials.rejected(at(100)), (Epoch(1), true));
    assert_eq!(credentials.reason(), FetchReason::Rejected);
    assert_eq!(fetch(&mut credentials, at(100), Ok(lease(3_600))), Answer::Taken { changed: false });
    credentials.used(Epoch(2));
    assert_eq!(credentials.rejected(at(101)), (Epoch(2), false));
}

#[test]
fn retries_at_once_keep_their_distance_even_if_every_connection_proves_itself() {
    let mut credentials = with_lease(3_600);
    let mut at_once = 0;
    for second in 0..90 {
        let epoch = credentials.usable(at(second)).expect("a lease");
        credentials.used(epoch);
        credentials.succeeded();
        at_once += u32::from(credentials.rejected(at(second)).1);
        fetch(&mut credentials, at(second), Ok(lease(3_600)));
    }
    assert_eq!(at_once, 3);
}

#[test]
fn a_rejection_of_an_older_lease_spares_the_newer_one() {
    let mut credentials = with_lease(3_600);
    credentials.used(Epoch(1));
    assert_eq!(fetch(&mut credentials, at(10), Ok(lease(3_600))), Answer::Taken { changed: false });
    assert_eq!(credentials.newer(), Some(Epoch(2)));
    assert_eq!(credentials.rejected(at(11)), (Epoch(1), true));
    assert_eq!(credentials.usable(at(11)), Some(Epoch(2)));
}

#[test]
fn a_lease_of_the_identity_before_is_fetched_again() {
    let mut credentials = with_lease(3_600);
    credentials.begin(at(1), TIMEOUT, FetchReason::Expiring);
    assert!(credentials.choose(Identity(2)));
    let mut rng = Rng::new(1);
    assert_eq!(credentials.answer(at(2), Epoch(2), Ok(lease(60)), AHEAD, &mut rng), Answer::Outdated);
    assert_eq!(credentials.reason(), FetchReason::IdentityChanged);
    assert_eq!(fetch(&mut credentials, at(2), Ok(lease(60))), Answer::Failed(CredentialsKind::Mismatched));
    let other = Lease { identity: Identity(2), ..lease(60) };
    assert_eq!(fetch(&mut credentials, at(2), Ok(other)), Answer::Taken { changed: false });
}

#[test]
fn the_first_lease_says_who_it_is_and_another_one_changes_that() {
    let mut credentials = with_lease(60);
    assert_eq!(credentials.identity(), Some(Identity(1)));
    assert!(!credentials.choose(Identity(1)));
    let mut credentials = with_lease(60);
    let other = Lease { identity: Identity(7), ..lease(60) };
    assert_eq!(fetch(&mut credentials, at(1), Ok(other)), Answer::Taken { changed: true });
}

#[test]
fn failed_refreshes_rest_longer_and_longer() {
    let mut credentials = with_lease(60);
    credentials.begin(at(30), TIMEOUT, FetchReason::Expiring);
    credentials.give_up();
    credentials.rest(at(30), |n, _| Some(Duration::from_secs(u64::from(n) * 4)));
    assert_eq!(credentials.deadline(true), Some(at(31)));
    credentials.rest(at(31), |n, _| Some(Duration::from_secs(u64::from(n) * 4)));
    assert_eq!(credentials.deadline(true), Some(at(35)));
    assert_eq!(credentials.due(at(35), true), Due::Fetch(FetchReason::Expiring));
    credentials.rest(at(60), |_, _| None);
    assert_eq!(credentials.due(at(64), true), Due::Fetch(FetchReason::Expired));
}
