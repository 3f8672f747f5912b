//! A sink for messages, which holds back whoever is faster than the connection.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_sink::Sink;
use steadfast_core::{Message, SendOptions};
use steadfast_transport::{client::Ticket, pump::SendError};

use crate::shared::Shared;

/// Sends messages without receipts. It is ready when the last message has found room in the outbox; flushed, when all were
/// accepted by the session, which from then on owes each of them a verdict (see the
/// [notices](crate::Client::notices)). To close it flushes it, and leaves the client open.
pub struct MessageSink {
    shared: Arc<Shared>,
    options: SendOptions,
    /// A message that waits for room.
    parked: Option<Message<'static>>,
    ticket: Option<Ticket>,
}

impl MessageSink {
    pub(super) const fn new(shared: Arc<Shared>, options: SendOptions) -> Self {
        Self { shared, options, parked: None, ticket: None }
    }

    /// Hands in the message that waits for room.
    fn poll_parked(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let Some(message) = &self.parked else { return Poll::Ready(Ok(())) };
        let bytes = message.len();
        let mut state = self.shared.started();
        let reserved = ready!(state.voice().poll_reserve(bytes, &mut self.ticket, context.waker()));
        let message = self.parked.take().expect("it was there just now");
        Poll::Ready(match reserved {
            Ok(()) => state.enter(message, self.options, bytes, false).map(drop),
            Err(why) => Err(SendError { message, why }),
        })
    }
}

impl Sink<Message<'static>> for MessageSink {
    type Error = SendError;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_parked(context)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message<'static>) -> Result<(), SendError> {
        debug_assert!(self.parked.is_none(), "it was ready");
        self.parked = Some(message);
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        ready!(self.poll_parked(context))?;
        let mut state = self.shared.lock();
        self.shared.turn(&mut state);
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_flush(context)
    }
}

impl Drop for MessageSink {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let mut state = self.shared.lock();
            let voice = state.voice();
            voice.account.leave(ticket, &mut voice.wakes);
        }
    }
}

impl fmt::Debug for MessageSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageSink").field("is_ready", &self.parked.is_none()).finish_non_exhaustive()
    }
}
