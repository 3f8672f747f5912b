//! What is common to a server's connections: their list, and the news of them.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use super::{link::Link, lock};

/// The connections of a server, and who waits for them.
#[derive(Default, Debug)]
pub(super) struct Hub {
    news: Mutex<u64>,
    told: Condvar,
    links: Mutex<Vec<Arc<Link>>>,
    closed: AtomicBool,
}

impl Hub {
    /// Something has changed.
    pub(super) fn tell(&self) {
        *lock(&self.news) += 1;
        self.told.notify_all();
    }

    /// Waits until `ready` has something, at most until then. It is called without any lock of the hub's.
    pub(super) fn wait<T>(&self, until: Instant, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            let before = *lock(&self.news);
            if let Some(found) = ready() {
                return Some(found);
            }
            let mut news = lock(&self.news);
            while *news == before {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return None;
                }
                news = self.told.wait_timeout(news, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    /// The server is dropped, and lets go of its connections.
    pub(super) fn close(&self) -> Vec<Arc<Link>> {
        self.closed.store(true, Relaxed);
        self.tell();
        std::mem::take(&mut *lock(&self.links))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        lock(&self.links).clone()
    }

    /// Adds a connection, made from its number.
    pub(super) fn add(&self, make: impl FnOnce(usize) -> Arc<Link>) -> Arc<Link> {
        let link = {
            let mut links = lock(&self.links);
            let link = make(links.len() + 1);
            links.push(Arc::clone(&link));
            link
        };
        self.tell();
        link
    }

    /// How many connections were accepted.
    pub(super) fn accepted(&self) -> usize {
        lock(&self.links).len()
    }
}
