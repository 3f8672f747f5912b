//! Side-by-side benchmarks of Steadfast and its peers: `wire` in memory, `echo` over sockets, `deflate` for the codec.
//!
//! What is compared with what, and why that is fair, stands with each adapter; results and method in
//! `docs/performance.md`.

mod clock;
mod deflate;
mod echo;
mod report;
mod stats;
mod store;
mod wire;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::{
    echo::Cores,
    wire::{Direction, Effort, Kind},
};

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
    /// Messages a second, CPU time and latency over loopback sockets against one server
    Echo(EchoArgs),
    /// Nanoseconds a message for compressing and inflating, beside other backends
    Deflate(DeflateArgs),
    /// Durable messages a second, how long each waits for the disk, and how long a full store takes to open
    Store(StoreArgs),
    /// The server of `echo`, which starts it itself
    #[command(hide = true)]
    Serve,
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

#[derive(Args)]
struct EchoArgs {
    #[command(flatten)]
    output: Output,
    /// A few milliseconds for each: to see that it runs
    #[arg(long)]
    quick: bool,
    /// The cores that client and server run on
    #[arg(long, value_enum, default_value = "one")]
    cores: Cores,
    /// Only so many messages under way
    #[arg(long)]
    window: Option<usize>,
    /// Only messages of this many bytes
    #[arg(long)]
    size: Option<usize>,
    /// Only clients of this name, or whose name contains this if none has it; may be given more than once
    #[arg(long)]
    name: Vec<String>,
    /// How often each has its turn
    #[arg(long)]
    rounds: Option<usize>,
}

#[derive(Args)]
struct DeflateArgs {
    /// Print one JSON object as the last line
    #[arg(long)]
    json: bool,
    /// To see that it runs
    #[arg(long)]
    quick: bool,
}

#[derive(Args)]
struct StoreArgs {
    /// Print one JSON object as the last line
    #[arg(long)]
    json: bool,
    /// To see that it runs
    #[arg(long)]
    quick: bool,
    /// Messages offered a second
    #[arg(long, default_value_t = 25_000)]
    rate: u64,
    /// For how long
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Wire(args) => run_wire(&args),
        Command::Echo(args) => run_echo(&args),
        Command::Deflate(args) => run_deflate(&args),
        Command::Store(args) => run_store(&args),
        Command::Serve => echo::serve().map_err(|failure| failure.to_string()),
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
    report::ratios("ahead of the best peer by", &ratios);
    if args.output.json {
        report::json(&rows, &ratios)?;
    }
    Ok(())
}

fn run_echo(args: &EchoArgs) -> Result<(), String> {
    let mut effort = if args.quick { echo::Effort::QUICK } else { echo::Effort::FULL };
    effort.rounds = args.rounds.unwrap_or(effort.rounds);
    let server = echo::start(args.cores).map_err(|failure| failure.to_string())?;
    let mut rows = Vec::new();
    for window in args.window.map_or(vec![64, 1], |window| vec![window]) {
        for size in args.size.map_or(ECHO_SIZES.to_vec(), |size| vec![size]) {
            let these = echo::run(&server, window, size, effort, &args.name).map_err(|failure| failure.to_string())?;
            report::echo_table(&these, args.output.markdown);
            rows.extend(these);
        }
    }
    let ratios = echo::ratios(&rows);
    report::ratios("better than raw tungstenite, or async-tungstenite, by", &ratios);
    if args.output.json {
        report::json(&rows, &ratios)?;
    }
    Ok(())
}

fn run_deflate(args: &DeflateArgs) -> Result<(), String> {
    let (sizes, rounds) = if args.quick { (&DEFLATE_SIZES[..2], 1) } else { (&DEFLATE_SIZES[..], 9) };
    let mut rows = Vec::new();
    for &size in sizes {
        for level in [1, 3, 6] {
            let these = deflate::run(size, level, rounds)?;
            report::deflate_table(&these);
            rows.extend(these);
        }
    }
    if args.json {
        report::json(&rows, &deflate::ratios(&rows))?;
    }
    Ok(())
}

fn run_store(args: &StoreArgs) -> Result<(), String> {
    let (seconds, stored) = if args.quick { (1, 2_000) } else { (args.seconds, 100_000) };
    let rate = if args.quick { 2_000 } else { args.rate };
    let row = store::run(store::Effort { rate, seconds, stored, bytes: 200 })?;
    println!("durable messages of {} B, offered at {} a second for {seconds} s", row.bytes, row.offered_per_s);
    println!("  accepted   {:.0} a second in {} transactions", row.accepted_per_s, row.transactions);
    println!("  waited     p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms", row.p50_ms, row.p99_ms, row.longest_ms);
    println!("  the disk   64 KiB and fdatasync: p50 {:.1} ms, p99 {:.1} ms", row.disk_p50_ms, row.disk_p99_ms);
    println!("  recovery   {} messages in {:.0} ms", row.stored, row.recovery_ms);
    if args.json {
        let json = serde_json::json!({ "rows": [row], "ratios": { "rate": args.rate } });
        println!("{json}");
    }
    Ok(())
}

/// Bytes in a message to be compressed.
const DEFLATE_SIZES: [usize; 4] = [128, 1024, 16 * 1024, 256 * 1024];
/// Bytes in an echoed message.
const ECHO_SIZES: [usize; 5] = [16, 128, 1024, 16 * 1024, 64 * 1024];
/// Bytes in a message.
const SIZES: [usize; 5] = [16, 128, 1024, 16 * 1024, 256 * 1024];
