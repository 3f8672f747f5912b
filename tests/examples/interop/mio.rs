//! Conversations over steadfast-mio.

use std::time::Duration;

use steadfast_mio::{
    Client, Outcome, Receipt,
    core::{CloseFrame, Message, State, StateKind, StopCause},
};

use super::{Ask, Conversation};

/// See [`super::Connect`].
pub(crate) fn connect(ask: &Ask<'_>) -> Result<Box<dyn Conversation>, String> {
    let mut builder = Client::builder(&ask.url).engine(super::engine(ask)?).config(super::config()?);
    for subprotocol in ask.subprotocols {
        builder = builder.subprotocol(subprotocol);
    }
    let client = builder.connect().map_err(|error| error.to_string())?;
    let opened =
        client.state().wait_for(PATIENCE, |state| matches!(state.kind(), StateKind::Open | StateKind::Stopped));
    match opened {
        Some(State::Open { .. }) => Ok(Box::new(Mio { client, receipts: Vec::new() })),
        other => Err(format!("not open: {other:?}, {:?}", client.last_failure())),
    }
}

struct Mio {
    client: Client,
    /// Of what was sent and is not known to be confirmed.
    receipts: Vec<Receipt>,
}

impl Conversation for Mio {
    fn send(&mut self, message: Message<'static>) -> Result<(), String> {
        self.receipts.push(self.client.send(message).map_err(|error| error.to_string())?);
        Ok(())
    }

    fn receive(&mut self) -> Result<Message<'static>, String> {
        self.client.receive_timeout(PATIENCE).map_err(|error| format!("{error}; {:?}", self.client.last_failure()))
    }

    fn confirmed(&mut self) -> Result<(), String> {
        for receipt in self.receipts.drain(..) {
            let outcome = receipt.wait_timeout(PATIENCE);
            if !outcome.as_ref().is_some_and(Outcome::is_confirmed) {
                return Err(format!("{:?} is not confirmed, but {outcome:?}", receipt.id()));
            }
        }
        Ok(())
    }

    fn subprotocol(&self) -> Option<String> {
        self.client.subprotocol()
    }

    fn ended(&mut self) -> Result<StopCause, String> {
        match self.client.state().wait_for(PATIENCE, |state| state.kind() == StateKind::Stopped) {
            Some(State::Stopped { cause }) => Ok(cause),
            other => Err(format!("it does not end: {other:?}")),
        }
    }

    fn close(&mut self, frame: CloseFrame) -> Result<(), String> {
        self.client.stop(frame, Some(PATIENCE));
        self.ended().map(drop)
    }
}

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
