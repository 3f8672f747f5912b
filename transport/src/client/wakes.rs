//! Tasks to be woken once no lock is held.

use std::{
    mem,
    panic::{self, AssertUnwindSafe},
    task::Waker,
};

/// Tasks that wait no more. To wake one may run, or drop, code that wants the lock under which it was found: they are
/// collected, and woken when this is dropped, or by [`wake`](Self::wake).
#[derive(Debug, Default)]
pub struct Wakes(Vec<Wake>);

#[derive(Debug)]
struct Wake {
    waker: Waker,
    /// Whether nothing is wanted of it but that it goes.
    goes: bool,
}

impl Wakes {
    /// Adds a task; wakes nobody yet.
    pub fn push(&mut self, waker: Waker) {
        self.0.push(Wake { waker, goes: false });
    }

    /// Adds these tasks.
    #[inline]
    pub fn extend(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        self.0.extend(wakers.into_iter().map(|waker| Wake { waker, goes: false }));
    }

    /// Adds those of another collection.
    #[inline]
    pub fn absorb(&mut self, mut others: Self) {
        if !others.0.is_empty() {
            self.0.append(&mut others.0);
        }
    }

    /// Has another task woken in the place of this one, if it is another.
    #[inline]
    pub fn replace(&mut self, known: &mut Waker, task: &Waker) {
        if !known.will_wake(task) {
            self.drop_later(Some(mem::replace(known, task.clone())));
        }
    }

    /// Drops a task's waker when the others are woken: it may be the last that the task has.
    #[inline]
    pub fn drop_later(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.0.push(Wake { waker, goes: true });
        }
    }

    /// Whether there are none.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, to be woken elsewhere.
    #[must_use]
    #[inline]
    pub fn take(&mut self) -> Self {
        mem::take(self)
    }

    /// Wakes them all.
    #[inline]
    pub fn wake(&mut self) {
        if !self.0.is_empty() {
            self.wake_all();
        }
    }

    #[cold]
    fn wake_all(&mut self) {
        for Wake { waker, goes } in self.0.drain(..) {
            // A waker is the application's. If it panics, which is told on standard error, the others are woken all the same.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| if goes { drop(waker) } else { waker.wake() }));
        }
    }
}

impl Drop for Wakes {
    #[inline]
    fn drop(&mut self) {
        self.wake();
    }
}
