//! The client that the conformance suite runs its cases against: it sends every message back. `tests/autobahn.sh` starts
//! it.
//!
//! `autobahn URL TRANSPORT ENGINE`, where a fuzzing server of the Autobahn suite listens at `URL`.

mod mio;

use std::{env, error::Error, process::ExitCode};

/// Opens one connection and sends back whatever comes in, until the server ends it; the last text that came.
type Echo = fn(url: &str, engine: &str) -> Result<Option<String>, Box<dyn Error>>;

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
    match run(url, &format!("steadfast-{transport}-{engine}"), |target| echo(target, engine)) {
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
    echo: impl Fn(&str) -> Result<Option<String>, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let url = url.trim_end_matches('/');
    let count: u32 =
        echo(&format!("{url}/getCaseCount"))?.ok_or("the server did not say how many cases it has")?.parse()?;
    println!("{count} cases");
    for case in 1..=count {
        if let Err(error) = echo(&format!("{url}/runCase?case={case}&agent={agent}")) {
            // The server has judged it.
            eprintln!("case {case} of {count}: {error}");
        }
    }
    echo(&format!("{url}/updateReports?agent={agent}"))?;
    Ok(())
}
