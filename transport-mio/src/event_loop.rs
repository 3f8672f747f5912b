//! Many sessions on one thread.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use mio::{Events, Poll, Token, Waker};
use steadfast_core::config::Config;
use steadfast_transport::{
    Endpoints,
    pump::{Application, Remote, SessionId},
};

use crate::driver::{Driver, LoopHandle};

/// Many sessions on your thread: a [`Driver`] with a poll of its own. A panic in the application's code unwinds through
/// it; do not use it after that.
///
/// ```no_run
/// use steadfast_core::{Message, Notice, Timestamp, config::Config};
/// use steadfast_mio::{Application, Endpoint, EventLoop, Reads, Requests};
///
/// struct Printer;
///
/// impl Application for Printer {
///     fn deliver(&mut self, message: Message<'_>, _: &mut Requests<'_>) -> Reads {
///         println!("{message:?}");
///         Reads::Continue
///     }
///
///     fn notify(&mut self, at: Timestamp, notice: Notice, _: &mut Requests<'_>) {
///         println!("{at} {notice:?}");
///     }
/// }
///
/// let mut sessions = EventLoop::new()?;
/// for seed in 0..1_000 {
///     sessions.add(Endpoint::parse("ws://127.0.0.1:9001/")?, Config::default(), seed, Printer);
/// }
/// while !sessions.is_empty() {
///     sessions.run_once(None)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct EventLoop<A: Application> {
    poll: Poll,
    events: Events,
    driver: Driver<A>,
}

impl<A: Application> EventLoop<A> {
    /// A loop without sessions.
    ///
    /// # Errors
    /// The operating system refused a poll or a waker.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let driver = Driver::new(poll.registry().try_clone()?, 0..WAKER.0, waker);
        Ok(Self { poll, events: Events::with_capacity(EVENTS), driver })
    }

    /// Adds a session and starts it; see [`Driver::add`].
    pub fn add(&mut self, endpoints: impl Into<Endpoints>, config: Config, seed: u64, application: A) -> SessionId {
        match self.driver.add(endpoints, config, seed, application) {
            Ok(session) => session,
            Err(_) => unreachable!("there are more tokens than memory for sessions"),
        }
    }

    /// Adds a session whose durable messages are kept in this store, and starts it; see [`Driver::add_stored`].
    #[cfg(feature = "store")]
    pub fn add_stored(
        &mut self,
        endpoints: impl Into<Endpoints>,
        config: Config,
        seed: u64,
        store: steadfast_transport::store::Store,
        application: A,
    ) -> SessionId {
        match self.driver.add_stored(endpoints, config, seed, store, application) {
            Ok(session) => session,
            Err(_) => unreachable!("there are more tokens than memory for sessions"),
        }
    }

    /// Adds a session that is recorded, and starts it; see [`Driver::add_recorded`].
    #[cfg(feature = "trace")]
    pub fn add_recorded(
        &mut self,
        endpoints: impl Into<Endpoints>,
        recorder: steadfast_core::trace::Recorder,
        to: Box<dyn io::Write + Send>,
        application: A,
    ) -> SessionId {
        match self.driver.add_recorded(endpoints, recorder, to, application) {
            Ok(session) => session,
            Err(_) => unreachable!("there are more tokens than memory for sessions"),
        }
    }

    /// Waits for something to happen, at most this long, and carries out what follows from it.
    ///
    /// # Errors
    /// What the operating system's poll says; nothing that a server or the network can cause.
    pub fn run_once(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let due = self.driver.next_deadline().map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = match (timeout, due) {
            (Some(timeout), Some(due)) => Some(timeout.min(due)),
            (timeout, due) => timeout.or(due),
        };
        if let Err(error) = self.poll.poll(&mut self.events, timeout)
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        for event in &self.events {
            self.driver.handle_event(event);
        }
        self.driver.advance();
        Ok(())
    }

    /// Runs until a [handle](Self::handle) asks it to [stop](LoopHandle::stop). Its sessions stay as they are then, and it
    /// can be run again.
    ///
    /// # Errors
    /// As [`run_once`](Self::run_once).
    pub fn run(&mut self) -> io::Result<()> {
        while !self.driver.is_asked_to_stop() {
            self.run_once(None)?;
        }
        self.driver.forget_stop();
        Ok(())
    }

    /// A handle on the loop for other threads, to add sessions and to end it.
    #[must_use]
    pub fn handle(&self) -> LoopHandle<A> {
        self.driver.handle()
    }

    /// A handle on a session for other threads; `None` if there is no such session.
    #[must_use]
    pub fn remote(&self, session: SessionId) -> Option<Remote> {
        self.driver.remote(session)
    }

    /// The driver within.
    #[must_use]
    pub const fn driver(&self) -> &Driver<A> {
        &self.driver
    }

    /// The driver within, to send, to look at a session, or to remove it.
    pub const fn driver_mut(&mut self) -> &mut Driver<A> {
        &mut self.driver
    }

    /// How many sessions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.driver.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.driver.len() == 0
    }

    /// The time that is [`Timestamp::ZERO`](steadfast_core::Timestamp::ZERO).
    #[must_use]
    pub const fn epoch(&self) -> Instant {
        self.driver.epoch()
    }
}

/// The waker's token; sessions have those below.
const WAKER: Token = Token(usize::MAX);
/// How many events one poll fetches.
const EVENTS: usize = 1_024;
