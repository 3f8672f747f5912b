//! What is owed: the messages that were accepted and are not settled.

use std::collections::BTreeMap;

use steadfast_core::{ConnId, Delivery, Message, MessageId, SendOptions};

/// A message that is owed a verdict.
#[derive(Debug)]
pub(super) struct Owed {
    /// Its place in the order in which messages were accepted.
    pub(super) place: u64,
    pub(super) message: Message<'static>,
    pub(super) options: SendOptions,
    /// Its position among those handed over on the live connection.
    pub(super) handed: Option<u64>,
    /// How often it was handed over, and may have been sent, on connections that are over.
    pub(super) sent_before: u32,
    /// The first connection on which it was handed over. What arrived on an earlier one was another of the same name.
    pub(super) first_on: Option<ConnId>,
    /// It arrived at the server at least once.
    pub(super) arrived: bool,
}

/// A message that was offered with the event being handled.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) id: MessageId,
    pub(super) message: Message<'static>,
    pub(super) options: SendOptions,
    pub(super) duplicate: bool,
    /// Why it must be refused, if it must.
    pub(super) impossible: Option<&'static str>,
    pub(super) refused: bool,
    /// What its lane of the outbox held before: messages for one connection have bounds of their own.
    pub(super) before: (u64, u64),
}

/// How a cancel was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cancel {
    Asked { known: bool, handed: bool },
    Answered,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) owed: BTreeMap<MessageId, Owed>,
    pub(super) bytes: u64,
    /// How many of them are bound to a connection, and their bytes.
    pub(super) bound: (u64, u64),
    /// Not handed over on the live connection, by place: the outbox's lane, and the lane of bound messages.
    pub(super) queue: BTreeMap<u64, MessageId>,
    pub(super) ahead: BTreeMap<u64, MessageId>,
    /// Handed over on the live connection and not settled: how many, and their bytes.
    pub(super) unconfirmed: (u64, u64),
    pub(super) offer: Option<Offer>,
    pub(super) cancel: Option<(MessageId, Cancel)>,
    /// Those said to be dropped after they had been handed over, and where first: they must never arrive.
    pub(super) dropped: BTreeMap<MessageId, ConnId>,
    pub(super) mark_high: bool,
    next_place: u64,
}

impl Ledger {
    pub(super) fn len(&self) -> usize {
        self.owed.len()
    }

    /// What counts against the bounds of a message: that of its kind, bound to a connection or not.
    pub(super) fn held(&self, is_bound: bool) -> (u64, u64) {
        let (messages, bytes) = self.bound;
        if is_bound { self.bound } else { (self.len() as u64 - messages, self.bytes - bytes) }
    }

    pub(super) fn accept(&mut self, id: MessageId, message: &Message<'static>, options: SendOptions) {
        let place = self.next_place;
        self.next_place += 1;
        let bytes = message.len() as u64;
        self.bytes += bytes;
        if options.bound_to.is_some() {
            self.bound = (self.bound.0 + 1, self.bound.1 + bytes);
        }
        self.lane(options.bound_to).insert(place, id);
        self.owed.insert(
            id,
            Owed {
                place,
                message: message.clone(),
                options,
                handed: None,
                sent_before: 0,
                first_on: None,
                arrived: false,
            },
        );
    }

    pub(super) fn lane(&mut self, bound_to: Option<ConnId>) -> &mut BTreeMap<u64, MessageId> {
        if bound_to.is_some() { &mut self.ahead } else { &mut self.queue }
    }

    /// It is settled, or was never accepted.
    pub(super) fn remove(&mut self, id: MessageId) -> Option<Owed> {
        let owed = self.owed.remove(&id)?;
        let bytes = owed.message.len() as u64;
        self.bytes -= bytes;
        if owed.options.bound_to.is_some() {
            self.bound = (self.bound.0 - 1, self.bound.1 - bytes);
        }
        if owed.handed.is_some() {
            self.unconfirmed.0 -= 1;
            self.unconfirmed.1 -= bytes;
        } else {
            self.lane(owed.options.bound_to).remove(&owed.place);
        }
        Some(owed)
    }

    /// It was handed over, as the live connection's `position`-th.
    pub(super) fn hand_over(&mut self, id: MessageId, conn: ConnId, position: u64) {
        let Some(owed) = self.owed.get_mut(&id) else { return };
        owed.handed = Some(position);
        owed.first_on.get_or_insert(conn);
        let (place, bound, bytes) = (owed.place, owed.options.bound_to, owed.message.len() as u64);
        self.unconfirmed.0 += 1;
        self.unconfirmed.1 += bytes;
        self.lane(bound).remove(&place);
    }

    /// The live connection is over; what was handed over from `untouched_from` on never left.
    pub(super) fn connection_over(&mut self, untouched_from: Option<MessageId>) {
        let untouched = untouched_from.and_then(|id| self.owed.get(&id)?.handed).unwrap_or(u64::MAX);
        for (id, owed) in &mut self.owed {
            let Some(position) = owed.handed.take() else { continue };
            if position < untouched {
                owed.sent_before += 1;
            }
            let lane = if owed.options.bound_to.is_some() { &mut self.ahead } else { &mut self.queue };
            lane.insert(owed.place, *id);
        }
        self.unconfirmed = (0, 0);
    }

    /// It arrived; says whether it should not have.
    pub(super) fn arrived(&mut self, conn: ConnId, id: MessageId) -> bool {
        if let Some(owed) = self.owed.get_mut(&id) {
            owed.arrived |= owed.first_on.is_some_and(|first| conn >= first);
            return false;
        }
        self.dropped.get(&id).is_some_and(|first| conn >= *first)
    }
}

impl Owed {
    /// May have reached the server, on this connection or an earlier one.
    pub(super) const fn may_have_arrived(&self) -> bool {
        self.handed.is_some() || self.sent_before > 0
    }

    pub(super) const fn may_repeat(&self) -> bool {
        matches!(self.options.delivery, Delivery::AtLeastOnce) && self.options.bound_to.is_none()
    }

    /// It was sent as often as it may be.
    pub(super) fn used_up(&self) -> bool {
        !self.may_repeat() || self.options.max_resends.is_some_and(|resends| self.sent_before > resends)
    }
}
