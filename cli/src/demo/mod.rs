//! `steadfast demo`: a client against a hostile server on loopback, judged by the server's own record.

mod durable;
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
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use steadfast_core::{CloseFrame, SendOptions, StateKind};
use steadfast_mio::Noticed;

pub(crate) use self::durable::live;
use self::{
    show::{Show, Told},
    source::Source,
};
use crate::{
    args::DemoArgs,
    certificate::OwnCertificate,
    chaos::{Incident, Schedule, Server, Service},
    client::{Connected, Plan},
    exit::{Exit, Failure},
    interrupt::on_interrupt,
    tape::Tape,
    view::View,
};

/// Runs the show, judges it, and says how it went.
pub(crate) fn run(args: &DemoArgs) -> Result<Exit, Failure> {
    if args.durable {
        return durable::run(args);
    }
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let length = Duration::from_secs(args.seconds);
    let (tell, told) = mpsc::channel();
    let interrupted = tell.clone();
    on_interrupt(move || interrupted.send(Told::Interrupted).is_ok())?;
    let certificate = args.tls.then(|| OwnCertificate::new(LOOPBACK.into())).transpose()?;
    let watched = tell.clone();
    let server = start_server(seed, length, certificate.as_ref(), move |incident| {
        // Nobody listens any more when the show is over.
        let _ = watched.send(Told::Server(Instant::now(), incident));
    })?;
    let url = format!("{}://{}/", if args.tls { "wss" } else { "ws" }, server.addr());
    let view = View::new(length, args.json);
    view.text(&format!("a client against a hostile server on {url} for {} s, seed {seed}", args.seconds));
    view.text(settings::SCALE);

    let (Connected { client, notices, .. }, tape) = connect(args, seed, &url, certificate.as_ref())?;
    let mut show = Show::new(view, Instant::now(), client.now());
    let listener = listen(notices, tell)?;
    let source = Source::start(client.sender(), SendOptions::new(args.delivery.into()), args.rate, 1, |_| ())
        .map_err(no_thread())?;

    show.watch(&told, StateKind::Stopped, Instant::now() + length, || client.metrics());
    server.turn_kind();
    show.watch(&told, StateKind::Open, Instant::now() + DRAIN, || client.metrics());
    let sent = source.stop();
    show.expect_the_end();
    client.stop(CloseFrame::NORMAL, Some(DRAIN));
    show.watch(&told, StateKind::Stopped, Instant::now() + DRAIN + GRACE, || client.metrics());

    let metrics = client.metrics();
    client.end();
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
    Ok(Exit::from_judgement(report.is_good()))
}

fn connect(
    args: &DemoArgs,
    seed: u64,
    url: &str,
    certificate: Option<&OwnCertificate>,
) -> Result<(Connected, Tape), Failure> {
    let mut dialing = args.dialing.clone();
    if let Some(certificate) = certificate
        && dialing.pins.is_empty()
    {
        dialing.pins.push(certificate.pin.clone());
    }
    let endpoint = dialing.endpoint(url, certificate.map(|certificate| &*certificate.root))?;
    let config = settings::scaled().map_err(Failure::input)?;
    let (track, tape) = Tape::start(args.record.as_deref())?;
    let plan = Plan {
        transport: dialing.transport,
        endpoints: endpoint.into(),
        config,
        seed: Some(seed),
        receives: false,
        store: None,
        track,
    };
    Ok((plan.connect()?, tape))
}

fn start_server(
    seed: u64,
    length: Duration,
    certificate: Option<&OwnCertificate>,
    watch: impl Fn(Incident) + Send + Sync + 'static,
) -> Result<Server, Failure> {
    let tls = certificate.map(|certificate| Arc::clone(&certificate.server));
    let schedule = Some(Schedule::for_show(seed, length));
    Server::start(SocketAddr::from((LOOPBACK, 0)), Service::Record, schedule, tls, watch)
        .map_err(Failure::system("listen on loopback"))
}

fn listen(
    notices: impl Iterator<Item = Noticed> + Send + 'static,
    tell: mpsc::Sender<Told>,
) -> Result<thread::JoinHandle<()>, Failure> {
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

/// Where the server is.
const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// How long the client may take, once the server is kind, to settle everything.
const DRAIN: Duration = Duration::from_secs(10);
/// How long the client may take to stop beyond that.
const GRACE: Duration = Duration::from_secs(5);
