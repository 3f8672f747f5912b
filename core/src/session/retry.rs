//! When the next attempt begins, and how long there has been no connection.

use core::time::Duration;

use crate::{
    Timestamp,
    cause::Cause,
    config::{CountedFrom, Settings},
    rng::Rng,
    session::{Session, notice::Notice, policy::Decision, timers::Timer},
    time::micros,
};

/// The attempts in a row since a connection was stable.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Retry {
    /// How many were begun.
    pub(super) attempts: u32,
    /// How many delays were taken from the backoff.
    delays: u32,
    /// The last of them.
    pub(super) last: Duration,
    /// When the last attempt was begun.
    pub(super) begun: Timestamp,
    /// The word that there is a network was acted on in this row although it was no news.
    hinted: bool,
    /// How often a wait was shortened in this row by a hint: that there is a network, that the process is awake.
    #[cfg_attr(feature = "serde", serde(default))]
    hints: u32,
    /// When the first failure in the row was.
    pub(super) failing_since: Option<Timestamp>,
}

/// When the next attempt may begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Next {
    pub(super) until: Timestamp,
    /// The server's word, without what came on top of it.
    pub(super) not_before: Timestamp,
    /// When it could begin if there were no such word.
    pub(super) free: Timestamp,
}

impl Retry {
    /// An attempt begins; says which in the row.
    pub(super) const fn begin(&mut self, now: Timestamp) -> u32 {
        self.attempts = self.attempts.saturating_add(1);
        self.begun = now;
        self.attempts
    }

    /// A connection has proved itself. What is left is when its attempt was begun.
    pub(super) fn end_row(&mut self) {
        *self = Self { begun: self.begun, ..Self::default() };
    }

    /// Whether to act on the word that there is a network although it was never said to be gone: once in a row, so that
    /// a word that is repeated does not undo the backoff.
    pub(super) const fn take_hint(&mut self) -> bool {
        !core::mem::replace(&mut self.hinted, true)
    }

    /// Whether no wait was shortened in this row yet.
    pub(super) const fn is_patient(&self) -> bool {
        self.hints == 0
    }

    /// A hint is acted on; says how many were before it in this row.
    pub(super) const fn hint(&mut self) -> u32 {
        let before = self.hints;
        self.hints = before.saturating_add(1);
        before
    }

    /// The next attempt after a connection ended at `over`, at least `floor` later; `None` if there are to be no more. How
    /// long it may go on is judged [apart](Self::gives_up).
    pub(super) fn next(
        &mut self,
        settings: &Settings,
        decision: Decision,
        floor: Duration,
        over: Timestamp,
        rng: &mut Rng,
    ) -> Option<Next> {
        let backoff = &settings.backoff;
        let since = *self.failing_since.get_or_insert(over);
        let delay = backoff.delay(self.delays, self.last, over - since, rng)?;
        self.delays = self.delays.saturating_add(1);
        self.last = delay;
        let counted_from = match backoff.counted_from {
            CountedFrom::Failure => over,
            CountedFrom::AttemptStart => self.begun,
        };
        let free = (counted_from + delay).max(over);
        Some(match decision {
            Decision::RetryAfter { floor, spread } => {
                let extra = Duration::from_micros(rng.between(0, micros(spread)));
                Next { until: over + floor + delay + extra, not_before: over + floor, free }
            }
            Decision::Terminal | Decision::Retry | Decision::RefreshCredentials | Decision::NextEndpoint => {
                let not_before = over + floor;
                Next { until: (counted_from + floor + delay).max(not_before), not_before, free }
            }
        })
    }

    /// Whether an attempt at this time would be too late.
    pub(super) fn gives_up(&self, settings: &Settings, until: Timestamp) -> bool {
        match (settings.backoff.max_elapsed, self.failing_since) {
            (Some(most), Some(since)) => until > since + most,
            _ => false,
        }
    }

    /// How long a connection must stay usable before the row ends.
    pub(super) fn stable_after(&self, settings: &Settings) -> Duration {
        settings.stable_after.max(self.last.saturating_mul(2))
    }
}

impl Session {
    /// How long the server asked to be left alone, as far as it may.
    pub(super) fn asked_for(&self, cause: &Cause) -> Duration {
        match cause {
            Cause::Rejected { retry_after: Some(after), .. } => (*after).min(self.config.retry_after_max),
            _ => Duration::ZERO,
        }
    }

    /// No connection is open from then on, if one was.
    pub(super) fn begin_outage(&mut self, since: Timestamp) {
        if self.outage.is_none() {
            self.outage = Some(since);
            if let Some(span) = self.config.long_outage {
                self.timers.set(Timer::Outage, since + span);
            }
        }
    }

    /// There has been no open connection for a long time.
    pub(super) fn long_outage(&mut self) {
        if let Some(since) = self.outage {
            self.notify(Notice::LongOutage { since });
        }
    }
}
