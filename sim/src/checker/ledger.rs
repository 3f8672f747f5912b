//! What is owed: the messages that were accepted and are not settled.

use std::collections::{BTreeMap, BTreeSet};

use steadfast_core::{ConnId, Delivery, Identity, Key, Lane, Message, MessageId, SendOptions, Timestamp};

/// Where a message waits, in the order in which they go out; the lanes take turns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Line {
    /// Sent ahead for a connection that was not ready.
    Ahead,
    /// May have been sent on an earlier connection.
    Again,
    Control,
    Data,
}

/// A message that is owed a verdict.
#[derive(Debug)]
pub(super) struct Owed {
    /// Its place in its line: the order in which messages were accepted, or handed over if it is to be sent again.
    pub(super) place: u64,
    /// Its place in the order in which messages were accepted, whatever it replaced.
    pub(super) born: u64,
    /// Where it waits, or waited.
    pub(super) line: Line,
    /// Since when its time to live counts, on the clock that runs through a suspend.
    pub(super) accepted: Timestamp,
    /// When it expires, on that clock.
    pub(super) expires: Option<Timestamp>,
    /// When it was last handed over, in the order of all hand-overs.
    pub(super) handover: u64,
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
    /// For whom it was accepted.
    pub(super) generation: u64,
    /// For whom the store held it, if it did.
    pub(super) identity: Option<Identity>,
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
    /// Not handed over on the live connection, by place.
    pub(super) lines: [BTreeMap<u64, MessageId>; 4],
    /// Those of them that expire, and when.
    pub(super) due: BTreeSet<(Timestamp, MessageId)>,
    /// There was one.
    pub(super) has_expiring: bool,
    /// Those of them that have a key and cannot have been sent, in the order of their acceptance.
    pub(super) keyed: BTreeMap<(Lane, Key), BTreeMap<u64, MessageId>>,
    /// How many of the line of control were handed over since the last of the line of data.
    pub(super) controls: u32,
    handovers: u64,
    /// Handed to the store, which has not answered: each holds up its lane.
    pub(super) asked: BTreeSet<MessageId>,
    /// Handed over on the live connection and not settled: how many, and their bytes.
    pub(super) unconfirmed: (u64, u64),
    pub(super) offer: Option<Offer>,
    pub(super) cancel: Option<(MessageId, Cancel)>,
    /// Those said to be dropped after they had been handed over, and where first: they must never arrive.
    pub(super) dropped: BTreeMap<MessageId, ConnId>,
    pub(super) mark_high: bool,
    next_place: u64,
    /// For whom messages are accepted.
    pub(super) generation: u64,
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

    /// It was accepted; `ahead` of the connection's being ready.
    pub(super) fn accept(
        &mut self,
        id: MessageId,
        message: &Message<'static>,
        options: SendOptions,
        ahead: bool,
        now: Timestamp,
    ) {
        let place = self.next_place;
        self.next_place += 1;
        let bytes = message.len() as u64;
        self.bytes += bytes;
        if options.bound_to.is_some() {
            self.bound = (self.bound.0 + 1, self.bound.1 + bytes);
        }
        let line = if ahead { Line::Ahead } else { lane(options.lane) };
        let expires = options.ttl.map(|ttl| now + ttl).filter(|at| *at != Timestamp::MAX);
        self.has_expiring |= expires.is_some();
        let message = message.clone();
        let owed = Owed {
            place,
            born: place,
            line,
            accepted: now,
            expires,
            handover: 0,
            message,
            options,
            handed: None,
            sent_before: 0,
            first_on: None,
            arrived: false,
            generation: self.generation,
            identity: None,
        };
        self.owed.insert(id, owed);
        self.wait(id);
    }

    /// It was taken up from a store, and may have been sent so often: then it goes before what was not. It is for these.
    pub(super) fn sent_before(&mut self, id: MessageId, times: u32, whose: Option<Identity>) {
        let Some(mut owed) = self.owed.remove(&id) else { return };
        owed.identity = whose;
        if times > 0 {
            self.wait_no_more(id, &owed);
            self.handovers += 1;
            (owed.line, owed.place, owed.handover) = (Line::Again, self.handovers, self.handovers);
            owed.sent_before = times;
            self.owed.insert(id, owed);
            self.wait(id);
        } else {
            self.owed.insert(id, owed);
        }
    }

    /// Takes its place among those that wait.
    fn wait(&mut self, id: MessageId) {
        let owed = &self.owed[&id];
        self.lines[owed.line as usize].insert(owed.place, id);
        if let Some(at) = owed.expires {
            self.due.insert((at, id));
        }
        if let Some(key) = owed.key() {
            self.keyed.entry(key).or_default().insert(owed.born, id);
        }
    }

    /// Leaves those that wait.
    fn wait_no_more(&mut self, id: MessageId, owed: &Owed) {
        self.lines[owed.line as usize].remove(&owed.place);
        if let Some(at) = owed.expires {
            self.due.remove(&(at, id));
        }
        if let Some(key) = owed.key()
            && let Some(all) = self.keyed.get_mut(&key)
        {
            all.remove(&owed.born);
            if all.is_empty() {
                self.keyed.remove(&key);
            }
        }
    }

    /// The newest message that waits unsent with this key, and is not `id`; if its connection ended just now, that outlives
    /// it.
    pub(super) fn newest_of(&self, key: (Lane, Key), id: MessageId, closed: bool) -> Option<MessageId> {
        let stays = |other: &MessageId| !closed || self.owed[other].options.delivery != Delivery::Volatile;
        self.keyed.get(&key)?.values().rfind(|other| **other != id && stays(other)).copied()
    }

    /// A message takes the place of one that it replaces, if that is before its own.
    pub(super) fn take_place(&mut self, id: MessageId, place: u64) {
        let Some(mut owed) = self.owed.remove(&id) else { return };
        self.wait_no_more(id, &owed);
        owed.place = owed.place.min(place);
        self.owed.insert(id, owed);
        self.wait(id);
    }

    /// What must be handed over next, if anything may be.
    pub(super) fn next(&self, ready: bool, burst: u32) -> Option<MessageId> {
        let first = |line: Line| self.lines[line as usize].first_key_value().map(|(_, id)| *id);
        let free = |id: &MessageId| !self.asked.contains(id);
        let (control, data) = (first(Line::Control).filter(free), first(Line::Data).filter(free));
        let lanes = if self.controls >= burst { data.or(control) } else { control.or(data) };
        first(Line::Ahead).or_else(|| first(Line::Again).or(lanes).filter(|_| ready))
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
            self.wait_no_more(id, &owed);
        }
        Some(owed)
    }

    /// It was handed over, as the live connection's `position`-th.
    pub(super) fn hand_over(&mut self, id: MessageId, conn: ConnId, position: u64) {
        let Some(mut owed) = self.owed.remove(&id) else { return };
        self.wait_no_more(id, &owed);
        match owed.line {
            Line::Control => self.controls = self.controls.saturating_add(1),
            Line::Data => self.controls = 0,
            Line::Ahead | Line::Again => {}
        }
        self.handovers += 1;
        owed.handover = self.handovers;
        owed.handed = Some(position);
        owed.first_on.get_or_insert(conn);
        self.unconfirmed.0 += 1;
        self.unconfirmed.1 += owed.message.len() as u64;
        self.owed.insert(id, owed);
    }

    /// The live connection is over; what was handed over from `untouched_from` on never left.
    pub(super) fn connection_over(&mut self, untouched_from: Option<MessageId>) {
        let untouched = untouched_from.and_then(|id| self.owed.get(&id)?.handed).unwrap_or(u64::MAX);
        let mut back = Vec::new();
        for (id, owed) in &mut self.owed {
            let Some(position) = owed.handed.take() else { continue };
            if position < untouched {
                owed.sent_before += 1;
            }
            if owed.sent_before > 0 {
                // Those of the connection before it that were not handed over again were handed over earlier, but all of them
                // wait behind those that were: on this connection they were next.
                (owed.line, owed.place) = (Line::Again, owed.handover);
            }
            back.push(*id);
        }
        // What is still to be sent again was not reached this time, and so goes behind what was.
        let behind: Vec<MessageId> = self.lines[Line::Again as usize].values().copied().collect();
        self.lines[Line::Again as usize].clear();
        for id in behind {
            self.handovers += 1;
            if let Some(owed) = self.owed.get_mut(&id) {
                owed.place = self.handovers;
            }
            self.lines[Line::Again as usize].insert(self.handovers, id);
        }
        for id in back {
            self.wait(id);
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

/// The line of a lane.
pub(super) const fn lane(lane: Lane) -> Line {
    match lane {
        Lane::Control => Line::Control,
        Lane::Data => Line::Data,
    }
}

impl Owed {
    /// By what it is replaced while it waits.
    pub(super) fn key(&self) -> Option<(Lane, Key)> {
        let key = self.options.key.filter(|_| self.options.bound_to.is_none() && self.sent_before == 0)?;
        Some((self.options.lane, key))
    }

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
