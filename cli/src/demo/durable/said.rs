//! What the client's process says: a line of JSON each, written at once, so that whoever kills it knows what was said.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::paint::Tone;

/// Something that the client's process says. Messages are named by their numbers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Said {
    /// Its store held this one when it was opened.
    Restored(u64),
    /// It is about to send it for the first time.
    Sends(u64),
    /// It is stored: from here on it counts.
    Accepted(u64),
    /// It came back, and does not count.
    Refused(u64),
    /// The server's endpoint has read it.
    Confirmed(u64),
    /// It has another verdict, which a durable message never has while its session runs.
    GivenUp(u64),
    /// A line for the timeline.
    Line { label: String, tone: Tone, text: String },
}

impl Said {
    /// Says it on standard output, in one write: a line is there as a whole or not at all.
    pub(super) fn say(&self) {
        let Ok(mut line) = serde_json::to_string(self) else { return };
        line.push('\n');
        let mut out = io::stdout().lock();
        // Nobody listens any more if the parent is gone; then this process ends, too.
        let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    }

    /// What a line says; `None` for one that broke off.
    pub(super) fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_breaks_off_says_nothing() {
        let line = serde_json::to_string(&Said::Accepted(1_234)).expect("it can be written");
        assert_eq!(Said::parse(&line), Some(Said::Accepted(1_234)));
        for end in 0..line.len() {
            assert_eq!(Said::parse(&line[..end]), None);
        }
    }
}
