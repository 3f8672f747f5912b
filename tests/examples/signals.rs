//! What this machine says of its network. `tests/netns.sh` makes a network that can be changed, and starts this in it.
//!
//! `signals EXPECTED COMMAND …` carries out each shell command and waits for what is to be told: `offline`, `online`,
//! `changed`, or `nothing`; and, where it goes or comes, for what clients of both transports make of it. Prints what was
//! tried, and last one line `N passed, N failed`; the exit code is 1 if one failed.

use std::{
    env,
    process::{Command, ExitCode},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use async_std::{future::timeout, task};
use steadfast_mio::{
    core::{Network, State, StateKind},
    signals::{self, Signal},
};

/// Clients that are told what the machine says. Nobody listens where they go.
struct Clients {
    blocking: steadfast_mio::Client,
    tasks: steadfast_async_std::Client,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (tell, told) = mpsc::channel();
    let subscription = signals::subscribe(move |signal| {
        // Nobody wants it once this is over.
        let _ = tell.send(signal);
    });
    let url = "ws://127.0.0.1:9/";
    let tasks = steadfast_async_std::Client::new(steadfast_async_std::Client::builder(url).signals());
    let (Ok(blocking), Ok(tasks)) = (steadfast_mio::Client::builder(url).signals().connect(), tasks) else {
        eprintln!("no clients");
        return ExitCode::from(2);
    };
    tasks.start();
    let clients = Clients { blocking, tasks };
    let (mut passed, mut failed) = (0, 0);
    for pair in arguments.chunks_exact(2) {
        let begun = Instant::now();
        match check(&pair[0], &pair[1], &told, &clients) {
            Ok(()) => {
                passed += 1;
                println!("ok: {} after `{}`: {:.1?}", pair[0], pair[1], begun.elapsed());
            }
            Err(why) => {
                failed += 1;
                println!("failed: {} after `{}`: {why}", pair[0], pair[1]);
            }
        }
    }
    drop(subscription);
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}

fn check(expected: &str, command: &str, told: &Receiver<Signal>, clients: &Clients) -> Result<(), String> {
    let done = Command::new("sh").args(["-c", command]).status().map_err(|error| error.to_string())?;
    if !done.success() {
        return Err(done.to_string());
    }
    let (network, patience) = match expected {
        "offline" => (Some(Network::Offline), SOON),
        "online" => (Some(Network::Online), SOON),
        "changed" => (Some(Network::Changed), SOON),
        "nothing" => (None, QUIET),
        other => return Err(format!("expected offline, online, changed or nothing, but got {other}")),
    };
    match (told.recv_timeout(patience), network) {
        (Ok(Signal::Network(found)), Some(network)) if found == network => {}
        (Err(RecvTimeoutError::Timeout), None) => return Ok(()),
        (found, _) => return Err(format!("found {found:?}")),
    }
    match network {
        Some(Network::Offline) => clients.wait_for(|state| state.kind() == StateKind::Offline),
        Some(Network::Online) => clients.wait_for(|state| state.kind() != StateKind::Offline),
        _ => Ok(()),
    }
}

impl Clients {
    fn wait_for(&self, wanted: fn(&State) -> bool) -> Result<(), String> {
        let mut blocking = self.blocking.state();
        blocking.wait_for(SOON, wanted).ok_or_else(|| format!("mio: {}", blocking.current()))?;
        let mut tasks = self.tasks.state();
        task::block_on(timeout(SOON, tasks.wait_for(wanted)))
            .map(drop)
            .map_err(|_| format!("async-std: {}", self.tasks.state().current()))
    }
}

/// A bound that only a failure reaches.
const SOON: Duration = Duration::from_secs(20);
/// Longer than a change waits for others.
const QUIET: Duration = Duration::from_secs(3);
