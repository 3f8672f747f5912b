//! Credentials as a machine of their own: which lease there is, which fetch is under way, whose they are.
//!
//! It knows neither states nor connections; `authorize` has what follows from its answers. Times are the session's. What
//! passes while the process is suspended is taken off the lifetimes, so that expiry is judged as on a clock that ran on.

use core::time::Duration;

use crate::{
    Timestamp,
    close::CredentialsKind,
    lease::{Epoch, FetchError, FetchReason, Identity, Lease},
    rng::Rng,
    time::micros,
};

/// What expires within this is of no use: it would have expired at the server's.
const MARGIN: Duration = Duration::from_secs(1);

/// From one retry without a wait to the next at the least: a server that lets a connection open, and then rejects its
/// credentials, must not be hammered.
const AT_ONCE_EVERY: Duration = Duration::from_secs(30);

/// The least wait after a refresh has failed, and from one fetch to a refresh.
const LEAST_REST: Duration = Duration::from_secs(1);

/// Which lease there is, which fetch is under way, whose they are.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub(super) struct Credentials {
    /// The last fetch.
    epoch: Epoch,
    fetch: Fetch,
    /// When it was begun.
    begun: Timestamp,
    lease: Option<Held>,
    /// Why there is none, if there is none.
    lacking: FetchReason,
    /// Whose the messages are that are accepted now.
    identity: Option<Identity>,
    /// By the application's word; a lease of anybody else is not used. If not, a lease says who it is.
    is_chosen: bool,
    /// What the connection, or the attempt, stands for.
    in_use: Option<Epoch>,
    /// What a connection that proved itself stood for.
    proven: Epoch,
    /// When what is in use was presented on a connection that had proved itself already.
    #[cfg_attr(feature = "serde", serde(default))]
    presented: Option<Timestamp>,
    /// What the server rejected last.
    refused: Epoch,
    /// When an attempt was last made without a wait after a rejection.
    at_once: Option<Timestamp>,
    /// Fetches in a row that failed, or brought what was rejected, while a connection was open, and the wait after the last.
    rests: u32,
    last_rest: Duration,
    /// What was handed over on the connection that is being left is for the identity before.
    departing: bool,
    pub(super) counts: Counts,
}

/// What is counted.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Counts {
    pub(super) fetches: u64,
    pub(super) failed: u64,
    pub(super) rejected: u64,
}

/// The one fetch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Fetch {
    /// None is wanted before the lease says so.
    #[default]
    None,
    /// It has until then.
    UnderWay {
        until: Timestamp,
        reason: FetchReason,
        /// The identity has changed since it began.
        outdated: bool,
    },
    /// One that was made while a connection is open has failed; the next is made then.
    Resting { until: Timestamp, reason: FetchReason },
}

/// A lease as it is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Held {
    epoch: Epoch,
    expires: Option<Timestamp>,
    /// When others are fetched, if a connection is open then.
    refresh: Option<Timestamp>,
}

/// What became of a fetch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// It is not the one under way.
    Ignored,
    /// There is a new lease; whether it is for somebody else than the one before.
    Taken { changed: bool },
    /// It was asked for before the identity changed: it is to be fetched again.
    Outdated,
    /// It brought nothing.
    Failed(CredentialsKind),
}

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    Nothing,
    /// The fetch has taken too long.
    TimedOut(Epoch),
    /// The next one, if a connection is open.
    Fetch(FetchReason),
}

impl Credentials {
    /// The lease that a connection may be made with now.
    pub(super) fn usable(&self, now: Timestamp) -> Option<Epoch> {
        let lease = self.lease?;
        lease.expires.is_none_or(|expires| expires > now + MARGIN).then_some(lease.epoch)
    }

    /// Why others are wanted, with none that can be used.
    pub(super) fn reason(&self) -> FetchReason {
        match self.fetch {
            Fetch::UnderWay { reason, .. } => reason,
            Fetch::None | Fetch::Resting { .. } if self.lease.is_some() => FetchReason::Expired,
            Fetch::None | Fetch::Resting { .. } => self.lacking,
        }
    }

    /// Begins a fetch; `None` if one is under way.
    pub(super) fn begin(&mut self, now: Timestamp, timeout: Duration, reason: FetchReason) -> Option<Epoch> {
        if matches!(self.fetch, Fetch::UnderWay { .. }) {
            return None;
        }
        self.epoch = Epoch(self.epoch.0.saturating_add(1));
        self.fetch = Fetch::UnderWay { until: now + timeout, reason, outdated: false };
        self.begun = now;
        self.counts.fetches += 1;
        Some(self.epoch)
    }

    /// A fetch has come to its end.
    pub(super) fn answer(
        &mut self,
        now: Timestamp,
        epoch: Epoch,
        result: Result<Lease, FetchError>,
        ahead: Duration,
        rng: &mut Rng,
    ) -> Answer {
        let Fetch::UnderWay { outdated, .. } = self.fetch else { return Answer::Ignored };
        if epoch != self.epoch {
            return Answer::Ignored;
        }
        self.fetch = Fetch::None;
        let lease = match result {
            Ok(lease) if self.is_chosen && self.identity != Some(lease.identity) => {
                return if outdated { Answer::Outdated } else { self.fail(CredentialsKind::Mismatched) };
            }
            Ok(lease) if lease.expires_in.is_some_and(|span| micros(span) <= micros(MARGIN)) => {
                return self.fail(CredentialsKind::Expired);
            }
            Ok(lease) => lease,
            Err(_) if outdated => return Answer::Outdated,
            Err(FetchError::Retry) => return self.fail(CredentialsKind::Failed),
            Err(FetchError::Final) => return self.fail(CredentialsKind::Refused),
        };
        let refresh = lease.expires_in.map(|span| now + ahead_of(span, ahead, rng));
        self.lease = Some(Held { epoch, expires: lease.expires_in.map(|span| now + span), refresh });
        // A server that rejects whatever is presented must not have others fetched at the pace of the first rest for ever.
        if self.lacking != FetchReason::Rejected {
            self.rests = 0;
        }
        self.lacking = FetchReason::default();
        let before = self.identity.replace(lease.identity);
        Answer::Taken { changed: before.is_some_and(|before| before != lease.identity) }
    }

    fn fail(&mut self, kind: CredentialsKind) -> Answer {
        self.counts.failed += 1;
        Answer::Failed(kind)
    }

    /// The fetch under way is given up: it takes too long.
    pub(super) fn give_up(&mut self) {
        self.fetch = Fetch::None;
        self.counts.failed += 1;
    }

    /// Gives the fetch under way up if its time is over; says which that was.
    pub(super) fn give_up_overdue(&mut self, now: Timestamp) -> Option<Epoch> {
        let Fetch::UnderWay { until, .. } = self.fetch else { return None };
        (until <= now).then(|| self.give_up()).map(|()| self.epoch)
    }

    /// A fetch has failed while a connection is open, which stays so: the next one waits. `delay` says how long for the
    /// n-th in a row after a wait of this length. One that is under way is waited for.
    pub(super) fn rest(&mut self, now: Timestamp, delay: impl FnOnce(u32, Duration) -> Option<Duration>) {
        if matches!(self.fetch, Fetch::UnderWay { .. }) {
            return;
        }
        let span = delay(self.rests, self.last_rest).unwrap_or(self.last_rest).max(LEAST_REST);
        self.rests = self.rests.saturating_add(1);
        self.last_rest = span;
        let reason = match self.lease {
            Some(lease) if lease.expires.is_some_and(|expires| expires <= now) => FetchReason::Expired,
            Some(_) => FetchReason::Expiring,
            None => self.lacking,
        };
        self.fetch = Fetch::Resting { until: now + span, reason };
    }

    /// There will be no others: nobody asks again before a connection needs them.
    pub(super) const fn rest_for_good(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.refresh = None;
        }
    }

    /// When something is due: with a connection that is open, or without one.
    pub(super) fn deadline(&self, is_open: bool) -> Option<Timestamp> {
        match self.fetch {
            Fetch::UnderWay { until, .. } => Some(until),
            Fetch::Resting { until, .. } if is_open => Some(until),
            // However short a lease is, or a suspend made it.
            Fetch::None if is_open => self.lease?.refresh.map(|at| at.max(self.begun + LEAST_REST)),
            Fetch::Resting { .. } | Fetch::None => None,
        }
    }

    /// What is due now.
    pub(super) fn due(&self, now: Timestamp, is_open: bool) -> Due {
        if self.deadline(is_open).is_none_or(|at| at > now) {
            return Due::Nothing;
        }
        match self.fetch {
            Fetch::UnderWay { .. } => Due::TimedOut(self.epoch),
            Fetch::Resting { reason, .. } => Due::Fetch(reason),
            Fetch::None => Due::Fetch(FetchReason::Expiring),
        }
    }

    /// The process was suspended for so long: that much of every lifetime is over.
    pub(super) fn slept(&mut self, gap: Duration) {
        if let Some(Held { expires, refresh, .. }) = &mut self.lease {
            *expires = expires.map(|at| at.saturating_sub(gap));
            *refresh = refresh.map(|at| at.saturating_sub(gap));
        }
    }

    /// A connection, or an attempt, stands for this lease.
    pub(super) const fn used(&mut self, epoch: Epoch) {
        self.in_use = Some(epoch);
        self.presented = None;
    }

    /// A connection that has proved itself stands for this lease from now on, which has to prove itself, too.
    pub(super) const fn renewed(&mut self, epoch: Epoch, now: Timestamp) {
        self.in_use = Some(epoch);
        self.presented = Some(now);
    }

    /// What was presented on a connection that had proved itself has done so if the connection lasted for `span` since.
    pub(super) fn lasted(&mut self, now: Timestamp, span: Duration) {
        if self.presented.take_if(|at| now - *at >= span).is_some() {
            self.succeeded();
        }
    }

    /// What the connection, or the attempt, stands for.
    pub(super) const fn in_use(&self) -> Option<Epoch> {
        self.in_use
    }

    /// The lease there is, if the connection stands for an older one.
    pub(super) fn newer(&self) -> Option<Epoch> {
        let epoch = self.lease?.epoch;
        (Some(epoch) > self.in_use).then_some(epoch)
    }

    /// The connection has proved itself, and with it what it stands for.
    pub(super) fn succeeded(&mut self) {
        self.proven = self.proven.max(self.in_use.unwrap_or_default());
        self.presented = None;
        self.rests = 0;
    }

    /// The server rejected what the connection stood for; says which that was, and whether the next attempt may follow at
    /// once: not if these were new already, nor soon after the last that did.
    pub(super) fn rejected(&mut self, now: Timestamp) -> (Epoch, bool) {
        let rejected = self.in_use.unwrap_or_default();
        self.refused = rejected;
        self.counts.rejected += 1;
        let is_newest = self.lease.is_none_or(|lease| lease.epoch <= rejected);
        if is_newest {
            self.discard(FetchReason::Rejected);
        }
        let was_new = is_newest && rejected > self.proven;
        let was_soon = self.at_once.is_some_and(|last| now - last < AT_ONCE_EVERY);
        let at_once = !was_new && !was_soon;
        if at_once {
            self.at_once = Some(now);
        }
        (rejected, at_once)
    }

    /// Whether that is known already of what the connection stands for.
    pub(super) fn was_rejected(&self) -> bool {
        self.in_use == Some(self.refused)
    }

    /// The lease is of no use any more.
    pub(super) fn discard(&mut self, why: FetchReason) {
        self.lease = None;
        // Somebody else's are wanted, whatever else is wrong.
        if self.lacking != FetchReason::IdentityChanged {
            self.lacking = why;
        }
    }

    /// The application acts for this identity from now on; says whether that is news.
    pub(super) fn choose(&mut self, identity: Identity) -> bool {
        if self.identity == Some(identity) {
            self.is_chosen = true;
            return false;
        }
        self.identity = Some(identity);
        self.is_chosen = true;
        self.lease = None;
        self.lacking = FetchReason::IdentityChanged;
        if let Fetch::UnderWay { outdated, .. } = &mut self.fetch {
            *outdated = true;
        }
        true
    }

    /// Whether the application chose whom to act for, and there was no lease for that identity since.
    pub(super) fn is_switching(&self) -> bool {
        self.lease.is_none() && self.lacking == FetchReason::IdentityChanged
    }

    /// For whom they are, as far as that is known.
    pub(super) const fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// What is handed over on the current connection is not this identity's.
    pub(super) const fn depart(&mut self) {
        self.departing = true;
    }

    /// The connection is over; says whether what was handed over on it was for the identity before.
    pub(super) const fn departed(&mut self) -> bool {
        core::mem::replace(&mut self.departing, false)
    }
}

/// When others are fetched for a lease of this length: so long before its end, but not before half of it is over; a
/// random part of a tenth of what is left then is taken off.
fn ahead_of(span: Duration, ahead: Duration, rng: &mut Rng) -> Duration {
    let begin = span.saturating_sub(ahead).max(span / 2);
    let spread = span.saturating_sub(begin).min(ahead) / 10;
    begin + Duration::from_micros(rng.between(0, micros(spread)))
}

#[cfg(test)]
mod tests {
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
}
