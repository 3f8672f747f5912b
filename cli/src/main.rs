//! `steadfast`: a WebSocket client that holds on, at the command line.
//!
//! `demo` shows it surviving a hostile server, `connect` is for every day, `echo` is a server to try things on,
//! `replay` shows a recorded session again, `report` draws it, `swarm` keeps thousands of sessions on one thread, and
//! `herd` simulates how thousands come back to a server that they lost together. Exit codes: 0 all went well, 1 it did not, 2 bad input.

mod args;
mod certificate;
mod chaos;
mod client;
mod connect;
mod credentials;
mod demo;
mod dialing;
mod echo;
mod exit;
mod figures;
mod herd;
mod interrupt;
mod paint;
mod replay;
mod report;
mod swarm;
mod tape;
mod timeline;
mod view;
mod words;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let outcome = match Args::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Connect(args) => connect::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Echo(args) => echo::run(&args),
        Command::Swarm(args) => swarm::run(&args),
        Command::Herd(args) => herd::run(&args),
        Command::SwarmServer(args) => swarm::serve(&args),
        Command::DemoClient(args) => demo::live(&args),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit().into()
        }
    }
}
