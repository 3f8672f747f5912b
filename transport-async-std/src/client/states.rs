//! The state, to be watched.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use steadfast_core::State;
use steadfast_transport::client::Place;

use crate::{bell::Seat, shared::Shared, voice::Voice};

/// The state of a session: its current value, and its changes as a stream. Each clone remembers what it has seen.
///
/// The stream begins with the current state, and ends when the client is gone. A slow watcher sees the newest state and
/// not all between; [`Notices`](crate::Notices) has them all.
pub struct StateWatch {
    shared: Arc<Shared>,
    seen: u64,
    place: Place,
    seat: Seat,
}

/// Comes to a state that its watch has not returned yet; to `None` if the client is gone.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct StateChange<'a>(&'a mut StateWatch);

/// Comes to a state that is as wanted; to `None` if the client is gone before.
#[must_use = "futures do nothing unless they are polled"]
pub struct WaitFor<'a, F> {
    watch: &'a mut StateWatch,
    wanted: F,
    /// The last state that was looked at.
    looked: u64,
}

impl StateWatch {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, seen: 0, place: Place::default(), seat: Seat::default() }
    }

    /// The current state.
    #[must_use]
    pub fn current(&self) -> State {
        self.shared.lock().voice().watched.state.clone()
    }

    /// Waits for a state that this watch has not returned yet, the current one included the first time.
    pub const fn changed(&mut self) -> StateChange<'_> {
        StateChange(self)
    }

    /// Waits until the state is as wanted.
    pub const fn wait_for<F: FnMut(&State) -> bool>(&mut self, wanted: F) -> WaitFor<'_, F> {
        WaitFor { watch: self, wanted, looked: 0 }
    }

    /// Another state than that of this version, and its own version.
    fn poll_newer(&mut self, than: u64, context: &mut Context<'_>) -> Poll<Option<(State, u64)>> {
        let Self { shared, place, seat, .. } = self;
        let mut state = shared.lock();
        shared.catch_up(&mut state, (seat, context), |state| {
            let Voice { watched, wakes, .. } = state.voice();
            if watched.version != than {
                return Poll::Ready(Some((watched.state.clone(), watched.version)));
            }
            if watched.closed {
                return Poll::Ready(None);
            }
            watched.waiters.wait(place, context.waker(), wakes);
            Poll::Pending
        })
    }

    fn poll_changed(&mut self, context: &mut Context<'_>) -> Poll<Option<State>> {
        let newer = ready!(self.poll_newer(self.seen, context));
        Poll::Ready(newer.map(|(state, version)| {
            self.seen = version;
            state
        }))
    }
}

impl Stream for StateWatch {
    type Item = State;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<State>> {
        self.poll_changed(context)
    }
}

impl Future for StateChange<'_> {
    type Output = Option<State>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<State>> {
        self.0.poll_changed(context)
    }
}

impl<F: FnMut(&State) -> bool + Unpin> Future for WaitFor<'_, F> {
    type Output = Option<State>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<State>> {
        let Self { watch, wanted, looked } = &mut *self;
        loop {
            let Some((state, version)) = ready!(watch.poll_newer(*looked, context)) else { return Poll::Ready(None) };
            *looked = version;
            // The client is not locked meanwhile: this is the application's.
            if wanted(&state) {
                watch.seen = version;
                return Poll::Ready(Some(state));
            }
        }
    }
}

impl Clone for StateWatch {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), seen: self.seen, place: Place::default(), seat: Seat::default() }
    }
}

impl Drop for StateWatch {
    fn drop(&mut self) {
        if self.place.is_taken() {
            let mut state = self.shared.lock();
            let voice = state.voice();
            voice.watched.waiters.leave(&mut self.place, &mut voice.wakes);
            drop(state);
            self.shared.bell.leave(&mut self.seat);
        }
    }
}

impl fmt::Debug for StateWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateWatch").field(&self.current()).finish()
    }
}

impl<F> fmt::Debug for WaitFor<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitFor").field("watch", &self.watch).finish_non_exhaustive()
    }
}
