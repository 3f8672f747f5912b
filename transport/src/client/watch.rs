//! The state, to be watched.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use steadfast_core::State;

use crate::client::FOREVER;

/// The state of a session: its current value, and a wait for changes. Each clone remembers what it has seen.
///
/// A slow watcher sees the newest state and not all between; [`Notices`](crate::client::Notices) has them all.
#[derive(Clone)]
pub struct StateWatch {
    watched: Arc<Watched>,
    seen: u64,
}

/// The state, as the loop tells it.
#[derive(Debug)]
pub struct Watched {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug)]
struct Inner {
    state: State,
    version: u64,
    /// Whether the loop is gone: there will be no change any more.
    closed: bool,
}

impl StateWatch {
    /// A watch that has seen nothing yet.
    #[must_use]
    pub const fn new(watched: Arc<Watched>) -> Self {
        Self { watched, seen: 0 }
    }

    /// The current state.
    #[must_use]
    pub fn current(&self) -> State {
        self.watched.current()
    }

    /// Waits for a state that this watch has not returned yet, the current one included the first time; `None` if there
    /// is none in time, or the client is gone.
    pub fn changed(&mut self, timeout: Duration) -> Option<State> {
        let seen = self.seen;
        let (state, version) = self.watched.wait(timeout, |inner| inner.version != seen)?;
        self.seen = version;
        Some(state)
    }

    /// Waits until the state is as wanted; `None` if it is not in time, or the client is gone.
    pub fn wait_for(&mut self, timeout: Duration, wanted: impl Fn(&State) -> bool) -> Option<State> {
        let (state, version) = self.watched.wait(timeout, |inner| wanted(&inner.state))?;
        self.seen = version;
        Some(state)
    }
}

impl Default for Watched {
    /// A session at rest.
    fn default() -> Self {
        Self { inner: Mutex::new(Inner { state: State::Idle, version: 1, closed: false }), changed: Condvar::new() }
    }
}

impl Watched {
    /// The state.
    #[must_use]
    pub fn current(&self) -> State {
        self.lock().state.clone()
    }

    /// It has changed.
    pub fn set(&self, state: State) {
        let mut inner = self.lock();
        inner.state = state;
        inner.version += 1;
        self.changed.notify_all();
    }

    /// The loop is gone.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn wait(&self, timeout: Duration, done: impl Fn(&Inner) -> bool) -> Option<(State, u64)> {
        let until = Instant::now().checked_add(timeout);
        let mut inner = self.lock();
        while !done(&inner) {
            let left = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return None,
                Some(left) => left,
                None => FOREVER,
            };
            if inner.closed {
                return None;
            }
            inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Some((inner.state.clone(), inner.version))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for StateWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateWatch").field(&self.current()).finish()
    }
}
