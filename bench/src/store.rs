//! What a store does in a second: durable messages accepted at a steady rate and forgotten again, how long each waits for the
//! disk, and how long a full store takes to open.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;
use steadfast_core::{Message, MessageId, Persist, SendOptions};
use steadfast_store::Store;

/// How much is done.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// Messages a second.
    pub(crate) rate: u64,
    pub(crate) seconds: u64,
    /// Messages in the store that is opened.
    pub(crate) stored: u64,
    /// Where.
    pub(crate) bytes: usize,
}

/// What came of it.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) bytes: usize,
    pub(crate) offered_per_s: u64,
    pub(crate) accepted_per_s: f64,
    pub(crate) transactions: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) longest_ms: f64,
    /// A plain write of 64 KiB and its `fdatasync`, for comparison: what the disk gives.
    pub(crate) disk_p50_ms: f64,
    pub(crate) disk_p99_ms: f64,
    pub(crate) stored: u64,
    pub(crate) recovery_ms: f64,
}

/// A transaction's answers: when they came, and how many.
type Answered = (Instant, usize);

pub(crate) fn run(effort: Effort) -> Result<Row, String> {
    let folder = Folder::new().map_err(|error| error.to_string())?;
    let disk = disk(&folder.0).map_err(|error| error.to_string())?;
    let (mut waits, took, transactions) = accept(&folder.0.join("accept"), effort)?;
    waits.sort_unstable();
    let recovery = recover(&folder.0.join("recover"), effort)?;
    let millis = |span: Duration| span.as_secs_f64() * 1_000.0;
    let part = |sorted: &[Duration], percent: usize| millis(sorted[(sorted.len() - 1) * percent / 100]);
    Ok(Row {
        bytes: effort.bytes,
        offered_per_s: effort.rate,
        accepted_per_s: f64::from(u32::try_from(waits.len()).unwrap_or(u32::MAX)) / took.as_secs_f64(),
        transactions,
        p50_ms: part(&waits, 50),
        p99_ms: part(&waits, 99),
        longest_ms: part(&waits, 100),
        disk_p50_ms: part(&disk, 50),
        disk_p99_ms: part(&disk, 99),
        stored: effort.stored,
        recovery_ms: millis(recovery),
    })
}

/// Offers messages at the rate, and forgets each as soon as it is accepted; how long each waited, and all of it took.
fn accept(path: &Path, effort: Effort) -> Result<(Vec<Duration>, Duration, u64), String> {
    let store = Store::open(path).map_err(|error| error.to_string())?;
    let (tell, told) = mpsc::channel();
    store.on_answers(move |answers| {
        let accepted = answers.iter().filter(|(_, result)| result.is_ok()).count();
        // Nobody listens only when the benchmark has failed.
        let _ = tell.send((Instant::now(), accepted));
    });
    let count = effort.rate * effort.seconds;
    let payload = vec![7; effort.bytes];
    let (mut offered, mut waits, mut transactions) = (Vec::new(), Vec::new(), 0);
    let begun = Instant::now();
    while (waits.len() as u64) < count {
        let due =
            u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX).saturating_mul(effort.rate) / 1_000_000;
        while (offered.len() as u64) < due.min(count) {
            let id = MessageId(offered.len() as u64);
            offered.push(Instant::now());
            let message = Message::binary(payload.clone());
            store.persist(to_store(id, message)).map_err(|error| error.to_string())?;
        }
        transactions += take(&told, &store, &offered, &mut waits);
        thread::sleep(Duration::from_micros(200));
    }
    Ok((waits, begun.elapsed(), transactions))
}

fn take(told: &Receiver<Answered>, store: &Store, offered: &[Instant], waits: &mut Vec<Duration>) -> u64 {
    let mut transactions = 0;
    for (at, accepted) in told.try_iter() {
        transactions += 1;
        for _ in 0..accepted {
            store.forget(MessageId(waits.len() as u64));
            waits.push(at - offered[waits.len()]);
        }
    }
    transactions
}

/// How long a store with so many messages takes to be opened, checked and read.
fn recover(path: &Path, effort: Effort) -> Result<Duration, String> {
    let store = Store::open(path).map_err(|error| error.to_string())?;
    for id in 0..effort.stored {
        let message = Message::binary(vec![7; effort.bytes]);
        while store.persist(to_store(MessageId(id), message.clone())).is_err() {
            thread::sleep(Duration::from_millis(1));
        }
    }
    store.close();
    let begun = Instant::now();
    let restored = Store::open(path).map_err(|error| error.to_string())?.restored().len();
    let took = begun.elapsed();
    if restored as u64 == effort.stored { Ok(took) } else { Err(format!("{restored} of {} came back", effort.stored)) }
}

/// What the disk gives without any of it.
fn disk(folder: &Path) -> std::io::Result<Vec<Duration>> {
    use std::io::Write as _;

    let mut file = fs::File::create(folder.join("plain"))?;
    let block = vec![7; 64 * 1_024];
    let mut times = Vec::new();
    for _ in 0..100 {
        let begun = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

/// A folder on the disk that is measured: that of `STORE_DIR`, or of the build.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let on = env::var_os("STORE_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
        let path = on.join(format!("store-bench-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn to_store(id: MessageId, message: Message<'static>) -> Persist {
    Persist { id, message, options: SendOptions::durable(), identity: None }
}
