//! Names to addresses, off the loop's thread.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io,
    net::{IpAddr, SocketAddr},
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
    /// Its addresses, or why there are none.
    pub found: Result<Vec<IpAddr>, Failure>,
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

fn resolve(name: &str) -> Result<Vec<IpAddr>, Failure> {
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
        if !addresses.contains(&info.sockaddr.ip()) {
            addresses.push(info.sockaddr.ip());
        }
    }
    if addresses.is_empty() { Err(failure(DnsKind::NotFound, &"it has no addresses")) } else { Ok(addresses) }
}

/// Alternates between the families, beginning with that of the first (RFC 8305 §4), so that a broken one costs one
/// attempt and not all.
fn interleave(addresses: Vec<IpAddr>, port: u16) -> VecDeque<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut mixed = VecDeque::new();
    loop {
        let before = mixed.len();
        mixed.extend(first.next().map(|address| SocketAddr::new(address, port)));
        mixed.extend(second.next().map(|address| SocketAddr::new(address, port)));
        if mixed.len() == before {
            return mixed;
        }
    }
}

/// The addresses in the order in which this attempt (counted from 1) tries them: each attempt begins with the next one,
/// so that an address that swallows everything costs one connect timeout and not all of them.
pub(crate) fn in_turn(addresses: Vec<IpAddr>, port: u16, attempt: u32) -> VecDeque<SocketAddr> {
    let mut mixed = interleave(addresses, port);
    if !mixed.is_empty() {
        let begin = attempt.saturating_sub(1) as usize % mixed.len();
        mixed.rotate_left(begin);
    }
    mixed
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Enough that one name whose resolver hangs does not hold up the others.
const MAX_THREADS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let addresses = ["::1", "::2", "::3", "10.0.0.1"].map(|text| text.parse().expect("an address"));
        let mixed: Vec<String> = interleave(addresses.to_vec(), 80).iter().map(ToString::to_string).collect();
        assert_eq!(mixed, ["[::1]:80", "10.0.0.1:80", "[::2]:80", "[::3]:80"]);
    }

    #[test]
    fn each_attempt_begins_with_the_next_address() {
        let addresses = ["::1", "10.0.0.1", "10.0.0.2"].map(|text| text.parse().expect("an address"));
        let first = |attempt| in_turn(addresses.to_vec(), 80, attempt)[0].to_string();
        assert_eq!([1, 2, 3, 4].map(first), ["[::1]:80", "10.0.0.1:80", "10.0.0.2:80", "[::1]:80"]);
        assert!(in_turn(Vec::new(), 80, 7).is_empty());
    }
}
