//! What other threads ask of a whole loop.

use std::{
    fmt, mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver},
    },
    time::Duration,
};

use mio::Waker;
use steadfast_core::{Network, Visibility, config::Config};
use steadfast_transport::{
    Endpoints,
    pump::{Application, Remote},
};

use crate::driver::Driver;

/// A handle on a loop, for any thread: it adds sessions, has work done on the loop's thread, and ends the loop. Cheap to
/// clone. For a single session there is its [`Remote`].
///
/// ```
/// use std::thread;
/// use steadfast_mio::{Application, Endpoint, EventLoop, Reads, Requests, core::{Message, Notice, Timestamp, config::Config}};
///
/// struct Quiet;
///
/// impl Application for Quiet {
///     fn deliver(&mut self, _: Message<'_>, _: &mut Requests<'_>) -> Reads {
///         Reads::Continue
///     }
///
///     fn notify(&mut self, _: Timestamp, _: Notice, _: &mut Requests<'_>) {}
/// }
///
/// let mut sessions = EventLoop::new()?;
/// let handle = sessions.handle();
/// let other = thread::spawn(move || {
///     let endpoint = Endpoint::parse("ws://127.0.0.1:9001/").expect("a good URL");
///     let remote = handle.add(endpoint, Config::default(), 7, Quiet).recv().expect("a loop that runs");
///     remote.remove();
///     handle.stop();
/// });
/// sessions.run()?; // until it is stopped
/// other.join().expect("no panic");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct LoopHandle<A: Application> {
    inbox: Arc<Inbox<A>>,
}

/// What came in for a loop.
pub(super) struct Inbox<A: Application> {
    inner: Mutex<Inner<A>>,
    waker: Arc<Waker>,
}

struct Inner<A: Application> {
    work: Vec<Work<A>>,
    stop: bool,
    gone: bool,
}

/// What is done on the loop's thread.
pub(super) type Work<A> = Box<dyn FnOnce(&mut Driver<A>) + Send>;

/// The loop is gone, and what it was asked with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LoopGone;

impl<A: Application> LoopHandle<A> {
    pub(super) const fn new(inbox: Arc<Inbox<A>>) -> Self {
        Self { inbox }
    }

    /// Adds a session, which the loop starts as soon as it comes to it; see [`Driver::add`]. The session's [`Remote`]
    /// comes through the receiver, and none if the loop is gone or all its tokens are taken. Who does not want it drops
    /// the receiver. Do not wait for it on the loop's own thread.
    pub fn add(&self, endpoints: impl Into<Endpoints>, config: Config, seed: u64, application: A) -> Receiver<Remote>
    where
        A: Send + 'static,
    {
        let endpoints = endpoints.into();
        let (tell, told) = mpsc::channel();
        // If the loop is gone the sender is dropped, which the receiver sees.
        let _ = self.run(move |driver| {
            if let Ok(session) = driver.add(endpoints, config, seed, application)
                && let Some(remote) = driver.remote(session)
            {
                // Nobody may want it.
                let _ = tell.send(remote);
            }
        });
        told
    }

    /// Has something done on the loop's thread, with the driver and all its sessions. What takes long holds them all up.
    /// A panic in it unwinds through the loop.
    ///
    /// # Errors
    /// The loop is gone. If it goes before it comes to this, the work is dropped undone.
    pub fn run(&self, work: impl FnOnce(&mut Driver<A>) + Send + 'static) -> Result<(), LoopGone> {
        let work: Work<A> = Box::new(work);
        let mut inner = self.inbox.lock();
        if inner.gone {
            // Outside the lock: it may own something whose drop asks in its turn.
            drop(inner);
            drop(work);
            return Err(LoopGone);
        }
        inner.work.push(work);
        let first = inner.work.len() == 1;
        drop(inner);
        if first {
            self.inbox.wake();
        }
        Ok(())
    }

    /// Passes on to all sessions what is known of the network.
    pub fn network(&self, network: Network) {
        // Once the loop is gone there is nobody to tell.
        let _ = self.run(move |driver| driver.network(network));
    }

    /// Tells all sessions that the process was suspended for this long.
    pub fn resumed(&self, gap: Duration) {
        let _ = self.run(move |driver| driver.resumed(gap));
    }

    /// Tells all sessions whether people see the application.
    pub fn visibility(&self, visibility: Visibility) {
        let _ = self.run(move |driver| driver.visibility(visibility));
    }

    /// Ends the loop's poll if it sleeps: [`EventLoop::run_once`](crate::EventLoop::run_once) returns.
    pub fn wake(&self) {
        self.inbox.wake();
    }

    /// Asks the loop to end: [`EventLoop::run`](crate::EventLoop::run) returns, and its sessions are its owner's to remove
    /// or to drop. Whoever polls by himself asks [`Driver::is_asked_to_stop`].
    pub fn stop(&self) {
        self.inbox.lock().stop = true;
        self.inbox.wake();
    }
}

impl<A: Application> Inbox<A> {
    pub(super) const fn new(waker: Arc<Waker>) -> Self {
        let inner = Inner { work: Vec::new(), stop: false, gone: false };
        Self { inner: Mutex::new(inner), waker }
    }

    /// What is to be done.
    pub(super) fn take(&self) -> Vec<Work<A>> {
        mem::take(&mut self.lock().work)
    }

    pub(super) fn is_asked_to_stop(&self) -> bool {
        self.lock().stop
    }

    /// The wish to stop was heard.
    pub(super) fn forget_stop(&self) {
        self.lock().stop = false;
    }

    /// The loop is gone.
    pub(super) fn close(&self) {
        let work = {
            let mut inner = self.lock();
            inner.gone = true;
            mem::take(&mut inner.work)
        };
        // Outside the lock: it may own something whose drop asks in its turn.
        drop(work);
    }

    fn lock(&self) -> MutexGuard<'_, Inner<A>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // It fails only when the poll is gone, and with it the loop.
        let _ = self.waker.wake();
    }
}

impl<A: Application> Clone for LoopHandle<A> {
    fn clone(&self) -> Self {
        Self { inbox: Arc::clone(&self.inbox) }
    }
}

impl<A: Application> fmt::Debug for LoopHandle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inbox.lock();
        f.debug_struct("LoopHandle").field("work", &inner.work.len()).field("gone", &inner.gone).finish_non_exhaustive()
    }
}

impl fmt::Display for LoopGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event loop is gone")
    }
}

impl std::error::Error for LoopGone {}
