//! One deadline for each session, and the nearest of them all.

use std::collections::BTreeSet;

use steadfast_core::Timestamp;

/// The deadlines of all sessions, by slot.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Timestamp, usize)>);

impl Timers {
    /// Replaces a slot's deadline.
    pub(super) fn replace(&mut self, slot: usize, old: Option<Timestamp>, new: Option<Timestamp>) {
        if let Some(at) = old {
            self.0.remove(&(at, slot));
        }
        if let Some(at) = new {
            self.0.insert((at, slot));
        }
    }

    /// The nearest deadline.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes a slot whose deadline has passed.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<usize> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, slot)| slot)
    }
}
