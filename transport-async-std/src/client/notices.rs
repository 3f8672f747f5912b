//! Every notice, as a stream.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use steadfast_transport::client::{self, Noticed, ReceiveError};

/// Every [`Notice`](steadfast_core::Notice) of a session from the subscription on: states, verdicts, refusals,
/// watermarks. It ends when the client is gone and all were taken; a session that stopped can be started again, and does
/// not end it.
///
/// None is ever dropped, and none queues behind messages; what is not taken is kept, so take them, or drop this.
#[derive(Debug)]
pub struct Notices(client::Notices);

impl Notices {
    /// Takes the next notice if there is one; `Ok(None)` if there is none yet.
    ///
    /// # Errors
    /// [`Stopped`](ReceiveError::Stopped) when the client is gone and all notices were taken.
    pub fn try_receive(&self) -> Result<Option<Noticed>, ReceiveError> {
        self.0.try_receive()
    }
}

impl Stream for Notices {
    type Item = Noticed;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Noticed>> {
        self.0.poll_receive(context.waker())
    }
}

impl From<client::Notices> for Notices {
    fn from(notices: client::Notices) -> Self {
        Self(notices)
    }
}
