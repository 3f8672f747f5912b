//! The door between driver and engine: bytes in, messages out; messages in, bytes out.
//!
//! An engine never sees a socket. What it wants on the wire it appends to a buffer of the driver's, at once and in
//! order, so that the driver knows each message's place in the stream of bytes.

mod accepted;
mod kind;
mod native;
#[cfg(feature = "tungstenite")]
mod tungstenite;
mod upgrade;

use steadfast_core::{Cause, CloseFrame, IoKind, Message, PingPayload, Timestamp, wire::Buffer};

pub use self::{
    accepted::Accepted,
    kind::{EngineKind, WireOptions},
};
use self::{
    native::Native,
    upgrade::{Judgement, Upgrade},
};
use crate::endpoint::Endpoint;

/// The client side of one WebSocket, from the upgrade request to the close frame.
#[derive(Debug)]
pub(crate) struct Engine {
    phase: Phase,
    kind: EngineKind,
    /// The largest message that is accepted, in bytes.
    max_message_bytes: usize,
}

#[expect(clippy::large_enum_variant, reason = "nearly every one is of the large variant, and in a box already")]
#[derive(Debug)]
enum Phase {
    /// The upgrade is asked for.
    Upgrading(Box<Upgrade>),
    Open(Socket),
    /// The server closed, refused, or did what it must not.
    Over,
}

/// What messages are made of and put into, once the WebSocket is open.
#[cfg_attr(
    feature = "tungstenite",
    expect(clippy::large_enum_variant, reason = "nearly every one is of the large variant, and in a box already")
)]
#[derive(Debug)]
enum Socket {
    Native(Native),
    #[cfg(feature = "tungstenite")]
    Tungstenite(Box<tungstenite::Tungstenite>),
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
    /// Something of which nobody has to know.
    Nothing,
    /// The server's close frame (1005: one without a code). It is answered.
    Closed(CloseFrame),
    /// The server did what it must not. What it is to be told is appended.
    Failed(Cause),
}

impl Engine {
    /// Begins a WebSocket: appends the upgrade request.
    pub(crate) fn begin(endpoint: &Endpoint, max_message_bytes: usize, out: &mut Buffer) -> Self {
        let upgrade = Upgrade::request(endpoint, out);
        Self { phase: Phase::Upgrading(Box::new(upgrade)), kind: endpoint.engine_kind().clone(), max_message_bytes }
    }

    /// Takes what it can use from the front of `input`, and says what that came to; `None` once all is taken and more
    /// is needed. It may have more to say when `input` is empty. Answers (pongs, the reply to a close) are appended to
    /// `out`. What is part of a message that has not come in whole is kept in `assembly`, which has to be the same one
    /// until it is [at rest](Self::is_at_rest).
    ///
    /// After [`Incoming::Closed`] or [`Incoming::Failed`] nothing comes any more.
    #[inline]
    pub(crate) fn next<'b, 'i: 'b>(
        &mut self,
        input: &mut &'i [u8],
        assembly: &'b mut Buffer,
        out: &mut Buffer,
    ) -> Option<Incoming<'b>> {
        let incoming = match &mut self.phase {
            Phase::Open(Socket::Native(socket)) => socket.next(input, assembly, out),
            #[cfg(feature = "tungstenite")]
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

    fn upgrade(&mut self, input: &mut &[u8]) -> Option<Incoming<'static>> {
        let Phase::Upgrading(upgrade) = &mut self.phase else { return None };
        if input.is_empty() {
            return None;
        }
        match upgrade.receive(input) {
            Judgement::Incomplete => None,
            Judgement::Accepted(accepted) => match self.socket() {
                Ok(socket) => {
                    self.phase = Phase::Open(socket);
                    Some(Incoming::Opened(accepted))
                }
                Err(cause) => Some(Incoming::Failed(cause)),
            },
            Judgement::Refused(cause) => Some(Incoming::Failed(cause)),
        }
    }

    fn socket(&self) -> Result<Socket, Cause> {
        match &self.kind {
            EngineKind::Native(options) => {
                // RFC 6455 §5.3: masks nobody can foretell.
                let mut seed = [0; 32];
                getrandom::fill(&mut seed).map_err(|_| Cause::Io(IoKind::Other))?;
                Ok(Socket::Native(Native::new(options, self.max_message_bytes, seed)))
            }
            #[cfg(feature = "tungstenite")]
            EngineKind::Tungstenite => {
                Ok(Socket::Tungstenite(Box::new(tungstenite::Tungstenite::new(self.max_message_bytes))))
            }
        }
    }

    /// Where the rest of a message may be read to directly, if one is being assembled. Say with
    /// [`filled`](Self::filled) how many bytes came, and call [`next`](Self::next) even if nothing else came.
    #[inline]
    pub(crate) fn space<'b>(&self, assembly: &'b mut Buffer) -> Option<&'b mut [u8]> {
        match &self.phase {
            Phase::Open(Socket::Native(socket)) => socket.space(assembly),
            _ => None,
        }
    }

    /// So many bytes were read into the [`space`](Self::space).
    pub(crate) fn filled(&mut self, bytes: usize, assembly: &mut Buffer) {
        if let Phase::Open(Socket::Native(socket)) = &mut self.phase {
            socket.filled(bytes, assembly);
        }
    }

    /// Whether no message is being assembled, so that the assembly buffer is free.
    #[inline]
    pub(crate) const fn is_at_rest(&self) -> bool {
        match &self.phase {
            Phase::Open(Socket::Native(socket)) => socket.is_at_rest(),
            _ => true,
        }
    }

    /// Tells it the time, once for all that was read together.
    #[inline]
    pub(crate) fn tick(&mut self, now: Timestamp) {
        if let Phase::Open(Socket::Native(socket)) = &mut self.phase {
            socket.tick(now);
        }
    }

    /// Appends a message; whether the connection can still carry one.
    #[inline]
    pub(crate) fn send(&mut self, message: &Message<'_>, out: &mut Buffer) -> bool {
        match &mut self.phase {
            Phase::Open(Socket::Native(socket)) => socket.send(message, out),
            #[cfg(feature = "tungstenite")]
            Phase::Open(Socket::Tungstenite(socket)) => socket.send(message, out),
            Phase::Upgrading(_) | Phase::Over => false,
        }
    }

    /// Appends a ping; whether the connection can still carry one.
    pub(crate) fn ping(&mut self, payload: PingPayload, out: &mut Buffer) -> bool {
        match &mut self.phase {
            Phase::Open(Socket::Native(socket)) => socket.ping(payload, out),
            #[cfg(feature = "tungstenite")]
            Phase::Open(Socket::Tungstenite(socket)) => socket.ping(payload, out),
            Phase::Upgrading(_) | Phase::Over => false,
        }
    }

    /// Appends a close frame: nothing can be sent behind it.
    pub(crate) fn close(&mut self, frame: &CloseFrame, out: &mut Buffer) {
        match &mut self.phase {
            Phase::Open(Socket::Native(socket)) => socket.close(frame, out),
            #[cfg(feature = "tungstenite")]
            Phase::Open(Socket::Tungstenite(socket)) => socket.close(frame, out),
            Phase::Upgrading(_) | Phase::Over => {}
        }
    }

    /// Appends what waited for `out` to be emptied.
    #[inline]
    pub(crate) fn pull(&mut self, out: &mut Buffer) {
        if let Phase::Open(Socket::Native(socket)) = &mut self.phase {
            socket.pull(out);
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
