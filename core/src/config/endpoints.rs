//! Several endpoints: which goes first, and when one is left alone.

use alloc::vec::Vec;
use core::time::Duration;

/// How a session chooses among several endpoints. Where they are, only its driver knows; to the session they are numbers,
/// [`EndpointId`](crate::EndpointId)s from 0 on.
///
/// Each attempt goes to the one with the lowest [priority](Self::priorities) number, of those to the one with the fewest
/// recent failures (one counts half after a minute), of those to the first in [`order`](Self::order). One whose
/// [`breaker`](Self::breaker) is open is left alone, as is one whose server asked for patience; if that is so of all, the
/// session waits for the first of them. A connection that is good is never dropped for a better endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct Endpoints {
    /// How many. 1, and then nothing else here means anything; at most 1,000. Transports set it to the number of those
    /// that they are given.
    pub count: u16,
    /// Which is preferred among equals. The first of the list.
    pub order: Order,
    /// A number for each, the lower the sooner; 0 for those beyond the end of the list. Empty: all are equal. At most
    /// `count`, unless that is 1.
    pub priorities: Vec<u8>,
    /// When an endpoint is left alone.
    pub breaker: Breaker,
}

/// Which endpoint is preferred among equals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Order {
    /// The first of the list.
    #[default]
    Listed,
    /// Any: each session shuffles the list once, by its seed, so that many of them spread.
    Shuffled,
}

/// When an endpoint is left alone for a time.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct Breaker {
    /// After so many failures in a row: attempts that failed, and connections that were lost. Only a connection that was
    /// stable ends the row. 5; at least 1.
    pub failures: u32,
    /// For how long at first. Then one attempt probes it; the time doubles each time that a probe fails although another
    /// endpoint works. 30 s, the longest backoff; 1 ms to a day.
    #[cfg_attr(feature = "serde", serde(with = "super::human"))]
    pub open_for: Duration,
    /// For how long at most. 10 min; from `open_for` to a day.
    #[cfg_attr(feature = "serde", serde(with = "super::human"))]
    pub longest: Duration,
}

impl Default for Endpoints {
    fn default() -> Self {
        Self { count: 1, order: Order::default(), priorities: Vec::new(), breaker: Breaker::default() }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, open_for: Duration::from_secs(30), longest: Duration::from_mins(10) }
    }
}
