//! What credentials do to the state: fetched before an attempt, presented on it, rejected, renewed, somebody else's.

use alloc::boxed::Box;
use core::time::Duration;

use crate::{
    Timestamp,
    cause::{Cause, CredentialsKind},
    close::CloseFrame,
    config::{Placement, Renewal},
    lease::{Epoch, FetchError, FetchReason, Identity, Lease},
    message::ConnId,
    session::{
        Session,
        credentials::{Answer, Due},
        notice::Notice,
        pending::{Fetch, Pending},
        phase::Phase,
        policy::{Decided, Decision},
        retry::Next,
        settle,
        state::StopCause,
        timers::Timer,
    },
};

impl Session {
    /// Begins an attempt with the lease there is, or fetches one for it.
    pub(super) fn authorize(&mut self, decided: Option<Decided>) {
        let now = self.now;
        if let Some(epoch) = self.extras().credentials.usable(now) {
            self.extras().credentials.used(epoch);
            return self.dial(Some(epoch), decided);
        }
        self.give_up_overdue_fetch();
        let reason = self.extras().credentials.reason();
        // The fetch is the attempt's beginning.
        self.retry.begun = now;
        let attempt = self.retry.attempts.saturating_add(1);
        self.enter(Phase::Authorizing { attempt, reason }, decided);
        self.fetch(reason);
    }

    /// Fetches credentials, if no fetch is under way.
    fn fetch(&mut self, reason: FetchReason) {
        let Some(timeout) = self.config.credentials.as_ref().map(|credentials| credentials.fetch_timeout) else {
            return;
        };
        self.give_up_overdue_fetch();
        let now = self.now;
        let credentials = &mut self.extras().credentials;
        let identity = credentials.identity();
        if let Some(epoch) = credentials.begin(now, timeout, reason) {
            self.pending.push_back(Pending::FetchCredentials(Box::new(Fetch { epoch, reason, identity })));
        }
        self.arm_lease();
    }

    /// A fetch whose time was over while nobody looked, as no attempts were made, costs no attempt when one is made again.
    fn give_up_overdue_fetch(&mut self) {
        let now = self.now;
        if let Some(epoch) = self.extras().credentials.give_up_overdue(now) {
            self.notify(Notice::CredentialsFailed { epoch, kind: CredentialsKind::TimedOut });
        }
    }

    /// Sets the time at which something is due for credentials. A session that makes no attempts has none.
    pub(super) fn arm_lease(&mut self) {
        let Some(extras) = &self.extras else { return };
        let at = match &self.phase {
            Phase::Idle | Phase::Offline { .. } | Phase::Background { .. } | Phase::Stopped { .. } => None,
            Phase::Open(_) => extras.credentials.deadline(true),
            Phase::Authorizing { .. } | Phase::Connecting { .. } | Phase::Closing { .. } | Phase::Waiting { .. } => {
                extras.credentials.deadline(false)
            }
        };
        match at {
            Some(at) => self.timers.set(Timer::Lease, at),
            None => self.timers.clear(Timer::Lease),
        }
    }

    /// A fetch takes too long, or the next is due.
    pub(super) fn lease_due(&mut self) {
        let (now, is_open) = (self.now, matches!(self.phase, Phase::Open(_)));
        let credentials = &mut self.extras().credentials;
        match credentials.due(now, is_open) {
            Due::Nothing => self.arm_lease(),
            Due::Fetch(reason) => self.fetch(reason),
            Due::TimedOut(epoch) => {
                credentials.give_up();
                self.fetch_failed(epoch, CredentialsKind::TimedOut);
            }
        }
    }

    /// What became of a fetch.
    pub(super) fn credentials(&mut self, epoch: Epoch, result: Result<Lease, FetchError>) {
        let Some(ahead) = self.config.credentials.as_ref().map(|credentials| credentials.refresh_ahead) else { return };
        let (now, was_known) = (self.now, self.identity().is_some());
        let mut rng = self.rng.clone();
        let answer = self.extras().credentials.answer(now, epoch, result, ahead, &mut rng);
        self.rng = rng;
        match (answer, result) {
            (Answer::Taken { changed }, Ok(lease)) => {
                self.notify(Notice::CredentialsRefreshed { epoch, expires_in: lease.expires_in });
                if changed {
                    self.identity_over(lease.identity);
                } else if !was_known {
                    self.identity_known(lease.identity);
                }
                self.arm_lease();
                match &self.phase {
                    Phase::Authorizing { .. } => self.authorize(None),
                    Phase::Open(_) => self.renew(),
                    Phase::Idle
                    | Phase::Connecting { .. }
                    | Phase::Closing { .. }
                    | Phase::Waiting { .. }
                    | Phase::Offline { .. }
                    | Phase::Background { .. }
                    | Phase::Stopped { .. } => {}
                }
            }
            (Answer::Failed(kind), _) => self.fetch_failed(epoch, kind),
            (Answer::Outdated, _) => self.fetch_again(),
            (Answer::Ignored | Answer::Taken { .. }, _) => {}
        }
    }

    /// What was fetched is the identity's before: it is fetched again if it is wanted now.
    fn fetch_again(&mut self) {
        let reason = self.extras().credentials.reason();
        match self.phase {
            Phase::Authorizing { attempt, reason: told } => {
                if told != reason {
                    self.enter(Phase::Authorizing { attempt, reason }, None);
                }
                self.fetch(reason);
            }
            Phase::Idle
            | Phase::Connecting { .. }
            | Phase::Open(_)
            | Phase::Closing { .. }
            | Phase::Waiting { .. }
            | Phase::Offline { .. }
            | Phase::Background { .. }
            | Phase::Stopped { .. } => self.arm_lease(),
        }
    }

    /// A fetch has brought nothing. That never costs a connection.
    fn fetch_failed(&mut self, epoch: Epoch, kind: CredentialsKind) {
        self.notify(Notice::CredentialsFailed { epoch, kind });
        match &self.phase {
            Phase::Authorizing { .. } => self.unauthorized(Cause::Credentials(kind)),
            Phase::Open(_) if kind == CredentialsKind::Refused => self.extras().credentials.rest_for_good(),
            Phase::Open(_) => self.rest_from_fetching(),
            Phase::Idle
            | Phase::Connecting { .. }
            | Phase::Closing { .. }
            | Phase::Waiting { .. }
            | Phase::Offline { .. }
            | Phase::Background { .. }
            | Phase::Stopped { .. } => {}
        }
        self.arm_lease();
    }

    /// An attempt cannot be made for want of credentials.
    fn unauthorized(&mut self, cause: Cause) {
        self.account.failures[cause.kind() as usize] += 1;
        let decided = self.config.decide(&cause);
        if decided.decision == Decision::Terminal {
            return self.finish(StopCause::Terminal(cause), Some(decided));
        }
        self.retry_after(cause, decided, self.now);
    }

    /// The next fetch has to wait, while the connection stays open.
    fn rest_from_fetching(&mut self) {
        let (now, config, mut rng) = (self.now, self.config.clone(), self.rng.clone());
        self.extras().credentials.rest(now, |n, last| config.backoff.delay(n, last, Duration::ZERO, &mut rng));
        self.rng = rng;
    }

    /// A connection has opened that presents its credentials first.
    pub(super) fn present_first(&mut self) {
        let is_first =
            self.config.credentials.as_ref().is_some_and(|wanted| wanted.placement == Placement::FirstMessage);
        if let Phase::Open(link) = &self.phase
            && is_first
        {
            let conn = link.conn;
            let credentials = &mut self.extras().credentials;
            let newest = credentials.newer().or_else(|| credentials.in_use());
            self.present(conn, newest);
        }
    }

    fn present(&mut self, conn: ConnId, epoch: Option<Epoch>) {
        if let Some(epoch) = epoch {
            let (now, is_stable) = (self.now, self.retry.attempts == 0);
            self.lasted();
            let credentials = &mut self.extras().credentials;
            if is_stable {
                credentials.renewed(epoch, now);
            } else {
                credentials.used(epoch);
            }
            self.pending.push_back(Pending::Present { conn, epoch });
        }
    }

    /// What the connection stands for has proved itself if it was presented long enough ago.
    pub(super) fn lasted(&mut self) {
        let (now, span) = (self.now, self.config.stable_after);
        if let Some(extras) = &mut self.extras {
            extras.credentials.lasted(now, span);
        }
    }

    /// What newer credentials mean for the open connection, if there are any.
    pub(super) fn renew(&mut self) {
        let Some(renewal) = self.config.credentials.as_ref().map(|credentials| credentials.renewal) else { return };
        let Phase::Open(link) = &self.phase else { return };
        let (conn, is_ready) = (link.conn, link.ready);
        let Some(epoch) = self.extras().credentials.newer() else { return };
        match renewal {
            Renewal::NextConnection => {}
            // It has been told to present others, and the answer to those is awaited.
            Renewal::Message | Renewal::Reconnect if !is_ready => {}
            Renewal::Message => self.present(conn, Some(epoch)),
            Renewal::Reconnect => self.leave(Cause::Credentials(CredentialsKind::Renewed), CloseFrame::NORMAL),
        }
    }

    /// A connection, or an attempt, ended because its credentials were rejected, and the next attempt follows at once with
    /// others, unless something else keeps it from that: the server's word, which holds for its own endpoint, or that none of
    /// several may be tried.
    pub(super) fn retry_at_once(&mut self, cause: Cause, decided: Decided, over: Timestamp) {
        self.begin_outage(over);
        self.retry.failing_since.get_or_insert(over);
        let asked = over + self.asked_for(&cause);
        let Next { until, not_before, .. } = self.elsewhere(Next { until: asked, not_before: asked, free: over });
        if until > self.now || self.offline || self.is_forgotten() {
            let attempt = self.retry.attempts.saturating_add(1);
            self.wait(until, not_before, attempt, cause, decided);
        } else {
            self.connect(Some(decided));
        }
    }

    /// The server rejected what the connection stands for, in this way. Says whether others may be fetched, or used, at once.
    pub(super) fn reject(&mut self, cause: &Cause) -> bool {
        self.lasted();
        let now = self.now;
        let (epoch, at_once) = self.extras().credentials.rejected(now);
        self.notify(Notice::CredentialsRejected { epoch, cause: Box::new(cause.clone()) });
        at_once
    }

    /// The application saw the server reject the credentials in a message.
    pub(super) fn rejection_seen(&mut self, conn: ConnId) {
        let Some(renewal) = self.config.credentials.as_ref().map(|credentials| credentials.renewal) else { return };
        let Phase::Open(link) = &self.phase else { return };
        if link.conn != conn {
            return;
        }
        if renewal != Renewal::Message || !link.ready {
            return self.leave(Cause::Credentials(CredentialsKind::Rejected), CloseFrame::NORMAL);
        }
        if self.extras().credentials.was_rejected() {
            return;
        }
        let at_once = self.reject(&Cause::Credentials(CredentialsKind::Rejected));
        if self.extras().credentials.newer().is_some() {
            return self.renew();
        }
        if at_once {
            self.fetch(FetchReason::Rejected);
        } else {
            self.rest_from_fetching();
        }
        self.arm_lease();
    }

    /// The application wants newer credentials.
    pub(super) fn refresh_asked(&mut self) {
        if self.config.credentials.is_none() {
            return;
        }
        match &self.phase {
            Phase::Connecting { .. } | Phase::Open(_) => self.fetch(FetchReason::Asked),
            Phase::Idle
            | Phase::Closing { .. }
            | Phase::Waiting { .. }
            | Phase::Offline { .. }
            | Phase::Background { .. }
            | Phase::Stopped { .. } => self.extras().credentials.discard(FetchReason::Asked),
            // They are being fetched.
            Phase::Authorizing { .. } => {}
        }
    }

    /// The application acts for somebody else.
    pub(super) fn switch_identity(&mut self, identity: Identity) {
        let was_known = self.identity().is_some();
        if !self.extras().credentials.choose(identity) {
            return;
        }
        if was_known {
            return self.identity_over(identity);
        }
        // It stands for nobody.
        self.leave_for_identity();
        self.identity_known(identity);
    }

    /// For whom the session acts, as far as that is known.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.extras.as_ref()?.credentials.identity()
    }

    /// For whom the session acts is known now, for the first time. What it accepted before is for them; what a store has held
    /// for somebody else is not.
    fn identity_known(&mut self, identity: Identity) {
        if !self.config.store {
            return;
        }
        self.outbox.kept_is_for(identity);
        let (account, pending) = (&mut self.account, &mut self.pending);
        self.outbox.leave_foreign(identity, |settled| settle(account, pending, settled));
        self.judge_low_mark();
        if !matches!(self.phase, Phase::Idle | Phase::Stopped { .. }) {
            self.take_up_kept();
            self.judge_drain();
        }
        self.persist_what_waits();
    }

    /// What was accepted is for the identity before, and so is the connection.
    fn identity_over(&mut self, identity: Identity) {
        self.notify(Notice::IdentityChanged { identity });
        let (account, pending) = (&mut self.account, &mut self.pending);
        self.outbox.leave_behind(|settled| settle(account, pending, settled));
        self.judge_low_mark();
        if self.phase.conn().is_some() {
            self.extras().credentials.depart();
        }
        self.leave_for_identity();
        self.judge_drain();
    }

    /// A connection, or an attempt, is not for whom the session acts.
    fn leave_for_identity(&mut self) {
        let cause = Cause::Credentials(CredentialsKind::IdentityChanged);
        match &self.phase {
            Phase::Open(_) => self.leave(cause, CloseFrame::NORMAL),
            Phase::Connecting { .. } => self.abort(cause),
            Phase::Idle
            | Phase::Authorizing { .. }
            | Phase::Closing { .. }
            | Phase::Waiting { .. }
            | Phase::Offline { .. }
            | Phase::Background { .. }
            | Phase::Stopped { .. } => {}
        }
    }
}
