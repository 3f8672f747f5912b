//! Steadfast's core: a WebSocket session that holds on, as a pure state machine.
//!
//! A [`Session`] decides everything that a client which survives has to decide: when to connect and how long to wait
//! before the next attempt, when a silent connection is dead, what to do with a message while there is no connection,
//! and what became of each. It does nothing itself. It has no clock, no socket, no thread and no randomness of its own: a
//! **driver** tells it what happened, and when, and carries out what it answers.
//!
//! ```
//! use steadfast_core::{Action, Event, Session, Timestamp, config::Config};
//!
//! let mut session = Session::new(Config::default(), 7);
//! let now = Timestamp::ZERO; // measured by the driver, on any monotonic clock
//! for action in session.handle(now, Event::Start) {
//!     match action {
//!         Action::Connect { conn, .. } => { /* open a socket; say Dialing, then Opened or Closed */ }
//!         Action::Send { conn, id, message } => { /* write a message; say Flushed when it has left */ }
//!         Action::Ping { conn, payload } => { /* write a ping; say PingFlushed, and Pong when it is answered */ }
//!         Action::Heartbeat { conn, text } => { /* write a text; say PingFlushed */ }
//!         Action::Close { conn, frame } => { /* begin the closing handshake; say Closed when it is done */ }
//!         Action::Abort { conn } => { /* drop the socket; say Closed */ }
//!         Action::SetTimer { at } => { /* say TimerFired then, and forget the time set before */ }
//!         Action::CancelTimer => { /* forget it */ }
//!         Action::Deliver { conn, message } => { /* the application's */ }
//!         Action::Notify(notice) => { /* states, verdicts, refusals: the application's, too */ }
//!         Action::FetchCredentials { epoch, .. } => { /* fetch a secret, keep it, say Credentials; only if configured */ }
//!         Action::Present { conn, epoch } => { /* write the message that holds it; only if configured */ }
//!         Action::Persist(message) => { /* store it, say Persisted; only if configured */ }
//!         Action::Forget { id } => { /* remove it from the store; only if configured */ }
//!     }
//! }
//! ```
//!
//! # The contract
//! 1. **Infallible.** No event makes [`Session::handle`] panic or fail, in any state, in any order.
//! 2. **Deterministic.** The same configuration, seed and log of events give the same actions on every platform.
//! 3. **One connection at a time.** Every [`Action::Connect`] ends in exactly one [`Event::Closed`], and the next comes
//!    only after it.
//! 4. **One timer**, always in the future. An event is applied before deadlines pass, so an answer that comes with its own
//!    deadline is in time; a deadline seen more than a second late grants one probe first.
//! 5. **Backoff is earned back** by a connection that stays usable, not by one that opens.
//! 6. **What the end of a connection means** is one table, [`config::ClosePolicy`], and the application's rules before it.
//! 7. **Liveness is right**: any inbound bytes prove the way in, answered pings the way out; sending never postpones a ping.
//! 8. **The outbox is bounded** in messages and bytes; what it refuses comes back; it never reorders.
//! 9. **Every accepted message ends in exactly one [`Verdict`]**, on [`Event::Stop`] too.
//! 10. **States carry their data**: see [`State`].
//!
//! # Delivery
//! A WebSocket is ordered, and a peer answers a ping after it has read everything sent before it. So the session puts a
//! ping behind the messages it hands over, and its pong confirms them, with any server of RFC 6455. At most one such ping
//! is under way; messages behind it share the next. When the connection breaks, what was handed over and not confirmed, and
//! not reported untouched by the driver, is exactly what is in doubt: [`Delivery::AtLeastOnce`] sends it again, first and in
//! order, the other two report it. A proxy that terminates WebSocket answers for itself: the pong proves the endpoint
//! that was read to, not the reader behind it.
//!
//! After each reconnect the order is: open; what is [bound](SendOptions::bound_to) to this connection, until
//! [`Event::Ready`] (or at once, by configuration); then the unconfirmed, the queue, new messages.
//!
//! # Features
//! - `serde`: configuration from TOML and JSON with durations like `"30s"`; events, notices and the session itself, written
//!   and read; actions, which borrow, written.
//! - `wire` (on by default): the WebSocket protocol itself, see [`wire`].
//! - `std` (on by default): for the wire, SIMD chosen at run time, and `io::Write` on its buffers.
//! - `deflate`: compressed messages (RFC 7692).
//! - `dial`: the way from a name to a stream, see [`dial`]: addresses that race, proxies, redirects, cookies.
//! - `http`: requests and answers of the handshake as types of the crate of that name.
//! - `trace`: a recorder around a session, and the replay of what it wrote.
//!
//! # Map
//! [`config`] is everything that can be set. What goes in is [`Event`], what comes out [`Action`] and, inside it,
//! [`Notice`]; where the session stands is [`State`], and what it counted [`Metrics`].
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod cause;
mod close;
pub mod config;
#[cfg(feature = "dial")]
pub mod dial;
mod keys;
mod lease;
mod message;
mod options;
mod rng;
mod session;
mod stage;
mod time;
#[cfg(feature = "trace")]
pub mod trace;
#[cfg(feature = "wire")]
pub mod wire;

pub use crate::{
    cause::{Cause, CauseKind, CredentialsKind, DnsKind, HandshakeKind, IoKind, ProxyKind, TlsKind},
    close::{CloseCode, CloseFrame},
    keys::Keys,
    lease::{Epoch, FetchError, FetchReason, Identity, Lease},
    message::{Binary, ConnId, Message, MessageId, Text},
    options::{Delivery, Key, Lane, SendOptions},
    session::{
        Session,
        action::{Action, Persist},
        endpoints::{BreakerState, EndpointId},
        event::{Event, Network, PingPayload, TimedEvent, Visibility},
        metrics::{Metrics, Verdicts},
        notice::{Dropped, NotCancelled, Notice, Refusal, StoreError, Transition, Verdict, Watermark},
        pending::{Actions, VerdictRun},
        policy::{Decided, DecidedBy, Decision},
        rtt::RttSnapshot,
        state::{State, StateKind, StopCause},
    },
    stage::Stage,
    time::Timestamp,
};
