//! The client that the conformance suite runs its cases against: it sends every message back. `tests/autobahn.sh` starts
//! it.
//!
//! `autobahn URL TRANSPORT ENGINE`, where a fuzzing server of the Autobahn suite listens at `URL`.

mod async_std;
mod mio;

use std::{env, error::Error, process::ExitCode};

use steadfast_core::{
    config::{Config, ConfigError, Heartbeat},
    wire::deflate::{InvalidOption, Offer, Options},
};
use steadfast_mio::{EngineKind, WireOptions};

/// Opens one connection and sends back whatever comes in, until the server ends it; the last text that came.
type Echo = fn(url: &str, engine: &str, offer: Offer) -> Result<Option<String>, Box<dyn Error>>;

/// What can be put to the test.
const TRANSPORTS: [(&str, Echo); 2] = [("mio", mio::echo), ("async-std", async_std::echo)];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, transport, engine] = &arguments[..] else {
        eprintln!("usage: autobahn URL TRANSPORT ENGINE");
        return ExitCode::from(2);
    };
    let Some((_, echo)) = TRANSPORTS.iter().find(|(name, _)| name == transport) else {
        eprintln!("no such transport: `{transport}`; there is {:?}", TRANSPORTS.map(|(name, _)| name));
        return ExitCode::from(2);
    };
    match run(url, &format!("steadfast-{transport}-{engine}"), |target, offer| echo(target, engine, offer)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all cases one after the other, and has the report written.
fn run(
    url: &str,
    agent: &str,
    echo: impl Fn(&str, Offer) -> Result<Option<String>, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let url = url.trim_end_matches('/');
    let plain = offer(1)?;
    let count: u32 = echo(&format!("{url}/getCaseCount"), plain.clone())?
        .ok_or("the server did not say how many cases it has")?
        .parse()?;
    println!("{count} cases");
    for case in 1..=count {
        if let Err(error) = echo(&format!("{url}/runCase?case={case}&agent={agent}"), offer(case)?) {
            // The server has judged it.
            eprintln!("case {case} of {count}: {error}");
        }
    }
    echo(&format!("{url}/updateReports?agent={agent}"), plain)?;
    Ok(())
}

/// What is offered in a case. The suite's server asks the client to do without context takeover only where the client
/// offers it, and calls what it cannot ask for unimplemented.
fn offer(case: u32) -> Result<Offer, InvalidOption> {
    Offer::new(Options {
        client_no_context_takeover: case >= FIRST_OF_13,
        // The suite cannot judge a binary echo that is not compressed.
        threshold: 0,
        ..Options::default()
    })
}

/// What turns bytes into messages and back.
fn engine(name: &str, offer: Offer) -> Result<EngineKind, Box<dyn Error>> {
    match name {
        "native" => Ok(EngineKind::Native(WireOptions { compression: Some(offer), ..WireOptions::default() })),
        "tungstenite" => Ok(EngineKind::Tungstenite),
        "async-tungstenite" => Ok(EngineKind::AsyncTungstenite),
        _ => Err(format!("no such engine: `{name}`; there are `native`, `tungstenite` and `async-tungstenite`").into()),
    }
}

/// The suite judges what it is sent: no pings but those that it asks for, no second connection. Its largest messages
/// have 16 MiB, and come without waiting for the echo of the one before.
fn config() -> Result<Config, ConfigError> {
    Config::builder()
        .heartbeat(Heartbeat::Off)
        .confirmation(false)
        .max_attempts(0)
        .max_message_bytes(64 << 20)
        .outbox_bounds(1 << 20, 256 << 20)
        .build()
}

/// The number of case 13.1.1, where those of negotiation begin.
const FIRST_OF_13: u32 = 392;
