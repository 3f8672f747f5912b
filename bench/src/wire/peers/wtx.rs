//! wtx 0.46 (the last for the compiler used here) with its `optimization` feature, which turns simdutf8 on.
//!
//! Reading: `read_frame` with `WebSocketPayloadOrigin::Adaptive`, which lends the payload out of its network buffer and
//! validates text. Writing: `write_frame` with a payload that is masked where it lies: either where the application has the
//! message, which is spent then; or in a copy that is used again, for an application that keeps it. Each frame is written at
//! once, so the stream below makes batches. Masks: from the generator that it is given: its own `ChaCha20`, a CSPRNG; or
//! `Xorshift64`, as in its documentation, whose masks can be predicted.

use bytes::Bytes;
use wtx::{
    collection::Vector,
    rng::{ChaCha20, Rng, Xorshift64},
    stream::{StreamReader, StreamWriter},
    web_socket::{Frame, OpCode, WebSocketBuffer, WebSocketOwned, WebSocketPayloadOrigin},
};

use crate::wire::{
    contest::{BATCH, Receive, Take, Transmit},
    input::{Input, Kind},
    pipe::{Pipe, block_on},
};

/// With masks from this generator. Either the messages are spent, or copies of them.
pub(crate) struct Wtx<const SPEND: bool, R = ChaCha20> {
    socket: WebSocketOwned<(), R, Batching, true>,
    assembly: Vector<u8>,
    op_code: OpCode,
    messages: Vec<Vec<u8>>,
    copy: Vec<u8>,
}

impl<const SPEND: bool, R: Seeded> Wtx<SPEND, R> {
    fn over(pipe: Pipe, buffer: usize, kind: Kind, messages: Vec<Vec<u8>>) -> Self {
        let buffers = WebSocketBuffer::with_capacity(buffer, 0, 0).expect("there is memory");
        let stream = Batching { pipe, waiting: Vec::with_capacity(buffer), limit: buffer, frames: 0 };
        Self {
            socket: WebSocketOwned::new((), false, R::seeded(), stream, buffers),
            assembly: Vector::new(),
            op_code: if kind == Kind::Text { OpCode::Text } else { OpCode::Binary },
            messages,
            copy: Vec::new(),
        }
    }
}

impl<const SPEND: bool, R: Seeded> Receive for Wtx<SPEND, R> {
    fn new(pipe: Pipe, buffer: usize, input: &Input) -> Self {
        Self::over(pipe, buffer, input.kind, Vec::new())
    }

    fn receive<T: Take>(&mut self, messages: usize, take: &mut T) {
        block_on(async {
            for _ in 0..messages {
                let frame = self
                    .socket
                    .read_frame(&mut self.assembly, WebSocketPayloadOrigin::Adaptive)
                    .await
                    .expect("the stream is valid");
                match frame.op_code() {
                    OpCode::Text => take.take(Kind::Text, frame.payload()),
                    OpCode::Binary => take.take(Kind::Binary, frame.payload()),
                    other => unreachable!("nobody sent {other:?}"),
                }
            }
        });
    }
}

impl<const SPEND: bool, R: Seeded> Transmit for Wtx<SPEND, R> {
    fn new(pipe: Pipe, buffer: usize, kind: Kind, messages: &[Bytes]) -> Self {
        Self::over(pipe, buffer, kind, messages.iter().map(|bytes| bytes.to_vec()).collect())
    }

    fn transmit(&mut self, messages: usize) {
        let (socket, op_code) = (&mut self.socket, self.op_code);
        block_on(async {
            let mut index = 0;
            for _ in 0..messages {
                let message = &mut self.messages[index];
                let payload = if SPEND {
                    message
                } else {
                    self.copy.clear();
                    self.copy.extend_from_slice(message);
                    &mut self.copy
                };
                let mut frame = Frame::new_fin(op_code, &mut payload[..]);
                socket.write_frame(&mut frame).await.expect("the pipe takes everything");
                index = if index + 1 == self.messages.len() { 0 } else { index + 1 };
            }
        });
    }
}

/// A generator to make masks; what it costs does not depend on its seed.
pub(crate) trait Seeded: Rng + 'static {
    fn seeded() -> Self;
}

impl Seeded for ChaCha20 {
    fn seeded() -> Self {
        Self::from_key(rand::random())
    }
}

impl Seeded for Xorshift64 {
    fn seeded() -> Self {
        Self::new(rand::random::<u64>() | 1)
    }
}

/// A stream that gathers small writes: frames leave the library one by one, so it is what makes batches.
struct Batching {
    pipe: Pipe,
    waiting: Vec<u8>,
    limit: usize,
    /// Of the batch.
    frames: usize,
}

impl Batching {
    fn flush(&mut self) {
        if !self.waiting.is_empty() {
            self.pipe.take(&self.waiting);
            self.waiting.clear();
        }
    }
}

impl StreamReader for Batching {
    #[inline]
    async fn read(&mut self, bytes: &mut [u8]) -> wtx::Result<usize> {
        Ok(self.pipe.fill(bytes))
    }
}

impl StreamWriter for Batching {
    #[inline]
    async fn write_all(&mut self, bytes: &[u8]) -> wtx::Result<()> {
        self.write_all_vectored(&[bytes]).await
    }

    #[inline]
    async fn write_all_vectored(&mut self, slices: &[&[u8]]) -> wtx::Result<()> {
        let len: usize = slices.iter().map(|slice| slice.len()).sum();
        if self.waiting.len() + len > self.limit {
            self.flush();
        }
        for slice in slices {
            if len > self.limit {
                self.pipe.take(slice);
            } else {
                self.waiting.extend_from_slice(slice);
            }
        }
        self.frames += 1;
        if self.frames == BATCH {
            self.frames = 0;
            self.flush();
        }
        Ok(())
    }
}
