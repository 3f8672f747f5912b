//! What was handed over and cannot go out yet: messages that go out fragment by fragment, and what waits behind them.

use std::collections::VecDeque;

use steadfast_core::{CloseFrame, Message, MessageId, wire::Buffer};

use crate::engine::Engine;

/// In the order in which the session handed it over. Messages share their payload with the session's outbox.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    queue: VecDeque<Waiting>,
    /// Where the next fragment of the first message begins in its payload.
    next: usize,
    /// Where the first byte of the first message lies in the stream of bytes; `None` if none was written.
    start: Option<u64>,
}

/// What waits.
#[derive(Debug)]
pub(super) enum Waiting {
    Message(MessageId, Message<'static>),
    /// The session's own text, which is a message too.
    Heartbeat(Message<'static>),
    /// What presents credentials, of which nobody is told that it left.
    Presented(Message<'static>),
    /// Nothing comes behind it.
    Close(CloseFrame),
}

/// Whose message it is.
enum Kind {
    Message(MessageId),
    Heartbeat,
    Unmarked,
}

/// What has become whole in the buffer.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Written {
    /// A message that begins at `start`.
    Message {
        id: MessageId,
        start: u64,
    },
    Heartbeat,
    /// Nobody is told of it.
    Unmarked,
}

/// What a step came to.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// A fragment that is not the message's last.
    Fragment,
    /// The first one is in the buffer as a whole.
    Whole(Written),
    /// There is nothing, or the engine takes no more.
    Stuck,
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Gives back the memory of a queue that was long.
    pub(super) fn release(&mut self) {
        self.queue.shrink_to(0);
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        self.queue.push_back(waiting);
    }

    /// The first message that is not whole in the buffer.
    pub(super) fn first_message(&self) -> Option<MessageId> {
        self.messages_from(0)
    }

    /// The first message of which no byte is among the first `sent` of the stream.
    pub(super) fn untouched_from(&self, sent: u64) -> Option<MessageId> {
        self.messages_from(usize::from(self.start.is_some_and(|start| start < sent)))
    }

    /// Lets the engine append one fragment, or what else is first, to `out`, whose next byte is byte `at` of the stream.
    pub(super) fn advance(&mut self, engine: &mut Engine, out: &mut Buffer, at: u64) -> Step {
        let Some(first) = self.queue.front() else { return Step::Stuck };
        let (message, kind) = match first {
            Waiting::Message(id, message) => (message, Kind::Message(*id)),
            Waiting::Heartbeat(message) => (message, Kind::Heartbeat),
            Waiting::Presented(message) => (message, Kind::Unmarked),
            Waiting::Close(frame) => {
                engine.close(frame, out);
                self.queue.pop_front();
                return Step::Whole(Written::Unmarked);
            }
        };
        let before = out.len();
        let Some(next) = engine.send_from(message, self.next, out) else { return Step::Stuck };
        // A fragment that goes into the compressor and does not come out yet has no place.
        if out.len() > before {
            self.start.get_or_insert(at);
        }
        if next < message.len() {
            self.next = next;
            return Step::Fragment;
        }
        self.queue.pop_front();
        self.next = 0;
        let start = self.start.take().unwrap_or(at);
        Step::Whole(match kind {
            Kind::Message(id) => Written::Message { id, start },
            Kind::Heartbeat => Written::Heartbeat,
            Kind::Unmarked => Written::Unmarked,
        })
    }

    fn messages_from(&self, index: usize) -> Option<MessageId> {
        self.queue.iter().skip(index).find_map(|waiting| match waiting {
            Waiting::Message(id, _) => Some(*id),
            Waiting::Heartbeat(_) | Waiting::Presented(_) | Waiting::Close(_) => None,
        })
    }
}
