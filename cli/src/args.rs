//! What the user says.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use steadfast_core::{Delivery, config::parse_duration};
use steadfast_mio::EngineKind;

use crate::{chaos::Profile, credentials::CredentialArgs, dialing::DialingArgs};

/// A WebSocket client that holds on: it reconnects, sends again what was not confirmed, and accounts for every message.
#[derive(Debug, Parser)]
#[command(name = "steadfast", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Survive a hostile server for some seconds, and be judged by the server's own record
    Demo(DemoArgs),
    /// Connect to a server: lines from standard input go out, messages come in, and it holds on
    Connect(ConnectArgs),
    /// Run a local echo server for trying things
    Echo(EchoArgs),
    /// Replay a recorded session and show its timeline, or step through it
    Replay(ReplayArgs),
    /// Draw a recorded session on one page
    Report(ReportArgs),
    /// Keep thousands of sessions on one thread, kill their server, and watch them come back
    Swarm(SwarmArgs),
    /// Simulate how thousands of clients come back to one server that they lost together, for each backoff
    Herd(HerdArgs),
    /// The server of a swarm
    #[command(hide = true)]
    SwarmServer(SwarmServerArgs),
    /// The client of a durable demo
    #[command(hide = true)]
    DemoClient(DemoClientArgs),
}

/// A client sends numbered messages while a server on loopback resets, half-closes, goes silent, restarts, refuses,
/// answers 503 and stalls handshakes. At the end what the client says of its messages is judged against what the
/// server has read. Ctrl-C ends it early, and it is judged all the same. Exit code 0: nothing lost, nothing out of
/// order, one verdict for every message. 1: anything else.
#[derive(Clone, Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(crate) struct DemoArgs {
    /// How long the server stays hostile
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) seconds: u64,
    /// The seed of the faults and of the client's jitter; without it a new one, which is shown
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// How many messages to send a second
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) rate: u64,
    /// What happens to a message when the connection breaks
    #[arg(long, value_enum, default_value_t)]
    pub(crate) delivery: DeliveryArg,
    /// Keep the messages in a store, and the client in a process of its own: it counts a message as accepted once it is on
    /// the disk
    #[arg(long, conflicts_with_all = ["delivery", "record"])]
    pub(crate) durable: bool,
    /// Kill that process at random moments, as `kill -9` does, and start it again on the same store
    #[arg(long, requires = "durable")]
    pub(crate) kill: bool,
    /// Over TLS, with a certificate that the server makes for itself and the client trusts, pinned unless pins are given
    #[arg(long)]
    pub(crate) tls: bool,
    /// One JSON object on standard output; the timeline goes to standard error
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the session's trace here, for `steadfast replay`
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) dialing: DialingArgs,
}

/// Every line of standard input is sent as a text message, and accepted messages are sent again until the server's
/// endpoint has confirmed them. Messages are written to standard output, the state to standard error. The end of
/// standard input or Ctrl-C ends it: what is under way is given some seconds, and what could not be settled is reported.
/// Exit code 0: everything settled. 1: something was left in doubt or unsent, or the session gave up.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ConnectArgs {
    #[arg(
        required = true,
        value_name = "URL",
        help = "Where to: ws://host[:port][/path], wss://…, or ws+unix:/path/of/socket; \
        of several, the next one that is well when one fails"
    )]
    pub(crate) urls: Vec<String>,
    /// A header for the upgrade request; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,
    /// A subprotocol to offer, the most wanted first; may be repeated
    #[arg(long = "subprotocol", value_name = "NAME")]
    pub(crate) subprotocols: Vec<String>,
    /// Settings of the session, as TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What happens to a message when the connection breaks
    #[arg(long, value_enum, default_value_t)]
    pub(crate) delivery: DeliveryArg,
    /// At the end, how long to wait for what is not settled
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub(crate) drain: Duration,
    /// One JSON object a line on standard output, for every message and every notice
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the session's trace here, for `steadfast replay`
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Serve figures for Prometheus over HTTP on this address, at /metrics; port 0 takes a free one, which is shown
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) metrics: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
    #[command(flatten)]
    pub(crate) dialing: DialingArgs,
}

/// A duration as configuration files have them, of at most a day.
fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .filter(|duration| *duration <= Duration::from_hours(24))
        .ok_or_else(|| "expected a duration of at most a day such as \"5s\", \"500ms\" or \"1m30s\"".to_owned())
}

/// An address and a port.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "expected an address and a port such as 127.0.0.1:9001 or [::1]:9001")
}

/// Every message comes back. Runs until Ctrl-C.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EchoArgs {
    /// Where to listen: 127.0.0.1:9001; port 0 takes a free one, which is shown
    #[arg(value_parser = address)]
    pub(crate) addr: SocketAddr,
    /// How it treats its clients
    #[arg(long, value_name = "PROFILE", value_enum, default_value_t)]
    pub(crate) chaos: Profile,
    /// The seed of the faults
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// A trace, as `--record` writes it
    pub(crate) file: PathBuf,
    /// Step through it event by event, with keys or, where standard input is no terminal, with lines: `?` tells which
    #[arg(long)]
    pub(crate) step: bool,
}

/// Replays a recorded session, and draws it on one page: states, attempts and why they failed, round trips, the depth of the
/// outbox and verdicts, on one time axis. The page is one file that asks for nothing from elsewhere, and holds nothing of
/// what messages said. Exit code 1: today's session decides differently than the recorded one; the page ends there.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// A trace, as `--record` writes it
    pub(crate) file: PathBuf,
    /// Where to write the page
    #[arg(short, long, value_name = "FILE.html")]
    pub(crate) output: PathBuf,
}

/// Opens sessions on one event loop and one thread against a server in a process of its own, leaves them alone for a while,
/// kills the server, brings it back on the same port, and shows how they come back: attempts a second beside those that
/// the jitter of the backoff should give, open sessions over time, connects at the same time, memory a session, CPU while
/// nothing happens. All settings of the sessions are the defaults. Exit code 0: all are open again within the longest
/// backoff plus the connect timeout, and never more connected at the same time than may. 1: anything else.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SwarmArgs {
    /// How many sessions
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=25_000))]
    pub(crate) sessions: u32,
    /// How long they are left alone once they are open
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub(crate) idle: Duration,
    /// Let each session send so many messages a second, 1 if no number is given, and measure how long they take to come back
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1",
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rate: Option<u32>,
    /// How long they send
    #[arg(long, value_name = "N", default_value_t = 10, requires = "rate",
          value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub(crate) seconds: u32,
    /// How long the server stays away
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub(crate) pause: Duration,
    /// How many may connect at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=25_000))]
    pub(crate) max_connects: Option<u32>,
    /// What turns the sessions' bytes into messages and back
    #[arg(long, value_enum, default_value_t)]
    pub(crate) engine: EngineArg,
    /// The seed of the sessions' jitter; without it a new one, which is shown
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// One JSON object on standard output; the rest goes to standard error
    #[arg(long)]
    pub(crate) json: bool,
}

/// Every client is a session in a simulated world, in virtual time: each holds a stable connection, all lose it at the same
/// moment, and attempts are refused at once, or hang until their timeout, while the server is away. What is printed for each
/// backoff is how many connections the server has to take in a second once it is back, and how much worse the worst second is
/// than the average one.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HerdArgs {
    /// How many clients
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) clients: u32,
    /// How long the server is away
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration)]
    pub(crate) away: Duration,
    /// The settings of the clients, as TOML, instead of the backoffs that are compared
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The seed of the clients' jitter
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SwarmServerArgs {
    /// Where to listen
    #[arg(value_parser = address)]
    pub(crate) addr: SocketAddr,
    /// How many connections it is to hold
    pub(crate) connections: u32,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DemoClientArgs {
    /// Where to
    pub(crate) url: String,
    /// The file that keeps the messages
    pub(crate) store: PathBuf,
    /// The first number to send
    #[arg(long)]
    pub(crate) first: u64,
    /// How many messages to send a second
    #[arg(long)]
    pub(crate) rate: u64,
    /// The seed of its jitter
    #[arg(long)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) dialing: DialingArgs,
}

/// [`Delivery`], as an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum DeliveryArg {
    /// Queued while there is no connection, sent again until confirmed: never lost, maybe twice
    #[default]
    AtLeastOnce,
    /// Queued while there is no connection, never sent twice: maybe in doubt
    AtMostOnce,
    /// Only worth sending now: refused while there is no connection
    Volatile,
}

impl From<DeliveryArg> for Delivery {
    fn from(delivery: DeliveryArg) -> Self {
        match delivery {
            DeliveryArg::AtLeastOnce => Self::AtLeastOnce,
            DeliveryArg::AtMostOnce => Self::AtMostOnce,
            DeliveryArg::Volatile => Self::Volatile,
        }
    }
}

/// A transport, as an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum TransportArg {
    /// A thread, and mio
    #[default]
    Mio,
    /// A task on async-std
    AsyncStd,
}

/// [`EngineKind`], as an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum EngineArg {
    /// Steadfast's own wire
    #[default]
    Native,
    /// The tungstenite crate
    #[cfg(feature = "tungstenite")]
    Tungstenite,
}

impl From<EngineArg> for EngineKind {
    fn from(engine: EngineArg) -> Self {
        match engine {
            EngineArg::Native => Self::default(),
            #[cfg(feature = "tungstenite")]
            EngineArg::Tungstenite => Self::Tungstenite,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }
}
