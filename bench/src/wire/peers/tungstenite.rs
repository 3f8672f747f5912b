//! tungstenite 0.30, blocking.
//!
//! Reading: `WebSocket::read` with `read_buffer_size`. Writing: `write` for each message of a batch, then `flush`, with
//! `write_buffer_size`; messages are clones of a shared payload. Masks: `rand`'s thread generator, a CSPRNG.

use bytes::Bytes;
use tungstenite::{
    Message, Utf8Bytes, WebSocket,
    protocol::{Role, WebSocketConfig},
};

use crate::wire::{
    contest::{BATCH, Receive, Take, Transmit},
    input::{Input, Kind},
    pipe::Pipe,
};

pub(crate) struct Tungstenite {
    socket: WebSocket<Pipe>,
    messages: Vec<Message>,
}

impl Receive for Tungstenite {
    fn new(pipe: Pipe, buffer: usize, _: &Input) -> Self {
        let config = WebSocketConfig::default().read_buffer_size(buffer);
        Self { socket: WebSocket::from_raw_socket(pipe, Role::Client, Some(config)), messages: Vec::new() }
    }

    fn receive<T: Take>(&mut self, messages: usize, take: &mut T) {
        for _ in 0..messages {
            match self.socket.read().expect("the stream is valid") {
                Message::Text(text) => take.take(Kind::Text, text.as_bytes()),
                Message::Binary(bytes) => take.take(Kind::Binary, &bytes),
                other => unreachable!("nobody sent {other}"),
            }
        }
    }
}

impl Transmit for Tungstenite {
    fn new(pipe: Pipe, buffer: usize, kind: Kind, messages: &[Bytes]) -> Self {
        let config = WebSocketConfig::default().write_buffer_size(buffer);
        let messages = messages.iter().map(|bytes| match kind {
            Kind::Text => Message::Text(Utf8Bytes::try_from(bytes.clone()).expect("text messages are text")),
            Kind::Binary => Message::Binary(bytes.clone()),
        });
        Self { messages: messages.collect(), socket: WebSocket::from_raw_socket(pipe, Role::Client, Some(config)) }
    }

    fn transmit(&mut self, messages: usize) {
        let mut next = self.messages.iter().cycle();
        for _ in 0..messages / BATCH {
            for message in next.by_ref().take(BATCH) {
                self.socket.write(message.clone()).expect("the pipe takes everything");
            }
            self.socket.flush().expect("the pipe takes everything");
        }
    }
}
