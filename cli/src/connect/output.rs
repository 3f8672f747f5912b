//! Messages to standard output, the session's state to standard error; or everything as JSON lines.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use serde::Serialize;
use steadfast_core::{Message, Notice, Timestamp};
use steadfast_mio::Failure;

use super::tally::Tally;
use crate::{
    paint::{Paint, Tone},
    timeline::{Line, Narrator},
    words::messages,
};

/// Where things are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    json: bool,
    paint: Paint,
    /// A moment on both clocks: the program's and the client's.
    started: (Instant, Timestamp),
}

/// A line of JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Json<'a> {
    /// A message came in.
    Message {
        at_us: u64,
        #[serde(flatten)]
        message: &'a Message<'a>,
    },
    /// The session has something to say.
    Notice {
        at_us: u64,
        #[serde(flatten)]
        notice: &'a Notice,
        /// What exactly was wrong, where the notice's cause does not say it.
        #[serde(skip_serializing_if = "Option::is_none")]
        failure: Option<String>,
    },
    /// It is over.
    End(&'a Tally),
}

impl Output {
    /// An output that begins now, which on the client's clock is `client_now`.
    pub(super) fn new(json: bool, client_now: Timestamp) -> Self {
        Self { json, paint: Paint::on(&io::stderr()), started: (Instant::now(), client_now) }
    }

    /// Prints messages until there will be no more. While nobody takes what is printed nothing more is taken of
    /// what is coming, which in the end holds the server back.
    ///
    /// Once nobody can take it any more, `gone` is called, and what still comes is thrown away: behind it come the
    /// confirmations of what was sent.
    pub(super) fn print_all(self, mut coming: impl Iterator<Item = Message<'static>>, gone: impl FnOnce()) {
        if coming.try_for_each(|message| self.message(&message)).is_err() {
            gone();
            coming.for_each(drop);
        }
    }

    fn message(self, message: &Message<'_>) -> io::Result<()> {
        if self.json {
            let at = self.started.1 + self.started.0.elapsed();
            return write_json(&Json::Message { at_us: at.as_micros(), message });
        }
        let mut out = io::stdout().lock();
        out.write_all(message.as_bytes())?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// Shows a notice: as a line of the timeline where it is worth one, and always as JSON.
    pub(super) fn notice(self, at: Timestamp, notice: &Notice, failure: Option<&Failure>, narrator: &mut Narrator) {
        if self.json {
            // The printer finds out, and ends the program.
            let _ =
                write_json(&Json::Notice { at_us: at.as_micros(), notice, failure: failure.map(ToString::to_string) });
            return;
        }
        for mut line in narrator.tell(at, notice, failure) {
            line.at = line.at.saturating_sub(self.started.1 - Timestamp::ZERO);
            say(&line.show(self.paint));
        }
    }

    /// Says that the session is being stopped.
    pub(super) fn stopping(self, drain: Option<Duration>) {
        if !self.json {
            let wait = drain.unwrap_or_default().as_secs();
            let text = format!("waiting at most {wait} s for what is not settled; Ctrl-C again quits at once");
            self.line("stopping", Tone::Plain, text);
        }
    }

    /// Says something that is not the session's.
    pub(super) fn warn(self, text: &str) {
        self.line("warning", Tone::Warn, text.to_owned());
    }

    fn line(self, label: &'static str, tone: Tone, text: String) {
        say(&Line { at: self.started.0.elapsed(), label: label.into(), tone, text }.show(self.paint));
    }

    /// Reports what became of the messages.
    pub(super) fn end(self, tally: &Tally) {
        if self.json {
            // Nobody reads; the exit code says it, too.
            let _ = write_json(&Json::End(tally));
            return;
        }
        for left in &tally.left {
            say(&format!("{}: {:?}", self.paint.text(Tone::Warn, &left.why), left.message));
        }
        let more = tally.in_doubt + tally.dropped + tally.refused - tally.left.len() as u64;
        if more > 0 {
            say(&format!("and {} more", messages(more)));
        }
        say(&format!(
            "{} confirmed, {} written, {} in doubt, {} dropped, {} refused",
            tally.confirmed, tally.written, tally.in_doubt, tally.dropped, tally.refused
        ));
    }
}

fn write_json(line: &Json<'_>) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&text)?;
    out.flush()
}

fn say(text: &str) {
    // Nobody reads standard error: then nobody is told.
    let _ = writeln!(io::stderr(), "{text}");
}
