//! A client: a handle, and a thread that keeps the session.

mod thread;

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use steadfast_core::{
    CloseFrame, ConnId, Identity, Message, MessageId, Metrics, Network, SendOptions, Session, StateKind, Timestamp,
    Visibility, config::Heartbeat,
};

use steadfast_transport::{
    Endpoint, Failure,
    client::{
        BuildError, Builder, Built, Incoming, Notices, Receipt, ReceiveError, Receiver, Report, Sender, Shared,
        StateWatch,
    },
    pump::{Remote, SendError},
};

/// Builds a [`Client`]. [`connect`](Builder::connect) starts the client's thread, which starts to connect; it does not wait
/// for the connection: for that, watch the [`state`](Client::state).
pub type ClientBuilder = Builder<Client>;

/// A WebSocket client that holds on: a session on a thread of its own.
///
/// All methods take `&self`: share it between threads by reference or in an `Arc`, or hand out a [`Sender`] and
/// [`Receiver`]s. Dropping it stops the session at once (every message that was not settled gets its verdict), closes
/// the socket and ends the thread; [`close`](Self::close) does so politely.
///
/// ```no_run
/// use std::time::Duration;
/// use steadfast_mio::Client;
///
/// let client = Client::builder("ws://127.0.0.1:9001/chat").header("X-Room", "7").connect()?;
/// let receipt = client.send("hello")?;
/// println!("{:?}", client.receive()?);
/// println!("{:?}", receipt.wait());
/// let report = client.close(Some(Duration::from_secs(2)));
/// assert!(report.unsettled.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    remote: Remote,
    sender: Sender,
    receiver: Option<Receiver>,
    /// The bounds of new subscribers' queues.
    incoming: Incoming,
    shared: Arc<Shared>,
    /// The close timeout, which bounds how long `close` waits.
    close_timeout: Duration,
    epoch: Instant,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// Begins to build a client for a `ws://` URL.
    #[must_use]
    pub fn builder(url: &str) -> ClientBuilder {
        ClientBuilder::new(Endpoint::parse(url))
    }

    /// Begins to build a client for an endpoint.
    #[must_use]
    pub fn to(endpoint: Endpoint) -> ClientBuilder {
        ClientBuilder::new(Ok(endpoint))
    }

    /// A handle for sending, to be cloned and given to other threads.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Sends a message; see [`Sender::send`].
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub fn send(&self, message: impl Into<Message<'static>>) -> Result<Receipt, SendError> {
        self.sender.send(message)
    }

    /// Sends a message with these options; see [`Sender::send_with`].
    ///
    /// # Errors
    /// As [`Sender::send_with`].
    pub fn send_with(&self, message: impl Into<Message<'static>>, options: SendOptions) -> Result<Receipt, SendError> {
        self.sender.send_with(message, options)
    }

    /// Takes the next message, waiting for it across reconnects.
    ///
    /// # Errors
    /// [`ReceiveError::Stopped`] once the session has stopped and everything that came in was taken.
    pub fn receive(&self) -> Result<Message<'static>, ReceiveError> {
        self.own_receiver()?.receive()
    }

    /// Takes the next message, waiting for it at most this long.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and [`ReceiveError::TimedOut`] if none came in time.
    pub fn receive_timeout(&self, timeout: Duration) -> Result<Message<'static>, ReceiveError> {
        self.own_receiver()?.receive_timeout(timeout)
    }

    /// Takes the next message if there is one.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn try_receive(&self) -> Result<Option<Message<'static>>, ReceiveError> {
        self.own_receiver()?.try_receive()
    }

    /// A handle on the client's own queue, which it shares: a message goes to one of those who take from it. `None` if
    /// the client was built [`without_receiver`](Builder::without_receiver).
    #[must_use]
    pub fn receiver(&self) -> Option<Receiver> {
        self.receiver.clone()
    }

    /// A queue of its own that gets every message from now on, bounded as the client's.
    ///
    /// The client's own queue must still be taken from, or not be there: see
    /// [`without_receiver`](Builder::without_receiver).
    #[must_use]
    pub fn subscribe(&self) -> Receiver {
        self.subscribe_with(self.incoming)
    }

    /// A queue of its own with its own bounds.
    #[must_use]
    pub fn subscribe_with(&self, incoming: Incoming) -> Receiver {
        Receiver::new(Arc::clone(&self.shared.inbox), self.shared.inbox.open(incoming))
    }

    /// Every notice from now on. To miss none, subscribe with [`Builder::notices`].
    #[must_use]
    pub fn notices(&self) -> Notices {
        self.shared.subscribers.subscribe()
    }

    /// A watch on the state.
    #[must_use]
    pub fn state(&self) -> StateWatch {
        StateWatch::new(Arc::clone(&self.shared.watched))
    }

    /// The subprotocol that the server chose when it last accepted a connection.
    #[must_use]
    pub fn subprotocol(&self) -> Option<String> {
        self.shared.subprotocol()
    }

    /// What exactly was wrong with the last connection, or attempt, that failed; `None` before the first such. With the
    /// [notices](Builder::notices) it comes [beside the state](crate::Noticed::failure) that it led to.
    #[must_use]
    pub fn last_failure(&self) -> Option<Arc<Failure>> {
        self.shared.last_failure()
    }

    /// The time on the clock of [`Noticed::at`](crate::Noticed::at) and of
    /// [`State::Waiting`](steadfast_core::State::Waiting).
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let micros = self.epoch.elapsed().as_micros();
        Timestamp::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Looks at the session on its thread; `None` if the thread is gone. Until `look` returns the session does nothing
    /// else. It must not inspect the client in its turn: that would wait for itself.
    ///
    /// # Panics
    /// If `look` panics. The session goes on.
    #[must_use]
    pub fn inspect<T: Send + 'static>(&self, look: impl FnOnce(&Session) -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = mpsc::channel();
        self.remote.inspect(move |session| {
            // A panic of the caller's code is the caller's. It saw the session, and could change nothing.
            let seen = panic::catch_unwind(AssertUnwindSafe(|| look(session)));
            // Nobody waits if the caller was unwound.
            let _ = answer.send(seen);
        });
        let seen = answered.recv().ok()?;
        Some(seen.unwrap_or_else(|payload| panic::resume_unwind(payload)))
    }

    /// The session's figures; `None` if the thread is gone.
    #[must_use]
    pub fn metrics(&self) -> Option<Metrics> {
        self.inspect(Session::metrics)
    }

    /// Starts a session that has stopped; see [`Event::Start`](steadfast_core::Event::Start). Messages are accepted
    /// again from here on.
    ///
    /// One that is still closing closes first: what is sent until then comes back through its receipt.
    pub fn start(&self) {
        self.shared.ledger.start(|| {
            // Before the session can have stopped again.
            self.shared.inbox.start();
            self.remote.start();
        });
    }

    /// Ends a wait, of whatever kind: the next attempt is made now.
    pub fn reconnect_now(&self) {
        self.remote.reconnect_now();
    }

    /// Takes a message back; see [`Sender::cancel`].
    pub fn cancel(&self, id: MessageId) {
        self.remote.cancel(id);
    }

    /// Changes the heartbeat from now on.
    pub fn set_heartbeat(&self, heartbeat: Heartbeat) {
        self.remote.set_heartbeat(heartbeat);
    }

    /// Says that what this connection needs was sent ahead: the outbox may follow.
    pub fn ready(&self, conn: ConnId) {
        self.remote.ready(conn);
    }

    /// Has newer credentials fetched: now, if there is a connection or an attempt, else before the next.
    pub fn refresh_credentials(&self) {
        self.remote.refresh_credentials();
    }

    /// Says that the server rejected the credentials in a message, on this connection.
    pub fn credentials_rejected(&self, conn: ConnId) {
        self.remote.credentials_rejected(conn);
    }

    /// Acts for somebody else from now on. Everything sent before is settled and never goes out after this; what is sent
    /// from here on waits for a connection with the new identity's credentials. See
    /// [`Event::SwitchIdentity`](steadfast_core::Event::SwitchIdentity).
    pub fn switch_identity(&self, identity: Identity) {
        self.remote.switch_identity(identity);
    }

    /// Says whether people see the application; what follows from that is
    /// [configured](steadfast_core::config::Settings::background).
    pub fn visibility(&self, visibility: Visibility) {
        self.remote.visibility(visibility);
    }

    /// Passes on what is known of the network.
    pub fn network(&self, network: Network) {
        self.remote.network(network);
    }

    /// Says that the process was suspended for this long: an open connection is probed.
    pub fn resumed(&self, gap: Duration) {
        self.remote.resumed(gap);
    }

    /// Stops the session without waiting for it; see [`Event::Stop`](steadfast_core::Event::Stop). No message is
    /// accepted from here on, and whoever waits for room is told so. The client stays, and can be
    /// [started](Self::start) again.
    pub fn stop(&self, frame: CloseFrame, drain: Option<Duration>) {
        self.shared.ledger.stop(|| self.remote.stop(frame, drain));
    }

    /// Stops the session and waits until it has stopped: with `drain`, everything accepted is to be settled within that
    /// span; without, the close begins at once. Then ends the thread.
    #[must_use = "it says which messages were left unsettled"]
    pub fn close(mut self, drain: Option<Duration>) -> Report {
        self.shared.collect_unsettled();
        self.stop(CloseFrame::NORMAL, drain);
        let bound = drain.unwrap_or_default().saturating_add(self.close_timeout).saturating_add(SLACK);
        self.state().wait_for(bound, |state| state.kind() == StateKind::Stopped);
        self.end();
        self.shared.report()
    }

    fn own_receiver(&self) -> Result<&Receiver, ReceiveError> {
        self.receiver.as_ref().ok_or(ReceiveError::Stopped)
    }

    fn end(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.remote.remove();
            // It has nothing to say: a panic there was told on standard error, and its guard woke everybody up.
            let _ = thread.join();
        }
    }
}

impl Built for Client {
    type Connecting = Result<Self, BuildError>;
    type Notices = Notices;

    fn connect(builder: ClientBuilder) -> Result<Self, BuildError> {
        Self::spawn(builder.into_parts()?)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.end();
    }
}

/// What a close may take beyond its own timeouts before the client gives up on it.
const SLACK: Duration = Duration::from_secs(5);
