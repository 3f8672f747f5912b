//! The door between driver and engine: bytes in, messages out; messages in, bytes out.
//!
//! An engine never sees a socket. What it wants on the wire it appends to a buffer of the driver's, at once and in
//! order, so that the driver knows each message's place in the stream of bytes.

#[cfg(feature = "async-tungstenite")]
mod async_tungstenite;
#[cfg(any(feature = "tungstenite", feature = "async-tungstenite"))]
mod foreign;
mod kind;
mod native;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(feature = "tungstenite")]
mod tungstenite;

use std::{borrow::Cow, fmt, mem};

use steadfast_core::{
    CloseFrame, CredentialsKind, Message, PingPayload, Timestamp,
    dial::cookies::Jar,
    wire::{
        Buffer,
        handshake::{Accepted, Handshake, Progress, Rejected, Request},
    },
};

pub use self::kind::{EngineKind, WireOptions};
use self::native::Native;
use crate::{
    credentials::{Known, Misfit},
    endpoint::Endpoint,
    failure::{Failure, unix_now},
};

/// The client side of one WebSocket, from the upgrade request to the close frame.
pub(crate) struct Engine {
    phase: Phase,
    endpoint: Endpoint,
    /// The largest message that is accepted, in bytes.
    max_message_bytes: usize,
    /// RFC 6455 §5.3: of what masks are made nobody can foretell. Zeros once the wire has it.
    mask_seed: [u8; 32],
}

#[expect(clippy::large_enum_variant, reason = "nearly every one is of the large variant, and in a box already")]
#[derive(Debug)]
enum Phase {
    /// The upgrade is asked for.
    Upgrading(Box<Handshake>),
    Open(Socket),
    /// The server closed, refused, or did what it must not.
    Over,
}

/// What messages are made of and put into, once the WebSocket is open.
#[cfg_attr(
    any(feature = "tungstenite", feature = "async-tungstenite"),
    expect(clippy::large_enum_variant, reason = "nearly every one is of the large variant, and in a box already")
)]
#[derive(Debug)]
enum Socket {
    Native(Native),
    #[cfg(feature = "tungstenite")]
    Tungstenite(Box<tungstenite::Tungstenite>),
    #[cfg(feature = "async-tungstenite")]
    AsyncTungstenite(Box<async_tungstenite::AsyncTungstenite>),
}

/// What bytes came to.
#[derive(Debug)]
pub(crate) enum Incoming<'b> {
    /// The server accepted the upgrade.
    Opened(Box<Accepted>),
    /// The server refused the upgrade, with a status of HTTP.
    Refused(Box<Rejected>),
    /// A message.
    Message(Message<'b>),
    /// The answer to a ping of ours.
    Pong(PingPayload),
    /// Something of which nobody has to know.
    Nothing,
    /// The server's close frame (1005: one without a code). It is answered.
    Closed(CloseFrame),
    /// The server did what it must not. What it is to be told is appended.
    Failed(Box<Failure>),
}

impl Engine {
    /// Begins a WebSocket: appends the upgrade request, with what the jar holds for it and the secret in its place. Fails if
    /// the operating system has no random numbers, or the place cannot hold the secret.
    pub(crate) fn begin(
        endpoint: &Endpoint,
        jar: Option<&Jar>,
        known: Option<&Known>,
        max_message_bytes: usize,
        out: &mut Buffer,
    ) -> Result<Self, Failure> {
        let (mut nonce, mut mask_seed) = ([0; 16], [0; 32]);
        getrandom::fill(&mut nonce)
            .and_then(|()| getrandom::fill(&mut mask_seed))
            .map_err(|error| Failure::io(&error.into()))?;
        // The endpoint stays without them: where a redirect leads, other cookies may be due, or none.
        let request = match jar {
            Some(jar) => Cow::Owned(jar.apply(endpoint.request(), unix_now())),
            None => Cow::Borrowed(endpoint.request()),
        };
        let misfit = |misfit: Misfit| Failure::credentials(CredentialsKind::Failed, &misfit);
        let request = endpoint.authorized(request, known).map_err(misfit)?;
        let handshake = begin(endpoint.engine_kind(), request, nonce, out);
        Ok(Self {
            phase: Phase::Upgrading(Box::new(handshake)),
            endpoint: endpoint.clone(),
            max_message_bytes,
            mask_seed,
        })
    }

    /// Takes what it can use from the front of `input`, and says what that came to; `None` once all is taken and more
    /// is needed. It may have more to say when `input` is empty. Answers (pongs, the reply to a close) are appended to
    /// `out`. What is part of a message that has not come in whole is kept in `assembly`, which has to be the same one
    /// until it is [at rest](Self::is_at_rest).
    ///
    /// After [`Incoming::Refused`], [`Incoming::Closed`] or [`Incoming::Failed`] nothing comes any more.
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
            #[cfg(feature = "async-tungstenite")]
            Phase::Open(Socket::AsyncTungstenite(socket)) => socket.next(input, out),
            Phase::Upgrading(_) => self.upgrade(input),
            Phase::Over => {
                *input = &[];
                None
            }
        };
        if let Some(Incoming::Refused(_) | Incoming::Closed(_) | Incoming::Failed(_)) = incoming {
            self.phase = Phase::Over;
        }
        incoming
    }

    /// Takes a message that lies at the front of `input` as a whole. If there is none, [`next`](Self::next) knows what is.
    #[inline]
    pub(crate) fn whole<'i>(&mut self, input: &mut &'i [u8]) -> Option<Message<'i>> {
        match &mut self.phase {
            Phase::Open(Socket::Native(socket)) => socket.whole(input),
            _ => None,
        }
    }

    fn upgrade(&mut self, input: &mut &[u8]) -> Option<Incoming<'static>> {
        let Phase::Upgrading(handshake) = &mut self.phase else { return None };
        Some(match handshake.receive(input) {
            Progress::Incomplete => return None,
            Progress::Accepted(accepted) => {
                self.phase = Phase::Open(self.socket(&accepted));
                Incoming::Opened(Box::new(accepted))
            }
            Progress::Rejected(rejected) => Incoming::Refused(Box::new(rejected)),
            Progress::Failed(violation) => Incoming::Failed(Box::new(Failure::Handshake(violation))),
        })
    }

    fn socket(&mut self, accepted: &Accepted) -> Socket {
        let mask_seed = mem::take(&mut self.mask_seed);
        match self.endpoint.engine_kind() {
            EngineKind::Native(options) => {
                Socket::Native(Native::new(options, accepted, self.max_message_bytes, mask_seed))
            }
            #[cfg(feature = "tungstenite")]
            EngineKind::Tungstenite => {
                Socket::Tungstenite(Box::new(tungstenite::Tungstenite::new(self.max_message_bytes)))
            }
            #[cfg(feature = "async-tungstenite")]
            EngineKind::AsyncTungstenite => {
                Socket::AsyncTungstenite(Box::new(async_tungstenite::AsyncTungstenite::new(self.max_message_bytes)))
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

    /// Whether what comes next is known to end the connection, before it is [taken](Self::next).
    pub(crate) fn is_doomed(&self, input: &[u8]) -> bool {
        match &self.phase {
            Phase::Open(Socket::Native(socket)) => socket.is_doomed(input),
            #[cfg(feature = "tungstenite")]
            Phase::Open(Socket::Tungstenite(socket)) => socket.is_doomed(),
            #[cfg(feature = "async-tungstenite")]
            Phase::Open(Socket::AsyncTungstenite(socket)) => socket.is_doomed(),
            Phase::Upgrading(_) | Phase::Over => false,
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
            #[cfg(feature = "async-tungstenite")]
            Phase::Open(Socket::AsyncTungstenite(socket)) => socket.send(message, out),
            Phase::Upgrading(_) | Phase::Over => false,
        }
    }

    /// Whether a message of this length goes out in more than one frame, and so should be appended
    /// [fragment by fragment](Self::send_from).
    #[inline]
    pub(crate) const fn fragments(&self, len: usize) -> bool {
        match &self.phase {
            Phase::Open(Socket::Native(socket)) => socket.fragments(len),
            _ => false,
        }
    }

    /// Appends the fragment of a message that begins at byte `from`, and says where the next one begins: at the message's
    /// length, once it is whole. Between two fragments pings, pongs and close frames may be appended, and no other message.
    /// `None` if the connection can carry no more.
    pub(crate) fn send_from(&mut self, message: &Message<'_>, from: usize, out: &mut Buffer) -> Option<usize> {
        match &mut self.phase {
            Phase::Open(Socket::Native(socket)) => socket.send_from(message, from, out),
            _ => self.send(message, out).then_some(message.len()),
        }
    }

    /// Appends a ping; whether the connection can still carry one.
    pub(crate) fn ping(&mut self, payload: PingPayload, out: &mut Buffer) -> bool {
        match &mut self.phase {
            Phase::Open(Socket::Native(socket)) => socket.ping(payload, out),
            #[cfg(feature = "tungstenite")]
            Phase::Open(Socket::Tungstenite(socket)) => socket.ping(payload, out),
            #[cfg(feature = "async-tungstenite")]
            Phase::Open(Socket::AsyncTungstenite(socket)) => socket.ping(payload, out),
            Phase::Upgrading(_) | Phase::Over => false,
        }
    }

    /// Appends a close frame: nothing can be sent behind it.
    pub(crate) fn close(&mut self, frame: &CloseFrame, out: &mut Buffer) {
        match &mut self.phase {
            Phase::Open(Socket::Native(socket)) => socket.close(frame, out),
            #[cfg(feature = "tungstenite")]
            Phase::Open(Socket::Tungstenite(socket)) => socket.close(frame, out),
            #[cfg(feature = "async-tungstenite")]
            Phase::Open(Socket::AsyncTungstenite(socket)) => socket.close(frame, out),
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

    /// Gives memory back that is only needed while messages come and go.
    pub(crate) fn release(&mut self) {
        if let Phase::Open(Socket::Native(socket)) = &mut self.phase {
            socket.release();
        }
    }

    /// What it was begun with.
    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn request(&self) -> &Request {
        self.endpoint.request()
    }

    /// What it means that the stream ended here.
    pub(crate) fn ended(&self) -> Failure {
        let truncated = match &self.phase {
            Phase::Upgrading(handshake) => handshake.truncated(),
            Phase::Open(_) | Phase::Over => None,
        };
        truncated.map_or_else(Failure::end_of_stream, Failure::Handshake)
    }
}

impl fmt::Debug for Engine {
    /// Without the seed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("phase", &self.phase).field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

#[cfg(feature = "deflate")]
fn begin(kind: &EngineKind, request: Cow<'_, Request>, nonce: [u8; 16], out: &mut Buffer) -> Handshake {
    let EngineKind::Native(WireOptions { compression: Some(offer), .. }) = kind else {
        return request.begin(nonce, out);
    };
    request.into_owned().deflate(offer.clone()).begin(nonce, out)
}

#[cfg(not(feature = "deflate"))]
#[expect(clippy::needless_pass_by_value, reason = "where there is compression, it is changed")]
fn begin(_kind: &EngineKind, request: Cow<'_, Request>, nonce: [u8; 16], out: &mut Buffer) -> Handshake {
    request.begin(nonce, out)
}
