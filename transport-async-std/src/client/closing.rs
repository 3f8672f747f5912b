//! The wait for the end.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use steadfast_core::{State, StateKind};
use steadfast_transport::client::Report;

use crate::client::StateWatch;

/// Comes to a report of what was left when the session had stopped.
#[derive(Debug)]
#[must_use = "it says which messages were left unsettled"]
pub struct Close {
    state: StateWatch,
    /// The client went first.
    gone: bool,
}

impl Close {
    pub(super) const fn new(state: StateWatch) -> Self {
        Self { state, gone: false }
    }
}

impl Future for Close {
    type Output = Report;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Report> {
        loop {
            let current = self.state.current();
            if current.kind() == StateKind::Stopped || self.gone {
                return Poll::Ready(self.state.report(current));
            }
            match Pin::new(&mut self.state).poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(changed) => self.gone = changed.is_none(),
            }
        }
    }
}

impl StateWatch {
    fn report(&self, state: State) -> Report {
        self.shared().lock().voice().told.report(state)
    }
}
