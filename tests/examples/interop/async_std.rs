//! Conversations over steadfast-async-std.

use std::{future::Future, time::Duration};

use steadfast_async_std::{
    Client, Endpoint, Outcome, Receipt,
    core::{CloseFrame, Message, State, StateKind, StopCause},
};

use super::{Ask, Conversation};

/// See [`super::Connect`].
pub(crate) fn connect(ask: &Ask<'_>) -> Result<Box<dyn Conversation>, String> {
    let endpoint = Endpoint::parse(&ask.url).map_err(|error| error.to_string())?;
    let mut builder = Client::to(endpoint.engine(super::engine(ask)?)).config(super::config()?);
    for subprotocol in ask.subprotocols {
        builder = builder.subprotocol(subprotocol);
    }
    let client = Client::new(builder).map_err(|error| error.to_string())?;
    client.start();
    let settled = |state: &State| matches!(state.kind(), StateKind::Open | StateKind::Stopped);
    match in_time(client.state().wait_for(settled))? {
        Some(State::Open { .. }) => Ok(Box::new(AsyncStd { client, receipts: Vec::new() })),
        other => Err(format!("not open: {other:?}, {:?}", client.last_failure())),
    }
}

struct AsyncStd {
    client: Client,
    /// Of what was sent and is not known to be confirmed.
    receipts: Vec<Receipt>,
}

impl Conversation for AsyncStd {
    fn send(&mut self, message: Message<'static>) -> Result<(), String> {
        let receipt = in_time(async { self.client.send(message).await })?;
        self.receipts.push(receipt.map_err(|error| error.to_string())?);
        Ok(())
    }

    fn receive(&mut self) -> Result<Message<'static>, String> {
        let received = in_time(async { self.client.receive().await })?;
        received.map_err(|error| format!("{error}; {:?}", self.client.last_failure()))
    }

    fn confirmed(&mut self) -> Result<(), String> {
        for receipt in self.receipts.drain(..) {
            let id = receipt.id();
            let outcome: Outcome = in_time(receipt)?;
            if !outcome.is_confirmed() {
                return Err(format!("{id:?} is not confirmed, but {outcome:?}"));
            }
        }
        Ok(())
    }

    fn subprotocol(&self) -> Option<String> {
        self.client.subprotocol()
    }

    fn ended(&mut self) -> Result<StopCause, String> {
        match in_time(self.client.state().wait_for(|state: &State| state.kind() == StateKind::Stopped))? {
            Some(State::Stopped { cause }) => Ok(cause),
            other => Err(format!("it does not end: {other:?}")),
        }
    }

    fn close(&mut self, frame: CloseFrame) -> Result<(), String> {
        self.client.stop(frame, Some(PATIENCE));
        self.ended().map(drop)
    }
}

fn in_time<F: Future>(future: F) -> Result<F::Output, String> {
    async_std::task::block_on(async_std::future::timeout(PATIENCE, future))
        .map_err(|_| format!("not within {PATIENCE:?}"))
}

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
