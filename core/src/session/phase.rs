//! Where the session stands, with what belongs to each state; and what the application wants.

use crate::{
    Timestamp,
    cause::Cause,
    close::CloseFrame,
    lease::FetchReason,
    message::ConnId,
    session::{
        link::Link,
        state::{State, StateKind, StopCause},
    },
    stage::Stage,
};

/// The states, with what the application does not see.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Phase {
    Idle,
    Connecting {
        conn: ConnId,
        attempt: u32,
        /// What the driver said last.
        #[cfg_attr(feature = "serde", serde(default))]
        stage: Stage,
    },
    Open(Link),
    Closing {
        conn: ConnId,
        /// Why; [`Cause::Stopped`] if the application wants it.
        cause: Cause,
        /// When it was decided: the backoff counts from here.
        since: Timestamp,
        /// The application wants the next attempt at once.
        hasten: bool,
        /// What was open, if it was.
        link: Option<Link>,
    },
    Waiting {
        until: Timestamp,
        /// The server's word: not before this.
        not_before: Timestamp,
        attempt: u32,
        cause: Cause,
    },
    Offline {
        /// The server's word: not before this.
        not_before: Timestamp,
        attempt: u32,
        cause: Option<Cause>,
    },
    Authorizing {
        attempt: u32,
        reason: FetchReason,
    },
    Background {
        /// The server's word: not before this.
        not_before: Timestamp,
        attempt: u32,
        cause: Option<Cause>,
    },
    Stopped {
        cause: StopCause,
    },
}

/// What the application wants.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Intent {
    /// A connection.
    Run,
    /// None, once the outbox is empty or its deadline has passed.
    Drain {
        /// What the server will be told.
        frame: CloseFrame,
    },
    /// None.
    Stop {
        /// And then a new beginning: it was started again before it had stopped.
        restart: bool,
    },
}

impl Phase {
    pub(super) const fn kind(&self) -> StateKind {
        match self {
            Self::Idle => StateKind::Idle,
            Self::Connecting { .. } => StateKind::Connecting,
            Self::Open(_) => StateKind::Open,
            Self::Closing { .. } => StateKind::Closing,
            Self::Waiting { .. } => StateKind::Waiting,
            Self::Offline { .. } => StateKind::Offline,
            Self::Stopped { .. } => StateKind::Stopped,
            Self::Authorizing { .. } => StateKind::Authorizing,
            Self::Background { .. } => StateKind::Background,
        }
    }

    /// The state as the application sees it.
    pub(super) fn state(&self) -> State {
        match self {
            Self::Idle => State::Idle,
            Self::Connecting { conn, attempt, .. } => State::Connecting { conn: *conn, attempt: *attempt },
            Self::Open(link) => State::Open { conn: link.conn, ready: link.ready },
            Self::Closing { conn, cause, .. } => State::Closing { conn: *conn, cause: cause.clone() },
            Self::Waiting { until, attempt, cause, .. } => {
                State::Waiting { until: *until, attempt: *attempt, cause: cause.clone() }
            }
            Self::Offline { attempt, cause, .. } => State::Offline { attempt: *attempt, cause: cause.clone() },
            Self::Authorizing { attempt, reason } => State::Authorizing { attempt: *attempt, reason: *reason },
            Self::Background { attempt, cause, .. } => State::Background { attempt: *attempt, cause: cause.clone() },
            Self::Stopped { cause } => State::Stopped { cause: cause.clone() },
        }
    }

    /// The connection that lives, or is to live.
    pub(super) const fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Connecting { conn, .. } | Self::Closing { conn, .. } => Some(*conn),
            Self::Open(link) => Some(link.conn),
            Self::Idle
            | Self::Authorizing { .. }
            | Self::Waiting { .. }
            | Self::Offline { .. }
            | Self::Background { .. }
            | Self::Stopped { .. } => None,
        }
    }
}

/// Whether people see the application.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Sight {
    /// They do.
    #[default]
    Seen,
    /// They do not.
    Hidden,
    /// They have not for so long that there is to be no connection.
    Forgotten,
}
