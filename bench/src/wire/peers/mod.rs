//! One file for each peer: how it is used here, and why so.
//!
//! The rule for all: the current version, the features and the API that its own documentation calls fastest, the payload in
//! the form that API likes best (prepared before the clock starts), text validated as UTF-8 (by the library, or by
//! `simdutf8` here if the library leaves it to its user), and masks that nobody can predict, as RFC 6455 §5.3 demands, wherever
//! the library can make them. Those that make weak masks unless told otherwise have a second line for these; and those that mask a
//! message where the application has it, so that it is spent, have one for applications that keep it.

mod actix;
mod fastwebsockets;
mod sans_io;
mod sockudo;
mod soketto;
mod tokio_websockets;
mod tungstenite;
mod web_socket;
mod wtx;
mod yawc;

use ::wtx::rng::Xorshift64;
use bytes::Bytes;
use bytestring::ByteString;

use super::{
    contest::{Entry, Side},
    input::Kind,
};

/// All that can read messages.
pub(crate) fn receivers() -> Vec<Entry> {
    vec![
        Entry::receiver::<tungstenite::Tungstenite>("tungstenite", Side::Peer),
        Entry::receiver::<fastwebsockets::FastWebsockets<true>>("fastwebsockets", Side::Peer),
        Entry::receiver::<tokio_websockets::TokioWebsockets>("tokio-websockets", Side::Peer),
        Entry::receiver::<yawc::Yawc>("yawc", Side::Peer),
        Entry::receiver::<sockudo::Stream>("sockudo-ws stream", Side::Peer),
        Entry::receiver::<sockudo::Machine>("sockudo-ws Protocol", Side::Peer),
        Entry::receiver::<wtx::Wtx<true>>("wtx", Side::Peer),
        Entry::receiver::<web_socket::WebSocket>("web-socket", Side::Peer),
        Entry::receiver::<sans_io::SansIo>("websocket-sans-io", Side::Peer),
        Entry::receiver::<actix::Actix>("actix-http ws", Side::Peer),
        Entry::receiver::<soketto::Soketto>("soketto", Side::Peer),
    ]
}

/// All that can write messages.
pub(crate) fn senders() -> Vec<Entry> {
    vec![
        Entry::sender::<tungstenite::Tungstenite>("tungstenite", Side::Peer),
        Entry::sender::<fastwebsockets::FastWebsockets<false>>("fastwebsockets, copying", Side::Peer),
        Entry::sender::<fastwebsockets::FastWebsockets<true>>("fastwebsockets", Side::Spending),
        Entry::sender::<tokio_websockets::TokioWebsockets>("tokio-websockets", Side::Peer),
        Entry::sender::<yawc::Yawc>("yawc", Side::Peer),
        Entry::sender::<sockudo::Stream>("sockudo-ws stream", Side::Peer),
        Entry::sender::<sockudo::Machine>("sockudo-ws Protocol", Side::Peer),
        Entry::sender::<sockudo::WeakMasks>("sockudo-ws, weak masks", Side::WeakPeer),
        Entry::sender::<wtx::Wtx<false>>("wtx, copying", Side::Peer),
        Entry::sender::<wtx::Wtx<true>>("wtx", Side::Spending),
        Entry::sender::<wtx::Wtx<true, Xorshift64>>("wtx, weak masks", Side::WeakPeer),
        Entry::sender::<web_socket::WebSocket>("web-socket", Side::Peer),
        Entry::sender::<sans_io::SansIo>("websocket-sans-io", Side::Peer),
        Entry::sender::<actix::Actix>("actix-http ws", Side::Peer),
        Entry::sender::<soketto::Soketto>("soketto", Side::Peer),
    ]
}

/// A payload to send, which its library takes as text or as bytes.
enum Payload {
    Text(ByteString),
    Binary(Bytes),
}

impl Payload {
    fn all(kind: Kind, messages: &[Bytes]) -> Vec<Self> {
        let payload = |bytes: &Bytes| match kind {
            Kind::Text => Self::Text(ByteString::try_from(bytes.clone()).expect("text messages are text")),
            Kind::Binary => Self::Binary(bytes.clone()),
        };
        messages.iter().map(payload).collect()
    }
}

/// What a library leaves to its user: text has to be text.
#[inline]
fn validate(kind: Kind, payload: &[u8]) {
    if kind == Kind::Text {
        simdutf8::basic::from_utf8(payload).expect("text messages are text");
    }
}
