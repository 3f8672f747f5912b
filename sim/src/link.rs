//! The way between a client and its server, the driver on it, and what can go wrong: all plain data.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast_core::IoKind;

use crate::span;

/// A TCP connection's ordinary properties. What is sent arrives, in order, late.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Link {
    /// From the client to the server.
    #[serde(with = "span")]
    pub latency_up: Duration,
    /// From the server to the client.
    #[serde(with = "span")]
    pub latency_down: Duration,
    /// Bytes a second from the client to the server; 0: no limit.
    pub bandwidth_up: u64,
    /// Bytes a second from the server to the client; 0: no limit.
    pub bandwidth_down: u64,
    /// How many bytes the two kernels hold between the driver and the server; then the driver's writes make no progress.
    pub kernel_buffer: u64,
    /// What arrives at the client is read at whole multiples of this, so that several messages come with one read; zero:
    /// each read when it arrives.
    #[serde(with = "span")]
    pub coalesce: Duration,
    /// A message to the client with more bytes than this comes in two reads; 0: every one in a single read.
    pub split: u64,
}

impl Default for Link {
    /// 1 ms each way, unlimited bandwidth, 64 KiB in the kernels, nothing split or coalesced.
    fn default() -> Self {
        Self {
            latency_up: Duration::from_millis(1),
            latency_down: Duration::from_millis(1),
            bandwidth_up: 0,
            bandwidth_down: 0,
            kernel_buffer: 64 << 10,
            coalesce: Duration::ZERO,
            split: 0,
        }
    }
}

/// How the modelled driver behaves within what the contract leaves to drivers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Driver {
    /// Whether pings can be sent and pongs seen (a browser can do neither).
    pub can_ping: bool,
    /// Whether it knows which messages never reached the operating system, and says so with `Closed`.
    pub reports_untouched: bool,
    /// Whether a ping goes between the fragments of the message that is being written, as RFC 6455 §5.4 allows.
    pub pings_overtake: bool,
    /// How long an attempt waits its turn before `Dialing`.
    #[serde(with = "span")]
    pub dial_after: Duration,
    /// From `Abort` to the `Closed` that follows.
    #[serde(with = "span")]
    pub abort_takes: Duration,
    /// Each `TimerFired` is late by a random span up to this.
    #[serde(with = "span")]
    pub timer_late: Duration,
    /// How many in a million timers fire early, at a random time before theirs.
    pub timer_early: u32,
    /// How many in a million handled events are followed by an event of a connection that is dead.
    pub stale_events: u32,
}

impl Default for Driver {
    /// One that can do everything, at once and on time.
    fn default() -> Self {
        Self {
            can_ping: true,
            reports_untouched: true,
            pings_overtake: false,
            dial_after: Duration::ZERO,
            abort_takes: Duration::ZERO,
            timer_late: Duration::ZERO,
            timer_early: 0,
            stale_events: 0,
        }
    }
}

/// A direction between client and server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
    /// Both.
    Both,
}

/// What goes wrong at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// The connection is reset at both ends: what is under way in either direction is lost.
    Reset,
    /// The server's end is reset: what the client sent and is under way is lost, what the server sent arrives, then the reset.
    ServerReset,
    /// The server closes its socket without a close frame: what it sent arrives, then the end of the stream.
    Fin,
    /// The driver's own socket fails with this error.
    Io(IoKind),
    /// The server begins the closing handshake with this code.
    Close(u16),
    /// Nothing of this connection gets through any more, and nobody is told: the half-open connection.
    Silence,
    /// Nothing gets through on this way for a time, on this connection and on those made meanwhile; then all of it, in
    /// order. A server that does not read is `Up`, one direction of a proxy that is stuck is either.
    Stall {
        /// Which way.
        way: Way,
        /// For how long.
        #[serde(with = "span")]
        span: Duration,
    },
}

/// What a suspended process sees of the time that passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// It counts while the process sleeps, and jumps ahead on waking.
    Runs,
    /// It stands still meanwhile, as monotonic clocks of some systems do.
    Stops,
}
