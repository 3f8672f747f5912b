//! Messages one behind the other.

use std::{collections::VecDeque, fmt, mem};

use steadfast_core::Message;

/// Messages that wait, in their order.
#[derive(Default)]
pub struct Lot {
    messages: VecDeque<Waiting>,
    short: Short,
}

/// A message that waits.
enum Waiting {
    /// It is the next of its kind in [`Short`].
    Short {
        len: u16,
        is_text: bool,
    },
    Whole(Message<'static>),
}

/// What short messages say, one behind the other. As long as it waits, none of them has memory of its own: that is
/// found when it is taken, where most often the one before has just been dropped.
#[derive(Default)]
struct Short {
    texts: String,
    bytes: Vec<u8>,
    /// Where the next ones begin.
    next_text: usize,
    next_bytes: usize,
}

impl Lot {
    /// Whether a message is so short that it is best [lent](Self::push_short).
    #[must_use]
    #[inline]
    pub fn is_short(message: &Message<'_>) -> bool {
        message.len() <= SHORT
    }

    /// Adds a message.
    #[inline]
    pub fn push(&mut self, message: Message<'static>) {
        self.messages.push_back(Waiting::Whole(message));
    }

    /// Adds a copy of one that [is short](Self::is_short).
    #[inline]
    pub fn push_short(&mut self, message: &Message<'_>) {
        let waiting = self.short.push(message);
        self.messages.push_back(waiting);
    }

    /// Takes the oldest message.
    #[inline]
    pub fn pop(&mut self) -> Option<Message<'static>> {
        let message = match self.messages.pop_front()? {
            Waiting::Whole(message) => message,
            Waiting::Short { len, is_text } => self.short.pop(usize::from(len), is_text),
        };
        if self.messages.is_empty() {
            self.short.rest();
        }
        Some(message)
    }

    /// Drops the oldest message; how many bytes it had.
    pub fn skip(&mut self) -> Option<usize> {
        let oldest = self.messages.pop_front()?;
        if let Waiting::Short { len, is_text } = oldest {
            self.short.skip(usize::from(len), is_text);
        }
        Some(oldest.len())
    }

    /// Takes all messages of another lot, which come behind its own.
    pub fn append(&mut self, other: &mut Self) {
        while let Some(message) = other.pop() {
            if Self::is_short(&message) { self.push_short(&message) } else { self.push(message) }
        }
    }

    /// The bytes of all messages.
    pub(super) fn bytes(&self) -> usize {
        self.messages.iter().map(Waiting::len).sum()
    }

    /// How many messages there are.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there are none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

impl Waiting {
    #[inline]
    fn len(&self) -> usize {
        match self {
            Self::Short { len, .. } => usize::from(*len),
            Self::Whole(message) => message.len(),
        }
    }
}

impl Short {
    #[inline]
    fn push(&mut self, message: &Message<'_>) -> Waiting {
        if let Some(text) = message.as_text() {
            if self.next_text > WASTE {
                self.texts.drain(..mem::take(&mut self.next_text));
            }
            self.texts.push_str(text);
        } else {
            if self.next_bytes > WASTE {
                self.bytes.drain(..mem::take(&mut self.next_bytes));
            }
            self.bytes.extend_from_slice(message.as_bytes());
        }
        let len = u16::try_from(message.len()).expect("short ones are shorter");
        Waiting::Short { len, is_text: message.is_text() }
    }

    /// The next message of this kind.
    #[inline]
    fn pop(&mut self, len: usize, is_text: bool) -> Message<'static> {
        let Self { texts, bytes, next_text, next_bytes } = self;
        if is_text {
            let start = mem::replace(next_text, *next_text + len);
            Message::text(&texts[start..][..len]).into_owned()
        } else {
            let start = mem::replace(next_bytes, *next_bytes + len);
            Message::binary(&bytes[start..][..len]).into_owned()
        }
    }

    /// The next message of this kind is dropped.
    fn skip(&mut self, len: usize, is_text: bool) {
        if is_text {
            self.next_text += len;
        } else {
            self.next_bytes += len;
        }
    }

    /// None waits.
    #[inline]
    fn rest(&mut self) {
        (self.next_text, self.next_bytes) = (0, 0);
        self.texts.clear();
        self.bytes.clear();
        if self.texts.capacity() > KEPT || self.bytes.capacity() > KEPT {
            *self = Self::default();
        }
    }
}

/// How long a short message is at most, in bytes.
const SHORT: usize = 256;
/// How much of what was taken may lie in front of what was not.
const WASTE: usize = 64 << 10;
/// How much memory is kept while none waits, of each kind.
const KEPT: usize = 4 << 10;

impl fmt::Debug for Lot {
    /// How much, and never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lot").field(&self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages of both kinds, short and long, each of its own.
    fn message(index: usize) -> Message<'static> {
        let len = [0, 1, 17, SHORT, SHORT + 1, 5_000][index % 6];
        let text: String = ('a'..='z').cycle().skip(index % 26).take(len).collect();
        if index.is_multiple_of(4) { Message::binary(text.into_bytes()) } else { Message::text(text) }
    }

    fn add(lot: &mut Lot, message: &Message<'static>) {
        if Lot::is_short(message) { lot.push_short(message) } else { lot.push(message.clone()) }
    }

    #[test]
    fn messages_come_out_as_they_went_in_whatever_their_kind_and_length() {
        let (mut lot, mut next) = (Lot::default(), 0);
        for index in 0..3_000 {
            add(&mut lot, &message(index));
            // Now and then it is nearly empty, and much of what was taken lies in front.
            while lot.len() > index % 700 {
                assert_eq!(lot.pop(), Some(message(next)));
                next += 1;
            }
        }
        while let Some(taken) = lot.pop() {
            assert_eq!(taken, message(next));
            next += 1;
        }
        assert_eq!(next, 3_000);
    }

    #[test]
    fn what_is_skipped_takes_its_bytes_along() {
        let mut lot = Lot::default();
        for index in 0..50 {
            add(&mut lot, &message(index));
        }
        for index in 0..50 {
            if index % 3 == 0 {
                assert_eq!(lot.skip(), Some(message(index).len()));
            } else {
                assert_eq!(lot.pop(), Some(message(index)));
            }
        }
        assert_eq!((lot.skip(), lot.pop()), (None, None));
    }

    #[test]
    fn another_lot_comes_behind() {
        let [mut lot, mut other] = [Lot::default(), Lot::default()];
        for index in 0..20 {
            add(if index < 10 { &mut lot } else { &mut other }, &message(index));
        }
        lot.append(&mut other);
        assert_eq!((lot.len(), other.is_empty()), (20, true));
        assert!((0..20).all(|index| lot.pop() == Some(message(index))));
    }

    #[test]
    fn a_lot_that_is_never_empty_does_not_keep_what_was_taken() {
        let mut lot = Lot::default();
        lot.push_short(&Message::text("first"));
        for _ in 0..10_000 {
            lot.push_short(&Message::text("a text of no great length"));
            lot.push_short(&Message::binary(&[7; 30][..]));
            assert!(lot.pop().is_some() && lot.pop().is_some());
        }
        assert!(lot.short.texts.capacity() <= 4 * WASTE && lot.short.bytes.capacity() <= 4 * WASTE);
    }

    #[test]
    fn a_lot_that_was_large_gives_its_memory_back() {
        let mut lot = Lot::default();
        for _ in 0..1_000 {
            lot.push_short(&Message::text("a text of no great length"));
        }
        while lot.pop().is_some() {}
        assert!(lot.short.texts.capacity() <= KEPT, "{} B", lot.short.texts.capacity());
    }
}
