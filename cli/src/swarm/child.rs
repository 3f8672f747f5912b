//! The server's process, as its parent sees it.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    process::{self, ChildStderr, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::server::Seen;
use crate::exit::Failure;

/// A running server. It ends with its parent at the latest: its standard input ends then.
#[derive(Debug)]
pub(super) struct Child {
    process: process::Child,
    input: ChildStdin,
    /// What it says, line by line.
    lines: Receiver<io::Result<String>>,
    /// Comes to the beginning of what it complained of, once it has ended.
    complaints: Option<JoinHandle<String>>,
    addr: SocketAddr,
}

impl Child {
    /// Starts a server for so many connections on some port of loopback.
    ///
    /// # Errors
    /// The process does not start, or finds no port.
    pub(super) fn start(connections: u32) -> Result<Self, Failure> {
        let mut last = None;
        for attempt in 0..ATTEMPTS {
            // Shows that run at the same time have different ports: each needs its own again after a while without it.
            let offset = process::id().wrapping_add(attempt * 641) % u32::from(PORTS.end - PORTS.start);
            let port = PORTS.start + u16::try_from(offset).unwrap_or_default();
            match Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), connections) {
                Ok(child) => return Ok(child),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Failure::input("no port was tried")))
    }

    /// Starts a server there.
    ///
    /// # Errors
    /// The process does not start, or ends at once.
    pub(super) fn start_on(addr: SocketAddr, connections: u32) -> Result<Self, Failure> {
        let start = || -> io::Result<Self> {
            let mut command = Command::new(env::current_exe()?);
            command.args(["swarm-server", &addr.to_string(), &connections.to_string()]);
            let mut child = Self::run(command, addr)?;
            child.read_line(PATIENCE)?;
            Ok(child)
        };
        start().map_err(Failure::system(format!("start a server on {addr}")))
    }

    /// Runs this, and takes all that it says, so that it never waits for somebody to listen.
    fn run(mut command: Command, addr: SocketAddr) -> io::Result<Self> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let input = process.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let output = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let errors = process.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let complaints = thread::Builder::new().name("complaints".into()).spawn(move || drain(errors))?;
        Ok(Self { process, input, lines: read_lines(output)?, complaints: Some(complaints), addr })
    }

    /// Where it listens.
    pub(super) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it has seen so far.
    ///
    /// # Errors
    /// It does not answer in time.
    pub(super) fn seen(&mut self) -> Result<Seen, Failure> {
        let mut ask = || -> io::Result<Seen> {
            writeln!(self.input, "seen")?;
            Ok(serde_json::from_str(&self.read_line(PATIENCE)?)?)
        };
        ask().map_err(Failure::system("ask the server what it has seen"))
    }

    /// Kills it, as `kill -9` does: its connections are closed by the operating system. It is gone when this returns.
    ///
    /// # Errors
    /// The system does not let it be killed.
    pub(super) fn kill(&mut self) -> Result<(), Failure> {
        self.process.kill().and_then(|()| self.process.wait()).map(drop).map_err(Failure::system("kill the server"))
    }

    /// Puts another one in its place, where it was.
    ///
    /// # Errors
    /// As [`start_on`](Self::start_on).
    pub(super) fn start_again(&mut self, connections: u32) -> Result<(), Failure> {
        *self = Self::start_on(self.addr, connections)?;
        Ok(())
    }

    fn read_line(&mut self, patience: Duration) -> io::Result<String> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("it said nothing within {patience:?}")))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.process.wait()?;
                let why = self.complaints.take().and_then(|complaints| complaints.join().ok()).unwrap_or_default();
                Err(io::Error::other(format!("it ended with {status}: {}", why.trim())))
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Its lines, until it ends.
fn read_lines(output: ChildStdout) -> io::Result<Receiver<io::Result<String>>> {
    let (tell, told) = mpsc::channel();
    let read = move || BufReader::new(output).lines().try_for_each(|line| tell.send(line));
    thread::Builder::new().name("server".into()).spawn(read)?;
    Ok(told)
}

/// The beginning of what it says; the rest is read, too, as it must not have to wait.
fn drain(mut errors: ChildStderr) -> String {
    let mut beginning = Vec::new();
    let _cut_short_is_better_than_nothing = (&mut errors).take(MOST_COMPLAINTS).read_to_end(&mut beginning);
    let _ = io::copy(&mut errors, &mut io::sink());
    String::from_utf8_lossy(&beginning).into_owned()
}

/// Below the ports that systems give to clients (from 32,768 on Linux, 49,152 elsewhere). A client that connects to a port of
/// its own machine on which nobody listens may otherwise be given that very port, be connected to itself (RFC 9293 §3.5, a
/// simultaneous open), and keep the server from coming back.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How many ports are tried.
const ATTEMPTS: u32 = 16;
/// How long it may take to say something: it has one thread, which may be busy with a crowd.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of its complaints is kept, in bytes.
const MOST_COMPLAINTS: u64 = 16 << 10;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Child::run(command, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a shell")
    }

    #[test]
    fn a_server_that_complains_at_length_is_heard_all_the_same() {
        let mut child = shell("head -c 1000000 /dev/zero >&2; echo up; read line");
        assert_eq!(child.read_line(PATIENCE).expect("a line"), "up");
    }

    #[test]
    fn a_server_that_says_nothing_is_not_waited_for_for_ever() {
        let error = shell("read line").read_line(Duration::from_millis(10)).expect_err("nothing is said");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_server_that_ends_leaves_its_last_words() {
        let error = shell("echo 'no room' >&2; exit 3").read_line(PATIENCE).expect_err("it has ended");
        assert!(error.to_string().contains('3') && error.to_string().ends_with("no room"), "{error}");
    }
}
