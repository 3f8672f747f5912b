//! What a run came to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};
use steadfast_core::{Timestamp, Verdict};

use crate::{Arrival, Clause, ClientId, Machine, Violation, World};

/// What a run came to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// When it ended.
    pub end: Timestamp,
    /// How many events the session handled.
    pub events: u64,
    /// How many actions it asked for.
    pub actions: u64,
    /// A digest of all of them: two runs with the same one went the same way.
    pub digest: u64,
    /// What the application saw.
    pub tally: Tally,
    /// What the servers saw.
    pub arrived: Arrived,
    /// What broke the contract, the first 64 of it.
    pub violations: Vec<Violation>,
    /// How often each clause was broken; none that was kept is listed.
    pub broken: BTreeMap<Clause, usize>,
}

/// What the application saw.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tally {
    /// Messages offered.
    pub offered: u64,
    /// Messages that came back at once.
    pub refused: u64,
    /// [`Verdict::Confirmed`].
    pub confirmed: u64,
    /// [`Verdict::Written`].
    pub written: u64,
    /// [`Verdict::InDoubt`].
    pub in_doubt: u64,
    /// [`Verdict::Dropped`].
    pub dropped: u64,
    /// [`Verdict::Kept`].
    pub kept: u64,
    /// Messages delivered to the application.
    pub delivered: u64,
    /// Connections that opened.
    pub connections: u64,
}

impl Tally {
    pub(super) fn settled(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Confirmed => self.confirmed += 1,
            Verdict::Written => self.written += 1,
            Verdict::InDoubt => self.in_doubt += 1,
            Verdict::Dropped(_) => self.dropped += 1,
            Verdict::Kept => self.kept += 1,
        }
    }
}

/// What the servers saw.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Arrived {
    /// Messages that arrived, each counted once.
    pub messages: u64,
    /// Those that arrived again.
    pub duplicates: u64,
    /// Those that arrived for the first time after one that was sent later.
    pub overtaken: u64,
}

impl Arrived {
    /// Counts; messages are taken to be named in the order in which they were sent.
    fn count(arrivals: &[Arrival]) -> Self {
        let mut seen = BTreeSet::new();
        let mut counted = Self::default();
        for arrival in arrivals {
            let newest = seen.last().copied();
            if seen.insert(arrival.id) {
                counted.messages += 1;
                counted.overtaken += u64::from(newest.is_some_and(|newest| newest > arrival.id));
            } else {
                counted.duplicates += 1;
            }
        }
        counted
    }
}

impl Report {
    pub(super) fn new<M: Machine>(world: &World<M>, client: ClientId, tally: Tally) -> Self {
        Self {
            end: world.now(),
            events: world.events(),
            actions: world.actions(),
            digest: world.digest(client),
            tally,
            arrived: Arrived::count(world.arrivals(client)),
            violations: world.checker(client).violations().to_vec(),
            broken: world.checker(client).counts().clone(),
        }
    }

    /// Whether this clause was broken.
    #[must_use]
    pub fn breaks(&self, clause: Clause) -> bool {
        self.broken.contains_key(&clause)
    }

    /// For tests.
    ///
    /// # Panics
    /// If a clause was broken; the message is the report.
    pub fn expect_clean(&self) {
        assert!(self.violations.is_empty(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} events and {} actions until {}", self.events, self.actions, self.end)?;
        writeln!(f, "{:?}", self.tally)?;
        writeln!(f, "{:?}", self.arrived)?;
        for violation in &self.violations {
            writeln!(f, "  {violation}")?;
        }
        Ok(())
    }
}
