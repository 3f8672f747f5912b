//! `steadfast connect`: lines from standard input go out, messages come in, and it holds on.

mod input;
mod output;
mod tally;

use std::{
    fs,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use steadfast_core::{CloseFrame, Notice, SendOptions, State, StopCause, config::Config};
use steadfast_mio::{Endpoint, Endpoints, Noticed};

use self::{output::Output, tally::Tally};
use crate::{
    args::ConnectArgs,
    client::{Client, Connected, Plan},
    exit::{Exit, Failure},
    figures,
    interrupt::on_interrupt,
    tape::Tape,
    timeline::Narrator,
};

/// What the main thread is told by the others.
#[derive(Debug)]
enum Told {
    /// By the session.
    Noticed(Noticed),
    /// No more lines of standard input are sent.
    InputEnded(input::End),
    /// Ctrl-C.
    Interrupted,
    /// Nobody reads standard output any more.
    OutputGone,
}

/// Connects, and stays until the end of input, Ctrl-C, or the session's own end.
pub(crate) fn run(args: &ConnectArgs) -> Result<Exit, Failure> {
    let config = args.config.as_deref().map_or_else(|| Ok(Config::default()), read_config)?;
    if config.store {
        let file = args.config.as_deref().unwrap_or_else(|| std::path::Path::new("the configuration")).display();
        let why =
            "`store` is true: expected false, as lines that are typed in have no file in which they could be kept";
        return Err(Failure::input(format!("{file}: {why}")));
    }
    let endpoints = endpoints(args, &config)?;
    let (tell, told) = mpsc::channel();
    let interrupted = tell.clone();
    on_interrupt(move || interrupted.send(Told::Interrupted).is_ok())?;

    if let Some(address) = args.metrics {
        let bound = figures::serve(address)?;
        // Which port it is has to be found, whatever form the rest has.
        eprintln!("metrics on http://{bound}/metrics");
    }
    let (track, tape) = Tape::start(args.record.as_deref())?;
    let plan =
        Plan { transport: args.dialing.transport, endpoints, config, seed: None, receives: true, store: None, track };
    let Connected { client, notices, messages } = plan.connect()?;
    let output = Output::new(args.json, client.now());

    let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
        thread::Builder::new().name(name.into()).spawn(work).map_err(Failure::system("start a thread"))
    };
    let forward = tell.clone();
    spawn("notices", Box::new(move || notices.map(Told::Noticed).for_each(|told| drop(forward.send(told)))))?;
    let printer = {
        let tell = tell.clone();
        spawn(
            "printer",
            Box::new(move || {
                output.print_all(messages, || {
                    // The main thread is gone, and with it whom to tell.
                    let _ = tell.send(Told::OutputGone);
                });
            }),
        )?
    };
    let (sender, options) = (client.sender(), SendOptions::new(args.delivery.into()));
    spawn("input", Box::new(move || drop(tell.send(Told::InputEnded(input::send_lines(&sender, options))))))?;

    let mut tally = Tally::default();
    let cause = attend(&client, &told, args.drain, output, &mut tally);
    client.end();
    // A line may have come too late.
    while let Ok(event) = told.try_recv() {
        match event {
            Told::Noticed(Noticed { notice, .. }) => tally.take(&notice),
            Told::InputEnded(end) => input_ended(end, output, &mut tally),
            Told::Interrupted | Told::OutputGone => {}
        }
    }
    // What had come in before the end is printed.
    let _ = printer.join();
    output.end(&tally);
    tape.end()?;
    Ok(Exit::from_judgement(tally.is_clean() && cause == Some(StopCause::Application)))
}

/// Attends to what is told until the session has stopped; gives why.
fn attend(
    client: &Client,
    told: &Receiver<Told>,
    drain: Duration,
    output: Output,
    tally: &mut Tally,
) -> Option<StopCause> {
    let mut narrator = Narrator::default();
    let mut patience: Option<Instant> = None;
    loop {
        let left = patience.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
        let event = match told.recv_timeout(left.min(Duration::from_hours(1))) {
            Ok(told) => told,
            Err(RecvTimeoutError::Timeout) if left.is_zero() => return None,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return None,
        };
        let drain = match event {
            Told::Noticed(Noticed { at, notice, failure }) => {
                tally.take(&notice);
                output.notice(at, &notice, failure.as_deref(), &mut narrator);
                if let Notice::State(change) = notice
                    && let State::Stopped { cause } = change.to
                {
                    return Some(cause);
                }
                continue;
            }
            Told::InputEnded(end) => {
                input_ended(end, output, tally);
                if patience.is_some() {
                    continue;
                }
                Some(drain)
            }
            // The first Ctrl-C waits for what is under way, one that comes in that wait does not.
            Told::Interrupted => patience.is_none().then_some(drain),
            Told::OutputGone => Some(drain),
        };
        output.stopping(drain);
        client.stop(CloseFrame::NORMAL, drain);
        patience = Some(Instant::now() + drain.unwrap_or_default() + GRACE);
    }
}

fn input_ended(end: input::End, output: Output, tally: &mut Tally) {
    match end {
        input::End::Reached => {}
        input::End::Unreadable(error) => output.warn(&format!("standard input cannot be read: {error}")),
        input::End::NotAccepted(error) => tally.refuse(error.why, &error.message),
    }
}

fn endpoints(args: &ConnectArgs, config: &Config) -> Result<Endpoints, Failure> {
    let several = args.urls.len() > 1;
    let mut list = Vec::new();
    for (place, url) in (1..).zip(&args.urls) {
        list.push(
            endpoint(args, url, config).map_err(|failure| if several { failure.of_url(place) } else { failure })?,
        );
    }
    Endpoints::new(list).map_err(Failure::input)
}

fn endpoint(args: &ConnectArgs, url: &str, config: &Config) -> Result<Endpoint, Failure> {
    let mut endpoint = args.dialing.endpoint(url, None)?;
    for header in &args.headers {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| Failure::input(format!("header `{}`: expected `Name: value`", header.escape_debug())))?;
        endpoint = endpoint.header(name.trim_end(), value.trim()).map_err(Failure::input)?;
    }
    for name in &args.subprotocols {
        endpoint = endpoint.subprotocol(name).map_err(Failure::input)?;
    }
    args.credentials.apply(endpoint, config)
}

fn read_config(path: &std::path::Path) -> Result<Config, Failure> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| Failure::input(format!("--config {shown}: {error}")))?;
    toml::from_str(&text).map_err(|error| Failure::input(format!("--config {shown}: {error}")))
}

/// How long the session may take to stop beyond its drain and its close timeout, which may be set to anything.
const GRACE: Duration = Duration::from_secs(30);
