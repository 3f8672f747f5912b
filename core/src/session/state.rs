//! The states of a session, as the application sees them.

use crate::{Timestamp, cause::Cause, lease::FetchReason, message::ConnId};
use core::fmt;

/// Where a session stands. Each state carries what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum State {
    /// Not started. Messages are queued.
    Idle,
    /// An attempt is under way.
    Connecting {
        /// The connection to be.
        conn: ConnId,
        /// Which attempt in a row, counted from 1.
        attempt: u32,
    },
    /// The WebSocket is open.
    Open {
        /// The connection.
        conn: ConnId,
        /// Whether the outbox may go out; `false` until [`Event::Ready`](crate::Event::Ready) where that is awaited.
        ready: bool,
    },
    /// The connection is being closed or dropped; its [`Closed`](crate::Event::Closed) is awaited.
    Closing {
        /// The connection.
        conn: ConnId,
        /// Why.
        cause: Cause,
    },
    /// The last connection is over; the next attempt has its time.
    Waiting {
        /// When the next attempt begins.
        until: Timestamp,
        /// Which attempt in a row it will be.
        attempt: u32,
        /// Why the last one ended.
        cause: Cause,
    },
    /// There is no network, by the application's word; no attempts are made until there is.
    Offline {
        /// Which attempt in a row the next will be.
        attempt: u32,
        /// Why the last connection ended; `None` if there was none.
        cause: Option<Cause>,
    },
    /// Credentials are being fetched for the next attempt.
    Authorizing {
        /// Which attempt in a row it will be.
        attempt: u32,
        /// Why they are fetched.
        reason: FetchReason,
    },
    /// The application is in the background, and no attempts are made until it is not.
    Background {
        /// Which attempt in a row the next will be.
        attempt: u32,
        /// Why the last connection ended; `None` if there was none.
        cause: Option<Cause>,
    },
    /// Over: every message is settled. [`Event::Start`](crate::Event::Start) starts afresh.
    Stopped {
        /// Why.
        cause: StopCause,
    },
}

/// Why a session stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum StopCause {
    /// The application said so.
    Application,
    /// The close policy called this cause final.
    Terminal(Cause),
    /// The backoff policy gave up; this ended the last attempt.
    Exhausted(Cause),
}

/// The states without their data, for counting and for logs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[expect(missing_docs, reason = "each is documented on the state of the same name")]
#[non_exhaustive]
pub enum StateKind {
    Idle,
    Connecting,
    Open,
    Closing,
    Waiting,
    Offline,
    Stopped,
    Authorizing,
    Background,
}

impl StateKind {
    /// Every kind, in the order of their declaration.
    pub const ALL: [Self; 9] = [
        Self::Idle,
        Self::Connecting,
        Self::Open,
        Self::Closing,
        Self::Waiting,
        Self::Offline,
        Self::Stopped,
        Self::Authorizing,
        Self::Background,
    ];
}

impl State {
    /// The state without its data.
    #[must_use]
    pub const fn kind(&self) -> StateKind {
        match self {
            Self::Idle => StateKind::Idle,
            Self::Connecting { .. } => StateKind::Connecting,
            Self::Open { .. } => StateKind::Open,
            Self::Closing { .. } => StateKind::Closing,
            Self::Waiting { .. } => StateKind::Waiting,
            Self::Offline { .. } => StateKind::Offline,
            Self::Stopped { .. } => StateKind::Stopped,
            Self::Authorizing { .. } => StateKind::Authorizing,
            Self::Background { .. } => StateKind::Background,
        }
    }

    /// The connection, or the attempt, that the state holds.
    #[must_use]
    pub const fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Connecting { conn, .. } | Self::Open { conn, .. } | Self::Closing { conn, .. } => Some(*conn),
            Self::Idle
            | Self::Waiting { .. }
            | Self::Offline { .. }
            | Self::Stopped { .. }
            | Self::Authorizing { .. }
            | Self::Background { .. } => None,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => f.write_str("idle"),
            Self::Connecting { attempt, .. } => write!(f, "connecting (attempt {attempt})"),
            Self::Open { ready: true, .. } => f.write_str("open"),
            Self::Open { ready: false, .. } => f.write_str("open, not ready"),
            Self::Closing { cause, .. } => write!(f, "closing: {cause}"),
            Self::Waiting { until, attempt, cause } => {
                write!(f, "waiting until {until} for attempt {attempt}: {cause}")
            }
            Self::Offline { .. } => f.write_str("offline"),
            Self::Authorizing { attempt, reason } => {
                write!(f, "fetching credentials for attempt {attempt}: {reason}")
            }
            Self::Background { .. } => f.write_str("in the background"),
            Self::Stopped { cause } => write!(f, "stopped: {cause}"),
        }
    }
}

impl fmt::Display for StopCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application => f.write_str("by the application"),
            Self::Terminal(cause) => write!(f, "{cause}, which is final"),
            Self::Exhausted(cause) => write!(f, "gave up after: {cause}"),
        }
    }
}
