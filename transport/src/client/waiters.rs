//! Tasks that wait for the same thing.

use std::{fmt, mem, task::Waker};

use crate::client::wakes::Wakes;

/// Tasks that wait, the one that came first in front. Plain state: whoever shares it puts a lock around it.
#[derive(Default)]
pub struct Waiters {
    list: Vec<(u64, Waker)>,
    /// The next place.
    next: u64,
}

/// A place among those who wait, kept by whoever may wait more than once.
#[derive(Debug, Default)]
pub struct Place(Option<u64>);

impl Place {
    /// Whether whoever keeps it has waited and has not left since.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        self.0.is_some()
    }
}

impl Waiters {
    /// Has this task woken the next time.
    pub fn wait(&mut self, place: &mut Place, task: &Waker, wakes: &mut Wakes) {
        if let Some(known) = self.find(place) {
            wakes.replace(&mut self.list[known].1, task);
            return;
        }
        place.0 = Some(self.next);
        self.list.push((self.next, task.clone()));
        self.next += 1;
    }

    /// Whoever has this place waits no more; whether it was woken and has not [waited](Self::wait) again since, so that
    /// what woke it is another's to take.
    pub fn leave(&mut self, place: &mut Place, wakes: &mut Wakes) -> bool {
        let known = self.find(place);
        wakes.drop_later(known.map(|known| self.list.remove(known).1));
        mem::take(&mut place.0).is_some() && known.is_none()
    }

    /// Wakes the one who waits longest.
    #[inline]
    pub fn wake_one(&mut self, wakes: &mut Wakes) {
        if !self.list.is_empty() {
            wakes.push(self.list.remove(0).1);
        }
    }

    /// Wakes all.
    #[inline]
    pub fn wake_all(&mut self, wakes: &mut Wakes) {
        // Nearly always: it is asked for every message.
        if !self.list.is_empty() {
            wakes.extend(self.list.drain(..).map(|(_, waker)| waker));
        }
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn find(&self, place: &Place) -> Option<usize> {
        let place = place.0?;
        self.list.binary_search_by_key(&place, |(place, _)| *place).ok()
    }
}

impl fmt::Debug for Waiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Waiters").field(&self.list.len()).finish()
    }
}
