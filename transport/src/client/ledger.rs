//! Every message of a client that is not settled: the bound that `send` keeps, and the outcome that a receipt awaits.

use std::{
    collections::HashMap,
    fmt,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use steadfast_core::{
    Message, MessageId, Refusal, Verdict,
    config::{Outbox, WhenFull},
};

use crate::client::FOREVER;

/// How a message ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It was accepted, and this is its one verdict.
    Settled {
        /// The verdict.
        verdict: Verdict,
        /// The message, where the verdict leaves something to decide: with `InDoubt` and `Dropped`. (`None` if the
        /// client went before its session had seen the message.)
        message: Option<Message<'static>>,
    },
    /// The session did not accept it.
    Refused {
        /// Why.
        why: Refusal,
        /// The message.
        message: Message<'static>,
    },
}

impl Outcome {
    /// The verdict, if the message was accepted.
    #[must_use]
    pub const fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Settled { verdict, .. } => Some(*verdict),
            Self::Refused { .. } => None,
        }
    }

    /// Whether the server's endpoint is known to have read it.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        matches!(self, Self::Settled { verdict: Verdict::Confirmed, .. })
    }
}

/// What was handed in and is not settled, and what became of it.
pub struct Ledger {
    inner: Mutex<Inner>,
    changed: Condvar,
    outbox: Outbox,
}

#[derive(Default)]
struct Inner {
    /// Messages handed in and not settled, and their bytes.
    messages: u32,
    bytes: usize,
    entries: HashMap<MessageId, Entry>,
    /// Threads that wait for a change.
    waiting: usize,
    /// Whether the application's last word was to stop.
    told_to_stop: bool,
    /// Whether the session has stopped, by whatever cause.
    stopped: bool,
    /// Whether the loop is gone.
    closed: bool,
}

struct Entry {
    bytes: usize,
    /// Whether somebody holds the receipt.
    watched: bool,
    outcome: Option<Outcome>,
}

impl Ledger {
    /// With these bounds.
    #[must_use]
    pub fn new(outbox: Outbox) -> Self {
        Self { inner: Mutex::default(), changed: Condvar::new(), outbox }
    }

    /// Makes room for a message of this size and hands it in, both at once, so that the bound holds whoever sends.
    ///
    /// # Errors
    /// The bound, or what handing it in says.
    pub fn enter<T, E: From<Refusal>>(
        &self,
        bytes: usize,
        hand_in: impl FnOnce() -> Result<(MessageId, T), E>,
    ) -> Result<(MessageId, T), E> {
        let mut inner = self.lock();
        inner.admits(bytes, &self.outbox).map_err(E::from)?;
        let (id, rest) = hand_in()?;
        inner.messages += 1;
        inner.bytes += bytes;
        inner.entries.insert(id, Entry { bytes, watched: true, outcome: None });
        Ok((id, rest))
    }

    /// Lets messages in from here on, and `say`s so to the session: what is let in comes behind that.
    pub fn start(&self, say: impl FnOnce()) {
        let mut inner = self.lock();
        inner.told_to_stop = false;
        inner.stopped = false;
        say();
    }

    /// Lets no message in from here on, and `say`s so to the session: what was let in comes before that.
    pub fn stop(&self, say: impl FnOnce()) {
        let mut inner = self.lock();
        inner.told_to_stop = true;
        say();
        self.tell(&inner);
    }

    /// The session has stopped, or goes on after that.
    pub fn set_stopped(&self, stopped: bool) {
        let mut inner = self.lock();
        inner.stopped = stopped;
        self.tell(&inner);
    }

    /// Waits until a message of this size would be let in, or never will be; whether there was a need to wait.
    pub fn wait_for_room(&self, bytes: usize, until: Option<Instant>) -> bool {
        let is_full = |inner: &Inner| inner.admits(bytes, &self.outbox) == Err(Refusal::Full);
        let was_full = is_full(&self.lock());
        drop(self.wait(until, |inner| !is_full(inner)));
        was_full
    }

    /// The outcome of a message is known.
    pub fn settle(&self, id: MessageId, outcome: Outcome) {
        let mut inner = self.lock();
        let Some(entry) = inner.entries.get_mut(&id) else { return };
        let (bytes, watched) = (entry.bytes, entry.watched);
        entry.outcome = Some(outcome);
        inner.messages = inner.messages.saturating_sub(1);
        inner.bytes = inner.bytes.saturating_sub(bytes);
        if !watched {
            inner.entries.remove(&id);
        }
        self.tell(&inner);
    }

    /// The loop is gone, and this is the verdict of what it left unsettled.
    pub fn close(&self, verdict: Verdict) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.messages = 0;
        inner.bytes = 0;
        inner.entries.retain(|_, entry| entry.watched);
        for entry in inner.entries.values_mut() {
            entry.outcome.get_or_insert(Outcome::Settled { verdict, message: None });
        }
        self.tell(&inner);
    }

    /// Waits for the outcome of a message.
    pub fn outcome(&self, id: MessageId, until: Option<Instant>) -> Option<Outcome> {
        let inner = self.wait(until, |inner| inner.outcome(id).is_some());
        inner.outcome(id).cloned()
    }

    /// Nobody holds the receipt any more.
    pub fn forget(&self, id: MessageId) {
        let mut inner = self.lock();
        if let Some(entry) = inner.entries.get_mut(&id) {
            entry.watched = false;
            if entry.outcome.is_some() {
                inner.entries.remove(&id);
            }
        }
    }

    /// Messages and bytes that are not settled.
    pub fn unsettled(&self) -> (u32, usize) {
        let inner = self.lock();
        (inner.messages, inner.bytes)
    }

    fn wait(&self, until: Option<Instant>, done: impl Fn(&Inner) -> bool) -> MutexGuard<'_, Inner> {
        let mut inner = self.lock();
        while !done(&inner) {
            let left = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => break,
                Some(left) => left,
                None => FOREVER,
            };
            inner.waiting += 1;
            inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
            inner.waiting -= 1;
        }
        inner
    }

    fn tell(&self, inner: &Inner) {
        if inner.waiting > 0 {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Whether a message of this size may be handed in. Where the outbox makes room by dropping, the session decides.
    fn admits(&self, bytes: usize, outbox: &Outbox) -> Result<(), Refusal> {
        if self.closed || self.told_to_stop || self.stopped {
            return Err(Refusal::Stopped);
        }
        if bytes > outbox.max_bytes {
            return Err(Refusal::TooLarge);
        }
        let full = self.messages >= outbox.max_messages || bytes > outbox.max_bytes.saturating_sub(self.bytes);
        if full && outbox.when_full == WhenFull::Refuse { Err(Refusal::Full) } else { Ok(()) }
    }

    fn outcome(&self, id: MessageId) -> Option<&Outcome> {
        self.entries.get(&id).and_then(|entry| entry.outcome.as_ref())
    }
}

impl fmt::Debug for Ledger {
    /// How much, and never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (messages, bytes) = self.unsettled();
        f.debug_struct("Ledger").field("messages", &messages).field("bytes", &bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(ledger: &Ledger, id: u64, bytes: usize) -> Result<(), Refusal> {
        ledger.enter(bytes, || Ok((MessageId(id), ()))).map(|_| ())
    }

    fn confirmed() -> Outcome {
        Outcome::Settled { verdict: Verdict::Confirmed, message: None }
    }

    #[test]
    fn both_bounds_hold_until_a_message_is_settled() {
        let ledger = Ledger::new(Outbox { max_messages: 2, max_bytes: 10, ..Outbox::default() });
        assert_eq!(enter(&ledger, 1, 11), Err(Refusal::TooLarge));
        assert_eq!(enter(&ledger, 1, 6), Ok(()));
        assert_eq!(enter(&ledger, 2, 5), Err(Refusal::Full));
        assert_eq!(enter(&ledger, 2, 4), Ok(()));
        assert_eq!(enter(&ledger, 3, 0), Err(Refusal::Full));
        ledger.settle(MessageId(1), confirmed());
        assert_eq!(enter(&ledger, 3, 6), Ok(()));
    }

    #[test]
    fn nothing_is_let_in_between_stop_and_start() {
        let ledger = Ledger::new(Outbox::default());
        ledger.stop(|| {});
        assert_eq!(enter(&ledger, 1, 1), Err(Refusal::Stopped));
        ledger.set_stopped(true);
        assert_eq!(enter(&ledger, 1, 1), Err(Refusal::Stopped));
        ledger.start(|| {});
        assert_eq!(enter(&ledger, 1, 1), Ok(()));
        // It stops by itself, and the application has it started.
        ledger.set_stopped(true);
        assert_eq!(enter(&ledger, 2, 1), Err(Refusal::Stopped));
        ledger.set_stopped(false);
        assert_eq!(enter(&ledger, 2, 1), Ok(()));
    }

    #[test]
    fn a_session_that_goes_on_does_not_let_in_what_comes_after_a_newer_stop() {
        let ledger = Ledger::new(Outbox::default());
        ledger.start(|| {});
        ledger.stop(|| {});
        ledger.set_stopped(false);
        assert_eq!(enter(&ledger, 1, 1), Err(Refusal::Stopped));
    }

    #[test]
    fn an_outcome_is_kept_for_the_receipt_alone() {
        let ledger = Ledger::new(Outbox::default());
        enter(&ledger, 1, 1).expect("room");
        enter(&ledger, 2, 1).expect("room");
        ledger.forget(MessageId(2));
        ledger.settle(MessageId(1), confirmed());
        ledger.settle(MessageId(2), confirmed());
        assert_eq!(ledger.outcome(MessageId(1), None), Some(confirmed()));
        ledger.forget(MessageId(1));
        assert!(ledger.lock().entries.is_empty());
        assert_eq!(ledger.unsettled(), (0, 0));
    }

    #[test]
    fn nobody_waits_for_a_loop_that_is_gone() {
        let ledger = Ledger::new(Outbox::default());
        enter(&ledger, 1, 1).expect("room");
        ledger.close(Verdict::InDoubt);
        let outcome = ledger.outcome(MessageId(1), None).expect("an outcome");
        assert_eq!(outcome.verdict(), Some(Verdict::InDoubt));
        assert_eq!(enter(&ledger, 2, 1), Err(Refusal::Stopped));
    }
}
