//! Our client against a server written by others: what is sent comes back, and codes and pings go both ways.
//! `tests/interop.sh` starts it.
//!
//! `interop URL TRANSPORT ENGINE MODE`, where a server of `tests/interop/` listens at `URL`, and MODE is `plain` or `deflate`:
//! what it is expected to agree to. Prints a line for each check, `ok: ...` or `failed: ...`; the exit code is 1 if one
//! failed. `interop transports` prints what can be tested, a line each.

mod async_std;
mod checks;
mod mio;

use std::{env, process::ExitCode};

use steadfast_core::{
    Cause, CloseFrame, Message, StopCause,
    config::Config,
    wire::deflate::{Offer, Options},
};
use steadfast_mio::{EngineKind, WireOptions};

/// What can be put to the test.
const TRANSPORTS: [(&str, Connect); 2] = [("mio", mio::connect), ("async-std", async_std::connect)];

/// Begins a session that connects once.
type Connect = fn(&Ask<'_>) -> Result<Box<dyn Conversation>, String>;

/// What is asked for with a connection.
struct Ask<'a> {
    url: String,
    engine: &'a str,
    /// Whether compression is offered.
    compress: bool,
    /// The largest payload of a frame, where the engine can fragment.
    fragment_bytes: Option<usize>,
    subprotocols: &'a [&'a str],
}

/// A session, whatever carries it. Every wait has a bound, and an error says what did not happen.
trait Conversation {
    fn send(&mut self, message: Message<'static>) -> Result<(), String>;

    fn receive(&mut self) -> Result<Message<'static>, String>;

    /// Waits until everything that was sent is confirmed.
    fn confirmed(&mut self) -> Result<(), String>;

    /// What the server has chosen.
    fn subprotocol(&self) -> Option<String>;

    /// Waits for the end, and says why it came.
    fn ended(&mut self) -> Result<StopCause, String>;

    /// Closes, and waits until that is done.
    fn close(&mut self, frame: CloseFrame) -> Result<(), String>;
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments == ["transports"] {
        for (name, _) in TRANSPORTS {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    }
    let [url, transport, engine, mode] = &arguments[..] else {
        eprintln!("usage: interop URL TRANSPORT ENGINE plain|deflate, or: interop transports");
        return ExitCode::from(2);
    };
    let Some((_, connect)) = TRANSPORTS.iter().find(|(name, _)| name == transport) else {
        eprintln!("no such transport: `{transport}`; there is {:?}", TRANSPORTS.map(|(name, _)| name));
        return ExitCode::from(2);
    };
    let server = Server { url, connect: *connect, engine, agrees: mode == "deflate" && engine == "native" };
    let mut failed = false;
    for (what, check) in checks::ALL {
        match check(&server) {
            Ok(seen) => println!("ok: {what}{seen}"),
            Err(why) => {
                failed = true;
                println!("failed: {what}: {why}");
            }
        }
    }
    ExitCode::from(u8::from(failed))
}

/// The server that is talked to, and how.
struct Server<'a> {
    url: &'a str,
    connect: Connect,
    engine: &'a str,
    /// Whether compression is expected to be agreed on: our engine offers it, and the server knows it.
    agrees: bool,
}

impl Server<'_> {
    /// Connects to a path of it, offering compression.
    fn at(&self, path: &str) -> Result<Box<dyn Conversation>, String> {
        self.with(path, |_| {})
    }

    fn with(&self, path: &str, change: impl FnOnce(&mut Ask<'_>)) -> Result<Box<dyn Conversation>, String> {
        let mut ask = Ask {
            url: format!("{}{path}", self.url),
            engine: self.engine,
            compress: self.engine == "native",
            fragment_bytes: None,
            subprotocols: &[],
        };
        change(&mut ask);
        (self.connect)(&ask)
    }
}

/// What ended the connection.
fn cause(of: &StopCause) -> Option<&Cause> {
    match of {
        StopCause::Terminal(cause) | StopCause::Exhausted(cause) => Some(cause),
        _ => None,
    }
}

fn engine(ask: &Ask<'_>) -> Result<EngineKind, String> {
    match ask.engine {
        "native" => {
            let offer =
                || Offer::new(Options { threshold: 0, ..Options::default() }).map_err(|error| error.to_string());
            let compression = ask.compress.then(offer).transpose()?;
            Ok(EngineKind::Native(WireOptions {
                compression,
                fragment_bytes: ask.fragment_bytes,
                ..WireOptions::default()
            }))
        }
        "tungstenite" => Ok(EngineKind::Tungstenite),
        other => Err(format!("no such engine: `{other}`; there are `native` and `tungstenite`")),
    }
}

/// One connection, and room for everything that a check sends.
fn config() -> Result<Config, String> {
    let config = Config::builder().max_attempts(0).outbox_bounds(1 << 20, 256 << 20).build();
    config.map_err(|error| error.to_string())
}
