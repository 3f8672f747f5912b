//! Side-by-side benchmarks of Steadfast and its peers: `wire` in memory, `echo` over sockets.
//!
//! What is compared with what, and why that is fair, stands with each adapter; results and method in
//! `docs/performance.md`.

mod clock;
mod report;
mod stats;
mod wire;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::wire::{Direction, Effort, Kind};

#[derive(Parser)]
#[command(about = "Side-by-side benchmarks of Steadfast and its peers")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Nanoseconds a message, in memory: receive and send, text and binary
    Wire(WireArgs),
}

/// How to print results.
#[derive(Args, Clone, Copy)]
struct Output {
    /// Print one JSON object as the last line
    #[arg(long)]
    json: bool,
    /// Print the tables in Markdown, as in docs/performance.md
    #[arg(long)]
    markdown: bool,
}

#[derive(Args)]
struct WireArgs {
    #[command(flatten)]
    output: Output,
    /// A few milliseconds for each: to see that it runs
    #[arg(long)]
    quick: bool,
    /// Only one direction
    #[arg(long, value_enum)]
    only: Option<Direction>,
    /// Only messages of this many bytes
    #[arg(long)]
    size: Option<usize>,
    /// Only contestants whose name contains this
    #[arg(long, default_value = "")]
    name: String,
    /// How often each has its turn
    #[arg(long)]
    rounds: Option<usize>,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Wire(args) => run_wire(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("{wrong}");
            ExitCode::FAILURE
        }
    }
}

fn run_wire(args: &WireArgs) -> Result<(), String> {
    let mut effort = if args.quick { Effort::QUICK } else { Effort::FULL };
    effort.rounds = args.rounds.unwrap_or(effort.rounds);
    let mut rows = Vec::new();
    for direction in [Direction::Recv, Direction::Send] {
        for size in SIZES {
            for kind in [Kind::Text, Kind::Binary] {
                if args.only.is_none_or(|only| only == direction) && args.size.is_none_or(|only| only == size) {
                    let wanted = |entry: &wire::Entry| entry.name.contains(&args.name);
                    rows.extend(wire::run(direction, kind, size, effort, wanted)?);
                    if !args.output.markdown {
                        report::wire_table(&rows, direction, kind, size);
                    }
                }
            }
        }
    }
    if args.output.markdown {
        report::wire_markdown(&rows);
    }
    let ratios = wire::ratios(&rows);
    report::ratios(&ratios);
    if args.output.json {
        report::json(&rows, &ratios)?;
    }
    Ok(())
}

/// Bytes in a message.
const SIZES: [usize; 5] = [16, 128, 1024, 16 * 1024, 256 * 1024];
