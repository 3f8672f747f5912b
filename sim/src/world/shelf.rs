//! The store of one client, as its process and the disk see it.

use std::{collections::VecDeque, mem};

use steadfast_core::{Event, MessageId, Persist, StoreError, Timestamp};

/// What is on the disk, and what is on its way there.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    stored: Vec<(Persist, Timestamp)>,
    /// What waits for the next transaction.
    asked: VecDeque<Ask>,
    /// What is in the one that runs.
    writing: Vec<Ask>,
    runs: bool,
}

/// What a session asks of its store, and when.
#[derive(Debug)]
pub(super) enum Ask {
    Persist(Box<Persist>, Timestamp),
    Forget(MessageId),
}

impl Shelf {
    /// Takes note of what is asked; whether a transaction begins with it.
    pub(super) fn ask(&mut self, ask: Ask) -> bool {
        self.asked.push_back(ask);
        self.begin()
    }

    fn begin(&mut self) -> bool {
        if self.runs || self.asked.is_empty() {
            return false;
        }
        self.writing = self.asked.drain(..).collect();
        self.runs = true;
        true
    }

    /// The transaction ends: its answers, and whether the next one begins.
    pub(super) fn end(&mut self, fails: Option<StoreError>) -> (Vec<Event<'static>>, bool) {
        self.runs = false;
        let mut answers = Vec::new();
        for ask in mem::take(&mut self.writing) {
            match (ask, fails) {
                (Ask::Persist(persist, _), Some(error)) => {
                    answers.push(Event::Persisted { id: persist.id, result: Err(error) });
                }
                // It stays owed; what comes behind it may not overtake it.
                (forget @ Ask::Forget(_), Some(_)) => self.asked.push_front(forget),
                (Ask::Persist(persist, since), None) => {
                    answers.push(Event::Persisted { id: persist.id, result: Ok(()) });
                    self.stored.push((*persist, since));
                }
                (Ask::Forget(id), None) => self.stored.retain(|(stored, _)| stored.id != id),
            }
        }
        (answers, self.begin())
    }

    /// The process dies: what was on its way is gone, or had reached the disk just before, if `committed`.
    /// What is left of times to live comes back with the messages.
    pub(super) fn crash(&mut self, now: Timestamp, committed: bool) -> Vec<Persist> {
        if committed {
            let _ = self.end(None);
        }
        self.asked.clear();
        self.writing.clear();
        self.runs = false;
        let left = |(persist, since): &(Persist, Timestamp)| {
            let mut persist = persist.clone();
            persist.options.ttl = persist.options.ttl.map(|ttl| ttl.saturating_sub(now.since(*since)));
            persist
        };
        self.stored.iter().map(left).collect()
    }
}
