//! An accepted message, and what becomes of it when its connection ends.

use alloc::boxed::Box;
use core::time::Duration;

use crate::{
    Timestamp,
    lease::Identity,
    message::{Message, MessageId},
    options::{Delivery, Key, Lane, SendOptions},
    session::notice::{Dropped, Verdict},
};

/// An accepted message.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::session) struct Entry {
    pub(in crate::session) id: MessageId,
    pub(in crate::session) message: Message<'static>,
    pub(super) delivery: Delivery,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) lane: Lane,
    /// For the current connection only.
    pub(super) bound: bool,
    /// Where it is. Written down by the list that it is written in.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(super) place: Place,
    /// How often it was handed over and may have left.
    pub(super) sends: u32,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) rare: Option<Box<Rare>>,
}

/// What few messages ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Rare {
    max_resends: Option<u32>,
    /// When it has waited too long, on the clock that runs through a suspend.
    pub(super) expires: Option<Timestamp>,
    pub(super) key: Option<Key>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) stored: Option<Stored>,
    /// For whom it is, if a store has held it: everything else is for whom the session acts.
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) identity: Option<Identity>,
}

/// Whether a durable message is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub(in crate::session) enum Stored {
    /// The store has not answered yet: it is not accepted, and waits in its place.
    Asked,
    /// It is accepted, and has to be forgotten.
    Done,
}

/// Where an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Place {
    /// Sent ahead, for this connection, before it is ready.
    Ahead,
    /// May have been sent on an earlier connection, and waits to be sent again.
    Again,
    /// Waits in the lane of control.
    Control,
    /// Waits in the lane of data.
    #[default]
    Data,
    /// Handed over on this connection.
    Handed,
}

/// A message that is settled.
pub(in crate::session) struct Settled {
    pub(in crate::session) id: MessageId,
    pub(in crate::session) verdict: Verdict,
    pub(in crate::session) message: Message<'static>,
    pub(in crate::session) stored: Option<Stored>,
}

impl Entry {
    /// Accepted at `accepted`, on the clock that runs through a suspend.
    #[inline]
    pub(in crate::session) fn new(
        id: MessageId,
        message: Message<'static>,
        options: &SendOptions,
        accepted: impl FnOnce() -> Timestamp,
    ) -> Self {
        // Before the rest, which nothing can keep from being put together then.
        let rare = if options.is_rare() { Some(Box::new(Rare::of(options, accepted()))) } else { None };
        Self {
            id,
            message,
            delivery: options.delivery,
            lane: options.lane,
            bound: options.bound_to.is_some(),
            place: Place::Data,
            sends: 0,
            rare,
        }
    }

    pub(super) fn settled(self, verdict: Verdict) -> Settled {
        Settled { stored: self.stored(), id: self.id, verdict, message: self.message }
    }

    /// Whether it is durable, and how far it is with that.
    #[inline]
    pub(in crate::session) fn stored(&self) -> Option<Stored> {
        self.rare.as_ref()?.stored
    }

    /// What was asked for it, as it stands now: what is left of its time to live.
    pub(super) fn options(&self, now: Timestamp) -> SendOptions {
        let rare = self.rare.as_deref();
        let left = |at: Timestamp| Duration::from_micros(at.as_micros().saturating_sub(now.as_micros()).max(1));
        SendOptions {
            lane: self.lane,
            max_resends: rare.and_then(|rare| rare.max_resends),
            ttl: rare.and_then(|rare| rare.expires).map(left),
            durable: rare.is_some_and(|rare| rare.stored.is_some()),
            ..SendOptions::new(self.delivery)
        }
    }

    /// As it is settled for a reason of ours: in doubt if it may have been sent, dropped otherwise.
    pub(super) fn given_up(self, why: Dropped) -> Settled {
        let verdict = if self.sends > 0 { Verdict::InDoubt } else { Verdict::Dropped(why) };
        self.settled(verdict)
    }

    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.rare.as_ref()?.expires
    }

    /// The key by which it is replaced while it waits unsent. What is for one connection alone has none.
    pub(super) fn key(&self) -> Option<(Lane, Key)> {
        let key = self.rare.as_ref()?.key?;
        (!self.bound).then_some((self.lane, key))
    }

    /// Where it waits to be sent, if it does not go ahead.
    pub(super) const fn waits_in(&self) -> Place {
        match self.lane {
            _ if self.sends > 0 => Place::Again,
            Lane::Control => Place::Control,
            Lane::Data => Place::Data,
        }
    }

    /// It waits in the lane of data, for any connection.
    pub(super) const fn is_plain(&self) -> bool {
        matches!(self.place, Place::Data) && !self.bound
    }

    /// What it adds to what waits and is not plain data, and to what of that control can displace: messages and bytes.
    #[inline]
    pub(super) fn aside(&self) -> ((usize, usize), (usize, usize)) {
        let one = (1, self.message.len());
        match self.place {
            Place::Control if !self.bound => (one, one),
            Place::Data if !self.bound => ((0, 0), (0, 0)),
            Place::Ahead | Place::Again | Place::Control | Place::Data => (one, (0, 0)),
            Place::Handed => ((0, 0), (0, 0)),
        }
    }

    /// It ends with its connection, wherever it is by then.
    pub(super) const fn is_fleeting(&self) -> bool {
        self.bound || matches!(self.delivery, Delivery::Volatile)
    }

    /// What becomes of it when the session acts for somebody else.
    pub(super) const fn left_behind(&self) -> Verdict {
        if self.sends > 0 { Verdict::InDoubt } else { Verdict::Dropped(Dropped::IdentityChanged) }
    }

    /// What becomes of it when its connection ends: `None` if it stays.
    pub(super) fn fate(&self) -> Option<Verdict> {
        let lost = if self.sends > 0 { Verdict::InDoubt } else { Verdict::Dropped(Dropped::ConnectionLost) };
        if self.is_fleeting() {
            return Some(lost);
        }
        let max_resends = self.rare.as_ref().and_then(|rare| rare.max_resends).unwrap_or(u32::MAX);
        match self.delivery {
            Delivery::Volatile => Some(lost),
            Delivery::AtMostOnce => (self.sends > 0).then_some(Verdict::InDoubt),
            Delivery::AtLeastOnce => (self.sends > max_resends).then_some(Verdict::InDoubt),
        }
    }
}

impl Rare {
    #[cold]
    fn of(options: &SendOptions, accepted: Timestamp) -> Self {
        // What would expire at the end of time does not.
        let expires = options.ttl.map(|ttl| accepted + ttl).filter(|&at| at != Timestamp::MAX);
        let stored = options.durable.then_some(Stored::Asked);
        Self { max_resends: options.max_resends, expires, key: options.key, stored, identity: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_no_larger_than_eight_words() {
        assert!(size_of::<Entry>() <= 64, "{}", size_of::<Entry>());
        assert_eq!(size_of::<Option<Entry>>(), size_of::<Entry>());
    }
}
