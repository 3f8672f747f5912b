//! What plain messages do not need: the other lists, what is found by time and key, what is stored.

use alloc::boxed::Box;
use core::time::Duration;

use super::{durable::Durable, entry::Place, index::Index, slots::List};

/// Messages, and their bytes.
pub(super) type Load = (usize, usize);

/// What plain messages do not need.
#[derive(Clone, Debug)]
pub(super) struct More {
    /// What waits outside the lane of data, by [`Place`].
    pub(super) lists: [List; 3],
    /// How many are for the current connection only, and their bytes.
    pub(super) bound: Load,
    /// How many wait that are not plain data, and their bytes: data cannot displace them.
    pub(super) aside: Load,
    /// How many of those are unbound and in the lane of control, and their bytes: control can displace them.
    pub(super) control: Load,
    /// How long the process was suspended while deadlines may have been kept.
    pub(super) slept: Duration,
    pub(super) index: Index,
    /// `None` unless something is durable.
    pub(super) durable: Option<Box<Durable>>,
}

impl Default for More {
    fn default() -> Self {
        Self {
            lists: [List::EMPTY; 3],
            bound: (0, 0),
            aside: (0, 0),
            control: (0, 0),
            slept: Duration::ZERO,
            index: Index::default(),
            durable: None,
        }
    }
}

impl More {
    /// A message waits: it counts with those aside, if it does.
    #[inline]
    pub(super) const fn set_aside(&mut self, (aside, control): (Load, Load)) {
        self.aside = (self.aside.0 + aside.0, self.aside.1 + aside.1);
        self.control = (self.control.0 + control.0, self.control.1 + control.1);
    }

    #[inline]
    pub(super) const fn back_from_aside(&mut self, (aside, control): (Load, Load)) {
        self.aside = (self.aside.0 - aside.0, self.aside.1 - aside.1);
        self.control = (self.control.0 - control.0, self.control.1 - control.1);
    }
}

/// Where those wait that wait there.
#[inline]
pub(super) const fn list<'a>(data: &'a mut List, lists: &'a mut [List; 3], place: Place) -> &'a mut List {
    match place {
        Place::Data => data,
        Place::Ahead => &mut lists[0],
        Place::Again => &mut lists[1],
        Place::Control | Place::Handed => &mut lists[2],
    }
}
