//! Who is timed when.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;

use super::{
    Failure, clients,
    contest::{Echo, Load, Notes},
    server::Server,
};
use crate::{
    clock::Cpu,
    stats::{Spread, quantile},
};

/// How long to measure.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// How often each client has its turn.
    pub(crate) rounds: usize,
    /// How long a turn is.
    pub(crate) turn: Duration,
}

impl Effort {
    /// For figures.
    pub(crate) const FULL: Self = Self { rounds: 15, turn: Duration::from_millis(100) };
    /// To see that it runs.
    pub(crate) const QUICK: Self = Self { rounds: 1, turn: Duration::from_millis(5) };
}

/// A client, and how it is made.
pub(crate) struct Entry {
    name: &'static str,
    turn: fn(&Server, &Load, Duration) -> Result<Turn, Failure>,
}

impl Entry {
    pub(crate) fn new<E: Echo>(name: &'static str) -> Self {
        Self { name, turn: turn::<E> }
    }
}

/// One client under one load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) what: &'static str,
    /// Bytes in a message.
    pub(crate) size: usize,
    /// Messages under way.
    pub(crate) window: usize,
    pub(crate) name: &'static str,
    /// Messages a second, the median of all rounds, as the figures below are.
    pub(crate) per_s: f64,
    /// The client's process on a core, nanoseconds a message: in all, and outside the kernel.
    pub(crate) cpu_ns: f64,
    pub(crate) user_ns: f64,
    /// From where a window's sending began to where a message of it was back, in microseconds: half of them, and 99 of
    /// 100.
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// The distribution of the rounds.
    pub(crate) spread: Rounds,
}

/// How the rounds differ.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Rounds {
    pub(crate) per_s: Spread,
    pub(crate) cpu_ns: Spread,
    pub(crate) p50_us: Spread,
}

/// What one turn came to.
#[derive(Clone, Copy)]
struct Turn {
    per_s: f64,
    cpu_ns: f64,
    user_ns: f64,
    p50_us: f64,
    p99_us: f64,
}

/// All clients under one load: they take turns, each round beginning with another, each turn on a new connection.
///
/// # Errors
/// A client that fails.
pub(crate) fn run(
    server: &Server,
    window: usize,
    size: usize,
    effort: Effort,
    names: &[String],
) -> Result<Vec<Row>, Failure> {
    let load = Load { window, payload: Bytes::from(vec![7; size]) };
    let entries = chosen(clients::all(), names);
    let mut turns: Vec<Vec<Turn>> = entries.iter().map(|_| Vec::new()).collect();
    for round in 0..effort.rounds {
        for place in 0..entries.len() {
            let index = (place + round) % entries.len();
            let turn = (entries[index].turn)(server, &load, effort.turn)
                .map_err(|failure| format!("{} w{window} {size} B: {failure}", entries[index].name))?;
            turns[index].push(turn);
        }
    }
    Ok(entries.iter().zip(turns).map(|(entry, turns)| row(entry.name, &load, &turns)).collect())
}

/// Those of these names; a name that nobody has stands for all that contain it.
fn chosen(mut entries: Vec<Entry>, names: &[String]) -> Vec<Entry> {
    let known: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
    let matches = |entry: &str, name: &String| entry == name || !known.contains(&&**name) && entry.contains(&**name);
    entries.retain(|entry| names.is_empty() || names.iter().any(|name| matches(entry.name, name)));
    entries
}

fn row(name: &'static str, load: &Load, turns: &[Turn]) -> Row {
    let spread = |figure: fn(&Turn) -> f64| Spread::of(&turns.iter().map(figure).collect::<Vec<_>>());
    let rounds = Rounds {
        per_s: spread(|turn| turn.per_s),
        cpu_ns: spread(|turn| turn.cpu_ns),
        p50_us: spread(|turn| turn.p50_us),
    };
    Row {
        what: "echo",
        size: load.payload.len(),
        window: load.window,
        name,
        per_s: rounds.per_s.median,
        cpu_ns: rounds.cpu_ns.median,
        user_ns: spread(|turn| turn.user_ns).median,
        p50_us: rounds.p50_us.median,
        p99_us: spread(|turn| turn.p99_us).median,
        spread: rounds,
    }
}

/// A new connection, warmed up for a fifth of the time, which also says how many windows fill the rest.
#[expect(clippy::cast_precision_loss, reason = "a turn has far fewer than 2^52 messages or nanoseconds")]
fn turn<E: Echo>(server: &Server, load: &Load, time: Duration) -> Result<Turn, Failure> {
    let mut client = E::connect(server, load)?;
    let (begin, mut warm_up) = (Instant::now(), 0);
    while begin.elapsed() < time / 5 {
        client.exchange(8, &mut Notes::new(load))?;
        warm_up += 8;
    }
    let windows = warm_up * 4;
    let mut notes = Notes::new(load);
    notes.latencies.reserve(windows * load.window);
    let (cpu, begin) = (Cpu::now(), Instant::now());
    client.exchange(windows, &mut notes)?;
    let (took, spent) = (begin.elapsed(), Cpu::now().since(cpu));
    drop(client);
    let messages = (windows * load.window) as f64;
    notes.latencies.sort_unstable();
    Ok(Turn {
        per_s: messages / took.as_secs_f64(),
        cpu_ns: nanos(spent.all) / messages,
        user_ns: nanos(spent.user) / messages,
        p50_us: f64::from(quantile(&notes.latencies, 50, 100)) / 1000.0,
        p99_us: f64::from(quantile(&notes.latencies, 99, 100)) / 1000.0,
    })
}

fn nanos(span: Duration) -> f64 {
    span.as_secs_f64() * 1e9
}
