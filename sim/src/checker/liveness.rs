//! Clauses about life and death: silence is noticed in time, and nothing that lives is given up.

use std::time::Duration;

use steadfast_core::{
    Cause, Event, Timestamp,
    config::{Heartbeat, Pace},
};

use super::{Checker, During, clause::Clause, line::Line};

/// A liveness deadline seen later than this grants a probe.
const LATE: Duration = Duration::from_secs(1);

/// As good as for ever.
const NEVER: Duration = Duration::from_secs(u32::MAX as u64);

impl Checker {
    /// Notes what makes the session doubt its clocks, before the event.
    pub(super) fn before_liveness(&mut self, late: u64, event: &Event<'_>) {
        let now = self.now;
        let resumed = matches!(event, Event::Resumed { .. });
        let answers = self.expects_answers();
        if let Some(line) = self.line.as_mut().filter(|_| late > 0) {
            line.slack += Duration::from_micros(late);
        }
        self.overslept = Duration::from_micros(late) > LATE;
        let Some(line) = &mut self.line else { return };
        if resumed {
            line.doubt(now, answers);
        } else if self.overslept {
            line.grace = now;
            line.late.get_or_insert(now);
            line.wait_for_flush();
        }
    }

    pub(super) fn probe_wanted(&mut self) {
        self.during = During::Probe;
    }

    pub(super) fn heartbeat_set(&mut self, heartbeat: &Heartbeat) {
        self.during = During::SetHeartbeat;
        // Whether it is refused is only known with the actions; a notice takes it back.
        self.standing.set_heartbeat(heartbeat);
        let now = self.now;
        if let Some(line) = &mut self.line {
            line.text_pings.clear();
            line.missed = 0;
            line.awaiting = line.unanswered().filter(|_| matches!(heartbeat, Heartbeat::Ping(_)));
            line.grace = now;
            line.changed = true;
            // Deadlines of the new one may have passed long ago: then it is probed at once.
            line.late.get_or_insert(now);
            line.waits_no_more();
        }
    }

    /// The heartbeat's interval and timeout; as good as for ever where there is none.
    pub(super) fn pace(&self) -> (Duration, Duration) {
        match self.standing.heartbeat(&self.settings) {
            Heartbeat::Ping(pace) | Heartbeat::Text { pace, .. } => (pace.interval, pace.timeout),
            Heartbeat::Off | Heartbeat::Idle { .. } => (NEVER, NEVER),
        }
    }

    pub(super) fn heartbeat_is_text(&self) -> bool {
        matches!(self.standing.heartbeat(&self.settings), Heartbeat::Text { .. })
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
        if line.has_unflushed_ping() {
            // A ping that cannot leave is the write's affair.
            return None;
        }
        let pace = self.full_pace()?;
        let misses = pace.timeout.saturating_mul(pace.missed_allowed.saturating_add(1));
        // What a ping lost on its way out is not the silence's.
        let from = heard.max(line.slow_flush);
        Some(from + pace.interval + misses + line.slack)
    }

    /// Until when the silence behind a heartbeat must have been told as a miss.
    pub(super) fn miss_deadline(&self, line: &Line) -> Option<Timestamp> {
        if line.paused || !line.is_usable() {
            return None;
        }
        let from = line.awaiting?.max(line.heard).max(line.grace);
        Some(from + self.full_pace()?.timeout)
    }

    /// Until when a ping must be answered, whatever else comes in.
    pub(super) fn answer_deadline(&self, line: &Line) -> Option<Timestamp> {
        if line.paused || !line.is_usable() {
            return None;
        }
        let oldest = line.oldest_unanswered()?;
        // Answers that still come show that the way out works.
        Some(oldest.max(line.grace).max(line.answered_at) + self.settings.answer_timeout?)
    }

    /// Until when a write must have made progress.
    pub(super) fn write_deadline(&self, line: &Line) -> Option<Timestamp> {
        if line.paused || !line.is_usable() {
            return None;
        }
        Some(line.writing?.max(line.grace) + self.settings.write_timeout)
    }

    /// Until when the next ping must go out.
    pub(super) fn ping_deadline(&self, line: &Line) -> Option<Timestamp> {
        if line.paused || !line.is_usable() || line.has_unflushed_ping() {
            return None;
        }
        let from = line.pinged.max(line.grace);
        match self.standing.heartbeat(&self.settings) {
            // Where nothing answers, nothing is waited for.
            Heartbeat::Ping(pace) if line.can_ping && self.settings.answer_timeout.is_none() => {
                Some(from + pace.interval)
            }
            Heartbeat::Ping(pace) if line.can_ping && line.pings.is_empty() => {
                Some(from.max(line.answered_at) + pace.interval)
            }
            Heartbeat::Text { pace, .. } => Some(from + pace.interval),
            Heartbeat::Ping(_) | Heartbeat::Off | Heartbeat::Idle { .. } => None,
        }
    }

    /// Until when a ping must stand behind what was sent.
    pub(super) fn barrier_deadline(&self, line: &Line) -> Option<Timestamp> {
        let open = line.is_usable() && line.can_ping && self.may_confirm();
        let nothing = self.ledger.unconfirmed.0 == 0 || line.handed <= line.covered;
        if !open || nothing || !line.pings.is_empty() || line.has_unflushed_ping() {
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
                let due = line.oldest_unanswered().zip(self.settings.answer_timeout).map(|(at, timeout)| at + timeout);
                (line.paused || due.is_none_or(|due| now < due)).then(|| "no ping is unanswered so long".into())
            }
            Cause::IdleTimeout => match self.standing.heartbeat(&self.settings) {
                Heartbeat::Idle { timeout } if !line.paused && now >= line.heard + *timeout => None,
                _ => Some(format!("it was heard of at {}", line.heard)),
            },
            Cause::WriteTimeout => {
                let due = line.writing.map(|since| since + self.settings.write_timeout);
                (line.paused || due.is_none_or(|due| now < due))
                    .then(|| format!("a write made progress at {:?}", line.writing))
            }
            Cause::ConnectTimeout { stage } => {
                let due = line.dialing.map(|since| since + self.settings.connect_timeout);
                let early = due.is_none_or(|due| now < due);
                let wrong = early.then(|| format!("it has been dialing since {:?}", line.dialing));
                wrong.or_else(|| (*stage != line.stage).then(|| format!("it is in the stage {}", line.stage)))
            }
            Cause::Stopped | Cause::Background | Cause::Credentials(_) => None,
            // The driver says what it saw; a session does not make that up, and no better endpoint is a reason.
            _ => Some("nothing is known to be wrong with it".into()),
        };
        let conn = line.conn;
        if let Some(wrong) = wrong {
            self.blame(Clause::HealthyKept, || format!("{conn} was given up ({cause}), but {wrong}"));
        }
    }

    /// The silence behind a heartbeat lasted too long, says the session.
    pub(super) fn missed(&mut self, missed: u32) {
        let timeout = self.full_pace().map(|pace| pace.timeout);
        let now = self.now;
        let Some(line) = &mut self.line else { return };
        line.missed += 1;
        line.missed_at = Some(now);
        line.wait_for_flush();
        let (right, conn, heard) = (line.missed, line.conn, line.heard.max(line.doubted));
        let awaiting = line.awaiting.take();
        let late = line.late == Some(now);
        let silent = awaiting.map(|left| now.since(left.max(heard)));
        let wrong = if line.paused {
            Some("reads are paused".into())
        } else if right != missed {
            Some(format!("it is the {right}-th"))
        } else if silent.zip(timeout).is_none_or(|(silent, timeout)| silent < timeout) {
            Some(format!("it was heard of at {heard}, and its heartbeat left at {awaiting:?}"))
        } else if late && silent > timeout.map(|timeout| timeout + LATE) {
            Some(format!("the silence of {silent:?} was seen late, and calls for a probe first"))
        } else {
            None
        };
        if let Some(wrong) = wrong {
            self.blame(Clause::HealthyKept, || format!("{conn} missed a heartbeat, its {missed}-th, but {wrong}"));
        }
    }

    /// Whether a ping can bring the server to say something.
    pub(super) fn expects_answers(&self) -> bool {
        self.settings.answer_timeout.is_some() || self.heartbeat_is_text()
    }

    fn wrong_silence(&self, line: &Line) -> Option<String> {
        let now = self.now;
        if line.paused {
            return Some("reads are paused".into());
        }
        let allowed = self.full_pace().map(|pace| pace.missed_allowed);
        if line.missed_at == Some(now) && allowed.is_some_and(|allowed| line.missed > allowed) {
            return None;
        }
        let silent = line.probed.map(|left| now.since(left.max(line.heard)));
        let is_silent = silent.is_some_and(|silent| silent >= self.settings.probe_timeout);
        let (missed, heard, probed) = (line.missed, line.heard, line.probed);
        (!is_silent).then(|| {
            format!("it missed {missed} of {allowed:?}, was heard of at {heard}, and its last probe left at {probed:?}")
        })
    }
}
