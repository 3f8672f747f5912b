//! The door between driver and engine: bytes in, messages out; messages in, bytes out.
//!
//! An engine never sees a socket. What it wants on the wire it appends to a buffer of the driver's, at once and in
//! order, so that the driver knows each message's place in the stream of bytes.

mod accepted;
mod tungstenite;
mod upgrade;

use steadfast_core::{Cause, CloseFrame, IoKind, Message, PingPayload, wire::Buffer};

pub use self::accepted::Accepted;
use self::{
    tungstenite::Tungstenite,
    upgrade::{Judgement, Upgrade},
};
use crate::endpoint::Endpoint;

/// The client side of one WebSocket, from the upgrade request to the close frame.
#[derive(Debug)]
pub(crate) struct Engine {
    phase: Phase,
    /// The largest message that is accepted, in bytes.
    max_message_bytes: usize,
}

#[derive(Debug)]
enum Phase {
    /// The upgrade is asked for.
    Upgrading(Box<Upgrade>),
    Open(Socket),
    /// The server closed, refused, or did what it must not.
    Over,
}

/// What messages are made of and put into, once the WebSocket is open.
#[derive(Debug)]
enum Socket {
    Tungstenite(Box<Tungstenite>),
}

/// What bytes came to.
#[derive(Debug)]
pub(crate) enum Incoming<'b> {
    /// The server accepted the upgrade.
    Opened(Accepted),
    /// A message.
    Message(Message<'b>),
    /// The answer to a ping of ours.
    Pong(PingPayload),
    /// The server's close frame (1005: one without a code). It is answered.
    Closed(CloseFrame),
    /// The server did what it must not. What it is to be told is appended.
    Failed(Cause),
}

impl Engine {
    /// Begins a WebSocket: appends the upgrade request.
    pub(crate) fn begin(endpoint: &Endpoint, max_message_bytes: usize, out: &mut Buffer) -> Self {
        Self { phase: Phase::Upgrading(Box::new(Upgrade::request(endpoint, out))), max_message_bytes }
    }

    /// Takes what it can use from the front of `input`, and says what that came to; `None` once all is taken and more
    /// is needed. It may have more to say when `input` is empty. Answers (pongs, the reply to a close) are appended to
    /// `out`. What is part of a message that has not come in whole is kept in `assembly`, which is to be the same one
    /// each time.
    ///
    /// After [`Incoming::Closed`] or [`Incoming::Failed`] nothing comes any more.
    pub(crate) fn next<'b, 'i: 'b>(
        &mut self,
        input: &'b mut &'i [u8],
        _assembly: &'b mut Buffer,
        out: &mut Buffer,
    ) -> Option<Incoming<'b>> {
        let incoming = match &mut self.phase {
            Phase::Open(Socket::Tungstenite(socket)) => socket.next(input, out),
            Phase::Upgrading(_) => self.upgrade(input),
            Phase::Over => {
                *input = &[];
                None
            }
        };
        if let Some(Incoming::Closed(_) | Incoming::Failed(_)) = incoming {
            self.phase = Phase::Over;
        }
        incoming
    }

    /// Where the rest of a message may be read to directly, if one is being assembled. Say with
    /// [`filled`](Self::filled) how many bytes came, and call [`next`](Self::next) even if nothing else came.
    pub(crate) fn space<'b>(&self, _assembly: &'b mut Buffer) -> Option<&'b mut [u8]> {
        match &self.phase {
            Phase::Open(Socket::Tungstenite(_)) | Phase::Upgrading(_) | Phase::Over => None,
        }
    }

    /// So many bytes were read into the [`space`](Self::space).
    pub(crate) fn filled(&mut self, _bytes: usize, _assembly: &mut Buffer) {
        match &mut self.phase {
            Phase::Open(Socket::Tungstenite(_)) | Phase::Upgrading(_) | Phase::Over => {}
        }
    }

    /// Whether no message is being assembled, so that the assembly buffer is free.
    pub(crate) fn is_at_rest(&self) -> bool {
        match &self.phase {
            Phase::Open(Socket::Tungstenite(_)) | Phase::Upgrading(_) | Phase::Over => true,
        }
    }

    fn upgrade(&mut self, input: &mut &[u8]) -> Option<Incoming<'static>> {
        let Phase::Upgrading(upgrade) = &mut self.phase else { return None };
        if input.is_empty() {
            return None;
        }
        match upgrade.receive(input) {
            Judgement::Incomplete => None,
            Judgement::Accepted(accepted) => {
                let socket = Tungstenite::new(self.max_message_bytes);
                self.phase = Phase::Open(Socket::Tungstenite(Box::new(socket)));
                Some(Incoming::Opened(accepted))
            }
            Judgement::Refused(cause) => Some(Incoming::Failed(cause)),
        }
    }

    /// Appends a message; whether the connection can still carry one.
    pub(crate) fn send(&mut self, message: &Message<'_>, out: &mut Buffer) -> bool {
        match &mut self.phase {
            Phase::Open(Socket::Tungstenite(socket)) => socket.send(message, out),
            Phase::Upgrading(_) | Phase::Over => false,
        }
    }

    /// Appends a ping; whether the connection can still carry one.
    pub(crate) fn ping(&mut self, payload: PingPayload, out: &mut Buffer) -> bool {
        match &mut self.phase {
            Phase::Open(Socket::Tungstenite(socket)) => socket.ping(payload, out),
            Phase::Upgrading(_) | Phase::Over => false,
        }
    }

    /// Appends a close frame: nothing can be sent behind it.
    pub(crate) fn close(&mut self, frame: &CloseFrame, out: &mut Buffer) {
        match &mut self.phase {
            Phase::Open(Socket::Tungstenite(socket)) => socket.close(frame, out),
            Phase::Upgrading(_) | Phase::Over => {}
        }
    }

    /// What it means that the stream ended here.
    pub(crate) fn ended(&self) -> Cause {
        match &self.phase {
            Phase::Upgrading(upgrade) => upgrade.ended(),
            Phase::Open(_) | Phase::Over => Cause::Io(IoKind::Eof),
        }
    }
}
