//! Stores of this process that nobody has any more, and whose threads still write. Who opens a file waits for those of
//! them whose file it is.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// A store that ends; until this is dropped.
#[derive(Debug)]
pub(crate) struct Ending(u64);

#[derive(Debug)]
struct Endings {
    /// The number of the next.
    next: u64,
    /// The file of each.
    under_way: BTreeMap<u64, PathBuf>,
}

static ENDINGS: Mutex<Endings> = Mutex::new(Endings { next: 0, under_way: BTreeMap::new() });
static ENDED: Condvar = Condvar::new();

impl Ending {
    pub(crate) fn begin(path: &Path) -> Self {
        let path = known_as(path);
        let mut endings = lock();
        let number = endings.next;
        endings.next += 1;
        endings.under_way.insert(number, path);
        Self(number)
    }

    /// Waits for those of this file.
    pub(crate) fn wait_for(path: &Path) {
        let path = known_as(path);
        let mut endings = lock();
        while endings.under_way.values().any(|other| *other == path) {
            endings = ENDED.wait(endings).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Waits for all stores of this process that were [left](crate::Store::leave), until their files are closed: what was to be
/// forgotten is. For the end of a program whose clients do not wait for a disk; it blocks.
pub fn finish() {
    let mut endings = lock();
    while !endings.under_way.is_empty() {
        endings = ENDED.wait(endings).unwrap_or_else(PoisonError::into_inner);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        lock().under_way.remove(&self.0);
        ENDED.notify_all();
    }
}

/// The one name of a file that has several.
fn known_as(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn lock() -> MutexGuard<'static, Endings> {
    ENDINGS.lock().unwrap_or_else(PoisonError::into_inner)
}
