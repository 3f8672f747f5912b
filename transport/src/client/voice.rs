//! What a client's handles and its loop share, and the session's voice on the loop.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use steadfast_core::{
    Cause, ConnId, CredentialsKind, Dropped, Epoch, Message, MessageId, Notice, State, StateKind, StopCause, Timestamp,
    Verdict, config::Config, wire::handshake::Accepted,
};

use crate::{
    client::{Report, Unsettled, inbox::Inbox, ledger::Ledger, notices::Subscribers, outcome::Outcome, watch::Watched},
    failure::Failure,
    pump::{Application, Reads, Requests},
};

/// What the handles and the thread share.
#[derive(Debug)]
pub struct Shared {
    /// What came in.
    pub inbox: Arc<Inbox>,
    /// The state.
    pub watched: Arc<Watched>,
    /// Who wants every notice.
    pub subscribers: Arc<Subscribers>,
    /// What is on its way out.
    pub ledger: Arc<Ledger>,
    told: Mutex<Told>,
}

/// What exactly was wrong, until the session says what follows from it.
#[derive(Debug, Default)]
pub struct Failures {
    /// With the connection that is about to be over.
    connection: Option<Arc<Failure>>,
    /// With the last fetch of credentials.
    fetch: Option<Arc<Failure>>,
}

/// What a session has told that handles ask for later.
#[derive(Debug, Default)]
pub struct Told {
    /// The subprotocol of the last connection that opened.
    pub subprotocol: Option<String>,
    /// What was wrong with the last connection that failed.
    pub failure: Option<Arc<Failure>>,
    /// The messages that end in doubt or dropped, from the moment when somebody wants to know.
    pub unsettled: Option<Vec<Unsettled>>,
}

impl Failures {
    /// A connection failed.
    pub fn connection(&mut self, failure: Arc<Failure>) {
        self.connection = Some(failure);
    }

    /// A fetch of credentials failed.
    pub fn fetch(&mut self, failure: Arc<Failure>) {
        self.fetch = Some(failure);
    }

    /// What is told beside this notice.
    pub fn of(&mut self, notice: &Notice) -> Option<Arc<Failure>> {
        match notice {
            Notice::CredentialsFailed { kind: CredentialsKind::Failed | CredentialsKind::Refused, .. } => {
                self.fetch.clone()
            }
            // The session found fault with it by itself, or lost patience.
            Notice::CredentialsFailed { .. } => {
                self.fetch = None;
                None
            }
            // The next attempt may follow at once.
            Notice::CredentialsRejected { .. } => self.connection.clone(),
            Notice::State(transition) if matches!(transition.to, State::Connecting { .. }) => self.connection.take(),
            Notice::State(transition) if transition.to.conn().is_none() => match &transition.to {
                State::Waiting { cause: Cause::Credentials(kind), .. }
                | State::Stopped { cause: StopCause::Terminal(Cause::Credentials(kind)) }
                    if matches!(kind, CredentialsKind::Failed | CredentialsKind::Refused) =>
                {
                    self.connection.take().or_else(|| self.fetch.take())
                }
                _ => self.connection.take(),
            },
            _ => None,
        }
    }
}

impl Told {
    /// The outcome that a notice brings, and for which message.
    #[inline]
    pub fn outcome(&mut self, notice: &Notice) -> Option<(MessageId, Outcome)> {
        match notice {
            Notice::Verdict { id, verdict, message } => {
                let (id, verdict, message) = (*id, *verdict, message.as_deref().cloned());
                if matches!(verdict, Verdict::InDoubt | Verdict::Dropped(_))
                    && let Some(unsettled) = &mut self.unsettled
                {
                    unsettled.push(Unsettled { id, verdict, message: message.clone() });
                }
                Some((id, Outcome::Settled { verdict, message }))
            }
            Notice::Refused { id, message, why } => {
                Some((*id, Outcome::Refused { why: *why, message: (**message).clone() }))
            }
            _ => None,
        }
    }

    /// The messages that were kept, if any were to be, and this state.
    #[must_use]
    pub fn report(&self, state: State) -> Report {
        Report { unsettled: self.unsettled.clone().unwrap_or_default(), state }
    }
}

impl Shared {
    /// For a client of this configuration.
    #[must_use]
    pub fn new(config: &Config, subscribers: Arc<Subscribers>) -> Self {
        Self {
            inbox: Arc::default(),
            watched: Arc::default(),
            subscribers,
            ledger: Arc::new(Ledger::new(config.outbox.clone())),
            told: Mutex::default(),
        }
    }

    /// The subprotocol of the last connection that opened.
    #[must_use]
    pub fn subprotocol(&self) -> Option<String> {
        self.told().subprotocol.clone()
    }

    /// What was wrong with the last connection that failed.
    #[must_use]
    pub fn last_failure(&self) -> Option<Arc<Failure>> {
        self.told().failure.clone()
    }

    /// Keeps the messages that end in doubt or dropped from here on.
    pub fn collect_unsettled(&self) {
        self.told().unsettled = Some(Vec::new());
    }

    /// The messages that were kept, and the state.
    #[must_use]
    pub fn report(&self) -> Report {
        self.told().report(self.watched.current())
    }

    fn settle(&self, notice: &Notice) {
        if let Notice::Accepted { id } = notice {
            self.ledger.accept(*id);
        } else if let Notice::Verdict { .. } | Notice::Refused { .. } = notice {
            let outcome = self.told().outcome(notice);
            if let Some((id, outcome)) = outcome {
                self.ledger.settle(id, outcome);
            }
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The session's voice on the client's loop.
#[derive(Debug)]
pub struct Voice {
    shared: Arc<Shared>,
    failures: Failures,
}

impl Voice {
    /// The voice of the session that these share.
    #[must_use]
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, failures: Failures::default() }
    }
}

impl Application for Voice {
    fn deliver(&mut self, message: Message<'_>, _requests: &mut Requests<'_>) -> Reads {
        if self.shared.inbox.deliver(message) { Reads::Pause } else { Reads::Continue }
    }

    fn answers_later(&self) -> bool {
        true
    }

    fn notify(&mut self, at: Timestamp, notice: Notice, _requests: &mut Requests<'_>) {
        let shared = &self.shared;
        shared.settle(&notice);
        let failure = self.failures.of(&notice);
        // Nobody of whom this wakes a task is on a thread that blocks.
        drop(shared.subscribers.tell(at, &notice, failure.as_ref()));
        if let Notice::State(transition) = notice {
            // First the doors: whoever sees the state finds them as it says.
            let stopped = transition.to.kind() == StateKind::Stopped;
            if stopped || transition.from == StateKind::Stopped {
                shared.ledger.set_stopped(stopped);
            }
            shared.inbox.set_ended(stopped);
            shared.watched.set(transition.to);
        }
    }

    fn opened(&mut self, _conn: ConnId, accepted: &Accepted, _requests: &mut Requests<'_>) {
        self.shared.told().subprotocol = accepted.subprotocol().map(str::to_owned);
    }

    fn failed(&mut self, _conn: ConnId, failure: &Failure, _requests: &mut Requests<'_>) {
        let failure = Arc::new(failure.clone());
        self.shared.told().failure = Some(Arc::clone(&failure));
        self.failures.connection(failure);
    }

    fn fetch_failed(&mut self, _epoch: Epoch, failure: &Failure, _requests: &mut Requests<'_>) {
        let failure = Arc::new(failure.clone());
        self.shared.told().failure = Some(Arc::clone(&failure));
        self.failures.fetch(failure);
    }
}

/// Wakes everybody when the loop ends, however it ends.
#[derive(Debug)]
pub struct Guard(pub Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        // What the session never saw was never sent; after a panic nobody knows.
        let left = if thread::panicking() { Verdict::InDoubt } else { Verdict::Dropped(Dropped::Stopped) };
        self.0.ledger.close(left);
        self.0.inbox.close();
        drop(self.0.subscribers.close());
        self.0.watched.close();
    }
}

#[cfg(test)]
mod tests {
    use steadfast_core::{Decided, DecidedBy, Decision, StateKind, Transition};

    use super::*;

    #[test]
    fn what_a_rejection_was_like_is_told_with_it_and_with_the_attempt_that_follows_at_once_and_no_more() {
        let mut failures = Failures::default();
        failures.connection(Arc::new(Failure::credentials(CredentialsKind::Failed, &"why")));
        let cause = Box::new(Cause::Rejected { status: 401, retry_after: None });
        assert!(failures.of(&Notice::CredentialsRejected { epoch: Epoch(1), cause }).is_some());
        let decided = Some(Decided { decision: Decision::RefreshCredentials, by: DecidedBy::Credentials });
        let to = State::Connecting { conn: ConnId(2), attempt: 1 };
        let next = Notice::State(Box::new(Transition { from: StateKind::Connecting, to, decided }));
        assert!(failures.of(&next).is_some());
        assert!(failures.of(&next).is_none(), "of a later one it tells nothing");
    }
}
