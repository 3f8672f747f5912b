//! Where tokens are fetched: beside the loop, which a callback that hangs does not hold up.

use std::{
    collections::VecDeque,
    fmt, mem,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Instant,
};

use steadfast_core::Epoch;

use crate::{
    credentials::{SourceError, Token, Wanted},
    net::Task,
    pump::{Command, Mailbox, SessionId},
};

/// What came of a fetch, on its way to the session.
pub struct Fetched {
    pub(crate) session: SessionId,
    pub(crate) epoch: Epoch,
    pub(crate) result: Result<Token, SourceError>,
    /// When it came.
    pub(crate) at: Instant,
}

/// A blocking callback.
pub(super) type Call = dyn Fn(&Wanted) -> Result<Token, SourceError> + Send + Sync;
/// A callback that makes a future.
pub(super) type AsyncCall = dyn Fn(Wanted) -> Pin<Box<Fetch>> + Send + Sync;
/// The future that it makes.
pub(super) type Fetch = dyn Future<Output = Result<Token, SourceError>> + Send;

/// A few threads for all sessions that have their tokens from one source. Each goes away when nothing is left to do, but
/// for one whose callback hangs.
#[derive(Default)]
pub(super) struct Desk(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
}

/// A fetch that has not begun, and whether it is wanted.
type Job = (Arc<Claim>, Box<dyn FnOnce() + Send>);

/// The claim to what comes of a fetch. Whoever drops it wants it no more: a fetch that has not begun never does, and a
/// future that has is dropped; a thread cannot be stopped.
#[derive(Debug)]
pub(super) struct Ticket(Arc<Claim>);

#[derive(Default)]
pub(super) struct Claim(Mutex<State>);

#[derive(Default)]
struct State {
    abandoned: bool,
    /// The task that fetches.
    waker: Option<Waker>,
}

/// Whom to tell.
pub(super) struct Report {
    pub(super) mailbox: Weak<Mailbox>,
    pub(super) session: SessionId,
    pub(super) epoch: Epoch,
}

impl Fetched {
    /// Whose it is.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }
}

impl Desk {
    /// Has a blocking callback fetch.
    pub(super) fn call(self: &Arc<Self>, call: Arc<Call>, wanted: Wanted, report: Report) -> Ticket {
        let claim = Arc::new(Claim::default());
        let failing = report.again();
        let job = move || {
            let result = panic::catch_unwind(AssertUnwindSafe(|| call(&wanted)));
            report.tell(result.unwrap_or_else(|_| Err(panicked())));
        };
        self.push(&claim, Box::new(job), failing);
        Ticket(claim)
    }

    /// Has a future run on one of the threads: where there is no runtime.
    pub(super) fn run(self: &Arc<Self>, ticket: &Ticket, task: Task, failing: Report) {
        self.push(&ticket.0, Box::new(move || block_on(task)), failing);
    }

    fn push(self: &Arc<Self>, claim: &Arc<Claim>, job: Box<dyn FnOnce() + Send>, failing: Report) {
        let mut queue = self.lock();
        // Where callbacks hang, those who gave up waiting must not pile up. What is dropped is the application's.
        let waiting = mem::take(&mut queue.jobs);
        let (abandoned, wanted): (VecDeque<_>, _) = waiting.into_iter().partition(|(claim, _)| claim.is_abandoned());
        queue.jobs = wanted;
        queue.jobs.push_back((Arc::clone(claim), job));
        if queue.threads < MAX_THREADS {
            let desk = Arc::clone(self);
            let spawned = thread::Builder::new().name("steadfast-fetch".into()).spawn(move || desk.work());
            queue.threads += usize::from(spawned.is_ok());
        }
        let left = if queue.threads == 0 { mem::take(&mut queue.jobs) } else { VecDeque::new() };
        drop(queue);
        drop(abandoned);
        if !left.is_empty() {
            failing.tell(Err(SourceError::retry("there is no thread to fetch on")));
        }
    }

    fn work(&self) {
        loop {
            let mut queue = self.lock();
            let Some((claim, job)) = queue.jobs.pop_front() else {
                queue.threads -= 1;
                return;
            };
            drop(queue);
            if !claim.is_abandoned() {
                job();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Report {
    pub(super) fn tell(self, result: Result<Token, SourceError>) {
        if let Some(mailbox) = self.mailbox.upgrade() {
            let (session, epoch) = (self.session, self.epoch);
            mailbox.post(Command::Fetched(Box::new(Fetched { session, epoch, result, at: Instant::now() })));
        }
    }

    pub(super) fn again(&self) -> Self {
        Self { mailbox: Weak::clone(&self.mailbox), session: self.session, epoch: self.epoch }
    }
}

/// The future of a fetch, which nobody has to want any more, and which may panic.
pub(super) struct Fetching {
    claim: Arc<Claim>,
    call: Arc<AsyncCall>,
    wanted: Wanted,
    /// `None` before it has begun: whatever the application does, it does in here.
    fetch: Option<Pin<Box<Fetch>>>,
    /// `None` once it was told.
    report: Option<Report>,
}

impl Fetching {
    pub(super) fn new(call: Arc<AsyncCall>, wanted: Wanted, report: Report) -> (Self, Ticket) {
        let claim = Arc::new(Claim::default());
        let ticket = Ticket(Arc::clone(&claim));
        (Self { claim, call, wanted, fetch: None, report: Some(report) }, ticket)
    }
}

impl Future for Fetching {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.claim.is_given_up_or_wakes(context.waker()) {
            return Poll::Ready(());
        }
        let this = &mut *self;
        let polled = panic::catch_unwind(AssertUnwindSafe(|| {
            this.fetch.get_or_insert_with(|| (this.call)(this.wanted)).as_mut().poll(context)
        }));
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => result,
            Err(_) => Err(panicked()),
        };
        if let Some(report) = self.report.take() {
            report.tell(result);
        }
        Poll::Ready(())
    }
}

impl Claim {
    fn is_abandoned(&self) -> bool {
        self.lock().abandoned
    }

    /// Whether nobody wants it any more. If somebody does, this task is woken when that changes.
    fn is_given_up_or_wakes(&self, task: &Waker) -> bool {
        let mut state = self.lock();
        if !state.abandoned {
            state.waker.get_or_insert_with(|| task.clone()).clone_from(task);
        }
        state.abandoned
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let waker = {
            let mut state = self.0.lock();
            state.abandoned = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("abandoned", &self.is_abandoned()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Fetched {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (session, epoch) = (self.session, self.epoch);
        let mut fetched = f.debug_struct("Fetched");
        fetched.field("session", &session).field("epoch", &epoch).field("is_ok", &self.result.is_ok());
        fetched.finish_non_exhaustive()
    }
}

fn panicked() -> SourceError {
    SourceError::retry("the callback panicked")
}

/// Runs a future to its end on this thread.
fn block_on(mut task: Task) {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    while task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        thread::park();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// How many callbacks of one source run at the same time: enough that one that hangs does not hold up the others, and few
/// enough that a crowd of sessions does not fall upon a token endpoint.
const MAX_THREADS: usize = 4;

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    const SESSION: SessionId = SessionId { slot: 0, serial: 1 };
    const SOON: Duration = Duration::from_secs(20);

    fn wanted(epoch: u64) -> Wanted {
        Wanted { epoch: Epoch(epoch), reason: steadfast_core::FetchReason::First, identity: None }
    }

    struct Office {
        desk: Arc<Desk>,
        mailbox: Arc<Mailbox>,
        rings: mpsc::Receiver<()>,
    }

    struct Ring(mpsc::Sender<()>);

    impl Wake for Ring {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }

    impl Office {
        fn open() -> Self {
            let (ring, rings) = mpsc::channel();
            let mailbox = Arc::new(Mailbox::new(Waker::from(Arc::new(Ring(ring)))));
            Self { desk: Arc::default(), mailbox, rings }
        }

        fn report(&self, epoch: u64) -> Report {
            Report { mailbox: Arc::downgrade(&self.mailbox), session: SESSION, epoch: Epoch(epoch) }
        }

        fn fetch(&self, epoch: u64, call: &Arc<Call>) -> Ticket {
            self.desk.call(Arc::clone(call), wanted(epoch), self.report(epoch))
        }

        fn next(&self) -> Fetched {
            loop {
                let mut commands = Vec::new();
                self.mailbox.take(&mut commands);
                if let Some(Command::Fetched(fetched)) = commands.pop() {
                    return *fetched;
                }
                self.rings.recv_timeout(SOON).expect("an answer in time");
            }
        }
    }

    #[test]
    fn a_callback_that_panics_has_failed() {
        let office = Office::open();
        let call: Arc<Call> = Arc::new(|_| panic!("on purpose"));
        let _ticket = office.fetch(1, &call);
        let fetched = office.next();
        assert_eq!(fetched.epoch, Epoch(1));
        assert_eq!(fetched.result.expect_err("a panic").to_string(), "the callback panicked");
    }

    #[test]
    fn callbacks_that_hang_take_no_more_threads_than_there_are_and_no_queue_grows_behind_them() {
        let office = Office::open();
        let (hold, ends) = mpsc::channel::<()>();
        let ends = Mutex::new(ends);
        let (begun, begins) = mpsc::channel();
        let call: Arc<Call> = Arc::new(move |wanted| {
            let _ = begun.send(wanted.epoch);
            let _ = ends.lock().unwrap_or_else(PoisonError::into_inner).recv();
            Err(SourceError::retry("too late"))
        });
        for epoch in 1..=100 {
            drop(office.fetch(epoch, &call));
        }
        let kept = office.fetch(101, &call);
        assert!(office.desk.lock().threads <= MAX_THREADS);
        assert!(office.desk.lock().jobs.len() <= 1 + MAX_THREADS);
        drop(hold);
        while begins.recv_timeout(SOON).expect("the last one runs") != Epoch(101) {}
        drop(kept);
    }

    #[test]
    fn a_future_that_nobody_wants_any_more_ends() {
        let office = Office::open();
        let call: Arc<AsyncCall> = Arc::new(|_| Box::pin(std::future::pending()));
        let (fetching, ticket) = Fetching::new(call, wanted(1), office.report(1));
        let (ends, ended) = mpsc::channel();
        let thread = thread::spawn(move || {
            block_on(Box::pin(fetching));
            let _ = ends.send(());
        });
        assert!(ended.recv_timeout(Duration::from_millis(10)).is_err());
        drop(ticket);
        ended.recv_timeout(SOON).expect("its end");
        thread.join().expect("no panic");
    }

    #[test]
    fn a_future_that_panics_has_failed_wherever_it_does() {
        for early in [true, false] {
            let office = Office::open();
            let call: Arc<AsyncCall> = Arc::new(move |_| {
                assert!(!early, "on purpose");
                Box::pin(async { panic!("on purpose") })
            });
            let (fetching, _ticket) = Fetching::new(call, wanted(1), office.report(1));
            block_on(Box::pin(fetching));
            assert!(office.next().result.is_err());
        }
    }
}
