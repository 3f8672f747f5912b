//! How the tests run the program: every wait is for an event, with a generous bound.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::{self, Child, ChildStdin, Command, Output, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

/// Far above what anything takes; a test waits this long only to fail.
pub(crate) const BOUND: Duration = Duration::from_mins(1);

fn steadfast<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program to its end, with nothing on standard input.
pub(crate) fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    steadfast(args).output().expect("the program starts")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("standard output is text")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("standard error is text")
}

/// A file of this test run alone, which goes with it.
pub(crate) struct Scratch(String);

impl Scratch {
    /// A new file with this text, whose name ends in `name`.
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let path = format!("{}/{}-{name}", env!("CARGO_TARGET_TMPDIR"), process::id());
        fs::write(&path, text).expect("the test's directory can be written");
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It is in a directory for such things if it stays.
        let _ = fs::remove_file(&self.0);
    }
}

/// The program at work. Killed if a test forgets it.
pub(crate) struct Running {
    child: Child,
    input: Option<ChildStdin>,
    out: Lines,
    err: Lines,
}

/// The lines of a pipe, as they come.
struct Lines {
    coming: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    pub(crate) fn start<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        let mut child = steadfast(args).stdin(Stdio::piped()).spawn().expect("the program starts");
        let out = Lines::of(child.stdout.take().expect("it is piped"));
        let err = Lines::of(child.stderr.take().expect("it is piped"));
        let input = child.stdin.take();
        Self { child, input, out, err }
    }

    /// An echo server on a free port, and its URL.
    pub(crate) fn echo_server(more: &[&str]) -> (Self, String) {
        let mut server = Self::start(["echo", "127.0.0.1:0"].iter().chain(more));
        let line = server.out_line(|line| line.starts_with("echo server on "));
        let url = line.trim_start_matches("echo server on ").split([',', ' ']).next().expect("a word").to_owned();
        (server, url)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("standard input is open");
        writeln!(input, "{line}").expect("the program reads");
        input.flush().expect("the program reads");
    }

    /// Says as much as it listens to, and leaves its standard input open.
    pub(crate) fn say_while_it_listens(&mut self, lines: String) {
        let mut input = self.input.take().expect("standard input is open");
        thread::spawn(move || {
            // It ends when the program does.
            let _ = input.write_all(lines.as_bytes());
            let _ = input.flush();
            thread::park();
        });
    }

    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    /// Reads no more of its standard output than the next line, and closes it.
    pub(crate) fn close_output(&mut self) {
        self.out.coming = mpsc::channel().1;
    }

    /// The next line of standard output that is as wanted.
    pub(crate) fn out_line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        self.out.find(wanted)
    }

    /// The next line of standard error that is as wanted.
    pub(crate) fn err_line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        self.err.find(wanted)
    }

    /// Sends it a signal by its name.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status().expect("kill runs");
        assert!(status.success(), "no such process");
    }

    /// Waits for its end: the exit code, and all that it said on both pipes.
    pub(crate) fn end(mut self) -> (Option<i32>, String, String) {
        let (out, err) = (self.out.rest(), self.err.rest());
        let status = self.child.wait().expect("it is our child");
        (status.code(), out, err)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let (tell, coming) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { coming, seen: Vec::new() }
    }

    fn find(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + BOUND;
        loop {
            let Ok(line) = self.coming.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
                panic!("the line did not come; before the end came {:#?}", self.seen);
            };
            self.seen.push(line.clone());
            if wanted(&line) {
                return line;
            }
        }
    }

    fn rest(&mut self) -> String {
        let deadline = Instant::now() + BOUND;
        loop {
            match self.coming.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => return self.seen.join("\n"),
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end; so far came {:#?}", self.seen),
            }
        }
    }
}
