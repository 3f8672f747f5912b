//! What most sessions never need: one box, made when it is first asked for.

use alloc::boxed::Box;

use crate::session::{Session, credentials::Credentials, rate::Tokens};

/// Seldom used state of a session.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub(super) struct Extras {
    pub(super) credentials: Credentials,
    /// What is left of the rate.
    pub(super) rate: Tokens,
}

impl Session {
    /// What most sessions never need.
    pub(super) fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_with(Box::default)
    }
}
