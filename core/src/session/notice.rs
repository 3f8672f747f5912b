//! What the session tells the application: states, verdicts, refusals, and what else is worth knowing.

use alloc::boxed::Box;
use core::{fmt, time::Duration};

use crate::{
    Timestamp,
    cause::{Cause, CredentialsKind},
    config::ConfigError,
    lease::{Epoch, Identity},
    message::{ConnId, Message, MessageId},
    session::{
        endpoints::{BreakerState, EndpointId},
        policy::Decided,
        state::{State, StateKind},
    },
};

/// What the session tells the application.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Notice {
    /// The state changed.
    State(Box<Transition>),
    /// A message's one and only verdict.
    Verdict {
        /// Which message.
        id: MessageId,
        /// The verdict.
        verdict: Verdict,
        /// The message itself, where the verdict leaves something to decide: with `InDoubt` and `Dropped`.
        message: Option<Box<Message<'static>>>,
    },
    /// A durable message is stored: from here on it is owed a verdict, by this process or by one that comes after it. Told
    /// again at the [`Start`](crate::Event::Start) that takes it up after it was [`Kept`](Verdict::Kept) or
    /// [restored](crate::Event::Restored).
    Accepted {
        /// Its name.
        id: MessageId,
    },
    /// A message was not accepted, and comes back. No verdict follows.
    Refused {
        /// Its name.
        id: MessageId,
        /// The message.
        message: Box<Message<'static>>,
        /// Why.
        why: Refusal,
    },
    /// A message could not be taken back.
    NotCancelled {
        /// Its name.
        id: MessageId,
        /// Why not.
        why: NotCancelled,
    },
    /// A [`SetHeartbeat`](crate::Event::SetHeartbeat) was refused; the heartbeat is what it was.
    HeartbeatRefused(Box<ConfigError>),
    /// A ping was not answered in time, and nothing else came in; the session tries again or gives the connection up.
    PongMissed {
        /// On which connection.
        conn: ConnId,
        /// How many in a row.
        missed: u32,
    },
    /// The connection stayed usable for `stable_after`: the next failure starts the backoff from its beginning.
    Stable {
        /// Which connection.
        conn: ConnId,
    },
    /// There has been no open connection for [`long_outage`](crate::config::Settings::long_outage). Told once an outage.
    LongOutage {
        /// When the last one ended, or the session was started.
        since: Timestamp,
    },
    /// The backoff policy gave up. `Stopped` follows; [`Event::Start`](crate::Event::Start) starts afresh.
    Exhausted {
        /// How many attempts failed in a row.
        attempts: u32,
        /// Over what time.
        elapsed: Duration,
    },
    /// The outbox rose above its high mark, or fell below the low one after that.
    Watermark {
        /// Which mark.
        mark: Watermark,
        /// Messages in the outbox.
        messages: u32,
        /// Their bytes.
        bytes: u64,
    },
    /// There are new credentials.
    CredentialsRefreshed {
        /// Their name.
        epoch: Epoch,
        /// How long they are valid from now on; `None`: until they are rejected.
        expires_in: Option<Duration>,
    },
    /// A fetch of credentials brought none that can be used. Unless that is final it is tried again after a backoff.
    CredentialsFailed {
        /// Which fetch.
        epoch: Epoch,
        /// What was the matter.
        kind: CredentialsKind,
    },
    /// The server rejected credentials; others are fetched. The state that follows may say no more than that, as the next
    /// attempt may begin at once.
    CredentialsRejected {
        /// Which.
        epoch: Epoch,
        /// How it did so: what ended the connection, or the attempt.
        cause: Box<Cause>,
    },
    /// The session acts for somebody else from now on. Verdicts on what was accepted before follow: at once on what waits,
    /// with the end of its connection on what was handed over.
    IdentityChanged {
        /// For whom.
        identity: Identity,
    },
    /// Of several endpoints this one is connected to next. Told before the state.
    EndpointChosen {
        /// By which connection.
        conn: ConnId,
        /// Which endpoint.
        endpoint: EndpointId,
    },
    /// The circuit breaker of one of several endpoints changed.
    Endpoint {
        /// Which endpoint.
        endpoint: EndpointId,
        /// How its breaker stands.
        breaker: BreakerState,
    },
}

/// A change of state.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Transition {
    /// What it was.
    pub from: StateKind,
    /// What it is, with its cause and the next attempt's time where it has them.
    pub to: State,
    /// What the close policy decided and by which rule, when the change follows the end of a connection.
    pub decided: Option<Decided>,
}

/// The one terminal outcome of an accepted message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Verdict {
    /// The peer's endpoint has read it.
    Confirmed,
    /// It left for the operating system, and nobody will know more: confirmation is off, or the link cannot ping.
    Written,
    /// It was handed over, and the connection ended before its confirmation: it may have arrived or not.
    InDoubt,
    /// It was not sent, and will not be.
    Dropped(Dropped),
    /// Durable, and the session stopped before anything else became of it: it stays in the store, and the next
    /// [`Start`](crate::Event::Start), of this session or of one that is restored, goes on with it.
    Kept,
}

/// Why an accepted message was not sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Dropped {
    /// Newer messages took its place (`drop-oldest`).
    Displaced,
    /// There was no room for it (`drop-newest`).
    NoRoom,
    /// The application took it back.
    Cancelled,
    /// The session stopped: by the application's word, a terminal cause, or exhaustion.
    Stopped,
    /// Its connection ended, and it was for that one alone (or volatile).
    ConnectionLost,
    /// At-least-once on a link that turned out unable to ping.
    CannotConfirm,
    /// It was accepted for somebody else than the session acts for now.
    IdentityChanged,
    /// It waited for longer than its [`ttl`](crate::SendOptions::ttl).
    Expired,
    /// A newer message of the same [`key`](crate::SendOptions::key) is sent instead.
    Conflated,
}

/// Why a message was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Refusal {
    /// A message of that name is not settled yet.
    DuplicateId,
    /// The outbox is full.
    Full,
    /// The message alone is larger than the outbox may become.
    TooLarge,
    /// Volatile, and there is no connection to send it on.
    NotOpen,
    /// Bound to a connection that is not the open one.
    NotThatConnection,
    /// At-least-once, but nothing can confirm: confirmation is off, or the link cannot ping.
    CannotConfirm,
    /// The session is stopping or has stopped.
    Stopped,
    /// Durable, which needs a [`store`](crate::config::Settings::store), at-least-once delivery, no key, and no connection that
    /// it is bound to.
    CannotStore,
    /// Durable, and it could not be stored.
    NotStored(StoreError),
    /// Durable, and taken back before it was stored.
    Cancelled,
    /// Durable, and the session acts for another identity since before it was stored.
    IdentityChanged,
    /// Its [`ttl`](crate::SendOptions::ttl) is less than a microsecond: it would have expired before it could go.
    Expired,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DuplicateId => "a message of that name is not settled yet",
            Self::Full => "the outbox is full",
            Self::TooLarge => "it is larger than the outbox may become",
            Self::NotOpen => "it is volatile, and there is no open connection",
            Self::NotThatConnection => "it is bound to a connection that is not the open one",
            Self::CannotConfirm => "it is to be sent at least once, and nothing can confirm it",
            Self::Stopped => "the session has stopped",
            Self::CannotStore => {
                "it cannot be kept: durable messages need a configuration with a store, are sent at least once, and have neither a \
                 key nor a connection of their own"
            }
            Self::NotStored(why) => return write!(f, "it was not stored: {why}"),
            Self::Cancelled => "it was taken back before it was stored",
            Self::IdentityChanged => "it was accepted for somebody else than whom the session acts for now",
            Self::Expired => "its time to live is less than a microsecond",
        })
    }
}

impl core::error::Error for Refusal {}

/// Why a durable message was not stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum StoreError {
    /// There is no room where the store keeps it: the disk, or a quota, is full.
    Full,
    /// More waits for the store than it may.
    Busy,
    /// Reading or writing failed.
    Failed,
    /// The store holds a message of that name already.
    DuplicateId,
    /// There is no store, or it is gone.
    Gone,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "there is no room where messages are stored",
            Self::Busy => "too much waits to be stored already",
            Self::Failed => "the store cannot be written to",
            Self::DuplicateId => "a message of that name is stored already",
            Self::Gone => "there is no store, or it is gone",
        })
    }
}

impl core::error::Error for StoreError {}

/// Why a message could not be taken back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum NotCancelled {
    /// No unsettled message has that name.
    Unknown,
    /// It was handed to the driver on the current connection; its verdict will come.
    HandedOver,
}

/// A mark of the outbox.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Watermark {
    /// Time to slow down.
    High,
    /// There is room again.
    Low,
}
