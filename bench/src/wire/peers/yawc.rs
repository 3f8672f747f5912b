//! yawc 0.5 with its `simd` feature, without TLS and compression.
//!
//! Reading: `next_frame` of a `WebSocket` with `with_utf8` and `with_read_buffer_capacity`; it assembles fragments and
//! validates text. Writing: `feed` for each frame of a batch, then `flush`, with `with_write_buffer_capacity` and a
//! backpressure boundary to match; it masks while copying. Masks: `rand`'s thread generator, a CSPRNG.

use bytes::Bytes;
use futures_util::SinkExt;
use yawc::{Frame, OpCode, Options, Role, WebSocket};

use crate::wire::{
    contest::{BATCH, Receive, Take, Transmit},
    input::{Input, Kind},
    pipe::{Pipe, block_on},
};

pub(crate) struct Yawc {
    socket: WebSocket<Pipe>,
    messages: Vec<Frame>,
}

impl Yawc {
    fn over(pipe: Pipe, options: Options) -> Self {
        let options = options.with_limits(16 << 20, 32 << 20);
        let socket = WebSocket::from_stream(pipe, Role::Client, options).expect("no extension is asked for");
        Self { socket, messages: Vec::new() }
    }
}

impl Receive for Yawc {
    fn new(pipe: Pipe, buffer: usize, _: &Input) -> Self {
        Self::over(pipe, Options::default().with_utf8().with_read_buffer_capacity(buffer))
    }

    fn receive<T: Take>(&mut self, messages: usize, take: &mut T) {
        block_on(async {
            for _ in 0..messages {
                let frame = self.socket.next_frame().await.expect("the stream is valid");
                match frame.opcode() {
                    OpCode::Text => take.take(Kind::Text, frame.payload()),
                    OpCode::Binary => take.take(Kind::Binary, frame.payload()),
                    other => unreachable!("nobody sent {other:?}"),
                }
            }
        });
    }
}

impl Transmit for Yawc {
    fn new(pipe: Pipe, buffer: usize, kind: Kind, messages: &[Bytes]) -> Self {
        let options = Options::default().with_write_buffer_capacity(buffer).with_backpressure_boundary(buffer);
        let messages = messages.iter().map(|bytes| match kind {
            Kind::Text => Frame::text(bytes.clone()),
            Kind::Binary => Frame::binary(bytes.clone()),
        });
        let messages = messages.collect();
        Self { messages, ..Self::over(pipe, options) }
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
