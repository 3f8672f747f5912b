//! Clauses about waits: within the policy's bounds, earned back, and not skipped.

use std::time::Duration;

use steadfast_core::{
    Cause, ConnId, Decided, Decision, Network, State, Timestamp, Visibility,
    config::{Backoff, CountedFrom, Jitter, Schedule},
};

use super::{Checker, During, clause::Clause};

/// Within this time an attempt follows a hint, and at this distance from the one before at the most.
const HASTE: Duration = Duration::from_millis(500);
const HASTE_EVERY: Duration = Duration::from_secs(32);

/// Rounding of what is computed here in floating point.
pub(super) const ROUNDING: Duration = Duration::from_millis(1);

/// The failures in a row.
#[derive(Debug, Default)]
pub(super) struct Row {
    attempts: u32,
    delays: u32,
    /// When the first failure was.
    failing_since: Option<Timestamp>,
    /// When the last attempt was asked for, and when its end was decided.
    begun: Timestamp,
    over: Option<Timestamp>,
    /// Not before this, by the server's word.
    floor: Option<Timestamp>,
    /// When the wait is over.
    until: Option<Timestamp>,
    hastened: bool,
    /// The word that there is a network was taken for news in this row, and is now.
    hinted: bool,
    hinted_now: bool,
}

impl Row {
    /// It starts afresh.
    pub(super) fn afresh(&mut self) {
        self.attempts = 0;
        self.delays = 0;
        self.failing_since = None;
        self.floor = None;
        self.hinted = false;
    }

    /// No attempt was begun since a connection was stable, or the start.
    pub(super) const fn is_fresh(&self) -> bool {
        self.attempts == 0
    }

    /// What was to be an attempt has failed now.
    pub(super) const fn over_now(&mut self, now: Timestamp) {
        self.over = Some(now);
    }

    /// The connection is over, by the session's word or the driver's, whichever comes first.
    pub(super) fn over(&mut self, now: Timestamp) -> Timestamp {
        *self.over.get_or_insert(now)
    }

    /// The application does not want to wait, while the connection is being given up.
    pub(super) fn hasten(&mut self) {
        self.hastened = true;
    }

    pub(super) const fn is_hastened(&self) -> bool {
        self.hastened
    }

    /// There is no network after all.
    pub(super) fn dwell(&mut self) {
        self.hastened = false;
    }

    /// There is a network, which is news or not: without news it shortens a wait once in a row.
    pub(super) fn hint(&mut self, news: bool) {
        self.hinted_now = news || !std::mem::replace(&mut self.hinted, true);
    }

    /// An attempt failed, or a connection was lost: how long after the first failure.
    pub(super) fn failed(&mut self, now: Timestamp) -> Duration {
        let over = self.over.unwrap_or(now);
        over.since(*self.failing_since.get_or_insert(over))
    }

    fn floor(&mut self, decided: Option<Decided>, asked: Option<Duration>) {
        let over = self.over.unwrap_or(self.begun);
        self.floor = match decided.map(|decided| decided.decision) {
            Some(Decision::RetryAfter { floor, .. }) => Some(over + floor),
            _ => asked.map(|asked| over + asked),
        };
    }
}

impl Checker {
    pub(super) fn attempt_made(&mut self, attempt: u32) {
        self.row.attempts += 1;
        let right = self.row.attempts;
        if attempt != right {
            self.blame(Clause::BackoffEarnedBack, || format!("attempt {attempt} was made, and {right} was next"));
        }
        self.row.begun = self.now;
        self.row.over = None;
        self.row.until = None;
        self.row.hastened = false;
    }

    pub(super) fn stable(&mut self, conn: ConnId) {
        let after = self.settings.stable_after;
        let now = self.now;
        let earned = self.line.as_ref().is_some_and(|line| {
            line.conn == conn && line.is_usable() && line.usable.is_some_and(|since| now.since(since) >= after)
        });
        if !earned {
            self.blame(Clause::BackoffEarnedBack, || format!("{conn} was called stable before it was"));
        }
        self.row.afresh();
        self.endpoint_is_stable();
    }

    /// A wait was told: after an end, or for a hint of the application's.
    pub(super) fn wait_told(&mut self, until: Timestamp, attempt: u32, decided: Option<Decided>) {
        self.attempt_announced(attempt);
        match decided {
            Some(decided) if self.during == During::Closed => {
                self.floor_told(Some(decided));
                if self.badge.hurries {
                    self.wait_of_the_server(until);
                } else {
                    self.wait_begun(until, decided.decision);
                }
            }
            _ => self.wait_changed(until),
        }
        self.row.until = Some(until);
    }

    /// There is no network, and so no wait; what the server asked for stays.
    pub(super) fn offline_told(&mut self, attempt: u32, decided: Option<Decided>) {
        self.attempt_announced(attempt);
        if self.during == During::Closed && decided.is_some() {
            self.floor_told(decided);
            self.row.failed(self.now);
            if let Some(decided) = decided.filter(|_| !self.badge.hurries) {
                self.wait_bounds(decided.decision);
            }
            self.row.delays += u32::from(!self.badge.hurries);
        }
        self.row.until = None;
    }

    /// The attempt that follows a rejection at once waits for nothing but the server's word.
    fn wait_of_the_server(&mut self, until: Timestamp) {
        self.row.failed(self.now);
        let over = self.row.over.unwrap_or(self.now);
        let asked = over + self.asked_for().unwrap_or_default();
        let (earliest, latest) = if self.failover.is_any() {
            let first = self.failover.earliest();
            (over.max(first.0), over.max(first.1) + ROUNDING)
        } else {
            (asked, asked)
        };
        if until + ROUNDING < earliest || until > latest {
            self.blame(Clause::RejectionPaced, || format!("the wait ends at {until}; the server asked for {earliest}"));
        }
    }

    /// A rejection is to be followed at once: by an attempt elsewhere, if its server asked for patience.
    pub(super) fn hurries_elsewhere(&mut self) {
        if let Some(asked) = self.asked_for().filter(|asked| !asked.is_zero() && self.failover.is_any()) {
            let until = self.row.over(self.now) + asked;
            self.failover.hold(until, until);
        }
    }

    /// What the server asked for: of one among several endpoints it is kept with that.
    fn floor_told(&mut self, decided: Option<Decided>) {
        if !self.failover.is_any() {
            let asked = self.asked_for();
            self.row.floor(decided, asked);
        }
    }

    pub(super) fn attempt_announced(&mut self, attempt: u32) {
        let right = self.row.attempts + 1;
        if attempt != right {
            self.blame(Clause::BackoffEarnedBack, || format!("attempt {attempt} was announced, and {right} is next"));
        }
    }

    fn wait_begun(&mut self, until: Timestamp, decision: Decision) {
        let gave_up = gives_up(&self.settings.backoff, self.row.delays);
        let (earliest, latest) = self.wait_bounds(decision);
        let latest = latest + ROUNDING;
        if until + ROUNDING < earliest || until > latest {
            let place = self.row.delays;
            self.blame(Clause::BackoffBounds, || {
                format!("the wait ends at {until}; the {place}-th in a row is from {earliest} to {latest}")
            });
        }
        if gave_up {
            self.blame(Clause::BackoffBounds, || "the policy had given up, and a wait was told".into());
        }
        self.row.delays += 1;
    }

    /// Between which times the next attempt is to be made. A server's word holds for its own endpoint.
    fn wait_bounds(&mut self, decision: Decision) -> (Timestamp, Timestamp) {
        let over = self.row.over.unwrap_or(self.now);
        let elapsed = self.row.failed(self.now);
        let backoff = &self.settings.backoff;
        let (least, most) = bounds(backoff, self.row.delays, elapsed);
        let from = if backoff.counted_from == CountedFrom::AttemptStart { self.row.begun } else { over };
        // Whatever is decided, the server's word is a floor.
        let asked = self.asked_for().unwrap_or_default();
        let (earliest, latest, floor) = match decision {
            Decision::RetryAfter { floor, spread } => (over + floor + least, over + floor + most + spread, over),
            _ => (from + asked + least, from + asked + most, over + asked),
        };
        let alone = (earliest.max(floor), latest.max(floor));
        if !self.failover.is_any() {
            return alone;
        }
        let patience = match decision {
            Decision::RetryAfter { floor, spread } => floor + spread,
            _ => asked,
        };
        if !patience.is_zero() {
            self.failover.hold(alone.0, alone.1);
        }
        let first = self.failover.earliest();
        ((from + least).max(over).max(first.0), (from + most).max(over).max(first.1))
    }

    /// The policy gave up, says the session.
    pub(super) fn exhausted(&mut self) {
        self.standing.exhausted = true;
        let backoff = &self.settings.backoff;
        if backoff.max_elapsed.is_none() && !gives_up(backoff, self.row.delays) {
            self.blame(Clause::BackoffBounds, || "the session gave up before the policy did".into());
        }
    }

    /// The `Retry-After` of the end that is being handled, as far as it may ask.
    fn asked_for(&self) -> Option<Duration> {
        match self.standing.ended_by()? {
            Cause::Rejected { retry_after, .. } => retry_after.map(|after| after.min(self.settings.retry_after_max)),
            _ => None,
        }
    }

    /// The process slept, and waited meanwhile.
    pub(super) fn waited_asleep(&mut self, gap: Duration) {
        if matches!(self.standing.told, State::Waiting { .. } | State::Offline { .. } | State::Background { .. }) {
            self.row.floor = self
                .row
                .floor
                .map(|floor| Timestamp::from_micros(floor.as_micros().saturating_sub(crate::span::micros(gap))));
        }
    }

    /// An announced wait became another, for a hint of the application's.
    fn wait_changed(&mut self, until: Timestamp) {
        let hint = match self.during {
            During::Network(Network::Online | Network::Changed) => self.row.hinted_now,
            During::Probe | During::Visibility(Visibility::Foreground) => true,
            During::Stop => self.is_draining(),
            During::Closed => self.is_lost_to_drain(),
            _ => false,
        };
        self.hint_heeded(until);
        let later = self.row.until.is_some_and(|planned| until > planned);
        if !hint || later {
            self.blame(Clause::WaitKept, || format!("the wait was changed to {until}"));
        }
        if let Some(floor) = self.row.floor.filter(|floor| until < *floor) {
            self.blame(Clause::WaitKept, || format!("the wait was changed to {until}; the server asked for {floor}"));
        }
    }

    /// Whether the application wants what it sent to be delivered before the session stops.
    fn is_draining(&self) -> bool {
        self.standing.stopping.as_ref().is_some_and(|stopping| stopping.drained.is_some())
    }

    /// Whether a drain makes one more attempt although there is no network: the connection that ended with this event was open.
    fn is_lost_to_drain(&self) -> bool {
        let is_offline = matches!(self.standing.told, State::Offline { .. });
        self.during == During::Closed && self.standing.lost && is_offline && self.is_draining()
    }

    /// Where no attempts were made, one is made soon.
    fn hint_heeded(&mut self, until: Timestamp) {
        let rests = matches!(self.standing.told, State::Offline { .. } | State::Background { .. });
        if !rests || self.failover.is_any() {
            return;
        }
        let latest = (self.now.max(self.row.begun + HASTE_EVERY) + HASTE).max(self.row.floor.unwrap_or(self.now));
        if until > latest {
            self.blame(Clause::HintHeeded, || format!("the attempt is made at {until}, and may be at {latest}"));
        }
    }

    /// The session begins to connect, or to fetch what it needs for that: was its wait over?
    pub(super) fn wait_ended(&mut self, fetches: bool) {
        let asked = matches!(self.during, During::ReconnectNow) || self.row.hastened;
        let now = self.now;
        let shown = self.during == During::Visibility(Visibility::Foreground);
        let drains = self.during == During::Stop && self.is_draining() || self.is_lost_to_drain();
        match &self.standing.told {
            State::Waiting { until, .. } if now < *until && !asked && !drains => {
                let until = *until;
                self.blame(Clause::WaitKept, || format!("the wait until {until} was not kept"));
            }
            State::Waiting { .. } | State::Offline { .. } | State::Background { .. } if drains => {
                if let Some(floor) = self.row.floor.filter(|floor| now < *floor) {
                    self.blame(Clause::WaitKept, || format!("it drains at once; the server asked for {floor}"));
                }
            }
            State::Offline { .. } if !asked => {
                self.blame(Clause::WaitKept, || "it connects although there is no network".into());
            }
            State::Waiting { .. } | State::Offline { .. } if asked && self.is_forgotten() => self.begun_hidden(),
            State::Background { .. } if asked => {
                self.begun_hidden();
                self.standing.without_connection(now);
            }
            State::Background { .. } if !shown => {
                self.blame(Clause::QuietAtRest, || "it connects although it is in the background".into());
            }
            State::Authorizing { .. } if self.during != During::Answered => {
                let what = if fetches { "fetches again" } else { "connects" };
                self.blame(Clause::WaitKept, || format!("it {what} before it has its credentials"));
            }
            State::Connecting { .. } | State::Open { .. } | State::Closing { .. } if !self.may_follow_at_once() => {
                if self.settings.credentials.is_some() {
                    self.blame(Clause::RejectionPaced, || "the next attempt followed at once, and should wait".into());
                }
                let told = self.standing.told.clone();
                self.blame(Clause::StateFits, || format!("{told:?} became connecting, without an end and a wait"));
            }
            _ => {}
        }
        self.row.until = None;
        self.row.floor = None;
        if fetches && !matches!(self.standing.told, State::Authorizing { .. }) {
            // That is the attempt's beginning.
            self.row.begun = now;
        }
    }
}

/// Whether the policy gives no n-th delay.
fn gives_up(backoff: &Backoff, n: u32) -> bool {
    let ended = matches!(&backoff.schedule, Schedule::List { delays } if n as usize >= delays.len());
    ended || backoff.max_attempts.is_some_and(|most| n >= most)
}

/// The least and the most that the policy can give for the n-th delay in a row, so long after the first failure.
fn bounds(backoff: &Backoff, n: u32, elapsed: Duration) -> (Duration, Duration) {
    let scheduled = scheduled(&backoff.schedule, n, share(elapsed, backoff.keep_pace_ppm));
    let (least, most) = match (backoff.first, backoff.jitter) {
        (Some(first), _) if n == 0 => (first.min, first.max),
        (_, Jitter::None) => (scheduled, scheduled),
        (_, Jitter::Full { floor }) => (floor, scheduled.max(floor)),
        (_, Jitter::Equal) => (scheduled / 2, scheduled),
        (_, Jitter::Proportional { below_ppm, above_ppm }) => (
            scheduled.saturating_sub(share(scheduled, below_ppm)),
            scheduled.saturating_add(share(scheduled, above_ppm)),
        ),
        (_, Jitter::Additive { max }) => (scheduled, scheduled.saturating_add(max)),
        (_, Jitter::Decorrelated { base, cap }) => (base, cap.max(base)),
    };
    let limited = |delay: Duration| backoff.limit.map_or(delay, |limit| delay.min(limit));
    (limited(least.saturating_add(backoff.offset)), limited(most.saturating_add(backoff.offset)))
}

fn scheduled(schedule: &Schedule, n: u32, pace: Duration) -> Duration {
    let capped = |delay: Duration, cap: &Option<Duration>| cap.map_or(delay, |cap| delay.min(cap));
    match schedule {
        Schedule::Exponential { base, factor_ppm, cap } => {
            let factor = f64::from(*factor_ppm) / 1e6;
            let grown = base.as_secs_f64() * factor.powf(f64::from(n));
            capped(Duration::try_from_secs_f64(grown).unwrap_or(Duration::MAX).max(pace), cap)
        }
        Schedule::Linear { step, cap } => capped(step.saturating_mul(n.saturating_add(1)).max(pace), cap),
        Schedule::Fixed { delay } => *delay,
        Schedule::List { delays } => {
            let last = delays.len().saturating_sub(1);
            delays.get((n as usize).min(last)).copied().unwrap_or_default()
        }
    }
}

fn share(whole: Duration, ppm: u32) -> Duration {
    Duration::try_from_secs_f64(whole.as_secs_f64() * f64::from(ppm) / 1e6).unwrap_or(Duration::MAX)
}
