//! The server's process, as its parent sees it.

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr},
    process::{self, ChildStdin, ChildStdout, Command, Stdio},
};

use super::server::Seen;
use crate::exit::Failure;

/// A running server. It ends with its parent at the latest: its standard input ends then.
#[derive(Debug)]
pub(super) struct Child {
    process: process::Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
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
            let mut process = Command::new(env::current_exe()?)
                .args(["swarm-server", &addr.to_string(), &connections.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            let input = process.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
            let output = BufReader::new(process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
            let mut child = Self { process, input, output, addr };
            child.read_line()?;
            Ok(child)
        };
        start().map_err(Failure::system(format!("start a server on {addr}")))
    }

    /// Where it listens.
    pub(super) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it has seen so far.
    ///
    /// # Errors
    /// It does not answer.
    pub(super) fn seen(&mut self) -> Result<Seen, Failure> {
        let mut ask = || -> io::Result<Seen> {
            writeln!(self.input, "seen")?;
            Ok(serde_json::from_str(&self.read_line()?)?)
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

    fn read_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            let output = self.process.wait().map(|status| status.to_string())?;
            let mut why = String::new();
            if let Some(mut errors) = self.process.stderr.take() {
                io::Read::read_to_string(&mut errors, &mut why)?;
            }
            return Err(io::Error::other(format!("it ended with {output}: {}", why.trim())));
        }
        Ok(line)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Below the ports that systems give to clients (from 32,768 on Linux, 49,152 elsewhere). A client that connects to a port of
/// its own machine on which nobody listens may otherwise be given that very port, be connected to itself (RFC 9293 §3.5, a
/// simultaneous open), and keep the server from coming back.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// How many ports are tried.
const ATTEMPTS: u32 = 16;
