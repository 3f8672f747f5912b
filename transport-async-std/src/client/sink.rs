//! A sink for messages, which holds back whoever is faster than the connection.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_sink::Sink;
use steadfast_core::{Message, SendOptions};
use steadfast_transport::{client::Ticket, pump::SendError};

use crate::{bell::Seat, shared::Shared};

/// Sends messages without receipts. It is flushed when all were accepted by the session, which from then on owes each
/// of them a verdict (see the [notices](crate::Client::notices)). To close it flushes it, and leaves the client open.
///
/// **Ready** means that there is room in the sink itself: up to 32 messages, or 64 KiB, wait here to be handed in
/// together, when it is full or flushed. So it holds back whoever is faster than the connection, but that many messages
/// late; flush it where that matters.
///
/// **An error** is about one message, which comes back with it, and not about the sink, which can go on being used. What
/// is refused of this sink's messages, because the session was stopped, or because it cannot confirm them, say,
/// is told by the next calls, each once and in their order; the sink is flushed when a flush comes to `Ok`.
///
/// **Dropped**, it hands in what is left as far as there is room; the rest comes back as
/// [`Refused`](steadfast_core::Notice::Refused) among the [notices](crate::Client::notices). A flush that is given up
/// while it waits for room keeps its place in the line, and room that it is given waits for the next flush.
pub struct MessageSink {
    shared: Arc<Shared>,
    /// Its number among those who are told of refusals.
    number: u64,
    options: SendOptions,
    /// Messages that were not handed in yet, and their bytes.
    parked: VecDeque<Message<'static>>,
    bytes: usize,
    ticket: Option<Ticket>,
    seat: Seat,
    /// Whether there are refusals that it has not told yet.
    owes: bool,
}

impl MessageSink {
    pub(super) fn new(shared: Arc<Shared>, options: SendOptions) -> Self {
        let number = shared.lock().voice().refusals.join();
        Self {
            shared,
            number,
            options,
            parked: VecDeque::new(),
            bytes: 0,
            ticket: None,
            seat: Seat::default(),
            owes: false,
        }
    }

    /// Hands in what is parked, in its order, as soon as there is room for it. Then, or when there is none, lets the
    /// session see to it. First of all tells what was refused.
    fn poll_hand_in(&mut self, context: &mut Context<'_>, flush: bool) -> Poll<Result<(), SendError>> {
        let Self { shared, number, options, parked, bytes, ticket, seat, owes } = self;
        let mut state = shared.started();
        // Here, or when it is flushed.
        state.see_to_it_later();
        let mut handed_in = Poll::Ready(());
        if !*owes {
            state.begin_handing_in(*number);
            // Whoever has lined up comes to his room first.
            if ticket.is_none() {
                *bytes -= state.hand_over(parked, *options, shared.now());
            }
            while let Some(message) = parked.front() {
                let len = message.len();
                let room = shared.catch_up(&mut state, (seat, context), |state| {
                    state.voice().poll_reserve(len, ticket, context.waker())
                });
                handed_in = room.map(drop);
                let Poll::Ready(room) = room else { break };
                let Some(message) = parked.pop_front() else { break };
                *bytes -= len;
                let entered = match room {
                    Ok(()) => state.enter(message, *options, len, false).map(drop),
                    Err(why) => Err(SendError { message, why }),
                };
                if let Err(error) = entered {
                    // Behind what the session refuses of those before it.
                    shared.turn(&mut state);
                    state.voice().refusals.add(*number, error);
                    break;
                }
            }
            state.end_handing_in();
            if flush && handed_in.is_ready() {
                shared.turn(&mut state);
            }
        }
        match state.voice().refusals.take(*number) {
            Some((error, more)) => {
                *owes = more;
                Poll::Ready(Err(error))
            }
            None => handed_in.map(Ok),
        }
    }
}

impl Sink<Message<'static>> for MessageSink {
    type Error = SendError;

    /// Ready as long as fewer than 32 messages, of less than 64 KiB, wait in the sink and nothing is to be told of those
    /// before them; otherwise when they were handed in.
    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        if self.parked.len() < MESSAGES && self.bytes < BYTES && !self.owes {
            return Poll::Ready(Ok(()));
        }
        self.poll_hand_in(context, false)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message<'static>) -> Result<(), SendError> {
        self.bytes += message.len();
        self.parked.push_back(message);
        Ok(())
    }

    /// Ready when all were accepted, or with one that was not.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_hand_in(context, true)
    }

    /// Flushes it. The client stays open.
    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_flush(context)
    }
}

impl Drop for MessageSink {
    fn drop(&mut self) {
        let mut state = if self.parked.is_empty() { self.shared.lock() } else { self.shared.started() };
        let voice = state.voice();
        voice.refusals.leave(self.number);
        if let Some(ticket) = self.ticket.take() {
            voice.account.leave(ticket, &mut voice.wakes);
        }
        let mut parked = self.parked.drain(..);
        let without_room = parked.by_ref().find_map(|message| {
            let len = message.len();
            match state.voice().account.try_reserve(len) {
                Ok(()) => state.enter(message, self.options, len, false).err(),
                Err(why) => Some(SendError { message, why }),
            }
        });
        if let Some(SendError { message, why }) = without_room {
            // None overtakes another.
            for message in std::iter::once(message).chain(parked) {
                state.give_back(message, why, self.shared.now());
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
