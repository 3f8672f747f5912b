//! What woke the session, and whom to wake for it.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Wake, Waker},
};

/// Remembers what it was rung for, and wakes the client's task.
pub(crate) struct Bell {
    rung: AtomicU8,
    task: Mutex<Option<Waker>>,
}

/// What a bell is rung for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rung(u8);

/// Rings for one thing.
struct Rope {
    bell: Arc<Bell>,
    what: Rung,
}

impl Rung {
    /// There may be something to read.
    pub(crate) const READ: Self = Self(1);
    /// There may be room to write, or a connect has come to an end.
    pub(crate) const WRITE: Self = Self(2);
    /// A name was resolved.
    pub(crate) const MAIL: Self = Self(4);
    /// Something was asked for, or is left over.
    pub(crate) const WORK: Self = Self(8);

    pub(crate) const fn has(self, what: Self) -> bool {
        self.0 & what.0 != 0
    }
}

impl Bell {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { rung: AtomicU8::new(0), task: Mutex::new(None) })
    }

    /// A waker that rings for this.
    pub(crate) fn rope(self: &Arc<Self>, what: Rung) -> Waker {
        Waker::from(Arc::new(Rope { bell: Arc::clone(self), what }))
    }

    pub(crate) fn ring(&self, what: Rung) {
        self.rung.fetch_or(what.0, Ordering::AcqRel);
        if let Some(task) = &*self.lock() {
            task.wake_by_ref();
        }
    }

    /// What it was rung for since the last time.
    pub(crate) fn take(&self) -> Rung {
        Rung(self.rung.swap(0, Ordering::AcqRel))
    }

    /// Whether it was rung since it was last asked for what.
    pub(crate) fn is_rung(&self) -> bool {
        self.rung.load(Ordering::Acquire) != 0
    }

    /// Wakes this task from here on.
    pub(crate) fn wakes(&self, task: &Waker) {
        let mut known = self.lock();
        if !known.as_ref().is_some_and(|known| known.will_wake(task)) {
            let old = known.replace(task.clone());
            drop(known);
            drop(old);
        }
    }

    /// Wakes nobody from here on.
    pub(crate) fn hush(&self) {
        let old = self.lock().take();
        drop(old);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Rope {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.bell.ring(self.what);
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bell").field("rung", &self.rung).finish_non_exhaustive()
    }
}
