//! What an event does to the state: every transition, in one place.

use alloc::boxed::Box;
use core::{num::NonZeroU64, time::Duration};

use crate::{
    Timestamp,
    cause::Cause,
    close::CloseFrame,
    config::Ready,
    lease::Epoch,
    message::{ConnId, MessageId},
    session::{
        Session,
        link::Link,
        liveness::LATE,
        notice::{Notice, Transition},
        pending::Pending,
        phase::{Intent, Phase, Sight},
        policy::{Decided, Decision},
        retry::Retry,
        settle,
        state::StopCause,
        timers::Timer,
    },
    stage::Stage,
};

impl Session {
    /// Changes the state, and tells.
    pub(super) fn enter(&mut self, phase: Phase, decided: Option<Decided>) {
        let from = self.phase.kind();
        self.account.left(from, self.now);
        self.phase = phase;
        let to = self.phase.state();
        self.notify(Notice::State(Box::new(Transition { from, to, decided })));
        if self.extras.is_some() {
            self.arm_lease();
        }
    }

    /// The application wants a connection.
    pub(super) fn start(&mut self) {
        match &self.phase {
            Phase::Idle | Phase::Stopped { .. } => {
                self.intent = Intent::Run;
                self.retry = Retry::default();
                self.begin_endpoints_row();
                self.was_open = false;
                self.take_up_kept();
                self.begin_outage(self.now);
                if self.offline {
                    let offline = Phase::Offline { not_before: self.now, attempt: 1, cause: None };
                    self.enter(offline, None);
                } else {
                    self.connect(None);
                }
                if self.sight != Sight::Seen {
                    self.begin_hidden();
                }
            }
            Phase::Authorizing { .. }
            | Phase::Connecting { .. }
            | Phase::Open(_)
            | Phase::Closing { .. }
            | Phase::Waiting { .. }
            | Phase::Offline { .. }
            | Phase::Background { .. } => match &mut self.intent {
                Intent::Run => {}
                Intent::Drain { .. } => {
                    self.intent = Intent::Run;
                    self.timers.clear(Timer::Drain);
                    if self.sight != Sight::Seen && !matches!(self.phase, Phase::Background { .. }) {
                        self.begin_hidden();
                    }
                }
                Intent::Stop { restart } => *restart = true,
            },
        }
    }

    /// The application wants no connection any more.
    pub(super) fn stop(&mut self, frame: CloseFrame, drain: Option<Duration>) {
        if matches!(self.phase, Phase::Stopped { .. }) {
            return;
        }
        if let Intent::Stop { restart } = &mut self.intent {
            *restart = false;
            return;
        }
        let frame = frame.into_sendable();
        match drain {
            Some(span) if !self.outbox.is_empty() && !matches!(self.phase, Phase::Idle) => {
                self.intent = Intent::Drain { frame };
                self.timers.set(Timer::Drain, self.now + span);
                self.attempt_to_drain();
            }
            Some(_) | None => self.close(frame),
        }
    }

    /// The time to drain is over.
    pub(super) fn drain_is_over(&mut self) {
        if let Intent::Drain { frame } = &self.intent {
            let frame = frame.clone();
            self.close(frame);
        }
    }

    /// Closes once a drain has nothing left to wait for.
    pub(super) fn judge_drain(&mut self) {
        if self.outbox.is_empty() {
            self.drain_is_over();
        }
    }

    /// Ends what there is, in the application's name.
    fn close(&mut self, frame: CloseFrame) {
        self.intent = Intent::Stop { restart: false };
        self.timers.clear(Timer::Drain);
        match &self.phase {
            Phase::Idle
            | Phase::Authorizing { .. }
            | Phase::Waiting { .. }
            | Phase::Offline { .. }
            | Phase::Background { .. } => self.finish(StopCause::Application, None),
            Phase::Connecting { .. } => self.abort(Cause::Stopped),
            Phase::Open(_) => self.part(Cause::Stopped, frame),
            Phase::Closing { .. } | Phase::Stopped { .. } => {}
        }
    }

    /// Closes an open connection politely.
    fn part(&mut self, cause: Cause, frame: CloseFrame) {
        let Phase::Open(link) = &self.phase else { return };
        let link = link.clone();
        let conn = link.conn;
        self.timers.clear_connection();
        self.timers.set(Timer::Close, self.now + self.config.close_timeout);
        let closing = Phase::Closing { conn, cause, since: self.now, hasten: false, link: Some(link) };
        self.pending.push_back(Pending::Close { conn, frame: Box::new(frame) });
        self.enter(closing, None);
    }

    /// Closes an open connection politely, for a reason of the session's own: another may follow.
    pub(super) fn leave(&mut self, cause: Cause, frame: CloseFrame) {
        self.begin_outage(self.now);
        self.part(cause, frame);
    }

    /// The server has not answered the close.
    pub(super) fn close_timed_out(&mut self) {
        if let Phase::Closing { conn, .. } = &self.phase {
            let conn = *conn;
            self.pending.push_back(Pending::Abort { conn });
        }
    }

    /// The application wants the next attempt now.
    pub(super) fn reconnect_now(&mut self) {
        match &mut self.phase {
            Phase::Waiting { .. } | Phase::Offline { .. } => {
                if self.sight == Sight::Forgotten || self.timers.get(Timer::Background) <= self.now {
                    self.begin_hidden();
                }
                self.connect(None);
            }
            Phase::Background { .. } => {
                // By the application's word, though nobody sees it: it has its time anew.
                self.begin_hidden();
                self.begin_outage(self.now);
                self.connect(None);
            }
            Phase::Closing { hasten, .. } => *hasten = true,
            Phase::Idle
            | Phase::Authorizing { .. }
            | Phase::Connecting { .. }
            | Phase::Open(_)
            | Phase::Stopped { .. } => {}
        }
    }

    /// The wait is over.
    pub(super) fn wait_is_over(&mut self) {
        if matches!(self.phase, Phase::Waiting { .. }) {
            self.connect(None);
        }
    }

    /// Begins an attempt; first it gets what it needs for that, if it needs anything.
    pub(super) fn connect(&mut self, decided: Option<Decided>) {
        self.timers.clear(Timer::Backoff);
        if self.config.credentials.is_some() {
            self.authorize(decided);
        } else {
            self.dial(None, decided);
        }
    }

    /// Begins an attempt that has what it needs.
    pub(super) fn dial(&mut self, credentials: Option<Epoch>, decided: Option<Decided>) {
        self.conns += 1;
        let conn = ConnId(self.conns);
        let attempt = self.retry.begin(self.now);
        self.account.attempts += 1;
        let endpoint = self.choose_endpoint(conn);
        self.enter(Phase::Connecting { conn, attempt, stage: Stage::Resolve }, decided);
        let credentials = credentials.and_then(|epoch| NonZeroU64::new(epoch.0));
        self.pending.push_back(Pending::Connect { conn, attempt, endpoint, credentials });
    }

    /// The driver has begun to connect, or to do the next thing for it. One deadline is over all of them.
    pub(super) fn dialing(&mut self, conn: ConnId, stage: Stage) {
        if let Phase::Connecting { conn: current, stage: reached, .. } = &mut self.phase
            && *current == conn
        {
            *reached = stage;
            if !self.timers.is_set(Timer::Connect) {
                self.timers.set(Timer::Connect, self.now + self.config.connect_timeout);
            }
        }
    }

    /// The attempt takes too long.
    pub(super) fn connect_timed_out(&mut self) {
        if let Phase::Connecting { stage, .. } = self.phase {
            self.abort(Cause::ConnectTimeout { stage });
        }
    }

    /// Drops the connection, or the attempt, without ceremony.
    pub(super) fn abort(&mut self, cause: Cause) {
        let (conn, link) = match &self.phase {
            Phase::Connecting { conn, .. } => (*conn, None),
            Phase::Open(link) => (link.conn, Some(link.clone())),
            Phase::Idle
            | Phase::Authorizing { .. }
            | Phase::Closing { .. }
            | Phase::Waiting { .. }
            | Phase::Offline { .. }
            | Phase::Background { .. }
            | Phase::Stopped { .. } => return,
        };
        self.timers.clear_connection();
        if link.is_some() {
            self.begin_outage(self.now);
        }
        self.pending.push_back(Pending::Abort { conn });
        self.enter(Phase::Closing { conn, cause, since: self.now, hasten: false, link }, None);
    }

    /// The WebSocket is open.
    pub(super) fn opened(&mut self, conn: ConnId, can_ping: bool) {
        if !matches!(&self.phase, Phase::Connecting { conn: current, .. } if *current == conn) {
            return;
        }
        self.timers.clear_connection();
        self.timers.clear(Timer::Outage);
        self.outage = None;
        self.account.connects += 1;
        self.account.reconnects += u64::from(self.was_open);
        self.was_open = true;
        self.can_ping = Some(can_ping);
        let nonce = self.rng.next_u64();
        let mut link = Link::new(conn, self.now, can_ping, self.outbox.next_sequence(), nonce);
        link.ready = self.config.ready == Ready::Immediately;
        self.enter(Phase::Open(link), None);
        if !can_ping {
            let (account, pending) = (&mut self.account, &mut self.pending);
            self.outbox.drop_unconfirmable(|settled| settle(account, pending, settled));
            self.judge_low_mark();
        }
        self.start_liveness();
        if self.config.credentials.is_some() {
            self.present_first();
        }
        if self.config.ready == Ready::Immediately {
            self.usable();
        }
        self.judge_drain();
    }

    /// The application has sent ahead what the connection needs.
    pub(super) fn ready(&mut self, conn: ConnId) {
        if let Phase::Open(link) = &self.phase
            && link.conn == conn
            && !link.ready
        {
            let mut link = link.clone();
            link.ready = true;
            self.enter(Phase::Open(link), None);
            if self.config.credentials.is_some() {
                self.renew();
            }
            if matches!(self.phase, Phase::Open(_)) {
                self.usable();
            }
        }
    }

    /// The outbox may go out, and the connection may prove itself.
    fn usable(&mut self) {
        let stable_after = self.retry.stable_after(&self.config);
        self.timers.set(Timer::Stable, self.now + stable_after);
        self.pump(false);
    }

    /// The connection has proved itself: the next failure is the first.
    pub(super) fn stable(&mut self, due: Timestamp) {
        if self.now - due > LATE {
            // A process that slept has not used it: let it prove itself awake.
            let stable_after = self.retry.stable_after(&self.config);
            self.timers.set(Timer::Stable, self.now + stable_after);
        } else if let Phase::Open(link) = &self.phase {
            let conn = link.conn;
            self.retry.end_row();
            self.endpoint_is_stable();
            if let Some(extras) = &mut self.extras {
                extras.credentials.succeeded();
            }
            self.notify(Notice::Stable { conn });
        }
    }

    /// The connection is over, or never came to be.
    pub(super) fn closed(&mut self, conn: ConnId, cause: Cause, untouched_from: Option<MessageId>) {
        if self.phase.conn() != Some(conn) {
            return;
        }
        let (cause, over, hasten, is_ours, was_open) = match &self.phase {
            Phase::Connecting { .. } => (cause, self.now, false, false, false),
            Phase::Open(_) => (cause, self.now, false, false, true),
            Phase::Closing { cause, since, hasten, link, .. } => {
                (cause.clone(), *since, *hasten, cause.is_deliberate(), link.is_some())
            }
            Phase::Idle
            | Phase::Authorizing { .. }
            | Phase::Waiting { .. }
            | Phase::Offline { .. }
            | Phase::Background { .. }
            | Phase::Stopped { .. } => return,
        };
        if !is_ours {
            self.account.failures[cause.kind() as usize] += 1;
        }
        self.timers.clear_connection();
        self.settle_connection(conn, untouched_from);
        if let Intent::Stop { .. } = self.intent {
            self.spare_endpoint();
            return self.finish(StopCause::Application, None);
        }
        if is_ours {
            self.spare_endpoint();
            self.left(cause, over);
            if was_open {
                self.lost_to_drain();
            }
            if hasten {
                self.reconnect_now();
            }
            return;
        }
        let decided = self.config.decide(&cause);
        self.judge_endpoint(&cause, decided.decision);
        if decided.decision == Decision::Terminal {
            return self.finish(StopCause::Terminal(cause), Some(decided));
        }
        let is_rejected = decided.decision == Decision::RefreshCredentials && self.config.credentials.is_some();
        let at_once = is_rejected && self.reject(&cause);
        if self.is_draining() && self.outbox.is_empty() {
            return self.finish(StopCause::Application, Some(decided));
        }
        if at_once {
            self.retry_at_once(cause, decided, over);
        } else {
            self.retry_after(cause, decided, over);
        }
        if was_open {
            self.lost_to_drain();
        }
        if hasten {
            self.reconnect_now();
        }
    }

    /// A connection is over that the session wanted to end, and nothing had failed.
    fn left(&mut self, cause: Cause, over: Timestamp) {
        if self.is_draining() && self.outbox.is_empty() {
            return self.finish(StopCause::Application, None);
        }
        let attempt = self.retry.attempts.saturating_add(1);
        let is_switching = self.extras.as_ref().is_some_and(|extras| extras.credentials.is_switching());
        if self.is_forgotten() {
            self.withdraw(self.now, attempt, Some(cause));
        } else if self.offline {
            self.enter(Phase::Offline { not_before: self.now, attempt, cause: Some(cause) }, None);
        } else if (self.retry.attempts == 0 || is_switching) && self.may_be_tried() {
            self.connect(None);
        } else if cause == Cause::Background && self.retry.is_patient() && self.may_be_tried() {
            // Once in a row, so that a foreground that flickers does not undo the backoff.
            self.retry.hint();
            self.connect(None);
        } else {
            // It had not proved itself: what makes it end again and again must not hammer the server.
            let decided = self.config.decide(&cause);
            self.retry_after(cause, decided, over);
        }
    }

    /// What the connection carried is settled, or waits for the next one.
    fn settle_connection(&mut self, conn: ConnId, untouched_from: Option<MessageId>) {
        let mut untouched =
            untouched_from.and_then(|id| self.outbox.sequence_of(id)).unwrap_or_else(|| self.outbox.next_sequence());
        // What the driver never took was never touched.
        for pending in &self.pending {
            if let Pending::Send { sequence, .. } = pending {
                untouched = untouched.min(*sequence);
            }
        }
        self.forget(|pending| pending.conn() == Some(conn));
        self.lasted();
        let departing = self.extras.as_mut().is_some_and(|extras| extras.credentials.departed());
        let (account, pending) = (&mut self.account, &mut self.pending);
        self.outbox.connection_over(untouched, departing, |settled| settle(account, pending, settled));
        self.judge_low_mark();
    }

    /// Another attempt, in its time, or none if the policy gives up.
    pub(super) fn retry_after(&mut self, cause: Cause, decided: Decided, over: Timestamp) {
        self.begin_outage(over);
        let floor = self.asked_for(&cause);
        let next = self.retry.next(&self.config, decided.decision, floor, over, &mut self.rng);
        let next = next.map(|next| self.elsewhere(next));
        let Some(next) = next.filter(|next| !self.retry.gives_up(&self.config, next.until)) else {
            let elapsed = over - self.retry.failing_since.unwrap_or(over);
            let attempts = self.retry.attempts;
            self.notify(Notice::Exhausted { attempts, elapsed });
            return self.finish(StopCause::Exhausted(cause), Some(decided));
        };
        let attempt = self.retry.attempts.saturating_add(1);
        let not_before = next.not_before;
        self.wait(next.until, not_before, attempt, cause, decided);
    }

    /// Waits for the next attempt, or for what keeps it from being made.
    pub(super) fn wait(
        &mut self,
        until: Timestamp,
        not_before: Timestamp,
        attempt: u32,
        cause: Cause,
        decided: Decided,
    ) {
        if self.is_forgotten() {
            self.timers.clear(Timer::Outage);
            self.outage = None;
            return self.enter(Phase::Background { not_before, attempt, cause: Some(cause) }, Some(decided));
        }
        if self.offline {
            return self.enter(Phase::Offline { not_before, attempt, cause: Some(cause) }, Some(decided));
        }
        self.timers.set(Timer::Backoff, until);
        self.enter(Phase::Waiting { until, not_before, attempt, cause }, Some(decided));
    }

    /// Settles everything, and stops.
    pub(super) fn finish(&mut self, cause: StopCause, decided: Option<Decided>) {
        let restart = self.intent == Intent::Stop { restart: true };
        self.timers.clear_all();
        self.outage = None;
        let identity = self.identity();
        let (account, pending) = (&mut self.account, &mut self.pending);
        self.outbox.settle_all(identity, |settled| settle(account, pending, settled));
        self.judge_low_mark();
        self.outbox.shrink_if_quiet();
        self.intent = Intent::Run;
        self.enter(Phase::Stopped { cause }, decided);
        if restart {
            self.start();
        }
    }
}
