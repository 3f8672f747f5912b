//! The recorder that stands before a session.

use alloc::{borrow::Cow, string::String};
use core::mem;

use super::{
    digest::Decided,
    line::{self, Checkpoint, Header},
};
use crate::{Actions, Event, Session, Timestamp, config::Config};

/// How a session is recorded. The default keeps everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    payloads: Payloads,
    bound: Option<usize>,
}

/// Whether a trace holds what messages say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payloads {
    /// It does.
    #[default]
    Keep,
    /// It holds kinds, lengths and hashes only. Configuration, close reasons and ids are kept.
    Omit,
}

impl Options {
    /// Keeps at most this many bytes of events, and between half of it and all of it of the latest ones; the state
    /// before them is kept as a checkpoint, on top of the bound. (An event that is alone larger than half of the
    /// bound is kept whole.) For the black box of a long-lived process: memory stays bounded, and the latest events
    /// are there when something happens.
    #[must_use]
    pub const fn bounded(max_bytes: usize) -> Self {
        Self { payloads: Payloads::Keep, bound: Some(max_bytes) }
    }

    /// Keeps payloads or leaves them out.
    #[must_use]
    pub const fn payloads(self, payloads: Payloads) -> Self {
        Self { payloads, ..self }
    }
}

/// A session and the log of what it is told; see the [module](crate::trace).
///
/// It has the session's own door. It does no I/O: the lines are there to be [taken](Self::take_lines).
#[derive(Clone, Debug)]
pub struct Recorder {
    session: Session,
    payloads: Payloads,
    log: Log,
    /// How many events were handled.
    events: u64,
}

#[derive(Clone, Debug)]
enum Log {
    /// Lines that were not taken yet.
    Whole(String),
    Bounded(Bounded),
}

/// Two stretches of events, so that there is a past even just after a checkpoint.
#[derive(Clone, Debug)]
struct Bounded {
    header: String,
    /// How long a stretch may become, in bytes.
    half: usize,
    older: Option<Stretch>,
    newer: Stretch,
}

#[derive(Clone, Debug, Default)]
struct Stretch {
    /// The session before the first event; `None` if the header says it all.
    checkpoint: Option<String>,
    lines: String,
}

impl Recorder {
    /// A session at rest that is recorded from its beginning on.
    #[must_use]
    pub fn new(config: Config, seed: u64, options: Options) -> Self {
        let header = line::write(&Header::new(&config, seed, options.payloads));
        let log = match options.bound {
            None => Log::Whole(header),
            Some(bound) => Log::Bounded(Bounded { header, half: bound / 2, older: None, newer: Stretch::default() }),
        };
        Self { session: Session::new(config, seed), payloads: options.payloads, log, events: 0 }
    }

    /// Handles one event as [`Session::handle`] does, and writes it down.
    pub fn handle<'a>(&'a mut self, now: Timestamp, event: Event<'a>) -> Actions<'a> {
        let left = self.session.untaken();
        let mut line = line::begin(now, &event, self.payloads, self.session.heartbeat(), left);
        self.make_room(line.len() + line::LONGEST_END);
        let actions = self.session.handle(now, event);
        line::end(&mut line, Decided::of(actions.peek()));
        match &mut self.log {
            Log::Whole(lines) => lines.push_str(&line),
            Log::Bounded(bounded) => bounded.newer.lines.push_str(&line),
        }
        self.events += 1;
        actions
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Ends the recording, and goes on without.
    #[must_use]
    pub fn into_session(self) -> Session {
        self.session
    }

    /// The lines since the last call, the header first; take them often, as they are kept until then. If the recording
    /// is [bounded](Options::bounded): a whole trace of what is kept, each time anew.
    #[must_use]
    pub fn take_lines(&mut self) -> String {
        match &mut self.log {
            Log::Whole(lines) => mem::take(lines),
            Log::Bounded(bounded) => bounded.text(),
        }
    }

    /// Begins a new stretch if the current one has no room for another `len` bytes.
    fn make_room(&mut self, len: usize) {
        let Log::Bounded(bounded) = &mut self.log else { return };
        if bounded.newer.lines.is_empty() || bounded.newer.lines.len() + len <= bounded.half {
            return;
        }
        let session = match self.payloads {
            Payloads::Keep => Cow::Borrowed(&self.session),
            Payloads::Omit => Cow::Owned(self.session.without_payloads()),
        };
        let checkpoint = Some(line::write(&Checkpoint { checkpoint: session, events: self.events }));
        bounded.older = Some(mem::replace(&mut bounded.newer, Stretch { checkpoint, lines: String::new() }));
    }
}

impl Bounded {
    fn text(&self) -> String {
        let mut text = self.header.clone();
        let stretches = self.older.iter().chain([&self.newer]);
        text.push_str(stretches.clone().next().and_then(|first| first.checkpoint.as_deref()).unwrap_or_default());
        text.extend(stretches.map(|stretch| stretch.lines.as_str()));
        text
    }
}
