//! Pings and silence: how a dead connection is noticed, and a living one left alone.
//!
//! Deadlines that move with every byte that comes in are not moved with every byte: when one passes, what it should be by
//! now is worked out, and it is set again if it lies ahead.

use alloc::boxed::Box;
use core::time::Duration;

use crate::{
    Timestamp,
    cause::Cause,
    config::{Heartbeat, validate},
    message::{ConnId, MessageId},
    session::{
        Session,
        event::PingPayload,
        link::{Awaited, Link, Probe},
        notice::Notice,
        pending::Pending,
        phase::Phase,
        timers::Timer,
    },
};

/// A liveness deadline seen later than this tells of a suspended process, not of a dead peer.
pub(super) const LATE: Duration = Duration::from_secs(1);

impl Session {
    /// A message of so many bytes came in. Says whether it counts: whether it is of this connection.
    pub(super) fn received(&mut self, conn: ConnId, len: usize) -> bool {
        let now = self.now;
        let Some(link) = self.link_mut(conn) else { return false };
        link.hear(now);
        self.account.messages_received += 1;
        self.account.bytes_received += len as u64;
        true
    }

    /// Whether a message that came in, text or not, is the answer to the text heartbeat, and meant for nobody else.
    #[inline]
    pub(super) fn swallows<'m>(&mut self, text: impl FnOnce() -> Option<&'m str>) -> bool {
        matches!(self.heartbeat(), Heartbeat::Text { .. }) && self.is_swallowed(text())
    }

    fn is_swallowed(&mut self, text: Option<&str>) -> bool {
        let Heartbeat::Text { pong, deliver, .. } = self.heartbeat() else { return false };
        if text != Some(pong) {
            return false;
        }
        let swallowed = !deliver;
        let now = self.now;
        if let Phase::Open(link) = &mut self.phase {
            if let Some(round_trip) = link.text_answered(now) {
                self.account.rtt.record(round_trip);
            }
            self.arm_silence();
            // It shows that the text has left, if nothing else did.
            self.follow_up();
        }
        swallowed
    }

    /// Bytes came in.
    #[inline]
    pub(super) fn activity(&mut self, conn: ConnId) {
        let now = self.now;
        if let Some(link) = self.link_mut(conn) {
            link.hear(now);
        }
    }

    /// Bytes went out.
    #[inline]
    pub(super) fn wrote(&mut self, conn: ConnId) {
        let now = self.now;
        if let Some(link) = self.link_mut(conn) {
            link.progress = now;
        }
    }

    /// A pong came in.
    pub(super) fn pong(&mut self, conn: ConnId, payload: PingPayload) {
        let (now, awaited) = (self.now, self.awaited());
        let Some(link) = self.link_mut(conn) else { return };
        link.hear(now);
        let confirms = link.can_ping;
        let answer = link.pong(now, payload, awaited);
        self.arm_silence();
        let Some(answer) = answer else { return };
        if let Some(round_trip) = answer.round_trip {
            self.account.rtt.record(round_trip);
        }
        self.follow_up();
        if confirms && self.config.confirms() {
            self.confirm(answer.covers);
            self.barrier();
        }
    }

    /// A ping or a text has left all buffers: the clock of its answer starts.
    pub(super) fn ping_flushed(&mut self, conn: ConnId, overtook: Option<MessageId>) {
        let (now, awaited) = (self.now, self.awaited());
        let complete = overtook.and_then(|id| self.outbox.sequence_of(id));
        let Some(link) = self.link_mut(conn) else { return };
        if link.ping_flushed(now, complete, awaited) {
            link.progress = now;
            // If the probe waits for this one, its time has not come.
            if link.probe == Probe::Owed && !link.overdue {
                link.probe = Probe::Left;
            }
            self.arm_silence();
            self.arm_probe();
            self.follow_up();
        }
    }

    /// What a ping that had not left stood in the way of.
    fn follow_up(&mut self) {
        let Phase::Open(link) = &mut self.phase else { return };
        if !link.has_unflushed_ping() {
            let overdue = core::mem::take(&mut link.overdue);
            self.judge_write();
            if overdue {
                self.queue_heartbeat();
            }
            self.barrier();
        }
    }

    /// Whose silence the heartbeat in force waits to end.
    fn awaited(&self) -> Awaited {
        match self.heartbeat() {
            Heartbeat::Ping(_) => Awaited::Frames,
            Heartbeat::Text { .. } => Awaited::Texts,
            Heartbeat::Off | Heartbeat::Idle { .. } => Awaited::Nothing,
        }
    }

    /// A connection has opened: its clocks start.
    pub(super) fn start_liveness(&mut self) {
        self.schedule_ping();
        self.arm_idle();
    }

    /// Sets the time of the next heartbeat.
    pub(super) fn schedule_ping(&mut self) {
        let Phase::Open(link) = &self.phase else { return };
        let pinged = link.pinged;
        if link.paused.is_some() {
            return;
        }
        match self.heartbeat() {
            Heartbeat::Ping(pace) | Heartbeat::Text { pace, .. } => {
                let at = pinged + pace.interval;
                self.timers.set(Timer::PingDue, at);
            }
            Heartbeat::Off | Heartbeat::Idle { .. } => {}
        }
    }

    fn arm_idle(&mut self) {
        let Phase::Open(link) = &self.phase else { return };
        if let Heartbeat::Idle { timeout } = self.heartbeat()
            && link.paused.is_none()
        {
            let at = link.heard.max(link.grace) + *timeout;
            self.timers.set(Timer::Idle, at);
        }
    }

    /// Sets the deadlines of the pings that are under way; none while reads are paused.
    fn arm_silence(&mut self) {
        let Phase::Open(link) = &self.phase else { return };
        let pong_due = self.pong_deadline(link);
        let answer_due = self.answer_deadline(link);
        self.set_or_clear(Timer::PongDue, pong_due);
        self.set_or_clear(Timer::Answer, answer_due);
    }

    /// Sets the deadline of a probe that has left.
    fn arm_probe(&mut self) {
        if self.open_link().is_some_and(|link| link.probe == Probe::Left && link.paused.is_none()) {
            self.timers.set(Timer::Probe, self.now + self.config.probe_timeout);
        }
    }

    fn set_or_clear(&mut self, timer: Timer, at: Option<Timestamp>) {
        match at {
            Some(at) => self.timers.set(timer, at),
            None => self.timers.clear(timer),
        }
    }

    /// When the silence behind a heartbeat becomes a miss.
    fn pong_deadline(&self, link: &Link) -> Option<Timestamp> {
        if link.paused.is_some() {
            return None;
        }
        let timeout = match self.heartbeat() {
            Heartbeat::Ping(pace) | Heartbeat::Text { pace, .. } => pace.timeout,
            Heartbeat::Off | Heartbeat::Idle { .. } => return None,
        };
        Some(link.silence_since(link.awaiting?) + timeout)
    }

    /// When an unanswered ping tells of a dead way out.
    fn answer_deadline(&self, link: &Link) -> Option<Timestamp> {
        if link.paused.is_some() {
            return None;
        }
        Some(link.unanswered()?.max(link.grace) + self.config.answer_timeout?)
    }

    /// The next heartbeat is due. A ping frame that is under way serves as one, where answers can be expected at all.
    pub(super) fn ping_due(&mut self) {
        let serves = self.awaited() == Awaited::Frames && self.config.answer_timeout.is_some();
        let Phase::Open(link) = &mut self.phase else { return };
        link.pinged = self.now;
        let is_served = serves && link.has_ping();
        self.schedule_ping();
        if !is_served {
            self.queue_heartbeat();
        }
    }

    /// Sends a heartbeat of the kind in force; a ping frame where there is none. It waits for a ping that has not left.
    fn queue_heartbeat(&mut self) {
        let is_text = self.awaited() == Awaited::Texts;
        let Phase::Open(link) = &mut self.phase else { return };
        if link.has_unflushed_ping() {
            link.overdue = true;
        } else if is_text {
            link.push_text(self.now);
            self.pending.push_back(Pending::Heartbeat { conn: link.conn });
            self.expect_progress();
            self.schedule_ping();
        } else {
            self.queue_ping();
        }
    }

    /// The silence behind a heartbeat has lasted for its timeout, unless something came in meanwhile.
    pub(super) fn pong_due(&mut self) {
        let Phase::Open(link) = &self.phase else { return };
        let Some(due) = self.pong_deadline(link) else { return };
        if due > self.now {
            self.timers.set(Timer::PongDue, due);
        } else if !self.forgive(due) {
            self.miss();
        }
    }

    fn miss(&mut self) {
        let allowed = match self.heartbeat() {
            Heartbeat::Ping(pace) | Heartbeat::Text { pace, .. } => pace.missed_allowed,
            Heartbeat::Off | Heartbeat::Idle { .. } => 0,
        };
        let Phase::Open(link) = &mut self.phase else { return };
        link.missed = link.missed.saturating_add(1);
        // The next one's silence counts from when it has left.
        link.awaiting = None;
        let (conn, missed) = (link.conn, link.missed);
        self.account.missed += 1;
        self.notify(Notice::PongMissed { conn, missed });
        if missed > allowed {
            self.abort(Cause::HeartbeatTimeout);
        } else {
            self.queue_heartbeat();
        }
    }

    /// Pings were left unanswered for too long.
    pub(super) fn answer_due(&mut self) {
        let Phase::Open(link) = &self.phase else { return };
        let Some(due) = self.answer_deadline(link) else { return };
        if due > self.now {
            self.timers.set(Timer::Answer, due);
        } else if !self.forgive(due) {
            self.abort(Cause::AnswerTimeout);
        }
    }

    /// Nothing came in for the idle timeout, unless something did meanwhile.
    pub(super) fn idle_due(&mut self) {
        let Phase::Open(link) = &self.phase else { return };
        let Heartbeat::Idle { timeout } = self.heartbeat() else { return };
        let due = link.heard.max(link.grace) + *timeout;
        if due > self.now {
            self.timers.set(Timer::Idle, due);
        } else if !self.forgive(due) {
            self.abort(Cause::IdleTimeout);
        }
    }

    /// A doubtful connection was not heard of since it was probed, unless it was.
    pub(super) fn probe_due(&mut self) {
        let Phase::Open(link) = &self.phase else { return };
        if link.probe != Probe::Left || link.paused.is_some() {
            return;
        }
        let due = link.silence_since(link.last_left()) + self.config.probe_timeout;
        if due > self.now {
            self.timers.set(Timer::Probe, due);
        } else if !self.forgive(due) {
            self.abort(Cause::HeartbeatTimeout);
        }
    }

    /// A write has made no progress for its timeout, unless it has.
    pub(super) fn write_due(&mut self) {
        let Phase::Open(link) = &self.phase else { return };
        if !self.is_writing(link) {
            return;
        }
        let due = link.progress.max(link.grace) + self.config.write_timeout;
        if due > self.now {
            self.timers.set(Timer::Write, due);
        } else if !self.forgive(due) {
            self.abort(Cause::WriteTimeout);
        }
    }

    /// Grants one probe instead of a verdict if the deadline is seen so late that the process must have slept.
    fn forgive(&mut self, due: Timestamp) -> bool {
        let now = self.now;
        let Phase::Open(link) = &mut self.phase else { return false };
        if now - due <= LATE || link.forgiven {
            return false;
        }
        link.forgiven = true;
        link.grace = now;
        self.ask_for_life();
        if self.open_link().is_some_and(|link| self.is_writing(link)) {
            self.timers.set(Timer::Write, now + self.config.write_timeout);
        }
        true
    }

    /// The connection is in doubt: a ping, with less time than usual for a sign of life.
    pub(super) fn probe(&mut self) {
        let (now, answers, is_text) = (self.now, self.expects_answers(), self.awaited() == Awaited::Texts);
        let Phase::Open(link) = &mut self.phase else { return };
        link.grace = now;
        link.probe = if answers && (link.can_ping || is_text) { Probe::Owed } else { Probe::None };
        self.timers.clear(Timer::Probe);
        self.ask_for_life();
    }

    /// Whether a ping can bring a server to say something that it would not have said.
    fn expects_answers(&self) -> bool {
        self.config.answer_timeout.is_some() || self.awaited() == Awaited::Texts
    }

    /// A ping out of turn, and the silence counts anew.
    fn ask_for_life(&mut self) {
        if self.expects_answers() || self.awaited() == Awaited::Frames {
            self.queue_heartbeat();
        }
        self.arm_silence();
        self.arm_idle();
    }

    /// Whether something that was handed over has not left, and is expected to.
    pub(super) fn is_writing(&self, link: &Link) -> bool {
        link.paused.is_none() && (self.outbox.has_unflushed() || link.has_unflushed_ping())
    }

    /// The driver reads no more: liveness clocks stop.
    pub(super) fn reads_paused(&mut self, conn: ConnId) {
        let now = self.now;
        let Some(link) = self.link_mut(conn) else { return };
        if link.paused.is_none() {
            link.paused = Some(now);
            // A peer that cannot write to us may well read no more, so that the write's clock stops with them.
            for timer in [Timer::PingDue, Timer::PongDue, Timer::Probe, Timer::Answer, Timer::Idle, Timer::Write] {
                self.timers.clear(timer);
            }
        }
    }

    /// The driver reads again: they go on.
    pub(super) fn reads_resumed(&mut self, conn: ConnId) {
        let now = self.now;
        let Some(link) = self.link_mut(conn) else { return };
        if link.paused.is_some() {
            link.resume_reads(now);
            self.schedule_ping();
            self.arm_silence();
            self.arm_idle();
            self.expect_progress();
            self.arm_probe();
        }
    }

    /// The application changes the heartbeat.
    pub(super) fn set_heartbeat(&mut self, heartbeat: Heartbeat) {
        if let Err(error) = validate::heartbeat(&heartbeat) {
            self.notify(Notice::HeartbeatRefused(Box::new(error)));
            return;
        }
        self.heartbeat = Some(Box::new(heartbeat));
        let before = self.pending.len();
        self.forget(|pending| matches!(pending, Pending::Heartbeat { .. }));
        let forgotten = (before - self.pending.len()) as u64;
        let awaited = self.awaited();
        if let Phase::Open(link) = &mut self.phase {
            link.change_heartbeat(forgotten, awaited);
            for timer in [Timer::PingDue, Timer::PongDue, Timer::Idle] {
                self.timers.clear(timer);
            }
            self.schedule_ping();
            self.arm_silence();
            self.arm_idle();
            // A text that was not taken kept a barrier back.
            self.follow_up();
        }
    }
}
