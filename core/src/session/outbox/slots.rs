//! Where entries lie: each in a slot that it keeps until it is settled, chained to those before and behind it.
//!
//! So an entry can leave from anywhere, or be replaced where it is, without a search and without moving another.

use alloc::vec::Vec;

use super::entry::Entry;

/// The number of a slot.
pub(in crate::session) type Slot = u32;

/// Stands for no slot.
const NONE: Slot = Slot::MAX;

#[derive(Clone, Debug)]
struct Cell {
    /// `None` in a free slot.
    entry: Option<Entry>,
    prev: Slot,
    next: Slot,
}

/// Entries, and what was theirs and is free.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    cells: Vec<Cell>,
    /// The first free slot; each knows the next.
    free: Slot,
    /// How many are taken.
    len: u32,
}

/// A chain of entries, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    head: Slot,
    tail: Slot,
}

impl List {
    pub(super) const EMPTY: Self = Self { head: NONE, tail: NONE };

    #[inline]
    pub(super) const fn front(self) -> Option<Slot> {
        if self.head == NONE { None } else { Some(self.head) }
    }
}

impl Slots {
    pub(super) const fn new() -> Self {
        Self { cells: Vec::new(), free: NONE, len: 0 }
    }

    /// How many entries there are.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(super) fn get(&self, slot: Slot) -> &Entry {
        self.cells[slot as usize].entry.as_ref().expect(TAKEN)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: Slot) -> &mut Entry {
        self.cells[slot as usize].entry.as_mut().expect(TAKEN)
    }

    /// Puts an entry into a slot of its own, in no list. It is made once its place is known, and nothing can fail any more, so
    /// that it is made where it stays.
    #[inline]
    pub(super) fn insert(&mut self, entry: impl FnOnce() -> Entry) -> Slot {
        if self.free == NONE {
            self.add_free();
        }
        let slot = self.free;
        let cell = &mut self.cells[slot as usize];
        // Nothing is there to be dropped, which the compiler cannot know.
        core::mem::forget(cell.entry.replace(entry()));
        self.free = cell.next;
        self.len += 1;
        slot
    }

    #[cold]
    #[inline(never)]
    fn add_free(&mut self) {
        self.free = Slot::try_from(self.cells.len()).expect("memory ends before the numbers do");
        self.cells.push(Cell { entry: None, prev: NONE, next: NONE });
    }

    /// Takes an entry that is in no list.
    #[inline]
    pub(super) fn take(&mut self, slot: Slot) -> Entry {
        let cell = &mut self.cells[slot as usize];
        let entry = cell.entry.take().expect(TAKEN);
        cell.next = self.free;
        self.free = slot;
        self.len -= 1;
        entry
    }

    /// Lets an entry go that is in no list.
    #[inline]
    pub(super) fn clear(&mut self, slot: Slot) {
        let cell = &mut self.cells[slot as usize];
        cell.entry = None;
        cell.next = self.free;
        self.free = slot;
        self.len -= 1;
    }

    #[inline]
    pub(super) fn push_back(&mut self, list: &mut List, slot: Slot) {
        let before = core::mem::replace(&mut list.tail, slot);
        let cell = &mut self.cells[slot as usize];
        (cell.prev, cell.next) = (before, NONE);
        if before == NONE {
            list.head = slot;
        } else {
            self.cells[before as usize].next = slot;
        }
    }

    pub(super) fn push_front(&mut self, list: &mut List, slot: Slot) {
        let behind = core::mem::replace(&mut list.head, slot);
        let cell = &mut self.cells[slot as usize];
        (cell.prev, cell.next) = (NONE, behind);
        if behind == NONE {
            list.tail = slot;
        } else {
            self.cells[behind as usize].prev = slot;
        }
    }

    #[inline]
    pub(super) fn unlink(&mut self, list: &mut List, slot: Slot) {
        let Cell { prev, next, .. } = self.cells[slot as usize];
        if prev == NONE {
            list.head = next;
        } else {
            self.cells[prev as usize].next = next;
        }
        if next == NONE {
            list.tail = prev;
        } else {
            self.cells[next as usize].prev = prev;
        }
    }

    /// The slot behind this one in its list.
    pub(super) fn behind(&self, slot: Slot) -> Option<Slot> {
        let next = self.cells[slot as usize].next;
        (next != NONE).then_some(next)
    }

    /// Every slot that is taken, in no order that means anything.
    pub(super) fn taken(&self) -> impl Iterator<Item = (Slot, &Entry)> {
        (0..).zip(&self.cells).filter_map(|(slot, cell)| Some((slot, cell.entry.as_ref()?)))
    }

    #[cfg(feature = "trace")]
    pub(super) fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.cells.iter_mut().filter_map(|cell| cell.entry.as_mut())
    }

    /// Nothing is taken: gives the memory back.
    pub(super) fn forget_all(&mut self) {
        *self = Self::new();
    }
}

const TAKEN: &str = "a slot that is named is taken";
