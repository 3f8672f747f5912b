//! What the client sends, read by tungstenite.

use std::{
    cell::Cell,
    io::{self, Read, Write},
};

use tungstenite::{
    Error, Message,
    protocol::{
        Role, WebSocket, WebSocketConfig,
        frame::{CloseFrame, Frame, coding::CloseCode},
    },
};

use super::{
    link::{Last, Link},
    pipe::Pipe,
    record::{Ending, Received},
};

/// Reads until the connection is over, one way or another.
pub(super) fn read_messages(link: &Link, pipe: &Pipe, tail: Vec<u8>) {
    let inbound = Inbound { link, pipe, failed: Cell::new(None) };
    let config = WebSocketConfig::default().read_buffer_size(CHUNK).max_message_size(None).max_frame_size(None);
    let mut socket = WebSocket::from_partially_read(inbound, tail, Role::Server, Some(config));
    loop {
        let message = socket.read();
        // What was read before a freeze is not looked at in it.
        if link.may_read().is_err() {
            return;
        }
        match message {
            Ok(message) => take(link, message),
            Err(Error::ConnectionClosed) => return,
            Err(error) => return fail(link, &error, socket.get_ref().failed.take()),
        }
    }
}

/// Reads what still comes, and forgets it, until the client has ended the stream.
pub(super) fn drain(link: &Link, pipe: &Pipe) {
    let mut chunk = vec![0; CHUNK];
    while matches!(link.read(pipe, &mut chunk, None), Ok(1..)) {}
}

fn take(link: &Link, message: Message) {
    let received = match message {
        Message::Text(text) => Received::Text(text.as_str().to_owned()),
        Message::Binary(bytes) => Received::Binary(bytes.to_vec()),
        Message::Ping(payload) => {
            let received = Received::Ping(payload.to_vec());
            if link.look(|state| state.answer_pings && !state.close_sent) {
                link.queue_frame(Frame::pong(payload));
            }
            received
        }
        Message::Pong(payload) => Received::Pong(payload.to_vec()),
        Message::Close(frame) => {
            let code = frame.as_ref().map(|frame| u16::from(frame.code));
            let reason = frame.as_ref().map_or_else(String::new, |frame| frame.reason.as_str().to_owned());
            let received = Received::Close { code, reason: reason.clone() };
            keep(link, received);
            return link.closed_by_client(code, &reason, frame);
        }
        Message::Frame(_) => return,
    };
    keep(link, received);
}

fn keep(link: &Link, received: Received) {
    link.change(|state| {
        if state.keep || received.is_message() || matches!(received, Received::Close { .. }) {
            state.received.push_back(received);
        }
    });
}

fn fail(link: &Link, error: &Error, failed: Option<Failed>) {
    match failed {
        Some(Failed::Fin) => link.end(Ending::Fin),
        Some(Failed::Reset) => link.end(Ending::Reset),
        Some(Failed::Tls(text)) => link.end(Ending::Tls(text)),
        Some(Failed::Over) => {}
        None => {
            link.queue_close(Some(CloseFrame { code: CloseCode::Protocol, reason: "".into() }));
            link.end(Ending::Violation(error.to_string()));
            link.finish(Last::Fin);
        }
    }
}

/// What tungstenite reads from. What it would write, the link writes.
struct Inbound<'a> {
    link: &'a Link,
    pipe: &'a Pipe,
    /// What tungstenite does not tell apart.
    failed: Cell<Option<Failed>>,
}

enum Failed {
    Fin,
    Reset,
    Tls(String),
    Over,
}

impl Read for Inbound<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.link.read(self.pipe, buffer, None);
        match &read {
            Ok(0) => self.failed.set(Some(Failed::Fin)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => self.failed.set(Some(Failed::Over)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.failed.set(Some(Failed::Tls(error.to_string())));
            }
            Err(_) => self.failed.set(Some(Failed::Reset)),
        }
        read
    }
}

impl Write for Inbound<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const CHUNK: usize = 16 * 1024;
