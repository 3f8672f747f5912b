//! The door between driver and engine: bytes in, messages out; messages in, bytes out.
//!
//! An engine never sees a socket. What it wants on the wire it appends to a buffer of the driver's, at once and in
//! order, so that the driver knows each message's place in the stream of bytes.

mod tungstenite;
mod upgrade;

use steadfast_core::{Cause, CloseFrame, Message, PingPayload};

use crate::{driver::Accepted, endpoint::Endpoint};

/// The client side of one WebSocket, from the upgrade request to the close frame.
pub(crate) trait Engine: Send + std::fmt::Debug {
    /// Takes what it can use from the front of `input`, and says what that came to; `None` once all is taken and more
    /// is needed. Answers (pongs, the reply to a close) are appended to `out`.
    ///
    /// After [`Incoming::Closed`] or [`Incoming::Failed`] nothing comes any more.
    fn next<'i>(&mut self, input: &mut &'i [u8], out: &mut Vec<u8>) -> Option<Incoming<'i>>;

    /// Appends a message; whether the connection can still carry one.
    fn send(&mut self, message: &Message<'_>, out: &mut Vec<u8>) -> bool;

    /// Appends a ping; whether the connection can still carry one.
    fn ping(&mut self, payload: PingPayload, out: &mut Vec<u8>) -> bool;

    /// Appends a close frame: nothing can be sent behind it.
    fn close(&mut self, frame: &CloseFrame, out: &mut Vec<u8>);

    /// What it means that the stream ended here.
    fn ended(&self) -> Cause;
}

/// What bytes came to.
#[derive(Debug)]
pub(crate) enum Incoming<'i> {
    /// The server accepted the upgrade.
    Opened(Accepted),
    /// A message.
    Message(Message<'i>),
    /// The answer to a ping of ours.
    Pong(PingPayload),
    /// The server's close frame (1005: one without a code). It is answered.
    Closed(CloseFrame),
    /// The server did what it must not. What it is to be told is appended.
    Failed(Cause),
}

/// Begins a WebSocket: appends the upgrade request.
pub(crate) fn begin(endpoint: &Endpoint, max_message_bytes: usize, out: &mut Vec<u8>) -> Box<dyn Engine> {
    Box::new(tungstenite::Tungstenite::begin(endpoint, max_message_bytes, out))
}
