//! What happens at the server, for whoever watches.

use std::fmt;

use super::fault::Fault;

/// Something that happened at the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Incident {
    /// A WebSocket is open; connections are counted from 1.
    Opened(u64),
    /// A connection is over.
    Left(u64),
    /// A fault begins.
    Fault(Fault),
    /// An upgrade was answered with 503.
    Rejected,
    /// A handshake is left hanging.
    Stalled,
    /// The listener is back.
    Listening,
    /// The listener could not be made again; it is tried again until it can.
    CannotListen(String),
    /// The schedule is over: no more faults.
    TurnedKind,
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened(conn) => write!(f, "connection {conn} is open"),
            Self::Left(conn) => write!(f, "connection {conn} is over"),
            Self::Fault(fault) => write!(f, "{fault}"),
            Self::Rejected => f.write_str("answers 503, Retry-After: 1"),
            Self::Stalled => f.write_str("leaves a handshake hanging"),
            Self::Listening => f.write_str("listens again"),
            Self::CannotListen(why) => write!(f, "cannot listen again yet: {why}"),
            Self::TurnedKind => f.write_str("turns kind: no more faults"),
        }
    }
}
