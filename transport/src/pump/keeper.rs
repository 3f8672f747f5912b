//! Where durable messages are kept.

use std::fmt;

use steadfast_core::{MessageId, Persist, StoreError};

/// Keeps a session's durable messages: a `Store` with the feature `store`, or one of your own. Called on the loop's thread,
/// so it must not wait for a disk: it answers later, through [`Command::Stored`](crate::pump::Command::Stored).
pub trait Keeper: Send {
    /// Stores a message behind those that were handed in before it.
    ///
    /// # Errors
    /// It is not even tried; no other answer follows.
    fn persist(&mut self, persist: Persist) -> Result<(), StoreError>;

    /// Forgets a message, if it is there, behind everything that was asked before.
    fn forget(&mut self, id: MessageId);

    /// Nothing more comes: ends, without having whoever calls wait for a disk. Unless it can, it is dropped.
    fn leave(self: Box<Self>) {}
}

/// What keeps a session's durable messages, if anything does.
#[derive(Default)]
pub(super) struct Kept(pub(super) Option<Box<dyn Keeper>>);

impl Kept {
    pub(super) fn persist(&mut self, persist: Persist) -> Result<(), StoreError> {
        self.0.as_mut().map_or(Err(StoreError::Gone), |keeper| keeper.persist(persist))
    }

    pub(super) fn forget(&mut self, id: MessageId) {
        if let Some(keeper) = &mut self.0 {
            keeper.forget(id);
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "kept" } else { "not kept" })
    }
}

#[cfg(feature = "store")]
impl Keeper for steadfast_store::Store {
    fn persist(&mut self, persist: Persist) -> Result<(), StoreError> {
        Self::persist(self, persist)
    }

    fn forget(&mut self, id: MessageId) {
        Self::forget(self, id);
    }

    fn leave(self: Box<Self>) {
        Self::leave(*self);
    }
}
