//! Clauses about timers: in the future, there when something is pending, gone when nothing is.

use std::time::Duration;

use steadfast_core::{State, Timestamp};

use super::{Checker, During, clause::Clause};

/// A deadline that has passed may be told as soon as this from now.
const SOON: Duration = Duration::from_millis(1);
/// So many timers without anything else within a second are a spin.
const SPIN: u32 = 2_000;

impl Checker {
    pub(super) fn timer_set(&mut self, at: Timestamp) {
        if at <= self.now || at == Timestamp::MAX {
            self.blame(Clause::TimerInFuture, || format!("a timer was set for {at}"));
        }
        self.armed = Some(at);
    }

    pub(super) fn timer_fired(&mut self) {
        self.during = During::TimerFired;
        self.armed = None;
        let (since, count) = self.spins;
        if self.now.since(since) > Duration::from_secs(1) {
            self.spins = (self.now, 1);
        } else {
            self.spins.1 = count + 1;
            if count == SPIN {
                self.blame(Clause::TimerSpins, || format!("the timer fired {SPIN} times since {since}"));
            }
        }
    }

    /// Everything pending has a timer, and what was due when the timer fired is done.
    pub(super) fn deadlines(&mut self) {
        if matches!(self.standing.told, State::Idle | State::Stopped { .. }) {
            // One that was set for a message that expires may stay when that is taken back, and fire for nothing.
            let expires = self.ledger.has_expiring && self.standing.told == State::Idle;
            if let Some(at) = self.armed.filter(|_| !expires) {
                self.blame(Clause::TimerLeft, || format!("a timer is set for {at} in a session that is at rest"));
            }
            if self.expiry().is_none() {
                return;
            }
        }
        self.standing.drain_ends_while_closing(self.now, self.ledger.len() == 0);
        if let Some((clause, at)) = self.broken_deadline() {
            let armed = self.armed;
            let fired = self.during == During::TimerFired && at <= self.now;
            self.blame(clause, || {
                if fired {
                    format!("{at} passed, the timer fired, and nothing was done")
                } else {
                    format!("something is due at {at}, and the timer is set for {armed:?}")
                }
            });
        }
    }

    /// The first deadline that is not kept.
    fn broken_deadline(&self) -> Option<(Clause, Timestamp)> {
        let kept = |at: Timestamp| {
            let latest = at.max(self.now + SOON);
            let acted = self.during != During::TimerFired || at > self.now;
            acted && self.armed.is_some_and(|armed| armed <= latest)
        };
        let broken = |clause: Clause, at: Option<Timestamp>| at.filter(|at| !kept(*at)).map(|at| (clause, at));
        self.standing_deadlines(broken).or_else(|| broken(Clause::ExpiresInTime, self.expiry())).or_else(|| {
            let line = self.line.as_ref()?;
            broken(Clause::SilenceNoticed, self.silence_deadline(line))
                .or_else(|| broken(Clause::SilenceNoticed, self.miss_deadline(line)))
                .or_else(|| broken(Clause::SilenceNoticed, self.answer_deadline(line)))
                .or_else(|| broken(Clause::SilenceNoticed, self.write_deadline(line)))
                .or_else(|| broken(Clause::PingsInTime, self.ping_deadline(line)))
                .or_else(|| broken(Clause::BarrierFollows, self.barrier_deadline(line)))
                .or_else(|| broken(Clause::GoesAtOnce, self.next_goes_at().map(|(_, at)| at)))
        })
    }

    fn standing_deadlines(
        &self,
        broken: impl Fn(Clause, Option<Timestamp>) -> Option<(Clause, Timestamp)>,
    ) -> Option<(Clause, Timestamp)> {
        let state = match &self.standing.told {
            State::Waiting { until, .. } => Some(*until),
            State::Authorizing { .. } => self.fetch_deadline(),
            State::Connecting { .. } => {
                self.line.as_ref().and_then(|line| line.dialing).map(|since| since + self.settings.connect_timeout)
            }
            State::Closing { .. } => self
                .line
                .as_ref()
                .filter(|line| !line.aborted)
                .and_then(|line| line.closing)
                .map(|since| since + self.settings.close_timeout),
            _ => None,
        };
        let drain = self.standing.stopping.as_ref().filter(|stop| stop.closing.is_none()).and_then(|stop| stop.drained);
        let hidden = self
            .background_deadline()
            .filter(|at| *at > self.now && !matches!(self.standing.told, State::Idle | State::Background { .. }));
        broken(Clause::TimerArmed, state)
            .or_else(|| broken(Clause::BackgroundKept, hidden))
            .or_else(|| broken(Clause::StopEnds, drain))
            .or_else(|| broken(Clause::OutageTold, self.standing.outage_deadline(&self.settings)))
    }
}
