//! Actions that borrow nothing.

use alloc::{boxed::Box, string::String};
use core::fmt;

use crate::{
    Action, CloseFrame, ConnId, EndpointId, Epoch, FetchReason, Identity, Message, MessageId, Notice, Persist,
    PingPayload, Timestamp,
};

/// An [`Action`] that borrows nothing, for logs and tests.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each variant and field is documented on the action of the same name")]
pub enum OwnedAction {
    Connect { conn: ConnId, attempt: u32, endpoint: EndpointId, credentials: Option<Epoch> },
    Send { conn: ConnId, id: MessageId, message: Message<'static> },
    Ping { conn: ConnId, payload: PingPayload },
    Heartbeat { conn: ConnId, text: String },
    Close { conn: ConnId, frame: CloseFrame },
    Abort { conn: ConnId },
    SetTimer { at: Timestamp },
    CancelTimer,
    Deliver { conn: ConnId, message: Message<'static> },
    Notify(Notice),
    FetchCredentials { epoch: Epoch, reason: FetchReason, identity: Option<Identity> },
    Present { conn: ConnId, epoch: Epoch },
    Persist(Box<Persist>),
    Forget { id: MessageId },
}

impl From<Action<'_>> for OwnedAction {
    fn from(action: Action<'_>) -> Self {
        match action {
            Action::Connect { conn, attempt, endpoint, credentials } => {
                Self::Connect { conn, attempt, endpoint, credentials }
            }
            Action::Send { conn, id, message } => Self::Send { conn, id, message: message.clone() },
            Action::Ping { conn, payload } => Self::Ping { conn, payload },
            Action::Heartbeat { conn, text } => Self::Heartbeat { conn, text: text.into() },
            Action::Close { conn, frame } => Self::Close { conn, frame },
            Action::Abort { conn } => Self::Abort { conn },
            Action::SetTimer { at } => Self::SetTimer { at },
            Action::CancelTimer => Self::CancelTimer,
            Action::Deliver { conn, message } => Self::Deliver { conn, message: message.into_owned() },
            Action::Notify(notice) => Self::Notify(notice),
            Action::FetchCredentials { epoch, reason, identity } => Self::FetchCredentials { epoch, reason, identity },
            Action::Present { conn, epoch } => Self::Present { conn, epoch },
            Action::Persist(persist) => Self::Persist(persist),
            Action::Forget { id } => Self::Forget { id },
        }
    }
}

impl fmt::Display for OwnedAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { conn, attempt, endpoint, credentials } => {
                write!(f, "connect {conn}")?;
                if !endpoint.is_first() {
                    write!(f, " to {endpoint}")?;
                }
                write!(f, " (attempt {attempt}")?;
                if let Some(epoch) = credentials {
                    write!(f, ", credentials of {epoch}")?;
                }
                f.write_str(")")
            }
            Self::Send { conn, id, message } => write!(f, "send {id} on {conn}: {message:?}"),
            Self::Ping { conn, .. } => write!(f, "ping on {conn}"),
            Self::Heartbeat { conn, text } => write!(f, "heartbeat on {conn}: {text:?}"),
            Self::Close { conn, frame } => write!(f, "close {conn} with {}", frame.code),
            Self::Abort { conn } => write!(f, "abort {conn}"),
            Self::SetTimer { at } => write!(f, "set the timer to {at}"),
            Self::CancelTimer => f.write_str("cancel the timer"),
            Self::Deliver { conn, message } => write!(f, "deliver from {conn}: {message:?}"),
            Self::Notify(notice) => write!(f, "notify: {notice:?}"),
            Self::FetchCredentials { epoch, reason, .. } => write!(f, "fetch credentials ({epoch}): {reason}"),
            Self::Present { conn, epoch } => write!(f, "present the credentials of {epoch} on {conn}"),
            Self::Persist(persist) => write!(f, "store {}: {:?}", persist.id, persist.message),
            Self::Forget { id } => write!(f, "forget {id}"),
        }
    }
}
