//! Room: the bounds of the outbox, and what is dropped to keep them.

use super::{Outbox, Slot, entry::Place};
use crate::{
    config,
    options::Lane,
    session::{
        notice::{Dropped, Refusal, Verdict},
        outbox::Settled,
    },
};

/// What a message needs room for: its bytes, and its lane. What it replaces makes room.
#[derive(Clone, Copy)]
pub(in crate::session) struct Need {
    pub(in crate::session) len: usize,
    pub(in crate::session) lane: Lane,
    pub(in crate::session) replaces: Option<Slot>,
}

impl Outbox {
    /// Whether there is room for `len` more bytes that are for the current connection only.
    pub(in crate::session) fn has_room_for_bound(&self, len: usize, window: &config::Confirm) -> bool {
        let (messages, bytes) = self.bound();
        messages == 0 || messages < window.max_messages as usize && bytes.saturating_add(len) <= window.max_bytes
    }

    /// How many are for the current connection only, and their bytes.
    #[inline]
    fn bound(&self) -> (usize, usize) {
        self.more.as_ref().map_or((0, 0), |more| more.bound)
    }

    /// What counts against the bounds, once what the message replaces is gone.
    #[inline]
    fn held(&self, need: Need) -> (usize, usize) {
        let (bound, bound_bytes) = self.bound();
        let (messages, bytes) = (self.len() - bound, self.bytes - bound_bytes);
        need.replaces.map_or((messages, bytes), |old| (messages - 1, bytes - self.size(old)))
    }

    /// Whether there is room for the message.
    #[inline]
    pub(in crate::session) fn has_room(&self, need: Need, bounds: &config::Outbox) -> bool {
        fits(self.held(need), need.len, bounds)
    }

    /// Drops the oldest that may be dropped until there is room: data first, and control only for control. What is for one
    /// connection, or may have been sent, stays.
    ///
    /// # Errors
    /// If there would be no room even then; nothing is dropped in that case.
    #[cold]
    #[inline(never)]
    pub(in crate::session) fn make_room(
        &mut self,
        need: Need,
        bounds: &config::Outbox,
        mut settle: impl FnMut(Settled),
    ) -> Result<(), Refusal> {
        if !self.could_have_room(need, bounds) {
            return Err(Refusal::Full);
        }
        for place in [Place::Data, Place::Control] {
            let mut next = self.front(place);
            while let Some(slot) = next.filter(|_| !self.has_room(need, bounds)) {
                next = self.slots.behind(slot);
                if !self.slots.get(slot).bound && !self.is_held_up(slot) && need.replaces != Some(slot) {
                    settle(self.remove(slot).settled(Verdict::Dropped(Dropped::Displaced)));
                }
            }
        }
        Ok(())
    }

    /// Whether there would be room if everything were dropped that may be.
    fn could_have_room(&self, need: Need, bounds: &config::Outbox) -> bool {
        let (messages, bytes) = self.held(need);
        // Plain data is what neither was handed over nor is aside; what is replaced is gone from it already.
        let (aside, control) = self.more.as_ref().map_or(((0, 0), (0, 0)), |more| (more.aside, more.control));
        let mut spare = self.len() - self.handed.len() - aside.0;
        let mut spare_bytes = self.bytes - self.handed_bytes - aside.1;
        if need.lane == Lane::Control {
            (spare, spare_bytes) = (spare + control.0, spare_bytes + control.1);
        }
        let (asked, asked_bytes) = self.not_to_be_displaced(need.lane);
        (spare, spare_bytes) = (spare - asked, spare_bytes - asked_bytes);
        if let Some(old) = need.replaces {
            (spare, spare_bytes) = (spare - 1, spare_bytes - self.size(old));
        }
        fits((messages - spare, bytes - spare_bytes), need.len, bounds)
    }
}

/// Whether there is room for `len` more bytes beside what is held.
const fn fits((messages, bytes): (usize, usize), len: usize, bounds: &config::Outbox) -> bool {
    messages < bounds.max_messages as usize && bytes.saturating_add(len) <= bounds.max_bytes
}
