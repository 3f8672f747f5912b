//! What comes in.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_core::{FusedStream, Stream};
use steadfast_core::Message;
use steadfast_transport::client::{Incoming, Lot, Place, ReceiveError};

use crate::{bell::Seat, shared::Shared, state::State};

/// The messages that come in, as a stream. It ends when the session has stopped, or the client is gone, and everything
/// was taken; when the session was started again it goes on.
///
/// **Clones share one queue**: each message goes to one of them, and several tasks share the work. For a queue of its
/// own, which sees every message from then on, use [`Client::subscribe`](crate::Client::subscribe).
///
/// The queue is bounded; see [`Incoming`] for what happens when nobody takes from it. It is dropped with the last of the
/// clones.
///
/// A queue of which there is **one stream and no clone**, as from [`Client::subscribe`](crate::Client::subscribe), is the
/// quickest: the stream takes all that waits at once, and has each message at hand.
pub struct Messages {
    shared: Arc<Shared>,
    queue: usize,
    /// What it took, as the only one who takes.
    lent: Mutex<Lot>,
    place: Place,
    seat: Seat,
    /// Whether it has said that it ended.
    ended: bool,
}

/// Comes to the next message. Whoever drops it loses none.
#[must_use = "futures do nothing unless they are polled"]
pub struct Receive<'a> {
    shared: &'a Arc<Shared>,
    queue: Option<usize>,
    /// What its stream took before.
    lent: Option<&'a Mutex<Lot>>,
    place: Place,
    seat: Seat,
}

impl Messages {
    /// A queue of its own.
    pub(super) fn open(shared: &Arc<Shared>, bounds: Incoming) -> Self {
        let queue = shared.lock().voice().open(bounds);
        Self::with(shared, queue)
    }

    fn with(shared: &Arc<Shared>, queue: usize) -> Self {
        let (shared, lent) = (Arc::clone(shared), Mutex::default());
        Self { shared, queue, lent, place: Place::default(), seat: Seat::default(), ended: false }
    }

    pub(super) const fn queue(&self) -> usize {
        self.queue
    }

    /// Takes the next message, waiting for it across reconnects. Comes to [`ReceiveError::Stopped`] once nothing will
    /// come any more.
    pub fn receive(&self) -> Receive<'_> {
        Receive::new(&self.shared, Some(self.queue), Some(&self.lent))
    }

    /// Takes the next message if there is one; `Ok(None)` if there is none yet.
    ///
    /// # Errors
    /// [`Stopped`](ReceiveError::Stopped) once nothing will come any more.
    pub fn try_receive(&self) -> Result<Option<Message<'static>>, ReceiveError> {
        if let Some(message) = lock(&self.lent).pop() {
            return Ok(Some(message));
        }
        self.shared.started().voice().try_take(self.queue).transpose()
    }

    /// How many messages wait.
    #[must_use]
    pub fn len(&self) -> usize {
        let waiting = self.shared.lock().voice().waiting(self.queue).0;
        waiting + lock(&self.lent).len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages made room for newer ones, where [`DropOldest`](crate::SlowReader::DropOldest) is asked for.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.shared.lock().voice().waiting(self.queue).1
    }
}

impl Stream for Messages {
    type Item = Message<'static>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message<'static>>> {
        let Self { shared, queue, lent, place, seat, ended } = &mut *self;
        let lent = lent.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(message) = lent.pop() {
            return Poll::Ready(Some(message));
        }
        let mut state = shared.started();
        let look = |state: &mut State| state.voice().poll_take_all(*queue, lent, place, context.waker());
        let taken = shared.catch_up(&mut state, (seat, context), look);
        taken.map(|taken| {
            *ended = taken.is_err();
            taken.ok()
        })
    }
}

impl FusedStream for Messages {
    /// Whether it has ended, and the session has not been started again since.
    fn is_terminated(&self) -> bool {
        self.ended && self.shared.lock().voice().has_ended()
    }
}

impl Clone for Messages {
    fn clone(&self) -> Self {
        let mut state = self.shared.lock();
        let voice = state.voice();
        voice.give_back(self.queue, &mut lock(&self.lent));
        voice.join(self.queue);
        drop(state);
        Self::with(&self.shared, self.queue)
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let voice = state.voice();
        voice.leave(self.queue, &mut self.place);
        voice.part(self.queue);
        drop(state);
        self.shared.bell.leave(&mut self.seat);
    }
}

impl<'a> Receive<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, queue: Option<usize>, lent: Option<&'a Mutex<Lot>>) -> Self {
        Self { shared, queue, lent, place: Place::default(), seat: Seat::default() }
    }
}

impl Future for Receive<'_> {
    type Output = Result<Message<'static>, ReceiveError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { shared, queue, lent, place, seat } = &mut *self;
        let Some(queue) = *queue else { return Poll::Ready(Err(ReceiveError::Stopped)) };
        if let Some(message) = lent.and_then(|lent| lock(lent).pop()) {
            return Poll::Ready(Ok(message));
        }
        let mut state = shared.started();
        let look = |state: &mut State| state.voice().poll_take(queue, place, context.waker());
        shared.catch_up(&mut state, (seat, context), look)
    }
}

impl Drop for Receive<'_> {
    fn drop(&mut self) {
        if let Some(queue) = self.queue
            && self.place.is_taken()
        {
            self.shared.lock().voice().leave(queue, &mut self.place);
            self.shared.bell.leave(&mut self.seat);
        }
    }
}

fn lock(lent: &Mutex<Lot>) -> MutexGuard<'_, Lot> {
    lent.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Receive<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receive").finish_non_exhaustive()
    }
}
