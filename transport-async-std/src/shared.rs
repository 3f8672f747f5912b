//! What the handles of a client and its task share: a lock, and what is done when it is given back.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use steadfast_core::{CloseFrame, Event, Session, Timestamp, Verdict};
use steadfast_transport::client::{Account, Parts};

use crate::{
    bell::{Bell, Seat},
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
    /// The session is told what the machine says as long as this is there.
    #[cfg(feature = "signals")]
    signals: std::sync::OnceLock<steadfast_transport::signals::Subscription>,
}

/// The state, to oneself.
pub(crate) struct Locked<'a> {
    /// `None` only while it is dropped.
    state: Option<MutexGuard<'a, State>>,
    bell: &'a Bell,
    /// Whether something went wrong before.
    was_panicking: bool,
    /// Whether whoever asks for something now gives the session its turn himself, later.
    later: bool,
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
            #[cfg(feature = "signals")]
            signals: std::sync::OnceLock::new(),
        }
    }

    /// Has the session told what the machine says.
    #[cfg(feature = "signals")]
    pub(crate) fn watch_signals(self: &Arc<Self>) {
        use steadfast_transport::signals::{self, Signal};
        let shared = Arc::downgrade(self);
        let subscription = signals::subscribe(move |signal| {
            let Some(shared) = shared.upgrade() else { return };
            match signal {
                Signal::Network(network) => shared.lock().ask(Event::Network(network)),
                Signal::Resumed { gap } => shared.lock().ask(Event::Resumed { gap }),
                _ => {}
            }
        });
        // There is only one caller.
        let _ = self.signals.set(subscription);
    }

    /// Sees whether the machine was suspended. Not with the state locked: the session is told.
    #[cfg(feature = "signals")]
    pub(crate) fn look(&self) {
        if let Some(signals) = self.signals.get() {
            signals.look();
        }
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        let was_panicking = thread::panicking();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { state: Some(state), bell: &self.bell, was_panicking, later: false }
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
        let mut state = self.lock();
        // Whoever stopped it before it began does not want it to begin.
        if state.voice().account.is_shut() || self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        state.ask(Event::Start);
        drop(state);
        runtime::spawn(Task::new(Arc::clone(self)));
    }

    /// Starts a session that has stopped, or never was started.
    pub(crate) fn start_again(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.is_gone() {
            return;
        }
        state.voice().start();
        state.ask(Event::Start);
        let first = !self.started.swap(true, Ordering::AcqRel);
        if state.voice().closings.are_waiting() {
            state.tell(self.now());
            if !state.session().is_some_and(Session::is_stopping) {
                // It drained, and does not any more: nobody knows for how long there will be no end.
                state.voice().end_closings();
                state.voice().told.unsettled = None;
            }
            self.turn(&mut state);
        }
        drop(state);
        if first {
            runtime::spawn(Task::new(Arc::clone(self)));
        }
    }

    /// Asks the session for something. One that never began has no task that could see to it.
    pub(crate) fn ask(&self, event: Event<'static>) {
        let mut state = self.lock();
        state.ask(event);
        if !self.started.load(Ordering::Acquire) {
            self.turn(&mut state);
        }
    }

    /// Stops the session. One that never began has no task that could see to it.
    pub(crate) fn stop(&self, frame: CloseFrame, drain: Option<Duration>) {
        let mut state = self.lock();
        let voice = state.voice();
        voice.account.stop(&mut voice.wakes);
        state.ask(Event::Stop { frame, drain });
        if !self.started.load(Ordering::Acquire) {
            self.turn(&mut state);
        }
    }

    /// Stops the session; under which number its end is told.
    pub(crate) fn close(&self, drain: Option<Duration>) -> u64 {
        let mut state = self.lock();
        // What was asked for before may bring about an end of its own, which is not this one.
        state.tell(self.now());
        let voice = state.voice();
        voice.account.stop(&mut voice.wakes);
        let number = voice.begin_closing();
        state.ask(Event::Stop { frame: CloseFrame::NORMAL, drain });
        state.tell(self.now());
        if !state.session().is_some_and(Session::is_stopping) {
            // It has stopped already, now or before, or is gone.
            state.voice().end_closings();
        }
        self.turn(&mut state);
        number
    }

    /// Gives the session turns as long as it has news and what this looks for is not there: whoever is here already need
    /// not wait for the task. Whoever does not find it has to wait, and is woken when there is news again.
    #[inline]
    pub(crate) fn catch_up<T>(
        &self,
        state: &mut Locked<'_>,
        (seat, context): (&mut Seat, &Context<'_>),
        mut look: impl FnMut(&mut State) -> Poll<T>,
    ) -> Poll<T> {
        for _ in 0..TURNS {
            if let found @ Poll::Ready(_) = look(state) {
                return found;
            }
            if !self.bell.is_rung() && !state.has_requests() {
                let old = self.bell.stand_in(seat, context.waker());
                state.voice().wakes.drop_later(old);
                // Whoever rang before that found nobody, and may have left it at that.
                if !self.bell.is_rung() {
                    return Poll::Pending;
                }
            }
            self.turn(state);
        }
        // The others have their turn first.
        state.voice().wakes.push(context.waker().clone());
        look(state)
    }

    /// Gives the session its turn here and now.
    pub(crate) fn turn(&self, state: &mut Locked<'_>) {
        let unfinished = state.turn(self.bell.take(), self.now(), READS);
        if unfinished {
            self.bell.ring_again();
        }
        if state.wants_alarm() {
            // Without ringing: for whoever is here that would be news, which only the task can see to.
            self.bell.wake_task();
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_micros(u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Ends the session, and with it the task.
    pub(crate) fn remove(&self) {
        self.lock().remove(self.now());
        self.bell.ring_task();
    }

    /// How long from now until then.
    pub(crate) fn until(&self, then: Timestamp) -> Duration {
        Duration::from_micros(then.as_micros().saturating_sub(self.now().as_micros()))
    }
}

impl Locked<'_> {
    /// Does not have the task see to what is asked for: the caller does, later.
    pub(crate) const fn see_to_it_later(&mut self) {
        self.later = true;
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
    #[inline]
    fn drop(&mut self) {
        let Some(mut state) = self.state.take() else { return };
        if thread::panicking() && !self.was_panicking {
            // Something of the application's panicked in the middle of a turn: nobody knows what was sent.
            state.end(Verdict::InDoubt);
        }
        let rings = !self.later && state.has_to_ring();
        let wakes = &mut state.voice().wakes;
        if !rings && wakes.is_empty() {
            return;
        }
        let wakes = wakes.take();
        drop(state);
        if rings {
            self.bell.ring_task();
        }
        drop(wakes);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("bell", &self.bell).finish_non_exhaustive()
    }
}

/// How often whoever is there already reads. He takes what came in before he comes again, while caches still have it, and
/// before it takes up memory.
const READS: u32 = 1;
/// How often he may give the session a turn before other tasks have theirs.
const TURNS: u32 = 16;
