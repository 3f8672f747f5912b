//! soketto 0.8 between a `BufReader` and a `BufWriter`, as its documentation has it.
//!
//! Reading: `receive_data` into a vector that is used again; it does not validate text: done here. Writing: `send_text` and
//! `send_binary`, which copy and mask, then `flush`. Masks: `rand`'s thread generator, a CSPRNG.

use bytes::Bytes;
use futures_util::io::{BufReader, BufWriter};
use soketto::{
    Data,
    connection::{Builder, Mode, Receiver, Sender},
};

use crate::wire::{
    contest::{BATCH, Receive, Take, Transmit},
    input::{Input, Kind},
    peers::{Payload, validate},
    pipe::{Pipe, block_on},
};

pub(crate) struct Soketto {
    sender: Sender<BufReader<BufWriter<Pipe>>>,
    receiver: Receiver<BufReader<BufWriter<Pipe>>>,
    message: Vec<u8>,
    messages: Vec<Payload>,
}

impl Soketto {
    fn over(pipe: Pipe, buffer: usize, messages: Vec<Payload>) -> Self {
        let socket = BufReader::with_capacity(buffer, BufWriter::with_capacity(buffer, pipe));
        let (sender, receiver) = Builder::new(socket, Mode::Client).finish();
        Self { sender, receiver, message: Vec::new(), messages }
    }
}

impl Receive for Soketto {
    fn new(pipe: Pipe, buffer: usize, _: &Input) -> Self {
        Self::over(pipe, buffer, Vec::new())
    }

    fn receive<T: Take>(&mut self, messages: usize, take: &mut T) {
        block_on(async {
            for _ in 0..messages {
                self.message.clear();
                let kind = match self.receiver.receive_data(&mut self.message).await.expect("the stream is valid") {
                    Data::Text(_) => Kind::Text,
                    Data::Binary(_) => Kind::Binary,
                };
                validate(kind, &self.message);
                take.take(kind, &self.message);
            }
        });
    }
}

impl Transmit for Soketto {
    fn new(pipe: Pipe, buffer: usize, kind: Kind, messages: &[Bytes]) -> Self {
        Self::over(pipe, buffer, Payload::all(kind, messages))
    }

    fn transmit(&mut self, messages: usize) {
        let mut next = self.messages.iter().cycle();
        block_on(async {
            for _ in 0..messages / BATCH {
                for message in next.by_ref().take(BATCH) {
                    let sent = match message {
                        Payload::Text(text) => self.sender.send_text(text).await,
                        Payload::Binary(bytes) => self.sender.send_binary(bytes).await,
                    };
                    sent.expect("the pipe takes everything");
                }
                self.sender.flush().await.expect("the pipe takes everything");
            }
        });
    }
}
