//! The account of all messages that were handed in and are not settled, and of the room that they leave.

use std::{
    collections::BTreeMap,
    fmt,
    task::{Poll, Waker},
};

use steadfast_core::{
    MessageId, Refusal, Verdict,
    config::{Outbox, WhenFull},
};

use crate::{
    client::{
        entries::{Entries, Entry},
        line::{Line, Ticket},
        outcome::Outcome,
        wakes::Wakes,
    },
    pump::SendError,
};

/// What was handed in and is not settled, what became of what is, and who waits for room. Plain state: whoever shares it
/// puts a lock around it.
pub struct Account {
    outbox: Outbox,
    /// What was handed in and is not settled.
    entered: Load,
    /// What is reserved.
    reserved: Load,
    line: Line,
    entries: Entries,
    /// Whether the application's last word was to stop.
    told_to_stop: bool,
    /// Whether the session has stopped, by whatever cause.
    stopped: bool,
    /// Whether the loop is gone.
    closed: bool,
}

/// Messages, and their bytes.
#[derive(Clone, Copy, Default)]
struct Load {
    messages: u32,
    bytes: usize,
}

impl Account {
    /// With these bounds.
    #[must_use]
    pub fn new(outbox: Outbox) -> Self {
        Self {
            outbox,
            entered: Load::default(),
            reserved: Load::default(),
            line: Line::default(),
            entries: Entries::default(),
            told_to_stop: false,
            stopped: false,
            closed: false,
        }
    }

    /// Whether a message of this size may be handed in. Where the outbox makes room by dropping, the session decides.
    ///
    /// # Errors
    /// Why not.
    #[inline]
    pub fn admits(&self, bytes: usize) -> Result<(), Refusal> {
        if self.is_shut() {
            return Err(Refusal::Stopped);
        }
        if bytes > self.outbox.max_bytes {
            return Err(Refusal::TooLarge);
        }
        // Nobody overtakes those who wait.
        if self.has_room(bytes) && self.line.is_empty() { Ok(()) } else { Err(Refusal::Full) }
    }

    /// Enters a message that was handed in, and whose receipt somebody holds until he [forgets](Self::forget) it.
    #[inline]
    pub fn enter(&mut self, id: MessageId, bytes: usize) {
        self.entered.add(bytes);
        let few = self.entered.messages as usize * 4 + FEW;
        self.entries.push(id.0, Entry::Open { bytes, watched: true, accepted: false, waker: None }, few);
    }

    /// Enters a message that was handed in, and for which nobody has a receipt: for those who [recount](Self::recount).
    #[inline]
    pub const fn enter_unwatched(&mut self, bytes: usize) {
        self.entered.add(bytes);
    }

    /// Enters what a store held before there was a session, and for which nobody has a receipt.
    pub fn enter_restored(&mut self, messages: impl IntoIterator<Item = (MessageId, usize)>) {
        // Those that the ring has no place for are found by their names only if they come in the order of those.
        let messages: BTreeMap<_, _> = messages.into_iter().collect();
        for (id, bytes) in messages {
            self.entered.add(bytes);
            let few = self.entered.messages as usize * 4 + FEW;
            let entry = Entry::Open { bytes, watched: false, accepted: true, waker: None };
            self.entries.push(id.0, entry, few);
        }
    }

    /// What was handed in and is not settled, by the session's own count.
    #[inline]
    pub fn recount(&mut self, messages: u32, bytes: usize, wakes: &mut Wakes) {
        self.entered = Load { messages, bytes };
        self.grant(wakes);
    }

    /// Reserves room for a message of this size, or lines up for it; with the ticket that it got the caller asks again when
    /// it is woken, or [leaves](Self::leave).
    ///
    /// # Errors
    /// There will be no room.
    pub fn poll_reserve(
        &mut self,
        bytes: usize,
        ticket: &mut Option<Ticket>,
        task: &Waker,
        wakes: &mut Wakes,
    ) -> Poll<Result<(), Refusal>> {
        if let Some(known) = ticket {
            match self.line.look(known, task, wakes) {
                Poll::Ready(true) => {
                    *ticket = None;
                    return Poll::Ready(Ok(()));
                }
                // It was sent away: the client stopped, and may have started again since.
                Poll::Ready(false) => *ticket = None,
                Poll::Pending => return Poll::Pending,
            }
        }
        match self.admits(bytes) {
            Ok(()) => {
                self.reserved.add(bytes);
                Poll::Ready(Ok(()))
            }
            Err(Refusal::Full) => {
                *ticket = Some(self.line.join(bytes, task.clone()));
                Poll::Pending
            }
            Err(why) => Poll::Ready(Err(why)),
        }
    }

    /// Reserves room for a message of this size at once.
    ///
    /// # Errors
    /// There is none, or others wait for it.
    pub fn try_reserve(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.admits(bytes)?;
        self.reserved.add(bytes);
        Ok(())
    }

    /// Whoever has this ticket wants it no more: a place in the line, or the room that it came to.
    pub fn leave(&mut self, ticket: Ticket, wakes: &mut Wakes) {
        if let Some(bytes) = self.line.leave(ticket, wakes) {
            self.reserved.remove(bytes);
        }
        // Those behind may have waited for its sake.
        self.grant(wakes);
    }

    /// Gives reserved room back.
    pub fn give_back(&mut self, bytes: usize, wakes: &mut Wakes) {
        self.reserved.remove(bytes);
        self.grant(wakes);
    }

    /// Gives `reserved` bytes of room back because a message takes its place, and enters that. `id`: as with
    /// [`enter`](Self::enter), if somebody has a receipt.
    ///
    /// # Errors
    /// The session was stopped since, or the message is larger than that. The room is given back all the same.
    pub fn redeem(
        &mut self,
        reserved: usize,
        bytes: usize,
        id: Option<MessageId>,
        wakes: &mut Wakes,
    ) -> Result<(), Refusal> {
        let fits = if self.is_shut() {
            Err(Refusal::Stopped)
        } else if bytes > reserved {
            Err(Refusal::TooLarge)
        } else {
            Ok(())
        };
        self.reserved.remove(reserved);
        if fits.is_ok() {
            match id {
                Some(id) => self.enter(id, bytes),
                None => self.enter_unwatched(bytes),
            }
        }
        self.grant(wakes);
        fits
    }

    /// Lets messages in from here on.
    pub const fn start(&mut self) {
        self.told_to_stop = false;
        self.stopped = false;
    }

    /// Lets no message in from here on, and sends those away who wait for room.
    pub fn stop(&mut self, wakes: &mut Wakes) {
        self.told_to_stop = true;
        self.grant(wakes);
    }

    /// The session has stopped, or goes on after that.
    pub fn set_stopped(&mut self, stopped: bool, wakes: &mut Wakes) {
        self.stopped = stopped;
        self.grant(wakes);
    }

    /// A durable message is stored.
    pub fn accept(&mut self, id: MessageId, wakes: &mut Wakes) {
        if let Some(Entry::Open { accepted, waker, .. }) = self.entries.get_mut(id.0) {
            *accepted = true;
            wakes.extend(waker.take());
        }
    }

    /// Whether a message was accepted, as far as that is known: a durable one once it is stored, any other by its outcome.
    #[must_use]
    pub fn acceptance(&self, id: MessageId) -> Option<Result<(), SendError>> {
        match self.entries.get(id.0)? {
            Entry::Open { accepted, .. } => accepted.then_some(Ok(())),
            Entry::Known(outcome) => Some(outcome.acceptance()),
            Entry::Gone => None,
        }
    }

    /// Whether a message was accepted, or the promise to wake this task when it is known.
    pub fn poll_acceptance(&mut self, id: MessageId, task: &Waker, wakes: &mut Wakes) -> Poll<Result<(), SendError>> {
        match self.acceptance(id) {
            Some(acceptance) => Poll::Ready(acceptance),
            None => self.poll_outcome(id, task, wakes).map(|outcome| outcome.acceptance()),
        }
    }

    /// The outcome of a message is known; whether anybody had a receipt for it from the beginning.
    #[inline]
    pub fn settle(&mut self, id: MessageId, outcome: Outcome, wakes: &mut Wakes) -> bool {
        let Some(entry) = self.entries.get_mut(id.0) else { return false };
        let Entry::Open { bytes, watched, waker, .. } = entry else { return false };
        let bytes = *bytes;
        wakes.extend(waker.take());
        if *watched {
            *entry = Entry::Known(outcome);
        } else {
            self.entries.remove(id.0);
        }
        self.entered.remove(bytes);
        self.grant(wakes);
        true
    }

    /// The loop is gone, and this is the verdict of what it left unsettled.
    pub fn close(&mut self, verdict: Verdict, wakes: &mut Wakes) {
        self.closed = true;
        self.entered = Load::default();
        self.entries.close(&Outcome::Settled { verdict, message: None }, wakes);
        self.grant(wakes);
    }

    /// The outcome of a message whose receipt is held, if it is known.
    #[must_use]
    pub fn outcome(&self, id: MessageId) -> Option<&Outcome> {
        match self.entries.get(id.0) {
            Some(Entry::Known(outcome)) => Some(outcome),
            Some(Entry::Open { .. } | Entry::Gone) | None => None,
        }
    }

    /// The outcome of a message, or the promise to wake this task when it is known.
    pub fn poll_outcome(&mut self, id: MessageId, task: &Waker, wakes: &mut Wakes) -> Poll<Outcome> {
        match self.entries.get_mut(id.0) {
            Some(Entry::Known(outcome)) => Poll::Ready(outcome.clone()),
            Some(Entry::Open { waker, .. }) => {
                match waker {
                    Some(known) => wakes.replace(known, task),
                    None => *waker = Some(task.clone()),
                }
                Poll::Pending
            }
            Some(Entry::Gone) | None => Poll::Pending,
        }
    }

    /// Nobody holds the receipt any more.
    #[inline]
    pub fn forget(&mut self, id: MessageId, wakes: &mut Wakes) {
        match self.entries.get_mut(id.0) {
            Some(Entry::Open { watched, waker, .. }) => {
                *watched = false;
                wakes.drop_later(waker.take());
            }
            Some(Entry::Known(_)) => self.entries.remove(id.0),
            Some(Entry::Gone) | None => {}
        }
    }

    /// Whether somebody has a receipt.
    #[must_use]
    #[inline]
    pub fn is_watched(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Messages that were handed in and are not settled, and their bytes.
    #[must_use]
    pub const fn unsettled(&self) -> (u32, usize) {
        (self.entered.messages, self.entered.bytes)
    }

    /// Whether no message is let in.
    #[must_use]
    pub const fn is_shut(&self) -> bool {
        self.closed || self.told_to_stop || self.stopped
    }

    #[inline]
    fn has_room(&self, bytes: usize) -> bool {
        let Outbox { max_messages, max_bytes, when_full, .. } = self.outbox;
        let taken = Load {
            messages: self.entered.messages.saturating_add(self.reserved.messages),
            bytes: self.entered.bytes.saturating_add(self.reserved.bytes),
        };
        when_full != WhenFull::Refuse || taken.messages < max_messages && bytes <= max_bytes.saturating_sub(taken.bytes)
    }

    /// Gives room to those who wait longest, or sends all away.
    #[inline]
    fn grant(&mut self, wakes: &mut Wakes) {
        if self.line.is_empty() {
            return;
        }
        if self.is_shut() {
            self.line.dismiss(wakes);
            return;
        }
        while let Some(bytes) = self.line.first()
            && self.has_room(bytes)
        {
            self.reserved.add(bytes);
            self.line.admit(wakes);
        }
    }
}

impl Load {
    #[inline]
    const fn add(&mut self, bytes: usize) {
        // Where the outbox makes room by dropping, any number of any size may be let in.
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    #[inline]
    const fn remove(&mut self, bytes: usize) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl fmt::Debug for Account {
    /// How much, and never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("messages", &self.entered.messages)
            .field("bytes", &self.entered.bytes)
            .field("waiting", &self.line)
            .finish_non_exhaustive()
    }
}

/// How many entries the ring may have beyond four times those that are open.
const FEW: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_without_bounds_can_be_reserved_again_and_again() {
        let outbox = Outbox { max_bytes: usize::MAX, when_full: WhenFull::DropOldest, ..Outbox::default() };
        let mut account = Account::new(outbox);
        assert_eq!([account.try_reserve(usize::MAX), account.try_reserve(usize::MAX)], [Ok(()), Ok(())]);
        account.enter(MessageId(1), 1);
        assert_eq!(account.try_reserve(1), Ok(()));
    }
}
