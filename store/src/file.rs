//! The file: how it is opened, what it must be, what becomes of one that is not.

use std::{
    any::Any,
    fmt,
    fs::{self, OpenOptions},
    io::{self, Read as _},
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
};

use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, StorageError, TableDefinition};
use steadfast_core::MessageId;

use crate::{
    error::OpenError,
    record::{self, RecordError},
    store::Restored,
};

/// The version of the file's layout that is written and read.
pub(crate) const VERSION: u64 = 1;

/// Messages by the number of their arrival.
pub(crate) const MESSAGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("messages");
/// What the file is.
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("steadfast-store");
const LAYOUT: &str = "layout";

/// A file that was renamed because it is damaged, or is no store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetAside {
    /// Where it was.
    pub from: PathBuf,
    /// Where it is.
    pub to: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// How the database is opened, the first time and after it failed.
pub(crate) struct Opener {
    path: PathBuf,
    open: Box<dyn Fn() -> Result<Database, DatabaseError> + Send>,
}

/// A store as it was found.
pub(crate) struct Opened {
    pub(crate) database: Database,
    pub(crate) messages: Vec<Restored>,
    /// The number of each.
    pub(crate) numbers: Vec<u64>,
}

/// What is wrong with a file.
enum Wrong {
    Damaged(String),
    /// It never was a database: making it was interrupted before anything was stored.
    Unfinished,
    Newer(String),
    Open(DatabaseError),
}

impl Opener {
    pub(crate) fn on_disk(path: &Path) -> Self {
        let file = path.to_owned();
        Self::with(path, move || {
            make_private(&file);
            Database::builder()
                .set_cache_size(CACHE)
                // A file that was altered is to be found out now, and not by a panic later.
                .set_check_integrity_on_open(true)
                .create(&file)
        })
    }

    pub(crate) fn with(path: &Path, open: impl Fn() -> Result<Database, DatabaseError> + Send + 'static) -> Self {
        Self { path: path.to_owned(), open: Box::new(open) }
    }

    /// Opens the database again, as it was left. One that is gone is not made anew: what is in it comes from
    /// [`open_and_read`](Self::open_and_read), without which nobody would take it for a store.
    pub(crate) fn reopen(&self) -> Result<Database, redb::Error> {
        if !self.path.try_exists()? {
            return Err(io::Error::from(io::ErrorKind::NotFound).into());
        }
        let opened = panic::catch_unwind(AssertUnwindSafe(|| (self.open)()));
        opened
            .unwrap_or_else(|payload| Err(DatabaseError::Storage(StorageError::Corrupted(said(&*payload)))))
            .map_err(Into::into)
    }

    /// Opens the database and reads everything that is in it.
    pub(crate) fn open_and_read(&self) -> Result<Opened, OpenError> {
        match self.try_open() {
            Err(Wrong::Unfinished) => {
                self.set_aside("its creation was interrupted".into())?;
                self.try_open()
            }
            other => other,
        }
        .or_else(|wrong| match wrong {
            Wrong::Damaged(why) => Err(OpenError::SetAside(self.set_aside(why)?)),
            Wrong::Unfinished => Err(self.io(io::Error::other("the file cannot be made"))),
            Wrong::Newer(found) => Err(OpenError::Newer { path: self.path.clone(), found }),
            Wrong::Open(error) => Err(self.refused(error)),
        })
    }

    fn try_open(&self) -> Result<Opened, Wrong> {
        if self.is_unfinished() {
            // Another process may be making it just now: then it holds the lock.
            return match (self.open)() {
                Err(DatabaseError::Storage(StorageError::Io(error))) if error.kind() == io::ErrorKind::InvalidData => {
                    Err(Wrong::Unfinished)
                }
                Err(error) => Err(Wrong::Open(error)),
                Ok(database) => read(database),
            };
        }
        // Not every damage is found before it makes the library panic.
        let opened = panic::catch_unwind(AssertUnwindSafe(|| read((self.open)().map_err(Wrong::Open)?)));
        match opened.unwrap_or_else(|payload| Err(Wrong::Damaged(said(&*payload)))) {
            Err(Wrong::Open(error)) => Err(judge(error)),
            other => other,
        }
    }

    /// Whether the file begins with nothing where a database has its name: that is written last.
    fn is_unfinished(&self) -> bool {
        let mut name = [0; 9];
        fs::File::open(&self.path).and_then(|mut file| file.read_exact(&mut name)).is_ok() && name == [0; 9]
    }

    fn set_aside(&self, why: String) -> Result<SetAside, OpenError> {
        let to = set_aside(&self.path).map_err(|error| self.io(error))?;
        Ok(SetAside { from: self.path.clone(), to, why })
    }

    fn refused(&self, error: DatabaseError) -> OpenError {
        let path = self.path.clone();
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => OpenError::Locked { path },
            DatabaseError::Storage(StorageError::Io(error)) => self.io(error),
            other => self.io(io::Error::other(other.to_string())),
        }
    }

    fn io(&self, error: io::Error) -> OpenError {
        let path = self.path.clone();
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => OpenError::ReadOnly { path, error },
            _ => OpenError::Io { path, error },
        }
    }
}

/// Reads everything, and makes a new database a store.
fn read(database: Database) -> Result<Opened, Wrong> {
    let read = database.begin_read().map_err(damaged)?;
    if read.list_tables().map_err(damaged)?.next().is_none() {
        drop(read);
        found(&database)?;
        return Ok(Opened { database, messages: Vec::new(), numbers: Vec::new() });
    }
    let foreign = |_| Wrong::Damaged("it is a database of something else".into());
    match read.open_table(ABOUT).map_err(foreign)?.get(LAYOUT).map_err(damaged)?.map(|layout| layout.value()) {
        Some(VERSION) => {}
        Some(newer) if newer > VERSION => return Err(Wrong::Newer(format!("version {newer}"))),
        _ => return Err(Wrong::Damaged("it does not say its version".into())),
    }
    let table = read.open_table(MESSAGES).map_err(|error| Wrong::Damaged(error.to_string()))?;
    let now = record::wall_clock();
    let (mut messages, mut numbers) = (Vec::new(), Vec::new());
    for entry in table.iter().map_err(damaged)? {
        let (number, record) = entry.map_err(damaged)?;
        match record::decode(record.value(), now) {
            Ok(restored) => {
                numbers.push(number.value());
                messages.push(restored);
            }
            Err(RecordError::Newer(version)) => return Err(Wrong::Newer(format!("a message of version {version}"))),
            Err(RecordError::Damaged) => return Err(Wrong::Damaged(format!("record {} is damaged", number.value()))),
        }
    }
    let mut ids: Vec<MessageId> = messages.iter().map(|restored| restored.id).collect();
    ids.sort_unstable();
    if let Some(twice) = ids.windows(2).find_map(|pair| (pair[0] == pair[1]).then_some(pair[0])) {
        return Err(Wrong::Damaged(format!("message {twice} is in it twice")));
    }
    drop((table, read));
    Ok(Opened { database, messages, numbers })
}

/// Writes into a new database what it is.
fn found(database: &Database) -> Result<(), Wrong> {
    let write = || -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        transaction.open_table(ABOUT)?.insert(LAYOUT, VERSION)?;
        transaction.open_table(MESSAGES)?;
        Ok(transaction.commit()?)
    };
    write().map_err(|error| match error {
        redb::Error::Io(error) => Wrong::Open(error.into()),
        other => Wrong::Damaged(other.to_string()),
    })
}

fn judge(error: DatabaseError) -> Wrong {
    match error {
        DatabaseError::Storage(StorageError::Corrupted(why)) if why.contains("file format version") => {
            Wrong::Newer(why)
        }
        DatabaseError::Storage(StorageError::Corrupted(why)) => Wrong::Damaged(why),
        DatabaseError::Storage(StorageError::Io(error))
            if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            Wrong::Damaged(error.to_string())
        }
        DatabaseError::UpgradeRequired(version) => {
            Wrong::Damaged(format!("it is a database of format {version}, which no store ever had"))
        }
        other => Wrong::Open(other),
    }
}

fn damaged(error: impl Into<redb::Error>) -> Wrong {
    match error.into() {
        redb::Error::Io(error) => judge(error.into()),
        other => Wrong::Damaged(other.to_string()),
    }
}

/// Makes the file, if there is none, for its owner alone to read: messages are in it as they are. If that fails, the database
/// says what is wrong.
fn make_private(path: &Path) {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    if options.open(path).is_ok()
        && let Some(folder) = path.parent()
    {
        // A machine that loses power forgets a file whose name was never written; what cannot be opened or synced keeps it in
        // its own way.
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
    }
}

/// Renames a file to the first `<name>.corrupt-<n>` that nobody has; where to.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    for n in 1..=MOST_ASIDE {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".corrupt-{n}"));
        let to = PathBuf::from(name);
        // The place is taken first: a rename alone would replace what is there.
        match OpenOptions::new().write(true).create_new(true).open(&to) {
            Ok(_) => {
                fs::rename(path, &to)?;
                return Ok(to);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{MOST_ASIDE} damaged files were set aside before it")))
}

fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("reading it failed").to_owned()
}

impl fmt::Display for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: not a store that can be read ({}); it was renamed to {}",
            self.from.display(),
            self.why,
            self.to.display()
        )
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What the database may keep in memory: messages are written, and seldom read.
const CACHE: usize = 16 << 20;
/// How many files are set aside at most.
const MOST_ASIDE: u32 = 1_000;
