//! Steadfast on real sockets, in the tasks of [async-std](https://docs.rs/async-std).
//!
//! **async-std is discontinued** ([RUSTSEC-2025-0052](https://rustsec.org/advisories/RUSTSEC-2025-0052.html)): it gets no more fixes.
//! This crate is for programs that stand on it today; new ones should not begin with it. All of async-std that it uses
//! (to connect, to sleep, to spawn) is in one file, `src/runtime.rs`; sockets are `futures-io` streams. To follow smol or
//! another runtime is to change that file, and nothing of the API names async-std.
//!
//! The session, which decides everything, is in [`steadfast-core`](core); this crate carries its decisions out:
//!
//! - [`Client`]: cloned freely, `Send` and `Sync`. [`Client::connect`] comes to one that is open; [`Client::new`] makes one
//!   that starts when it is needed.
//! - [`Client::reserve`] and [`Permit::send`], and [`Client::send`], which is both: room first, then the message, then a
//!   [`Receipt`] that comes to its [`Outcome`].
//! - [`Messages`], [`Notices`] and [`StateWatch`] are streams; [`MessageSink`] is a sink.
//! - [`Client::close`] drains, and reports what is unsettled.
//!
//! ```
//! use std::time::Duration;
//! use steadfast_async_std::Client;
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
//! # let url = format!("ws://{}/", listener.local_addr().unwrap());
//! # std::thread::spawn(move || {
//! #     let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
//! #     while let Ok(message) = socket.read() {
//! #         if message.is_text() { socket.send(message).unwrap(); }
//! #     }
//! # });
//! # async_std::task::block_on(async {
//! let client = Client::connect(Client::builder(&url).header("X-Room", "7")).await?;
//! let receipt = client.send("hello").await?; // accepted: from here on it is owed exactly one outcome
//! assert_eq!(client.receive().await?.as_text(), Some("hello"));
//! assert!(receipt.await.is_confirmed()); // the server's endpoint has read it
//!
//! let report = client.close(Duration::from_secs(2)).await;
//! assert!(report.unsettled.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Cancellation
//! Every future may be dropped at any time. What was not accepted was not sent; room that was reserved goes to the next
//! who waits for it; a message that a task was woken for is left for another. Dropping the last clone of a client closes
//! its socket and ends its task; receipts, streams and watches come to their ends.
//!
//! # Backpressure
//! Inbound, each subscriber has a [bounded queue](Incoming). When one is full, nothing more is read from the socket
//! until half of it was taken, and the server's writes stall in the end; or, if that is asked for, the oldest message
//! makes room and is counted. **Who does not want the messages must say so** ([`Builder::without_receiver`]): a client that
//! nobody reads from also sees no pongs. States and verdicts have their own ways and never queue behind messages.
//! Outbound, whoever sends waits for room in the outbox, in one line, first come, first served.
//!
//! # Who does the work
//! The client's task is enough. But a task that awaits a message, an outcome or room stands in for it: the socket wakes that task,
//! and it reads and writes by itself, which saves the way over another task and thread. The client's task
//! looks after stand-ins: it replaces one that was woken and did not come within 10 ms.
//!
//! # Features
//! - `async-tungstenite`: another engine, [`EngineKind::AsyncTungstenite`](EngineKind).
//! - `store`: [`Builder`] takes a [`Store`](store::Store), in which durable messages outlive the process.
//! - `signals`: what the machine says of its network and its sleep, on Linux; see [`Builder::signals`].
//! - `trace`: [`Builder`] can record what a session is told.
//! - `tls`, a default: `wss://` with rustls on ring, and the platform's roots. Its parts can be chosen one by one: `ring` or
//!   `aws-lc-rs`, `roots-platform` or `roots-bundled`, and `dangerous`.

mod bell;
mod client;
mod closings;
mod net;
mod refusals;
mod runtime;
mod shared;
mod state;
mod task;
mod voice;

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
    client::{BuildError, Builder, Incoming, Noticed, Outcome, ReceiveError, Report, SlowReader, Unsettled},
    pump::SendError,
};

pub use crate::client::{
    Acceptance, Client, ClientBuilder, Close, ConnectError, Connecting, MessageSink, Messages, Notices, Permit,
    Receipt, Receive, Reserve, Sending, StateChange, StateWatch, WaitFor,
};
