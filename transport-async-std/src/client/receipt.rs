//! What becomes of a message.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use steadfast_core::MessageId;
use steadfast_transport::{client::Outcome, pump::SendError};

use crate::{bell::Seat, shared::Shared};

/// The claim to a message's outcome, which it comes to: for certain, at the latest when the client stops or is dropped.
/// Dropping it changes nothing for the message.
pub struct Receipt {
    shared: Arc<Shared>,
    id: MessageId,
    seat: Seat,
}

impl Receipt {
    pub(super) fn new(shared: Arc<Shared>, id: MessageId) -> Self {
        Self { shared, id, seat: Seat::default() }
    }

    /// The message's name.
    #[must_use]
    pub const fn id(&self) -> MessageId {
        self.id
    }

    /// Comes to `Ok` once the message is accepted: a [durable](steadfast_core::SendOptions::durable) one when it is stored, so
    /// that nothing but the loss of the disk can lose it from here on. Of any other the session says nothing before the
    /// outcome. Comes to the message and the reason if it was refused: the disk is full, say.
    pub fn accepted(&mut self) -> Acceptance<'_> {
        Acceptance(self)
    }

    /// The outcome, if it is known.
    #[must_use]
    pub fn try_get(&self) -> Option<Outcome> {
        self.shared.lock().voice().account.outcome(self.id).cloned()
    }
}

/// Whether a message was accepted; see [`Receipt::accepted`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Acceptance<'a>(&'a mut Receipt);

impl Future for Acceptance<'_> {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Receipt { shared, id, seat } = &mut *self.0;
        let mut state = shared.lock();
        shared.catch_up(&mut state, (seat, context), |state| {
            let voice = state.voice();
            voice.account.poll_acceptance(*id, context.waker(), &mut voice.wakes)
        })
    }
}

impl Future for Receipt {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let Self { shared, id, seat } = &mut *self;
        let mut state = shared.lock();
        shared.catch_up(&mut state, (seat, context), |state| {
            let voice = state.voice();
            voice.account.poll_outcome(*id, context.waker(), &mut voice.wakes)
        })
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let voice = state.voice();
        voice.account.forget(self.id, &mut voice.wakes);
        drop(state);
        self.shared.bell.leave(&mut self.seat);
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("id", &self.id).finish_non_exhaustive()
    }
}
