//! What was handed in and is watched, by its name.

use std::{
    collections::{BTreeMap, VecDeque},
    task::Waker,
};

use crate::client::{outcome::Outcome, wakes::Wakes};

/// A message that was handed in.
pub(super) enum Entry {
    /// It has no outcome yet.
    Open {
        bytes: usize,
        /// Whether somebody holds the receipt.
        watched: bool,
        /// Whether it is durable, and stored.
        accepted: bool,
        /// Who waits for that, or for the outcome.
        waker: Option<Waker>,
    },
    /// The outcome waits to be fetched.
    Known(Outcome),
    /// Nobody asks any more.
    Gone,
}

/// Entries by id. Ids rise, and what is handed in first is settled first, more or less: so most are in a ring.
#[derive(Default)]
pub(super) struct Entries {
    /// The id of the ring's first entry.
    first: u64,
    ring: VecDeque<Entry>,
    /// Those that kept the ring from shrinking. None of them is gone.
    old: BTreeMap<u64, Entry>,
}

impl Entries {
    /// Whether there are none.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.ring.is_empty() && self.old.is_empty()
    }

    /// Adds an entry. If there are more than a `few` in the ring, the first of them are put aside.
    #[inline]
    pub(super) fn push(&mut self, id: u64, entry: Entry, few: usize) {
        if id != self.first + self.ring.len() as u64 {
            self.begin_at(id);
        }
        while self.ring.len() >= few {
            self.put_aside();
        }
        self.ring.push_back(entry);
    }

    #[cold]
    fn begin_at(&mut self, id: u64) {
        while !self.ring.is_empty() {
            self.put_aside();
        }
        self.first = id;
    }

    fn put_aside(&mut self) {
        if let Some(entry) = self.ring.pop_front() {
            if !matches!(entry, Entry::Gone) {
                self.old.insert(self.first, entry);
            }
            self.first += 1;
        }
    }

    #[inline]
    fn place(&self, id: u64) -> Option<usize> {
        id.checked_sub(self.first).and_then(|place| usize::try_from(place).ok())
    }

    pub(super) fn get(&self, id: u64) -> Option<&Entry> {
        self.place(id).map_or_else(|| self.old.get(&id), |place| self.ring.get(place))
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Entry> {
        match self.place(id) {
            Some(place) => self.ring.get_mut(place),
            None => self.old.get_mut(&id),
        }
    }

    #[inline]
    pub(super) fn remove(&mut self, id: u64) {
        match self.place(id) {
            Some(place) => {
                if let Some(entry) = self.ring.get_mut(place) {
                    *entry = Entry::Gone;
                }
                while let Some(Entry::Gone) = self.ring.front() {
                    self.ring.pop_front();
                    self.first += 1;
                }
            }
            None => drop(self.old.remove(&id)),
        }
    }

    /// Gives everything an outcome that has none.
    pub(super) fn close(&mut self, outcome: &Outcome, wakes: &mut Wakes) {
        for entry in self.ring.iter_mut().chain(self.old.values_mut()) {
            if let Entry::Open { watched, waker, .. } = entry {
                wakes.extend(waker.take());
                *entry = if *watched { Entry::Known(outcome.clone()) } else { Entry::Gone };
            }
        }
        self.old.retain(|_, entry| !matches!(entry, Entry::Gone));
        self.begin_at(self.first + self.ring.len() as u64);
        self.ring = VecDeque::new();
    }
}
