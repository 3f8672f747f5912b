//! The account of a client whose callers block: the bound that `send` keeps, and the outcome that a receipt awaits.

use std::{
    fmt,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use steadfast_core::{MessageId, Refusal, Verdict, config::Outbox};

use crate::{
    client::{FOREVER, account::Account, outcome::Outcome, wakes::Wakes},
    pump::SendError,
};

/// What was handed in and is not settled, and what became of it.
pub struct Ledger {
    inner: Mutex<Inner>,
    changed: Condvar,
}

struct Inner {
    account: Account,
    /// Threads that wait for a change.
    waiting: usize,
    /// Tasks do not wait here.
    nobody: Wakes,
}

impl Ledger {
    /// With these bounds.
    #[must_use]
    pub fn new(outbox: Outbox) -> Self {
        let inner = Inner { account: Account::new(outbox), waiting: 0, nobody: Wakes::default() };
        Self { inner: Mutex::new(inner), changed: Condvar::new() }
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
        inner.account.admits(bytes).map_err(E::from)?;
        let (id, rest) = hand_in()?;
        inner.account.enter(id, bytes);
        Ok((id, rest))
    }

    /// Lets messages in from here on, and `say`s so to the session: what is let in comes behind that.
    pub fn start(&self, say: impl FnOnce()) {
        let mut inner = self.lock();
        inner.account.start();
        say();
    }

    /// Lets no message in from here on, and `say`s so to the session: what was let in comes before that.
    pub fn stop(&self, say: impl FnOnce()) {
        self.change(|account, nobody| {
            account.stop(nobody);
            say();
        });
    }

    /// The session has stopped, or goes on after that.
    pub fn set_stopped(&self, stopped: bool) {
        self.change(|account, nobody| account.set_stopped(stopped, nobody));
    }

    /// Waits until a message of this size would be let in, or never will be; whether there was a need to wait.
    pub fn wait_for_room(&self, bytes: usize, until: Option<Instant>) -> bool {
        let is_full = |account: &Account| account.admits(bytes) == Err(Refusal::Full);
        let was_full = is_full(&self.lock().account);
        drop(self.wait(until, |account| !is_full(account)));
        was_full
    }

    /// The outcome of a message is known.
    pub fn settle(&self, id: MessageId, outcome: Outcome) {
        self.change(|account, nobody| {
            account.settle(id, outcome, nobody);
        });
    }

    /// Enters what a store held before there was a session.
    pub fn enter_restored(&self, messages: impl IntoIterator<Item = (MessageId, usize)>) {
        self.lock().account.enter_restored(messages);
    }

    /// A durable message is stored.
    pub fn accept(&self, id: MessageId) {
        self.change(|account, nobody| account.accept(id, nobody));
    }

    /// Waits until it is known whether a message was accepted.
    pub fn acceptance(&self, id: MessageId, until: Option<Instant>) -> Option<Result<(), SendError>> {
        self.wait(until, |account| account.acceptance(id).is_some()).account.acceptance(id)
    }

    /// The loop is gone, and this is the verdict of what it left unsettled.
    pub fn close(&self, verdict: Verdict) {
        self.change(|account, nobody| account.close(verdict, nobody));
    }

    /// Waits for the outcome of a message.
    pub fn outcome(&self, id: MessageId, until: Option<Instant>) -> Option<Outcome> {
        let inner = self.wait(until, |account| account.outcome(id).is_some());
        inner.account.outcome(id).cloned()
    }

    /// Nobody holds the receipt any more.
    pub fn forget(&self, id: MessageId) {
        let mut inner = self.lock();
        let Inner { account, nobody, .. } = &mut *inner;
        account.forget(id, nobody);
    }

    /// Messages and bytes that are not settled.
    pub fn unsettled(&self) -> (u32, usize) {
        self.lock().account.unsettled()
    }

    /// Changes something for which threads may wait.
    fn change(&self, change: impl FnOnce(&mut Account, &mut Wakes)) {
        let mut inner = self.lock();
        let Inner { account, nobody, waiting } = &mut *inner;
        change(account, nobody);
        if *waiting > 0 {
            self.changed.notify_all();
        }
    }

    fn wait(&self, until: Option<Instant>, done: impl Fn(&Account) -> bool) -> MutexGuard<'_, Inner> {
        let mut inner = self.lock();
        while !done(&inner.account) {
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

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Ledger {
    /// How much, and never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ledger").field(&self.lock().account).finish()
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
        assert_eq!(ledger.outcome(MessageId(1), Some(Instant::now())), None);
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
