//! The client that the conformance suite runs its cases against: it sends every message back. `tests/autobahn.sh` starts
//! it.
//!
//! `autobahn URL TRANSPORT ENGINE`, where a fuzzing server of the Autobahn suite listens at `URL`.

mod mio;

use std::{env, error::Error, process::ExitCode};

use steadfast_core::wire::deflate::{InvalidOption, Offer, Options};

/// Opens one connection and sends back whatever comes in, until the server ends it; the last text that came.
type Echo = fn(url: &str, engine: &str, offer: Offer) -> Result<Option<String>, Box<dyn Error>>;

/// What can be put to the test.
const TRANSPORTS: [(&str, Echo); 1] = [("mio", mio::echo)];

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

/// The number of case 13.1.1, where those of negotiation begin.
const FIRST_OF_13: u32 = 392;
