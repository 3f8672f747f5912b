//! From a name to a byte stream that a WebSocket can be asked for on: everything between a session's
//! [`Connect`](crate::Action::Connect) and its [`Opened`](crate::Event::Opened) that is a decision, and no I/O.
//!
//! A [`Dialer`] is one attempt of one session: it asks for names to be resolved, races the addresses by RFC 8305, and
//! knows which [`Stage`](crate::Stage) the attempt is in. Like the session it is a pure machine, for the same driver and
//! the same clock:
//!
//! ```
//! use steadfast_core::{Stage, Timestamp, dial::{Action, Dialer, Event, Hop, Race, Route}};
//!
//! let route = Route::direct(Hop::new("example.com", 443)).with_tls();
//! let mut dialer = Dialer::new(route, Race::default(), 1);
//! for action in dialer.handle(Timestamp::ZERO, Event::Start) {
//!     match action {
//!         Action::Enter { stage } => { /* tell the session: Dialing with this stage */ }
//!         Action::Resolve => { /* ask for the addresses of the hop's name; say Resolved or Unresolved */ }
//!         Action::Connect { attempt, to } => { /* open a socket, do not wait; say Connected or Failed */ }
//!         Action::Cancel { attempt } => { /* close that socket */ }
//!         Action::Use { attempt } => { /* this one is the stream: proxy, TLS and upgrade go over it */ }
//!         Action::SetTimer { at } => { /* say TimerFired then, and forget the time set before */ }
//!         Action::CancelTimer => { /* forget it */ }
//!         Action::Fail { cause } => { /* say Closed with this cause to the session: the attempt is over */ }
//!     }
//! }
//! assert_eq!(dialer.stage(), Stage::Resolve);
//! ```
//!
//! What follows on the stream are further small machines, each of bytes in and bytes out: a [`proxy::Tunnel`] through an
//! HTTP or a SOCKS proxy, then TLS, which is the driver's, then the [handshake](crate::wire::handshake). The driver tells
//! the dialer as each is done, and has its [`lost`](Dialer::lost) name the stage when the stream fails in between.
//!
//! Beside them: [`environment`] finds the proxy that the usual variables name, [`redirect`] judges where a server sends
//! the client instead, and [`cookies`] keeps what it wants to be told on the next connection.
//!
//! There is no deadline in here: the session's connect timeout is the one deadline over all stages.

mod action;
mod addresses;
pub mod cookies;
mod dialer;
pub mod environment;
mod event;
mod hop;
pub mod proxy;
mod race;
pub mod redirect;

pub use self::{
    action::{Action, Actions, AttemptId},
    dialer::Dialer,
    event::Event,
    hop::{Hop, Peer, Route},
    race::Race,
};
