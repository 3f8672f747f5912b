//! Commands, as keys of a terminal or as lines of anything else.

use std::io::{self, BufRead, BufReader, Read, Stdin};

/// Where commands come from.
#[derive(Debug)]
pub(super) enum Input<R> {
    /// Each key is one.
    #[cfg(unix)]
    Keys(Terminal),
    /// Each line is one.
    Lines(R),
}

/// What somebody wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// A command as it would be written on a line.
    Command(String),
    /// No more.
    Nothing,
}

impl Input<BufReader<Stdin>> {
    /// Keys where standard input is a terminal that tells of each, lines otherwise.
    pub(super) fn of_standard_input() -> Self {
        #[cfg(unix)]
        if let Some(terminal) = Terminal::open() {
            return Self::Keys(terminal);
        }
        Self::Lines(BufReader::new(io::stdin()))
    }
}

impl<R: BufRead> Input<R> {
    /// The next command; `ask` shows a question whose answer is a line.
    pub(super) fn next(&mut self, ask: impl FnMut(&str) -> io::Result<()>) -> io::Result<Wanted> {
        match self {
            #[cfg(unix)]
            Self::Keys(terminal) => terminal.next(ask),
            Self::Lines(lines) => {
                let _ = ask;
                line(lines)
            }
        }
    }

    /// Whether somebody sits there who has to be told which keys there are.
    #[cfg_attr(not(unix), expect(clippy::unused_self, reason = "there are no keys"))]
    pub(super) const fn is_keys(&self) -> bool {
        match self {
            #[cfg(unix)]
            Self::Keys(_) => true,
            Self::Lines(_) => false,
        }
    }
}

fn line(lines: &mut impl BufRead) -> io::Result<Wanted> {
    let mut text = String::new();
    // What is no command is said to be none; only more than this is nobody's command.
    if lines.by_ref().take(LONGEST).read_line(&mut text)? == 0 {
        return Ok(Wanted::Nothing);
    }
    Ok(Wanted::Command(text.trim().to_owned()))
}

/// A terminal whose keys are told one by one, until this is dropped.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct Terminal {
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl Terminal {
    fn open() -> Option<Self> {
        let before = rustix::termios::tcgetattr(io::stdin()).ok()?;
        let terminal = Self { before };
        terminal.listen().ok()?;
        Some(terminal)
    }

    /// Each key at once, none of them shown.
    fn listen(&self) -> io::Result<()> {
        use rustix::termios::{LocalModes, OptionalActions, tcsetattr};
        let mut now = self.before.clone();
        // Ctrl-C comes as a key, too: the terminal has to be put right first.
        now.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        Ok(tcsetattr(io::stdin(), OptionalActions::Now, &now)?)
    }

    fn restore(&self) -> io::Result<()> {
        use rustix::termios::{OptionalActions, tcsetattr};
        Ok(tcsetattr(io::stdin(), OptionalActions::Now, &self.before)?)
    }

    fn next(&self, mut ask: impl FnMut(&str) -> io::Result<()>) -> io::Result<Wanted> {
        let Some(pressed) = key()? else { return Ok(Wanted::Nothing) };
        let command = match pressed {
            3 | 4 => return Ok(Wanted::Nothing),
            b't' | b'g' => {
                ask(if pressed == b't' { "to which time (15s, 200ms)? " } else { "to which event? " })?;
                self.restore()?;
                let answer = line(&mut io::stdin().lock());
                self.listen()?;
                match answer? {
                    Wanted::Command(answer) => format!("{} {answer}", char::from(pressed)),
                    Wanted::Nothing => return Ok(Wanted::Nothing),
                }
            }
            27 => match (key()?, key()?) {
                (Some(b'['), Some(b'D')) => String::from("b"),
                (Some(b'['), Some(b'B')) => String::from("s"),
                (Some(b'['), Some(b'C')) => String::from("n"),
                _ => String::from("?"),
            },
            b' ' | b'\n' | b'\r' => String::from("n"),
            other => char::from(other).to_string(),
        };
        Ok(Wanted::Command(command))
    }
}

#[cfg(unix)]
impl Drop for Terminal {
    fn drop(&mut self) {
        // The terminal is gone; then there is nothing to put right.
        let _ = self.restore();
    }
}

/// The next byte of standard input.
#[cfg(unix)]
fn key() -> io::Result<Option<u8>> {
    let mut byte = [0];
    Ok((io::stdin().lock().read(&mut byte)? == 1).then_some(byte[0]))
}

/// The longest line that is looked at as a whole.
const LONGEST: u64 = 4_096;
