//! The way of a message that `admission` lets in: handed over, confirmed, settled; DESIGN "Delivery".

use core::time::Duration;

use crate::{
    Timestamp,
    config::Heartbeat,
    message::{ConnId, Message, MessageId},
    options::SendOptions,
    session::{
        Session,
        admission::Admission,
        link::Link,
        notice::{Dropped, Notice, Verdict, Watermark},
        outbox::{Entry, Settled, Slot},
        pending::Pending,
        phase::Phase,
        settle,
        store::Forgets,
        timers::Timer,
    },
};

/// How long the outbox stays empty before its memory is given back, and not long before it is looked at again.
const REST_AFTER: Duration = Duration::from_secs(10);

/// How many actions a session at rest keeps room for.
const ROOM_AT_REST: usize = 8;

impl Session {
    /// A message from the application. If it is handed over at once, returns to where, and its sequence number.
    pub(super) fn send(
        &mut self,
        id: MessageId,
        message: Message<'static>,
        options: SendOptions,
    ) -> Option<(ConnId, u64)> {
        let pending = self.pending.len();
        match self.admit(id, message.len(), &options) {
            Ok(Admission::Queue { ahead }) => {
                let (len, direct) = (message.len(), self.pending.len() == pending);
                let sent = if options.durable {
                    self.persist(id, message.clone(), options);
                    self.queue(id, message, &options, ahead, false)
                } else if self.passes(len) {
                    self.account.accepted += 1;
                    self.pass(id, message, &options, len, direct)
                } else {
                    self.account.accepted += 1;
                    self.queue(id, message, &options, ahead, direct)
                };
                self.look_at_marks(options.ttl.is_some());
                return sent;
            }
            Ok(Admission::Replace(old)) => {
                self.account.accepted += 1;
                let entry = Entry::new(id, message, &options, || self.boot_time());
                self.replace(old, entry);
            }
            Ok(Admission::DropAtOnce) => self.drop_at_once(id, message),
            Err(why) => self.refuse(id, message, why),
        }
        None
    }

    /// A message takes the place of one that waits.
    #[cold]
    #[inline(never)]
    fn replace(&mut self, old: Slot, entry: Entry) {
        settle(&mut self.account, &mut self.pending, self.outbox.replace(old, entry));
        self.pump(false);
        self.look_at_marks(true);
    }

    /// A message for which there is no room is accepted all the same.
    #[cold]
    #[inline(never)]
    fn drop_at_once(&mut self, id: MessageId, message: Message<'static>) {
        self.account.accepted += 1;
        let verdict = Verdict::Dropped(Dropped::NoRoom);
        settle(&mut self.account, &mut self.pending, Settled { id, verdict, message, stored: None });
    }

    /// A message is accepted that may have to wait.
    #[inline(never)]
    fn queue(
        &mut self,
        id: MessageId,
        message: Message<'static>,
        options: &SendOptions,
        ahead: bool,
        direct: bool,
    ) -> Option<(ConnId, u64)> {
        let entry = Entry::new(id, message, options, || self.boot_time());
        self.outbox.push(entry, ahead);
        self.pump(direct)
    }

    /// Whether a message of this length goes out as soon as it is accepted: then it never waits.
    #[inline]
    fn passes(&mut self, len: usize) -> bool {
        matches!(&self.phase, Phase::Open(link) if link.ready)
            && self.outbox.passes(len, &self.config.confirm)
            && (self.config.rate.is_none() || self.rate_allows(len))
    }

    /// Whether the rate allows a message of this length now; then it is counted.
    #[cold]
    #[inline(never)]
    fn rate_allows(&mut self, len: usize) -> bool {
        let (now, rate) = (self.now, self.config.rate);
        rate.is_none_or(|rate| self.extras().rate.take(now, len, &rate).is_ok())
    }

    /// Hands over a message that passes.
    #[inline]
    fn pass(
        &mut self,
        id: MessageId,
        message: Message<'static>,
        options: &SendOptions,
        len: usize,
        direct: bool,
    ) -> Option<(ConnId, u64)> {
        let Phase::Open(link) = &self.phase else { return None };
        let (conn, now) = (link.conn, self.now);
        let sequence = self.outbox.pass(id, message, options, now);
        self.account.messages_sent += 1;
        self.account.bytes_sent += len as u64;
        if !direct {
            self.pending.push_back(Pending::Send { conn, sequence });
        }
        self.expect_progress();
        self.barrier();
        direct.then_some((conn, sequence))
    }

    /// A message was accepted: what that changed is told.
    #[inline]
    fn look_at_marks(&mut self, expires: bool) {
        if expires {
            self.schedule_expiry();
        }
        if self.above {
            // Larger ones may have made room.
            self.judge_low_mark();
        }
        self.judge_high_mark();
    }

    pub(super) const fn open_link(&self) -> Option<&Link> {
        match &self.phase {
            Phase::Open(link) => Some(link),
            Phase::Idle
            | Phase::Authorizing { .. }
            | Phase::Connecting { .. }
            | Phase::Closing { .. }
            | Phase::Waiting { .. }
            | Phase::Offline { .. }
            | Phase::Background { .. }
            | Phase::Stopped { .. } => None,
        }
    }

    /// Hands over what may go out, in order, and puts a barrier behind it. If `direct`, the first of them is returned
    /// instead of queued.
    #[inline(never)]
    pub(super) fn pump(&mut self, mut direct: bool) -> Option<(ConnId, u64)> {
        if !matches!(self.phase, Phase::Open(_)) {
            return None;
        }
        if self.outbox.has_index() {
            // An event comes before the deadlines that it is late for; what has expired by then is not sent all the same.
            let (now, told) = (self.boot_time(), self.pending.len());
            self.settle_expired(|at| at < now);
            if told != self.pending.len() {
                direct = false;
                self.judge_drain();
            }
        }
        let Phase::Open(link) = &mut self.phase else { return None };
        let (mut handed, mut first) = (false, None);
        let burst = self.config.outbox.control_burst;
        while let Some(slot) = self.outbox.next_to_hand(&self.config.confirm, link.ready, burst) {
            if let Some(rate) = &self.config.rate
                && let extras = self.extras.get_or_insert_default()
                && let Err(until) = extras.rate.take(self.now, self.outbox.size(slot), rate)
            {
                self.timers.set(Timer::Rate, until);
                break;
            }
            let (sequence, len, again) = self.outbox.hand_over(slot);
            self.account.messages_sent += 1;
            self.account.bytes_sent += len as u64;
            self.account.resent += u64::from(again);
            if direct && !handed {
                first = Some((link.conn, sequence));
            } else {
                self.pending.push_back(Pending::Send { conn: link.conn, sequence });
            }
            handed = true;
        }
        if handed {
            self.expect_progress();
            self.barrier();
        }
        first
    }

    /// The time of a message that waits has come.
    pub(super) fn expire_messages(&mut self) {
        let now = self.boot_time();
        self.settle_expired(|at| at <= now);
        // What waited behind them may be smaller.
        self.pump(false);
        self.schedule_expiry();
        self.judge_drain();
        if !matches!(self.phase, Phase::Idle | Phase::Stopped { .. }) {
            self.rest_soon();
        }
    }

    #[cold]
    #[inline(never)]
    fn settle_expired(&mut self, has_come: impl Fn(Timestamp) -> bool) {
        while let Some(settled) = self.outbox.expire_one(&has_come) {
            settle(&mut self.account, &mut self.pending, settled);
        }
        self.judge_low_mark();
    }

    /// Sets the time at which the next message expires that waits.
    #[inline(never)]
    pub(super) fn schedule_expiry(&mut self) {
        match self.outbox.first_due() {
            Some(at) => self.timers.set(Timer::Expiry, at.saturating_sub(self.outbox.slept())),
            None => self.timers.clear(Timer::Expiry),
        }
    }

    /// Something was handed over that has not left: the write's clock runs.
    pub(super) fn expect_progress(&mut self) {
        if self.timers.is_set(Timer::Write) || !self.open_link().is_some_and(|link| self.is_writing(link)) {
            return;
        }
        if let Phase::Open(link) = &mut self.phase {
            link.progress = self.now;
            self.timers.set(Timer::Write, self.now + self.config.write_timeout);
        }
    }

    /// Puts a ping behind what was handed over, if nothing confirms it yet and the pace allows; else at its time.
    #[inline]
    pub(super) fn barrier(&mut self) {
        // One at a time: what goes out while a ping is under way shares the next. Whose time is set, that time is kept,
        // unless the window fills before it.
        if let Phase::Open(link) = &self.phase
            && !link.has_ping()
            && (!self.timers.is_set(Timer::Barrier) || self.outbox.quarter_used(&self.config.confirm))
        {
            self.barrier_if_due();
        }
    }

    fn barrier_if_due(&mut self) {
        let Phase::Open(link) = &self.phase else { return };
        let uncovered = self.outbox.has_handed() && self.outbox.next_sequence() > link.covered;
        if !uncovered || link.has_unflushed_ping() || !self.confirming(link) {
            return;
        }
        let due = link.last_frame.map_or(self.now, |last| last + self.config.confirm.every);
        if self.now >= due || self.outbox.quarter_used(&self.config.confirm) {
            self.queue_ping();
        } else {
            self.timers.set(Timer::Barrier, due);
        }
    }

    /// Whether pongs confirm messages on this link.
    pub(super) fn confirming(&self, link: &Link) -> bool {
        link.can_ping && self.config.confirms()
    }

    /// Sends a ping frame behind everything that was handed over; not while another ping has not left.
    pub(super) fn queue_ping(&mut self) {
        let is_heartbeat = !matches!(self.heartbeat(), Heartbeat::Text { .. });
        let Phase::Open(link) = &mut self.phase else { return };
        if !link.can_ping || link.has_unflushed_ping() {
            return;
        }
        if is_heartbeat {
            link.pinged = self.now;
        }
        let payload = link.push_ping(self.now, self.outbox.next_sequence());
        self.pending.push_back(Pending::Ping { conn: link.conn, payload });
        self.account.pings += 1;
        self.timers.clear(Timer::Barrier);
        self.expect_progress();
        self.schedule_ping();
    }

    /// Everything below this sequence number was read by the peer's endpoint.
    pub(super) fn confirm(&mut self, end: u64) {
        self.settle_front(end, Verdict::Confirmed);
    }

    fn settle_front(&mut self, end: u64, verdict: Verdict) {
        let mut run: Option<(MessageId, u32)> = None;
        let mut forgets = Forgets::default();
        while let Some((id, stored)) = self.outbox.settle_front(end) {
            if stored {
                forgets.push(id);
            }
            match &mut run {
                Some((first, count)) if first.0.checked_add(u64::from(*count)) == Some(id.0) => *count += 1,
                run => {
                    if let Some(before) = run.replace((id, 1)) {
                        self.tell_verdicts(before, verdict);
                    }
                }
            }
        }
        if let Some(last) = run {
            self.tell_verdicts(last, verdict);
            self.pending.extend(forgets.into_pending());
            self.judge_write();
            self.judge_low_mark();
            self.pump(false);
            self.judge_drain();
            self.rest_soon();
        }
    }

    /// The same verdict for a run of messages whose ids rise by one.
    fn tell_verdicts(&mut self, (first, count): (MessageId, u32), verdict: Verdict) {
        self.account.count(verdict, u64::from(count));
        self.pending.push_back(Pending::Verdicts { first, count, verdict });
    }

    /// Messages up to `up_to` have left all buffers.
    pub(super) fn flushed(&mut self, conn: ConnId, up_to: MessageId) {
        let now = self.now;
        let Some(link) = self.link_mut(conn) else { return };
        link.progress = now;
        let can_ping = link.can_ping;
        if self.outbox.flushed(up_to) {
            self.judge_write();
            if !(can_ping && self.config.confirms()) {
                self.settle_front(self.outbox.flushed_end(), Verdict::Written);
            }
        }
    }

    /// The write's clock stops when everything has left.
    pub(super) fn judge_write(&mut self) {
        if let Phase::Open(link) = &self.phase
            && !self.is_writing(link)
        {
            self.timers.clear(Timer::Write);
        }
    }

    /// The outbox is empty: its memory is given back if it stays so.
    fn rest_soon(&mut self) {
        if self.outbox.is_empty() && !self.timers.is_set(Timer::Rest) {
            self.timers.set(Timer::Rest, self.now + REST_AFTER);
        }
    }

    /// Nothing may have been accepted for a while: then a session at rest holds no more than a new one.
    pub(super) fn rest(&mut self) {
        if self.outbox.is_empty() && !self.outbox.is_quiet() {
            self.timers.set(Timer::Rest, self.now + REST_AFTER);
        }
        self.outbox.shrink_if_quiet();
        if self.outbox.is_empty() && self.pending.capacity() > ROOM_AT_REST {
            self.pending.shrink_to(ROOM_AT_REST);
        }
    }

    /// The application takes a message back.
    pub(super) fn cancel(&mut self, id: MessageId) {
        match self.outbox.cancel(id) {
            Ok(settled) => {
                settle(&mut self.account, &mut self.pending, settled);
                self.judge_low_mark();
                // What waited behind it may be smaller.
                self.pump(false);
                self.judge_drain();
            }
            Err(why) => self.notify(Notice::NotCancelled { id, why }),
        }
    }

    #[inline]
    pub(super) fn judge_high_mark(&mut self) {
        let bounds = &self.config.outbox;
        let mark = u64::from(bounds.high_watermark);
        if !self.above
            && (reaches(self.outbox.len(), bounds.max_messages as usize, mark)
                || reaches(self.outbox.bytes(), bounds.max_bytes, mark))
        {
            self.above = true;
            self.notify_mark(Watermark::High);
        }
    }

    pub(super) fn judge_low_mark(&mut self) {
        let bounds = &self.config.outbox;
        let mark = u64::from(bounds.low_watermark) + 1;
        if self.above
            && !reaches(self.outbox.len(), bounds.max_messages as usize, mark)
            && !reaches(self.outbox.bytes(), bounds.max_bytes, mark)
        {
            self.above = false;
            self.notify_mark(Watermark::Low);
        }
    }

    fn notify_mark(&mut self, mark: Watermark) {
        let messages = u32::try_from(self.outbox.len()).unwrap_or(u32::MAX);
        self.notify(Notice::Watermark { mark, messages, bytes: self.outbox.bytes() as u64 });
    }
}

/// Whether `level` is at least `percent` of `bound`.
const fn reaches(level: usize, bound: usize, percent: u64) -> bool {
    (level as u64).saturating_mul(100) >= (bound as u64).saturating_mul(percent)
}
