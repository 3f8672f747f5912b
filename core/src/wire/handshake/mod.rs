//! The opening handshake (RFC 6455 §4): a [`Request`] is written, and the [`Handshake`] judges its answer.
//!
//! ```
//! use steadfast_core::wire::{Buffer, handshake::{Progress, Request, Scheme}};
//!
//! let request = Request::new(Scheme::Ws, "example.com", Some(8080), "/chat")?.subprotocol("chat.v2")?;
//! let mut out = Buffer::new();
//! let mut handshake = request.begin(*b"the sample nonce", &mut out);
//! // … what is in `out` is written, and what comes is read, in any pieces …
//! let read = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//!     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat.v2\r\n\r\n\x81\x02hi";
//! let mut input = &read[..];
//! match handshake.receive(&mut input) {
//!     Progress::Incomplete => { /* read on; the end of the stream means `handshake.ended()` */ }
//!     Progress::Accepted(accepted) => {
//!         assert_eq!(accepted.subprotocol(), Some("chat.v2"));
//!         assert_eq!(input, b"\x81\x02hi"); // the first message, for the machine that reads on
//!     }
//!     Progress::Rejected(rejected) => println!("{}: {}", rejected.status(), rejected.body().escape_ascii()),
//!     Progress::Failed(violation) => println!("{violation}"),
//! }
//! # Ok::<(), steadfast_core::wire::handshake::RequestError>(())
//! ```
//!
//! Everything here is bounded: see [`Limits`]. With the feature `http`, a request can be made from an `http::Request`, and
//! what came of it be had as an `http::Response`.

mod answer;
mod body;
mod head;
mod headers;
#[cfg(feature = "http")]
mod http;
mod judge;
mod list;
mod part;
mod rejected;
mod request;
mod violation;

#[cfg(feature = "deflate")]
pub(super) use self::list::is_token_byte;
pub use self::{
    answer::{Handshake, Limits, Progress},
    body::BodyState,
    headers::Headers,
    judge::Accepted,
    part::{RequestError, RequestPart},
    rejected::Rejected,
    request::{Request, Scheme},
    violation::Violation,
};
#[cfg(feature = "dial")]
pub(crate) use self::{
    head::Head,
    part::{host as checked_host, quoted},
    violation::shown,
};
