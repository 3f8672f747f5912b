//! The store of one client, as its process and the disk see it.

use std::{collections::VecDeque, mem};

use steadfast_core::{Event, MessageId, Persist, StoreError};

/// What is on the disk, and what is on its way there.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    stored: Vec<Persist>,
    /// What waits for the next transaction.
    asked: VecDeque<Ask>,
    /// What is in the one that runs.
    writing: Vec<Ask>,
    runs: bool,
}

/// What a session asks of its store.
#[derive(Debug)]
pub(super) enum Ask {
    Persist(Box<Persist>),
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
                (Ask::Persist(persist), Some(error)) => {
                    answers.push(Event::Persisted { id: persist.id, result: Err(error) });
                }
                // It stays owed; what comes behind it may not overtake it.
                (forget @ Ask::Forget(_), Some(_)) => self.asked.push_front(forget),
                (Ask::Persist(persist), None) => {
                    answers.push(Event::Persisted { id: persist.id, result: Ok(()) });
                    self.stored.push(*persist);
                }
                (Ask::Forget(id), None) => self.stored.retain(|stored| stored.id != id),
            }
        }
        (answers, self.begin())
    }

    /// The process dies: what was on its way is gone, or had reached the disk just before, if `committed`.
    pub(super) fn crash(&mut self, committed: bool) -> &[Persist] {
        if committed {
            let _ = self.end(None);
        }
        self.asked.clear();
        self.writing.clear();
        self.runs = false;
        &self.stored
    }
}
