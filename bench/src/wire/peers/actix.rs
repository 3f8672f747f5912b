//! actix-http 3's WebSocket codec, which actix-web and awc use.
//!
//! Reading: `Codec::decode` on a `BytesMut` that reads are appended to. It leaves the validation of text to its user: done
//! here. Writing: `Codec::encode` of clones of a shared payload into a `BytesMut`. Masks: `rand`'s thread generator, a
//! CSPRNG.

use actix_http::ws::{Codec, Frame, Message};
use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use crate::wire::{
    contest::{BATCH, Receive, Take, Transmit},
    input::{Input, Kind},
    peers::{Payload, validate},
    pipe::Pipe,
};

pub(crate) struct Actix {
    codec: Codec,
    pipe: Pipe,
    bytes: BytesMut,
    buffer: usize,
    messages: Vec<Payload>,
}

impl Actix {
    fn over(pipe: Pipe, buffer: usize, messages: Vec<Payload>) -> Self {
        let codec = Codec::new().client_mode().max_size(16 << 20);
        Self { codec, pipe, bytes: BytesMut::with_capacity(2 * buffer), buffer, messages }
    }
}

impl Receive for Actix {
    fn new(pipe: Pipe, buffer: usize, _: &Input) -> Self {
        Self::over(pipe, buffer, Vec::new())
    }

    fn receive<T: Take>(&mut self, messages: usize, take: &mut T) {
        let mut done = 0;
        while done < messages {
            match self.codec.decode(&mut self.bytes).expect("the stream is valid") {
                Some(Frame::Text(text)) => {
                    validate(Kind::Text, &text);
                    take.take(Kind::Text, &text);
                    done += 1;
                }
                Some(Frame::Binary(bytes)) => {
                    take.take(Kind::Binary, &bytes);
                    done += 1;
                }
                Some(other) => unreachable!("nobody sent {other:?}"),
                None => {
                    self.pipe.append(self.buffer, |block| self.bytes.extend_from_slice(block));
                }
            }
        }
    }
}

impl Transmit for Actix {
    fn new(pipe: Pipe, buffer: usize, kind: Kind, messages: &[Bytes]) -> Self {
        Self::over(pipe, buffer, Payload::all(kind, messages))
    }

    fn transmit(&mut self, messages: usize) {
        let mut next = self.messages.iter().cycle();
        for _ in 0..messages / BATCH {
            for message in next.by_ref().take(BATCH) {
                let message = match message {
                    Payload::Text(text) => Message::Text(text.clone()),
                    Payload::Binary(bytes) => Message::Binary(bytes.clone()),
                };
                self.codec.encode(message, &mut self.bytes).expect("messages are valid");
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
