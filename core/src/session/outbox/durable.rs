//! Durable messages: what waits to be stored, and what the session let go of when it stopped.

use alloc::{collections::VecDeque, vec::Vec};
use core::mem;

use super::{
    Entry, Outbox, Settled, Slot,
    entry::{Place, Stored},
};
use crate::{
    Timestamp,
    lease::Identity,
    message::{Message, MessageId},
    options::{Delivery, Lane, SendOptions},
    session::notice::Verdict,
};

/// What is known of durable messages beside their entries.
#[derive(Clone, Debug, Default)]
pub(super) struct Durable {
    /// How many wait to be stored and their bytes, by lane.
    asked: [(usize, usize); 2],
    /// How many are stored, of those that are not settled.
    done: usize,
    /// How often a stop has kept a message.
    kept_ever: u64,
    /// What the store keeps while the session is stopped, or has not begun yet.
    kept: VecDeque<Entry>,
}

impl Durable {
    pub(super) fn is_empty(&self) -> bool {
        self.asks_nothing() && self.kept_ever == 0 && self.done == 0 && self.kept.is_empty()
    }

    fn asks_nothing(&self) -> bool {
        self.asked.iter().all(|(messages, _)| *messages == 0)
    }

    #[cfg(feature = "trace")]
    pub(super) fn kept_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.kept.iter_mut()
    }
}

impl Entry {
    /// A message that the store has held since an earlier process: it may have been sent.
    pub(in crate::session) fn restored(
        id: MessageId,
        message: Message<'static>,
        options: SendOptions,
        identity: Option<Identity>,
        now: Timestamp,
    ) -> Self {
        let options =
            SendOptions { delivery: Delivery::AtLeastOnce, bound_to: None, key: None, durable: true, ..options };
        let mut entry = Self::new(id, message, &options, || now);
        entry.sends = 1;
        entry.is_stored();
        entry.is_for(identity);
        entry
    }

    /// Whether it is known for whom it is, apart from the session.
    pub(in crate::session) fn is_for_somebody(&self) -> bool {
        self.whose().is_some()
    }

    /// Whether it is for somebody else than this.
    fn is_foreign(&self, identity: Identity) -> bool {
        self.whose().is_some_and(|whose| whose != identity)
    }

    fn whose(&self) -> Option<Identity> {
        self.rare.as_ref()?.identity
    }

    /// Notes for whom it is, if that is known.
    fn is_for(&mut self, identity: Option<Identity>) {
        if let (Some(rare), Some(_)) = (&mut self.rare, identity) {
            rare.identity = identity;
        }
    }

    /// Notes that it is stored.
    fn is_stored(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.stored = Some(Stored::Done);
        }
    }
}

impl Outbox {
    /// How often a stop has kept a message.
    pub(in crate::session) fn kept_ever(&self) -> u64 {
        self.durable().map_or(0, |durable| durable.kept_ever)
    }

    fn durable(&self) -> Option<&Durable> {
        self.more.as_ref()?.durable.as_deref()
    }

    fn durable_mut(&mut self) -> &mut Durable {
        self.more.get_or_insert_default().durable.get_or_insert_default()
    }

    /// Whether a message waits to be stored, and everything behind it in its lane for that.
    pub(super) fn is_held_up(&self, slot: Slot) -> bool {
        self.slots.get(slot).stored() == Some(Stored::Asked)
    }

    /// Everything that waits to be stored, in the order of its lane, with what is left of what was asked for it.
    pub(in crate::session) fn to_be_stored(&self, now: Timestamp) -> Vec<(MessageId, Message<'static>, SendOptions)> {
        let mut all = Vec::new();
        if self.durable().is_none_or(Durable::asks_nothing) {
            return all;
        }
        for place in [Place::Control, Place::Data] {
            let mut next = self.front(place);
            while let Some(slot) = next {
                next = self.slots.behind(slot);
                if self.is_held_up(slot) {
                    let entry = self.slots.get(slot);
                    all.push((entry.id, entry.message.clone(), entry.options(now)));
                }
            }
        }
        all
    }

    /// Whether a message of this name waits to be stored; from now on it is.
    pub(in crate::session) fn stored(&mut self, id: MessageId) -> bool {
        let Some(slot) = self.find_asked(id) else { return false };
        let mut entry = self.slots.get(slot).clone();
        self.durable_left(&entry);
        entry.is_stored();
        self.durable_came(&entry);
        *self.slots.get_mut(slot) = entry;
        true
    }

    /// Takes out a message that waits to be stored, and cannot be.
    pub(in crate::session) fn withdraw(&mut self, id: MessageId) -> Option<Message<'static>> {
        let slot = self.find_asked(id)?;
        Some(self.remove(slot).message)
    }

    fn find_asked(&mut self, id: MessageId) -> Option<Slot> {
        // Nothing is looked for by name, and so nothing is indexed, unless there is something to be found.
        self.durable().filter(|durable| !durable.asks_nothing())?;
        self.find(id).filter(|&slot| self.is_held_up(slot))
    }

    /// Puts aside what an earlier process left, until the session starts.
    pub(in crate::session) fn keep(&mut self, entry: Entry) {
        self.quiet = false;
        self.durable_mut().kept.push_back(entry);
    }

    /// What waits to be stored where a message of this lane could displace it otherwise: messages, and bytes.
    pub(super) fn not_to_be_displaced(&self, lane: Lane) -> (usize, usize) {
        let Some(durable) = self.durable() else { return (0, 0) };
        let (messages, bytes) = durable.asked[Lane::Data as usize];
        match lane {
            Lane::Data => (messages, bytes),
            Lane::Control => {
                let (more, more_bytes) = durable.asked[Lane::Control as usize];
                (messages + more, bytes + more_bytes)
            }
        }
    }

    /// Takes everything out that is stored and not settled, in order, as kept for this identity.
    pub(super) fn keep_stored(&mut self, identity: Option<Identity>, mut settle: impl FnMut(Settled)) {
        if self.durable().is_none_or(|durable| durable.done == 0) {
            return;
        }
        debug_assert!(self.handed.is_empty(), "called when no connection is left");
        let mut kept = Vec::new();
        for place in [Place::Again, Place::Control, Place::Data] {
            let mut next = self.front(place);
            while let Some(slot) = next {
                next = self.slots.behind(slot);
                if self.slots.get(slot).stored() == Some(Stored::Done) {
                    kept.push(self.remove(slot));
                }
            }
        }
        for entry in &mut kept {
            entry.is_for(identity);
            settle(entry.clone().settled(Verdict::Kept));
        }
        let durable = self.durable_mut();
        durable.kept_ever += kept.len() as u64;
        durable.kept.extend(kept);
    }

    /// What is kept for nobody in particular is for this identity, the first that is known.
    pub(in crate::session) fn kept_is_for(&mut self, identity: Identity) {
        let durable = self.more.as_mut().and_then(|more| more.durable.as_mut());
        let kept = durable.into_iter().flat_map(|durable| &mut durable.kept);
        kept.filter(|entry| !entry.is_for_somebody()).for_each(|entry| entry.is_for(Some(identity)));
    }

    /// Takes out what was kept, in order.
    pub(in crate::session) fn take_kept(&mut self) -> VecDeque<Entry> {
        let durable = self.more.as_mut().and_then(|more| more.durable.as_mut());
        durable.map(|durable| mem::take(&mut durable.kept)).unwrap_or_default()
    }

    /// Takes up what was kept, acting for this identity. `None`: there is one of its name.
    pub(in crate::session) fn take_up(
        &mut self,
        entry: Entry,
        identity: Option<Identity>,
    ) -> Option<Result<MessageId, Settled>> {
        let id = entry.id;
        // The store holds one of each name; of two the session owes a verdict for the other one.
        if self.contains(id) {
            return None;
        }
        let left_behind = identity.filter(|identity| entry.is_foreign(*identity)).map(|_| entry.left_behind());
        if let Some(verdict) = left_behind.or_else(|| entry.fate()) {
            return Some(Err(entry.settled(verdict)));
        }
        self.push(entry, false);
        Some(Ok(id))
    }

    /// Settles what was restored for somebody else than this identity, which is the first that is known.
    pub(in crate::session) fn leave_foreign(&mut self, identity: Identity, settle: impl FnMut(Settled)) {
        if self.durable().is_some_and(|durable| durable.done > 0) {
            self.settle_waiting(settle, |entry| entry.is_foreign(identity).then(|| entry.left_behind()));
        }
    }

    #[cold]
    pub(super) fn durable_came(&mut self, entry: &Entry) {
        let Some(stored) = entry.stored() else { return };
        let durable = self.durable_mut();
        match stored {
            Stored::Asked => {
                let (messages, bytes) = &mut durable.asked[entry.lane as usize];
                *messages += 1;
                *bytes += entry.message.len();
            }
            Stored::Done => durable.done += 1,
        }
    }

    #[cold]
    pub(super) fn durable_left(&mut self, entry: &Entry) {
        let Some(stored) = entry.stored() else { return };
        let durable = self.durable_mut();
        match stored {
            Stored::Asked => {
                let (messages, bytes) = &mut durable.asked[entry.lane as usize];
                *messages -= 1;
                *bytes -= entry.message.len();
            }
            Stored::Done => durable.done -= 1,
        }
    }

    /// One that is stored was settled.
    #[cold]
    pub(super) fn stored_left(&mut self) {
        self.durable_mut().done -= 1;
    }

    #[cfg(feature = "serde")]
    pub(super) fn set_kept_ever(&mut self, kept: u64) {
        self.durable_mut().kept_ever = kept;
    }

    #[cfg(feature = "serde")]
    pub(super) fn kept(&self) -> Vec<&Entry> {
        self.durable().into_iter().flat_map(|durable| &durable.kept).collect()
    }
}
