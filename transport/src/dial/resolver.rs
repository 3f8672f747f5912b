//! Names to addresses, off the loop's thread.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread,
};

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType};
use steadfast_core::DnsKind;

use crate::{
    failure::Failure,
    pump::{Command, Mailbox},
};

/// A few threads for the whole loop. Each goes away when no name is left to resolve, so that a loop at rest has none.
#[derive(Debug)]
pub struct Resolver {
    mailbox: Arc<Mailbox>,
    queue: Arc<Mutex<Queue>>,
    /// Who waits for each name that is being resolved: sessions to one host share one lookup.
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

#[derive(Debug, Default)]
struct Queue {
    names: VecDeque<Arc<str>>,
    threads: usize,
    /// Whether the loop is gone.
    closed: bool,
}

impl Resolver {
    /// A resolver that answers with [`Command::Resolved`].
    #[must_use]
    pub fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox, queue: Arc::default(), waiting: BTreeMap::new() }
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
        let mut queue = lock(&self.queue);
        queue.names.push_back(Arc::clone(&name));
        if queue.threads < MAX_THREADS {
            let (shared, mailbox) = (Arc::clone(&self.queue), Arc::downgrade(&self.mailbox));
            let spawned = thread::Builder::new().name("steadfast-dns".into()).spawn(move || work(&shared, &mailbox));
            queue.threads += usize::from(spawned.is_ok());
        }
        if queue.threads == 0 {
            queue.names.clear();
            let text = format!("`{name}`: no thread to resolve it on");
            let found = Err(Failure::Dns { kind: DnsKind::Unavailable, text });
            self.mailbox.post(Command::Resolved(Answer { name, found }));
        }
    }

    /// Who waited for this name.
    pub fn answered(&mut self, name: &str) -> Vec<usize> {
        self.waiting.remove(name).unwrap_or_default()
    }
}

impl Drop for Resolver {
    /// A lookup cannot be interrupted: its thread ends by itself when the system's resolver returns.
    fn drop(&mut self) {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        queue.names.clear();
    }
}

fn work(queue: &Mutex<Queue>, mailbox: &Weak<Mailbox>) {
    loop {
        let name = {
            let mut queue = lock(queue);
            match queue.names.pop_front() {
                Some(name) if !queue.closed => name,
                _ => {
                    queue.threads -= 1;
                    return;
                }
            }
        };
        let found = resolve(&name);
        if let Some(mailbox) = mailbox.upgrade() {
            mailbox.post(Command::Resolved(Answer { name, found }));
        }
    }
}

fn resolve(name: &str) -> Result<Vec<SocketAddr>, Failure> {
    let failure = |kind, why: &dyn fmt::Display| Failure::Dns { kind, text: format!("`{name}`: {why}") };
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = dns_lookup::getaddrinfo(Some(name), None, Some(hints)).map_err(|error| {
        let kind = match error.kind() {
            LookupErrorKind::NoName | LookupErrorKind::NoData => DnsKind::NotFound,
            _ => DnsKind::Unavailable,
        };
        failure(kind, &io::Error::from(error))
    })?;
    let mut addresses = Vec::new();
    for info in found.filter_map(io::Result::ok) {
        // With its scope, if it has one: link-local addresses mean nothing without.
        if !addresses.contains(&info.sockaddr) {
            addresses.push(info.sockaddr);
        }
    }
    if addresses.is_empty() { Err(failure(DnsKind::NotFound, &"it has no addresses")) } else { Ok(addresses) }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Enough that one name whose resolver hangs does not hold up the others.
const MAX_THREADS: usize = 4;
