//! What the engines of tungstenite's kind have in common: its limits, and its words in ours.

use bytes::Bytes;
use bytestring::ByteString;
use steadfast_core::{CloseCode, CloseFrame, Message, PingPayload, Text};
use tungstenite::{
    Error, Message as Inner, Utf8Bytes,
    protocol::{
        CloseFrame as InnerCloseFrame, WebSocketConfig,
        frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

/// What such an engine has found that ends the connection, and has not said yet: the driver may have something to see to
/// before.
#[derive(Debug)]
pub(super) struct Doom {
    pub(super) code: CloseCode,
    pub(super) text: String,
}

/// It writes at once, so that nothing of ours waits in it.
pub(super) fn limits(max_message_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(max_message_bytes))
        .max_frame_size(Some(max_message_bytes))
}

/// A frame, and not a message, whose text would be judged once more.
pub(super) fn outgoing(message: &Message<'_>) -> Inner {
    let (kind, payload) = match message {
        Message::Text(text) => (Data::Text, text_bytes(text)),
        Message::Binary(bytes) => (Data::Binary, bytes.clone().into_bytes()),
    };
    Inner::Frame(Frame::message(payload, OpCode::Data(kind), true))
}

pub(super) fn ping(payload: PingPayload) -> Inner {
    Inner::Ping(Bytes::copy_from_slice(&payload.0))
}

/// The text as the session's type. It is checked a second time, which is cheaper than a copy.
pub(super) fn text_of(text: Utf8Bytes) -> Option<ByteString> {
    ByteString::try_from(Bytes::from(text)).ok()
}

fn text_bytes(text: &Text<'_>) -> Bytes {
    text.clone().into_byte_string().into_bytes()
}

pub(super) fn close_frame(frame: Option<InnerCloseFrame>) -> CloseFrame {
    match frame {
        Some(frame) => CloseFrame { code: CloseCode(frame.code.into()), reason: frame.reason.as_str().to_owned() },
        None => CloseFrame { code: CloseCode::NO_STATUS, reason: String::new() },
    }
}

pub(super) fn inner_close_frame(frame: &CloseFrame) -> InnerCloseFrame {
    InnerCloseFrame { code: frame.code.0.into(), reason: frame.reason.as_str().into() }
}

/// The close code that a violation demands (RFC 6455 §7.4.1).
pub(super) fn code_of(error: &Error) -> CloseCode {
    match error {
        Error::Utf8(_) => CloseCode::INVALID_PAYLOAD,
        Error::Capacity(_) => CloseCode::TOO_BIG,
        _ => CloseCode::PROTOCOL_ERROR,
    }
}

/// From how many bytes on that the operating system did not take pings are not answered: far beyond the window that the
/// session keeps by default (1 MiB).
pub(super) const MAX_BACKLOG: usize = 4 << 20;
/// How much tungstenite copies, after zeroing it, from the driver's read buffer at a time; each open connection keeps as
/// much.
const READ_BUFFER: usize = 4 << 10;
