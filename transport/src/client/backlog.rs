//! Messages that came in and wait to be taken by one subscriber, within bounds.

use std::{fmt, mem};

use steadfast_core::Message;

use crate::client::lot::Lot;

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

/// The messages that wait for one subscriber. Plain state: whoever shares it puts a lock around it.
pub struct Backlog {
    lot: Lot,
    /// The bytes of what waits.
    bytes: usize,
    /// How many messages are lent to the only one who takes them, and their bytes: they count as long as he has not come again.
    lent: (usize, usize),
    /// Whether it holds the reads back.
    holding: bool,
    /// Messages that made room for newer ones.
    missed: u64,
    bounds: Incoming,
}

impl Backlog {
    /// Within these bounds.
    #[must_use]
    pub fn new(bounds: Incoming) -> Self {
        Self { lot: Lot::default(), bytes: 0, lent: (0, 0), holding: false, missed: 0, bounds }
    }

    /// Adds a message; whether the reads are to be held back for it from here on.
    #[inline]
    pub fn push(&mut self, message: Message<'static>) -> bool {
        let len = message.len();
        self.make_room();
        self.lot.push(message);
        self.count(len)
    }

    /// As [`push`](Self::push), for one that [is short](Lot::is_short).
    #[inline]
    pub fn push_short(&mut self, message: &Message<'_>) -> bool {
        self.make_room();
        self.lot.push_short(message);
        self.count(message.len())
    }

    /// Takes the oldest message, and says whether the reads need not be held back for this any more. Whatever was
    /// [lent](Self::lend) was taken before.
    #[inline]
    pub fn pop(&mut self) -> Option<(Message<'static>, bool)> {
        let message = self.lot.pop()?;
        self.bytes -= message.len();
        self.lent = (0, 0);
        let released = self.release();
        Some((message, released))
    }

    /// Lends all that waits to the only one who takes it, so that he need not come for each: in the place of this lot, which is
    /// empty, as he has taken what he was lent before. What is lent counts until he comes again; so none is lent where
    /// the oldest is to make room, nor while more waits than lets the reads go on. Whether they need not be held back any
    /// more.
    pub fn lend(&mut self, taken: &mut Lot) -> bool {
        debug_assert!(taken.is_empty(), "it is exchanged");
        self.lent = (0, 0);
        let released = self.release();
        if self.bounds.slow == SlowReader::HoldBack && self.is_half_empty() {
            mem::swap(&mut self.lot, taken);
            self.lent = (taken.len(), mem::take(&mut self.bytes));
        }
        released
    }

    /// What was lent, and was not taken, waits again, in front of all others.
    pub fn give_back(&mut self, lent: &mut Lot) {
        let (messages, bytes) = (lent.len(), lent.bytes());
        debug_assert!(messages <= self.lent.0 && bytes <= self.lent.1, "no more than that");
        lent.append(&mut self.lot);
        mem::swap(&mut self.lot, lent);
        self.bytes += bytes;
        self.lent = (0, 0);
    }

    /// Throws all messages away; whether the reads need not be held back for this any more.
    pub fn clear(&mut self) -> bool {
        self.lot = Lot::default();
        (self.bytes, self.lent) = (0, (0, 0));
        mem::take(&mut self.holding)
    }

    /// How many messages wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lot.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lot.is_empty()
    }

    /// How many messages made room for newer ones.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// Makes room for a message, where the oldest have to.
    #[inline]
    fn make_room(&mut self) {
        if self.bounds.slow == SlowReader::DropOldest {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        while self.is_full() {
            let Some(bytes) = self.lot.skip() else { break };
            self.bytes -= bytes;
            self.missed += 1;
        }
    }

    /// A message of this length came in; whether the reads are to be held back for it.
    #[inline]
    fn count(&mut self, len: usize) -> bool {
        self.bytes += len;
        let holds = self.bounds.slow == SlowReader::HoldBack && !self.holding && self.is_full();
        self.holding |= holds;
        holds
    }

    /// Whether the reads were held back for this, and need not be any more.
    #[inline]
    fn release(&mut self) -> bool {
        let released = self.holding && self.is_half_empty();
        self.holding &= !released;
        released
    }

    fn is_full(&self) -> bool {
        self.lot.len() + self.lent.0 >= self.bounds.max_messages.max(1)
            || self.bytes + self.lent.1 >= self.bounds.max_bytes.max(1)
    }

    fn is_half_empty(&self) -> bool {
        self.lot.len() <= self.bounds.max_messages / 2 && self.bytes <= self.bounds.max_bytes / 2
    }
}

impl fmt::Debug for Backlog {
    /// How much, and never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backlog").field("messages", &self.lot.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backlog(slow: SlowReader) -> Backlog {
        Backlog::new(Incoming { max_messages: 4, max_bytes: 100, slow })
    }

    fn push(backlog: &mut Backlog, text: &str) -> bool {
        backlog.push_short(&Message::text(text))
    }

    fn all(lot: &mut Lot) -> Vec<String> {
        std::iter::from_fn(|| lot.pop()).map(|message| message.as_text().expect("a text").to_owned()).collect()
    }

    #[test]
    fn all_that_waits_is_lent_in_its_order() {
        let (mut backlog, mut lot) = (backlog(SlowReader::HoldBack), Lot::default());
        push(&mut backlog, "one");
        push(&mut backlog, "two");
        assert!(!backlog.lend(&mut lot));
        assert_eq!((all(&mut lot), backlog.len()), (vec!["one".into(), "two".into()], 0));
    }

    #[test]
    fn what_is_lent_counts_until_whoever_has_it_comes_again() {
        let (mut backlog, mut lot) = (backlog(SlowReader::HoldBack), Lot::default());
        push(&mut backlog, "one");
        push(&mut backlog, "two");
        backlog.lend(&mut lot);
        assert_eq!([push(&mut backlog, "three"), push(&mut backlog, "four")], [false, true]);
        all(&mut lot);
        assert!(backlog.lend(&mut lot), "half of it was taken");
        assert_eq!(all(&mut lot), ["three", "four"]);
    }

    #[test]
    fn of_more_than_half_one_is_taken_at_a_time() {
        let (mut backlog, mut lot) = (backlog(SlowReader::HoldBack), Lot::default());
        assert_eq!(["a", "b", "c", "d"].map(|text| push(&mut backlog, text)), [false, false, false, true]);
        assert!(!backlog.lend(&mut lot) && lot.is_empty());
        assert!(backlog.pop().is_some_and(|(_, released)| !released));
        assert!(!backlog.lend(&mut lot) && lot.is_empty());
        assert!(backlog.pop().is_some_and(|(_, released)| released));
        assert!(!backlog.lend(&mut lot));
        assert_eq!(all(&mut lot), ["c", "d"]);
    }

    #[test]
    fn nothing_is_lent_where_the_oldest_makes_room() {
        let (mut backlog, mut lot) = (backlog(SlowReader::DropOldest), Lot::default());
        push(&mut backlog, "one");
        backlog.lend(&mut lot);
        assert_eq!((lot.len(), backlog.len()), (0, 1));
    }

    #[test]
    fn the_bytes_that_are_lent_count_too() {
        let (mut backlog, mut lot) = (backlog(SlowReader::HoldBack), Lot::default());
        push(&mut backlog, &"a".repeat(50));
        backlog.lend(&mut lot);
        assert!(push(&mut backlog, &"b".repeat(50)));
    }

    #[test]
    fn what_comes_back_is_in_front_of_what_came_meanwhile() {
        let (mut backlog, mut lot) = (backlog(SlowReader::HoldBack), Lot::default());
        push(&mut backlog, "one");
        push(&mut backlog, "two");
        backlog.lend(&mut lot);
        lot.pop();
        push(&mut backlog, "three");
        backlog.give_back(&mut lot);
        assert_eq!((backlog.len(), backlog.bytes, lot.len()), (2, 8, 0));
        assert_eq!(all(&mut backlog.lot), ["two", "three"]);
    }
}
