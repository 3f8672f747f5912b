//! Steadfast's simulator: sessions over virtual time.
//!
//! A test of reconnect logic that waits for real sockets is slow and flaky, and cannot wait for a day. Here time is a
//! number: a [`World`] jumps from one thing to the next, and a year passes in seconds, the same way each time.
//!
//! # Your own test
//! Write your application as an [`App`] (it hears notices, messages and alarms, and says what is to be done), put a
//! session into a world, break things, and look at what came of it:
//!
//! ```
//! use std::time::Duration;
//! use steadfast_core::{Event, MessageId, Notice, SendOptions, Timestamp, Verdict, config::Config};
//! use steadfast_sim::{App, ClientId, Command, Commands, Fault, Heard, World};
//!
//! /// Reports every minute, and counts what is known to have arrived.
//! #[derive(Default)]
//! struct Reporter {
//!     sent: u64,
//!     arrived: u64,
//! }
//!
//! impl App for Reporter {
//!     fn hear(&mut self, _now: Timestamp, _: ClientId, heard: Heard<'_>, commands: &mut Commands) {
//!         match heard {
//!             Heard::Woken { .. } => {
//!                 self.sent += 1;
//!                 commands.send(MessageId(self.sent), "all is well", SendOptions::default());
//!                 commands.wake_in(Duration::from_secs(60), 0);
//!             }
//!             Heard::Notice(Notice::Verdict { verdict: Verdict::Confirmed, .. }) => self.arrived += 1,
//!             _ => {}
//!         }
//!     }
//! }
//!
//! let mut world = World::new(1);
//! let client = world.session(&Config::default(), 1);
//! world.tell(client, Event::Start);
//! world.command(client, Command::Wake { span: Duration::ZERO, key: 0 });
//!
//! let mut reporter = Reporter::default();
//! for fault in [Fault::Reset, Fault::Silence, Fault::Close(1012)] {
//!     world.run_for(Duration::from_secs(600), &mut reporter);
//!     world.command(client, Command::Fault(fault));
//! }
//! world.run_for(Duration::from_secs(599), &mut reporter);
//!
//! assert_eq!(reporter.arrived, reporter.sent);
//! assert_eq!(world.arrivals(client).len() as u64, reporter.sent, "not one came twice");
//! world.checker(client).expect_clean();
//! ```
//!
//! `examples/day.rs` does this with an application that subscribes again on every connection, against a server of its own.
//!
//! # What there is
//! * [`World`]: the time, the sessions, and what is to come. [`Surroundings`] say what a session is surrounded by: a
//!   [`Link`], a [`Driver`], and what its connections are met by, [`ServerModel`]s.
//! * [`Fault`] and [`Command`]: what goes wrong, and what else can be done to a client: stalls, sleep, clocks that jump.
//! * [`StoreModel`]: a store that is slow, full or broken; and [`Command::Crash`], after which only what it holds is left.
//! * [`App`] and [`Service`]: your application above the session, and your own server behind the socket.
//! * [`Checker`]: judges every step against the session's contract, one [`Clause`] at a time, and against the truth: what
//!   really arrived. A world has one for each session.
//! * [`Scenario`]: all of that as plain data. It is drawn from a seed ([`Scenario::from_seed`]), made and shrunk by
//!   proptest (feature `proptest`), made from a fuzzer's bytes (feature `arbitrary`), saved as JSON and replayed
//!   (`examples/replay.rs`).
//! * [`Herd`]: thousands of clients that lose one server at the same moment, and how they come back to it.
//! * [`Machine`]: what a world drives. A wrapper around a session is one too; sessions broken on purpose test the checker.
//! * [`dial`]: the same for the way to a stream: a resolver, addresses that accept, refuse or swallow, and a judge.
//!
//! Programs as a whole, with their sockets, are tested against the `mock` of the feature of that name: a scripted server,
//! and proxies before it.
//!
//! # What is modelled
//! TCP, not packets: bytes arrive in order or not at all. The driver is one that keeps the contract: it accounts for
//! every byte, so that `Wrote`, `Flushed`, `PingFlushed` and `untouched_from` are exact, says `Closed` once, and feeds
//! readiness before timers. What the contract leaves open to drivers can be asked for: late, early and spurious timers,
//! pings that overtake fragments, aborts that take their time, events of dead connections that come late.
//!
//! Not modelled: TLS and the bytes of frames (a message arrives whole), a server that reads without writing room, in a
//! [`World`] name resolution that takes time of its own, retransmission after a stall (what was held up arrives at once).

mod app;
mod checker;
pub mod dial;
mod digest;
mod herd;
mod link;
mod machine;
#[cfg(feature = "mock")]
pub mod mock;
mod monitor;
mod rng;
mod scenario;
mod server;
mod source;
mod span;
mod store;
mod world;

pub use crate::{
    app::{App, ClientId, Command, Commands, Heard},
    checker::{Checker, Clause, Violation},
    herd::{Herd, Outage, Return},
    link::{Clock, Driver, Fault, Link, Way},
    machine::Machine,
    monitor::Monitor,
    scenario::{Arrived, Feature, Features, Report, Scenario, Step, Tally},
    server::{Arrival, Peer, Replies, ServerModel, Service},
    source::{Grant, REJECTED, Refuses},
    store::StoreModel,
    world::{Region, Surroundings, World},
};

/// The examples of the guide compile, and run.
#[cfg(all(doctest, feature = "mock-tls"))]
#[doc = include_str!("../../docs/testing.md")]
struct Guide;
