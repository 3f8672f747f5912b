//! What the application can watch: the state, and every notice.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    time::{Duration, Instant},
};

use steadfast_core::{Notice, State, Timestamp};

use crate::{
    client::{FOREVER, receiver::ReceiveError},
    failure::Failure,
};

/// The state of a session: its current value, and a wait for changes. Each clone remembers what it has seen.
///
/// A slow watcher sees the newest state and not all between; [`Notices`] has them all.
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

/// A notice, and when it was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Noticed {
    /// When, on the client's clock; see the client's `now`.
    pub at: Timestamp,
    /// What.
    pub notice: Notice,
    /// With the state in which a connection, or an attempt, is over: what exactly was wrong with it, if the driver saw
    /// it. A close frame and a timeout say all there is to say in the state's [`Cause`](steadfast_core::Cause).
    pub failure: Option<Arc<Failure>>,
}

/// Every [`Notice`] of a session from the subscription on: states, verdicts, refusals, watermarks.
///
/// None is ever dropped, and none queues behind messages; what is not taken is kept, so take them, or drop this.
#[derive(Debug)]
pub struct Notices(mpsc::Receiver<Noticed>);

/// All who subscribed to notices.
#[derive(Debug)]
pub struct Subscribers(
    /// `None` once the loop is gone.
    Mutex<Option<Vec<mpsc::Sender<Noticed>>>>,
);

impl Notices {
    /// Takes the next notice, waiting for it.
    ///
    /// # Errors
    /// [`Stopped`](ReceiveError::Stopped) when the client is gone and all notices were taken. A session that stopped
    /// can be started again, and does not end them.
    pub fn receive(&self) -> Result<Noticed, ReceiveError> {
        self.0.recv().map_err(|_| ReceiveError::Stopped)
    }

    /// Takes the next notice, waiting for it at most this long.
    ///
    /// # Errors
    /// [`TimedOut`](ReceiveError::TimedOut) if none came; otherwise as [`receive`](Self::receive).
    pub fn receive_timeout(&self, timeout: Duration) -> Result<Noticed, ReceiveError> {
        self.0.recv_timeout(timeout).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => ReceiveError::TimedOut,
            mpsc::RecvTimeoutError::Disconnected => ReceiveError::Stopped,
        })
    }

    /// Takes the next notice if there is one; `Ok(None)` if there is none yet.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn try_receive(&self) -> Result<Option<Noticed>, ReceiveError> {
        match self.0.try_recv() {
            Ok(noticed) => Ok(Some(noticed)),
            Err(mpsc::TryRecvError::Empty) => Ok(None),
            Err(mpsc::TryRecvError::Disconnected) => Err(ReceiveError::Stopped),
        }
    }
}

impl Iterator for Notices {
    type Item = Noticed;

    /// [`receive`](Notices::receive), until the client is gone.
    fn next(&mut self) -> Option<Noticed> {
        self.receive().ok()
    }
}

impl Default for Subscribers {
    /// Nobody yet.
    fn default() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }
}

impl Subscribers {
    /// Every notice from here on.
    #[must_use]
    pub fn subscribe(&self) -> Notices {
        let (sender, receiver) = mpsc::channel();
        if let Some(list) = &mut *self.lock() {
            list.push(sender);
        }
        Notices(receiver)
    }

    /// There is one.
    pub fn tell(&self, at: Timestamp, notice: &Notice, failure: Option<&Arc<Failure>>) {
        if let Some(list) = &mut *self.lock() {
            let noticed = || Noticed { at, notice: notice.clone(), failure: failure.cloned() };
            list.retain(|subscriber| subscriber.send(noticed()).is_ok());
        }
    }

    /// There will be none any more.
    pub fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<mpsc::Sender<Noticed>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for StateWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateWatch").field(&self.current()).finish()
    }
}
