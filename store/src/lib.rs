//! Where the durable messages of a Steadfast session outlive their process.
//!
//! A [`Store`] is a file and a thread. The session's driver hands messages in ([`Store::persist`]) and takes them out again
//! ([`Store::forget`]) without waiting; the thread writes everything that came in while it wrote before as one
//! transaction (group commit), has the operating system put it on the disk (`fsync`), and only then answers. What was
//! answered with `Ok` comes back from [`Store::restored`] after the process, or the machine, went down.
//!
//! ```
//! use steadfast_core::{Message, MessageId, Persist, SendOptions};
//! use steadfast_store::Store;
//!
//! # let folder = std::env::temp_dir().join(format!("steadfast-store-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! let path = folder.join("outbox.redb");
//! let store = Store::open(&path)?;
//! let (id, message) = (MessageId(1), Message::text("to be kept"));
//! store.persist(Persist { id, message, options: SendOptions::durable(), identity: None })?;
//! store.close();
//!
//! let mut store = Store::open(&path)?;
//! let restored = store.restored();
//! assert_eq!(restored[0].id, MessageId(1));
//! assert_eq!(restored[0].message.as_text(), Some("to be kept"));
//! # drop(store);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is on the disk
//! One file in the format of [`redb`](https://docs.rs/redb), in which each message is a record under the number of its
//! arrival. Payloads are written as they are: whoever can read the file can read the messages. Credentials are never
//! among them. The file is locked while it is open; it grows to what was stored at most at one time, and its room is used
//! again.
//!
//! # What may go wrong
//! - Another process has the file open: [`OpenError::Locked`].
//! - The file is damaged, or is no store: it is renamed to `<name>.corrupt-<n>`, and [`OpenError::SetAside`] says so. It is
//!   never written to. Opening again makes a new file; [`Store::open_or_renew`] does both at once.
//! - A newer version wrote the file: [`OpenError::Newer`], and the file stays as it is.
//! - The disk is full, or fails: the messages of that transaction are answered with an error, and so are the next ones
//!   until a second later the file is opened anew. What was stored before stays stored.

mod ending;
mod error;
mod file;
mod queue;
pub mod record;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use self::{
    ending::finish,
    error::OpenError,
    file::SetAside,
    store::{Answer, Bounds, Restored, Store},
};
