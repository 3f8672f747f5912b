//! What an event does to the state: every transition, in one place.

use alloc::boxed::Box;
use core::time::Duration;

use crate::{
    Timestamp,
    close::{Cause, CloseFrame},
    config::Ready,
    message::{ConnId, MessageId},
    session::{
        Session,
        event::Network,
        link::Link,
        liveness::LATE,
        notice::{Notice, Transition},
        pending::Pending,
        phase::{Intent, Phase},
        policy::{Decided, Decision},
        retry::Retry,
        settle,
        state::StopCause,
        timers::Timer,
    },
    stage::Stage,
    time::micros,
};

/// A network that comes back brings many clients back: each waits for a random part of this.
const ONLINE_SPREAD: Duration = Duration::from_millis(500);

impl Session {
    /// Changes the state, and tells.
    fn enter(&mut self, phase: Phase, decided: Option<Decided>) {
        let from = self.phase.kind();
        self.account.left(from, self.now);
        self.phase = phase;
        let to = self.phase.state();
        self.notify(Notice::State(Box::new(Transition { from, to, decided })));
    }

    /// The application wants a connection.
    pub(super) fn start(&mut self) {
        match &self.phase {
            Phase::Idle | Phase::Stopped { .. } => {
                self.intent = Intent::Run;
                self.retry = Retry::default();
                self.was_open = false;
                self.begin_outage(self.now);
                if self.offline {
                    let offline = Phase::Offline { not_before: self.now, attempt: 1, cause: None };
                    self.enter(offline, None);
                } else {
                    self.connect();
                }
            }
            Phase::Connecting { .. }
            | Phase::Open(_)
            | Phase::Closing { .. }
            | Phase::Waiting { .. }
            | Phase::Offline { .. } => match &mut self.intent {
                Intent::Run => {}
                Intent::Drain { .. } => {
                    self.intent = Intent::Run;
                    self.timers.clear(Timer::Drain);
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
            Phase::Idle | Phase::Waiting { .. } | Phase::Offline { .. } => self.finish(StopCause::Application, None),
            Phase::Connecting { .. } => self.abort(Cause::Stopped),
            Phase::Open(link) => {
                let link = link.clone();
                let conn = link.conn;
                self.timers.clear_connection();
                self.timers.set(Timer::Close, self.now + self.config.close_timeout);
                let (cause, since) = (Cause::Stopped, self.now);
                let closing = Phase::Closing { conn, cause, since, hasten: false, link: Some(link) };
                self.pending.push_back(Pending::Close { conn, frame: Box::new(frame) });
                self.enter(closing, None);
            }
            Phase::Closing { .. } | Phase::Stopped { .. } => {}
        }
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
            Phase::Waiting { .. } | Phase::Offline { .. } => self.connect(),
            Phase::Closing { hasten, .. } => *hasten = true,
            Phase::Idle | Phase::Connecting { .. } | Phase::Open(_) | Phase::Stopped { .. } => {}
        }
    }

    /// The wait is over.
    pub(super) fn wait_is_over(&mut self) {
        if matches!(self.phase, Phase::Waiting { .. }) {
            self.connect();
        }
    }

    /// Begins an attempt.
    fn connect(&mut self) {
        self.timers.clear(Timer::Backoff);
        self.conns += 1;
        let conn = ConnId(self.conns);
        let attempt = self.retry.begin(self.now);
        self.account.attempts += 1;
        self.enter(Phase::Connecting { conn, attempt, stage: Stage::Resolve }, None);
        self.pending.push_back(Pending::Connect { conn, attempt });
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
            | Phase::Closing { .. }
            | Phase::Waiting { .. }
            | Phase::Offline { .. }
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
            self.usable();
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
            self.notify(Notice::Stable { conn });
        }
    }

    /// The connection is over, or never came to be.
    pub(super) fn closed(&mut self, conn: ConnId, cause: Cause, untouched_from: Option<MessageId>) {
        if self.phase.conn() != Some(conn) {
            return;
        }
        let (cause, over, hasten) = match &self.phase {
            Phase::Connecting { .. } | Phase::Open(_) => (cause, self.now, false),
            Phase::Closing { cause, since, hasten, .. } => (cause.clone(), *since, *hasten),
            Phase::Idle | Phase::Waiting { .. } | Phase::Offline { .. } | Phase::Stopped { .. } => return,
        };
        if cause != Cause::Stopped {
            self.account.failures[cause.kind() as usize] += 1;
        }
        self.timers.clear_connection();
        self.settle_connection(conn, untouched_from);
        if let Intent::Stop { .. } = self.intent {
            return self.finish(StopCause::Application, None);
        }
        let decided = self.config.policy.decide(&cause, self.config.retry_after_max);
        if decided.decision == Decision::Terminal {
            return self.finish(StopCause::Terminal(cause), Some(decided));
        }
        if matches!(self.intent, Intent::Drain { .. }) && self.outbox.is_empty() {
            return self.finish(StopCause::Application, Some(decided));
        }
        self.retry_after(cause, decided, over);
        if hasten {
            self.reconnect_now();
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
        let (account, pending) = (&mut self.account, &mut self.pending);
        self.outbox.connection_over(untouched, |settled| settle(account, pending, settled));
        self.judge_low_mark();
    }

    /// Another attempt, in its time, or none if the policy gives up.
    fn retry_after(&mut self, cause: Cause, decided: Decided, over: Timestamp) {
        self.begin_outage(over);
        let floor = match &cause {
            Cause::Rejected { retry_after: Some(after), .. } => (*after).min(self.config.retry_after_max),
            _ => Duration::ZERO,
        };
        let Some(next) = self.retry.next(&self.config, decided.decision, floor, over, &mut self.rng) else {
            let elapsed = over - self.retry.failing_since.unwrap_or(over);
            let attempts = self.retry.attempts;
            self.notify(Notice::Exhausted { attempts, elapsed });
            return self.finish(StopCause::Exhausted(cause), Some(decided));
        };
        let attempt = self.retry.attempts.saturating_add(1);
        let not_before = next.not_before;
        if self.offline {
            return self.enter(Phase::Offline { not_before, attempt, cause: Some(cause) }, Some(decided));
        }
        self.timers.set(Timer::Backoff, next.until);
        self.enter(Phase::Waiting { until: next.until, not_before, attempt, cause }, Some(decided));
    }

    /// Settles everything, and stops.
    fn finish(&mut self, cause: StopCause, decided: Option<Decided>) {
        let restart = self.intent == Intent::Stop { restart: true };
        self.timers.clear_all();
        self.outage = None;
        let (account, pending) = (&mut self.account, &mut self.pending);
        self.outbox.settle_all(|settled| settle(account, pending, settled));
        self.judge_low_mark();
        self.outbox.shrink_if_quiet();
        self.intent = Intent::Run;
        self.enter(Phase::Stopped { cause }, decided);
        if restart {
            self.start();
        }
    }

    fn begin_outage(&mut self, since: Timestamp) {
        if self.outage.is_none() {
            self.outage = Some(since);
            if let Some(span) = self.config.long_outage {
                self.timers.set(Timer::Outage, since + span);
            }
        }
    }

    /// There has been no open connection for a long time.
    pub(super) fn long_outage(&mut self) {
        if let Some(since) = self.outage {
            self.notify(Notice::LongOutage { since });
        }
    }

    /// What the application knows of the network.
    pub(super) fn network(&mut self, network: Network) {
        let was_offline = core::mem::replace(&mut self.offline, network == Network::Offline);
        if let Phase::Closing { hasten, .. } = &mut self.phase {
            // The last word counts.
            *hasten &= !self.offline;
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
            Phase::Offline { .. } if !self.offline => self.hasten(),
            Phase::Open(_) if network == Network::Changed || was_offline && !self.offline => self.probe(),
            Phase::Open(_)
            | Phase::Offline { .. }
            | Phase::Idle
            | Phase::Connecting { .. }
            | Phase::Closing { .. }
            | Phase::Stopped { .. } => {}
        }
    }

    /// The process was suspended. What the server asked for was waited for in that time, too.
    pub(super) fn resumed(&mut self, gap: Duration) {
        match &mut self.phase {
            Phase::Open(_) => self.probe(),
            Phase::Waiting { not_before, .. } => {
                *not_before = not_before.saturating_sub(gap);
                self.hasten();
            }
            Phase::Offline { not_before, .. } => *not_before = not_before.saturating_sub(gap),
            Phase::Idle | Phase::Connecting { .. } | Phase::Closing { .. } | Phase::Stopped { .. } => {}
        }
    }

    /// The next attempt soon, but not before the server's word, nor later than planned.
    fn hasten(&mut self) {
        let soon = self.now + Duration::from_micros(self.rng.between(0, micros(ONLINE_SPREAD)));
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
            Phase::Idle | Phase::Connecting { .. } | Phase::Open(_) | Phase::Closing { .. } | Phase::Stopped { .. } => {
                return;
            }
        };
        self.timers.set(Timer::Backoff, until);
        self.enter(Phase::Waiting { until, not_before, attempt, cause }, None);
    }
}
