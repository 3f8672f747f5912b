//! web-socket 0.7.
//!
//! It reads the two first bytes of a frame, its length and its payload one by one, and writes each frame at once: so a
//! `BufStream` goes around the connection, as in its own benchmark. Every payload is a new box. It hands out fragments as they are,
//! and does not validate text: that is done here. Masks: `rand`'s thread generator, a CSPRNG.

use bytes::Bytes;
use tokio::io::BufStream;
use web_socket::{DataType, Event, MessageType};

use crate::wire::{
    contest::{BATCH, Receive, Take, Transmit},
    input::{Input, Kind},
    peers::{Payload, validate},
    pipe::{Pipe, block_on},
};

pub(crate) struct WebSocket {
    socket: web_socket::WebSocket<BufStream<Pipe>>,
    messages: Vec<Payload>,
}

impl WebSocket {
    fn over(pipe: Pipe, buffer: usize, messages: Vec<Payload>) -> Self {
        let socket = web_socket::WebSocket::client(BufStream::with_capacity(buffer, buffer, pipe));
        Self { socket, messages }
    }
}

impl Receive for WebSocket {
    fn new(pipe: Pipe, buffer: usize, _: &Input) -> Self {
        Self::over(pipe, buffer, Vec::new())
    }

    fn receive<T: Take>(&mut self, messages: usize, take: &mut T) {
        block_on(async {
            for _ in 0..messages {
                match self.socket.recv().await.expect("the stream is valid") {
                    Event::Data { ty: DataType::Complete(kind), data } => {
                        let kind = if matches!(kind, MessageType::Text) { Kind::Text } else { Kind::Binary };
                        validate(kind, &data);
                        take.take(kind, &data);
                    }
                    other => unreachable!("nobody sent {other:?}"),
                }
            }
        });
    }
}

impl Transmit for WebSocket {
    fn new(pipe: Pipe, buffer: usize, kind: Kind, messages: &[Bytes]) -> Self {
        Self::over(pipe, buffer, Payload::all(kind, messages))
    }

    fn transmit(&mut self, messages: usize) {
        let mut next = self.messages.iter().cycle();
        block_on(async {
            for _ in 0..messages / BATCH {
                for message in next.by_ref().take(BATCH) {
                    let sent = match message {
                        Payload::Text(text) => self.socket.send(&**text).await,
                        Payload::Binary(bytes) => self.socket.send(&**bytes).await,
                    };
                    sent.expect("the pipe takes everything");
                }
                self.socket.flash().await.expect("the pipe takes everything");
            }
        });
    }
}
