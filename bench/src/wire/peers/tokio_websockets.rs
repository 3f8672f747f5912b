//! tokio-websockets 0.13, whose SIMD masks and validation are always on.
//!
//! Reading: the `Stream`; text is validated as it arrives. Its read buffer is `FramedRead`'s: 8 KiB, growing.
//! Writing: `feed` for each message of a batch, then `flush`, with `flush_threshold`; it writes vectored. It masks in place
//! what it owns alone and copies what it shares. Masks: `rand`'s thread generator, the faster one of the CSPRNGs that it offers
//! (the other asks the kernel for each).

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_websockets::{ClientBuilder, Config, Message, WebSocketStream};

use crate::wire::{
    contest::{BATCH, Receive, Take, Transmit},
    input::{Input, Kind},
    pipe::{Pipe, block_on},
};

pub(crate) struct TokioWebsockets {
    socket: WebSocketStream<Pipe>,
    messages: Vec<Message>,
}

impl TokioWebsockets {
    fn over(pipe: Pipe, buffer: usize) -> Self {
        let config = Config::default().flush_threshold(buffer);
        Self { socket: ClientBuilder::new().config(config).take_over(pipe), messages: Vec::new() }
    }
}

impl Receive for TokioWebsockets {
    fn new(pipe: Pipe, buffer: usize, _: &Input) -> Self {
        Self::over(pipe, buffer)
    }

    fn receive<T: Take>(&mut self, messages: usize, take: &mut T) {
        block_on(async {
            for _ in 0..messages {
                let message = self.socket.next().await.expect("it never ends").expect("the stream is valid");
                let kind = if message.is_text() { Kind::Text } else { Kind::Binary };
                take.take(kind, message.as_payload());
            }
        });
    }
}

impl Transmit for TokioWebsockets {
    fn new(pipe: Pipe, buffer: usize, kind: Kind, messages: &[Bytes]) -> Self {
        let messages = messages.iter().map(|bytes| match kind {
            // Its text is made of a `String` or a `&'static str`; a clone shares it.
            Kind::Text => Message::text(String::from_utf8_lossy(bytes).into_owned()),
            Kind::Binary => Message::binary(bytes.clone()),
        });
        let messages = messages.collect();
        Self { messages, ..Self::over(pipe, buffer) }
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
