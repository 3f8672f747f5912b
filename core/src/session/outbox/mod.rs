//! The outbox: every accepted message that is not settled, and the order in which it goes out.
//!
//! What is handed over on this connection has sequence numbers: its place in the order of all hand-overs. What waits is in one
//! of four lists, which go out in this order: what was sent *ahead* for this connection before it was ready; what may have
//! been sent on an earlier one and is sent *again*, in the order in which it was; and the lanes of *control* and of *data*,
//! control first but for every so many of them. Every entry keeps its slot until it is settled, so that it can leave from
//! anywhere, or be replaced, without a search and without moving another: no operation takes longer in a deep outbox than
//! the logarithm of its depth, apart from those that settle every message.

mod durable;
mod entry;
mod index;
mod more;
mod room;
mod settling;
mod slots;
#[cfg(feature = "serde")]
mod stored;

use alloc::{boxed::Box, collections::VecDeque};
use core::time::Duration;

use self::{
    entry::Place,
    more::{More, list},
    slots::{List, Slots},
};
pub(super) use self::{
    entry::{Entry, Settled, Stored},
    room::Need,
    slots::Slot,
};
use crate::{
    Timestamp, config,
    message::{Message, MessageId},
    options::{Delivery, Key, Lane, SendOptions},
    session::notice::{Dropped, Verdict},
};

/// The lists and their account.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    slots: Slots,
    /// Handed over on this connection, in that order.
    handed: VecDeque<Slot>,
    /// What waits in the lane of data.
    data: List,
    /// How many of `handed` have left all buffers.
    flushed: u32,
    /// How many end with their connection.
    fleeting: u32,
    /// How many of the lane of control were handed over since the last of the lane of data.
    controls: u32,
    /// The sequence number of the first of `handed`.
    first: u64,
    bytes: usize,
    handed_bytes: usize,
    /// The highest id accepted so far, if there was one.
    highest: MessageId,
    has_highest: bool,
    /// Nothing was accepted since the last look.
    quiet: bool,
    /// What plain messages do not need.
    more: Option<Box<More>>,
}

impl Outbox {
    pub(super) const fn new() -> Self {
        Self {
            slots: Slots::new(),
            handed: VecDeque::new(),
            data: List::EMPTY,
            flushed: 0,
            fleeting: 0,
            controls: 0,
            first: 0,
            bytes: 0,
            handed_bytes: 0,
            highest: MessageId(0),
            has_highest: false,
            quiet: true,
            more: None,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.slots.len() == 0
    }

    /// The sequence number that the next hand-over gets.
    pub(super) fn next_sequence(&self) -> u64 {
        self.first + self.handed.len() as u64
    }

    pub(super) fn has_unflushed(&self) -> bool {
        (self.flushed as usize) < self.handed.len()
    }

    pub(super) fn has_handed(&self) -> bool {
        !self.handed.is_empty()
    }

    /// The message of this sequence number, while it is under way.
    #[inline]
    pub(super) fn by_sequence(&self, sequence: u64) -> Option<&Entry> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.handed.get(index).map(|&slot| self.slots.get(slot))
    }

    /// Whether a message of this name is not settled. Ids that rise cost nothing; the first that does not has the others
    /// indexed.
    pub(super) fn contains(&mut self, id: MessageId) -> bool {
        self.has_highest && id <= self.highest && self.find(id).is_some()
    }

    #[inline]
    fn note_id(&mut self, id: MessageId) {
        self.highest = self.highest.max(id);
        self.has_highest = true;
    }

    fn find(&mut self, id: MessageId) -> Option<Slot> {
        if self.is_empty() {
            return None;
        }
        self.more.get_or_insert_default().index.find(id, &self.slots)
    }

    /// Where the unsent message waits that a new one of this key replaces.
    pub(super) fn replaced_by(&self, lane: Lane, key: Option<Key>) -> Option<Slot> {
        self.more.as_ref()?.index.keyed((lane, key?))
    }

    /// Whether nothing was accepted since the last look.
    pub(super) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Appends a message to those that wait. `ahead`: it goes before everything that was not handed over, behind others sent
    /// ahead.
    pub(super) fn push(&mut self, entry: Entry, ahead: bool) {
        let place = if ahead { Place::Ahead } else { entry.waits_in() };
        self.push_to(Entry { place, ..entry });
    }

    /// Appends a message to those that wait in its place.
    fn push_to(&mut self, entry: Entry) {
        let (needs_index, is_plain) = (entry.rare.is_some(), entry.is_plain());
        self.quiet = false;
        self.count(&entry);
        self.note_id(entry.id);
        let slot = self.slots.insert(|| entry);
        if is_plain {
            self.slots.push_back(&mut self.data, slot);
        } else {
            self.wait_aside(slot);
        }
        if needs_index || self.more.is_some() {
            self.index_new(slot);
        }
    }

    /// A message waits that is not plain data, as the last of its list.
    #[cold]
    #[inline(never)]
    fn wait_aside(&mut self, slot: Slot) {
        let (place, aside) = (self.slots.get(slot).place, self.slots.get(slot).aside());
        let more = self.more.get_or_insert_default();
        self.slots.push_back(list(&mut self.data, &mut more.lists, place), slot);
        more.set_aside(aside);
    }

    #[cold]
    #[inline(never)]
    fn index_new(&mut self, slot: Slot) {
        let entry = self.slots.get(slot);
        if self.more.is_none() && entry.expires().is_none() && entry.key().is_none() {
            return;
        }
        let index = &mut self.more.get_or_insert_default().index;
        index.enter(entry, slot);
        if entry.place != Place::Handed {
            index.wait(entry, slot);
        }
    }

    /// Puts a message in the place of one that waits, which is settled.
    pub(super) fn replace(&mut self, old: Slot, mut entry: Entry) -> Settled {
        self.quiet = false;
        self.note_id(entry.id);
        let was_aside = self.slots.get(old).aside();
        self.unindex(old);
        entry.place = self.slots.get(old).place;
        self.count(&entry);
        let older = core::mem::replace(self.slots.get_mut(old), entry);
        self.discount(older.message.len(), older.bound, older.is_fleeting());
        let is_aside = self.slots.get(old).aside();
        let more = self.more.get_or_insert_default();
        more.back_from_aside(was_aside);
        more.set_aside(is_aside);
        self.index_new(old);
        older.settled(Verdict::Dropped(Dropped::Conflated))
    }

    /// The next message to hand over, if `window` allows one more; before the connection is `ready`, only what goes ahead.
    #[inline]
    pub(super) fn next_to_hand(&self, window: &config::Confirm, ready: bool, burst: u32) -> Option<Slot> {
        let slot = match &self.more {
            Some(more) if more.aside.0 > 0 || more.durable.is_some() => self.next_of_all(more, ready, burst)?,
            _ => self.data.front().filter(|_| ready)?,
        };
        let fits = self.handed.len() < window.max_messages as usize
            && self.handed_bytes.saturating_add(self.size(slot)) <= window.max_bytes;
        (fits || self.handed.is_empty()).then_some(slot)
    }

    fn next_of_all(&self, more: &More, ready: bool, burst: u32) -> Option<Slot> {
        // What is not stored yet holds up its lane.
        let free = |slot: &Slot| more.durable.is_none() || !self.is_held_up(*slot);
        let front = |place: Place| more.lists[place as usize].front();
        let (control, data) = (front(Place::Control).filter(free), self.data.front().filter(free));
        let lanes = if self.controls >= burst { data.or(control) } else { control.or(data) };
        front(Place::Ahead).or_else(|| front(Place::Again).or(lanes).filter(|_| ready))
    }

    /// The length of a message, in bytes.
    #[inline]
    pub(super) fn size(&self, slot: Slot) -> usize {
        self.slots.get(slot).message.len()
    }

    /// Whether a message of this length can be handed over as soon as it is accepted: nothing waits, and the window allows it.
    #[inline]
    pub(super) fn passes(&self, len: usize, window: &config::Confirm) -> bool {
        let fits = self.handed.len() < window.max_messages as usize
            && self.handed_bytes.saturating_add(len) <= window.max_bytes;
        self.len() == self.handed.len() && (fits || self.is_empty())
    }

    /// Takes a message that [passes](Self::passes), as handed over; says its sequence number.
    #[inline]
    pub(super) fn pass(
        &mut self,
        id: MessageId,
        message: Message<'static>,
        options: &SendOptions,
        now: Timestamp,
    ) -> u64 {
        let (sequence, len) = (self.next_sequence(), message.len());
        self.quiet = false;
        self.note_id(id);
        self.bytes += len;
        self.handed_bytes += len;
        self.controls = if options.lane == Lane::Control { self.controls.saturating_add(1) } else { 0 };
        if options.bound_to.is_some() || options.delivery == Delivery::Volatile {
            self.count_fleeting(options.bound_to.is_some(), len);
        }
        let more = &self.more;
        let accepted = || now + more.as_ref().map_or(Duration::ZERO, |more| more.slept);
        let entry = || Entry { place: Place::Handed, sends: 1, ..Entry::new(id, message, options, accepted) };
        let slot = self.slots.insert(entry);
        if options.is_rare() || self.more.is_some() {
            self.index_new(slot);
        }
        self.handed.push_back(slot);
        sequence
    }

    /// Counts a message that waits as handed over; says its sequence number, its length, and whether it goes out again.
    #[inline]
    pub(super) fn hand_over(&mut self, slot: Slot) -> (u64, usize, bool) {
        let sequence = self.next_sequence();
        self.wait_no_more(slot);
        let entry = self.slots.get_mut(slot);
        match entry.place {
            Place::Data => self.controls = 0,
            Place::Control => self.controls = self.controls.saturating_add(1),
            Place::Ahead | Place::Again | Place::Handed => {}
        }
        entry.place = Place::Handed;
        let again = entry.sends > 0;
        entry.sends = entry.sends.saturating_add(1);
        let len = entry.message.len();
        self.handed.push_back(slot);
        self.handed_bytes += len;
        (sequence, len, again)
    }

    /// Whether a quarter of the window is in use.
    pub(super) fn quarter_used(&self, window: &config::Confirm) -> bool {
        self.handed.len() >= (window.max_messages as usize).div_ceil(4)
            || self.handed_bytes >= window.max_bytes.div_ceil(4)
    }

    /// Notes that all up to `id` have left; says whether that was news.
    pub(super) fn flushed(&mut self, id: MessageId) -> bool {
        // Most drivers write everything there is: then it is the last.
        let flushed = self.flushed as usize;
        let is_it = |slot: Slot| self.slots.get(slot).id == id;
        let last = self.handed.len().checked_sub(1).filter(|&last| last >= flushed && is_it(self.handed[last]));
        let found = last.or_else(|| Some(flushed + self.handed.range(flushed..).position(|&slot| is_it(slot))?));
        let Some(index) = found else { return false };
        self.flushed = u32::try_from(index + 1).expect("no more than there are slots");
        true
    }

    /// The sequence number of `id`, if it is under way.
    pub(super) fn sequence_of(&self, id: MessageId) -> Option<u64> {
        let index = self.handed.iter().position(|&slot| self.slots.get(slot).id == id)?;
        Some(self.first + index as u64)
    }

    /// The sequence number behind the last that has left all buffers.
    pub(super) const fn flushed_end(&self) -> u64 {
        self.first + self.flushed as u64
    }

    /// Settles the front message if its sequence number is below `end`; names it, and says whether it is stored.
    #[inline]
    pub(super) fn settle_front(&mut self, end: u64) -> Option<(MessageId, bool)> {
        if self.first >= end {
            return None;
        }
        let slot = self.handed.pop_front()?;
        self.first += 1;
        self.flushed = self.flushed.saturating_sub(1);
        let entry = self.slots.get(slot);
        let (id, len, bound, fleeting) = (entry.id, entry.message.len(), entry.bound, entry.is_fleeting());
        let stored = entry.stored().is_some();
        self.handed_bytes -= len;
        self.discount(len, bound, fleeting);
        self.slots.clear(slot);
        if self.more.is_some() {
            self.index_left(id);
        }
        if stored {
            self.stored_left();
        }
        Some((id, stored))
    }

    /// Gives memory back if nothing was accepted since the last call.
    pub(super) fn shrink_if_quiet(&mut self) {
        if self.quiet && self.is_empty() {
            self.slots.forget_all();
            self.handed = VecDeque::new();
            self.more.take_if(|more| more.durable.as_ref().is_none_or(|durable| durable.is_empty()));
        }
        self.quiet = true;
    }

    /// Every message, for a copy without payloads.
    #[cfg(feature = "trace")]
    pub(super) fn messages_mut(&mut self) -> impl Iterator<Item = &mut Message<'static>> {
        let durable = self.more.as_mut().and_then(|more| more.durable.as_mut());
        let kept = durable.into_iter().flat_map(|durable| durable.kept_mut());
        self.slots.entries_mut().chain(kept).map(|entry| &mut entry.message)
    }

    /// A message has come in.
    #[inline]
    fn count(&mut self, entry: &Entry) {
        let len = entry.message.len();
        self.bytes += len;
        if entry.is_fleeting() {
            self.count_fleeting(entry.bound, len);
        }
        if entry.rare.is_some() {
            self.durable_came(entry);
        }
    }

    #[cold]
    #[inline(never)]
    fn count_fleeting(&mut self, bound: bool, len: usize) {
        self.fleeting += 1;
        if bound {
            let bound = &mut self.more.get_or_insert_default().bound;
            *bound = (bound.0 + 1, bound.1 + len);
        }
    }

    #[cold]
    #[inline(never)]
    fn discount_fleeting(&mut self, bound: bool, len: usize) {
        self.fleeting -= 1;
        if bound {
            let bound = &mut self.more.get_or_insert_default().bound;
            *bound = (bound.0 - 1, bound.1 - len);
        }
    }

    /// A message has left.
    #[inline]
    fn discount(&mut self, len: usize, bound: bool, fleeting: bool) {
        self.bytes -= len;
        if fleeting {
            self.discount_fleeting(bound, len);
        }
    }

    /// A message has left, and is not looked for any more.
    fn account_for(&mut self, entry: &Entry) {
        self.discount(entry.message.len(), entry.bound, entry.is_fleeting());
        if entry.rare.is_some() {
            self.durable_left(entry);
        }
        self.index_left(entry.id);
    }

    #[cold]
    #[inline(never)]
    fn index_left(&mut self, id: MessageId) {
        if let Some(more) = &mut self.more {
            more.index.leave(id, self.slots.len() == 0);
        }
    }

    /// A message is back from a connection, as the first of its list.
    fn wait_in_front(&mut self, slot: Slot) {
        let entry = self.slots.get_mut(slot);
        entry.place = entry.waits_in();
        let (place, aside, is_rare) = (entry.place, entry.aside(), entry.rare.is_some());
        let more = self.more.get_or_insert_default();
        self.slots.push_front(list(&mut self.data, &mut more.lists, place), slot);
        more.set_aside(aside);
        if is_rare {
            more.index.wait(self.slots.get(slot), slot);
        }
    }

    /// A message leaves its list.
    #[inline]
    fn wait_no_more(&mut self, slot: Slot) {
        let Some(more) = &mut self.more else { return self.slots.unlink(&mut self.data, slot) };
        let entry = self.slots.get(slot);
        let (place, aside) = (entry.place, entry.aside());
        if entry.rare.is_some() {
            more.index.wait_no_more(entry, slot);
        }
        more.back_from_aside(aside);
        self.slots.unlink(list(&mut self.data, &mut more.lists, place), slot);
    }

    fn unindex(&mut self, slot: Slot) {
        let entry = self.slots.get(slot);
        if let Some(more) = &mut self.more {
            more.index.wait_no_more(entry, slot);
            more.index.leave(entry.id, false);
        }
    }
}
