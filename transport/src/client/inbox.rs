//! What came in and was not taken yet: one bounded queue for each subscriber.

use std::{
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use steadfast_core::Message;

use crate::{
    client::{
        FOREVER,
        backlog::{Backlog, Incoming},
        lot::Lot,
        receiver::ReceiveError,
    },
    pump::Remote,
};

/// All queues of a client.
#[derive(Debug, Default)]
pub struct Inbox {
    queues: Mutex<Queues>,
    /// How many queues hold the reads back.
    held: AtomicUsize,
    /// Where to say that nobody holds the reads back any more.
    remote: OnceLock<Remote>,
}

#[derive(Debug, Default)]
struct Queues {
    list: Vec<Arc<Queue>>,
    /// Whether the session has stopped: nothing will come in.
    ended: bool,
    /// Whether the session is gone, for good.
    gone: bool,
}

/// One subscriber's queue.
pub struct Queue {
    inner: Mutex<Inner>,
    arrived: Condvar,
}

struct Inner {
    messages: Backlog,
    ended: bool,
    /// Threads that wait for a message.
    waiting: usize,
}

impl Inbox {
    /// Says where to ask for more once nobody holds the reads back.
    pub fn connect(&self, remote: Remote) {
        self.remote.get_or_init(|| remote);
    }

    /// Adds a queue.
    pub fn open(&self, bounds: Incoming) -> Arc<Queue> {
        let mut queues = self.lock();
        let inner = Inner { messages: Backlog::new(bounds), ended: queues.ended, waiting: 0 };
        let queue = Arc::new(Queue { inner: Mutex::new(inner), arrived: Condvar::new() });
        queues.list.push(Arc::clone(&queue));
        queue
    }

    /// Removes a queue: its last reader is gone.
    pub fn remove(&self, queue: &Arc<Queue>) {
        self.lock().list.retain(|other| !Arc::ptr_eq(other, queue));
        if queue.lock().messages.clear() {
            self.release();
        }
    }

    /// Gives a message to every queue; whether one of them is full and holds the reads back.
    pub fn deliver(&self, message: Message<'_>) -> bool {
        let queues = self.lock();
        if Lot::is_short(&message) {
            for queue in &queues.list {
                self.push(queue, |backlog| backlog.push_short(&message));
            }
        } else if let Some((last, others)) = queues.list.split_last() {
            let message = message.into_owned();
            for queue in others {
                self.push(queue, |backlog| backlog.push(message.clone()));
            }
            self.push(last, |backlog| backlog.push(message));
        }
        self.held.load(Ordering::SeqCst) > 0
    }

    /// Says whether the session has stopped. Readers that wait are woken then.
    pub fn set_ended(&self, ended: bool) {
        self.lock().set_ended(ended);
    }

    /// The session is gone: nothing will ever come in.
    pub fn close(&self) {
        let mut queues = self.lock();
        queues.gone = true;
        queues.set_ended(true);
    }

    /// The session is told to start: whoever asks from here on waits, unless it is gone.
    pub fn start(&self) {
        let mut queues = self.lock();
        if !queues.gone {
            queues.set_ended(false);
        }
    }

    /// Takes the next message out of a queue, waiting for it until then; `None`: for as long as it takes.
    ///
    /// # Errors
    /// None came in time, or nothing will come any more.
    pub fn take(&self, queue: &Queue, until: Option<Instant>) -> Result<Message<'static>, ReceiveError> {
        let mut inner = queue.lock();
        loop {
            if let Some((message, released)) = inner.messages.pop() {
                if released {
                    self.release();
                }
                return Ok(message);
            }
            if inner.ended {
                return Err(ReceiveError::Stopped);
            }
            let left = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return Err(ReceiveError::TimedOut),
                Some(left) => left,
                None => FOREVER,
            };
            inner.waiting += 1;
            inner = queue.arrived.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
            inner.waiting -= 1;
        }
    }

    fn push(&self, queue: &Queue, push: impl FnOnce(&mut Backlog) -> bool) {
        let mut inner = queue.lock();
        if push(&mut inner.messages) {
            self.held.fetch_add(1, Ordering::SeqCst);
        }
        if inner.waiting > 0 {
            queue.arrived.notify_one();
        }
    }

    /// A queue holds the reads back no more; if it was the last to do so, reading goes on.
    fn release(&self) {
        if self.held.fetch_sub(1, Ordering::SeqCst) == 1
            && let Some(remote) = self.remote.get()
        {
            remote.resume_reads();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn set_ended(&mut self, ended: bool) {
        self.ended = ended;
        for queue in &self.list {
            queue.lock().ended = ended;
            queue.arrived.notify_all();
        }
    }
}

impl fmt::Debug for Queue {
    /// How much, and never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}

impl Queue {
    /// How many messages wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().messages.len()
    }

    /// How many messages made room for newer ones.
    pub fn missed(&self) -> u64 {
        self.lock().messages.missed()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::backlog::SlowReader;

    fn bounds(slow: SlowReader) -> Incoming {
        Incoming { max_messages: 4, max_bytes: 100, slow }
    }

    fn take(inbox: &Inbox, queue: &Queue) -> Result<String, ReceiveError> {
        inbox.take(queue, Some(Instant::now())).map(|message| message.as_text().expect("a text").to_owned())
    }

    #[test]
    fn a_full_queue_holds_the_reads_back_until_half_is_taken() {
        let inbox = Inbox::default();
        let queue = inbox.open(bounds(SlowReader::HoldBack));
        assert_eq!([1, 2, 3, 4].map(|_| inbox.deliver(Message::text("m"))), [false, false, false, true]);
        take(&inbox, &queue).expect("a message");
        assert_eq!(inbox.held.load(Ordering::SeqCst), 1);
        take(&inbox, &queue).expect("a message");
        assert_eq!(inbox.held.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn the_bytes_are_a_bound_too() {
        let inbox = Inbox::default();
        let _queue = inbox.open(bounds(SlowReader::HoldBack));
        assert!(inbox.deliver(Message::binary(vec![0; 1000])));
    }

    #[test]
    fn every_subscriber_gets_every_message_and_one_that_leaves_holds_nobody_back() {
        let inbox = Inbox::default();
        let slow = inbox.open(bounds(SlowReader::HoldBack));
        let fast = inbox.open(bounds(SlowReader::HoldBack));
        for name in ["a", "b", "c", "d"] {
            inbox.deliver(Message::text(name));
        }
        assert_eq!(inbox.held.load(Ordering::SeqCst), 2);
        for name in ["a", "b", "c", "d"] {
            assert_eq!(take(&inbox, &fast).as_deref(), Ok(name));
        }
        assert_eq!(inbox.held.load(Ordering::SeqCst), 1);
        inbox.remove(&slow);
        assert_eq!(inbox.held.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn the_oldest_make_room_where_that_is_asked_and_are_counted() {
        let inbox = Inbox::default();
        let queue = inbox.open(bounds(SlowReader::DropOldest));
        for name in ["a", "b", "c", "d", "e", "f"] {
            assert!(!inbox.deliver(Message::text(name)));
        }
        assert_eq!((take(&inbox, &queue).as_deref(), queue.missed()), (Ok("c"), 2));
    }

    #[test]
    fn what_came_in_before_the_end_can_still_be_taken() {
        let inbox = Inbox::default();
        let queue = inbox.open(bounds(SlowReader::HoldBack));
        inbox.deliver(Message::text("last"));
        inbox.set_ended(true);
        assert_eq!(take(&inbox, &queue).as_deref(), Ok("last"));
        assert_eq!(take(&inbox, &queue), Err(ReceiveError::Stopped));
        inbox.set_ended(false);
        assert_eq!(take(&inbox, &queue), Err(ReceiveError::TimedOut));
    }

    #[test]
    fn a_start_is_waited_for_unless_the_session_is_gone() {
        let inbox = Inbox::default();
        let queue = inbox.open(bounds(SlowReader::HoldBack));
        inbox.set_ended(true);
        inbox.start();
        assert_eq!(take(&inbox, &queue), Err(ReceiveError::TimedOut));
        inbox.close();
        inbox.start();
        assert_eq!(take(&inbox, &queue), Err(ReceiveError::Stopped));
    }
}
