//! Reading a trace, and telling a session the same again.

use alloc::{boxed::Box, vec::Vec};
use core::{fmt, iter::FusedIterator};

use super::{
    digest::{Decided, Fnv},
    line::{Checkpoint, Entry, Header, TraceError},
    owned::OwnedAction,
    recorder::Payloads,
};
use crate::{Session, State, TimedEvent, config::Config};

/// A recording, read and ready to be replayed.
#[derive(Clone, Debug)]
pub struct Trace {
    config: Config,
    seed: u64,
    payloads: Payloads,
    /// The session before the first event that the trace has.
    start: Session,
    /// How many events came before that one.
    forgotten: u64,
    entries: Vec<Entry>,
    truncated: Option<usize>,
}

impl Trace {
    /// Reads a trace.
    ///
    /// A killed process leaves a last line without an end. That is no error: the line is left out, and
    /// [`truncated`](Self::truncated) says so. (It may also break a character in two: read bytes from a file with
    /// [`String::from_utf8_lossy`](alloc::string::String::from_utf8_lossy).)
    ///
    /// # Errors
    /// Names the first line that is none of a trace's, what was expected, and what it says instead.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        let mut lines = (1..).zip(text.split_inclusive('\n')).peekable();
        let (_, first) = lines.next().ok_or_else(|| TraceError::new(1, "the header of a trace", "nothing"))?;
        let Header { config, seed, payloads, .. } = Header::read(1, first.trim_end())?;
        let mut trace = Self {
            start: Session::new(config.clone().into_owned(), seed),
            config: config.into_owned(),
            seed,
            payloads,
            forgotten: 0,
            entries: Vec::new(),
            truncated: None,
        };
        if let Some((number, line)) = lines.next_if(|(_, line)| line.starts_with("{\"checkpoint\"")) {
            let checkpoint = Checkpoint::read(number, line.trim_end())?;
            trace.start = checkpoint.checkpoint.into_owned();
            trace.forgotten = checkpoint.events;
        }
        for (number, line) in lines {
            match Entry::read(number, line.trim_end()) {
                Ok(entry) => trace.entries.push(entry),
                Err(_) if !line.ends_with('\n') => trace.truncated = Some(number),
                Err(error) => return Err(error),
            }
        }
        Ok(trace)
    }

    /// The configuration in the header.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The seed in the header.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether payloads were kept. Where they were not, events have blank ones of the same kind and length.
    #[must_use]
    pub const fn payloads(&self) -> Payloads {
        self.payloads
    }

    /// How many events the trace has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many events came before the first that the trace has: not 0 only where a bounded recording forgot them.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The number of the last line, if it was cut short and left out.
    #[must_use]
    pub const fn truncated(&self) -> Option<usize> {
        self.truncated
    }

    /// A digest of the whole: of each event's time and of what it led to. Two runs that went the same way have the same,
    /// whether payloads were kept or not.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let hash = self.entries.iter().fold(Fnv::new(), |hash, entry| {
            hash.with(&entry.at.as_micros().to_le_bytes())
                .with(&(entry.decided.count as u64).to_le_bytes())
                .with(&entry.decided.digest.to_le_bytes())
        });
        hash.finish()
    }

    /// Tells a session the same again, event by event.
    #[must_use]
    pub fn replay(&self) -> Replay<'_> {
        Replay { trace: self, session: self.start.clone(), next: 0 }
    }

    /// Replays everything.
    ///
    /// # Errors
    /// The first event at which the session decides differently.
    pub fn verify(&self) -> Result<(), ReplayError> {
        self.replay().try_for_each(|step| step.map(drop))
    }
}

/// A replay under way: an iterator over its steps, which ends after the first that differs.
#[derive(Clone, Debug)]
pub struct Replay<'a> {
    trace: &'a Trace,
    session: Session,
    next: usize,
}

/// An event that was replayed, and what it led to.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Step {
    /// The event's place in the recording, counted from 0.
    pub index: u64,
    /// The event and its time.
    pub event: TimedEvent,
    /// What the session decided.
    pub actions: Vec<OwnedAction>,
    /// Where the session stood then.
    pub state: State,
}

/// A replay that did not go as recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReplayError {
    /// The session decided something else.
    Differs {
        /// The event's place in the recording, counted from 0.
        index: u64,
        /// Its line in the trace, counted from 1.
        line: usize,
        /// What was decided when it was recorded.
        expected: Decided,
        /// What was decided now.
        got: Decided,
        /// The event, and what it leads to now.
        step: Box<Step>,
    },
}

impl Replay<'_> {
    /// The session as it stands.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }
}

impl Iterator for Replay<'_> {
    type Item = Result<Step, ReplayError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.trace.entries.get(self.next)?;
        let index = self.trace.forgotten.saturating_add(self.next as u64);
        self.next += 1;
        // As many are left as the driver had left when the next event came.
        let left = self.trace.entries.get(self.next).map_or(0, |next| next.left);
        let event = TimedEvent { at: entry.at, event: entry.event.event(self.session.heartbeat()) };
        let mut decided = self.session.handle(event.at, event.event.clone());
        let got = Decided::of(decided.peek());
        let actions = decided.peek().map(OwnedAction::from).collect();
        while decided.untaken() > left && decided.next().is_some() {}
        drop(decided);
        let step = Step { index, event, actions, state: self.session.state() };
        if got == entry.decided {
            return Some(Ok(step));
        }
        self.next = self.trace.entries.len();
        let (line, expected) = (entry.line, entry.decided);
        Some(Err(ReplayError::Differs { index, line, expected, got, step: step.into() }))
    }
}

impl FusedIterator for Replay<'_> {}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs { index, line, expected, got, step } => {
                write!(f, "event {index} (line {line}, at {}, {:?}) ", step.event.at, step.event.event)?;
                write!(f, "differs: {expected} were recorded, now there are {got}:")?;
                step.actions.iter().try_for_each(|action| write!(f, "\n  {action}"))
            }
        }
    }
}

impl core::error::Error for ReplayError {}
