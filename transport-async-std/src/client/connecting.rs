//! The wait for the first connection.

use std::{
    error, fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;
use steadfast_core::{State, StopCause};
use steadfast_transport::{Failure, client::BuildError};

use crate::client::{Client, StateWatch};

/// Comes to a client that is connected. Whoever drops it drops the client.
#[derive(Debug)]
#[must_use = "a client that is not awaited is dropped"]
pub struct Connecting(Step);

#[derive(Debug)]
enum Step {
    Failed(BuildError),
    Waiting { client: Client, state: StateWatch },
    Over,
}

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The client could not be built.
    Build(BuildError),
    /// The session gave up: the cause was final, or as many attempts failed as were allowed.
    Stopped {
        /// Why it stopped.
        cause: StopCause,
        /// What exactly was wrong with the last attempt, if the driver saw it.
        failure: Option<Arc<Failure>>,
    },
    /// The session is gone: something that it was lent panicked (where a recording is written, say), which was told on standard
    /// error.
    Gone,
}

impl Connecting {
    pub(super) fn new(client: Result<Client, BuildError>) -> Self {
        Self(match client {
            Ok(client) => Step::Waiting { state: client.state(), client },
            Err(error) => Step::Failed(error),
        })
    }
}

impl Future for Connecting {
    type Output = Result<Client, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Step::Waiting { state, .. } = &mut self.0 {
            loop {
                match Pin::new(&mut *state).poll_next(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some(State::Open { .. } | State::Stopped { .. })) => break,
                    Poll::Ready(Some(_)) => {}
                    Poll::Ready(None) => {
                        self.0 = Step::Over;
                        return Poll::Ready(Err(ConnectError::Gone));
                    }
                }
            }
        }
        match std::mem::replace(&mut self.0, Step::Over) {
            Step::Failed(error) => Poll::Ready(Err(ConnectError::Build(error))),
            Step::Waiting { client, state } => match state.current() {
                State::Stopped { cause } => {
                    Poll::Ready(Err(ConnectError::Stopped { cause, failure: client.last_failure() }))
                }
                // It may have been lost again by now, and comes back.
                _ => Poll::Ready(Ok(client)),
            },
            Step::Over => panic!("a client was polled for after it was there"),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(error) => fmt::Display::fmt(error, f),
            Self::Gone => f.write_str("no connection: the session is gone, as something panicked"),
            Self::Stopped { cause: _, failure: Some(failure) } => write!(f, "no connection: {failure}"),
            Self::Stopped { cause, failure: None } => {
                write!(f, "no connection: {}", State::Stopped { cause: cause.clone() })
            }
        }
    }
}

impl error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Build(error) => Some(error),
            Self::Gone => None,
            Self::Stopped { failure, .. } => {
                failure.as_deref().map(|failure| -> &(dyn error::Error + 'static) { failure })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{self, AssertUnwindSafe},
        task::Waker,
    };

    use super::*;

    #[test]
    fn a_client_that_is_gone_is_not_connected() {
        let client = Client::new("ws://127.0.0.1:1/").expect("a client");
        let mut connecting = Connecting::new(Ok(client.clone()));
        let looked = panic::catch_unwind(AssertUnwindSafe(|| client.inspect(|_| panic!("the application failed"))));
        assert!(looked.is_err());
        let connected = Pin::new(&mut connecting).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(connected, Poll::Ready(Err(ConnectError::Gone))));
    }
}
