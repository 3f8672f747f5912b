//! The receiving half of a client.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use steadfast_core::Message;

use crate::client::inbox::{Inbox, Queue};

/// Takes the messages that came in.
///
/// **Clones share one queue**: each message goes to one of them, and several threads share the work. For a queue of its
/// own, which sees every message from then on, use the client's `subscribe`.
///
/// The queue is bounded; see [`Incoming`](crate::client::Incoming) for what happens when nobody takes from it. It is dropped with the
/// last of the clones.
#[derive(Clone)]
pub struct Receiver(Arc<Reader>);

/// What the clones share.
struct Reader {
    inbox: Arc<Inbox>,
    queue: Arc<Queue>,
}

/// Why no message was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReceiveError {
    /// None came in time.
    TimedOut,
    /// The session has stopped, or the client is gone, and all that came in before was taken.
    Stopped,
}

impl Receiver {
    /// Takes from this queue of that inbox.
    #[must_use]
    pub fn new(inbox: Arc<Inbox>, queue: Arc<Queue>) -> Self {
        Self(Arc::new(Reader { inbox, queue }))
    }

    /// Takes the next message, waiting for it across reconnects.
    ///
    /// # Errors
    /// [`Stopped`](ReceiveError::Stopped) once nothing will come any more.
    pub fn receive(&self) -> Result<Message<'static>, ReceiveError> {
        self.0.inbox.take(&self.0.queue, None)
    }

    /// Takes the next message, waiting for it at most this long.
    ///
    /// # Errors
    /// [`TimedOut`](ReceiveError::TimedOut) if none came, [`Stopped`](ReceiveError::Stopped) once nothing will come any
    /// more.
    pub fn receive_timeout(&self, timeout: Duration) -> Result<Message<'static>, ReceiveError> {
        self.0.inbox.take(&self.0.queue, Instant::now().checked_add(timeout))
    }

    /// Takes the next message if there is one; `Ok(None)` if there is none yet.
    ///
    /// # Errors
    /// [`Stopped`](ReceiveError::Stopped) once nothing will come any more.
    pub fn try_receive(&self) -> Result<Option<Message<'static>>, ReceiveError> {
        match self.0.inbox.take(&self.0.queue, Some(Instant::now())) {
            Ok(message) => Ok(Some(message)),
            Err(ReceiveError::TimedOut) => Ok(None),
            Err(ReceiveError::Stopped) => Err(ReceiveError::Stopped),
        }
    }

    /// How many messages wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.queue.waiting()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages made room for newer ones, where
    /// [`DropOldest`](crate::client::SlowReader::DropOldest) is asked for.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.0.queue.missed()
    }
}

impl Iterator for Receiver {
    type Item = Message<'static>;

    /// [`receive`](Receiver::receive), until the session has stopped.
    fn next(&mut self) -> Option<Message<'static>> {
        self.receive().ok()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.inbox.remove(&self.queue);
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "no message came in time",
            Self::Stopped => "the session has stopped",
        })
    }
}

impl std::error::Error for ReceiveError {}
