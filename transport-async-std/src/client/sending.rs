//! What goes out: room first, then the message.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use steadfast_core::{Message, Refusal, SendOptions};
use steadfast_transport::{client::Ticket, pump::SendError};

use crate::{
    bell::Seat,
    client::Receipt,
    shared::{Locked, Shared},
};

/// Comes to a [`Permit`], in the order in which it was first polled. Whoever drops it leaves the line.
#[must_use = "futures do nothing unless they are polled"]
pub struct Reserve<'a> {
    shared: &'a Arc<Shared>,
    bytes: usize,
    ticket: Option<Ticket>,
    seat: Seat,
}

/// Room for one message. Whoever drops it gives the room to the next who waits for it.
#[must_use = "it keeps others from sending"]
pub struct Permit<'a> {
    shared: &'a Arc<Shared>,
    bytes: usize,
}

/// Comes to the [`Receipt`] of a message once there was room for it. Whoever drops it before has not sent the message.
#[must_use = "futures do nothing unless they are polled"]
pub struct Sending<'a> {
    room: Reserve<'a>,
    message: Option<Message<'static>>,
    options: SendOptions,
}

impl<'a> Reserve<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, bytes: usize) -> Self {
        Self { shared, bytes, ticket: None, seat: Seat::default() }
    }
}

impl Reserve<'_> {
    #[inline]
    fn poll_room(&mut self, state: &mut Locked<'_>, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        let Self { shared, bytes, ticket, seat } = self;
        shared.catch_up(state, (seat, context), |state| state.voice().poll_reserve(*bytes, ticket, context.waker()))
    }
}

impl<'a> Future for Reserve<'a> {
    type Output = Result<Permit<'a>, Refusal>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.shared.started();
        let reserved = self.poll_room(&mut state, context);
        reserved.map(|reserved| reserved.map(|()| Permit { shared: self.shared, bytes: self.bytes }))
    }
}

impl Drop for Reserve<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let mut state = self.shared.lock();
            let voice = state.voice();
            voice.account.leave(ticket, &mut voice.wakes);
        }
        self.shared.bell.leave(&mut self.seat);
    }
}

impl Permit<'_> {
    /// For how many bytes there is room.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sends a message with the default options: at least once.
    ///
    /// # Errors
    /// The message, and why it was not accepted: it is larger than the room that was reserved, or the session was
    /// stopped meanwhile.
    pub fn send(self, message: impl Into<Message<'static>>) -> Result<Receipt, SendError> {
        self.send_with(message, SendOptions::default())
    }

    /// Sends a message with these options. What only the session can judge (a volatile message without a connection,
    /// say) is refused through the receipt: [`Outcome::Refused`](crate::Outcome::Refused), with the message.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_with(self, message: impl Into<Message<'static>>, options: SendOptions) -> Result<Receipt, SendError> {
        // The application's code runs before the client is locked.
        let message = message.into();
        let (shared, bytes) = (self.shared, self.bytes);
        // Its room is used up.
        mem::forget(self);
        let id = shared.lock().enter(message, options, bytes, true)?;
        Ok(Receipt::new(Arc::clone(shared), id))
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let voice = state.voice();
        voice.account.give_back(self.bytes, &mut voice.wakes);
    }
}

impl<'a> Sending<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, message: Message<'static>, options: SendOptions) -> Self {
        Self { room: Reserve::new(shared, message.len()), message: Some(message), options }
    }
}

impl Future for Sending<'_> {
    type Output = Result<Receipt, SendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { room, message, options } = &mut *self;
        let (shared, bytes) = (room.shared, room.bytes);
        let mut state = shared.started();
        let reserved = ready!(room.poll_room(&mut state, context));
        let message = message.take().expect("a message is sent once");
        Poll::Ready(match reserved {
            Ok(()) => {
                let entered = state.enter(message, *options, bytes, true);
                entered.map(|id| Receipt::new(Arc::clone(shared), id))
            }
            Err(why) => Err(SendError { message, why }),
        })
    }
}

/// Sends a message if there is room.
pub(super) fn try_send(
    shared: &Arc<Shared>,
    message: Message<'static>,
    options: SendOptions,
) -> Result<Receipt, SendError> {
    let bytes = message.len();
    let mut state = shared.started();
    if let Err(why) = state.voice().account.try_reserve(bytes) {
        return Err(SendError { message, why });
    }
    let id = state.enter(message, options, bytes, true)?;
    Ok(Receipt::new(Arc::clone(shared), id))
}

impl fmt::Debug for Reserve<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserve").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl fmt::Debug for Sending<'_> {
    /// How much, and never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("bytes", &self.room.bytes).finish_non_exhaustive()
    }
}
