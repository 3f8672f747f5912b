//! What the application knows of the world: the network, a suspend, the background. Hints, never a must.

use core::time::Duration;

use crate::{
    cause::Cause,
    close::{CloseCode, CloseFrame},
    config::Background,
    session::{
        Session,
        event::{Network, Visibility},
        phase::{Intent, Phase, Sight},
        timers::Timer,
    },
    time::micros,
};

/// A network that comes back brings many clients back: each waits for a random part of this.
const ONLINE_SPREAD: Duration = Duration::from_millis(500);

/// From one attempt to the next that the second hint in a row of failures hastens, at the least; twice as long with each further
/// one, and no longer than 64 times that (32 s), so that a monitor that lies cannot undo the backoff.
const HASTE_EVERY: Duration = Duration::from_millis(500);

impl Session {
    /// What the application knows of the network.
    pub(super) fn network(&mut self, network: Network) {
        let was_offline = core::mem::replace(&mut self.offline, network == Network::Offline);
        if let Phase::Closing { hasten, .. } = &mut self.phase {
            // The last word counts.
            *hasten &= !self.offline;
        }
        if !self.offline && (was_offline || network == Network::Changed) {
            self.network_is_another();
        }
        match &self.phase {
            Phase::Waiting { not_before, attempt, cause, .. } => {
                if self.offline {
                    let (not_before, attempt, cause) = (*not_before, *attempt, Some(cause.clone()));
                    self.timers.clear(Timer::Backoff);
                    self.enter(Phase::Offline { not_before, attempt, cause }, None);
                } else if was_offline || network == Network::Changed || self.retry.take_hint() {
                    self.hasten();
                }
            }
            Phase::Authorizing { attempt, .. } if self.offline => {
                let offline = Phase::Offline { not_before: self.now, attempt: *attempt, cause: None };
                self.enter(offline, None);
            }
            Phase::Offline { not_before, attempt, cause } if !self.offline && self.is_forgotten() => {
                let (not_before, attempt, cause) = (*not_before, *attempt, cause.clone());
                self.withdraw(not_before, attempt, cause);
            }
            Phase::Offline { .. } if !self.offline => self.hasten(),
            Phase::Open(_) if network == Network::Changed || was_offline && !self.offline => self.probe(),
            Phase::Open(_)
            | Phase::Offline { .. }
            | Phase::Idle
            | Phase::Authorizing { .. }
            | Phase::Connecting { .. }
            | Phase::Closing { .. }
            | Phase::Background { .. }
            | Phase::Stopped { .. } => {}
        }
    }

    /// What is known of endpoints was found out over another network.
    fn network_is_another(&mut self) {
        let earliest = self.forgive_endpoints();
        if let (
            Phase::Waiting { not_before, .. }
            | Phase::Offline { not_before, .. }
            | Phase::Background { not_before, .. },
            Some(earliest),
        ) = (&mut self.phase, earliest)
        {
            *not_before = earliest;
        }
    }

    /// The process was suspended. What the server asked for was waited for in that time, too.
    pub(super) fn resumed(&mut self, gap: Duration) {
        self.outbox.sleep(gap);
        self.endpoints_slept(gap);
        if let Some(extras) = &mut self.extras {
            extras.credentials.slept(gap);
            self.arm_lease();
        }
        match &mut self.phase {
            Phase::Open(_) => self.probe(),
            Phase::Waiting { not_before, .. } => {
                *not_before = not_before.saturating_sub(gap);
                self.hasten();
            }
            Phase::Offline { not_before, .. } | Phase::Background { not_before, .. } => {
                *not_before = not_before.saturating_sub(gap);
            }
            Phase::Idle
            | Phase::Authorizing { .. }
            | Phase::Connecting { .. }
            | Phase::Closing { .. }
            | Phase::Stopped { .. } => {}
        }
    }

    /// Whether people see the application.
    pub(super) fn visibility(&mut self, visibility: Visibility) {
        match visibility {
            Visibility::Background if self.sight == Sight::Seen => self.hide(),
            Visibility::Background => {}
            Visibility::Foreground => self.show(),
        }
    }

    /// The application is in the background from now on: the time that it has there runs.
    fn hide(&mut self) {
        if let Background::Close { after } = self.config.background {
            self.hide_for(after);
        } else {
            self.sight = Sight::Hidden;
        }
    }

    /// The application begins something in the background: it has its time there anew, and in any case as much as an attempt
    /// may take, or what it asks for could come to nothing.
    pub(super) fn begin_hidden(&mut self) {
        if let Background::Close { after } = self.config.background {
            self.hide_for(after.max(self.config.connect_timeout));
        } else {
            self.sight = Sight::Hidden;
        }
    }

    fn hide_for(&mut self, span: Duration) {
        self.sight = Sight::Hidden;
        if !matches!(self.phase, Phase::Idle | Phase::Stopped { .. }) {
            self.timers.set(Timer::Background, self.now + span);
        }
    }

    fn show(&mut self) {
        let was = core::mem::take(&mut self.sight);
        self.timers.clear(Timer::Background);
        let is_news = was != Sight::Seen;
        match &self.phase {
            Phase::Background { .. } => self.come_back(),
            Phase::Waiting { .. } if is_news => self.hasten(),
            Phase::Open(_) if is_news => self.probe(),
            Phase::Idle
            | Phase::Authorizing { .. }
            | Phase::Connecting { .. }
            | Phase::Open(_)
            | Phase::Closing { .. }
            | Phase::Waiting { .. }
            | Phase::Offline { .. }
            | Phase::Stopped { .. } => {}
        }
    }

    /// Whether there is to be no connection as the application was in the background for so long. A drain comes to its end
    /// first: it has its own time.
    pub(super) fn is_forgotten(&self) -> bool {
        self.sight == Sight::Forgotten && !self.is_draining()
    }

    /// The application was in the background for long enough.
    pub(super) fn background_is_long(&mut self) {
        self.sight = Sight::Forgotten;
        if !self.is_forgotten() {
            return;
        }
        match &self.phase {
            Phase::Open(_) => {
                let frame = CloseFrame { code: CloseCode::GOING_AWAY, ..CloseFrame::NORMAL };
                self.leave(Cause::Background, frame);
            }
            Phase::Connecting { .. } => self.abort(Cause::Background),
            Phase::Authorizing { attempt, .. } => {
                let attempt = *attempt;
                self.withdraw(self.now, attempt, None);
            }
            Phase::Waiting { not_before, attempt, cause, .. } => {
                let (not_before, attempt, cause) = (*not_before, *attempt, cause.clone());
                self.timers.clear(Timer::Backoff);
                self.withdraw(not_before, attempt, Some(cause));
            }
            Phase::Idle
            | Phase::Closing { .. }
            | Phase::Offline { .. }
            | Phase::Background { .. }
            | Phase::Stopped { .. } => {}
        }
    }

    /// No attempts from now on: the application is in the background. Nobody misses a connection there.
    pub(super) fn withdraw(&mut self, not_before: crate::Timestamp, attempt: u32, cause: Option<Cause>) {
        self.timers.clear(Timer::Outage);
        self.outage = None;
        self.enter(Phase::Background { not_before, attempt, cause }, None);
    }

    /// The application is back, and wants a connection.
    fn come_back(&mut self) {
        self.begin_outage(self.now);
        match &self.phase {
            Phase::Background { not_before, attempt, cause } if self.offline => {
                let offline = Phase::Offline { not_before: *not_before, attempt: *attempt, cause: cause.clone() };
                self.enter(offline, None);
            }
            _ => self.attempt_or_hasten(),
        }
    }

    /// Whether what is queued is to be delivered before the session stops.
    pub(super) const fn is_draining(&self) -> bool {
        matches!(self.intent, Intent::Drain { .. })
    }

    /// What is queued is to be delivered now, by the application's word: an attempt is made where there would be none, or where
    /// it would come with the backoff, perhaps too late. Those that follow it have their waits; without a network, by a word
    /// that may be wrong, it is the only one until a connection [is lost](Self::lost_to_drain).
    pub(super) fn attempt_to_drain(&mut self) {
        if matches!(self.phase, Phase::Background { .. } | Phase::Offline { .. } | Phase::Waiting { .. }) {
            self.begin_outage(self.now);
            self.attempt_or_hasten();
        }
    }

    /// A connection was open and is not. If the network was said to be gone all the while, that was wrong: a drain makes one
    /// more attempt, as when it begins.
    pub(super) fn lost_to_drain(&mut self) {
        if self.is_draining() && matches!(self.phase, Phase::Offline { .. }) {
            self.attempt_to_drain();
        }
    }

    /// An attempt for this session alone: nobody else comes back with it, so there is no reason to wait, the first time in a
    /// row.
    fn attempt_or_hasten(&mut self) {
        match &self.phase {
            Phase::Background { not_before, .. }
            | Phase::Offline { not_before, .. }
            | Phase::Waiting { not_before, .. }
                if self.retry.is_patient() && *not_before <= self.now && self.may_be_tried() =>
            {
                self.retry.hint();
                self.connect(None);
            }
            _ => self.hasten(),
        }
    }

    /// The next attempt soon: a little after now, at some distance from the last one if this row has had such hints before; but
    /// not before the server's word, nor later than planned.
    fn hasten(&mut self) {
        let apart = match self.retry.hint() {
            0 => Duration::ZERO,
            before => HASTE_EVERY.saturating_mul(1 << (before - 1).min(6)),
        };
        let spread = Duration::from_micros(self.rng.between(0, micros(ONLINE_SPREAD)));
        let soon = (self.now.max(self.retry.begun + apart) + spread).max(self.earliest());
        let (until, not_before, attempt, cause) = match &self.phase {
            Phase::Waiting { until, not_before, attempt, cause } => {
                let sooner = soon.max(*not_before);
                if sooner >= *until {
                    return;
                }
                (sooner, *not_before, *attempt, cause.clone())
            }
            Phase::Offline { not_before, attempt, cause } => {
                let cause = cause.clone().unwrap_or(Cause::NetworkLost);
                (soon.max(*not_before), *not_before, *attempt, cause)
            }
            Phase::Background { not_before, attempt, cause } => {
                let cause = cause.clone().unwrap_or(Cause::Background);
                (soon.max(*not_before), *not_before, *attempt, cause)
            }
            Phase::Idle
            | Phase::Authorizing { .. }
            | Phase::Connecting { .. }
            | Phase::Open(_)
            | Phase::Closing { .. }
            | Phase::Stopped { .. } => return,
        };
        self.timers.set(Timer::Backoff, until);
        self.enter(Phase::Waiting { until, not_before, attempt, cause }, None);
    }
}
