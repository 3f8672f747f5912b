//! Clauses about the one connection.

use std::{collections::VecDeque, time::Duration};

use steadfast_core::{
    CloseCode, CloseFrame, ConnId, Event, Message, Stage, Timestamp,
    config::{Heartbeat, Ready},
};

use super::{Checker, During, Ping, clause::Clause};

/// The live connection: from its `Connect` to its `Closed`.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, none of them a state")]
pub(super) struct Line {
    pub(super) conn: ConnId,
    pub(super) dialing: Option<Timestamp>,
    /// What is being done to connect.
    pub(super) stage: Stage,
    pub(super) opened: Option<Timestamp>,
    pub(super) can_ping: bool,
    pub(super) ready: bool,
    pub(super) closing: Option<Timestamp>,
    pub(super) aborted: bool,
    /// Since when the driver does not read.
    pub(super) paused: bool,
    paused_at: Timestamp,
    /// The last proof of life, or what stands for one: opening, reading again.
    pub(super) heard: Timestamp,
    /// From when the next ping's interval counts.
    pub(super) pinged: Timestamp,
    /// The same of text pings.
    pub(super) text_pings: VecDeque<Ping>,
    /// Pings that are not answered.
    pub(super) pings: VecDeque<Ping>,
    /// How many pings of both kinds were asked for, and how many of them have left, in their order.
    pub(super) asked: u64,
    pub(super) left: u64,
    /// How many of those left by the word of their answer, and are still to be said to.
    pub(super) presumed: u64,
    /// When the earliest heartbeat left that is unanswered, since the last miss.
    pub(super) awaiting: Option<Timestamp>,
    /// How many were missed in a row, and when the last was.
    pub(super) missed: u32,
    pub(super) missed_at: Option<Timestamp>,
    /// Messages handed over, flushed, and covered by an answered ping.
    pub(super) handed: u64,
    pub(super) flushed: u64,
    pub(super) answered: u64,
    /// Since when there is something unflushed and no progress.
    pub(super) writing: Option<Timestamp>,
    /// Something happened after which the session may probe, and judge by the probe alone.
    pub(super) doubtful: Option<Timestamp>,
    /// The same, by the session's own word: it asks for a sign of life, silence counts from here at the earliest.
    pub(super) doubted: Timestamp,
    probing: bool,
    /// The probe waits for the ping before it to leave.
    probe_waits: bool,
    /// When a ping last left that is a probe.
    pub(super) probed: Option<Timestamp>,
    /// A heartbeat or a probe may wait for the ping before it to leave.
    pub(super) overdue: bool,
    /// When a deadline was first seen late, if nothing was heard since.
    pub(super) late: Option<Timestamp>,
    /// By how much timers were late since something was heard.
    pub(super) slack: Duration,
    /// The heartbeat was changed, and no ping went out since: the next may be due at any time.
    pub(super) changed: bool,
    /// A text pong came in with this event, and is not delivered.
    pub(super) swallows: bool,
    /// Clocks count from here at the earliest.
    pub(super) grace: Timestamp,
    /// When a ping last left later than it was asked for.
    pub(super) slow_flush: Timestamp,
    /// When a ping was last answered.
    pub(super) answered_at: Timestamp,
    /// When a ping frame was last asked for.
    pub(super) last_frame: Option<Timestamp>,
    /// How many messages the last ping frame covers.
    pub(super) covered: u64,
    /// Since when the outbox may go out.
    pub(super) usable: Option<Timestamp>,
}

impl Line {
    fn new(conn: ConnId, now: Timestamp) -> Self {
        Self {
            conn,
            dialing: None,
            stage: Stage::Resolve,
            opened: None,
            can_ping: false,
            ready: false,
            closing: None,
            aborted: false,
            paused: false,
            paused_at: now,
            heard: now,
            pinged: now,
            text_pings: VecDeque::new(),
            pings: VecDeque::new(),
            asked: 0,
            left: 0,
            presumed: 0,
            awaiting: None,
            missed: 0,
            missed_at: None,
            handed: 0,
            flushed: 0,
            answered: 0,
            writing: None,
            doubtful: None,
            doubted: now,
            probing: false,
            probe_waits: false,
            probed: None,
            overdue: false,
            late: None,
            changed: false,
            slack: Duration::ZERO,
            swallows: false,
            grace: now,
            slow_flush: now,
            answered_at: now,
            last_frame: None,
            covered: 0,
            usable: None,
        }
    }

    /// Something is in the driver's buffers.
    pub(super) fn unflushed(&mut self, now: Timestamp) {
        self.writing.get_or_insert(now);
    }

    /// Open, and neither closed nor aborted by the session.
    pub(super) const fn is_usable(&self) -> bool {
        self.opened.is_some() && self.closing.is_none() && !self.aborted
    }

    /// Bytes came in.
    pub(super) fn hear(&mut self, now: Timestamp) {
        self.heard = now;
        self.doubtful = None;
        self.late = None;
        self.slack = Duration::ZERO;
        self.missed = 0;
        self.probing = false;
        self.probed = None;
    }

    /// A ping of either kind is asked for: its place among them.
    pub(super) fn ask(&mut self, now: Timestamp) -> u64 {
        self.unflushed(now);
        self.asked += 1;
        self.asked - 1
    }

    /// A ping of either kind has not left.
    pub(super) const fn has_unflushed_ping(&self) -> bool {
        self.asked > self.left
    }

    /// An answer shows that this ping has left, and those before it.
    pub(super) fn must_have_left(&mut self, ordinal: u64) {
        if ordinal >= self.left {
            self.presumed += ordinal + 1 - self.left;
            self.left = ordinal + 1;
            self.rest_from_writing();
        }
    }

    /// When the earliest unanswered ping frame left.
    pub(super) fn unanswered(&self) -> Option<Timestamp> {
        self.pings.iter().find_map(|ping| ping.flushed)
    }

    /// When the earliest unanswered ping of either kind left.
    pub(super) fn oldest_unanswered(&self) -> Option<Timestamp> {
        let text = self.text_pings.front().and_then(|ping| ping.flushed);
        self.unanswered().into_iter().chain(text).min()
    }

    /// From here on the session may probe, and clocks count from here.
    pub(super) fn doubt(&mut self, now: Timestamp, answers: bool) {
        self.doubtful = Some(now);
        self.grace = now;
        if self.is_usable() {
            self.doubted = now;
            // Where nothing is expected to answer, nothing is judged by it.
            self.probing = answers;
            self.probed = None;
            self.probe_waits = self.has_unflushed_ping();
            self.wait_for_flush();
        }
    }

    /// What is due now can only follow a ping that has not left.
    pub(super) fn wait_for_flush(&mut self) {
        self.overdue |= self.has_unflushed_ping();
    }

    /// The heartbeat is another: what waited to follow does not.
    pub(super) fn waits_no_more(&mut self) {
        self.overdue = false;
        self.probe_waits = false;
    }

    /// A ping of either kind has left.
    pub(super) fn ping_left(&mut self, now: Timestamp) {
        if self.probing && !std::mem::take(&mut self.probe_waits) {
            self.probed = Some(now);
        }
    }

    /// The driver reads again: the pause counts nowhere.
    fn read_on(&mut self, now: Timestamp) {
        let gap = now.since(self.paused_at);
        let shift = |at: Timestamp| (at + gap).min(now);
        self.paused = false;
        self.heard = shift(self.heard);
        for ping in self.pings.iter_mut().chain(&mut self.text_pings) {
            ping.flushed = ping.flushed.map(shift);
        }
        self.awaiting = self.awaiting.map(shift);
        self.probed = self.probed.map(shift);
        self.doubted = shift(self.doubted);
        self.writing = self.writing.map(|_| now);
        self.grace = now;
        self.doubtful = Some(now);
        // What was due before the pause, or was slept through, is looked at now.
        self.wait_for_flush();
    }

    /// Nothing waits to be written any more?
    pub(super) fn rest_from_writing(&mut self) {
        if self.flushed >= self.handed && !self.has_unflushed_ping() {
            self.writing = None;
        }
    }

    pub(super) fn wrote(&mut self, now: Timestamp) {
        self.writing = Some(now);
        self.rest_from_writing();
    }
}

impl Checker {
    pub(super) fn connect(&mut self, conn: ConnId, attempt: u32) {
        if let Some(line) = &self.line {
            let live = line.conn;
            self.blame(Clause::OneConnection, || format!("{conn} was asked for while {live} is not over"));
        }
        if conn <= self.last_conn {
            let last = self.last_conn;
            self.blame(Clause::ConnIdsRise, || format!("{conn} came after {last}"));
        }
        self.last_conn = self.last_conn.max(conn);
        self.account.attempts += 1;
        self.line = Some(Line::new(conn, self.now));
        self.attempt_made(attempt);
    }

    pub(super) fn may_send_on(&self, conn: ConnId) -> bool {
        self.line.as_ref().is_some_and(|line| line.conn == conn && line.is_usable())
    }

    pub(super) fn aborted(&mut self, conn: ConnId) {
        match self.line.as_mut().filter(|line| line.conn == conn && !line.aborted) {
            Some(line) => line.aborted = true,
            None => self.blame(Clause::LiveConnection, || format!("{conn} was aborted, and is not live")),
        }
    }

    pub(super) fn closed_politely(&mut self, conn: ConnId, frame: &CloseFrame) {
        if !self.may_send_on(conn) {
            self.blame(Clause::LiveConnection, || format!("{conn} was closed, and is not open"));
        }
        let asked = self.standing.stopping.as_ref().is_some_and(|stop| stop.frame == *frame);
        let is_own = frame.reason.is_empty() && matches!(frame.code, CloseCode::NORMAL | CloseCode::GOING_AWAY);
        if !(asked || is_own && self.may_leave()) {
            let code = frame.code;
            self.blame(Clause::DeadAborted, || format!("{conn} was closed with {code}, which nobody asked for"));
        }
        let now = self.now;
        if let Some(line) = self.line.as_mut().filter(|line| line.conn == conn) {
            line.closing = Some(now);
        }
    }

    pub(super) fn delivered(&mut self, conn: ConnId, message: &Message<'_>) {
        let came = self.undelivered.take();
        if !self.is_live(conn) || !came.is_some_and(|came| super::same(&came, message)) {
            self.blame(Clause::Delivered, || format!("a message from {conn} was delivered that did not come in now"));
        }
    }

    /// Something happened on the live connection.
    pub(super) fn connection_event(&mut self, conn: ConnId, event: &Event<'_>) {
        let now = self.now;
        if let Event::Closed { cause, untouched_from, .. } = event {
            self.during = During::Closed;
            self.lasted();
            self.ended(cause);
            self.ledger.connection_over(*untouched_from);
            self.standing.lost = self.line.take().is_some_and(|line| line.opened.is_some());
            let over = self.row.over(now);
            self.standing.without_connection(over);
            return;
        }
        let immediately = self.settings.ready == Ready::Immediately;
        let Some(line) = self.line.as_mut().filter(|line| line.conn == conn) else { return };
        line.swallows = false;
        match event {
            Event::Dialing { stage, .. } if line.opened.is_none() => {
                line.dialing.get_or_insert(now);
                line.stage = *stage;
            }
            Event::Opened { can_ping, .. } if line.opened.is_none() && !line.aborted => {
                line.opened = Some(now);
                line.can_ping = *can_ping;
                line.ready = immediately;
                line.usable = immediately.then_some(now);
                line.heard = now;
                line.pinged = now;
                line.grace = now;
                line.answered_at = now;
                line.doubtful = None;
                line.doubted = now;
                self.standing.opened(*can_ping);
                self.account.connects += 1;
            }
            Event::Ready { .. } if line.is_usable() => {
                line.ready = true;
                line.usable.get_or_insert(now);
            }
            Event::Wrote { .. } => line.wrote(now),
            Event::Flushed { up_to, .. } => {
                if let Some(position) = self.ledger.owed.get(up_to).and_then(|owed| owed.handed) {
                    line.flushed = line.flushed.max(position + 1);
                } else {
                    // Settled already, or one that was never handed over: then nothing is known.
                    line.writing = None;
                }
                line.wrote(now);
            }
            Event::PingFlushed { overtook, .. } => self.ping_flushed(*overtook),
            Event::ReadsPaused { .. } if !line.paused && line.opened.is_some() => {
                line.paused = true;
                line.paused_at = now;
            }
            Event::ReadsResumed { .. } if line.paused => line.read_on(now),
            Event::Received { message, .. } => self.received(message),
            Event::Activity { .. } => line.hear(now),
            Event::Pong { payload, .. } => self.ponged(*payload),
            _ => {}
        }
    }

    fn received(&mut self, message: &Message<'_>) {
        let now = self.now;
        self.undelivered = Some(message.clone().into_owned());
        let pong = match self.standing.heartbeat(&self.settings) {
            Heartbeat::Text { pong, deliver, .. } if message.as_text() == Some(pong) => Some(*deliver),
            _ => None,
        };
        let Some(line) = self.line.as_mut().filter(|line| line.opened.is_some()) else { return };
        self.account.received += 1;
        line.hear(now);
        if let Some(deliver) = pong {
            line.swallows = !deliver;
            line.answered_at = now;
            self.during = During::Answer;
            line.awaiting = None;
            let earliest = line.text_pings.drain(..).next();
            if let Some(earliest) = earliest {
                line.must_have_left(earliest.ordinal);
            }
        }
    }
}
