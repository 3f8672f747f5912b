//! async-tungstenite behind the engine's door: it is polled over a pipe in memory, whose other end is the driver's.
//!
//! Bytes that came in are put into the pipe, and what it makes of them is taken out of it, within one call. It never has
//! to wait for a socket, so that nobody has to be woken, and the driver knows each message's place in the stream of bytes.

use std::{
    fmt,
    future::Future,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use async_tungstenite::WebSocketStream;
use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};
use futures_sink::Sink;
use steadfast_core::{CloseCode, CloseFrame, Message, PingPayload, wire::Buffer};
use tungstenite::{Message as Inner, protocol::Role};

use super::{Incoming, foreign, foreign::Doom};
use crate::failure::Failure;

/// A WebSocket of async-tungstenite's, open.
pub(super) struct AsyncTungstenite {
    socket: WebSocketStream<Pipe>,
    doom: Option<Doom>,
}

/// What async-tungstenite takes for a socket.
#[derive(Debug, Default)]
struct Pipe {
    /// What came in, and how much of it was read.
    input: Vec<u8>,
    read: usize,
    /// What was written and not taken yet.
    out: Vec<u8>,
}

impl AsyncTungstenite {
    pub(super) fn new(max_message_bytes: usize) -> Self {
        let limits = foreign::limits(max_message_bytes);
        let opening = pin!(WebSocketStream::from_raw_socket(Pipe::default(), Role::Client, Some(limits)));
        match opening.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(socket) => Self { socket, doom: None },
            Poll::Pending => unreachable!("there is no handshake to wait for"),
        }
    }

    pub(super) fn next(&mut self, input: &mut &[u8], out: &mut Buffer) -> Option<Incoming<'static>> {
        if let Some(Doom { code, text }) = self.doom.take() {
            // Tells the server what it did (RFC 6455 §7.1.7).
            self.close(&CloseFrame::new(code, ""), out);
            return Some(Incoming::Failed(Box::new(Failure::Engine { code, text })));
        }
        self.socket.get_mut().put(input);
        *input = &[];
        let incoming = self.read();
        let pipe = self.socket.get_mut();
        // A server that pings and reads nothing must not fill the memory with its pongs. RFC 6455 §5.5.3 asks only
        // for the latest of them, and that one is as stuck as the others.
        if out.len() > foreign::MAX_BACKLOG && !matches!(incoming, Some(Incoming::Closed(_) | Incoming::Failed(_))) {
            pipe.out.clear();
        }
        pipe.take(out);
        incoming
    }

    fn read(&mut self) -> Option<Incoming<'static>> {
        loop {
            match Pin::new(&mut self.socket).poll_next(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Some(Ok(Inner::Text(text)))) => match foreign::text_of(text) {
                    Some(text) => return Some(Incoming::Message(Message::text(text))),
                    None => return Some(self.doom(CloseCode::INVALID_PAYLOAD, "text that is not UTF-8")),
                },
                Poll::Ready(Some(Ok(Inner::Binary(bytes)))) => return Some(Incoming::Message(Message::binary(bytes))),
                Poll::Ready(Some(Ok(Inner::Pong(payload)))) => {
                    // Anything else answers no ping of ours (RFC 6455 §5.5.3 allows it).
                    if let Some(payload) = PingPayload::from_slice(&payload) {
                        return Some(Incoming::Pong(payload));
                    }
                }
                // Its pong goes out with the next poll, which comes before this returns.
                Poll::Ready(Some(Ok(Inner::Ping(_) | Inner::Frame(_)))) => {}
                Poll::Ready(Some(Ok(Inner::Close(frame)))) => {
                    // The reply to it.
                    self.flush();
                    return Some(Incoming::Closed(foreign::close_frame(frame)));
                }
                Poll::Ready(Some(Err(error))) => return Some(self.doom(foreign::code_of(&error), &error)),
                Poll::Ready(None) | Poll::Pending => return None,
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
        self.write(Inner::Close(Some(foreign::inner_close_frame(frame))), out);
    }

    fn write(&mut self, message: Inner, out: &mut Buffer) -> bool {
        let written = Pin::new(&mut self.socket).start_send(message).is_ok();
        self.flush();
        self.socket.get_mut().take(out);
        written
    }

    /// Nothing in the pipe makes it wait, and what it has to say of an end is said when it reads.
    fn flush(&mut self) {
        let _ = Pin::new(&mut self.socket).poll_flush(&mut Context::from_waker(Waker::noop()));
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

impl Pipe {
    /// Adds what came in.
    fn put(&mut self, bytes: &[u8]) {
        if self.read == self.input.len() {
            self.input.clear();
            self.read = 0;
        }
        self.input.extend_from_slice(bytes);
    }

    /// Takes what was written.
    fn take(&mut self, out: &mut Buffer) {
        if !self.out.is_empty() {
            out.extend_from_slice(&self.out);
            self.out.clear();
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let waiting = &self.input[self.read..];
        if waiting.is_empty() {
            // The next call of the engine's brings more.
            return Poll::Pending;
        }
        let read = waiting.len().min(buffer.len());
        buffer[..read].copy_from_slice(&waiting[..read]);
        self.read += read;
        Poll::Ready(Ok(read))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.out.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for AsyncTungstenite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AsyncTungstenite")
    }
}
