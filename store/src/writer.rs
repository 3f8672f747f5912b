//! The thread that writes: everything that waits, as one transaction.

use std::{
    collections::BTreeMap,
    io, mem,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use redb::{Database, Durability};
use steadfast_core::{MessageId, Persist, StoreError};

use crate::{
    file::{MESSAGES, Opener},
    queue::{Queue, Task},
    record,
    store::{Answer, Answers},
};

pub(crate) struct Writer {
    opener: Opener,
    /// `None` while it has failed.
    database: Option<Database>,
    /// Why it failed last, and when it may be tried again.
    failed: Option<(StoreError, Instant)>,
    /// What is stored, by name.
    index: BTreeMap<MessageId, u64>,
    /// The number of the next message.
    next: u64,
    /// Numbers that are to be removed with the next transaction that succeeds: what could not be forgotten when it should
    /// have been, and what may be in the file although it was answered with an error.
    owed: Vec<u64>,
    queue: Arc<Queue>,
    answers: Answers,
}

/// What one transaction is to do.
#[derive(Default)]
struct Batch {
    /// Messages, by number.
    records: Vec<(u64, Vec<u8>)>,
    removals: Vec<u64>,
    answers: Vec<Answer>,
}

impl Writer {
    pub(crate) fn new(
        opener: Opener,
        database: Database,
        index: BTreeMap<MessageId, u64>,
        queue: Arc<Queue>,
        answers: Answers,
    ) -> Self {
        let next = index.values().max().map_or(0, |highest| highest + 1);
        Self { opener, database: Some(database), failed: None, index, next, owed: Vec::new(), queue, answers }
    }

    /// Writes until the queue is closed and empty.
    pub(crate) fn run(&mut self) {
        let mut tasks = Vec::new();
        loop {
            let retry = self.failed.filter(|_| !self.owed.is_empty()).map(|(_, at)| at);
            let more = self.queue.take(&mut tasks, retry);
            self.write(&mut tasks);
            if !more {
                return;
            }
        }
    }

    fn write(&mut self, tasks: &mut Vec<Task>) {
        let mut batch = self.plan(tasks);
        let result = self.commit(&batch);
        match result {
            Ok(()) => self.owed.clear(),
            Err(why) => {
                self.owed.extend(batch.removals);
                // Nobody knows whether it is in the file: if it is, it has to go again.
                self.owed.extend(batch.records.into_iter().map(|(number, _)| number));
                for (id, answer) in &mut batch.answers {
                    if answer.is_ok() {
                        *answer = Err(why);
                        self.index.remove(id);
                    }
                }
            }
        }
        if !batch.answers.is_empty() {
            self.answers.lock().unwrap_or_else(PoisonError::into_inner)(&batch.answers);
        }
    }

    /// What comes of the tasks, in their order.
    fn plan(&mut self, tasks: &mut Vec<Task>) -> Batch {
        let mut batch = Batch::default();
        for task in tasks.drain(..) {
            match task {
                Task::Persist(Persist { id, .. }) if self.index.contains_key(&id) => {
                    batch.answers.push((id, Err(StoreError::DuplicateId)));
                }
                Task::Persist(persist) => {
                    let (id, mut bytes) = (persist.id, Vec::new());
                    record::encode(&persist, record::wall_clock(), &mut bytes);
                    batch.records.push((self.next, bytes));
                    batch.answers.push((id, Ok(())));
                    self.index.insert(id, self.next);
                    self.next += 1;
                }
                Task::Forget(id) => batch.removals.extend(self.index.remove(&id)),
            }
        }
        batch
    }

    /// Carries it out, and has it on the disk when this returns.
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.records.is_empty() && batch.removals.is_empty() && self.owed.is_empty() {
            return Ok(());
        }
        if let Some((why, retry)) = self.failed
            && Instant::now() < retry
        {
            return Err(why);
        }
        let result = self.try_commit(batch);
        self.failed = result.as_ref().err().map(|error| {
            // It says nothing more of itself until it is opened again. Closing one that failed may panic.
            let database = mem::take(&mut self.database);
            let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(database)));
            (kind(error), Instant::now() + RETRY_AFTER)
        });
        self.failed.map_or(Ok(()), |(why, _)| Err(why))
    }

    fn try_commit(&mut self, batch: &Batch) -> Result<(), redb::Error> {
        let database = match self.database.take() {
            Some(database) => database,
            None => self.opener.reopen()?,
        };
        let database = self.database.insert(database);
        let owed = &self.owed;
        let done = panic::catch_unwind(AssertUnwindSafe(|| -> Result<(), redb::Error> {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            {
                let mut table = transaction.open_table(MESSAGES)?;
                for (number, record) in &batch.records {
                    table.insert(number, record.as_slice())?;
                }
                for number in batch.removals.iter().chain(owed) {
                    table.remove(number)?;
                }
            }
            Ok(transaction.commit()?)
        }));
        done.unwrap_or_else(|_| Err(redb::Error::Corrupted("writing to it panicked".into())))
    }
}

/// What it is for a message that was to be stored.
fn kind(error: &redb::Error) -> StoreError {
    match error {
        redb::Error::Io(error)
            if matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
            ) =>
        {
            StoreError::Full
        }
        _ => StoreError::Failed,
    }
}

/// How long a store that failed is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(1);
