//! sockudo-ws 3.1 with its default features, of which `simd` is one.
//!
//! Twice: its `WebSocketStream` (`Stream` and `Sink`: `feed` for each message of a batch, then `flush`), and its `Protocol`,
//! the machine below it, which takes and gives bytes. The stream's pings and time limits are off: they are a clock's work, which
//! no other entry does here. It fixes its read buffer at 64 KiB.
//!
//! Masks: with its `rand_rng` feature, from `rand`'s thread generator, a CSPRNG. Its default is `fastrand`, whose masks can be
//! predicted: [`WeakMasks`] shows what difference that makes, by calling what `Protocol` calls with such masks.

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::{
    Config, Message, OpCode, WebSocketStream,
    frame::encode_frame,
    protocol::{Protocol, Role},
};

use crate::wire::{
    contest::{BATCH, Receive, Take, Transmit},
    input::{Input, Kind},
    pipe::{Pipe, block_on},
};

pub(crate) struct Stream {
    socket: WebSocketStream<Pipe>,
    messages: Vec<Message>,
}

impl Stream {
    fn over(pipe: Pipe, write_buffer_size: usize) -> Self {
        let config = Config { auto_ping: false, idle_timeout: 0, write_buffer_size, ..Config::default() };
        let mut socket = WebSocketStream::client(pipe, config);
        socket.set_high_water_mark(write_buffer_size);
        Self { socket, messages: Vec::new() }
    }
}

impl Receive for Stream {
    fn new(pipe: Pipe, _: usize, _: &Input) -> Self {
        Self::over(pipe, 16 * 1024)
    }

    fn receive<T: Take>(&mut self, messages: usize, take: &mut T) {
        block_on(async {
            for _ in 0..messages {
                hand_over(&self.socket.next().await.expect("it never ends").expect("the stream is valid"), take);
            }
        });
    }
}

impl Transmit for Stream {
    fn new(pipe: Pipe, buffer: usize, kind: Kind, messages: &[Bytes]) -> Self {
        Self { messages: prepare(kind, messages), ..Self::over(pipe, buffer) }
    }

    fn transmit(&mut self, messages: usize) {
        let mut next = self.messages.iter().cycle();
        block_on(async {
            for _ in 0..messages / BATCH {
                for message in next.by_ref().take(BATCH) {
                    self.socket.feed(message.clone()).await.expect("the pipe takes everything");
                }
                self.socket.flush().await.expect("the pipe takes everything");
            }
        });
    }
}

pub(crate) struct Machine {
    protocol: Protocol,
    pipe: Pipe,
    /// For reads, what arrived; for writes, what is to leave.
    bytes: BytesMut,
    /// How much is read or written at a time.
    buffer: usize,
    received: Vec<Message>,
    messages: Vec<Message>,
}

impl Machine {
    fn over(pipe: Pipe, buffer: usize) -> Self {
        Self {
            protocol: Protocol::new(Role::Client, 16 << 20, 64 << 20),
            pipe,
            bytes: BytesMut::with_capacity(2 * buffer),
            buffer,
            received: Vec::new(),
            messages: Vec::new(),
        }
    }
}

impl Receive for Machine {
    fn new(pipe: Pipe, buffer: usize, _: &Input) -> Self {
        Self::over(pipe, buffer)
    }

    fn receive<T: Take>(&mut self, messages: usize, take: &mut T) {
        let mut done = 0;
        while done < messages {
            // Nothing holds the messages of the read before any more, so its memory serves again.
            if self.bytes.is_empty() && !self.bytes.try_reclaim(2 * self.buffer) {
                self.bytes.reserve(2 * self.buffer);
            }
            self.pipe.append(self.buffer, |block| self.bytes.extend_from_slice(block));
            self.protocol.process_into(&mut self.bytes, &mut self.received).expect("the stream is valid");
            done += self.received.len();
            for message in self.received.drain(..) {
                hand_over(&message, take);
            }
        }
    }
}

impl Transmit for Machine {
    fn new(pipe: Pipe, buffer: usize, kind: Kind, messages: &[Bytes]) -> Self {
        Self { messages: prepare(kind, messages), ..Self::over(pipe, buffer) }
    }

    fn transmit(&mut self, messages: usize) {
        let mut next = self.messages.iter().cycle();
        for _ in 0..messages / BATCH {
            for message in next.by_ref().take(BATCH) {
                self.protocol.encode_message(message, &mut self.bytes).expect("messages are valid");
                if self.bytes.len() >= self.buffer {
                    self.pipe.take(&self.bytes);
                    self.bytes.clear();
                }
            }
            self.pipe.take(&self.bytes);
            self.bytes.clear();
        }
    }
}

/// The encoder below `Protocol` with masks from `fastrand`: what `Protocol` does with its default features.
pub(crate) struct WeakMasks {
    pipe: Pipe,
    bytes: BytesMut,
    buffer: usize,
    opcode: OpCode,
    messages: Vec<Bytes>,
}

impl Transmit for WeakMasks {
    fn new(pipe: Pipe, buffer: usize, kind: Kind, messages: &[Bytes]) -> Self {
        let opcode = if kind == Kind::Text { OpCode::Text } else { OpCode::Binary };
        Self { pipe, bytes: BytesMut::with_capacity(2 * buffer), buffer, opcode, messages: messages.to_vec() }
    }

    fn transmit(&mut self, messages: usize) {
        let mut next = self.messages.iter().cycle();
        for _ in 0..messages / BATCH {
            for message in next.by_ref().take(BATCH) {
                let mask = Some(fastrand::u32(..).to_ne_bytes());
                encode_frame(&mut self.bytes, self.opcode, message, true, mask);
                if self.bytes.len() >= self.buffer {
                    self.pipe.take(&self.bytes);
                    self.bytes.clear();
                }
            }
            self.pipe.take(&self.bytes);
            self.bytes.clear();
        }
    }
}

#[inline]
fn hand_over<T: Take>(message: &Message, take: &mut T) {
    match message {
        Message::Text(text) => take.take(Kind::Text, text),
        Message::Binary(bytes) => take.take(Kind::Binary, bytes),
        other => unreachable!("nobody sent {other:?}"),
    }
}

fn prepare(kind: Kind, messages: &[Bytes]) -> Vec<Message> {
    let message = match kind {
        Kind::Text => Message::Text,
        Kind::Binary => Message::Binary,
    };
    messages.iter().cloned().map(message).collect()
}
