//! The client, and what its futures and streams have in common.

mod closing;
mod connecting;
mod messages;
mod notices;
mod receipt;
mod sending;
mod sink;
mod states;

use std::{fmt, sync::Arc, time::Duration};

use steadfast_core::{
    CloseFrame, ConnId, Event, Identity, Message, MessageId, Metrics, Network, SendOptions, Session, Timestamp,
    Visibility, config::Heartbeat,
};
use steadfast_transport::{
    Endpoint, Failure,
    client::{BuildError, Builder, Built, Incoming, Parts, Subscribers},
    pump::SendError,
};

pub use self::{
    closing::Close,
    connecting::{ConnectError, Connecting},
    messages::{Messages, Receive},
    notices::Notices,
    receipt::{Acceptance, Receipt},
    sending::{Permit, Reserve, Sending},
    sink::MessageSink,
    states::{StateChange, StateWatch, WaitFor},
};
use crate::shared::{Locked, Shared};

/// Builds a [`Client`]. [`connect`](Builder::connect) comes to a client that is connected, or has given up.
pub type ClientBuilder = Builder<Client>;

/// A WebSocket client that holds on. Cheap to clone: all clones are handles on the same session.
///
/// The session lives in a task of its own, which ends when the last clone is dropped: the session is stopped at once
/// (every message that was not settled gets its verdict), and the socket is closed. [`close`](Self::close) does so politely.
/// Receipts, streams and watches do not keep it alive; they come to their ends.
///
/// Every future and stream here may be dropped at any time: what it had reserved or was woken for goes to the next, and
/// nothing is lost or done twice.
///
/// ```no_run
/// # async_std::task::block_on(async {
/// use std::time::Duration;
/// use steadfast_async_std::Client;
///
/// let client = Client::connect("ws://127.0.0.1:9001/chat").await?;
/// let receipt = client.send("hello").await?;
/// println!("{:?}", client.receive().await?);
/// println!("{:?}", receipt.await);
/// let report = client.close(Duration::from_secs(2)).await;
/// assert!(report.unsettled.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # });
/// ```
#[derive(Clone)]
pub struct Client(Arc<Owner>);

/// What the clones of a client own together.
struct Owner {
    shared: Arc<Shared>,
    /// The client's own queue.
    messages: Option<Messages>,
    /// The bounds of new subscribers' queues.
    incoming: Incoming,
    subscribers: Arc<Subscribers>,
}

impl Client {
    /// Begins to build a client for a URL.
    #[must_use]
    pub fn builder(url: &str) -> ClientBuilder {
        ClientBuilder::from(url)
    }

    /// Begins to build a client for an endpoint.
    #[must_use]
    pub fn to(endpoint: Endpoint) -> ClientBuilder {
        ClientBuilder::from(endpoint)
    }

    /// Connects: to a URL, to an [`Endpoint`], or as a [builder](Self::builder) says. Waits until the connection is
    /// open, over as many attempts as the configuration allows; whoever waits no longer drops the future, and with it
    /// the client.
    pub fn connect(to: impl Into<ClientBuilder>) -> Connecting {
        to.into().connect()
    }

    /// A client that does not connect until it has to: when a message is to be sent or received, or at
    /// [`start`](Self::start).
    ///
    /// # Errors
    /// A URL, header or subprotocol that cannot be, or the operating system has no random numbers.
    pub fn new(to: impl Into<ClientBuilder>) -> Result<Self, BuildError> {
        to.into().into_parts().map(Self::at_rest)
    }

    fn at_rest(parts: Parts) -> Self {
        let (own, subscribers) = (parts.incoming, Arc::clone(&parts.subscribers));
        #[cfg(feature = "signals")]
        let signals = parts.signals;
        let shared = Arc::new(Shared::new(parts));
        #[cfg(feature = "signals")]
        if signals {
            shared.watch_signals();
        }
        let messages = own.map(|bounds| Messages::open(&shared, bounds));
        Self(Arc::new(Owner { shared, messages, incoming: own.unwrap_or_default(), subscribers }))
    }

    /// Reserves room in the outbox for a message of at most this many bytes, waiting for it: first come, first served.
    ///
    /// Comes to an error if there will be none: the session was stopped, or it is more than the outbox can hold.
    pub fn reserve(&self, bytes: usize) -> Reserve<'_> {
        Reserve::new(&self.0.shared, bytes)
    }

    /// Sends a message with the default options (at least once), waiting for room in the outbox: [`reserve`](Self::reserve)
    /// and [`Permit::send`] in one. Comes to the receipt, or to the message and why it was not accepted.
    pub fn send(&self, message: impl Into<Message<'static>>) -> Sending<'_> {
        self.send_with(message, SendOptions::default())
    }

    /// Sends a message with these options, waiting for room in the outbox.
    pub fn send_with(&self, message: impl Into<Message<'static>>, options: SendOptions) -> Sending<'_> {
        Sending::new(&self.0.shared, message.into(), options)
    }

    /// Sends a message with the default options, if there is room for it and nobody else waits for that.
    ///
    /// # Errors
    /// The message, and why it was not accepted.
    pub fn try_send(&self, message: impl Into<Message<'static>>) -> Result<Receipt, SendError> {
        self.try_send_with(message, SendOptions::default())
    }

    /// Sends a message with these options, if there is room for it and nobody else waits for that.
    ///
    /// # Errors
    /// The message, and why it was not accepted.
    pub fn try_send_with(
        &self,
        message: impl Into<Message<'static>>,
        options: SendOptions,
    ) -> Result<Receipt, SendError> {
        sending::try_send(&self.0.shared, message.into(), options)
    }

    /// A sink for messages with the default options.
    #[must_use]
    pub fn sink(&self) -> MessageSink {
        self.sink_with(SendOptions::default())
    }

    /// A sink for messages with these options.
    #[must_use]
    pub fn sink_with(&self, options: SendOptions) -> MessageSink {
        MessageSink::new(Arc::clone(&self.0.shared), options)
    }

    /// Takes the next message out of the client's own queue, waiting for it across reconnects. Comes to
    /// [`ReceiveError::Stopped`](crate::ReceiveError::Stopped) once the session has stopped and everything that came in
    /// was taken.
    pub fn receive(&self) -> Receive<'_> {
        // No stream is made of the client's own handle, which takes one message at a time.
        Receive::new(&self.0.shared, self.0.messages.as_ref().map(Messages::queue), None)
    }

    /// The messages of the client's own queue, as a stream. Clones and [`receive`](Self::receive) share that queue: a
    /// message goes to one of those who take from it. `None` if the client was built
    /// [`without_receiver`](Builder::without_receiver).
    #[must_use]
    pub fn messages(&self) -> Option<Messages> {
        self.0.messages.clone()
    }

    /// A queue of its own that gets every message from now on, bounded as the client's.
    ///
    /// The client's own queue must still be taken from, or not be there: see
    /// [`without_receiver`](Builder::without_receiver).
    #[must_use]
    pub fn subscribe(&self) -> Messages {
        self.subscribe_with(self.0.incoming)
    }

    /// A queue of its own with its own bounds.
    #[must_use]
    pub fn subscribe_with(&self, incoming: Incoming) -> Messages {
        Messages::open(&self.0.shared, incoming)
    }

    /// Every notice from now on: states, verdicts, refusals. To miss none, subscribe with [`Builder::notices`].
    #[must_use]
    pub fn notices(&self) -> Notices {
        self.0.subscribers.subscribe().into()
    }

    /// A watch on the state.
    #[must_use]
    pub fn state(&self) -> StateWatch {
        StateWatch::new(Arc::clone(&self.0.shared))
    }

    /// The subprotocol that the server chose when it last accepted a connection.
    #[must_use]
    pub fn subprotocol(&self) -> Option<String> {
        self.lock().voice().told.subprotocol.clone()
    }

    /// What exactly was wrong with the last connection, or attempt, that failed; `None` before the first such. With the
    /// [notices](Builder::notices) it comes [beside the state](crate::Noticed::failure) that it led to.
    #[must_use]
    pub fn last_failure(&self) -> Option<Arc<Failure>> {
        self.lock().voice().told.failure.clone()
    }

    /// How many messages were accepted and are not settled, and their bytes.
    #[must_use]
    pub fn unsettled(&self) -> (u32, usize) {
        self.lock().voice().account.unsettled()
    }

    /// The time on the clock of [`Noticed::at`](crate::Noticed::at) and of
    /// [`State::Waiting`](steadfast_core::State::Waiting).
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.shared.now()
    }

    /// Looks at the session. Until `look` returns the session does nothing else, and whoever uses the client waits: so
    /// it must not use the client itself, which would wait for ever. If it panics, the session is gone: as with all that
    /// the session is lent, nobody knows what was done.
    pub fn inspect<T>(&self, look: impl FnOnce(&Session) -> T) -> Option<T> {
        self.lock().session().map(look)
    }

    /// The session's figures.
    #[must_use]
    pub fn metrics(&self) -> Option<Metrics> {
        self.inspect(Session::metrics)
    }

    /// Starts a session that never was started, or has stopped; see [`Event::Start`]. Messages are accepted again from
    /// here on.
    ///
    /// One that is still closing closes first: what is sent until then comes back through its receipt. One that still
    /// drains goes on instead, and whoever waits for its [`close`](Self::close) is told so.
    pub fn start(&self) {
        self.0.shared.start_again();
    }

    /// Ends a wait, of whatever kind: the next attempt is made now.
    pub fn reconnect_now(&self) {
        self.0.shared.ask(Event::ReconnectNow);
    }

    /// Takes a message back. If it was not handed over yet, its outcome is `Dropped(Cancelled)`; otherwise its verdict
    /// comes as if nothing had been asked.
    pub fn cancel(&self, id: MessageId) {
        self.0.shared.ask(Event::Cancel { id });
    }

    /// Changes the heartbeat from now on.
    pub fn set_heartbeat(&self, heartbeat: Heartbeat) {
        self.0.shared.ask(Event::SetHeartbeat(heartbeat));
    }

    /// Says that what this connection needs was sent ahead: the outbox may follow.
    pub fn ready(&self, conn: ConnId) {
        self.0.shared.ask(Event::Ready { conn });
    }

    /// Has newer credentials fetched: now, if there is a connection or an attempt, else before the next.
    pub fn refresh_credentials(&self) {
        self.lock().ask(Event::RefreshCredentials);
    }

    /// Says that the server rejected the credentials in a message, on this connection.
    pub fn credentials_rejected(&self, conn: ConnId) {
        self.lock().ask(Event::CredentialsRejected { conn });
    }

    /// Acts for somebody else from now on. Everything sent before is settled and never goes out after this; what is sent
    /// from here on waits for a connection with the new identity's credentials. See
    /// [`Event::SwitchIdentity`](steadfast_core::Event::SwitchIdentity).
    pub fn switch_identity(&self, identity: Identity) {
        self.lock().ask(Event::SwitchIdentity { identity });
    }

    /// Says whether people see the application; what follows from that is
    /// [configured](steadfast_core::config::Settings::background).
    pub fn visibility(&self, visibility: Visibility) {
        self.lock().ask(Event::Visibility(visibility));
    }

    /// Passes on what is known of the network.
    pub fn network(&self, network: Network) {
        self.0.shared.ask(Event::Network(network));
    }

    /// Says that the process was suspended for this long: an open connection is probed.
    pub fn resumed(&self, gap: Duration) {
        self.0.shared.ask(Event::Resumed { gap });
    }

    /// Stops the session without waiting for it; see [`Event::Stop`]. No message is accepted from here on, and whoever
    /// waits for room is told so. The client stays, and can be [started](Self::start) again.
    pub fn stop(&self, frame: CloseFrame, drain: Option<Duration>) {
        self.0.shared.stop(frame, drain);
    }

    /// Stops the session and waits until it has stopped: with `drain`, everything accepted is to be settled within that
    /// span; without, the close begins at once. Comes to a report of what was left unsettled.
    ///
    /// It begins at once. The future holds the client, and may be spawned while every clone is dropped. Whoever drops
    /// it only does not wait for the end.
    pub fn close(&self, drain: impl Into<Option<Duration>>) -> Close {
        Close::new(self.clone(), self.0.shared.close(drain.into()))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    fn lock(&self) -> Locked<'_> {
        self.0.shared.lock()
    }
}

impl Built for Client {
    type Connecting = Connecting;
    type Notices = Notices;

    fn connect(builder: ClientBuilder) -> Connecting {
        let client = builder.into_parts().map(Self::at_rest);
        if let Ok(client) = &client {
            client.start();
        }
        Connecting::new(client)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.remove();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("state", &self.state().current()).finish_non_exhaustive()
    }
}
