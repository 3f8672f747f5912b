//! Who is timed when.

use rand::seq::SliceRandom;
use serde::Serialize;

use super::{
    contest::{BUFFERS, Contestant, Entry, Side},
    input::{Input, Kind},
    ours, peers, yardstick,
};
use crate::{clock::thread_cpu, stats::Spread};

/// Receiving or sending.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Direction {
    Recv,
    Send,
}

/// How long to measure.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// How often each contestant has its turn.
    pub(crate) rounds: usize,
    /// How long a turn is, in nanoseconds.
    pub(crate) turn_ns: f64,
    /// How often each buffer size is tried.
    pub(crate) trials: usize,
}

impl Effort {
    /// For figures.
    pub(crate) const FULL: Self = Self { rounds: 31, turn_ns: 3e6, trials: 3 };
    /// To see that it runs.
    pub(crate) const QUICK: Self = Self { rounds: 3, turn_ns: 2e5, trials: 1 };
}

/// One contestant in one discipline.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// `recv text` and so on.
    pub(crate) what: String,
    pub(crate) size: usize,
    pub(crate) name: &'static str,
    /// Nanoseconds a message, the median of all rounds.
    pub(crate) ns: f64,
    /// The distribution of the rounds.
    pub(crate) spread: Spread,
    /// The buffer size that suited it best.
    pub(crate) buffer: usize,
    #[serde(skip)]
    pub(crate) side: Side,
    #[serde(skip)]
    pub(crate) direction: Direction,
    #[serde(skip)]
    pub(crate) kind: Kind,
}

/// All contestants in one discipline: each proves that it does the work, each chooses its buffer size, then all take
/// turns, in another order each round, so that what the machine does meanwhile hits all alike.
///
/// # Errors
/// A contestant that loses or changes a message.
pub(crate) fn run(
    direction: Direction,
    kind: Kind,
    size: usize,
    effort: Effort,
    wanted: impl Fn(&Entry) -> bool,
) -> Result<Vec<Row>, String> {
    let input = Input::new(kind, size);
    let entries = match direction {
        Direction::Recv => [ours::receivers(), peers::receivers(), yardstick::receivers(kind)].concat(),
        Direction::Send => [ours::senders(), peers::senders(), yardstick::senders()].concat(),
    };
    let mut ready = Vec::new();
    for entry in entries.into_iter().filter(wanted) {
        for buffer in BUFFERS {
            (entry.check)(&input, buffer).map_err(|wrong| format!("{} {direction:?} {size} B: {wrong}", entry.name))?;
        }
        ready.push(Ready::new(entry, &input, effort));
    }
    let mut order: Vec<usize> = (0..ready.len()).collect();
    for _ in 0..effort.rounds {
        order.shuffle(&mut rand::rng());
        for index in &order {
            ready[*index].take_turn(effort);
        }
    }
    let what = format!("{} {}", if direction == Direction::Recv { "recv" } else { "send" }, kind.name());
    let row = |ready: Ready| {
        let spread = Spread::of(&ready.samples);
        Row {
            what: what.clone(),
            size,
            name: ready.entry.name,
            ns: spread.median,
            spread,
            buffer: ready.buffer,
            side: ready.entry.side,
            direction,
            kind,
        }
    };
    Ok(ready.into_iter().map(row).collect())
}

/// A contestant with the buffer size that suits it.
struct Ready {
    entry: Entry,
    contestant: Box<dyn Contestant>,
    buffer: usize,
    /// Nanoseconds a message, at a guess.
    guess: f64,
    samples: Vec<f64>,
}

impl Ready {
    fn new(entry: Entry, input: &Input, effort: Effort) -> Self {
        let trial = |buffer: usize| {
            let mut contestant = (entry.make)(input, buffer);
            // The first run warms up, and says how long a trial has to be.
            let mut guess = time(&mut *contestant, 64);
            for _ in 0..=effort.trials {
                guess = guess.min(time(&mut *contestant, messages_in(effort.turn_ns / 3.0, guess)));
            }
            Self { entry, contestant, buffer, guess, samples: Vec::with_capacity(effort.rounds) }
        };
        let trials = BUFFERS.into_iter().map(trial);
        trials.min_by(|a, b| a.guess.total_cmp(&b.guess)).expect("there are buffer sizes to try")
    }

    fn take_turn(&mut self, effort: Effort) {
        // Whoever had the turn before has left other things in the caches: that is not to count.
        time(&mut *self.contestant, messages_in(effort.turn_ns / 4.0, self.guess));
        self.samples.push(time(&mut *self.contestant, messages_in(effort.turn_ns, self.guess)));
    }
}

/// Nanoseconds a message.
#[expect(clippy::cast_precision_loss, reason = "a turn has far fewer than 2^52 messages")]
fn time(contestant: &mut dyn Contestant, messages: usize) -> f64 {
    let begin = thread_cpu();
    let done = contestant.run(messages);
    thread_cpu().saturating_sub(begin).as_secs_f64() * 1e9 / done as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive count")]
fn messages_in(ns: f64, each: f64) -> usize {
    (ns / each.max(1.0)).ceil() as usize
}
