//! Bytes on their way out, and where in them each message ends.

use std::{collections::VecDeque, mem};

use steadfast_core::{ConnId, Event, MessageId, wire::Buffer};

/// A connection's outbound bytes, counted from its first one, with marks for the messages and pings in them.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// What the engine appends to, and the operating system takes from.
    pub(super) buffer: Buffer,
    /// How many bytes the operating system has taken.
    sent: u64,
    /// In the order in which the session handed them over.
    marks: VecDeque<Mark>,
}

#[derive(Debug)]
enum Mark {
    Message { id: MessageId, start: u64, end: u64 },
    Ping { end: u64 },
}

impl Outgoing {
    /// Where the next byte goes.
    pub(super) fn end(&self) -> u64 {
        self.sent + self.buffer.len() as u64
    }

    /// A message was appended from `start` on.
    pub(super) fn mark_message(&mut self, id: MessageId, start: u64) {
        let end = self.end();
        self.marks.push_back(Mark::Message { id, start, end });
    }

    /// A message came when the engine took no more: none of it will ever be sent.
    pub(super) fn mark_unsendable(&mut self, id: MessageId) {
        self.marks.push_back(Mark::Message { id, start: u64::MAX, end: u64::MAX });
    }

    /// A ping was appended.
    pub(super) fn mark_ping(&mut self) {
        let end = self.end();
        self.marks.push_back(Mark::Ping { end });
    }

    /// What the operating system has not taken yet.
    pub(super) fn pending(&self) -> &[u8] {
        self.buffer.as_slice()
    }

    /// The operating system took this many bytes.
    pub(super) fn took(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        self.buffer.consume(bytes);
    }

    /// Says what has left all buffers since the last time, in order.
    pub(super) fn report(&mut self, conn: ConnId, events: &mut VecDeque<Event<'static>>) {
        let mut flushed = None;
        while let Some(mark) = self.marks.front() {
            match *mark {
                Mark::Message { id, end, .. } if end <= self.sent => flushed = Some(id),
                Mark::Ping { end } if end <= self.sent => {
                    if let Some(up_to) = flushed.take() {
                        events.push_back(Event::Flushed { conn, up_to });
                    }
                    events.push_back(Event::PingFlushed { conn, overtook: None });
                }
                Mark::Message { .. } | Mark::Ping { .. } => break,
            }
            self.marks.pop_front();
        }
        if let Some(up_to) = flushed {
            events.push_back(Event::Flushed { conn, up_to });
        }
    }

    /// The first message of which no byte reached the operating system.
    pub(super) fn untouched_from(&self) -> Option<MessageId> {
        self.marks.iter().find_map(|mark| match mark {
            Mark::Message { id, start, .. } if *start >= self.sent => Some(*id),
            Mark::Message { .. } | Mark::Ping { .. } => None,
        })
    }

    /// Takes over a buffer that another connection gave back, unless this one has its own.
    pub(super) fn borrow(&mut self, spare: &mut Buffer) {
        if self.buffer.capacity() == 0 {
            mem::swap(&mut self.buffer, spare);
        }
    }

    /// Gives the buffer back once it is empty, so that connections at rest have none.
    pub(super) fn give_back(&mut self, spare: &mut Buffer) {
        if self.buffer.is_empty() && self.buffer.capacity() > 0 {
            keep(mem::take(&mut self.buffer), spare);
        }
    }
}

/// Keeps a buffer for whoever needs one next, unless it is large, or a larger one is there.
pub(super) fn keep(buffer: Buffer, spare: &mut Buffer) {
    if buffer.capacity() <= KEPT && buffer.capacity() > spare.capacity() {
        *spare = buffer;
    }
}

/// A larger buffer goes back to the allocator when it is empty.
const KEPT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const CONN: ConnId = ConnId(1);

    fn with(parts: &[(u64, usize)]) -> Outgoing {
        let mut out = Outgoing::default();
        for &(id, length) in parts {
            let start = out.end();
            out.buffer.append(length).fill(0);
            if id == 0 { out.mark_ping() } else { out.mark_message(MessageId(id), start) }
        }
        out
    }

    fn report(out: &mut Outgoing) -> Vec<Event<'static>> {
        let mut events = VecDeque::new();
        out.report(CONN, &mut events);
        events.into()
    }

    fn flushed(id: u64) -> Event<'static> {
        Event::Flushed { conn: CONN, up_to: MessageId(id) }
    }

    const PING: Event<'static> = Event::PingFlushed { conn: CONN, overtook: None };

    #[test]
    fn a_message_is_flushed_with_its_last_byte() {
        let mut out = with(&[(1, 10), (2, 10)]);
        out.took(9);
        assert_eq!(report(&mut out), []);
        out.took(1);
        assert_eq!(report(&mut out), [flushed(1)]);
        out.took(10);
        assert_eq!(report(&mut out), [flushed(2)]);
    }

    #[test]
    fn messages_and_pings_are_told_in_their_order() {
        let mut out = with(&[(1, 5), (2, 5), (0, 5), (3, 5), (0, 5)]);
        out.took(25);
        assert_eq!(report(&mut out), [flushed(2), PING, flushed(3), PING]);
    }

    #[test]
    fn a_message_is_touched_by_its_first_byte() {
        let mut out = with(&[(1, 10), (2, 10), (3, 10)]);
        assert_eq!(out.untouched_from(), Some(MessageId(1)));
        out.took(1);
        assert_eq!(out.untouched_from(), Some(MessageId(2)));
        out.took(9);
        assert_eq!(out.untouched_from(), Some(MessageId(2)));
        out.took(1);
        assert_eq!(out.untouched_from(), Some(MessageId(3)));
        out.took(19);
        assert_eq!(out.untouched_from(), None);
    }

    #[test]
    fn what_the_engine_did_not_take_stays_untouched() {
        let mut out = with(&[(1, 10)]);
        out.mark_unsendable(MessageId(2));
        out.took(10);
        assert_eq!(report(&mut out), [flushed(1)]);
        assert_eq!(out.untouched_from(), Some(MessageId(2)));
    }
}
