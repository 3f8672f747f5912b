//! What a driver tells the session.

use core::time::Duration;

use crate::{
    Timestamp,
    cause::Cause,
    close::CloseFrame,
    config::Heartbeat,
    lease::{Epoch, FetchError, Identity, Lease},
    message::{ConnId, Message, MessageId},
    options::SendOptions,
    session::notice::StoreError,
    stage::Stage,
};

/// What a driver tells the session, in the order in which it happened.
///
/// No event makes [`Session::handle`](crate::Session::handle) fail. One that names a connection that is not the
/// current one is ignored.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Event<'a> {
    /// The application wants a connection. Does nothing while the session runs; after `Stopped` it starts afresh.
    Start,
    /// The application wants no connection any more. Without `drain` the close begins at once; with it, when every
    /// accepted message is settled or the span is over; what was queued before [`Start`](Self::Start) has nothing to wait
    /// for. Where no attempts are made, a drain is the application's word to make one: in the background they go on with the
    /// backoff until the drain is over; without a network, as that hint may be wrong, it is the only one. The server's word
    /// holds. Whatever is not settled then gets its verdict before
    /// [`State::Stopped`](crate::State::Stopped) is told. New messages are refused from here on.
    Stop {
        /// What the server is told.
        frame: CloseFrame,
        /// How long to wait for the outbox to empty, across reconnects.
        drain: Option<Duration>,
    },
    /// The application wants the next attempt now: ends a wait, of whatever kind. The server's word does not hold it back. In the
    /// background it has the configured time anew, and no less than
    /// [`connect_timeout`](crate::config::Settings::connect_timeout).
    ReconnectNow,
    /// A message for the server. It is accepted (silently, and then owed exactly one verdict) or comes back with
    /// [`Notice::Refused`](crate::Notice::Refused).
    Send {
        /// The application's name for it; refused if a message of that name is not settled yet.
        id: MessageId,
        /// The message.
        message: Message<'static>,
        /// What the application asks for it.
        options: SendOptions,
    },
    /// Take a message back. One that waits is settled at once; one that was handed to the driver on this connection
    /// cannot be taken back, and [`Notice::NotCancelled`](crate::Notice::NotCancelled) says so.
    Cancel {
        /// Which.
        id: MessageId,
    },
    /// Change the heartbeat from now on. An invalid one is refused with a notice, and the old one stays.
    SetHeartbeat(Heartbeat),
    /// The driver has begun to connect (it may have made the attempt wait its turn): the connect timeout starts here. Told
    /// again whenever another stage begins, so that the timeout can name it.
    Dialing {
        /// Which connection.
        conn: ConnId,
        /// What is being done.
        #[cfg_attr(feature = "serde", serde(default))]
        stage: Stage,
    },
    /// The WebSocket is open.
    Opened {
        /// Which connection.
        conn: ConnId,
        /// Whether pings can be sent and pongs seen (a browser can do neither). If not, nothing can be confirmed, and a
        /// heartbeat of ping frames is none: use one of text, or the idle timeout.
        can_ping: bool,
    },
    /// The application has sent ahead what this connection needs: now the outbox may follow. Only meaningful if
    /// [`ready`](crate::config::Settings::ready) is `when-told`.
    Ready {
        /// Which connection.
        conn: ConnId,
    },
    /// A message came in.
    Received {
        /// From which connection.
        conn: ConnId,
        /// The message.
        #[cfg_attr(feature = "serde", serde(bound(deserialize = "")))]
        message: Message<'a>,
    },
    /// Bytes came in, whatever they may become: proof of life. Drivers say it once a read.
    Activity {
        /// From which connection.
        conn: ConnId,
    },
    /// A pong came in, with the payload of the ping that it answers (RFC 6455 §5.5.3).
    Pong {
        /// From which connection.
        conn: ConnId,
        /// The nonce of the ping, or whatever the peer sent instead.
        payload: PingPayload,
    },
    /// The operating system has taken bytes of this connection's: the write makes progress.
    Wrote {
        /// Which connection.
        conn: ConnId,
        /// How many.
        bytes: u64,
    },
    /// No buffer of the driver's, the engine's or TLS's holds a byte of this message or of one handed over before it.
    Flushed {
        /// Which connection.
        conn: ConnId,
        /// The last message of which that is true.
        up_to: MessageId,
    },
    /// The oldest unflushed [`Action::Ping`](crate::Action::Ping) or [`Action::Heartbeat`](crate::Action::Heartbeat) has
    /// left all buffers: the clock of its answer starts.
    PingFlushed {
        /// Which connection.
        conn: ConnId,
        /// The first message that was handed over before the ping but was not complete on the wire ahead of it (a ping
        /// may go between the fragments of a message, and ahead of messages that the driver has not framed yet); `None`
        /// where pings keep their place.
        overtook: Option<MessageId>,
    },
    /// The application does not take what came in, and the driver reads no more: liveness clocks stop, and that of a write
    /// with them, as a peer that cannot write to us may read no more either.
    ReadsPaused {
        /// Which connection.
        conn: ConnId,
    },
    /// The driver reads again.
    ReadsResumed {
        /// Which connection.
        conn: ConnId,
    },
    /// The connection is over, or never came to be: the one and only end of a [`Connect`](crate::Action::Connect).
    Closed {
        /// Which connection.
        conn: ConnId,
        /// Why.
        cause: Cause,
        /// The first message handed over on this connection of which no byte reached the operating system; neither did
        /// one of those handed over after it. They are as if never sent. `None`: all may have been sent.
        untouched_from: Option<MessageId>,
    },
    /// The timer has fired. Early, late or spurious ones do no harm.
    TimerFired,
    /// What the application knows of the network. A hint, never a must.
    Network(Network),
    /// The process was suspended, by the driver's reckoning for this long: an open connection is probed, and what a server
    /// asked to be waited for was waited for in that time, too. So much of the lifetime of credentials is over, too, and of
    /// the time to live of messages, of which no gap takes more than ten years.
    Resumed {
        /// How long: by how much a clock that runs during suspend (boot time, the wall clock) went further than the one
        /// that the session is told.
        gap: Duration,
    },
    /// What became of an [`Action::FetchCredentials`](crate::Action::FetchCredentials). What is said of any other epoch than
    /// the one being fetched is ignored.
    Credentials {
        /// Which fetch.
        epoch: Epoch,
        /// What it brought; the secret itself stays with the driver, under the name of the epoch.
        result: Result<Lease, FetchError>,
    },
    /// The application saw the server reject the credentials in a message. The connection is closed for it, and another one
    /// made with newer credentials; where [they are renewed by message](crate::config::Renewal::Message), newer ones
    /// are presented on this connection instead, if it was ready.
    CredentialsRejected {
        /// On which connection.
        conn: ConnId,
    },
    /// The application wants newer credentials: they are fetched now if there is a connection or an attempt, else before the
    /// next.
    RefreshCredentials,
    /// The application acts for somebody else from now on; nothing happens if it does already. Every message accepted
    /// before is settled and never goes out after this: what waits is dropped, what was handed over keeps its chance until its
    /// connection is closed for this. Messages sent from here on wait for the new identity's connection. Credentials of
    /// the old one are not used any more, also if their fetch comes to its end late. What a stop has kept for the old one is
    /// settled in the same way by the next start.
    ///
    /// The first identity is no change: what was accepted while nobody was known is for whoever is known first, by this or by a
    /// lease, and nothing is settled. Only the connection that was made without one is closed, too.
    SwitchIdentity {
        /// For whom.
        identity: Identity,
    },
    /// Whether people see the application. A hint, never a must.
    Visibility(Visibility),
    /// The store's answer to an [`Action::Persist`](crate::Action::Persist). One about a message that the session does not
    /// wait for (it was taken back, or the session stopped) is ignored.
    Persisted {
        /// Which message.
        id: MessageId,
        /// `Ok` once nothing short of the loss of the disk can undo it. After an error it must not come back from the store.
        result: Result<(), StoreError>,
    },
    /// The store has held this since an earlier process. Told before [`Start`](Self::Start), in the order in which the
    /// messages were handed to the store: at the next start they go ahead of everything new, whatever the bounds. Once the
    /// session runs, or without a [`store`](crate::config::Settings::store), it is ignored, and stays in the store.
    ///
    /// It may have been sent before, and counts as sent once. What is new must not have its name.
    ///
    /// It is never sent for anybody but for whom it was accepted: once it is known that the session acts for somebody else, by the
    /// first lease or by [`SwitchIdentity`](Self::SwitchIdentity), it is in doubt. A session without credentials leaves it in the
    /// store until it is told for whom it acts.
    Restored {
        /// Its name.
        id: MessageId,
        /// The message.
        message: Message<'static>,
        /// What was asked for it. What is left of its time to live runs from here.
        options: SendOptions,
        /// For whom it was [to be stored](crate::Persist::identity); `None`: for whoever comes first.
        #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
        identity: Option<Identity>,
    },
}

/// Whether people see the application.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Visibility {
    /// They do not: what happens then is [configured](crate::config::Settings::background).
    Background,
    /// They do: an attempt is made at once, unless the server asked for more patience, and an open connection is probed.
    Foreground,
}

/// A ping's payload: the nonce by which its pong is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct PingPayload(pub [u8; 8]);

impl PingPayload {
    /// From a pong's application data; `None` unless it has the eight bytes that a ping of ours has.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// What is known of the network.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Network {
    /// There is a network: an attempt is made within half a second, unless the server asked for more patience. If that is said
    /// again in a row of failures, attempts that follow keep a distance from the one before, from half a second the second
    /// time to 32 s at the most, and no wait becomes longer by it.
    Online,
    /// There is none: no attempts are made. An open connection is left alone, as the hint may be wrong.
    Offline,
    /// Another network: an open connection is probed.
    Changed,
}

impl Event<'_> {
    /// The connection that the event speaks of, if it speaks of one.
    #[must_use]
    pub const fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Dialing { conn, .. }
            | Self::Opened { conn, .. }
            | Self::Ready { conn }
            | Self::Received { conn, .. }
            | Self::Activity { conn }
            | Self::Pong { conn, .. }
            | Self::Wrote { conn, .. }
            | Self::Flushed { conn, .. }
            | Self::PingFlushed { conn, .. }
            | Self::ReadsPaused { conn }
            | Self::ReadsResumed { conn }
            | Self::CredentialsRejected { conn }
            | Self::Closed { conn, .. } => Some(*conn),
            Self::Start
            | Self::Stop { .. }
            | Self::ReconnectNow
            | Self::Send { .. }
            | Self::Cancel { .. }
            | Self::SetHeartbeat(_)
            | Self::TimerFired
            | Self::Network(_)
            | Self::Resumed { .. }
            | Self::Credentials { .. }
            | Self::RefreshCredentials
            | Self::SwitchIdentity { .. }
            | Self::Visibility(_)
            | Self::Persisted { .. }
            | Self::Restored { .. } => None,
        }
    }

    /// The same event, free of what it borrowed from.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Self::Received { conn, message } => Event::Received { conn, message: message.into_owned() },
            Self::Start => Event::Start,
            Self::Stop { frame, drain } => Event::Stop { frame, drain },
            Self::ReconnectNow => Event::ReconnectNow,
            Self::Send { id, message, options } => Event::Send { id, message, options },
            Self::Cancel { id } => Event::Cancel { id },
            Self::SetHeartbeat(heartbeat) => Event::SetHeartbeat(heartbeat),
            Self::Dialing { conn, stage } => Event::Dialing { conn, stage },
            Self::Opened { conn, can_ping } => Event::Opened { conn, can_ping },
            Self::Ready { conn } => Event::Ready { conn },
            Self::Activity { conn } => Event::Activity { conn },
            Self::Pong { conn, payload } => Event::Pong { conn, payload },
            Self::Wrote { conn, bytes } => Event::Wrote { conn, bytes },
            Self::Flushed { conn, up_to } => Event::Flushed { conn, up_to },
            Self::PingFlushed { conn, overtook } => Event::PingFlushed { conn, overtook },
            Self::ReadsPaused { conn } => Event::ReadsPaused { conn },
            Self::ReadsResumed { conn } => Event::ReadsResumed { conn },
            Self::Closed { conn, cause, untouched_from } => Event::Closed { conn, cause, untouched_from },
            Self::TimerFired => Event::TimerFired,
            Self::Network(network) => Event::Network(network),
            Self::Resumed { gap } => Event::Resumed { gap },
            Self::Credentials { epoch, result } => Event::Credentials { epoch, result },
            Self::CredentialsRejected { conn } => Event::CredentialsRejected { conn },
            Self::RefreshCredentials => Event::RefreshCredentials,
            Self::SwitchIdentity { identity } => Event::SwitchIdentity { identity },
            Self::Visibility(visibility) => Event::Visibility(visibility),
            Self::Persisted { id, result } => Event::Persisted { id, result },
            Self::Restored { id, message, options, identity } => Event::Restored { id, message, options, identity },
        }
    }
}

/// An event and when it was handled, as a log holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TimedEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event<'static>,
}
