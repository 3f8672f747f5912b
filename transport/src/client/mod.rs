//! What a client is made of, whatever its loop runs on: bounded queues inwards, receipts outwards, watches.

mod account;
mod backlog;
mod builder;
mod entries;
mod inbox;
mod ledger;
mod line;
mod lot;
mod notices;
mod outcome;
mod receiver;
mod sender;
mod voice;
mod waiters;
mod wakes;
mod watch;

use std::time::Duration;

use steadfast_core::{Message, MessageId, State, Verdict};

#[cfg(feature = "trace")]
pub use self::builder::Recording;
pub use self::{
    account::Account,
    backlog::{Backlog, Incoming, SlowReader},
    builder::{BuildError, Builder, Built, Parts},
    inbox::{Inbox, Queue},
    ledger::Ledger,
    line::Ticket,
    lot::Lot,
    notices::{Noticed, Notices, Subscribers},
    outcome::Outcome,
    receiver::{ReceiveError, Receiver},
    sender::{Receipt, Sender},
    voice::{Failures, Guard, Shared, Told, Voice},
    waiters::{Place, Waiters},
    wakes::Wakes,
    watch::{StateWatch, Watched},
};

/// What was left when a client was closed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The messages that were neither confirmed nor written nor kept in a store by the time the session stopped, in the
    /// order of their verdicts.
    pub unsettled: Vec<Unsettled>,
    /// The last state: `Stopped`, with its cause. Another if the client was started again while it drained, and did not
    /// stop.
    pub state: State,
}

/// A message that was left when a client was closed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Unsettled {
    /// Its name.
    pub id: MessageId,
    /// `InDoubt` or `Dropped`.
    pub verdict: Verdict,
    /// The message.
    pub message: Option<Message<'static>>,
}

/// How long a wait without a bound lasts before it looks again; every platform's clock can add it.
const FOREVER: Duration = Duration::from_hours(1);
