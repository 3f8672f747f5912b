//! What came in and was not taken yet: one bounded queue for each subscriber.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use steadfast_core::Message;

use crate::{
    client::{FOREVER, receiver::ReceiveError},
    pump::Remote,
};

/// The bounds of a subscriber's queue, and what happens when it does not keep up.
///
/// A message is let in as long as the queue is below both bounds, so that one large message passes in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Incoming {
    /// How many messages may wait. 1,024; 0 is taken as 1.
    pub max_messages: usize,
    /// How many bytes of them. 4 MiB; 0 is taken as 1.
    pub max_bytes: usize,
    /// What happens then.
    pub slow: SlowReader,
}

/// What happens when a subscriber does not take what came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SlowReader {
    /// Nothing more is read from the socket until it has taken half: the server's writes stall in the end. All
    /// subscribers wait for the slow one.
    #[default]
    HoldBack,
    /// The oldest message makes room, and is counted; see [`Receiver::missed`](crate::client::Receiver::missed).
    DropOldest,
}

impl Default for Incoming {
    fn default() -> Self {
        Self { max_messages: 1_024, max_bytes: 4 << 20, slow: SlowReader::HoldBack }
    }
}

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
}

/// One subscriber's queue.
pub struct Queue {
    inner: Mutex<Inner>,
    arrived: Condvar,
    bounds: Incoming,
}

#[derive(Default)]
struct Inner {
    messages: VecDeque<Message<'static>>,
    bytes: usize,
    /// Whether this queue holds the reads back.
    holding: bool,
    /// Messages that made room for newer ones.
    missed: u64,
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
        let inner = Inner { ended: queues.ended, ..Inner::default() };
        let queue = Arc::new(Queue { inner: Mutex::new(inner), arrived: Condvar::new(), bounds });
        queues.list.push(Arc::clone(&queue));
        queue
    }

    /// Removes a queue: its last reader is gone.
    pub fn remove(&self, queue: &Arc<Queue>) {
        self.lock().list.retain(|other| !Arc::ptr_eq(other, queue));
        let mut inner = queue.lock();
        inner.messages = VecDeque::new();
        inner.bytes = 0;
        self.release(&mut inner);
    }

    /// Gives a message to every queue; whether one of them is full and holds the reads back.
    pub fn deliver(&self, message: Message<'_>) -> bool {
        let queues = self.lock();
        if let Some((last, others)) = queues.list.split_last() {
            let message = message.into_owned();
            for queue in others {
                self.push(queue, message.clone());
            }
            self.push(last, message);
        }
        self.held.load(Ordering::SeqCst) > 0
    }

    /// Says whether the session has stopped. Readers that wait are woken then.
    pub fn set_ended(&self, ended: bool) {
        let mut queues = self.lock();
        queues.ended = ended;
        for queue in &queues.list {
            queue.lock().ended = ended;
            queue.arrived.notify_all();
        }
    }

    /// Takes the next message out of a queue, waiting for it until then; `None`: for as long as it takes.
    ///
    /// # Errors
    /// None came in time, or nothing will come any more.
    pub fn take(&self, queue: &Queue, until: Option<Instant>) -> Result<Message<'static>, ReceiveError> {
        let mut inner = queue.lock();
        loop {
            if let Some(message) = inner.messages.pop_front() {
                inner.bytes -= message.len();
                if inner.holding && queue.bounds.is_half_empty(&inner) {
                    self.release(&mut inner);
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

    fn push(&self, queue: &Queue, message: Message<'static>) {
        let mut inner = queue.lock();
        let bounds = &queue.bounds;
        if bounds.slow == SlowReader::DropOldest {
            while bounds.is_full(&inner) {
                let Some(oldest) = inner.messages.pop_front() else { break };
                inner.bytes -= oldest.len();
                inner.missed += 1;
            }
        }
        inner.bytes += message.len();
        inner.messages.push_back(message);
        if bounds.slow == SlowReader::HoldBack && !inner.holding && bounds.is_full(&inner) {
            inner.holding = true;
            self.held.fetch_add(1, Ordering::SeqCst);
        }
        if inner.waiting > 0 {
            queue.arrived.notify_one();
        }
    }

    /// The queue holds the reads back no more; if it was the last to do so, reading goes on.
    fn release(&self, inner: &mut Inner) {
        if std::mem::take(&mut inner.holding)
            && self.held.fetch_sub(1, Ordering::SeqCst) == 1
            && let Some(remote) = self.remote.get()
        {
            remote.resume_reads();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.lock().missed
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Incoming {
    fn is_full(&self, inner: &Inner) -> bool {
        inner.messages.len() >= self.max_messages.max(1) || inner.bytes >= self.max_bytes.max(1)
    }

    fn is_half_empty(&self, inner: &Inner) -> bool {
        inner.messages.len() <= self.max_messages / 2 && inner.bytes <= self.max_bytes / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
