//! Restrained colour, and none where nobody would see it.

use std::{env, io::IsTerminal};

use serde::{Deserialize, Serialize};

/// Whether text is coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Paint {
    on: bool,
}

/// What a text wants to say by its colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Tone {
    /// Nothing.
    Plain,
    /// All is well.
    Good,
    /// Something to know.
    Warn,
    /// Something broke.
    Bad,
    /// Somebody else speaks.
    Other,
    /// Less important.
    Dim,
    /// More important.
    Strong,
}

impl Paint {
    /// No colour.
    #[cfg(test)]
    pub(crate) const OFF: Self = Self { on: false };

    /// Colour if `stream` is a terminal that has it, and the user has not asked for none (<https://no-color.org>).
    pub(crate) fn on(stream: &impl IsTerminal) -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { on: stream.is_terminal() && !refused && !dumb }
    }

    /// The text in its colour.
    pub(crate) fn text(self, tone: Tone, text: &str) -> String {
        match (self.on, code(tone)) {
            (true, Some(code)) => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }
}

const fn code(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Plain => None,
        Tone::Good => Some("32"),
        Tone::Warn => Some("33"),
        Tone::Bad => Some("31"),
        Tone::Other => Some("35"),
        Tone::Dim => Some("2"),
        Tone::Strong => Some("1"),
    }
}
