//! An outbox as it is written, and not believed until it is checked: what the account says must be so.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Entry, Outbox, Place, Stored};
use crate::message::MessageId;

/// Entries by where they are, in order.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Form<E> {
    handed: Vec<E>,
    #[serde(default = "Vec::new")]
    ahead: Vec<E>,
    #[serde(default = "Vec::new")]
    again: Vec<E>,
    #[serde(default = "Vec::new")]
    control: Vec<E>,
    data: Vec<E>,
    #[serde(default = "Vec::new")]
    kept: Vec<E>,
    #[serde(default)]
    kept_ever: u64,
    flushed: usize,
    first: u64,
    #[serde(default)]
    controls: u32,
    #[serde(default)]
    slept: Duration,
    highest: Option<MessageId>,
    quiet: bool,
}

impl serde::Serialize for Outbox {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let list = |place: Place| -> Vec<&Entry> {
            let slots = core::iter::successors(self.front(place), |&slot| self.slots.behind(slot));
            slots.map(|slot| self.slots.get(slot)).collect()
        };
        Form {
            handed: self.handed.iter().map(|&slot| self.slots.get(slot)).collect(),
            ahead: list(Place::Ahead),
            again: list(Place::Again),
            control: list(Place::Control),
            data: list(Place::Data),
            kept: self.kept(),
            kept_ever: self.kept_ever(),
            flushed: self.flushed as usize,
            first: self.first,
            controls: self.controls,
            slept: self.slept(),
            highest: self.has_highest.then_some(self.highest),
            quiet: self.quiet,
        }
        .serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Outbox {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form: Form<Entry> = serde::Deserialize::deserialize(deserializer)?;
        form.checked().map_err(serde::de::Error::custom)
    }
}

impl Form<Entry> {
    fn checked(self) -> Result<Outbox, &'static str> {
        if self.flushed > self.handed.len() {
            return Err("outbox: expected flushed to be at most the number of messages handed over");
        }
        if self.handed.iter().chain(&self.again).any(|entry| entry.sends == 0) {
            return Err("outbox: expected a message that was handed over to have been sent");
        }
        if self.again.iter().any(Entry::is_fleeting) || self.ahead.iter().any(|entry| !entry.bound) {
            return Err("outbox: expected each message where its options put it");
        }
        if self.handed.iter().any(|entry| entry.stored() == Some(Stored::Asked)) {
            return Err("outbox: expected nothing to be handed over before it is stored");
        }
        if self.kept.iter().any(|entry| entry.stored() != Some(Stored::Done)) {
            return Err("outbox: expected what is kept to be stored");
        }
        let Self {
            handed,
            ahead,
            again,
            control,
            data,
            kept,
            kept_ever,
            flushed,
            first,
            controls,
            slept,
            highest,
            quiet,
        } = self;
        let mut outbox = Outbox { controls, first, ..Outbox::new() };
        for (place, entries) in [(Place::Control, &control), (Place::Data, &data)] {
            if entries.iter().any(|entry| entry.waits_in() != place) {
                return Err("outbox: expected each message in its lane");
            }
        }
        for entry in handed {
            outbox.restore(entry, Place::Handed);
        }
        for (place, entries) in
            [(Place::Ahead, ahead), (Place::Again, again), (Place::Control, control), (Place::Data, data)]
        {
            for entry in entries {
                outbox.restore(entry, place);
            }
        }
        if kept_ever > 0 {
            outbox.set_kept_ever(kept_ever);
        }
        for entry in kept {
            outbox.keep(entry);
        }
        outbox.flushed = u32::try_from(flushed).map_err(|_| "outbox: expected fewer messages")?;
        if let Some(id) = highest {
            outbox.note_id(id);
        }
        outbox.quiet = quiet;
        if !slept.is_zero() {
            outbox.more.get_or_insert_default().slept = slept;
        }
        Ok(outbox)
    }
}

impl Outbox {
    fn restore(&mut self, mut entry: Entry, place: Place) {
        if place == Place::Handed {
            entry.place = place;
            self.count(&entry);
            self.note_id(entry.id);
            self.handed_bytes += entry.message.len();
            let is_rare = entry.rare.is_some();
            let slot = self.slots.insert(|| entry);
            if is_rare {
                self.index_new(slot);
            }
            self.handed.push_back(slot);
        } else {
            entry.place = place;
            self.push_to(entry);
        }
    }
}
