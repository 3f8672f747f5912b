//! How messages leave the outbox otherwise than confirmed: with their connection, by their time, by the application's word.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Entry, Outbox, Settled, Slot, entry::Place};
use crate::{
    Timestamp,
    lease::Identity,
    message::MessageId,
    options::Delivery,
    session::notice::{Dropped, NotCancelled, Verdict},
};

impl Outbox {
    /// The connection is over. What was handed over as `untouched` (a sequence number) or later is as if never sent.
    /// Everything that does not outlive the connection is settled, and everything that a newer message of its key replaces;
    /// the rest waits: what may have been sent goes first the next time, what was not is back at the front of its lane. If
    /// `departing`, all that was handed over on it is settled, as it is for another identity than what follows.
    pub(in crate::session) fn connection_over(
        &mut self,
        untouched: u64,
        departing: bool,
        mut settle: impl FnMut(Settled),
    ) {
        let next = self.next_sequence();
        let touched = usize::try_from(untouched.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let mut handed = core::mem::take(&mut self.handed);
        self.first = next;
        self.flushed = 0;
        self.handed_bytes = 0;
        for &slot in handed.range(touched.min(handed.len())..) {
            self.slots.get_mut(slot).sends -= 1;
        }
        // First, so that nothing is replaced by what goes with its connection.
        let mut fleeting = Vec::new();
        if self.fleeting > 0 {
            self.settle_waiting(|settled| fleeting.push(settled), Entry::fate);
        }
        let mut over = Vec::new();
        for &slot in handed.iter().rev() {
            let entry = self.slots.get(slot);
            if let Some(verdict) = if departing { Some(entry.left_behind()) } else { entry.fate() } {
                let entry = self.slots.take(slot);
                self.account_for(&entry);
                over.push(entry.settled(verdict));
            } else if let Some(newer) = self.replaces(entry) {
                self.wait_no_more(newer);
                let older = self.slots.take(slot);
                self.account_for(&older);
                over.push(older.settled(Verdict::Dropped(Dropped::Conflated)));
                self.wait_in_front(newer);
            } else {
                self.wait_in_front(slot);
            }
        }
        handed.clear();
        self.handed = handed;
        over.into_iter().rev().chain(fleeting).for_each(&mut settle);
    }

    /// Which unsent message waits that is to be sent instead of this one.
    fn replaces(&self, entry: &Entry) -> Option<Slot> {
        if entry.sends > 0 {
            return None;
        }
        self.more.as_ref()?.index.keyed(entry.key()?)
    }

    /// Settles what waits and has come to its end by `verdict`, in order.
    pub(super) fn settle_waiting(
        &mut self,
        mut settle: impl FnMut(Settled),
        verdict: impl Fn(&Entry) -> Option<Verdict>,
    ) {
        for place in [Place::Ahead, Place::Again, Place::Control, Place::Data] {
            let mut next = self.front(place);
            while let Some(slot) = next {
                next = self.slots.behind(slot);
                if let Some(verdict) = verdict(self.slots.get(slot)) {
                    settle(self.remove(slot).settled(verdict));
                }
            }
        }
    }

    /// The first that waits there.
    pub(super) fn front(&self, place: Place) -> Option<Slot> {
        match (place, &self.more) {
            (Place::Data, _) => self.data.front(),
            (place, Some(more)) => more.lists[place as usize].front(),
            (_, None) => None,
        }
    }

    /// Settles everything that waits, in order: the session acts for somebody else from now on.
    pub(in crate::session) fn leave_behind(&mut self, settle: impl FnMut(Settled)) {
        self.settle_waiting(settle, |entry| Some(entry.left_behind()));
    }

    /// Settles what can never be confirmed, because the link cannot ping.
    pub(in crate::session) fn drop_unconfirmable(&mut self, settle: impl FnMut(Settled)) {
        debug_assert!(self.handed.is_empty(), "called before anything is handed over");
        self.settle_waiting(settle, |entry| {
            let is_hopeless = entry.delivery == Delivery::AtLeastOnce && !entry.bound;
            let dropped = Verdict::Dropped(Dropped::CannotConfirm);
            is_hopeless.then_some(if entry.sends > 0 { Verdict::InDoubt } else { dropped })
        });
    }

    /// What deadlines count that the session's clock does not.
    pub(in crate::session) fn slept(&self) -> Duration {
        self.more.as_ref().map_or(Duration::ZERO, |more| more.slept)
    }

    /// The process was suspended.
    pub(in crate::session) fn sleep(&mut self, gap: Duration) {
        // Where there is no deadline, there is nothing to count for.
        if let Some(more) = &mut self.more {
            more.slept = more.slept.saturating_add(gap.min(LONGEST_SLEEP));
        }
    }

    /// Whether anything may be looked for, by its deadline for one.
    pub(in crate::session) const fn has_index(&self) -> bool {
        self.more.is_some()
    }

    /// When the next message expires of those that wait.
    pub(in crate::session) fn first_due(&self) -> Option<Timestamp> {
        Some(self.more.as_ref()?.index.first_due()?.0)
    }

    /// Settles one that waits and whose time has come, if there is one.
    pub(in crate::session) fn expire_one(&mut self, has_come: impl Fn(Timestamp) -> bool) -> Option<Settled> {
        let (_, slot) = self.more.as_ref()?.index.first_due().filter(|(at, _)| has_come(*at))?;
        Some(self.remove(slot).given_up(Dropped::Expired))
    }

    /// Takes a message back that waits.
    ///
    /// # Errors
    /// If it is under way, or nobody knows it.
    pub(in crate::session) fn cancel(&mut self, id: MessageId) -> Result<Settled, NotCancelled> {
        let slot = self.find(id).ok_or(NotCancelled::Unknown)?;
        if self.slots.get(slot).place == Place::Handed {
            return Err(NotCancelled::HandedOver);
        }
        Ok(self.remove(slot).given_up(Dropped::Cancelled))
    }

    /// Takes out a message that waits.
    pub(super) fn remove(&mut self, slot: Slot) -> Entry {
        self.wait_no_more(slot);
        let entry = self.slots.take(slot);
        self.account_for(&entry);
        entry
    }

    /// Settles everything, in order: what is stored is kept for this identity, what may have left is in doubt, the rest was
    /// dropped.
    pub(in crate::session) fn settle_all(&mut self, identity: Option<Identity>, mut settle: impl FnMut(Settled)) {
        self.keep_stored(identity, &mut settle);
        self.first = self.next_sequence();
        self.flushed = 0;
        self.handed_bytes = 0;
        while let Some(slot) = self.handed.pop_front() {
            let entry = self.slots.take(slot);
            self.account_for(&entry);
            settle(entry.given_up(Dropped::Stopped));
        }
        self.settle_waiting(settle, |entry| {
            let dropped = Verdict::Dropped(Dropped::Stopped);
            Some(if entry.sends > 0 { Verdict::InDoubt } else { dropped })
        });
    }
}

/// As much as counts of one suspend, ten years: a gap that is nonsense must not bring the end of time, at which no deadline
/// that follows would come.
const LONGEST_SLEEP: Duration = Duration::from_hours(10 * 365 * 24);
