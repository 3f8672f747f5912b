//! Clauses about what is durable: stored first, accepted then, never lost, forgotten once, in order across crashes.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use steadfast_core::{
    Identity, Lane, Message, MessageId, Persist, Refusal, SendOptions, State, StoreError, Timestamp, Verdict,
};

use super::{
    Checker, During,
    clause::Clause,
    ledger::{Cancel, Owed},
    same,
};

/// What is known of durable messages.
#[derive(Debug, Default)]
pub(super) struct Durable {
    /// What the store has answered with this event, until the session has told it.
    answered: Option<(MessageId, Result<(), StoreError>)>,
    /// Accepted, and not settled.
    accepted: BTreeSet<MessageId>,
    /// Those of them that came from the store, and so past the bounds.
    pub(super) taken_up: BTreeSet<MessageId>,
    /// What the store keeps while the session is at rest.
    kept: VecDeque<Kept>,
    /// Offered before it was known for whom: they are handed to the store once it is.
    unnamed: BTreeSet<MessageId>,
    /// Settled with this event, and not forgotten yet.
    ending: BTreeSet<MessageId>,
    /// In which order messages were handed to the store, over all lives of the process.
    order: BTreeMap<MessageId, (Lane, u64)>,
    places: u64,
    /// The last of them that arrived for the first time, by lane.
    newest: BTreeMap<Lane, u64>,
    arrived: BTreeSet<MessageId>,
}

/// A message that the store keeps.
#[derive(Debug)]
struct Kept {
    id: MessageId,
    message: Message<'static>,
    options: SendOptions,
    /// Since when its time to live counts.
    accepted: Timestamp,
    sent_before: u32,
    /// For whom it is, if that was known.
    identity: Option<Identity>,
}

impl Durable {
    /// What outlives the process.
    fn after_crash(self) -> Self {
        Self { order: self.order, places: self.places, newest: self.newest, arrived: self.arrived, ..Self::default() }
    }
}

impl Checker {
    /// The store has answered.
    pub(super) fn store_answered(&mut self, id: MessageId, result: Result<(), StoreError>) {
        if self.ledger.asked.contains(&id) && !self.durable.unnamed.contains(&id) {
            self.durable.answered = Some((id, result));
        }
    }

    /// The store held this before.
    pub(super) fn store_held(
        &mut self,
        id: MessageId,
        message: &Message<'static>,
        options: SendOptions,
        identity: Option<Identity>,
    ) {
        if self.settings.store && matches!(self.standing.told, State::Idle | State::Stopped { .. }) {
            let (message, accepted, identity) = (message.clone(), self.boot_time(), identity.or(self.badge.identity()));
            self.durable.kept.push_back(Kept { id, message, options, accepted, sent_before: 1, identity });
        }
    }

    /// For whom the session acts is known for the first time: what is kept for nobody in particular is theirs.
    pub(super) fn kept_for(&mut self, identity: Identity) {
        for kept in &mut self.durable.kept {
            kept.identity.get_or_insert(identity);
        }
    }

    /// Whether it stays in the store, as it is for somebody and nobody is known, nor will be.
    fn stays_stored(&self, kept: &Kept) -> bool {
        kept.identity.is_some() && self.badge.identity().is_none() && self.settings.credentials.is_none()
    }

    pub(super) fn persist(&mut self, persist: &Persist) {
        let id = persist.id;
        if self.durable.unnamed.remove(&id) {
            self.persist_late(persist);
            return;
        }
        let is_offered = self.ledger.offer.as_ref().is_some_and(|offer| {
            offer.id == id && offer.options == persist.options && same(&offer.message, &persist.message)
        });
        if !is_offered || !persist.options.durable || !self.ledger.asked.insert(id) {
            self.blame(Clause::StoredFirst, || format!("{id} was to be stored, and is not offered as such"));
        }
        self.handed_to_the_store(persist);
    }

    /// What had waited for a name is handed to the store, as it was offered but for the time that has passed.
    fn persist_late(&mut self, persist: &Persist) {
        let (id, now) = (persist.id, self.boot_time());
        let is_it = self.ledger.owed.get(&id).is_some_and(|owed| {
            let micros = |at: Timestamp| at.as_micros().saturating_sub(now.as_micros()).max(1);
            let left = owed.expires.map(|at| Duration::from_micros(micros(at)));
            same(&owed.message, &persist.message) && persist.options == SendOptions { ttl: left, ..owed.options }
        });
        if !is_it {
            self.blame(Clause::StoredFirst, || format!("{id} was to be stored otherwise than it was offered"));
        }
        self.handed_to_the_store(persist);
    }

    fn handed_to_the_store(&mut self, persist: &Persist) {
        let (id, identity) = (persist.id, self.badge.identity());
        if persist.identity != identity {
            self.blame(Clause::IdentityKept, || {
                format!("{id} was to be stored for {:?}, and is for {identity:?}", persist.identity)
            });
        }
        if identity.is_none() && self.settings.credentials.is_some() {
            self.blame(Clause::IdentityKept, || format!("{id} was stored for whoever comes next"));
        }
        self.durable.places += 1;
        self.durable.order.insert(id, (persist.options.lane, self.durable.places));
        self.durable.arrived.remove(&id);
    }

    /// A message that is not durable has this name now.
    pub(super) fn is_plain_now(&mut self, id: MessageId) {
        self.durable.order.remove(&id);
    }

    /// A durable message was offered and not refused: it is on its way to the store.
    pub(super) fn is_being_stored(&mut self, id: MessageId) {
        if self.badge.identity().is_none() && self.settings.credentials.is_some() {
            self.ledger.asked.insert(id);
            self.durable.unnamed.insert(id);
        } else if !self.ledger.asked.contains(&id) {
            self.blame(Clause::StoredFirst, || format!("{id} is durable, and nobody asked the store to keep it"));
        }
    }

    pub(super) fn told_accepted(&mut self, id: MessageId) {
        self.account.accepted += 1;
        if self.durable.answered == Some((id, Ok(()))) {
            self.durable.answered = None;
            self.ledger.asked.remove(&id);
            self.durable.accepted.insert(id);
        } else if let Some(kept) = self.next_kept(id) {
            self.ledger.generation = self.badge.generation();
            self.ledger.accept(id, &kept.message, kept.options, false, kept.accepted);
            self.ledger.sent_before(id, kept.sent_before, kept.identity);
            self.durable.accepted.insert(id);
            self.durable.taken_up.insert(id);
        } else {
            self.blame(Clause::AcceptedTrue, || format!("{id} was said to be accepted, and is not stored"));
        }
    }

    /// Takes this out if it is the next to be taken up of what is kept.
    fn next_kept(&mut self, id: MessageId) -> Option<Kept> {
        let next = self.durable.kept.iter().position(|kept| !self.stays_stored(kept))?;
        if self.durable.kept[next].id == id { self.durable.kept.remove(next) } else { None }
    }

    /// A refusal of a message that was handed to the store; whether it is one.
    pub(super) fn refused_while_stored(&mut self, id: MessageId, message: &Message<'static>, why: Refusal) -> bool {
        let nobody = self.badge.identity().is_none() && self.settings.credentials.is_some();
        if let Some(offer) = self.ledger.offer.as_mut().filter(|offer| offer.id == id && !offer.refused) {
            // It waited for a name, and the session came to its end with the same event.
            if nobody && offer.options.durable && offer.impossible.is_none() && why == Refusal::Stopped {
                self.ledger.asked.insert(id);
            }
            // It was handed to the store with this event, or another has its name: that one is answered first.
            if offer.duplicate || !self.ledger.asked.contains(&id) {
                return false;
            }
            offer.refused = true;
        }
        if !self.ledger.asked.remove(&id) {
            return false;
        }
        self.account.refused += 1;
        self.durable.unnamed.remove(&id);
        self.durable.order.remove(&id);
        let owed = self.ledger.remove(id);
        if !owed.as_ref().is_some_and(|owed| same(&owed.message, message)) {
            self.blame(Clause::ComesBack, || format!("{id} was not stored, and came back as another message"));
        }
        let expires = owed.as_ref().and_then(|owed| owed.expires);
        let generation = owed.map_or(0, |owed| owed.generation);
        let fits = match why {
            Refusal::NotStored(error) => self.durable.answered.take() == Some((id, Err(error))),
            Refusal::Cancelled => self.during == During::Cancel(id),
            Refusal::Stopped => self.is_ending(),
            Refusal::CannotConfirm => !self.may_confirm(),
            Refusal::Expired => expires.is_some_and(|at| at <= self.boot_time()),
            Refusal::IdentityChanged => generation != self.badge.generation(),
            _ => true,
        };
        if !fits {
            self.blame(Clause::RefusalTrue, || format!("{id} was refused as {why:?} while it was stored"));
        }
        if self.during == During::Cancel(id) {
            self.ledger.cancel = Some((id, Cancel::Answered));
        }
        if !matches!(why, Refusal::NotStored(_)) {
            self.durable.ending.insert(id);
        }
        true
    }

    pub(super) fn durable_settled(&mut self, id: MessageId, owed: Owed, verdict: Verdict) {
        self.durable.taken_up.remove(&id);
        if !self.durable.accepted.remove(&id) {
            self.blame(Clause::AcceptedTrue, || format!("{id} got {verdict:?} before it was accepted"));
        }
        if verdict == Verdict::Kept {
            let sent_before = owed.sent_before + u32::from(owed.handed.is_some());
            let Owed { message, options, accepted, identity, .. } = owed;
            let identity = self.badge.identity().or(identity);
            self.durable.kept.push_back(Kept { id, message, options, accepted, sent_before, identity });
        } else {
            self.durable.ending.insert(id);
            if verdict != Verdict::Confirmed {
                // If the process dies before it is forgotten, it comes back, and then has no place to keep.
                self.durable.order.remove(&id);
            }
        }
    }

    pub(super) fn forgotten(&mut self, id: MessageId) {
        if !self.durable.ending.remove(&id) {
            self.blame(Clause::ForgottenOnce, || format!("{id} was forgotten, and was not settled just now"));
        }
    }

    pub(super) fn sent_stored(&mut self, id: MessageId) {
        if self.ledger.asked.contains(&id) {
            self.blame(Clause::StoredFirst, || format!("{id} was sent before it was stored"));
        }
    }

    /// Whether the outbox holds what came past its bounds.
    pub(super) fn is_past_bounds(&self) -> bool {
        !self.durable.taken_up.is_empty()
    }

    pub(super) fn durable_handled(&mut self, state: &State) {
        if let Some((id, answer)) = self.durable.answered.take() {
            self.blame(Clause::AcceptedTrue, || format!("the store said {answer:?} to {id}, and nobody was told"));
        }
        if self.badge.identity().is_some()
            && let Some(id) = self.durable.unnamed.pop_first()
        {
            self.blame(Clause::StoredFirst, || {
                format!("it is known for whom {id} is, and nobody asked the store to keep it")
            });
        }
        for id in std::mem::take(&mut self.durable.ending) {
            self.blame(Clause::ForgottenOnce, || format!("{id} was settled, and not forgotten"));
        }
        if !matches!(state, State::Idle | State::Stopped { .. }) {
            for kept in std::mem::take(&mut self.durable.kept) {
                if self.stays_stored(&kept) {
                    // What is taken up before it goes before it.
                    self.durable.order.remove(&kept.id);
                    self.durable.kept.push_back(kept);
                    continue;
                }
                self.blame(Clause::DurableKept, || format!("{} was in the store, and was not taken up", kept.id));
            }
        }
    }

    /// A message arrived at the server, perhaps not for the first time.
    pub(super) fn durable_arrived(&mut self, id: MessageId) {
        let Some(&(lane, place)) = self.durable.order.get(&id) else { return };
        if !self.durable.arrived.insert(id) {
            return;
        }
        let newest = self.durable.newest.entry(lane).or_default();
        if place < *newest {
            self.blame(Clause::DurableOrder, || format!("{id} arrived after what was handed to the store behind it"));
        } else {
            *newest = place;
        }
    }

    /// The process died, and begins again with what its store holds: a new session, of which nothing is known.
    pub fn crashed(&mut self, stored: impl IntoIterator<Item = MessageId>) {
        let stored: BTreeSet<MessageId> = stored.into_iter().collect();
        let durable = std::mem::take(&mut self.durable);
        let owed: Vec<MessageId> =
            durable.accepted.iter().copied().chain(durable.kept.iter().map(|kept| kept.id)).collect();
        for id in owed.into_iter().filter(|id| !stored.contains(id)) {
            self.blame(Clause::DurableKept, || format!("{id} was accepted, and is not in the store after a crash"));
        }
        let fresh = Self::new(&self.settings);
        let old = std::mem::replace(self, fresh);
        (self.found, self.counts, self.truth) = (old.found, old.counts, old.truth);
        self.durable = durable.after_crash();
    }
}
