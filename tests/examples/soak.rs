//! Prints the soak's table: `cargo run --release -p steadfast-tests --example soak [SEED [tungstenite]]`.
//!
//! The exit code is 0 only if every promise was kept in every run.

use std::{env, process::ExitCode, thread, time::Duration};

use steadfast_mio::EngineKind;
use steadfast_tests::soak::{Kind, Report, Soak};

fn main() -> ExitCode {
    let seed = env::args().nth(1).map_or(Ok(1), |seed| seed.parse());
    let engine = match env::args().nth(2).as_deref() {
        None => Some(EngineKind::default()),
        Some("tungstenite") => Some(EngineKind::Tungstenite),
        Some(_) => None,
    };
    let (Ok(seed), Some(engine)) = (seed, engine) else {
        eprintln!("usage: soak [SEED [tungstenite]], where SEED is a whole number");
        return ExitCode::from(2);
    };
    println!("2,000 messages at 5 ms, a break every 0.4 s, at-least-once, seed {seed}");
    println!(
        "| breaks | latency | struck | connections | lost | failed | reordered | duplicates | resent | settled after |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut kept = true;
    for millis in [0, 20] {
        let soaks = Kind::ALL.map(|kind| Soak::new(engine.clone(), kind, Duration::from_millis(millis), seed));
        let runs = soaks.map(|soak| thread::spawn(move || soak.run()));
        for run in runs {
            match run.join().expect("a soak does not panic") {
                Ok(report) => kept &= print(&report),
                Err(error) => {
                    eprintln!("{error}");
                    kept = false;
                }
            }
        }
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One line of the table; whether all promises were kept.
fn print(report: &Report) -> bool {
    let Report { soak, failed, unsettled, lost, duplicates, reordered, resent, breaks, connections, .. } = report;
    let latency = soak.latency.as_millis();
    let settled = report.settled_after.as_millis();
    println!(
        "| {} | {latency} ms | {breaks} | {connections} | {lost} | {} | {reordered} | {duplicates} | {resent} | {settled} ms |",
        soak.kind,
        failed + unsettled,
    );
    for promise in report.broken_promises() {
        println!("  broken: {promise}");
    }
    report.broken_promises().is_empty()
}
