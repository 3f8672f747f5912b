//! Clauses about life and death: silence is noticed in time, and nothing that lives is given up.

use std::{collections::VecDeque, time::Duration};

use steadfast_core::{
    Cause, Event, Timestamp,
    config::{Heartbeat, Pace},
};

use super::{Checker, During, Ping, clause::Clause, line::Line};

/// A liveness deadline seen later than this grants a probe.
const LATE: Duration = Duration::from_secs(1);

/// As good as for ever.
const NEVER: Duration = Duration::from_secs(u32::MAX as u64);

impl Checker {
    /// Notes what makes the session doubt its clocks, before the event.
    pub(super) fn before_liveness(&mut self, late: u64, event: &Event<'_>) {
        let now = self.now;
        let resumed = matches!(event, Event::Resumed { .. });
        if let Some(line) = self.line.as_mut().filter(|_| late > 0) {
            line.slack += Duration::from_micros(late);
        }
        self.overslept = Duration::from_micros(late) > LATE;
        let Some(line) = &mut self.line else { return };
        if resumed {
            line.doubt(now);
        } else if self.overslept {
            line.grace = now;
            line.late.get_or_insert(now);
        }
    }

    pub(super) fn probe_wanted(&mut self) {
        self.during = During::Probe;
        let now = self.now;
        if let Some(line) = &mut self.line {
            line.doubt(now);
        }
    }

    pub(super) fn heartbeat_set(&mut self, heartbeat: &Heartbeat) {
        self.during = During::SetHeartbeat;
        // Whether it is refused is only known with the actions; a notice takes it back.
        self.standing.set_heartbeat(heartbeat);
        let now = self.now;
        if let Some(line) = &mut self.line {
            line.text_pings.clear();
            line.grace = now;
            line.changed = true;
            // Deadlines of the new one may have passed long ago: then it is probed at once.
            line.late.get_or_insert(now);
        }
    }

    /// The heartbeat's interval and timeout; as good as for ever where there is none.
    pub(super) fn pace(&self) -> (Duration, Duration) {
        match self.standing.heartbeat(&self.settings) {
            Heartbeat::Ping(pace) | Heartbeat::Text { pace, .. } => (pace.interval, pace.timeout),
            Heartbeat::Off | Heartbeat::Idle { .. } => (NEVER, NEVER),
        }
    }

    fn full_pace(&self) -> Option<Pace> {
        match self.standing.heartbeat(&self.settings) {
            Heartbeat::Ping(pace) | Heartbeat::Text { pace, .. } => Some(*pace),
            Heartbeat::Off | Heartbeat::Idle { .. } => None,
        }
    }

    /// Until when a connection that stays silent must have been given up.
    pub(super) fn silence_deadline(&self, line: &Line) -> Option<Timestamp> {
        if line.paused || !line.is_usable() {
            return None;
        }
        let heard = line.heard.max(line.grace);
        match self.standing.heartbeat(&self.settings) {
            Heartbeat::Idle { timeout } => return Some(heard + *timeout),
            Heartbeat::Ping(_) if !line.can_ping => return None,
            Heartbeat::Off => return None,
            Heartbeat::Ping(_) | Heartbeat::Text { .. } => {}
        }
        if !line.unflushed_pings.is_empty() {
            // A ping that cannot leave is the write's affair.
            return None;
        }
        let pace = self.full_pace()?;
        let misses = pace.timeout.saturating_mul(pace.missed_allowed.saturating_add(1));
        // What a ping lost on its way out is not the silence's.
        let from = heard.max(line.slow_flush);
        Some(from + pace.interval + misses + line.slack)
    }

    /// Until when a ping must be answered, whatever else comes in.
    pub(super) fn answer_deadline(&self, line: &Line) -> Option<Timestamp> {
        if line.paused || !line.is_usable() {
            return None;
        }
        let oldest = line.pings.iter().find_map(|ping| ping.flushed)?;
        // Answers that still come show that the way out works.
        Some(oldest.max(line.grace).max(line.answered_at) + self.settings.answer_timeout?)
    }

    /// Until when a write must have made progress.
    pub(super) fn write_deadline(&self, line: &Line) -> Option<Timestamp> {
        if !line.is_usable() {
            return None;
        }
        Some(line.writing?.max(line.grace) + self.settings.write_timeout)
    }

    /// Until when the next ping must go out.
    pub(super) fn ping_deadline(&self, line: &Line) -> Option<Timestamp> {
        if line.paused || !line.is_usable() || !line.unflushed_pings.is_empty() {
            return None;
        }
        let from = line.pinged.max(line.answered_at).max(line.grace);
        match self.standing.heartbeat(&self.settings) {
            Heartbeat::Ping(pace) if line.can_ping && line.pings.is_empty() => Some(from + pace.interval),
            Heartbeat::Text { pace, .. } if line.pings.is_empty() && line.text_pings.is_empty() => {
                Some(from + pace.interval)
            }
            Heartbeat::Ping(_) | Heartbeat::Text { .. } | Heartbeat::Off | Heartbeat::Idle { .. } => None,
        }
    }

    /// Until when a ping must stand behind what was sent.
    pub(super) fn barrier_deadline(&self, line: &Line) -> Option<Timestamp> {
        let open = line.is_usable() && line.can_ping && self.may_confirm();
        let nothing = self.ledger.unconfirmed.0 == 0 || line.handed <= line.covered;
        if !open || nothing || !line.pings.is_empty() || !line.unflushed_pings.is_empty() {
            return None;
        }
        Some(line.last_frame.map_or(self.now, |last| last + self.settings.confirm.every))
    }

    /// The session gives the connection up for this: is it true?
    pub(super) fn given_up(&mut self, cause: &Cause) {
        let Some(line) = &self.line else { return };
        let now = self.now;
        let wrong = match cause {
            Cause::HeartbeatTimeout => self.wrong_silence(line),
            Cause::AnswerTimeout => {
                let oldest = line.pings.iter().find_map(|ping| ping.flushed);
                let due = oldest.zip(self.settings.answer_timeout).map(|(at, timeout)| at + timeout);
                (line.paused || due.is_none_or(|due| now < due)).then(|| "no ping is unanswered so long".into())
            }
            Cause::IdleTimeout => match self.standing.heartbeat(&self.settings) {
                Heartbeat::Idle { timeout } if !line.paused && now >= line.heard + *timeout => None,
                _ => Some(format!("it was heard of at {}", line.heard)),
            },
            Cause::WriteTimeout => {
                let due = line.writing.map(|since| since + self.settings.write_timeout);
                due.is_none_or(|due| now < due).then(|| format!("a write made progress at {:?}", line.writing))
            }
            Cause::ConnectTimeout => {
                let due = line.dialing.map(|since| since + self.settings.connect_timeout);
                due.is_none_or(|due| now < due).then(|| format!("it has been dialing since {:?}", line.dialing))
            }
            _ => None,
        };
        let conn = line.conn;
        if let Some(wrong) = wrong {
            self.blame(Clause::HealthyKept, || format!("{conn} was given up ({cause}), but {wrong}"));
        }
    }

    fn wrong_silence(&self, line: &Line) -> Option<String> {
        let now = self.now;
        let is_text = matches!(self.standing.heartbeat(&self.settings), Heartbeat::Text { .. });
        let newest = |pings: &VecDeque<Ping>| pings.iter().filter_map(|ping| ping.flushed).max();
        let (frame, text) = (newest(&line.pings), newest(&line.text_pings));
        let silence = |flushed: Option<Timestamp>| flushed.map(|at| now.since(line.heard.max(at)));
        let (_, timeout) = self.pace();
        let pace = self.full_pace();
        let allowed = timeout.saturating_mul(pace.map_or(1, |pace| pace.missed_allowed.saturating_add(1)));
        if line.paused {
            return Some("reads are paused".into());
        }
        let probed = silence(frame.max(text)).is_some_and(|silent| silent >= self.settings.probe_timeout);
        if line.doubtful.is_some() && probed {
            return None;
        }
        let Some(silent) = silence(if is_text { text } else { frame }) else {
            return Some("no ping has left that could be answered".into());
        };
        if silent > timeout + LATE && line.late == Some(now) {
            return Some(format!("the silence of {silent:?} was seen late, and calls for a probe first"));
        }
        let whole = now.since(line.heard);
        (silent < timeout || whole < allowed)
            .then(|| format!("it was heard of at {}, and its last ping left at {frame:?} or {text:?}", line.heard))
    }
}
