//! The servers: their behaviour as plain data, and a door for what an application's own server says.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast_core::{CloseFrame, ConnId, Message, Timestamp};

use crate::{ClientId, Refuses, span};

/// How a server treats one connection. All read what arrives unless something else is said, and keep a record of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ServerModel {
    /// Answers pings, and sends every message back.
    #[default]
    Echo,
    /// Answers pings; the application's [`Service`], if there is one, does the talking.
    Quiet,
    /// Answers pings, and sends messages of its own.
    Talkative {
        /// How often.
        #[serde(with = "span")]
        every: Duration,
        /// How large.
        bytes: u32,
    },
    /// Opens the connection, reads, and never says a word: no echo, no pong, no close.
    Silent,
    /// Echoes, but answers no ping.
    NoPong,
    /// Echoes, and answers each ping after a time.
    LatePong {
        /// After how long.
        #[serde(with = "span")]
        after: Duration,
    },
    /// Echoes and answers pings, but a close only after a time; `None`: never.
    SlowClose {
        /// After how long.
        #[serde(with = "span::option")]
        after: Option<Duration>,
    },
    /// Answers the upgrade with this HTTP status.
    Reject {
        /// The status.
        status: u16,
        /// With this `Retry-After`.
        #[serde(with = "span::option", default)]
        retry_after: Option<Duration>,
    },
    /// An echo server that closes the connection with this code after a time: 1012 for a restart. Zero: on open.
    CloseAfter {
        /// The code.
        code: u16,
        /// After how long.
        #[serde(with = "span")]
        after: Duration,
    },
    /// An echo server that drops the connection without a word after a time.
    DropAfter {
        /// After how long.
        #[serde(with = "span")]
        after: Duration,
    },
    /// Echoes for those whose credentials it knows and has not revoked, for as long as they are valid.
    Guarded {
        /// How it rejects others.
        refuses: Refuses,
    },
    /// Answers the upgrade with something that is not HTTP.
    Garbage,
    /// Opens the connection, and then breaks the protocol.
    GarbageFrames,
    /// Accepts TCP, and never answers the upgrade.
    Hang,
    /// Nobody listens there.
    Refuse,
    /// The name cannot be resolved.
    Unresolved,
}

impl ServerModel {
    /// Whether a connection to it opens at all.
    #[must_use]
    pub const fn opens(self) -> bool {
        match self {
            Self::Echo
            | Self::Quiet
            | Self::Talkative { .. }
            | Self::Silent
            | Self::NoPong
            | Self::LatePong { .. }
            | Self::SlowClose { .. }
            | Self::CloseAfter { .. }
            | Self::DropAfter { .. }
            | Self::Guarded { .. }
            | Self::GarbageFrames => true,
            Self::Reject { .. } | Self::Garbage | Self::Hang | Self::Refuse | Self::Unresolved => false,
        }
    }

    pub(crate) const fn echoes(self) -> bool {
        match self {
            Self::Echo
            | Self::NoPong
            | Self::LatePong { .. }
            | Self::SlowClose { .. }
            | Self::CloseAfter { .. }
            | Self::DropAfter { .. }
            | Self::Guarded { .. } => true,
            Self::Quiet
            | Self::Talkative { .. }
            | Self::Silent
            | Self::GarbageFrames
            | Self::Reject { .. }
            | Self::Garbage
            | Self::Hang
            | Self::Refuse
            | Self::Unresolved => false,
        }
    }
}

/// One connection of one client, as a server sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Peer {
    /// Whose.
    pub client: ClientId,
    /// Which of its connections.
    pub conn: ConnId,
}

/// What an application's own server does with messages. The [`ServerModel`] of the connection still decides whether it
/// opens, answers pings, and when it dies.
pub trait Service {
    /// A connection opened.
    fn opened(&mut self, now: Timestamp, peer: Peer, replies: &mut Replies) {
        let _ = (now, peer, replies);
    }

    /// A message arrived.
    fn received(&mut self, now: Timestamp, peer: Peer, message: &Message<'static>, replies: &mut Replies);

    /// A time that was asked for with [`Replies::wake_in`] has come, and the connection still lives.
    fn woken(&mut self, now: Timestamp, peer: Peer, replies: &mut Replies) {
        let _ = (now, peer, replies);
    }

    /// The server's end of a connection is over.
    fn closed(&mut self, now: Timestamp, peer: Peer) {
        let _ = (now, peer);
    }
}

/// What a [`Service`] wants done on the connection it was asked about.
#[derive(Debug, Default)]
pub struct Replies {
    pub(crate) messages: Vec<Message<'static>>,
    pub(crate) wakes: Vec<Duration>,
    pub(crate) close: Option<CloseFrame>,
}

impl Replies {
    /// Send this message.
    pub fn say(&mut self, message: impl Into<Message<'static>>) {
        self.messages.push(message.into());
    }

    /// Ask again after this span, with [`Service::woken`].
    pub fn wake_in(&mut self, span: Duration) {
        self.wakes.push(span);
    }

    /// Begin the closing handshake, behind what was said.
    pub fn close(&mut self, frame: CloseFrame) {
        self.close = Some(frame);
    }
}

/// A message that arrived whole at a server, in the server's own record: the ground truth of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// When.
    pub at: Timestamp,
    /// On which connection.
    pub conn: ConnId,
    /// Which message, by the name that the client gave it.
    pub id: steadfast_core::MessageId,
}
