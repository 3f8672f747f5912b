//! The lines of a trace: how they are written and read.

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString},
};
use core::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use super::{
    digest::{Decided, Fnv, Kind},
    recorder::Payloads,
};
use crate::{
    Event, Message, SendOptions, Session, Timestamp,
    config::{Config, Heartbeat},
    lease::Identity,
    message::{ConnId, MessageId},
};

/// The version of the format that is written and read.
const VERSION: u32 = 1;

/// The largest payload that is made up for one that was left out: a length in a file is not to be trusted.
const LARGEST_BLANK: usize = 1 << 30;

/// How much of a bad line an error shows.
const SHOWN: usize = 80;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header<'a> {
    steadfast_trace: u32,
    pub(super) config: Cow<'a, Config>,
    pub(super) seed: u64,
    pub(super) payloads: Payloads,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checkpoint<'a> {
    pub(super) checkpoint: Cow<'a, Session>,
    /// How many events came before.
    pub(super) events: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventLine<E> {
    pub(super) at: Timestamp,
    pub(super) event: E,
    #[serde(default)]
    pub(super) left: usize,
    actions: String,
    n: usize,
}

/// An event whose payload was left out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Bare {
    Send {
        id: MessageId,
        message: Omitted,
        options: SendOptions,
    },
    Restored {
        id: MessageId,
        message: Omitted,
        options: SendOptions,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identity: Option<Identity>,
    },
    Received {
        conn: ConnId,
        message: Omitted,
    },
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Omitted {
    omitted: Remains,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remains {
    kind: Kind,
    len: usize,
    hash: String,
}

/// What a line says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Recorded {
    Whole(Event<'static>),
    Bare(Bare),
}

/// A line with an event, read.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) line: usize,
    pub(super) at: Timestamp,
    pub(super) event: Recorded,
    pub(super) left: usize,
    pub(super) decided: Decided,
}

/// A trace that cannot be read: where, what was expected, and what came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceError {
    line: usize,
    expected: &'static str,
    found: String,
}

impl TraceError {
    pub(super) fn new(line: usize, expected: &'static str, found: impl Into<String>) -> Self {
        Self { line, expected, found: found.into() }
    }

    /// In which line, counted from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// What was expected there.
    #[must_use]
    pub const fn expected(&self) -> &str {
        self.expected
    }

    /// What came instead.
    #[must_use]
    pub fn found(&self) -> &str {
        &self.found
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: expected {}, found {}", self.line, self.expected, self.found)
    }
}

impl core::error::Error for TraceError {}

/// Writes a line.
pub(super) fn write<T: Serialize>(line: &T) -> String {
    let mut json = serde_json::to_string(line).expect("sessions, configurations and events have JSON forms");
    json.push('\n');
    json
}

impl<'a> Header<'a> {
    pub(super) const fn new(config: &'a Config, seed: u64, payloads: Payloads) -> Self {
        Self { steadfast_trace: VERSION, config: Cow::Borrowed(config), seed, payloads }
    }

    pub(super) fn read(number: usize, line: &str) -> Result<Self, TraceError> {
        const EXPECTED: &str = "the header of a trace, {\"steadfast_trace\": 1, \"config\", \"seed\", \"payloads\"}";
        /// The version is judged before the rest, which another version may not have.
        #[derive(Deserialize)]
        struct Version {
            steadfast_trace: u32,
        }
        let refuse = |found: &dyn fmt::Display| TraceError::new(number, EXPECTED, found.to_string());
        let version: Version = serde_json::from_str(line).map_err(|error| refuse(&shown(line, &error)))?;
        if version.steadfast_trace != VERSION {
            return Err(refuse(&format!("version {}", version.steadfast_trace)));
        }
        serde_json::from_str(line).map_err(|error| refuse(&error))
    }
}

impl Checkpoint<'static> {
    pub(super) fn read(number: usize, line: &str) -> Result<Self, TraceError> {
        serde_json::from_str(line)
            .map_err(|error| TraceError::new(number, "a checkpoint, {\"checkpoint\", \"events\"}", shown(line, &error)))
    }
}

/// The beginning of an event's line, up to what is known before it is handled.
pub(super) fn begin(
    at: Timestamp,
    event: &Event<'_>,
    payloads: Payloads,
    heartbeat: &Heartbeat,
    left: usize,
) -> String {
    let event = match Bare::of(event).filter(|_| payloads == Payloads::Omit && !is_answer(event, heartbeat)) {
        Some(bare) => serde_json::to_string(&bare),
        None => serde_json::to_string(event),
    }
    .expect("events have JSON forms");
    let left = if left == 0 { String::new() } else { format!(",\"left\":{left}") };
    format!("{{\"at\":{},\"event\":{event}{left}", at.as_micros())
}

/// The rest of it.
pub(super) fn end(line: &mut String, decided: Decided) {
    writeln!(line, ",\"actions\":\"{:016x}\",\"n\":{}}}", decided.digest, decided.count)
        .expect("a string takes what is written");
}

/// At most as much as [`end`] writes.
pub(super) const LONGEST_END: usize = 64;

/// A message that the session heeds by what it says.
fn is_answer(event: &Event<'_>, heartbeat: &Heartbeat) -> bool {
    match (event, heartbeat) {
        (Event::Received { message, .. }, Heartbeat::Text { pong, .. }) => message.as_text() == Some(pong),
        _ => false,
    }
}

impl Bare {
    /// The event without its payload, if it has one.
    fn of(event: &Event<'_>) -> Option<Self> {
        match event {
            Event::Send { id, message, options } => {
                Some(Self::Send { id: *id, message: Omitted::of(message), options: *options })
            }
            Event::Restored { id, message, options, identity } => {
                Some(Self::Restored { id: *id, message: Omitted::of(message), options: *options, identity: *identity })
            }
            Event::Received { conn, message } => Some(Self::Received { conn: *conn, message: Omitted::of(message) }),
            _ => None,
        }
    }

    /// The event with a payload that says nothing; above all, it does not answer the heartbeat.
    fn filled(&self, heartbeat: &Heartbeat) -> Event<'static> {
        match self {
            Self::Send { id, message, options } => Event::Send { id: *id, message: message.blank(), options: *options },
            Self::Restored { id, message, options, identity } => {
                Event::Restored { id: *id, message: message.blank(), options: *options, identity: *identity }
            }
            Self::Received { conn, message } => {
                let event = Event::Received { conn: *conn, message: message.blank() };
                if is_answer(&event, heartbeat) {
                    let other = Message::text("-".repeat(message.omitted.len));
                    return Event::Received { conn: *conn, message: other };
                }
                event
            }
        }
    }

    const fn omitted(&self) -> &Remains {
        match self {
            Self::Send { message, .. } | Self::Restored { message, .. } | Self::Received { message, .. } => {
                &message.omitted
            }
        }
    }
}

impl Omitted {
    fn of(message: &Message<'_>) -> Self {
        let hash = format!("{:016x}", Fnv::new().with(message.as_bytes()).finish());
        Self { omitted: Remains { kind: Kind::of(message), len: message.len(), hash } }
    }

    fn blank(&self) -> Message<'static> {
        Message::blank(self.omitted.kind == Kind::Text, self.omitted.len)
    }
}

impl Recorded {
    /// The event to replay.
    pub(super) fn event(&self, heartbeat: &Heartbeat) -> Event<'static> {
        match self {
            Self::Whole(event) => event.clone(),
            Self::Bare(bare) => bare.filled(heartbeat),
        }
    }
}

impl Entry {
    pub(super) fn read(number: usize, line: &str) -> Result<Self, TraceError> {
        const EXPECTED: &str = "an event, {\"at\", \"event\", \"actions\", \"n\"}";
        match serde_json::from_str::<EventLine<Event<'static>>>(line) {
            Ok(read) => Self::from_line(number, read, Recorded::Whole),
            Err(error) => {
                let Ok(read) = serde_json::from_str::<EventLine<Bare>>(line) else {
                    return Err(TraceError::new(number, EXPECTED, shown(line, &error)));
                };
                let len = read.event.omitted().len;
                if len > LARGEST_BLANK {
                    return Err(TraceError::new(number, "a length of at most 1 GiB", len.to_string()));
                }
                Self::from_line(number, read, Recorded::Bare)
            }
        }
    }

    fn from_line<E>(number: usize, line: EventLine<E>, event: fn(E) -> Recorded) -> Result<Self, TraceError> {
        let EventLine { at, event: read, left, actions, n: count } = line;
        let digest = u64::from_str_radix(&actions, 16)
            .map_err(|_| TraceError::new(number, "a digest of 16 hexadecimal digits", format!("{actions:?}")))?;
        Ok(Self { line: number, at, event: event(read), left, decided: Decided { count, digest } })
    }
}

/// A bad line's beginning, and what is wrong with it.
fn shown(line: &str, error: &serde_json::Error) -> String {
    let end = line.char_indices().map(|(at, _)| at).find(|at| *at >= SHOWN).unwrap_or(line.len());
    let more = if end < line.len() { "…" } else { "" };
    format!("`{}{more}` ({error})", &line[..end])
}
