//! Credentials as a machine of their own: which lease there is, which fetch is under way, whose they are.
//!
//! It knows neither states nor connections; `authorize` has what follows from its answers. Times are the session's. What
//! passes while the process is suspended is taken off the lifetimes, so that expiry is judged as on a clock that ran on.

use core::time::Duration;

use crate::{
    Timestamp,
    cause::CredentialsKind,
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
mod tests;
