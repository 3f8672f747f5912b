//! tungstenite over memory: the independent opinion, on either side of the connection.

use std::io::{self, ErrorKind, Read, Write};

use steadfast_core::{CloseCode, CloseFrame};
use tungstenite::{
    Error, Message,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use super::feed::Seen;

/// What it made of the bytes.
#[derive(Debug)]
pub struct Opinion {
    /// What it handed out.
    pub seen: Vec<Seen>,
    /// How it stood behind the last byte.
    pub end: End,
    /// What it wrote.
    pub written: Vec<u8>,
}

/// How it stands behind the last byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It waits for more.
    Open,
    /// It saw a close frame.
    Closed,
    /// It found an error, which this code stands for.
    Error(CloseCode),
}

/// Reads all of the bytes as a client or a server, with these limits on a message and a frame.
///
/// # Panics
/// If it finds an error that has nothing to do with what it read.
#[must_use]
pub fn opinion(role: Role, bytes: &[u8], max_message: usize, max_frame: usize) -> Opinion {
    let config = WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .write_buffer_size(0)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_frame));
    let mut context = WebSocketContext::new(role, Some(config));
    let mut memory = Memory { unread: bytes, written: Vec::new() };
    let mut seen = Vec::new();
    let end = loop {
        match context.read(&mut memory) {
            Ok(message) => seen.push(note(message)),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break End::Open,
            Err(error) => break End::Error(code(&error)),
        }
        if let Some(Seen::Close(_)) = seen.last() {
            // Writes the reply; a server then says that it is over.
            let _ = context.flush(&mut memory);
            break End::Closed;
        }
    };
    Opinion { seen, end, written: memory.written }
}

/// A stream that has said so much, and then nothing.
struct Memory<'a> {
    unread: &'a [u8],
    written: Vec<u8>,
}

impl Read for Memory<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.unread.read(into)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            bytes => Ok(bytes),
        }
    }
}

impl Write for Memory<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn note(message: Message) -> Seen {
    match message {
        Message::Text(text) => Seen::Message { text: true, bytes: text.as_bytes().into() },
        Message::Binary(bytes) => Seen::Message { text: false, bytes: bytes.into() },
        Message::Ping(payload) => Seen::Ping(payload.into()),
        Message::Pong(payload) => Seen::Pong(payload.into()),
        Message::Close(None) => Seen::Close(CloseFrame { code: CloseCode::NO_STATUS, reason: String::new() }),
        Message::Close(Some(frame)) => {
            Seen::Close(CloseFrame { code: CloseCode(frame.code.into()), reason: frame.reason.as_str().into() })
        }
        Message::Frame(frame) => panic!("frames are not read: {frame}"),
    }
}

/// The close code that an error calls for (RFC 6455 §7.4.1).
fn code(error: &Error) -> CloseCode {
    match error {
        Error::Protocol(_) => CloseCode::PROTOCOL_ERROR,
        Error::Utf8(_) => CloseCode::INVALID_PAYLOAD,
        Error::Capacity(_) => CloseCode::TOO_BIG,
        other => panic!("an error that the bytes did not make: {other}"),
    }
}
