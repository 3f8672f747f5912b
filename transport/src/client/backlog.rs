//! Messages that came in and wait to be taken by one subscriber, within bounds.

use std::{collections::VecDeque, fmt, mem};

use steadfast_core::Message;

/// The bounds of a subscriber's queue, and what happens when it does not keep up.
///
/// A message is let in as long as the queue is below both bounds, so that one large message passes in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Incoming {
    /// How many messages may wait. 1,024; 0 is taken as 1.
    pub max_messages: usize,
    /// How many bytes of them. 4 MiB; 0 is taken as 1.
    pub max_bytes: usize,
    /// What happens then.
    pub slow: SlowReader,
}

/// What happens when a subscriber does not take what came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SlowReader {
    /// Nothing more is read from the socket until it has taken half: the server's writes stall in the end. All
    /// subscribers wait for the slow one.
    #[default]
    HoldBack,
    /// The oldest message makes room, and is counted; see [`Receiver::missed`](crate::client::Receiver::missed).
    DropOldest,
}

impl Default for Incoming {
    fn default() -> Self {
        Self { max_messages: 1_024, max_bytes: 4 << 20, slow: SlowReader::HoldBack }
    }
}

/// The messages that wait for one subscriber. Plain state: whoever shares it puts a lock around it.
pub struct Backlog {
    messages: VecDeque<Message<'static>>,
    bytes: usize,
    /// Whether it holds the reads back.
    holding: bool,
    /// Messages that made room for newer ones.
    missed: u64,
    bounds: Incoming,
}

impl Backlog {
    /// Within these bounds.
    #[must_use]
    pub const fn new(bounds: Incoming) -> Self {
        Self { messages: VecDeque::new(), bytes: 0, holding: false, missed: 0, bounds }
    }

    /// Adds a message; whether the reads are to be held back for it from here on.
    pub fn push(&mut self, message: Message<'static>) -> bool {
        if self.bounds.slow == SlowReader::DropOldest {
            while self.is_full() {
                let Some(oldest) = self.messages.pop_front() else { break };
                self.bytes -= oldest.len();
                self.missed += 1;
            }
        }
        self.bytes += message.len();
        self.messages.push_back(message);
        let holds = self.bounds.slow == SlowReader::HoldBack && !self.holding && self.is_full();
        self.holding |= holds;
        holds
    }

    /// Takes the oldest message, and says whether the reads need not be held back for this any more.
    pub fn pop(&mut self) -> Option<(Message<'static>, bool)> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.len();
        let released = self.holding && self.is_half_empty();
        self.holding &= !released;
        Some((message, released))
    }

    /// Throws all messages away; whether the reads need not be held back for this any more.
    pub fn clear(&mut self) -> bool {
        self.messages = VecDeque::new();
        self.bytes = 0;
        mem::take(&mut self.holding)
    }

    /// How many messages wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// How many messages made room for newer ones.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    fn is_full(&self) -> bool {
        self.messages.len() >= self.bounds.max_messages.max(1) || self.bytes >= self.bounds.max_bytes.max(1)
    }

    fn is_half_empty(&self) -> bool {
        self.messages.len() <= self.bounds.max_messages / 2 && self.bytes <= self.bounds.max_bytes / 2
    }
}

impl fmt::Debug for Backlog {
    /// How much, and never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backlog").field("messages", &self.messages.len()).finish_non_exhaustive()
    }
}
