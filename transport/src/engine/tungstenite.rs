//! tungstenite behind the engine's door: it reads from a slice and writes to a buffer.

use std::{
    fmt,
    io::{self, Read, Write},
};

use steadfast_core::{CloseCode, CloseFrame, Message, PingPayload, wire::Buffer};
use tungstenite::{
    Error, Message as Inner,
    protocol::{Role, WebSocketContext},
};

use super::{Incoming, foreign, foreign::Doom};
use crate::failure::Failure;

/// A WebSocket of tungstenite's, open.
pub(super) struct Tungstenite {
    socket: WebSocketContext,
    doom: Option<Doom>,
}

/// What tungstenite takes for a socket. It never blocks on writing, so its own write buffer stays empty, and what it
/// has to answer is in `out` as soon as it was asked to read on.
struct Pipe<'a, 'i> {
    input: &'a mut &'i [u8],
    out: &'a mut Buffer,
}

impl Tungstenite {
    pub(super) fn new(max_message_bytes: usize) -> Self {
        let socket = WebSocketContext::new(Role::Client, Some(foreign::limits(max_message_bytes)));
        Self { socket, doom: None }
    }

    pub(super) fn next(&mut self, input: &mut &[u8], out: &mut Buffer) -> Option<Incoming<'static>> {
        if let Some(Doom { code, text }) = self.doom.take() {
            // Tells the server what it did (RFC 6455 §7.1.7).
            self.close(&CloseFrame::new(code, ""), out);
            return Some(Incoming::Failed(Box::new(Failure::Engine { code, text })));
        }
        loop {
            // A server that pings and reads nothing must not fill the memory with its pongs. RFC 6455 §5.5.3 asks only
            // for the latest of them, and that one is as stuck as the others.
            let mut nowhere = Buffer::new();
            let to = if out.len() > foreign::MAX_BACKLOG { &mut nowhere } else { &mut *out };
            let mut pipe = Pipe { input: &mut *input, out: to };
            match self.socket.read(&mut pipe) {
                Ok(Inner::Text(text)) => match foreign::text_of(text) {
                    Some(text) => return Some(Incoming::Message(Message::text(text))),
                    None => return Some(self.doom(CloseCode::INVALID_PAYLOAD, "text that is not UTF-8")),
                },
                Ok(Inner::Binary(bytes)) => return Some(Incoming::Message(Message::binary(bytes))),
                Ok(Inner::Pong(payload)) => {
                    // Anything else answers no ping of ours (RFC 6455 §5.5.3 allows it).
                    if let Some(payload) = PingPayload::from_slice(&payload) {
                        return Some(Incoming::Pong(payload));
                    }
                }
                // Its pong goes out with the next read, which comes before this returns.
                Ok(Inner::Ping(_) | Inner::Frame(_)) => {}
                Ok(Inner::Close(frame)) => {
                    // The reply to it.
                    let _ = self.socket.flush(&mut Pipe { input, out });
                    return Some(Incoming::Closed(foreign::close_frame(frame)));
                }
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => return Some(self.doom(foreign::code_of(&error), &error)),
            }
        }
    }

    pub(super) fn send(&mut self, message: &Message<'_>, out: &mut Buffer) -> bool {
        self.write(foreign::outgoing(message), out)
    }

    pub(super) fn ping(&mut self, payload: PingPayload, out: &mut Buffer) -> bool {
        self.write(foreign::ping(payload), out)
    }

    pub(super) fn close(&mut self, frame: &CloseFrame, out: &mut Buffer) {
        let frame = foreign::inner_close_frame(frame);
        let _ = self.socket.close(&mut Pipe { input: &mut &[][..], out }, Some(frame));
    }

    fn write(&mut self, message: Inner, out: &mut Buffer) -> bool {
        self.socket.write(&mut Pipe { input: &mut &[][..], out }, message).is_ok()
    }

    /// Whether it has come to what ends the connection, which it says [next](Self::next).
    pub(super) const fn is_doomed(&self) -> bool {
        self.doom.is_some()
    }

    fn doom(&mut self, code: CloseCode, why: impl fmt::Display) -> Incoming<'static> {
        self.doom = Some(Doom { code, text: why.to_string() });
        Incoming::Nothing
    }
}

impl Read for Pipe<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl Write for Pipe<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Tungstenite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tungstenite")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pongs_that_nobody_reads_do_not_fill_the_memory_and_a_close_is_still_answered() {
        let mut engine = Tungstenite::new(1 << 20);
        let mut ping = vec![0x89, 125];
        ping.resize(127, b'x');
        let pings = ping.repeat(1_000);
        let mut out = Buffer::new();
        for _ in 0..100 {
            let mut input = &pings[..];
            assert!(engine.next(&mut input, &mut out).is_none());
        }
        // Twelve megabytes of pings. What the last one before the bound appends is beyond it.
        assert!((foreign::MAX_BACKLOG..foreign::MAX_BACKLOG + 1_000).contains(&out.len()), "{} bytes", out.len());
        // Somebody reads at last: the next ping is answered.
        out.clear();
        assert!(engine.next(&mut &ping[..], &mut out).is_none());
        assert_eq!(out.len(), 2 + 4 + 125);
        out.clear();
        out.append(foreign::MAX_BACKLOG + 1).fill(0);
        let closed = engine.next(&mut &[0x88, 2, 3, 232][..], &mut out);
        assert!(matches!(closed, Some(Incoming::Closed(_))), "{closed:?}");
        assert_eq!(out.len(), foreign::MAX_BACKLOG + 1 + 2 + 4 + 2);
    }
}
