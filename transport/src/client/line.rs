//! Those who wait for room, first come, first served.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    task::{Poll, Waker},
};

use crate::client::wakes::Wakes;

/// A place in the line.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
#[must_use = "whoever does not wait any more has to leave the line with it"]
pub struct Ticket(u64);

/// A line of tasks, each of which wants room for a message of some size.
#[derive(Default)]
pub(super) struct Line {
    /// Tickets rise from front to back.
    waiting: VecDeque<Waiting>,
    /// Tickets whose room is theirs, and who have not come for it yet.
    granted: BTreeMap<u64, usize>,
    /// The next ticket.
    next: u64,
}

struct Waiting {
    ticket: u64,
    bytes: usize,
    waker: Waker,
}

impl Line {
    /// Whether nobody waits.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How much the first of them wants.
    pub(super) fn first(&self) -> Option<usize> {
        self.waiting.front().map(|waiting| waiting.bytes)
    }

    pub(super) fn join(&mut self, bytes: usize, waker: Waker) -> Ticket {
        let ticket = self.next;
        self.next += 1;
        self.waiting.push_back(Waiting { ticket, bytes, waker });
        Ticket(ticket)
    }

    /// The first has its room.
    pub(super) fn admit(&mut self, wakes: &mut Wakes) {
        if let Some(Waiting { ticket, bytes, waker }) = self.waiting.pop_front() {
            self.granted.insert(ticket, bytes);
            wakes.push(waker);
        }
    }

    /// Nobody will have room.
    pub(super) fn dismiss(&mut self, wakes: &mut Wakes) {
        wakes.extend(self.waiting.drain(..).map(|waiting| waiting.waker));
    }

    /// What became of a ticket: it has its room, or (`false`) its place is lost. It is used up then; otherwise this task
    /// is woken when that changes.
    pub(super) fn look(&mut self, ticket: &Ticket, task: &Waker, wakes: &mut Wakes) -> Poll<bool> {
        if let Some(place) = self.place(ticket) {
            wakes.replace(&mut self.waiting[place].waker, task);
            return Poll::Pending;
        }
        Poll::Ready(self.granted.remove(&ticket.0).is_some())
    }

    /// Gives up a ticket, and says how much room it had come to.
    #[expect(clippy::needless_pass_by_value, reason = "it is used up")]
    pub(super) fn leave(&mut self, ticket: Ticket, wakes: &mut Wakes) -> Option<usize> {
        let left = self.place(&ticket).and_then(|place| self.waiting.remove(place));
        wakes.drop_later(left.map(|waiting| waiting.waker));
        self.granted.remove(&ticket.0)
    }

    fn place(&self, ticket: &Ticket) -> Option<usize> {
        self.waiting.binary_search_by_key(&ticket.0, |waiting| waiting.ticket).ok()
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Line").field(&self.waiting.len()).finish()
    }
}
