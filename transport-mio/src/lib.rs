//! Steadfast on real sockets, with [mio](https://docs.rs/mio).
//!
//! The session, which decides everything, is in [`steadfast-core`](core); this crate carries its decisions out. There
//! are three heights to enter at:
//!
//! - [`Client`]: a handle, and a thread that keeps the session. Blocking and timed calls, cloneable [`Sender`] and
//!   [`Receiver`], a [`Receipt`] for each message, a [watch](StateWatch) on the state.
//! - [`EventLoop`]: thousands of sessions on your thread. What comes in is given to your [`Application`]; other threads
//!   reach a session through its [`Remote`], and the loop through its [`LoopHandle`].
//! - [`Driver`]: the same on a `mio::Poll` that you already have.
//!
//! ```
//! use std::time::Duration;
//! use steadfast_mio::Client;
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let url = format!("ws://{}/", listener.local_addr()?);
//! # std::thread::spawn(move || {
//! #     let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
//! #     while let Ok(message) = socket.read() {
//! #         if message.is_text() { socket.send(message).unwrap(); }
//! #     }
//! # });
//!
//! let client = Client::builder(&url).header("X-Room", "7").connect()?;
//! let receipt = client.send("hello")?; // accepted: from here on it is owed exactly one outcome
//! let echo = client.receive_timeout(Duration::from_secs(10))?;
//! assert_eq!(echo.as_text(), Some("hello"));
//! assert!(receipt.wait().is_confirmed()); // the server's endpoint has read it
//!
//! let report = client.close(Some(Duration::from_secs(2)));
//! assert!(report.unsettled.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What happens to a message
//! [`Client::send`] takes it or gives it back at once: the outbox's bounds are kept at the door. What was taken is sent,
//! sent again after a break if its [`Delivery`](core::Delivery) asks for that, and ends in one [`Outcome`], however the
//! client ends. The driver knows the place of every message in the stream of bytes: when a connection breaks, it can say
//! of which messages the operating system has not seen a byte, and those are never in doubt.
//!
//! # Backpressure
//! Inbound, each subscriber has a [bounded queue](Incoming). When one is full, nothing more is read from the socket
//! until half of it was taken, and the server's writes stall in the end; or, if that is asked for, the oldest message
//! makes room and is counted. **Who does not want the messages must say so**
//! ([`ClientBuilder::without_receiver`]): a client that nobody reads from also sees no pongs, so that nothing it sends is
//! confirmed. States and verdicts have their own ways and never queue behind messages.
//!
//! Outbound, the operating system is given no more than it sends soon (`TCP_NOTSENT_LOWAT`, 128 KiB, or the send
//! buffer's size), so that a ping is not stuck behind megabytes; what is beyond that waits in the
//! driver, at most 128 KiB of it framed. A single message
//! of megabytes is one frame, though, that a ping has to wait for, unless it is [fragmented](WireOptions::fragment_bytes).
//!
//! # How a connection is made and ended
//! Names are resolved on up to four threads of the loop's, which end when there is nothing to resolve; then the
//! addresses race, the families in turn, 250 ms apart (RFC 8305). Each attempt begins with the next address, so that one
//! which connects and leads nowhere costs one connect timeout. A connection that the session gives up is reset, so that nothing it still held
//! reaches the server behind the back of the next one. After a close frame from the server, the answer is flushed and
//! the stream closed; after one from us, the server is left to close the stream first, within the close timeout.
//!
//! # What went wrong
//! The session decides by a [`Cause`](core::Cause): small, comparable, the same in every replay. Beside the state that it
//! leads to comes a [`Failure`], which says what exactly the driver saw: what was expected, what came instead, and the
//! clause that forbids it; for a rejected upgrade the status, the headers and the beginning of the body. See
//! [`Noticed::failure`], [`Client::last_failure`] and [`Application::failed`].
//!
//! # Engines
//! What turns bytes into messages and back is the [`Wire`](core::wire::Wire) of `steadfast-core`. With the feature
//! `tungstenite` that crate can be [chosen](EngineKind) instead, endpoint by endpoint.
//!
//! # Features
//! - `tungstenite`: the other engine.
//! - `store`: [`Builder`] takes a [`Store`](store::Store), in which durable messages outlive the process.
//! - `signals`: what the machine says of its network and its sleep, on Linux; see [`Builder::signals`] and
//!   [`Driver::watch_signals`].
//! - `trace`: [`Builder`] and [`Driver`] can record what a session is told.
//!
//! - `tls`, a default: `wss://` with rustls on ring, and the platform's roots; see [`tls`]. Its parts can be chosen one by one:
//!   `ring` or `aws-lc-rs`, `roots-platform` or `roots-bundled`, and `dangerous`.

mod client;
mod driver;
mod event_loop;
mod net;

pub use steadfast_core as core;
pub use steadfast_core::wire::handshake::{Accepted, Rejected};
#[cfg(feature = "signals")]
pub use steadfast_transport::signals;
#[cfg(feature = "store")]
pub use steadfast_transport::store;
#[cfg(feature = "_tls")]
pub use steadfast_transport::tls;
pub use steadfast_transport::{
    Credentials, Endpoint, EndpointError, Endpoints, EngineKind, Failure, Place, Secret, SocketOptions, SourceError,
    Token, Wanted, WireOptions,
    client::{
        BuildError, Builder, Incoming, Noticed, Notices, Outcome, Receipt, ReceiveError, Receiver, Report, Sender,
        SlowReader, StateWatch, Unsettled,
    },
    pump::{Application, Connects, Reads, Remote, Requests, SendError, SessionId},
};

pub use crate::{
    client::{Client, ClientBuilder},
    driver::{Driver, LoopGone, LoopHandle, OutOfTokens},
    event_loop::EventLoop,
};

/// The example of the repository's first page compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
