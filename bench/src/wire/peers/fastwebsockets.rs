//! fastwebsockets 0.10 with its `simd` feature.
//!
//! Reading: `WebSocket::read_frame`, which validates text (its `FragmentCollector`, which all but tests and servers of one's
//! own need, costs a little more). It fixes its read buffer at 8 KiB and grows it with the messages.
//! Writing: `write_frame` writes each frame at once, so a `BufWriter` makes batches of them. It masks in place: either
//! `Payload::BorrowedMut` where the application has the message, which is spent then; or a copy in a buffer that is used again,
//! for an application that keeps it (`Payload::Borrowed` would allocate for each). Masks: `rand`'s thread generator, a CSPRNG.

use bytes::Bytes;
use fastwebsockets::{Frame, OpCode, Payload, Role, WebSocket};
use tokio::io::BufWriter;

use crate::wire::{
    contest::{BATCH, Receive, Take, Transmit},
    input::{Input, Kind},
    pipe::{Pipe, block_on},
};

/// Either the messages are spent, or copies of them.
pub(crate) struct FastWebsockets<const SPEND: bool> {
    socket: WebSocket<BufWriter<Pipe>>,
    kind: Kind,
    messages: Vec<Vec<u8>>,
    copy: Vec<u8>,
}

impl<const SPEND: bool> FastWebsockets<SPEND> {
    fn over(pipe: Pipe, buffer: usize, kind: Kind) -> Self {
        let mut socket = WebSocket::after_handshake(BufWriter::with_capacity(buffer, pipe), Role::Client);
        // Its default of 64 MiB is a comparison with each length; so is this.
        socket.set_max_message_size(16 << 20);
        Self { socket, kind, messages: Vec::new(), copy: Vec::new() }
    }
}

impl<const SPEND: bool> Receive for FastWebsockets<SPEND> {
    fn new(pipe: Pipe, buffer: usize, input: &Input) -> Self {
        Self::over(pipe, buffer, input.kind)
    }

    fn receive<T: Take>(&mut self, messages: usize, take: &mut T) {
        block_on(async {
            for _ in 0..messages {
                let frame = self.socket.read_frame().await.expect("the stream is valid");
                match frame.opcode {
                    OpCode::Text => take.take(Kind::Text, &frame.payload),
                    OpCode::Binary => take.take(Kind::Binary, &frame.payload),
                    other => unreachable!("nobody sent {other:?}"),
                }
            }
        });
    }
}

impl<const SPEND: bool> Transmit for FastWebsockets<SPEND> {
    fn new(pipe: Pipe, buffer: usize, kind: Kind, messages: &[Bytes]) -> Self {
        let messages = messages.iter().map(|bytes| bytes.to_vec()).collect();
        Self { messages, ..Self::over(pipe, buffer, kind) }
    }

    fn transmit(&mut self, messages: usize) {
        let (kind, socket) = (self.kind, &mut self.socket);
        block_on(async {
            let mut index = 0;
            for _ in 0..messages / BATCH {
                for _ in 0..BATCH {
                    let message = &mut self.messages[index];
                    let payload = if SPEND {
                        Payload::BorrowedMut(message)
                    } else {
                        self.copy.clear();
                        self.copy.extend_from_slice(message);
                        Payload::BorrowedMut(&mut self.copy)
                    };
                    let frame = match kind {
                        Kind::Text => Frame::text(payload),
                        Kind::Binary => Frame::binary(payload),
                    };
                    socket.write_frame(frame).await.expect("the pipe takes everything");
                    index = if index + 1 == self.messages.len() { 0 } else { index + 1 };
                }
                socket.flush().await.expect("the pipe takes everything");
            }
        });
    }
}
