//! The server's own record: what arrived, and what was done to the client.

use std::collections::BTreeMap;

use super::fault::Fault;

/// What the server saw.
#[derive(Clone, Default, Debug)]
pub(crate) struct Record {
    /// The payloads of the messages that were read, in the order of reading.
    pub(crate) arrivals: Vec<Arrival>,
    /// How many connections were opened.
    pub(crate) connections: u64,
    /// What each of them asked for: path and query.
    pub(crate) targets: Vec<String>,
    /// How often each fault was survived: done to an open connection, and followed by another.
    pub(crate) faults: BTreeMap<Fault, u32>,
    /// Faults that no connection has followed yet.
    pub(super) recent: Vec<Fault>,
}

impl Record {
    /// A connection to `target` is open; gives its number.
    pub(super) fn open(&mut self, target: String) -> u64 {
        for fault in self.recent.drain(..) {
            *self.faults.entry(fault).or_default() += 1;
        }
        self.connections += 1;
        self.targets.push(target);
        self.connections
    }
}

/// A message that the server has read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Arrival {
    /// On which connection, counted from 1.
    pub(crate) conn: u64,
    /// Its payload.
    pub(crate) text: String,
}
