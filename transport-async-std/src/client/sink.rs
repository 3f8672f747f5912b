//! A sink for messages, which holds back whoever is faster than the connection.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_sink::Sink;
use steadfast_core::{Message, SendOptions};
use steadfast_transport::{client::Ticket, pump::SendError};

use crate::{bell::Seat, shared::Shared};

/// Sends messages without receipts. It is ready when the last message has found room in the outbox; flushed, when all were
/// accepted by the session, which from then on owes each of them a verdict (see the
/// [notices](crate::Client::notices)). To close it flushes it, and leaves the client open.
///
/// What the session refuses, because it cannot confirm it, say, comes back as an error of the next flush (of one of them,
/// where several sinks are in use), and all of it as notices.
///
/// Up to 32 messages, or 64 KiB, wait in the sink itself to be handed in together, until it is flushed. What was not flushed
/// is handed in when the sink is dropped, as far as there is room.
pub struct MessageSink {
    shared: Arc<Shared>,
    options: SendOptions,
    /// Messages that were not handed in yet, and their bytes.
    parked: VecDeque<Message<'static>>,
    bytes: usize,
    ticket: Option<Ticket>,
    seat: Seat,
}

impl MessageSink {
    pub(super) fn new(shared: Arc<Shared>, options: SendOptions) -> Self {
        Self { shared, options, parked: VecDeque::new(), bytes: 0, ticket: None, seat: Seat::default() }
    }

    /// Hands in what is parked, in its order, as soon as there is room for it. Then, or when there is none, lets the
    /// session see to it.
    fn poll_hand_in(&mut self, context: &mut Context<'_>, flush: bool) -> Poll<Result<(), SendError>> {
        let Self { shared, options, parked, bytes, ticket, seat } = self;
        let mut state = shared.started();
        // Here, or when it is flushed.
        state.see_to_it_later();
        while let Some(message) = parked.front() {
            let len = message.len();
            let reserved = ready!(shared.catch_up(&mut state, (seat, context), |state| {
                state.voice().poll_reserve(len, ticket, context.waker())
            }));
            let Some(message) = parked.pop_front() else { break };
            *bytes -= len;
            match reserved {
                Ok(()) => drop(state.enter(message, *options, len, false)?),
                Err(why) => return Poll::Ready(Err(SendError { message, why })),
            }
        }
        if flush {
            shared.turn(&mut state);
        }
        match state.voice().refused.take() {
            Some(refused) => Poll::Ready(Err(refused)),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Sink<Message<'static>> for MessageSink {
    type Error = SendError;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        if self.parked.len() < MESSAGES && self.bytes < BYTES {
            return Poll::Ready(Ok(()));
        }
        self.poll_hand_in(context, false)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message<'static>) -> Result<(), SendError> {
        self.bytes += message.len();
        self.parked.push_back(message);
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_hand_in(context, true)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_flush(context)
    }
}

impl Drop for MessageSink {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let Some(ticket) = self.ticket.take() {
            let voice = state.voice();
            voice.account.leave(ticket, &mut voice.wakes);
        }
        for message in self.parked.drain(..) {
            let len = message.len();
            if state.voice().account.try_reserve(len).is_err()
                || state.enter(message, self.options, len, false).is_err()
            {
                break;
            }
        }
        drop(state);
        self.shared.bell.leave(&mut self.seat);
    }
}

impl fmt::Debug for MessageSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageSink").field("parked", &self.parked.len()).finish_non_exhaustive()
    }
}

/// How many messages are handed in together.
const MESSAGES: usize = 32;
/// How many bytes of them.
const BYTES: usize = 64 << 10;
