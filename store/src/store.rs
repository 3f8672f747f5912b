//! The handle on a store.

use std::{
    fmt, mem,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread::{self, JoinHandle},
};

use steadfast_core::{Identity, Message, MessageId, Persist, SendOptions, StoreError};

use crate::{
    ending::Ending,
    error::OpenError,
    file::{self, SetAside},
    queue::Queue,
    writer::Writer,
};

/// A file that keeps one session's durable messages, and the thread that writes to it.
///
/// Dropping it writes what was handed in before, closes the file and waits for that: one `fsync`, usually. Who may not wait
/// [leaves](Self::leave) it.
pub struct Store {
    path: PathBuf,
    restored: Vec<Restored>,
    highest: Option<MessageId>,
    queue: Arc<Queue>,
    answers: Answers,
    /// Set if it ends without anybody who waits for it.
    ending: Arc<OnceLock<Ending>>,
    thread: Option<JoinHandle<()>>,
}

/// A message that was stored before.
#[derive(Clone, PartialEq, Debug)]
pub struct Restored {
    /// Its name.
    pub id: MessageId,
    /// The message.
    pub message: Message<'static>,
    /// What was asked for it.
    pub options: SendOptions,
    /// For whom it was accepted, if that was known.
    pub identity: Option<Identity>,
}

/// What became of a message that was to be stored.
pub type Answer = (MessageId, Result<(), StoreError>);

/// How much may wait for the disk. Beyond that messages are refused; one may always wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// How many messages. 65,536.
    pub messages: usize,
    /// How many bytes of payload. 64 MiB.
    pub bytes: usize,
}

/// Who is told the answers.
pub(crate) type Answers = Arc<Mutex<Box<dyn FnMut(&[Answer]) + Send>>>;

impl Store {
    /// Opens the store in this file, or makes one where there is none. Reads everything that is stored: not on a thread
    /// that has to answer at once. If a store of this process on the same file is just [ending](Self::leave), it is waited
    /// for.
    ///
    /// # Errors
    /// See [`OpenError`], each with what can be done.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, Bounds::default())
    }

    /// As [`open`](Self::open), with these bounds.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, bounds: Bounds) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let opener = file::Opener::on_disk(path);
        Self::start(path, opener, bounds)
    }

    /// As [`open`](Self::open), and goes on with an empty store where a damaged or foreign file had to be set aside; says
    /// where that is. What was in it is not lost, and is not sent either: tell somebody.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for [`OpenError::SetAside`].
    pub fn open_or_renew(path: impl AsRef<Path>) -> Result<(Self, Option<SetAside>), OpenError> {
        match Self::open(&path) {
            Ok(store) => Ok((store, None)),
            Err(OpenError::SetAside(set_aside)) => Ok((Self::open(path)?, Some(set_aside))),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn start(path: &Path, opener: file::Opener, bounds: Bounds) -> Result<Self, OpenError> {
        // It has the file until then.
        Ending::wait_for(path);
        let found = opener.open_and_read()?;
        let queue = Arc::new(Queue::new(bounds));
        let answers: Answers = Arc::new(Mutex::new(Box::new(|_| {})));
        let highest = found.messages.iter().map(|restored| restored.id).max();
        let index = found.messages.iter().map(|restored| restored.id).zip(found.numbers).collect();
        let mut writer = Writer::new(opener, found.database, index, Arc::clone(&queue), Arc::clone(&answers));
        let ending = Arc::new(OnceLock::new());
        let ends = Arc::clone(&ending);
        let write = move || {
            writer.run();
            // The file is closed before anybody hears of it.
            drop(writer);
            drop(ends);
        };
        let thread = thread::Builder::new()
            .name("steadfast-store".into())
            .spawn(write)
            .map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
        Ok(Self {
            path: path.to_owned(),
            restored: found.messages,
            highest,
            queue,
            answers,
            ending,
            thread: Some(thread),
        })
    }

    /// Takes what was stored when the store was opened, in the order in which it was handed in. Empty the second time.
    #[must_use]
    pub fn restored(&mut self) -> Vec<Restored> {
        mem::take(&mut self.restored)
    }

    /// What was stored when the store was opened, unless it was [taken](Self::restored).
    #[must_use]
    pub fn peek(&self) -> &[Restored] {
        &self.restored
    }

    /// The highest id that was stored when the store was found. New ones are to go on behind it.
    #[must_use]
    pub const fn highest(&self) -> Option<MessageId> {
        self.highest
    }

    /// Has the answers told to `tell` from here on: on the store's thread, a transaction's at once, in the order in which
    /// the messages were handed in. It must not block.
    pub fn on_answers(&self, tell: impl FnMut(&[Answer]) + Send + 'static) {
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(tell);
    }

    /// Hands a message in to be stored. The answer comes once it is on the disk, or cannot be put there.
    ///
    /// # Errors
    /// `Busy` if too much waits already, `Gone` if the thread is. No answer follows.
    pub fn persist(&self, persist: Persist) -> Result<(), StoreError> {
        self.queue.persist(persist)
    }

    /// Has a message forgotten: within 50 ms, together with others. One that is not stored is none the worse for it. A
    /// message that was being stored is forgotten behind that.
    pub fn forget(&self, id: MessageId) {
        self.queue.forget(id);
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what was handed in, and closes the file. So does dropping it.
    pub fn close(self) {
        drop(self);
    }

    /// As [`close`](Self::close), and does not wait for it: for whoever may not. Its thread writes what was handed in and
    /// closes the file; to [open](Self::open) it again in this process waits for that. If the process ends before, what was
    /// answered is on the disk all the same, and what was to be forgotten may come back: [`finish`](crate::finish) waits.
    pub fn leave(mut self) {
        // Before the queue is closed, and with that the thread may end.
        let _ = self.ending.set(Ending::begin(&self.path));
        self.queue.close();
        self.thread = None;
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self { messages: 1 << 16, bytes: 64 << 20 }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // A panic there was told on standard error; nothing is left to be done about it.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Store {
    /// Where, and never what: messages may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}
