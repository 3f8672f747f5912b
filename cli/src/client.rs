//! A client on whichever transport, as threads that block use it.

use std::{iter, time::Duration};

use async_std::{
    future,
    stream::{Stream, StreamExt},
    task,
};
use steadfast_core::{
    CloseFrame, Message, MessageId, Metrics, Refusal, SendOptions, Timestamp, config::Config, trace::Payloads,
};
use steadfast_mio::{
    Builder, Endpoints, Noticed, SendError,
    store::{self, Store},
};
use steadfast_transport::client::Built;

use crate::{args::TransportArg, exit::Failure, tape::Track};

/// What a client is made of.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) transport: TransportArg,
    pub(crate) endpoints: Endpoints,
    pub(crate) config: Config,
    /// Of jitter and nonces; without it the system's random numbers.
    pub(crate) seed: Option<u64>,
    /// Whether messages that come in are wanted.
    pub(crate) receives: bool,
    /// Where durable messages are kept.
    pub(crate) store: Option<Store>,
    /// Where the session is recorded.
    pub(crate) track: Option<Track>,
}

/// A client, and what it has to say.
pub(crate) struct Connected {
    pub(crate) client: Client,
    /// Every notice from the first one on; ends with the client.
    pub(crate) notices: Box<dyn Iterator<Item = Noticed> + Send>,
    /// Every message that comes in; ends when the session has stopped. None if they are not wanted.
    pub(crate) messages: Box<dyn Iterator<Item = Message<'static>> + Send>,
}

/// A client on either transport.
#[derive(Debug)]
pub(crate) enum Client {
    Mio(steadfast_mio::Client),
    AsyncStd(steadfast_async_std::Client),
}

/// What sends on a client.
#[derive(Clone, Debug)]
pub(crate) enum Sender {
    Mio(steadfast_mio::Sender),
    AsyncStd(steadfast_async_std::Client),
}

impl Plan {
    /// Makes the client, which starts to connect.
    ///
    /// # Errors
    /// The system refuses a poll, a thread or random numbers.
    pub(crate) fn connect(self) -> Result<Connected, Failure> {
        match self.transport {
            TransportArg::Mio => self.on_mio(),
            TransportArg::AsyncStd => self.on_async_std(),
        }
    }

    fn on_mio(self) -> Result<Connected, Failure> {
        let mut builder = self.into_builder::<steadfast_mio::Client>();
        let notices = builder.notices();
        let client = builder.connect().map_err(Failure::client)?;
        let messages = client.receiver().into_iter().flatten();
        Ok(Connected { notices: Box::new(notices), messages: Box::new(messages), client: Client::Mio(client) })
    }

    fn on_async_std(self) -> Result<Connected, Failure> {
        let mut builder = self.into_builder();
        let notices = blocking(builder.notices());
        let client = steadfast_async_std::Client::new(builder).map_err(Failure::client)?;
        let messages = client.messages().map(blocking).into_iter().flatten();
        client.start();
        Ok(Connected { notices: Box::new(notices), messages: Box::new(messages), client: Client::AsyncStd(client) })
    }

    fn into_builder<C: Built>(self) -> Builder<C> {
        let mut builder = Builder::from(self.endpoints).config(self.config);
        if let Some(seed) = self.seed {
            builder = builder.seed(seed);
        }
        if let Some(store) = self.store {
            builder = builder.store(store);
        }
        if let Some(track) = self.track {
            builder = builder.record(track, Payloads::Keep);
        }
        if self.receives { builder } else { builder.without_receiver() }
    }
}

impl Client {
    /// The time on the clock of its notices.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Mio(client) => client.now(),
            Self::AsyncStd(client) => client.now(),
        }
    }

    /// The session's figures; `None` if it is gone.
    pub(crate) fn metrics(&self) -> Option<Metrics> {
        match self {
            Self::Mio(client) => client.metrics(),
            Self::AsyncStd(client) => client.metrics(),
        }
    }

    /// A handle for sending, for any thread. Where clients are cloned, it keeps the client.
    pub(crate) fn sender(&self) -> Sender {
        match self {
            Self::Mio(client) => Sender::Mio(client.sender()),
            Self::AsyncStd(client) => Sender::AsyncStd(client.clone()),
        }
    }

    /// Stops the session without waiting for it.
    pub(crate) fn stop(&self, frame: CloseFrame, drain: Option<Duration>) {
        match self {
            Self::Mio(client) => client.stop(frame, drain),
            Self::AsyncStd(client) => client.stop(frame, drain),
        }
    }

    /// Ends it, whoever still has a handle on it: no message comes in any more.
    pub(crate) fn end(self) {
        match self {
            Self::Mio(client) => drop(client),
            Self::AsyncStd(client) => {
                // A session that has stopped is at its end already, and one that does not stop is left to its own.
                let _ = task::block_on(future::timeout(PATIENCE, client.close(None)));
                drop(client);
                // What was confirmed is not to be sent again by the next process.
                store::finish();
            }
        }
    }
}

impl Sender {
    /// Sends a message, and waits for room as long as it takes.
    ///
    /// # Errors
    /// The session has stopped, or the message is larger than the outbox may become. It comes back.
    pub(crate) fn send_blocking(&self, message: Message<'static>, options: SendOptions) -> Result<(), SendError> {
        match self {
            Self::Mio(sender) => sender.send_blocking(message, options).map(drop),
            Self::AsyncStd(client) => task::block_on(client.send_with(message, options)).map(drop),
        }
    }

    /// Sends a message, and waits for room so long at most; its name.
    ///
    /// # Errors
    /// As [`send_blocking`](Self::send_blocking), and `Full` if there was no room in time.
    pub(crate) fn send_timeout(
        &self,
        message: Message<'static>,
        options: SendOptions,
        patience: Duration,
    ) -> Result<MessageId, SendError> {
        match self {
            Self::Mio(sender) => sender.send_timeout(message, options, patience).map(|receipt| receipt.id()),
            Self::AsyncStd(client) => {
                let sending = client.send_with(message.clone(), options);
                match task::block_on(future::timeout(patience, sending)) {
                    Ok(sent) => sent.map(|receipt| receipt.id()),
                    Err(_) => Err(SendError { message, why: Refusal::Full }),
                }
            }
        }
    }
}

/// A stream, for a thread that may wait.
fn blocking<S: Stream + Unpin>(mut stream: S) -> impl Iterator<Item = S::Item> {
    iter::from_fn(move || task::block_on(stream.next()))
}

/// How long a session may take to stop that is given up.
const PATIENCE: Duration = Duration::from_secs(10);
