//! What the session tells its driver to do.

use alloc::boxed::Box;

use crate::{
    Timestamp,
    close::CloseFrame,
    lease::{Epoch, FetchReason, Identity},
    message::{ConnId, Message, MessageId},
    options::SendOptions,
    session::{endpoints::EndpointId, event::PingPayload, notice::Notice},
};

/// What the session tells its driver to do, in this order.
///
/// The enum is exhaustive: a driver that forgets one does not compile. An action that fails becomes the next
/// [`Event`](crate::Event); one for a connection that is gone is a no-op.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
pub enum Action<'a> {
    /// Make a connection: the first one and every reconnect. It ends in exactly one [`Closed`](crate::Event::Closed).
    Connect {
        /// Its name.
        conn: ConnId,
        /// Which attempt in a row this is, counted from 1; 1 again after a connection was stable.
        attempt: u32,
        /// Which credentials it stands for; `None` where none are configured.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        credentials: Option<Epoch>,
        /// Where to: the place in the driver's list. 0, the first, where [`endpoints`](crate::config::Settings::endpoints)
        /// says that there is one.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "EndpointId::is_first"))]
        endpoint: EndpointId,
    },
    /// Send a message.
    Send {
        /// On this connection.
        conn: ConnId,
        /// Its name, for [`Flushed`](crate::Event::Flushed).
        id: MessageId,
        /// The message; borrowed from the outbox.
        message: &'a Message<'static>,
    },
    /// Send a ping frame (RFC 6455 §5.5.2), behind what was handed over before it.
    Ping {
        /// On this connection.
        conn: ConnId,
        /// Its application data.
        payload: PingPayload,
    },
    /// Send a text message that is the session's own: the heartbeat of servers that cannot be pinged. Told back with
    /// [`PingFlushed`](crate::Event::PingFlushed), like a ping.
    Heartbeat {
        /// On this connection.
        conn: ConnId,
        /// The text.
        text: &'a str,
    },
    /// Begin the closing handshake (RFC 6455 §7.1.2), behind what was handed over before it.
    Close {
        /// Of this connection.
        conn: ConnId,
        /// What to tell the server.
        frame: CloseFrame,
    },
    /// Drop the connection, or the attempt, now: no close frame, no waiting. [`Closed`](crate::Event::Closed) follows.
    Abort {
        /// Which.
        conn: ConnId,
    },
    /// Say [`TimerFired`](crate::Event::TimerFired) at this time, and forget the time set before. There is one timer.
    SetTimer {
        /// When; always later than the time of the event that was handled.
        at: Timestamp,
    },
    /// Forget the time set before.
    CancelTimer,
    /// Give a message to the application.
    Deliver {
        /// From this connection.
        conn: ConnId,
        /// The message; borrowed from the event where it was.
        message: Message<'a>,
    },
    /// Tell the application.
    Notify(Notice),
    /// Fetch credentials, and say [`Credentials`](crate::Event::Credentials) when that came to an end. The next one comes
    /// only after that, or after [`fetch_timeout`](crate::config::Credentials::fetch_timeout): this fetch may be given up then.
    /// Only where [`credentials`](crate::config::Settings::credentials) are configured.
    FetchCredentials {
        /// The name of the fetch, and of the secret that it brings.
        epoch: Epoch,
        /// Why.
        reason: FetchReason,
        /// For whom; `None` until that is known.
        identity: Option<Identity>,
    },
    /// Send the message that presents these credentials, behind what was handed over before it. It is the driver's to make,
    /// and nobody's to confirm. Only where credentials are configured to go, or to be renewed, by message.
    Present {
        /// On this connection.
        conn: ConnId,
        /// Which credentials.
        epoch: Epoch,
    },
    /// Store a message so that it outlives the process, behind those before it, and say
    /// [`Persisted`](crate::Event::Persisted). Only with a [`store`](crate::config::Settings::store), as is `Forget`.
    Persist(Box<Persist>),
    /// Take a message out of the store, if it is there, behind everything that was asked of the store before. There is no
    /// answer: until it is done, the message comes back after a crash.
    Forget {
        /// Which.
        id: MessageId,
    },
}

/// A message to be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Persist {
    /// Its name.
    pub id: MessageId,
    /// The message; its payload is shared with the outbox.
    pub message: Message<'static>,
    /// What was asked for it, to be [restored](crate::Event::Restored) with it.
    pub options: SendOptions,
    /// For whom it was accepted, to be restored with it; `None` if nobody is known yet.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub identity: Option<Identity>,
}
