//! websocket-sans-io 0.1: a decoder and an encoder of frames, without messages.
//!
//! Reading: `add_data` on what was read, in place; the payload of a frame that lies inside one read is lent from it,
//! any other assembled here. It takes whatever comes: reserved bits, opcodes, masks and lengths are judged here, and
//! text validated. Writing: `start_frame`, then `transform_frame_payload` on a copy in the write buffer. Masks: the
//! user's matter; `rand`'s thread generator here, a CSPRNG.

use bytes::Bytes;
use websocket_sans_io::{FrameInfo, Opcode, WebsocketFrameDecoder, WebsocketFrameEncoder, WebsocketFrameEvent};

use crate::wire::{
    contest::{BATCH, Receive, Take, Transmit},
    input::{Input, Kind},
    peers::validate,
    pipe::Pipe,
};

pub(crate) struct SansIo {
    pipe: Pipe,
    buffer: Vec<u8>,
    limit: usize,
    decoder: WebsocketFrameDecoder,
    /// The message so far, if it is longer than one read.
    assembly: Vec<u8>,
    encoder: WebsocketFrameEncoder,
    kind: Kind,
    messages: Vec<Bytes>,
}

impl SansIo {
    fn over(pipe: Pipe, limit: usize, kind: Kind, messages: Vec<Bytes>) -> Self {
        Self {
            pipe,
            buffer: Vec::with_capacity(limit),
            limit,
            decoder: WebsocketFrameDecoder::new(),
            assembly: Vec::new(),
            encoder: WebsocketFrameEncoder::new(),
            kind,
            messages,
        }
    }

    /// Hands over the messages that end in what was read; how many.
    fn decode<T: Take>(&mut self, len: usize, take: &mut T) -> usize {
        let (mut done, mut position, mut payload) = (0, 0, 0..0);
        loop {
            let result = match self.decoder.add_data(&mut self.buffer[position..len]) {
                Ok(result) => result,
                Err(never) => match never {},
            };
            match result.event {
                Some(WebsocketFrameEvent::Start { frame_info, .. }) => judge(&frame_info),
                Some(WebsocketFrameEvent::PayloadChunk { .. }) => {
                    payload = position..position + result.consumed_bytes;
                }
                Some(WebsocketFrameEvent::End { frame_info, original_opcode }) if frame_info.fin => {
                    let kind = if original_opcode == Opcode::Text { Kind::Text } else { Kind::Binary };
                    let mut message = &self.buffer[payload.clone()];
                    if !self.assembly.is_empty() {
                        self.assembly.extend_from_slice(message);
                        message = &self.assembly;
                    }
                    validate(kind, message);
                    take.take(kind, message);
                    self.assembly.clear();
                    payload = 0..0;
                    done += 1;
                }
                Some(WebsocketFrameEvent::End { frame_info, .. }) => unreachable!("nobody sent {frame_info:?}"),
                None if result.consumed_bytes == 0 => break,
                None => {}
            }
            position += result.consumed_bytes;
        }
        self.assembly.extend_from_slice(&self.buffer[payload]);
        done
    }
}

/// What the decoder leaves to its user, as far as one frame can tell.
#[inline]
fn judge(frame: &FrameInfo) {
    assert!(frame.is_reasonable() && frame.mask.is_none() && frame.payload_length <= 16 << 20, "the stream is valid");
    assert!(frame.opcode.is_data() || frame.payload_length <= 125, "the stream is valid");
}

impl Receive for SansIo {
    fn new(pipe: Pipe, buffer: usize, input: &Input) -> Self {
        let mut this = Self::over(pipe, buffer, input.kind, Vec::new());
        this.buffer.resize(buffer, 0);
        this
    }

    fn receive<T: Take>(&mut self, messages: usize, take: &mut T) {
        let mut done = 0;
        while done < messages {
            let len = self.pipe.fill(&mut self.buffer);
            done += self.decode(len, take);
        }
    }
}

impl Transmit for SansIo {
    fn new(pipe: Pipe, buffer: usize, kind: Kind, messages: &[Bytes]) -> Self {
        Self::over(pipe, buffer, kind, messages.to_vec())
    }

    fn transmit(&mut self, messages: usize) {
        let opcode = if self.kind == Kind::Text { Opcode::Text } else { Opcode::Binary };
        let mut next = self.messages.iter().cycle();
        for _ in 0..messages / BATCH {
            for message in next.by_ref().take(BATCH) {
                let head = self.encoder.start_frame(&FrameInfo {
                    opcode,
                    payload_length: message.len() as u64,
                    mask: Some(rand::random()),
                    fin: true,
                    reserved: 0,
                });
                self.buffer.extend_from_slice(&head);
                let start = self.buffer.len();
                self.buffer.extend_from_slice(message);
                self.encoder.transform_frame_payload(&mut self.buffer[start..]);
                if self.buffer.len() >= self.limit {
                    self.pipe.take(&self.buffer);
                    self.buffer.clear();
                }
            }
            self.pipe.take(&self.buffer);
            self.buffer.clear();
        }
    }
}
