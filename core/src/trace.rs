//! The flight recorder: what a session was told, written down so that it can be told again.
//!
//! A session's decisions depend on nothing but its configuration, its seed and the events with their times. A
//! [`Recorder`] stands before a session and writes these down, with a digest of what the session decided each time; a
//! [`Trace`] replays them, and says at which event today's code decides differently. So a log is a bug report and a test.
//!
//! ```
//! use steadfast_core::{Event, Timestamp, config::Config, trace::{Options, Recorder, Trace}};
//!
//! let mut recorder = Recorder::new(Config::default(), 7, Options::default());
//! for action in recorder.handle(Timestamp::ZERO, Event::Start) { /* carry it out */ }
//! let lines = recorder.take_lines(); // to a file, say
//!
//! let trace = Trace::parse(&lines)?;
//! for step in trace.replay() {
//!     let step = step?; // an error names the event at which the decisions differ
//!     println!("{} {:?}: {:?}", step.event.at, step.event.event, step.actions);
//! }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # The format, version 1
//! JSON lines: one object a line, each line ended by a line feed. Times are whole microseconds.
//!
//! 1. The header: `{"steadfast_trace": 1, "config": …, "seed": 7, "payloads": "keep"}`.
//! 2. In a bounded trace that had to forget its beginning, a checkpoint: `{"checkpoint": …, "events": 512}`, the
//!    serialised session after that many events. It then stands for the header's configuration and seed.
//! 3. A line an event: `{"at": 2500, "event": …, "actions": "cbf29ce484222325", "n": 0}`. `n` is how many
//!    actions the event led to, and `actions` their digest: the 64-bit FNV-1a hash, in hexadecimal, of their JSON
//!    forms, each followed by a line feed, with payloads replaced by kind and length (`{"kind": "text", "len": 5}`).
//!    `"left": 2` is there if the driver had not yet taken that many earlier actions when the event came: what becomes
//!    of a message when its connection ends depends on whether it had been handed over.
//!
//! Where payloads are left out, a message in an event is `{"omitted": {"kind": "text", "len": 5, "hash": "…"}}` with the
//! FNV-1a hash of its bytes. That tells repetitions apart; it does not hide what can be guessed. What answers the
//! heartbeat is kept, as the session heeds what it says (and the configuration has it anyway). Digests are the same with
//! and without payloads.

mod digest;
mod line;
mod owned;
mod recorder;
mod replay;
#[cfg(test)]
mod tests;

pub use self::{
    digest::Decided,
    line::TraceError,
    owned::OwnedAction,
    recorder::{Options, Payloads, Recorder},
    replay::{Replay, ReplayError, Step, Trace},
};
