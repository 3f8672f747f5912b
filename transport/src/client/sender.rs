//! The sending half of a client.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use steadfast_core::{ConnId, Message, MessageId, Refusal, SendOptions};

use crate::{
    client::{ledger::Ledger, outcome::Outcome},
    pump::{Remote, SendError},
};

/// Sends on a client's session, from any thread. Cheap to clone.
///
/// The outbox's bounds are kept here, at the door: what does not fit comes back from `send`, and what was let in ends in
/// exactly one [`Outcome`]. Messages of one thread leave in the order in which it sent them.
#[derive(Clone, Debug)]
pub struct Sender {
    remote: Remote,
    ledger: Arc<Ledger>,
}

/// The claim to a message's outcome. Dropping it changes nothing for the message.
pub struct Receipt {
    id: MessageId,
    ledger: Arc<Ledger>,
}

impl Sender {
    /// Sends in this way, and keeps the bounds of that ledger.
    #[must_use]
    pub const fn new(remote: Remote, ledger: Arc<Ledger>) -> Self {
        Self { remote, ledger }
    }

    /// Sends a message with the default options: at least once.
    ///
    /// # Errors
    /// The message, and why it was not accepted: the outbox is full, the message is larger than the outbox, or the
    /// session was stopped or the client is gone.
    pub fn send(&self, message: impl Into<Message<'static>>) -> Result<Receipt, SendError> {
        self.send_with(message, SendOptions::default())
    }

    /// Sends a message with these options. Never blocks.
    ///
    /// What only the session can judge (a volatile message without a connection, say) is refused through the receipt:
    /// [`Outcome::Refused`], with the message.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_with(&self, message: impl Into<Message<'static>>, options: SendOptions) -> Result<Receipt, SendError> {
        let message = message.into();
        let bytes = message.len();
        let mut message = Some(message);
        let entered = self.ledger.enter(bytes, || {
            let message = message.take().ok_or(Refused::Before(Refusal::Stopped))?;
            self.remote.send(message, options).map(|id| (id, ())).map_err(Refused::Sending)
        });
        match (entered, message) {
            (Ok((id, ())), _) => Ok(Receipt { id, ledger: Arc::clone(&self.ledger) }),
            (Err(Refused::Sending(error)), _) => Err(error),
            (Err(Refused::Before(why)), Some(message)) => Err(SendError { message, why }),
            (Err(Refused::Before(_)), None) => unreachable!("a message is taken only to be handed in"),
        }
    }

    /// Sends a message, waiting for room in the outbox for as long as it takes, or until the session is stopped.
    ///
    /// # Errors
    /// As [`send`](Self::send), but never because the outbox is full.
    pub fn send_blocking(
        &self,
        message: impl Into<Message<'static>>,
        options: SendOptions,
    ) -> Result<Receipt, SendError> {
        self.send_until(message.into(), options, None)
    }

    /// Sends a message, waiting for room in the outbox at most this long.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_timeout(
        &self,
        message: impl Into<Message<'static>>,
        options: SendOptions,
        timeout: Duration,
    ) -> Result<Receipt, SendError> {
        self.send_until(message.into(), options, Instant::now().checked_add(timeout))
    }

    /// Takes a message back. If it was not handed over yet, its outcome is `Dropped(Cancelled)`; otherwise its verdict
    /// comes as if nothing had been asked.
    pub fn cancel(&self, id: MessageId) {
        self.remote.cancel(id);
    }

    /// Says that whatever had to be sent ahead on this connection was sent, so that the outbox follows; see
    /// [`Event::Ready`](steadfast_core::Event::Ready).
    pub fn ready(&self, conn: ConnId) {
        self.remote.ready(conn);
    }

    /// Says that the server rejected the credentials in a message.
    pub fn credentials_rejected(&self, conn: ConnId) {
        self.remote.credentials_rejected(conn);
    }

    /// How many messages were accepted and are not settled, and their bytes.
    #[must_use]
    pub fn unsettled(&self) -> (u32, usize) {
        self.ledger.unsettled()
    }

    fn send_until(
        &self,
        mut message: Message<'static>,
        options: SendOptions,
        until: Option<Instant>,
    ) -> Result<Receipt, SendError> {
        loop {
            match self.send_with(message, options) {
                Err(error) if error.why == Refusal::Full && until.is_none_or(|until| Instant::now() < until) => {
                    message = error.message;
                    if !self.ledger.wait_for_room(message.len(), until) {
                        // There was room all along: it is the loop's mailbox that is full.
                        self.remote.wait_for_room(until);
                    }
                }
                result => return result,
            }
        }
    }
}

impl Receipt {
    /// The message's name.
    #[must_use]
    pub const fn id(&self) -> MessageId {
        self.id
    }

    /// Waits until the message is accepted: a [durable](SendOptions::durable) one once it is stored, so that nothing but the loss
    /// of the disk can lose it from here on. Of any other the session says nothing before the outcome.
    ///
    /// # Errors
    /// The message, and why it was not accepted: the disk is full, say.
    pub fn wait_accepted(&self) -> Result<(), SendError> {
        loop {
            if let Some(acceptance) = self.ledger.acceptance(self.id, None) {
                return acceptance;
            }
        }
    }

    /// Waits for the outcome. It comes for certain: at the latest when the client stops or is dropped.
    #[must_use]
    pub fn wait(&self) -> Outcome {
        loop {
            if let Some(outcome) = self.ledger.outcome(self.id, None) {
                return outcome;
            }
        }
    }

    /// Waits for the outcome at most this long.
    #[must_use]
    pub fn wait_timeout(&self, timeout: Duration) -> Option<Outcome> {
        self.ledger.outcome(self.id, Instant::now().checked_add(timeout))
    }

    /// The outcome, if it is known.
    #[must_use]
    pub fn try_get(&self) -> Option<Outcome> {
        self.ledger.outcome(self.id, Some(Instant::now()))
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.ledger.forget(self.id);
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Where a message was refused: at the ledger, or by the loop's mailbox.
enum Refused {
    Before(Refusal),
    Sending(SendError),
}

impl From<Refusal> for Refused {
    fn from(why: Refusal) -> Self {
        Self::Before(why)
    }
}
