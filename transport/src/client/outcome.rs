//! How a message ended.

use steadfast_core::{Message, Refusal, Verdict};

use crate::pump::SendError;

/// How a message ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It was accepted, and this is its one verdict.
    Settled {
        /// The verdict.
        verdict: Verdict,
        /// The message, where the verdict leaves something to decide: with `InDoubt` and `Dropped`. (`None` if the
        /// client went before its session had seen the message.)
        message: Option<Message<'static>>,
    },
    /// The session did not accept it.
    Refused {
        /// Why.
        why: Refusal,
        /// The message.
        message: Message<'static>,
    },
}

impl Outcome {
    /// The verdict, if the message was accepted.
    #[must_use]
    pub const fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Settled { verdict, .. } => Some(*verdict),
            Self::Refused { .. } => None,
        }
    }

    /// Whether the message was accepted.
    ///
    /// # Errors
    /// The message, and why it was not.
    pub(super) fn acceptance(&self) -> Result<(), SendError> {
        match self {
            Self::Settled { .. } => Ok(()),
            Self::Refused { why, message } => Err(SendError { message: message.clone(), why: *why }),
        }
    }

    /// Whether the server's endpoint is known to have read it.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        matches!(self, Self::Settled { verdict: Verdict::Confirmed, .. })
    }
}
