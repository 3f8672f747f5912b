//! Steadfast's wire.
//!
//! Reading: what was read is given to `Wire::receive_whole`, and what is no message by itself to `Wire::receive`; the
//! rest of a message that is longer than one read is read to where it is assembled (`Wire::space`), with no more than a
//! header behind it where messages are large. Messages are borrowed; or made owned for an application that keeps them:
//! each by itself, or, if they are binary, as a part of the memory that was read into; or handed out in pieces
//! (`Config::pieces`).
//!
//! Writing: `Wire::send` for each message of a batch into one buffer, which is written when the batch or the buffer is full. A
//! message that is longer than the buffer passes through it in slices (`Wire::send_in_slices`). Masks: `ChaCha12`, seeded once,
//! a CSPRNG.

use bytes::{Bytes, BytesMut};
use steadfast_core::{
    Message,
    wire::{Buffer, Config, Event, FrameHeader, Received, Wire},
};

use super::{
    contest::{BATCH, Entry, Receive, Side, Take, Transmit},
    input::{Input, Kind},
    pipe::Pipe,
};

pub(crate) fn receivers() -> Vec<Entry> {
    vec![
        Entry::receiver::<Borrowed>("steadfast, borrowed", Side::Ours),
        Entry::receiver::<Owned>("steadfast, owned", Side::OursToo),
        Entry::receiver::<Shared>("steadfast, owned in chunk", Side::OursToo),
        Entry::receiver::<Pieces>("steadfast, in pieces", Side::OursInPieces),
    ]
}

pub(crate) fn senders() -> Vec<Entry> {
    vec![Entry::sender::<Sending>("steadfast", Side::Ours)]
}

struct Reading {
    wire: Wire,
    pipe: Pipe,
    buffer: Vec<u8>,
    /// How long the next message is, at a guess: as long as the last, or as what there is of it already.
    expected: usize,
    assembly: Buffer,
    out: Buffer,
}

impl Reading {
    fn new(pipe: Pipe, buffer: usize) -> Self {
        let wire = Wire::new(Config::default(), rand::random());
        Self { wire, pipe, buffer: vec![0; buffer], expected: 0, assembly: Buffer::new(), out: Buffer::new() }
    }

    #[inline]
    fn receive(&mut self, messages: usize, mut hand_over: impl FnMut(Received<'_>)) {
        let mut done = 0;
        while done < messages {
            let assembled = self.assembly.len();
            let space = self.wire.space(&mut self.assembly).unwrap_or_default();
            if !space.is_empty() {
                self.expected = assembled + space.len();
            }
            // Behind a large message comes a large one, probably, which is better read to its place than copied there.
            // (Where there is no space in the middle of one, its memory has to grow first.)
            let grows = space.is_empty() && assembled > 0;
            let behind = if self.expected > self.buffer.len() / 8 && !grows { HEAD } else { self.buffer.len() };
            let (direct, len) = self.pipe.fill_both(space, &mut self.buffer[..behind]);
            let more = direct < space.len();
            self.wire.filled(direct, &mut self.assembly);
            if more || len == 0 && self.wire.space(&mut self.assembly).is_some() {
                // The message is not whole, and there is more to read.
                continue;
            }
            let mut input = &self.buffer[..len];
            loop {
                while let Some(message) = self.wire.receive_whole(&mut input) {
                    self.expected = message.as_bytes().len();
                    hand_over(message);
                    done += 1;
                }
                let Some(event) = self.wire.receive(&mut input, &mut self.assembly, &mut self.out) else { break };
                match event.expect("the stream is valid") {
                    Event::Message(message) => {
                        self.expected = message.as_bytes().len();
                        hand_over(message);
                    }
                    other => unreachable!("nobody sent {other:?}"),
                }
                done += 1;
            }
        }
    }
}

/// The longest header.
const HEAD: usize = FrameHeader::MAX_BYTES;

struct Borrowed(Reading);

impl Receive for Borrowed {
    fn new(pipe: Pipe, buffer: usize, _: &Input) -> Self {
        Self(Reading::new(pipe, buffer))
    }

    fn receive<T: Take>(&mut self, messages: usize, take: &mut T) {
        self.0.receive(messages, |message| match message.as_text() {
            Some(text) => take.take(Kind::Text, text.as_bytes()),
            None => take.take(Kind::Binary, message.as_bytes()),
        });
    }
}

/// Each message by itself, free of what was read: it can be kept for any time.
struct Owned(Reading);

impl Receive for Owned {
    fn new(pipe: Pipe, buffer: usize, _: &Input) -> Self {
        Self(Reading::new(pipe, buffer))
    }

    fn receive<T: Take>(&mut self, messages: usize, take: &mut T) {
        self.0.receive(messages, |message| hand_over(&message.into_owned(), take));
    }
}

/// Binary messages as parts of what was read, which lives as long as one of them.
struct Shared {
    wire: Wire,
    pipe: Pipe,
    bytes: BytesMut,
    buffer: usize,
    assembly: Buffer,
    out: Buffer,
}

impl Receive for Shared {
    fn new(pipe: Pipe, buffer: usize, _: &Input) -> Self {
        let wire = Wire::new(Config::default(), rand::random());
        Self { wire, pipe, bytes: BytesMut::new(), buffer, assembly: Buffer::new(), out: Buffer::new() }
    }

    fn receive<T: Take>(&mut self, messages: usize, take: &mut T) {
        let mut done = 0;
        while done < messages {
            let mut chunk = Bytes::new();
            if let Some(space) = self.wire.space(&mut self.assembly) {
                let len = self.pipe.fill(space);
                self.wire.filled(len, &mut self.assembly);
            } else {
                // If nobody kept a message of the chunk before, its memory serves again.
                if !self.bytes.try_reclaim(self.buffer) {
                    self.bytes.reserve(self.buffer);
                }
                self.pipe.append(self.buffer, |block| self.bytes.extend_from_slice(block));
                chunk = self.bytes.split().freeze();
            }
            let mut input = &chunk[..];
            while let Some(event) = self.wire.receive(&mut input, &mut self.assembly, &mut self.out) {
                match event.expect("the stream is valid") {
                    Event::Message(message) => hand_over(&message.into_owned_within(&chunk), take),
                    other => unreachable!("nobody sent {other:?}"),
                }
                done += 1;
            }
        }
    }
}

/// Each message in as many pieces as it comes in, each a part of what was read.
struct Pieces {
    wire: Wire,
    pipe: Pipe,
    buffer: Vec<u8>,
    /// Holds a character that lies across two reads, at most.
    assembly: Buffer,
    out: Buffer,
}

impl Receive for Pieces {
    fn new(pipe: Pipe, buffer: usize, _: &Input) -> Self {
        let wire = Wire::new(Config { pieces: true, ..Config::default() }, rand::random());
        Self { wire, pipe, buffer: vec![0; buffer], assembly: Buffer::new(), out: Buffer::new() }
    }

    fn receive<T: Take>(&mut self, messages: usize, take: &mut T) {
        let mut done = 0;
        while done < messages {
            let len = self.pipe.fill(&mut self.buffer);
            let mut input = &self.buffer[..len];
            while let Some(event) = self.wire.receive(&mut input, &mut self.assembly, &mut self.out) {
                match event.expect("the stream is valid") {
                    Event::Piece(piece) => {
                        let kind = if piece.payload.is_text() { Kind::Text } else { Kind::Binary };
                        take.take_part(kind, piece.payload.as_bytes(), piece.last);
                        done += usize::from(piece.last);
                    }
                    other => unreachable!("nobody sent {other:?}"),
                }
            }
        }
    }
}

#[inline]
fn hand_over<T: Take>(message: &Message<'_>, take: &mut T) {
    match message {
        Message::Text(text) => take.take(Kind::Text, text.as_bytes()),
        Message::Binary(bytes) => take.take(Kind::Binary, bytes),
    }
}

struct Sending {
    wire: Wire,
    pipe: Pipe,
    out: Buffer,
    limit: usize,
    messages: Vec<Message<'static>>,
}

impl Transmit for Sending {
    fn new(pipe: Pipe, buffer: usize, kind: Kind, messages: &[Bytes]) -> Self {
        let message = |bytes: &Bytes| match kind {
            Kind::Text => Message::text(String::from_utf8(bytes.to_vec()).expect("text messages are text")),
            Kind::Binary => Message::binary(bytes.clone()),
        };
        Self {
            wire: Wire::new(Config::default(), rand::random()),
            pipe,
            out: Buffer::new(),
            limit: buffer,
            messages: messages.iter().map(message).collect(),
        }
    }

    fn transmit(&mut self, messages: usize) {
        let mut next = self.messages.iter().cycle();
        for _ in 0..messages / BATCH {
            for message in next.by_ref().take(BATCH) {
                if message.len() > self.limit {
                    let mut slices =
                        self.wire.send_in_slices(message, self.limit, &mut self.out).expect("nothing was closed");
                    while let Some(out) = slices.more() {
                        self.pipe.take(out.as_slice());
                        out.clear();
                    }
                    continue;
                }
                self.wire.send(message, &mut self.out).expect("nothing was closed");
                if self.out.len() >= self.limit {
                    self.pipe.take(self.out.as_slice());
                    self.out.clear();
                }
            }
            self.pipe.take(self.out.as_slice());
            self.out.clear();
        }
    }
}
