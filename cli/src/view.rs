//! Where the timeline is shown: lines above one status line that lives, or plain lines.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{paint::Paint, timeline::Line};

/// A timeline's place.
#[derive(Debug)]
pub(crate) struct View {
    /// The status line, on a terminal.
    bar: Option<ProgressBar>,
    to_stderr: bool,
    paint: Paint,
}

impl View {
    /// A view of a show of this length, on standard output, or on standard error if that is for something else.
    pub(crate) fn new(length: Duration, to_stderr: bool) -> Self {
        let (terminal, paint) = if to_stderr {
            (io::stderr().is_terminal(), Paint::on(&io::stderr()))
        } else {
            (io::stdout().is_terminal(), Paint::on(&io::stdout()))
        };
        let bar = terminal.then(|| {
            let target = if to_stderr { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::stdout() };
            let style =
                ProgressStyle::with_template("[{bar:20}] {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::with_draw_target(Some(millis(length)), target);
            bar.set_style(style.progress_chars("=> "));
            bar
        });
        Self { bar, to_stderr, paint }
    }

    /// How this view colours.
    pub(crate) const fn paint(&self) -> Paint {
        self.paint
    }

    /// Shows a line of the timeline.
    pub(crate) fn line(&self, line: &Line) {
        self.text(&line.show(self.paint));
    }

    /// Shows any text, above the status line.
    pub(crate) fn text(&self, text: &str) {
        // Nobody may be reading any more; the show goes on for its exit code.
        let _ = match &self.bar {
            Some(bar) => {
                bar.println(text);
                Ok(())
            }
            None if self.to_stderr => writeln!(io::stderr(), "{text}"),
            None => writeln!(io::stdout(), "{text}"),
        };
    }

    /// Whether there is a status line.
    pub(crate) const fn is_live(&self) -> bool {
        self.bar.is_some()
    }

    /// Shows the status.
    pub(crate) fn status(&self, elapsed: Duration, text: String) {
        if let Some(bar) = &self.bar {
            bar.set_position(millis(elapsed));
            bar.set_message(text);
        }
    }

    /// Takes the status line away; lines can still be shown.
    pub(crate) fn settle(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
