//! A store on a disk that fails.

use std::{
    fs::File,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
        mpsc::{self, Receiver},
    },
    time::Duration,
};

use redb::{Database, StorageBackend, backends::FileBackend};
use steadfast_core::{Message, MessageId, Persist, SendOptions, StoreError};

use crate::{
    file::Opener,
    store::{Answer, Bounds, Restored, Store},
};

/// What the disk does from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Disk {
    Well = 0,
    Full = 1,
    Broken = 2,
    /// What is written arrives, and yet the disk says that it does not.
    Lies = 3,
    /// It holds every write up.
    Stalls = 4,
}

/// The disk's state, and how often it was synced.
#[derive(Debug, Default)]
struct Faults {
    disk: AtomicU8,
    syncs: AtomicU64,
}

#[derive(Debug)]
struct FaultyBackend {
    file: FileBackend,
    faults: Arc<Faults>,
}

impl Faults {
    fn set(&self, disk: Disk) {
        self.disk.store(disk as u8, Ordering::SeqCst);
    }

    fn is(&self, disk: Disk) -> bool {
        self.disk.load(Ordering::SeqCst) == disk as u8
    }

    fn check(&self) -> io::Result<()> {
        while self.is(Disk::Stalls) {
            std::thread::yield_now();
        }
        if self.is(Disk::Full) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if self.is(Disk::Broken) {
            return Err(io::Error::other("broken"));
        }
        Ok(())
    }
}

impl StorageBackend for FaultyBackend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.faults.check()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.faults.check()?;
        self.faults.syncs.fetch_add(1, Ordering::SeqCst);
        self.file.sync_data()?;
        if self.faults.is(Disk::Lies) { Err(io::Error::other("says that it failed")) } else { Ok(()) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.faults.check()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

/// A folder that goes when the test does, a store in it, and its answers.
struct Rig {
    folder: PathBuf,
    faults: Arc<Faults>,
    store: Option<Store>,
    answers: Receiver<Vec<Answer>>,
}

impl Rig {
    fn new(name: &str) -> Self {
        Self::with(name, Bounds::default())
    }

    fn with(name: &str, bounds: Bounds) -> Self {
        let folder = std::env::temp_dir().join(format!("steadfast-store-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let faults = Arc::new(Faults::default());
        let path = folder.join("store");
        let (file, state) = (path.clone(), Arc::clone(&faults));
        let opener = Opener::with(&path, move || {
            let file = File::options().read(true).write(true).create(true).truncate(false).open(&file)?;
            let backend = FaultyBackend { file: FileBackend::new(file)?, faults: Arc::clone(&state) };
            Database::builder().create_with_backend(backend)
        });
        let store = Store::start(&path, opener, bounds).expect("opens");
        let (tell, answers) = mpsc::channel();
        store.on_answers(move |batch| tell.send(batch.to_vec()).expect("the test listens"));
        Self { folder, faults, store: Some(store), answers }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("open")
    }

    fn persist(&self, id: u64) {
        let message = Message::text(format!("message {id}"));
        self.store().persist(to_store(id, message)).expect("room in the queue");
    }

    /// The answers to come, until there are `count`.
    fn answers(&self, count: usize) -> Vec<Answer> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(self.answers.recv_timeout(Duration::from_secs(30)).expect("an answer"));
        }
        all
    }

    /// What the one message comes to.
    fn stored(&self, id: u64) -> Result<(), StoreError> {
        self.persist(id);
        let answers = self.answers(1);
        assert_eq!(answers[0].0, MessageId(id));
        answers[0].1
    }

    /// Tries one name after the other until one is stored: a store that failed is left alone for a while.
    fn stored_in_the_end(&self, first: u64) -> u64 {
        (first..first + 1_000_000).find(|&id| self.stored(id).is_ok()).expect("one of very many")
    }

    /// What another process finds.
    fn reopened(&mut self) -> Vec<Restored> {
        self.faults.set(Disk::Well);
        drop(self.store.take());
        Store::open(self.folder.join("store")).expect("opens").restored()
    }

    fn ids(&mut self) -> Vec<u64> {
        self.reopened().iter().map(|restored| restored.id.0).collect()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.faults.set(Disk::Well);
        drop(self.store.take());
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_full_disk_refuses_what_is_new_and_keeps_what_is_stored() {
    let mut rig = Rig::new("full");
    assert_eq!(rig.stored(1), Ok(()));
    rig.faults.set(Disk::Full);
    assert_eq!(rig.stored(2), Err(StoreError::Full));
    assert_eq!(rig.stored(3), Err(StoreError::Full));
    assert_eq!(rig.ids(), [1]);
}

#[test]
fn a_disk_that_has_room_again_is_written_to_again() {
    let mut rig = Rig::new("room");
    rig.faults.set(Disk::Full);
    assert_eq!(rig.stored(1), Err(StoreError::Full));
    rig.faults.set(Disk::Well);
    let stored = rig.stored_in_the_end(2);
    assert_eq!(rig.ids(), [stored]);
}

#[test]
fn what_was_to_be_forgotten_on_a_broken_disk_is_forgotten_when_it_is_well() {
    let mut rig = Rig::new("broken");
    assert_eq!(rig.stored(1), Ok(()));
    rig.faults.set(Disk::Broken);
    rig.store().forget(MessageId(1));
    assert_eq!(rig.stored(2), Err(StoreError::Failed));
    rig.faults.set(Disk::Well);
    let stored = rig.stored_in_the_end(3);
    assert_eq!(rig.ids(), [stored]);
}

#[test]
fn a_message_that_was_refused_does_not_come_back_although_the_disk_had_it() {
    let mut rig = Rig::new("lies");
    assert_eq!(rig.stored(1), Ok(()));
    rig.faults.set(Disk::Lies);
    assert_eq!(rig.stored(2), Err(StoreError::Failed));
    rig.faults.set(Disk::Well);
    let stored = rig.stored_in_the_end(3);
    assert_eq!(rig.ids(), [1, stored]);
}

#[test]
fn a_name_that_was_refused_may_be_used_again() {
    let mut rig = Rig::new("again");
    rig.faults.set(Disk::Lies);
    assert_eq!(rig.stored(1), Err(StoreError::Failed));
    rig.faults.set(Disk::Well);
    while rig.stored(1).is_err() {}
    assert_eq!(rig.ids(), [1]);
}

#[test]
fn what_comes_while_a_transaction_runs_shares_the_next() {
    let rig = Rig::new("group");
    rig.faults.set(Disk::Stalls);
    let before = rig.faults.syncs.load(Ordering::SeqCst);
    for id in 1..=1_000 {
        rig.persist(id);
    }
    rig.faults.set(Disk::Well);
    let answers = rig.answers(1_000);
    assert!(answers.iter().map(|(id, _)| id.0).eq(1..=1_000), "in their order");
    let syncs = rig.faults.syncs.load(Ordering::SeqCst) - before;
    assert!(syncs <= 8, "{syncs} syncs for a thousand messages");
}

#[test]
fn nothing_is_answered_before_it_is_synced() {
    let rig = Rig::new("synced");
    let before = rig.faults.syncs.load(Ordering::SeqCst);
    assert_eq!(rig.stored(1), Ok(()));
    assert!(rig.faults.syncs.load(Ordering::SeqCst) > before);
}

#[test]
fn a_store_that_is_left_ends_by_itself_and_whoever_opens_it_again_waits_for_that() {
    let mut rig = Rig::new("left");
    assert_eq!(rig.stored(1), Ok(()));
    rig.faults.set(Disk::Stalls);
    rig.persist(2);
    // It would not come back if it waited: the disk stalls.
    rig.store.take().expect("open").leave();
    let path = rig.folder.join("store");
    let opens = std::thread::spawn(move || Store::open(path).map(|mut store| store.restored()));
    rig.faults.set(Disk::Well);
    let restored = opens.join().expect("no panic").expect("opens once the other has ended");
    assert_eq!(restored.iter().map(|restored| restored.id.0).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_queue_that_is_full_refuses_and_one_may_always_wait() {
    let rig = Rig::with("queue", Bounds { messages: 3, bytes: 10 });
    rig.faults.set(Disk::Stalls);
    // The writer takes the first one, sooner or later.
    rig.persist(1);
    let persist = |id, len| rig.store().persist(to_store(id, vec![0; len].into()));
    let refused = (2..).find_map(|id| persist(id, 4).err());
    assert_eq!(refused, Some(StoreError::Busy));
    rig.faults.set(Disk::Well);
    assert_eq!(rig.answers(1)[0], (MessageId(1), Ok(())));
    while persist(1_000_000, 1_000).is_err() {}
}

#[test]
fn a_damaged_database_is_not_written_to_by_the_thread() {
    // The file under an open store is another's business; what matters is that the thread goes on answering.
    let rig = Rig::new("panic");
    assert_eq!(rig.stored(1), Ok(()));
    rig.faults.set(Disk::Broken);
    assert_eq!(rig.stored(2), Err(StoreError::Failed));
    std::fs::write(rig.folder.join("store"), b"something else").expect("written");
    rig.faults.set(Disk::Well);
    assert_eq!(rig.stored(3), Err(StoreError::Failed));
}

fn to_store(id: u64, message: Message<'static>) -> Persist {
    Persist { id: MessageId(id), message, options: SendOptions::default(), identity: None }
}

#[test]
fn a_file_that_is_removed_while_the_disk_fails_is_not_made_anew() {
    let rig = Rig::new("removed");
    assert_eq!(rig.stored(1), Ok(()));
    rig.faults.set(Disk::Broken);
    assert_eq!(rig.stored(2), Err(StoreError::Failed));
    std::fs::remove_file(rig.folder.join("store")).expect("it is there");
    rig.faults.set(Disk::Well);
    // For longer than a store that failed is left alone.
    let until = std::time::Instant::now() + Duration::from_millis(1_500);
    for id in 3.. {
        assert_eq!(rig.stored(id), Err(StoreError::Failed));
        if std::time::Instant::now() > until {
            break;
        }
    }
    assert!(!rig.folder.join("store").exists());
}
