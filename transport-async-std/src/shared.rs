//! What the handles of a client and its task share: a lock, and what is done when it is given back.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use steadfast_core::{Event, Timestamp, Verdict};
use steadfast_transport::client::{Account, Parts};

use crate::{
    bell::{Bell, Rung},
    runtime,
    state::State,
    task::Task,
    voice::Voice,
};

/// What the handles of a client and its task share.
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) bell: Arc<Bell>,
    /// Whether the task runs, or ran.
    started: AtomicBool,
    /// The time that is [`Timestamp::ZERO`].
    epoch: Instant,
}

/// The state, to oneself.
pub(crate) struct Locked<'a> {
    /// `None` only while it is dropped.
    state: Option<MutexGuard<'a, State>>,
    bell: &'a Bell,
    /// Whether something went wrong before.
    was_panicking: bool,
}

impl Shared {
    /// A client at rest.
    pub(crate) fn new(parts: Parts) -> Self {
        let bell = Bell::new();
        let voice = Voice::new(Account::new(parts.config.outbox.clone()), Arc::clone(&parts.subscribers));
        Self {
            state: Mutex::new(State::new(parts, voice, &bell)),
            bell,
            started: AtomicBool::new(false),
            epoch: Instant::now(),
        }
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        let was_panicking = thread::panicking();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { state: Some(state), bell: &self.bell, was_panicking }
    }

    /// The state of a client that is started, if it was not before.
    #[inline]
    pub(crate) fn started(self: &Arc<Self>) -> Locked<'_> {
        if !self.started.load(Ordering::Relaxed) {
            self.start();
        }
        self.lock()
    }

    #[cold]
    fn start(self: &Arc<Self>) {
        if !self.started.swap(true, Ordering::AcqRel) {
            self.lock().ask(Event::Start);
            runtime::spawn(Task::new(Arc::clone(self)));
        }
    }

    /// Starts a session that has stopped, or never was started.
    pub(crate) fn start_again(self: &Arc<Self>) {
        let first = !self.started.load(Ordering::Relaxed);
        let mut state = self.started();
        state.voice().account.start();
        state.voice().told.unsettled = None;
        if !first {
            state.ask(Event::Start);
        }
    }

    /// Gives the session its turn here and now, if there is anything to be done.
    pub(crate) fn turn(&self, state: &mut Locked<'_>) {
        let unfinished = state.turn(self.bell.take(), self.now());
        // The task carries on, and sets its alarm.
        if unfinished || state.deadline().is_some_and(|at| state.armed.is_none_or(|armed| at < armed)) {
            self.bell.ring(Rung::WORK);
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_micros(u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Ends the session, and with it the task.
    pub(crate) fn remove(&self) {
        self.lock().remove(self.now());
        self.bell.ring(Rung::WORK);
    }

    /// How long from now until then.
    pub(crate) fn until(&self, then: Timestamp) -> Duration {
        Duration::from_micros(then.as_micros().saturating_sub(self.now().as_micros()))
    }
}

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        self.state.as_deref().expect("it is there until it is dropped")
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.state.as_deref_mut().expect("it is there until it is dropped")
    }
}

impl Drop for Locked<'_> {
    /// Gives the lock back, and wakes whom there is to wake.
    fn drop(&mut self) {
        let Some(mut state) = self.state.take() else { return };
        if thread::panicking() && !self.was_panicking {
            // Something of the application's panicked in the middle of a turn: nobody knows what was sent.
            state.end(Verdict::InDoubt);
        }
        let rings = state.has_to_ring();
        let mut wakes = state.voice().wakes.take();
        drop(state);
        if rings {
            self.bell.ring(Rung::WORK);
        }
        wakes.wake();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("bell", &self.bell).finish_non_exhaustive()
    }
}
