//! The clients of all transports, seen alike by a test, which may block.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::StreamExt as _;

use steadfast_core::{
    Cause, ConnId, Identity, Message, Notice, SendOptions, State, StateKind, StopCause, Timestamp, Visibility,
    config::Config,
};
use steadfast_mio::{Endpoints, Failure, Noticed, Notices, Outcome, Report, SendError};
use steadfast_store::Store;

use crate::case::{SOON, Transport};

/// A client of one of the transports.
pub(crate) enum Client {
    Mio(steadfast_mio::Client, Notices),
    AsyncStd(steadfast_async_std::Client, Mutex<steadfast_async_std::Notices>),
}

/// Something to send with that keeps no client alive.
pub(crate) enum Handle {
    Mio(steadfast_mio::Sender),
    AsyncStd(steadfast_async_std::Client),
}

/// The claim to a message's outcome.
pub(crate) enum Receipt {
    Mio(steadfast_mio::Receipt),
    AsyncStd(Mutex<steadfast_async_std::Receipt>),
}

impl Client {
    pub(crate) fn connect(transport: Transport, endpoints: impl Into<Endpoints>, config: Config) -> Self {
        Self::connect_with(transport, endpoints, config, None)
    }

    /// The same, with a store for durable messages.
    pub(crate) fn connect_with(
        transport: Transport,
        endpoints: impl Into<Endpoints>,
        config: Config,
        store: Option<Store>,
    ) -> Self {
        let endpoints = endpoints.into();
        match transport {
            Transport::Mio => {
                let builder = steadfast_mio::ClientBuilder::from(endpoints).config(config);
                let mut builder = match store {
                    Some(store) => builder.store(store),
                    None => builder,
                };
                let notices = builder.notices();
                Self::Mio(builder.connect().expect("a client"), notices)
            }
            Transport::AsyncStd => {
                let builder = steadfast_async_std::ClientBuilder::from(endpoints).config(config);
                let mut builder = match store {
                    Some(store) => builder.store(store),
                    None => builder,
                };
                let notices = builder.notices();
                let client = steadfast_async_std::Client::new(builder).expect("a client");
                client.start();
                Self::AsyncStd(client, Mutex::new(notices))
            }
        }
    }

    /// Sends at least once.
    pub(crate) fn send(&self, message: impl Into<Message<'static>>) -> Receipt {
        self.try_send(message, SendOptions::default()).expect("an open door")
    }

    /// Sends without waiting for room.
    pub(crate) fn try_send(
        &self,
        message: impl Into<Message<'static>>,
        options: SendOptions,
    ) -> Result<Receipt, SendError> {
        match self {
            Self::Mio(client, _) => client.send_with(message, options).map(Receipt::Mio),
            Self::AsyncStd(client, _) => {
                client.try_send_with(message, options).map(|receipt| Receipt::AsyncStd(Mutex::new(receipt)))
            }
        }
    }

    /// Handles that outlive it, for as many threads.
    pub(crate) fn handles(&self, count: usize) -> Vec<Handle> {
        (0..count)
            .map(|_| match self {
                Self::Mio(client, _) => Handle::Mio(client.sender()),
                Self::AsyncStd(client, _) => Handle::AsyncStd(client.clone()),
            })
            .collect()
    }

    /// The next message.
    pub(crate) fn receive(&self) -> Message<'static> {
        match self {
            Self::Mio(client, _) => client.receive_timeout(SOON).expect("a message in time"),
            Self::AsyncStd(client, _) => soon(client.receive()).expect("a message"),
        }
    }

    pub(crate) fn receive_text(&self) -> String {
        self.receive().as_text().expect("a text").to_owned()
    }

    /// Waits for a state.
    pub(crate) fn wait_for(&self, kind: StateKind) -> State {
        match self {
            Self::Mio(client, _) => client.state().wait_for(SOON, |state| state.kind() == kind),
            Self::AsyncStd(client, _) => soon(client.state().wait_for(|state: &State| state.kind() == kind)),
        }
        .unwrap_or_else(|| panic!("not {kind:?} in time, but {:?}", self.state()))
    }

    pub(crate) fn state(&self) -> State {
        match self {
            Self::Mio(client, _) => client.state().current(),
            Self::AsyncStd(client, _) => client.state().current(),
        }
    }

    /// The next notice.
    pub(crate) fn notice(&self) -> Noticed {
        match self {
            Self::Mio(_, notices) => notices.receive_timeout(SOON).expect("a notice in time"),
            Self::AsyncStd(_, notices) => soon(notices.lock().expect("no panic").next()).expect("a notice"),
        }
    }

    /// How the next connection, or attempt, ends, and what was wrong with it; and whether that was the end of it all.
    pub(crate) fn end(&self) -> End {
        loop {
            let noticed = self.notice();
            let Notice::State(transition) = noticed.notice else { continue };
            let (cause, last) = match transition.to {
                State::Waiting { cause, .. } => (cause, false),
                State::Stopped { cause: StopCause::Terminal(cause) } => (cause, true),
                State::Stopped { .. } => (Cause::Stopped, true),
                _ => continue,
            };
            return End { cause, failure: noticed.failure, last };
        }
    }

    pub(crate) fn last_failure(&self) -> Option<Arc<Failure>> {
        match self {
            Self::Mio(client, _) => client.last_failure(),
            Self::AsyncStd(client, _) => client.last_failure(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Mio(client, _) => client.now(),
            Self::AsyncStd(client, _) => client.now(),
        }
    }

    pub(crate) fn reconnect_now(&self) {
        match self {
            Self::Mio(client, _) => client.reconnect_now(),
            Self::AsyncStd(client, _) => client.reconnect_now(),
        }
    }

    /// The connection that is open, waited for.
    pub(crate) fn conn(&self) -> ConnId {
        self.wait_for(StateKind::Open).conn().expect("an open state names its connection")
    }

    pub(crate) fn ready(&self, conn: ConnId) {
        match self {
            Self::Mio(client, _) => client.ready(conn),
            Self::AsyncStd(client, _) => client.ready(conn),
        }
    }

    pub(crate) fn credentials_rejected(&self, conn: ConnId) {
        match self {
            Self::Mio(client, _) => client.credentials_rejected(conn),
            Self::AsyncStd(client, _) => client.credentials_rejected(conn),
        }
    }

    pub(crate) fn refresh_credentials(&self) {
        match self {
            Self::Mio(client, _) => client.refresh_credentials(),
            Self::AsyncStd(client, _) => client.refresh_credentials(),
        }
    }

    pub(crate) fn switch_identity(&self, identity: Identity) {
        match self {
            Self::Mio(client, _) => client.switch_identity(identity),
            Self::AsyncStd(client, _) => client.switch_identity(identity),
        }
    }

    pub(crate) fn visibility(&self, visibility: Visibility) {
        match self {
            Self::Mio(client, _) => client.visibility(visibility),
            Self::AsyncStd(client, _) => client.visibility(visibility),
        }
    }

    /// As it shows itself.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Mio(client, notices) => format!("{client:?} {notices:?} {:?}", client.sender()),
            Self::AsyncStd(client, notices) => format!("{client:?} {notices:?}"),
        }
    }

    /// Closes the client, within this time for what is on its way.
    pub(crate) fn close(self, drain: Option<Duration>) -> Report {
        match self {
            Self::Mio(client, _) => client.close(drain),
            Self::AsyncStd(client, _) => soon(client.close(drain)),
        }
    }
}

impl Handle {
    pub(crate) fn try_send(
        &self,
        message: impl Into<Message<'static>>,
        options: SendOptions,
    ) -> Result<Receipt, SendError> {
        match self {
            Self::Mio(sender) => sender.send_with(message, options).map(Receipt::Mio),
            Self::AsyncStd(client) => {
                client.try_send_with(message, options).map(|receipt| Receipt::AsyncStd(Mutex::new(receipt)))
            }
        }
    }
}

impl Receipt {
    /// The outcome, waited for.
    pub(crate) fn wait(&self) -> Outcome {
        match self {
            Self::Mio(receipt) => receipt.wait_timeout(SOON).expect("an outcome in time"),
            Self::AsyncStd(receipt) => soon(&mut *receipt.lock().expect("no panic")),
        }
    }
}

/// What this comes to, in time.
fn soon<F: Future>(future: F) -> F::Output {
    async_std::task::block_on(async_std::future::timeout(SOON, future)).expect("done in time")
}

/// How a connection ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) cause: Cause,
    pub(crate) failure: Option<Arc<Failure>>,
    /// Whether the session has stopped with it.
    pub(crate) last: bool,
}

impl End {
    /// What exactly was wrong, in words.
    pub(crate) fn text(&self) -> String {
        self.failure.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}
