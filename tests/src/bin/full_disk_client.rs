//! A client whose disk becomes full: the test limits how large its files may be.
//!
//! `full_disk_client URL STORE`: sends durable messages while nobody listens, until one is refused because the disk is full; says
//! `full N` with the number of those that were accepted, and goes on once there is a connection: `alive` when a message that is not
//! durable is confirmed, `again` when the disk has taken a durable one again.

use std::{env, error::Error, process::ExitCode, time::Duration};

use steadfast_core::{Message, Refusal, SendOptions, StateKind, StoreError};
use steadfast_mio::{Client, store::Store};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, store] = &arguments[..] else { return ExitCode::from(2) };
    match run(url, store) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(url: &str, store: &str) -> Result<(), Box<dyn Error>> {
    let client = Client::builder(url).without_receiver().store(Store::open(store)?).connect()?;
    let mut accepted = Vec::new();
    let refused = loop {
        let receipt = client.send_with(large(accepted.len()), SendOptions::durable())?;
        match receipt.wait_accepted() {
            Ok(()) => accepted.push(receipt),
            Err(outcome) => break outcome,
        }
    };
    let shown = format!("{refused:?}");
    if !shown.contains(&format!("{:?}", Refusal::NotStored(StoreError::Full))) {
        return Err(format!("expected a full disk, found {}", &shown[..shown.len().min(200)]).into());
    }
    println!("full {}", accepted.len());
    if client.state().wait_for(PATIENCE, |state| state.kind() == StateKind::Open).is_none() {
        return Err("no connection".into());
    }
    if !client.send("alive")?.wait().is_confirmed() {
        return Err("the session is of no use".into());
    }
    println!("alive");
    for receipt in accepted {
        if !receipt.wait().is_confirmed() {
            return Err("what was stored was not sent".into());
        }
    }
    // What is confirmed is forgotten, and leaves room.
    while client.send_with("again", SendOptions::durable())?.wait_accepted().is_err() {}
    println!("again");
    let report = client.close(Some(PATIENCE));
    if report.unsettled.is_empty() { Ok(()) } else { Err(format!("left: {:?}", report.unsettled).into()) }
}

fn large(number: usize) -> Message<'static> {
    Message::text(format!("{number} {}", "x".repeat(64 << 10)))
}

/// A bound that only a failure reaches.
const PATIENCE: Duration = Duration::from_secs(30);
