//! Bytes on their way out, and where in them each message ends.

use std::{collections::VecDeque, mem};

use steadfast_core::{CloseFrame, ConnId, Event, Message, MessageId, wire::Buffer};

use crate::{
    engine::Engine,
    pump::backlog::{Backlog, Step, Waiting, Written},
};

/// A connection's outbound bytes, counted from its first one, with marks for the messages and pings in them.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// What the engine appends to, and the operating system takes from.
    pub(super) buffer: Buffer,
    /// How many bytes the operating system has taken.
    sent: u64,
    /// What is in the buffer, or was, in the order of its last bytes.
    marks: VecDeque<Mark>,
    /// What is not whole in the buffer yet.
    backlog: Backlog,
}

#[derive(Debug)]
enum Mark {
    Message {
        id: MessageId,
        start: u64,
        end: u64,
    },
    /// A ping or a heartbeat, and the first message that it is ahead of though that was handed over earlier.
    Ping {
        end: u64,
        overtook: Option<MessageId>,
    },
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

    /// A ping, or a message of the session's own, was appended.
    pub(super) fn mark_ping(&mut self) {
        let (end, overtook) = (self.end(), self.backlog.first_message());
        self.marks.push_back(Mark::Ping { end, overtook });
    }

    /// Whether something was handed over that is not in the buffer as a whole. Whatever keeps its place has to wait
    /// behind it.
    pub(super) fn is_waiting(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Whether as much is in the buffer as is worth having there. More would be a copy of what the outbox has already, in
    /// memory that no cache holds.
    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() >= BATCH
    }

    /// A message goes out fragment by fragment, waits for room or behind one that does, or waits in vain, as the engine
    /// takes no more.
    pub(super) fn wait(&mut self, id: MessageId, message: &Message<'static>) {
        self.backlog.push(Waiting::Message(id, message.clone()));
    }

    /// A message of the session's own waits.
    pub(super) fn wait_heartbeat(&mut self, text: &str) {
        self.backlog.push(Waiting::Heartbeat(Message::text(text).into_owned()));
    }

    /// A message that presents credentials waits.
    pub(super) fn wait_presented(&mut self, message: Message<'static>) {
        self.backlog.push(Waiting::Presented(message));
    }

    /// A close frame waits.
    pub(super) fn wait_close(&mut self, frame: &CloseFrame) {
        self.backlog.push(Waiting::Close(frame.clone()));
    }

    /// Moves what waits into the buffer, until that is worth a write: what is in it is what a ping has to wait for.
    pub(super) fn feed(&mut self, engine: &mut Engine) {
        while self.buffer.len() < BATCH {
            let at = self.end();
            match self.backlog.advance(engine, &mut self.buffer, at) {
                Step::Fragment | Step::Whole(Written::Unmarked) => {}
                Step::Whole(Written::Message { id, start }) => self.mark_message(id, start),
                Step::Whole(Written::Heartbeat) => self.mark_ping(),
                Step::Stuck => break,
            }
        }
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
                Mark::Ping { end, overtook } if end <= self.sent => {
                    if let Some(up_to) = flushed.take() {
                        events.push_back(Event::Flushed { conn, up_to });
                    }
                    events.push_back(Event::PingFlushed { conn, overtook });
                }
                Mark::Message { .. } | Mark::Ping { .. } => break,
            }
            self.marks.pop_front();
        }
        if let Some(up_to) = flushed {
            events.push_back(Event::Flushed { conn, up_to });
        }
        if self.marks.is_empty() {
            // It begins at its front again, instead of going round all the memory that it ever needed.
            self.marks.clear();
        }
    }

    /// The first message of which no byte reached the operating system, where that may have seen so many bytes beyond those
    /// that it has taken.
    pub(super) fn untouched_from(&self, beyond: usize) -> Option<MessageId> {
        let seen = self.sent + beyond as u64;
        let written = self.marks.iter().find_map(|mark| match mark {
            Mark::Message { id, start, .. } if *start >= seen => Some(*id),
            Mark::Message { .. } | Mark::Ping { .. } => None,
        });
        written.or_else(|| self.backlog.untouched_from(seen))
    }

    /// Gives back the memory of queues that were long.
    pub(super) fn release(&mut self) {
        self.marks.shrink_to(KEPT_MARKS);
        self.backlog.release();
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

/// How many marks a connection at rest has room for.
const KEPT_MARKS: usize = 4;
/// A larger buffer goes back to the allocator when it is empty.
const KEPT: usize = 1 << 20;
/// How much is put together for one write: what a ping may have to wait for, next to what the kernel holds unsent. Half of
/// it costs a client that sends messages of 64 KiB a third more.
const BATCH: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{WireOptions, engine::testing};

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
        assert_eq!(out.untouched_from(0), Some(MessageId(1)));
        out.took(1);
        assert_eq!(out.untouched_from(0), Some(MessageId(2)));
        out.took(9);
        assert_eq!(out.untouched_from(0), Some(MessageId(2)));
        out.took(1);
        assert_eq!(out.untouched_from(0), Some(MessageId(3)));
        out.took(19);
        assert_eq!(out.untouched_from(0), None);
    }

    #[test]
    fn what_the_engine_did_not_take_stays_untouched() {
        let mut out = with(&[(1, 10)]);
        out.wait(MessageId(2), &Message::text("late"));
        out.took(10);
        assert_eq!(report(&mut out), [flushed(1)]);
        assert_eq!(out.untouched_from(0), Some(MessageId(2)));
    }

    /// An engine that puts so much payload into a frame.
    fn fragmenting(bytes: usize) -> Engine {
        testing::open(WireOptions { fragment_bytes: Some(bytes), ..WireOptions::default() })
    }

    /// Hands over a message of this length.
    fn wait(out: &mut Outgoing, id: u64, len: usize) {
        out.wait(MessageId(id), &Message::binary(vec![1; len]));
    }

    fn ping(out: &mut Outgoing, engine: &mut Engine) {
        assert!(engine.ping(steadfast_core::PingPayload([0; 8]), &mut out.buffer));
        out.mark_ping();
    }

    #[test]
    fn of_a_long_message_no_more_is_in_the_buffer_than_is_worth_a_write() {
        let (mut out, mut engine, mut most) = (Outgoing::default(), fragmenting(16 << 10), 0);
        wait(&mut out, 1, 8 << 20);
        while out.is_waiting() {
            out.feed(&mut engine);
            most = most.max(out.buffer.capacity());
            out.took(out.pending().len());
        }
        assert_eq!(report(&mut out), [flushed(1)]);
        assert!(most <= 2 * (BATCH + (16 << 10)), "{most} B");
    }

    #[test]
    fn a_ping_is_ahead_of_the_fragments_that_are_not_in_the_buffer_and_names_their_message() {
        let (mut out, mut engine) = (Outgoing::default(), fragmenting(50_000));
        wait(&mut out, 7, 250_000);
        out.feed(&mut engine);
        ping(&mut out, &mut engine);
        out.took(out.pending().len());
        assert_eq!(report(&mut out), [Event::PingFlushed { conn: CONN, overtook: Some(MessageId(7)) }]);
        while out.is_waiting() {
            out.took(out.pending().len());
            out.feed(&mut engine);
        }
        ping(&mut out, &mut engine);
        out.took(out.pending().len());
        assert_eq!(report(&mut out), [flushed(7), PING]);
    }

    #[test]
    fn of_fragmented_messages_it_is_known_to_the_byte_which_are_touched() {
        let (mut out, mut engine) = (Outgoing::default(), fragmenting(50_000));
        wait(&mut out, 1, 150_000);
        wait(&mut out, 2, 60_000);
        // Three frames of 50,000 bytes, each with a header of eight.
        let (mut sent, first) = (0, 150_024);
        loop {
            let expected = match sent {
                0 => Some(MessageId(1)),
                sent if sent <= first => Some(MessageId(2)),
                _ => None,
            };
            assert_eq!(out.untouched_from(0), expected, "{sent} bytes sent");
            if out.pending().is_empty() {
                out.feed(&mut engine);
            }
            if out.pending().is_empty() {
                return;
            }
            out.took(1);
            sent += 1;
        }
    }

    #[test]
    fn a_connection_that_closes_between_two_fragments_has_touched_their_message_and_no_other() {
        let (mut out, mut engine) = (Outgoing::default(), fragmenting(50_000));
        wait(&mut out, 1, 500_000);
        wait(&mut out, 2, 10);
        out.feed(&mut engine);
        out.took(out.pending().len());
        engine.close(&CloseFrame::NORMAL, &mut out.buffer);
        out.took(out.pending().len());
        out.feed(&mut engine);
        assert!(out.pending().is_empty());
        assert_eq!((report(&mut out), out.untouched_from(0)), (vec![], Some(MessageId(2))));
    }

    #[cfg(feature = "deflate")]
    #[test]
    fn a_fragment_that_stays_in_the_compressor_touches_nothing() {
        let offer = steadfast_core::wire::deflate::Offer::new(steadfast_core::wire::deflate::Options::default());
        let compression = Some(offer.expect("good options"));
        let mut engine =
            testing::open(WireOptions { compression, fragment_bytes: Some(1_000), ..WireOptions::default() });
        let mut out = Outgoing::default();
        // All the same: not a byte comes out before the end.
        wait(&mut out, 1, 3_000);
        let step = out.backlog.advance(&mut engine, &mut out.buffer, 0);
        assert_eq!((step, out.buffer.len()), (Step::Fragment, 0));
        ping(&mut out, &mut engine);
        out.took(out.pending().len());
        assert_eq!(report(&mut out), [Event::PingFlushed { conn: CONN, overtook: Some(MessageId(1)) }]);
        assert_eq!(out.untouched_from(0), Some(MessageId(1)));
        out.feed(&mut engine);
        out.took(1);
        assert_eq!(out.untouched_from(0), None);
        out.took(out.pending().len());
        assert_eq!(report(&mut out), [flushed(1)]);
    }

    #[test]
    fn what_keeps_its_place_waits_behind_the_last_fragment() {
        let (mut out, mut engine) = (Outgoing::default(), fragmenting(10));
        wait(&mut out, 1, 25);
        out.wait_heartbeat("beat");
        out.wait_close(&CloseFrame::NORMAL);
        out.feed(&mut engine);
        let mut firsts = Vec::new();
        let mut left = out.pending();
        while let [first, len, ..] = left {
            firsts.push(*first);
            left = &left[6 + usize::from(len & 0x7f)..];
        }
        assert_eq!(firsts, [0x02, 0x00, 0x80, 0x81, 0x88]);
        out.took(out.pending().len());
        assert_eq!(report(&mut out), [flushed(1), PING]);
    }

    #[test]
    fn queues_that_were_long_give_their_memory_back() {
        let (mut out, mut engine) = (Outgoing::default(), fragmenting(1_000));
        for id in 1..=2_000 {
            wait(&mut out, id, 10);
        }
        while out.is_waiting() {
            out.feed(&mut engine);
        }
        out.took(out.pending().len());
        assert_eq!(report(&mut out), [flushed(2_000)]);
        assert!(out.marks.capacity() >= 2_000);
        out.release();
        assert!(out.marks.capacity() <= 8, "{}", out.marks.capacity());
    }
}
