//! `steadfast demo`: a client against a hostile server on loopback, judged by the server's own record.

mod judge;
mod report;
mod settings;
mod show;
mod source;

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use steadfast_core::{CloseFrame, Metrics, Session, StateKind};
use steadfast_mio::{Client, Notices};

use self::{
    show::{Show, Told},
    source::Source,
};
use crate::{
    args::DemoArgs,
    chaos::{Schedule, Server, Service},
    exit::{Exit, Failure},
    interrupt::on_interrupt,
    tape::Tape,
    view::View,
};

/// Runs the show, judges it, and says how it went.
pub(crate) fn run(args: &DemoArgs) -> Result<Exit, Failure> {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let length = Duration::from_secs(args.seconds);
    let (tell, told) = mpsc::channel();
    let interrupted = tell.clone();
    on_interrupt(move || interrupted.send(Told::Interrupted).is_ok())?;
    let server = start_server(seed, length, tell.clone())?;
    let view = View::new(length, args.json);
    view.text(&format!(
        "a client against a hostile server on ws://{}/ for {} s, seed {seed}",
        server.addr(),
        args.seconds
    ));
    view.text(settings::SCALE);

    let (client, notices, tape) = connect(args, seed, server.addr())?;
    let mut show = Show::new(view, Instant::now(), client.now());
    let listener = listen(notices, tell)?;
    let source = Source::start(client.sender(), args.delivery.into(), args.rate).map_err(no_thread())?;

    show.watch(&told, StateKind::Stopped, Instant::now() + length, || metrics(&client));
    server.turn_kind();
    show.watch(&told, StateKind::Open, Instant::now() + DRAIN, || metrics(&client));
    let sent = source.stop();
    show.expect_the_end();
    client.stop(CloseFrame::NORMAL, Some(DRAIN));
    show.watch(&told, StateKind::Stopped, Instant::now() + DRAIN + GRACE, || metrics(&client));

    let metrics = metrics(&client);
    drop(client);
    // It ends with the client, and then everything is told.
    let _ = listener.join();
    let record = server.finish();
    let (report, view) = show.finish(&told, args.delivery.into(), &sent, record, metrics.as_ref(), seed);
    view.text("");
    view.text(&report.text(view.paint()));
    if args.json {
        // Whoever closed standard output does not want it.
        let _ = writeln!(io::stdout(), "{}", report.json());
    }
    tape.end()?;
    Ok(Exit::from_judgement(report.judgement.is_good()))
}

fn connect(args: &DemoArgs, seed: u64, addr: SocketAddr) -> Result<(Client, Notices, Tape), Failure> {
    let config = settings::scaled().map_err(Failure::input)?;
    let builder = Client::builder(&format!("ws://{addr}/")).engine(args.engine.into());
    let builder = builder.config(config).seed(seed).without_receiver();
    let (mut builder, tape) = Tape::start(builder, args.record.as_deref())?;
    let notices = builder.notices();
    Ok((builder.connect().map_err(Failure::client)?, notices, tape))
}

fn metrics(client: &Client) -> Option<Metrics> {
    client.inspect(Session::metrics)
}

fn start_server(seed: u64, length: Duration, tell: mpsc::Sender<Told>) -> Result<Server, Failure> {
    let watch = move |incident| {
        // Nobody listens any more when the show is over.
        let _ = tell.send(Told::Server(Instant::now(), incident));
    };
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Server::start(loopback, Service::Record, Some(Schedule::for_show(seed, length)), watch)
        .map_err(Failure::system("listen on loopback"))
}

fn listen(notices: Notices, tell: mpsc::Sender<Told>) -> Result<thread::JoinHandle<()>, Failure> {
    thread::Builder::new()
        .name("notices".into())
        .spawn(move || {
            for noticed in notices {
                // Nobody listens any more when the show is over.
                let _ = tell.send(Told::Client(noticed));
            }
        })
        .map_err(no_thread())
}

fn no_thread() -> impl FnOnce(io::Error) -> Failure {
    Failure::system("start a thread")
}

/// A seed that a person can type again.
fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish() & 0xffff_ffff
}

/// How long the client may take, once the server is kind, to settle everything.
const DRAIN: Duration = Duration::from_secs(10);
/// How long the client may take to stop beyond that.
const GRACE: Duration = Duration::from_secs(5);
