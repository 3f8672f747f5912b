//! Every notice, to be taken one after the other.

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use steadfast_core::{Notice, Timestamp};

use crate::{
    client::{FOREVER, receiver::ReceiveError, wakes::Wakes},
    failure::Failure,
};

/// A notice, and when it was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Noticed {
    /// When, on the client's clock; see the client's `now`.
    pub at: Timestamp,
    /// What.
    pub notice: Notice,
    /// With the state in which a connection, or an attempt, is over, and with
    /// [`CredentialsFailed`](Notice::CredentialsFailed): what exactly was wrong with it, if the driver saw it. A close frame and a timeout say all there is to say in the state's [`Cause`](steadfast_core::Cause).
    pub failure: Option<Arc<Failure>>,
}

/// Every [`Notice`] of a session from the subscription on: states, verdicts, refusals, watermarks.
///
/// None is ever dropped, and none queues behind messages; what is not taken is kept, so take them, or drop this.
#[derive(Debug)]
pub struct Notices(Arc<Channel>);

/// All who subscribed to notices.
#[derive(Debug)]
pub struct Subscribers {
    /// `None` once the loop is gone.
    list: Mutex<Option<Vec<Arc<Channel>>>>,
    /// Whether there may be any.
    some: AtomicBool,
}

/// The way from a session to one subscriber.
struct Channel {
    inner: Mutex<Inner>,
    arrived: Condvar,
}

#[derive(Default)]
struct Inner {
    list: VecDeque<Noticed>,
    /// Whether the loop is gone, or the subscriber.
    closed: bool,
    /// Threads that wait for a notice.
    waiting: usize,
    /// The task that waits for one.
    waker: Option<Waker>,
}

impl Notices {
    /// Takes the next notice, waiting for it.
    ///
    /// # Errors
    /// [`Stopped`](ReceiveError::Stopped) when the client is gone and all notices were taken. A session that stopped
    /// can be started again, and does not end them.
    pub fn receive(&self) -> Result<Noticed, ReceiveError> {
        self.take(None)
    }

    /// Takes the next notice, waiting for it at most this long.
    ///
    /// # Errors
    /// [`TimedOut`](ReceiveError::TimedOut) if none came; otherwise as [`receive`](Self::receive).
    pub fn receive_timeout(&self, timeout: Duration) -> Result<Noticed, ReceiveError> {
        self.take(Instant::now().checked_add(timeout))
    }

    /// Takes the next notice if there is one; `Ok(None)` if there is none yet.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn try_receive(&self) -> Result<Option<Noticed>, ReceiveError> {
        match self.take(Some(Instant::now())) {
            Ok(noticed) => Ok(Some(noticed)),
            Err(ReceiveError::TimedOut) => Ok(None),
            Err(ReceiveError::Stopped) => Err(ReceiveError::Stopped),
        }
    }

    /// Takes the next notice, or has this task woken when there is one; `None` when the client is gone and all were
    /// taken.
    pub fn poll_receive(&self, task: &Waker) -> Poll<Option<Noticed>> {
        let mut inner = self.0.lock();
        if let Some(noticed) = inner.list.pop_front() {
            return Poll::Ready(Some(noticed));
        }
        if inner.closed {
            return Poll::Ready(None);
        }
        let task = task.clone();
        let old = inner.waker.replace(task);
        // Whatever the last waker keeps alive goes without the lock.
        drop(inner);
        drop(old);
        Poll::Pending
    }

    fn take(&self, until: Option<Instant>) -> Result<Noticed, ReceiveError> {
        let mut inner = self.0.lock();
        loop {
            if let Some(noticed) = inner.list.pop_front() {
                return Ok(noticed);
            }
            if inner.closed {
                return Err(ReceiveError::Stopped);
            }
            let left = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return Err(ReceiveError::TimedOut),
                Some(left) => left,
                None => FOREVER,
            };
            inner.waiting += 1;
            inner = self.0.arrived.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
            inner.waiting -= 1;
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

impl Drop for Notices {
    /// Whoever gives notices may not notice for long that this is gone: what waits here goes now.
    fn drop(&mut self) {
        let Inner { list, waker, .. } = mem::replace(&mut *self.0.lock(), Inner { closed: true, ..Inner::default() });
        // Without the lock.
        drop((list, waker));
    }
}

impl Default for Subscribers {
    /// Nobody yet.
    fn default() -> Self {
        Self { list: Mutex::new(Some(Vec::new())), some: AtomicBool::new(false) }
    }
}

impl Drop for Subscribers {
    /// A client that never came to be has no notices either.
    fn drop(&mut self) {
        drop(self.close());
    }
}

impl Subscribers {
    /// Every notice from here on.
    #[must_use]
    pub fn subscribe(&self) -> Notices {
        let channel = Arc::new(Channel { inner: Mutex::default(), arrived: Condvar::new() });
        match &mut *self.lock() {
            Some(list) => {
                list.push(Arc::clone(&channel));
                // Within the lock, so that whoever finds the list empty does not overlook it.
                self.some.store(true, Ordering::Release);
            }
            None => channel.lock().closed = true,
        }
        Notices(channel)
    }

    /// Whether nobody has subscribed.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        !self.some.load(Ordering::Acquire)
    }

    /// There is one.
    #[must_use = "these tasks wait for it"]
    #[inline]
    pub fn tell(&self, at: Timestamp, notice: &Notice, failure: Option<&Arc<Failure>>) -> Wakes {
        if self.is_empty() { Wakes::default() } else { self.tell_some(at, notice, failure) }
    }

    #[cold]
    fn tell_some(&self, at: Timestamp, notice: &Notice, failure: Option<&Arc<Failure>>) -> Wakes {
        let mut wakes = Wakes::default();
        if let Some(list) = &mut *self.lock() {
            list.retain(|channel| {
                let mut inner = channel.lock();
                if inner.closed {
                    return false;
                }
                inner.list.push_back(Noticed { at, notice: notice.clone(), failure: failure.cloned() });
                wakes.extend(channel.changed(inner));
                true
            });
            self.some.store(!list.is_empty(), Ordering::Release);
        }
        wakes
    }

    /// There will be none any more.
    #[must_use = "these tasks wait for it"]
    pub fn close(&self) -> Wakes {
        let mut wakes = Wakes::default();
        for channel in self.lock().take().into_iter().flatten() {
            let mut inner = channel.lock();
            inner.closed = true;
            wakes.extend(channel.changed(inner));
        }
        wakes
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Arc<Channel>>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel {
    /// Something was changed: says which task waits for that. Threads are woken.
    fn changed(&self, mut inner: MutexGuard<'_, Inner>) -> Option<Waker> {
        if inner.waiting > 0 {
            self.arrived.notify_all();
        }
        inner.waker.take()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Channel {
    /// How much, and never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("notices", &self.lock().list.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use steadfast_core::{ConnId, IoKind};

    use super::*;

    fn tell(subscribers: &Subscribers, failure: &Arc<Failure>) {
        drop(subscribers.tell(Timestamp::ZERO, &Notice::Stable { conn: ConnId(1) }, Some(failure)));
    }

    fn failure() -> Arc<Failure> {
        Arc::new(Failure::Io { kind: IoKind::Reset, text: String::new() })
    }

    #[test]
    fn what_a_subscriber_did_not_take_goes_with_it() {
        let (subscribers, failure) = (Subscribers::default(), failure());
        let notices = subscribers.subscribe();
        tell(&subscribers, &failure);
        assert_eq!(Arc::strong_count(&failure), 2);
        drop(notices);
        assert_eq!(Arc::strong_count(&failure), 1);
    }

    #[test]
    fn a_task_that_waited_for_notices_goes_with_them() {
        /// A task that keeps something.
        struct Task(#[expect(dead_code, reason = "it is only kept")] Arc<Failure>);
        impl std::task::Wake for Task {
            fn wake(self: Arc<Self>) {}
        }
        let (subscribers, failure) = (Subscribers::default(), failure());
        let notices = subscribers.subscribe();
        assert!(notices.poll_receive(&Waker::from(Arc::new(Task(Arc::clone(&failure))))).is_pending());
        drop(notices);
        assert_eq!(Arc::strong_count(&failure), 1);
    }
}
