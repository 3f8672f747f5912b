//! Replays a scenario, from a seed or from a file, and prints what happened and what came of it.
//!
//! ```text
//! cargo run --release -p steadfast-sim --example replay -- 42          # one seed, with its log
//! cargo run --release -p steadfast-sim --example replay -- 0..10000    # many seeds, only what broke
//! cargo run --release -p steadfast-sim --example replay -- found.json  # a file
//! ```

use std::{env, process::ExitCode};

use steadfast_core::{Action, Event, Metrics, Session, State, Timestamp};
use steadfast_sim::{Machine, Report, Scenario};

/// A session whose every event and action is printed.
struct Loud(Session);

impl Machine for Loud {
    fn handle(&mut self, now: Timestamp, event: Event<'_>, sink: &mut dyn FnMut(Action<'_>)) {
        println!("{now} {event:?}");
        Machine::handle(&mut self.0, now, event, &mut |action| {
            println!("             → {action:?}");
            sink(action);
        });
    }

    fn state(&self) -> State {
        self.0.state()
    }

    fn restart(&mut self, seed: u64) -> bool {
        println!("             the process dies, and begins again");
        self.0.restart(seed)
    }

    fn metrics(&self) -> Option<Metrics> {
        Some(self.0.metrics())
    }
}

fn main() -> ExitCode {
    let Some(which) = env::args().nth(1) else {
        eprintln!("usage: replay SEED | FROM..TO | FILE");
        return ExitCode::from(2);
    };
    let broken = if let Some((from, to)) = which.split_once("..") {
        let (Ok(from), Ok(to)) = (from.parse(), to.parse()) else { return refuse(&which, "is no range of seeds") };
        many(from, to)
    } else {
        match which.parse().map(Scenario::from_seed).or_else(|_| Scenario::load(&which)) {
            Ok(scenario) => one(&scenario),
            Err(error) => return refuse(&which, &error.to_string()),
        }
    };
    ExitCode::from(u8::from(broken > 0))
}

fn refuse(which: &str, why: &str) -> ExitCode {
    eprintln!("{which}: {why}");
    ExitCode::from(2)
}

fn one(scenario: &Scenario) -> usize {
    match scenario.run_with(|config, seed| Loud(Session::new(config, seed))) {
        Ok(report) => {
            println!("{report}");
            report.violations.len()
        }
        Err(error) => {
            println!("{error}");
            1
        }
    }
}

fn many(from: u64, to: u64) -> usize {
    let mut broken = 0;
    let mut events = 0;
    for seed in from..to {
        let report: Report = match Scenario::from_seed(seed).run() {
            Ok(report) => report,
            Err(error) => {
                println!("seed {seed}: {error}");
                broken += 1;
                continue;
            }
        };
        events += report.events;
        if let Some(violation) = report.violations.first() {
            println!("seed {seed}: {violation}");
            broken += 1;
        }
    }
    println!("{broken} of {} seeds broke the contract, in {events} events", to - from);
    broken
}
