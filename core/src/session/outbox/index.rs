//! What finds an entry: by its id, its key, its deadline. None of it exists before it is needed.

use alloc::collections::BTreeMap;

use super::{
    entry::Entry,
    slots::{Slot, Slots},
};
use crate::{
    Timestamp,
    message::MessageId,
    options::{Key, Lane},
};

/// Entries by what they may be looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// All of them, once one was looked for, until none is left.
    ids: Option<BTreeMap<MessageId, Slot>>,
    /// Those with a key that wait unsent; of each key the newest.
    keys: BTreeMap<(Lane, Key), Slot>,
    /// Those that wait and expire, in the order in which they do.
    due: BTreeMap<(Timestamp, MessageId), Slot>,
}

impl Index {
    /// Where the entry of this id is.
    pub(super) fn find(&mut self, id: MessageId, slots: &Slots) -> Option<Slot> {
        let ids = self.ids.get_or_insert_with(|| slots.taken().map(|(slot, entry)| (entry.id, slot)).collect());
        ids.get(&id).copied()
    }

    /// Where the unsent entry of this key waits.
    pub(super) fn keyed(&self, key: (Lane, Key)) -> Option<Slot> {
        self.keys.get(&key).copied()
    }

    /// An entry was accepted.
    pub(super) fn enter(&mut self, entry: &Entry, slot: Slot) {
        if let Some(ids) = &mut self.ids {
            ids.insert(entry.id, slot);
        }
    }

    /// An entry is settled; none is left if `last`.
    pub(super) fn leave(&mut self, id: MessageId, last: bool) {
        if last {
            self.ids = None;
        } else if let Some(ids) = &mut self.ids {
            ids.remove(&id);
        }
    }

    /// An entry waits from now on.
    #[cold]
    #[inline(never)]
    pub(super) fn wait(&mut self, entry: &Entry, slot: Slot) {
        if let Some(key) = entry.key().filter(|_| entry.sends == 0) {
            self.keys.insert(key, slot);
        }
        if let Some(at) = entry.expires() {
            self.due.insert((at, entry.id), slot);
        }
    }

    /// An entry waits no more.
    #[cold]
    #[inline(never)]
    pub(super) fn wait_no_more(&mut self, entry: &Entry, slot: Slot) {
        if let Some(key) = entry.key()
            && self.keys.get(&key) == Some(&slot)
        {
            self.keys.remove(&key);
        }
        if let Some(at) = entry.expires() {
            self.due.remove(&(at, entry.id));
        }
    }

    /// The next that expires, and when.
    pub(super) fn first_due(&self) -> Option<(Timestamp, Slot)> {
        self.due.first_key_value().map(|((at, _), slot)| (*at, *slot))
    }
}
