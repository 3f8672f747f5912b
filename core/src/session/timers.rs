//! The table of deadlines, and the one timer that it becomes.

use crate::Timestamp;

/// What a deadline is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(super) enum Timer {
    /// The attempt takes too long.
    Connect,
    /// The wait before the next attempt is over.
    Backoff,
    /// The next heartbeat goes out.
    PingDue,
    /// The silence after a heartbeat is a miss.
    PongDue,
    /// The check of a doubtful connection has failed.
    Probe,
    /// A ping was left unanswered although data came in.
    Answer,
    /// Nothing came in.
    Idle,
    /// A write makes no progress.
    Write,
    /// The next barrier may go out.
    Barrier,
    /// The connection has proved itself.
    Stable,
    /// The server does not answer the close.
    Close,
    /// The application hears of a long outage.
    Outage,
    /// The drain is over.
    Drain,
    /// Memory may be given back.
    Rest,
    /// Credentials: a fetch takes too long, or the next is due.
    Lease,
    /// The application was in the background for long enough.
    Background,
    /// The rate allows the next message.
    Rate,
    /// A message that waits expires.
    Expiry,
}

const COUNT: usize = 18;

/// In the order of the declaration, which also breaks ties.
const ALL: [Timer; COUNT] = [
    Timer::Connect,
    Timer::Backoff,
    Timer::PingDue,
    Timer::PongDue,
    Timer::Probe,
    Timer::Answer,
    Timer::Idle,
    Timer::Write,
    Timer::Barrier,
    Timer::Stable,
    Timer::Close,
    Timer::Outage,
    Timer::Drain,
    Timer::Rest,
    Timer::Lease,
    Timer::Background,
    Timer::Rate,
    Timer::Expiry,
];

/// Deadlines; [`Timestamp::MAX`] stands for none.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Timers {
    at: [Timestamp; COUNT],
    /// What the driver was told last. Never later than the earliest deadline when `handle` returns, but it may be
    /// earlier: a deadline that moves away is only looked at again when the driver's timer fires.
    armed: Timestamp,
    /// A deadline was set that is earlier than `armed`.
    behind: bool,
}

/// What the driver's timer needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rearm {
    Set(Timestamp),
    Cancel,
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self { at: [Timestamp::MAX; COUNT], armed: Timestamp::MAX, behind: false }
    }

    pub(super) fn set(&mut self, timer: Timer, at: Timestamp) {
        self.at[timer as usize] = at;
        if at < self.armed {
            self.behind = true;
        }
    }

    pub(super) const fn clear(&mut self, timer: Timer) {
        self.at[timer as usize] = Timestamp::MAX;
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.at[timer as usize] != Timestamp::MAX
    }

    pub(super) const fn get(&self, timer: Timer) -> Timestamp {
        self.at[timer as usize]
    }

    /// What belongs to one connection goes with it.
    pub(super) fn clear_connection(&mut self) {
        for timer in ALL {
            match timer {
                Timer::Connect
                | Timer::PingDue
                | Timer::PongDue
                | Timer::Probe
                | Timer::Answer
                | Timer::Idle
                | Timer::Write
                | Timer::Barrier
                | Timer::Stable
                | Timer::Close
                | Timer::Rate => self.clear(timer),
                Timer::Backoff
                | Timer::Outage
                | Timer::Drain
                | Timer::Rest
                | Timer::Lease
                | Timer::Background
                | Timer::Expiry => {}
            }
        }
    }

    pub(super) fn clear_all(&mut self) {
        self.at = [Timestamp::MAX; COUNT];
    }

    /// What the driver was told last, if it has not fired since.
    pub(super) fn armed(&self) -> Option<Timestamp> {
        (self.armed != Timestamp::MAX).then_some(self.armed)
    }

    /// The driver's timer has fired, so it is not armed any more.
    pub(super) const fn fired(&mut self) {
        self.armed = Timestamp::MAX;
        self.behind = true;
    }

    /// Whether some deadline may have passed; cheap, and never wrong when it says no.
    pub(super) fn may_be_due(&self, now: Timestamp) -> bool {
        self.behind || now >= self.armed
    }

    /// Takes the earliest deadline that has passed, and says when that was.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<(Timer, Timestamp)> {
        let due = ALL.into_iter().min_by_key(|&timer| self.get(timer))?;
        let at = self.get(due);
        if at > now || !self.is_set(due) {
            return None;
        }
        self.clear(due);
        Some((due, at))
    }

    /// What to tell the driver. Unless `exact`, a timer that would only fire too early is left as it is.
    pub(super) fn rearm(&mut self, now: Timestamp, exact: bool) -> Option<Rearm> {
        let stale = self.armed <= now;
        if !(self.behind || exact || stale) {
            return None;
        }
        self.behind = false;
        let earliest = self.at.into_iter().min().unwrap_or(Timestamp::MAX);
        if earliest == self.armed {
            return None;
        }
        self.armed = earliest;
        Some(if earliest == Timestamp::MAX { Rearm::Cancel } else { Rearm::Set(earliest) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn the_earliest_deadline_is_armed_and_a_later_one_is_not_told() {
        let mut timers = Timers::new();
        timers.set(Timer::Idle, at(50));
        assert_eq!(timers.rearm(at(0), false), Some(Rearm::Set(at(50))));
        timers.set(Timer::Write, at(90));
        assert_eq!(timers.rearm(at(0), false), None);
        timers.set(Timer::Barrier, at(10));
        assert_eq!(timers.rearm(at(0), false), Some(Rearm::Set(at(10))));
    }

    #[test]
    fn a_deadline_that_moves_away_is_told_only_when_exactness_is_asked() {
        let mut timers = Timers::new();
        timers.set(Timer::Idle, at(50));
        assert!(timers.rearm(at(0), false).is_some());
        timers.set(Timer::Idle, at(80));
        assert_eq!(timers.rearm(at(1), false), None);
        assert_eq!(timers.rearm(at(1), true), Some(Rearm::Set(at(80))));
        timers.clear(Timer::Idle);
        assert_eq!(timers.rearm(at(1), true), Some(Rearm::Cancel));
    }

    #[test]
    fn a_fired_timer_is_told_again() {
        let mut timers = Timers::new();
        timers.set(Timer::Idle, at(50));
        assert!(timers.rearm(at(0), false).is_some());
        timers.fired();
        assert_eq!(timers.take_due(at(20)), None);
        assert_eq!(timers.rearm(at(20), false), Some(Rearm::Set(at(50))));
    }

    #[test]
    fn due_timers_come_out_earliest_first_and_once() {
        let mut timers = Timers::new();
        timers.set(Timer::Drain, at(5));
        timers.set(Timer::Connect, at(7));
        assert_eq!(timers.take_due(at(10)), Some((Timer::Drain, at(5))));
        assert_eq!(timers.take_due(at(10)), Some((Timer::Connect, at(7))));
        assert_eq!(timers.take_due(at(10)), None);
    }

    #[test]
    fn nothing_is_due_at_the_end_of_time() {
        assert_eq!(Timers::new().take_due(Timestamp::MAX), None);
    }

    #[test]
    fn the_list_of_timers_is_in_order() {
        for (index, timer) in ALL.into_iter().enumerate() {
            assert_eq!(timer as usize, index);
        }
    }
}
