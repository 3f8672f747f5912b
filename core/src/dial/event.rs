//! What a driver tells a dialer.

use core::net::SocketAddr;

use super::action::AttemptId;
use crate::{DnsKind, IoKind};

/// What a driver tells a dialer, in the order in which it happened.
///
/// None makes [`Dialer::handle`](super::Dialer::handle) fail. One that comes too late, early or twice, or speaks of a socket
/// that is not under way, changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Begin. Does nothing the second time.
    Start,
    /// The resolver has found addresses, in its order of preference (RFC 6724). Their ports mean nothing: the hop's
    /// replaces them.
    Resolved {
        /// Which; perhaps none. They are added to those told before.
        addresses: &'a [SocketAddr],
        /// Whether another answer is to follow, as when both families are asked for separately (RFC 8305 §3): it is
        /// waited for only where that may pay.
        more: bool,
    },
    /// The resolver has failed, and nothing more follows. Addresses told before are tried all the same.
    Unresolved {
        /// Why.
        kind: DnsKind,
    },
    /// A socket is connected.
    Connected {
        /// Which.
        attempt: AttemptId,
    },
    /// A socket could not be connected, or not be made at all.
    Failed {
        /// Which.
        attempt: AttemptId,
        /// What the operating system said.
        kind: IoKind,
    },
    /// The timer has fired, and is not set any more. Early, late or spurious ones do no harm.
    TimerFired,
    /// The proxy has made way.
    Tunnelled,
    /// TLS is established, and the certificate accepted.
    Secured,
    /// The WebSocket is open: the dialer's work is done.
    Opened,
    /// The attempt is given up, for whatever reason: what is under way is cancelled, a winner is the driver's to close.
    Cancel,
}
