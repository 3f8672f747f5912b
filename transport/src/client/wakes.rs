//! Tasks to be woken once no lock is held.

use std::{mem, task::Waker};

/// Tasks that wait no more. To wake one may run, or drop, code that wants the lock under which it was found: they are
/// collected, and woken when this is dropped, or by [`wake`](Self::wake).
#[derive(Debug, Default)]
pub struct Wakes {
    /// Nearly always there is at most one.
    first: Option<Waker>,
    more: Vec<Waker>,
    /// Wakers of which nothing is wanted but that they go.
    dropped: Vec<Waker>,
}

impl Wakes {
    /// Adds a task; wakes nobody yet.
    pub fn push(&mut self, waker: Waker) {
        if self.first.is_none() {
            self.first = Some(waker);
        } else {
            self.more.push(waker);
        }
    }

    /// Adds these tasks.
    pub fn extend(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        wakers.into_iter().for_each(|waker| self.push(waker));
    }

    /// Adds those of another collection.
    pub fn absorb(&mut self, mut others: Self) {
        self.extend(others.first.take());
        self.more.append(&mut others.more);
        self.dropped.append(&mut others.dropped);
    }

    /// Has another task woken in the place of this one, if it is another.
    pub fn replace(&mut self, known: &mut Waker, task: &Waker) {
        if !known.will_wake(task) {
            self.dropped.push(mem::replace(known, task.clone()));
        }
    }

    /// Drops a task's waker when the others are woken: it may be the last that the task has.
    pub fn drop_later(&mut self, waker: Option<Waker>) {
        self.dropped.extend(waker);
    }

    /// All of them, to be woken elsewhere.
    #[must_use]
    pub fn take(&mut self) -> Self {
        mem::take(self)
    }

    /// Wakes them all.
    pub fn wake(&mut self) {
        self.first.take().into_iter().chain(self.more.drain(..)).for_each(Waker::wake);
        self.dropped.clear();
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.wake();
    }
}
