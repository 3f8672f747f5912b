//! A network that swallows packets, and whether a client notices. `tests/netns.sh` makes the network, and starts this.
//!
//! `netns serve ADDRESS` is an echo server; it ends with its standard input.
//!
//! `netns watch URL CUT MEND` runs sessions to it, and the shell commands CUT and MEND to break and to mend the
//! way between. Prints what was tried, and last one line `N passed, N failed`; the exit code is 1 if one failed.

use std::{
    env,
    io::{self, Read as _},
    net::SocketAddr,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use steadfast_mio::{
    Client, EngineKind, Notices, Outcome, WireOptions,
    core::{
        Cause, Delivery, Notice, SendOptions, Stage, State, StateKind,
        config::{Backoff, Config, ConfigBuilder, Heartbeat, Jitter, Schedule},
    },
};
use steadfast_sim::mock::{MockServer, Script};

type Check = fn(&Way, EngineKind) -> Result<String, String>;

const CHECKS: [(&str, Check); 3] = [
    ("the heartbeat notices that nothing comes any more, and the session comes back", idle),
    ("a message that was swallowed is sent again, and confirmed", under_way),
    ("without a heartbeat nobody notices, and TCP goes on where it was", unnoticed),
];

/// The way to the server, and how it is broken and mended.
struct Way {
    url: String,
    cut: String,
    mend: String,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", address] => serve(address),
        ["watch", url, cut, mend] => watch(&Way { url: url.to_owned(), cut: cut.to_owned(), mend: mend.to_owned() }),
        _ => {
            eprintln!("usage: netns serve ADDRESS, or: netns watch URL CUT MEND");
            ExitCode::from(2)
        }
    }
}

fn serve(address: &str) -> ExitCode {
    let Ok(address) = address.parse::<SocketAddr>() else {
        eprintln!("expected an address and a port, but got `{address}`");
        return ExitCode::from(2);
    };
    let server = MockServer::builder().address(address).start(Script::echoing());
    println!("listening on {server}");
    let _whatever_comes = io::stdin().read_to_end(&mut Vec::new());
    ExitCode::SUCCESS
}

fn watch(way: &Way) -> ExitCode {
    let (mut passed, mut failed) = (0, 0);
    for (name, engine) in
        [("native", EngineKind::Native(WireOptions::default())), ("tungstenite", EngineKind::Tungstenite)]
    {
        for (what, check) in CHECKS {
            let result = check(way, engine.clone());
            // However it ended, the next one begins with a whole way.
            let mended = run(&way.mend);
            match result.and_then(|seen| mended.map(|()| seen)) {
                Ok(seen) => {
                    passed += 1;
                    println!("ok: {name}: {what}: {seen}");
                }
                Err(why) => {
                    failed += 1;
                    println!("failed: {name}: {what}: {why}");
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}

fn idle(way: &Way, engine: EngineKind) -> Result<String, String> {
    let (client, notices) = open(way, engine, config())?;
    run(&way.cut)?;
    let cut = Instant::now();
    let cause = wait_for(&notices, |state| match state {
        State::Waiting { cause, .. } => Some(cause),
        _ => None,
    })?;
    let after = cut.elapsed();
    if cause != Cause::HeartbeatTimeout || after > INTERVAL + TIMEOUT + SLACK {
        return Err(format!("after {after:?}: {cause:?}"));
    }
    // While the way is broken it cannot come back, and says how far it came.
    let cause = wait_for(&notices, |state| match state {
        State::Waiting { cause, .. } => Some(cause),
        _ => None,
    })?;
    if cause != (Cause::ConnectTimeout { stage: Stage::Connect }) {
        return Err(format!("the next attempt failed with {cause:?}"));
    }
    run(&way.mend)?;
    let mended = Instant::now();
    wait_for(&notices, |state| (state.kind() == StateKind::Open).then_some(()))?;
    let back = mended.elapsed();
    echo(&client, "after")?;
    Ok(format!("noticed after {after:.1?}, back {back:.1?} after it was mended"))
}

fn under_way(way: &Way, engine: EngineKind) -> Result<String, String> {
    let (client, notices) = open(way, engine, config())?;
    run(&way.cut)?;
    let receipt = client.send("swallowed").map_err(|error| error.to_string())?;
    wait_for(&notices, |state| (state.kind() == StateKind::Waiting).then_some(()))?;
    run(&way.mend)?;
    let echo = client.receive_timeout(PATIENCE).map_err(|error| error.to_string())?;
    let outcome = receipt.wait_timeout(PATIENCE);
    if echo.as_text() == Some("swallowed") && outcome.as_ref().is_some_and(Outcome::is_confirmed) {
        Ok(format!("{} connections", client.metrics().map_or(0, |metrics| metrics.connects)))
    } else {
        Err(format!("came back: {echo:?}; {outcome:?}"))
    }
}

fn unnoticed(way: &Way, engine: EngineKind) -> Result<String, String> {
    let deaf = config().heartbeat(Heartbeat::Off).confirmation(false).answer_timeout(None);
    let (client, notices) = open(way, engine, deaf)?;
    run(&way.cut)?;
    send(&client, "late")?;
    let span = 2 * (INTERVAL + TIMEOUT);
    let until = Instant::now() + span;
    while let Ok(news) = notices.receive_timeout(until.saturating_duration_since(Instant::now())) {
        // That the message is written is all that can be said of it.
        if let Notice::State(change) = news.notice {
            return Err(format!("it has noticed: {change:?}"));
        }
    }
    run(&way.mend)?;
    let echo = client.receive_timeout(PATIENCE).map_err(|error| error.to_string())?;
    let opened = client.metrics().map_or(0, |metrics| metrics.connects);
    if echo.as_text() == Some("late") && opened == 1 {
        Ok(format!("open for {span:?} without an answer"))
    } else {
        Err(format!("came back: {echo:?}, after {opened} connections"))
    }
}

/// A client that is open, and has heard an echo; and what it says from then on.
fn open(way: &Way, engine: EngineKind, config: ConfigBuilder) -> Result<(Client, Notices), String> {
    let config = config.build().map_err(|error| error.to_string())?;
    let client =
        Client::builder(&way.url).engine(engine).config(config).connect().map_err(|error| error.to_string())?;
    echo(&client, "before")?;
    let notices = client.notices();
    Ok((client, notices))
}

fn echo(client: &Client, text: &'static str) -> Result<(), String> {
    send(client, text)?;
    let echo = client.receive_timeout(PATIENCE).map_err(|error| format!("no echo: {error}"))?;
    if echo.as_text() == Some(text) { Ok(()) } else { Err(format!("expected the echo of {text:?}, but got {echo:?}")) }
}

/// Without a promise: where nothing is confirmed, none can be given.
fn send(client: &Client, text: &'static str) -> Result<(), String> {
    let options = SendOptions::new(Delivery::AtMostOnce);
    client.send_with(text, options).map(drop).map_err(|error| error.to_string())
}

/// Waits for a state that has what is looked for.
fn wait_for<T>(notices: &Notices, look: impl Fn(State) -> Option<T>) -> Result<T, String> {
    let until = Instant::now() + PATIENCE;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let news = notices.receive_timeout(left).map_err(|error| format!("nothing was noticed: {error}"))?;
        if let Notice::State(change) = news.notice
            && let Some(found) = look(change.to)
        {
            return Ok(found);
        }
    }
}

fn run(command: &str) -> Result<(), String> {
    let status = Command::new("sh").args(["-c", command]).status().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("`{command}`: {status}")) }
}

/// Pings every second, waits a second for the answer, and comes back at once.
fn config() -> ConfigBuilder {
    let schedule = Schedule::Fixed { delay: Duration::from_millis(100) };
    Config::builder()
        .backoff(Backoff { schedule, jitter: Jitter::None, first: None, ..Backoff::default() })
        .connect_timeout(Duration::from_millis(1500))
        .heartbeat_interval(INTERVAL)
        .heartbeat_timeout(TIMEOUT)
        .missed_allowed(0)
}

const INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(1);

/// What a busy machine may add.
const SLACK: Duration = Duration::from_millis(1500);

/// Far longer than anything here takes, TCP's retransmissions after an outage among it.
const PATIENCE: Duration = Duration::from_secs(30);
