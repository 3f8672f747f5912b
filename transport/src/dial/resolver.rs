//! Names to addresses, off the loop's thread.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use crate::{dial::lookups::LOOKUPS, failure::Failure, pump::Mailbox};

/// Which sessions of a loop wait for which names. The lookups themselves are the whole process'.
#[derive(Debug)]
pub struct Resolver {
    mailbox: Arc<Mailbox>,
    /// Who waits for each name that is being resolved.
    waiting: BTreeMap<Arc<str>, Vec<usize>>,
}

/// What was found out about a name.
#[derive(Debug)]
pub struct Answer {
    /// The name.
    pub name: Arc<str>,
    /// Its addresses, whose ports mean nothing, or why there are none.
    pub found: Result<Vec<SocketAddr>, Failure>,
}

impl Resolver {
    /// A resolver that answers with [`Command::Resolved`](crate::pump::Command::Resolved).
    #[must_use]
    pub const fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox, waiting: BTreeMap::new() }
    }

    /// Asks for the addresses of a name in the name of a session's slot.
    pub fn ask(&mut self, name: &str, slot: usize) {
        if let Some(waiting) = self.waiting.get_mut(name) {
            if !waiting.contains(&slot) {
                waiting.push(slot);
            }
            return;
        }
        let name: Arc<str> = name.into();
        self.waiting.insert(Arc::clone(&name), vec![slot]);
        LOOKUPS.ask(name, &self.mailbox);
    }

    /// The way into the loop.
    pub(crate) const fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// Who waited for this name.
    pub fn answered(&mut self, name: &str) -> Vec<usize> {
        self.waiting.remove(name).unwrap_or_default()
    }
}
