//! What waits for the writer.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use steadfast_core::{MessageId, Persist, StoreError};

use crate::store::Bounds;

/// What the writer is to do, in this order.
#[derive(Debug)]
pub(crate) enum Task {
    Persist(Persist),
    Forget(MessageId),
}

/// The bounded way to the writer.
#[derive(Debug)]
pub(crate) struct Queue {
    bounds: Bounds,
    inner: Mutex<Inner>,
    came: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    tasks: VecDeque<Task>,
    /// Messages to be stored among them, and their bytes.
    messages: usize,
    bytes: usize,
    /// Since when something waits to be forgotten.
    forgets_since: Option<Instant>,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, inner: Mutex::default(), came: Condvar::new() }
    }

    pub(crate) fn persist(&self, persist: Persist) -> Result<(), StoreError> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(StoreError::Gone);
        }
        let len = persist.message.len();
        // One may always wait, so that none is too large for ever.
        let is_full = inner.messages >= self.bounds.messages || inner.bytes.saturating_add(len) > self.bounds.bytes;
        if inner.messages > 0 && is_full {
            return Err(StoreError::Busy);
        }
        inner.messages += 1;
        inner.bytes += len;
        inner.tasks.push_back(Task::Persist(persist));
        drop(inner);
        self.came.notify_one();
        Ok(())
    }

    pub(crate) fn forget(&self, id: MessageId) {
        let mut inner = self.lock();
        if inner.closed {
            return;
        }
        inner.tasks.push_back(Task::Forget(id));
        let first = inner.forgets_since.is_none();
        inner.forgets_since.get_or_insert_with(Instant::now);
        drop(inner);
        if first {
            self.came.notify_one();
        }
    }

    /// Nothing more may come.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.came.notify_one();
    }

    /// Waits for something that is worth a transaction and moves it into `batch`; whether there may be more. Comes back
    /// empty-handed at `until`.
    ///
    /// Messages are not kept waiting: whoever sent them waits for them. What is to be forgotten is, for a while, as it
    /// costs a transaction of its own otherwise.
    pub(crate) fn take(&self, batch: &mut Vec<Task>, until: Option<Instant>) -> bool {
        let mut inner = self.lock();
        loop {
            let forget_at = inner.forgets_since.map(|since| since + FORGET_WITHIN);
            let now = Instant::now();
            if inner.messages > 0 || inner.closed || forget_at.is_some_and(|at| at <= now) {
                break;
            }
            let Some(at) = forget_at.into_iter().chain(until).min() else {
                inner = self.came.wait(inner).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if at <= now {
                return true;
            }
            inner = self.came.wait_timeout(inner, at - now).unwrap_or_else(PoisonError::into_inner).0;
        }
        inner.move_to(batch);
        !(inner.closed && inner.tasks.is_empty())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn move_to(&mut self, batch: &mut Vec<Task>) {
        let mut bytes = 0;
        while batch.len() < BATCH
            && bytes < BATCH_BYTES
            && let Some(task) = self.tasks.pop_front()
        {
            if let Task::Persist(persist) = &task {
                let len = persist.message.len();
                bytes += len;
                self.messages -= 1;
                self.bytes -= len;
            }
            batch.push(task);
        }
        if self.tasks.is_empty() {
            self.forgets_since = None;
        }
    }
}

/// How long something may wait to be forgotten.
const FORGET_WITHIN: Duration = Duration::from_millis(50);
/// How many tasks one transaction may carry out: some 10 ms of work, so that the next ones do not wait long.
const BATCH: usize = 8_192;
/// How many bytes of payload it may write before it ends.
const BATCH_BYTES: usize = 8 << 20;
