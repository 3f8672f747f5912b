//! What a server, or the network before it, does to its clients.

use std::{fmt, time::Duration};

/// One way to hurt a client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Fault {
    /// The connection is reset (RST, by a linger of zero); what was not read is gone.
    Reset,
    /// The server sends FIN without a close frame, and reads on for what is still under way.
    HalfClose,
    /// The server keeps the socket, reads nothing and answers nothing.
    Silence,
    /// The server reads on, and answers nothing, no ping either: messages arrive, confirmations do not.
    Mute,
    /// The server closes with 1012 (service restart) and is away for a moment.
    Restart,
    /// The connection is reset, and nobody listens for a while.
    Refuse,
    /// The connection is reset, and the next upgrade is answered with 503 and `Retry-After: 1`.
    Unavailable,
    /// The connection is reset, and the next one is accepted and its handshake left hanging.
    Stall,
}

impl Fault {
    /// Every fault, the cheapest first.
    pub(crate) const ALL: [Self; 8] = [
        Self::Reset,
        Self::HalfClose,
        Self::Refuse,
        Self::Restart,
        Self::Silence,
        Self::Mute,
        Self::Stall,
        Self::Unavailable,
    ];

    /// How long a client with the demo's settings needs to get over it, roughly: what a schedule plans with.
    pub(crate) const fn cost(self) -> Duration {
        Duration::from_millis(match self {
            Self::Reset | Self::HalfClose => 150,
            Self::Refuse => 600,
            Self::Restart => 500,
            Self::Silence | Self::Mute => 1_100,
            Self::Stall | Self::Unavailable => 1_300,
        })
    }

    /// A short name, for counting.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::HalfClose => "half-close",
            Self::Silence => "silence",
            Self::Mute => "mute",
            Self::Restart => "restart 1012",
            Self::Refuse => "refuse",
            Self::Unavailable => "503",
            Self::Stall => "stall",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reset => "resets the connection",
            Self::HalfClose => "half-closes: FIN without a close frame",
            Self::Silence => "goes silent: reads nothing, answers nothing",
            Self::Mute => "goes mute: reads on, answers no ping",
            Self::Restart => "restarts: closes with 1012",
            Self::Refuse => "resets, then refuses connections",
            Self::Unavailable => "resets, then answers 503 with Retry-After: 1",
            Self::Stall => "resets, then stalls a handshake",
        })
    }
}
