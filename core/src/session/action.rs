//! What the session tells its driver to do.

use crate::{
    Timestamp,
    close::CloseFrame,
    message::{ConnId, Message, MessageId},
    session::{event::PingPayload, notice::Notice},
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
}
