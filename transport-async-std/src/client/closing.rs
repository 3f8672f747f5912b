//! The wait for the end.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use steadfast_transport::client::Report;

use crate::{bell::Seat, client::Client, voice::Voice};

/// Comes to a report of what was left when the session had stopped.
///
/// It is told of the end that this close brought about, whatever comes later: a client that was
/// [started](Client::start) again has stopped before. Where that took a drain back there is no end: the report comes at
/// once, and its state is the one that the session is in.
///
/// It holds the client, so that the drain goes on though every other clone is dropped. Whoever drops it does not wait
/// for the end.
#[must_use = "it says which messages were left unsettled"]
pub struct Close {
    client: Client,
    number: u64,
    seat: Seat,
}

impl Close {
    pub(super) fn new(client: Client, number: u64) -> Self {
        Self { client, number, seat: Seat::default() }
    }
}

impl Future for Close {
    type Output = Report;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Report> {
        let Self { client, number, seat } = &mut *self;
        let shared = client.shared();
        let mut state = shared.lock();
        shared.catch_up(&mut state, (seat, context), |state| {
            let Voice { closings, wakes, .. } = state.voice();
            closings.poll(*number, context.waker(), wakes)
        })
    }
}

impl Drop for Close {
    fn drop(&mut self) {
        let shared = self.client.shared();
        let mut state = shared.lock();
        let Voice { closings, wakes, .. } = state.voice();
        closings.leave(self.number, wakes);
        drop(state);
        shared.bell.leave(&mut self.seat);
    }
}

impl fmt::Debug for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Close").field("client", &self.client).finish_non_exhaustive()
    }
}
