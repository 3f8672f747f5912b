//! `steadfast demo --durable`: the client is a process of its own with a store, which `--kill` kills again and again; what its
//! processes said of their messages is judged by the server's own record.

mod client;
mod judge;
mod life;
mod report;
mod said;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fmt, fs,
    io::{self, Write},
    path::PathBuf,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    time::{Duration, Instant},
};

use steadfast_mio::store::Store;

pub(crate) use self::client::live;
use self::{
    judge::{Arrival, Evidence},
    life::{Folder, Life},
    report::Report,
    said::Said,
};
use super::{DRAIN, GRACE, LOOPBACK, fresh_seed, settings, start_server};
use crate::{
    args::DemoArgs,
    certificate::OwnCertificate,
    chaos::{Incident, Record, SplitMix64},
    dialing::DialingArgs,
    exit::{Exit, Failure},
    interrupt::on_interrupt,
    paint::Tone,
    timeline::Line,
    view::View,
    words::count,
};

/// What the show is told.
#[derive(Debug)]
enum Told {
    /// By the client's process.
    Said(Said),
    /// It is gone, and all that it said was told before.
    Ended,
    /// By the server.
    Server(Incident),
    /// By the user, with Ctrl-C.
    Interrupted,
}

/// Why a wait was over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Until {
    Time,
    Ended,
    Interrupted,
}

/// The show, so far.
struct Show<'a> {
    args: &'a DemoArgs,
    seed: u64,
    /// Where the server is, but for the path.
    url: String,
    dialing: DialingArgs,
    folder: Folder,
    view: View,
    started: Instant,
    tell: Sender<Told>,
    told: Receiver<Told>,
    lives: Vec<Vec<Said>>,
    kills: u64,
    /// The user has seen enough.
    interrupted: bool,
}

/// Runs the show, judges it, and says how it went.
pub(super) fn run(args: &DemoArgs) -> Result<Exit, Failure> {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let length = Duration::from_secs(args.seconds);
    let (tell, told) = mpsc::channel();
    let interrupted = tell.clone();
    on_interrupt(move || interrupted.send(Told::Interrupted).is_ok())?;
    let folder = Folder::new()?;
    let certificate = args.tls.then(|| OwnCertificate::new(LOOPBACK.into())).transpose()?;
    let watched = tell.clone();
    let server = start_server(seed, length, certificate.as_ref(), move |incident| {
        // Nobody listens any more when the show is over.
        let _ = watched.send(Told::Server(incident));
    })?;
    let dialing = dialing(&args.dialing, certificate.as_ref(), &folder)?;
    let url = format!("{}://{}", if args.tls { "wss" } else { "ws" }, server.addr());
    let view = View::new(length, args.json);
    let killed = if args.kill { " that is killed at random moments" } else { "" };
    view.text(&format!(
        "a durable client{killed}, against a hostile server on {url} for {} s, seed {seed}",
        args.seconds
    ));
    view.text(settings::SCALE);
    let started = Instant::now();
    let mut show = Show {
        args,
        seed,
        url,
        dialing,
        folder,
        view,
        started,
        tell,
        told,
        lives: Vec::new(),
        kills: 0,
        interrupted: false,
    };
    let ended = show.play(started + length, || server.turn_kind())?;
    let report = show.judge(ended, server.finish())?;
    show.view.settle();
    show.view.text("");
    show.view.text(&report.text(show.view.paint()));
    if args.json {
        // Whoever closed standard output does not want it.
        let _ = writeln!(io::stdout(), "{}", report.json());
    }
    Ok(Exit::from_judgement(report.is_good()))
}

/// How the client gets to the server. What it has to trust is a file: it is another process.
fn dialing(asked: &DialingArgs, certificate: Option<&OwnCertificate>, folder: &Folder) -> Result<DialingArgs, Failure> {
    let mut dialing = asked.clone();
    if let Some(certificate) = certificate {
        let root = folder.file("root.pem");
        fs::write(&root, &certificate.root).map_err(Failure::system(format!("write {}", root.display())))?;
        dialing.authorities.push(root);
        if dialing.pins.is_empty() {
            dialing.pins.push(certificate.pin.clone());
        }
    }
    Ok(dialing)
}

impl Show<'_> {
    /// One life after the other until `end`; then `calm` has the server calm down, and the last one settles everything.
    /// How the process ended, if it should not have.
    fn play(&mut self, end: Instant, calm: impl FnOnce()) -> Result<Option<String>, Failure> {
        let mut moments = SplitMix64(self.seed);
        loop {
            let mut life = self.begin()?;
            let moment = Instant::now() + Duration::from_millis(moments.within(&LIVES));
            let last = !self.args.kill || moment >= end || self.interrupted;
            let end = if self.interrupted { Instant::now() } else { end };
            match self.watch(if last { end } else { moment }) {
                Until::Time if !last => self.kill(&mut life)?,
                Until::Ended => return Ok(Some(life.wait()?.to_string())),
                Until::Time | Until::Interrupted => {
                    calm();
                    life.finish();
                    return Ok(match self.watch(Instant::now() + DRAIN + GRACE + GRACE + GRACE) {
                        Until::Ended => {
                            let status = life.wait()?;
                            (!status.success()).then(|| status.to_string())
                        }
                        Until::Time => Some("not at all, though it was asked to".into()),
                        Until::Interrupted => Some("it was not waited for: interrupted again".into()),
                    });
                }
            }
        }
    }

    /// Starts the client, on its store.
    fn begin(&mut self) -> Result<Life, Failure> {
        let number = self.lives.len();
        let first = self
            .lives
            .iter()
            .flatten()
            .filter_map(|said| if let Said::Sends(number) = said { Some(*number) } else { None });
        let first = first.max().unwrap_or(0) + 1;
        let seed = self.seed.wrapping_add(number as u64);
        let mut args: Vec<OsString> = vec![format!("{}/{number}", self.url).into(), self.store().into()];
        for (name, value) in [("--first", first), ("--rate", self.args.rate), ("--seed", seed)] {
            args.extend([name.into(), value.to_string().into()]);
        }
        args.extend(self.dialing.again());
        self.lives.push(Vec::new());
        Life::start(args, self.tell.clone())
    }

    fn kill(&mut self, life: &mut Life) -> Result<(), Failure> {
        life.kill()?;
        // What it had said is still in the pipe.
        while self.watch(Instant::now() + GRACE) == Until::Interrupted {}
        life.wait()?;
        self.kills += 1;
        let tally = self.lives.last().map(|said| Tally::of(said)).unwrap_or_default();
        self.show("killed", Tone::Bad, format!("with SIGKILL: {tally}"));
        Ok(())
    }

    /// Takes what is told until `until`, or until the process ends, or the user interrupts.
    fn watch(&mut self, until: Instant) -> Until {
        loop {
            match self.told.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Told::Said(said)) => self.take(said),
                Ok(Told::Ended) => return Until::Ended,
                Ok(Told::Server(incident)) => self.take_incident(&incident),
                Ok(Told::Interrupted) => {
                    self.interrupted = true;
                    return Until::Interrupted;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Until::Time,
            }
        }
    }

    fn take(&mut self, said: Said) {
        match said {
            Said::Line { label, tone, text } => {
                self.view.line(&Line { at: self.started.elapsed(), label: label.into(), tone, text });
            }
            said => {
                let Some(life) = self.lives.last_mut() else { return };
                life.push(said);
            }
        }
    }

    fn take_incident(&self, incident: &Incident) {
        let tone = match incident {
            // The client tells of its connections itself.
            Incident::Opened(_) | Incident::Left(_) | Incident::Listening => return,
            Incident::Fault(_) | Incident::CannotListen(_) => Tone::Other,
            Incident::Rejected | Incident::Stalled | Incident::TurnedKind => Tone::Dim,
        };
        self.show("server", tone, incident.to_string());
    }

    fn show(&self, label: &'static str, tone: Tone, text: String) {
        self.view.line(&Line { at: self.started.elapsed(), label: label.into(), tone, text });
    }

    fn store(&self) -> PathBuf {
        self.folder.file("outbox")
    }

    /// What both sides have to say, and what is left in the store.
    fn judge(&mut self, ended: Option<String>, record: Record) -> Result<Report, Failure> {
        let life = |conn: u64| {
            let target = usize::try_from(conn - 1).ok().and_then(|index| record.targets.get(index));
            target.and_then(|target| target.rsplit('/').next()?.parse().ok()).unwrap_or(usize::MAX)
        };
        let arrivals = record.arrivals.iter().map(|arrival| Arrival {
            life: life(arrival.conn),
            conn: arrival.conn,
            number: arrival.text.parse().ok(),
        });
        // One whose process would not end is locked, and the judgement is clear without it.
        let left = if ended.is_some() {
            0
        } else {
            Store::open(self.store()).map_err(Failure::system("look into the store"))?.peek().len() as u64
        };
        let evidence = Evidence { arrivals: arrivals.collect(), lives: std::mem::take(&mut self.lives), left };
        Ok(Report {
            judgement: evidence.judge(),
            kills: self.kills,
            ended,
            connections: record.connections,
            faults: record.faults,
            seed: self.seed,
        })
    }
}

/// What a life came to.
#[derive(Default)]
struct Tally {
    restored: BTreeSet<u64>,
    /// Without those that were found.
    accepted: u64,
    confirmed: u64,
}

impl Tally {
    fn of(life: &[Said]) -> Self {
        let mut tally = Self::default();
        for said in life {
            match said {
                Said::Restored(number) => drop(tally.restored.insert(*number)),
                Said::Accepted(number) if tally.restored.contains(number) => {}
                Said::Accepted(_) => tally.accepted += 1,
                Said::Confirmed(_) => tally.confirmed += 1,
                Said::Sends(_) | Said::Refused(_) | Said::GivenUp(_) | Said::Line { .. } => {}
            }
        }
        tally
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { restored, accepted, confirmed } = self;
        write!(
            f,
            "{} found in the store, {} new ones accepted, {} confirmed",
            count(restored.len() as u64),
            count(*accepted),
            count(*confirmed)
        )
    }
}

/// How long the process lives before it is killed, in milliseconds: from hardly connected to well at work.
const LIVES: std::ops::Range<u64> = 60..1_600;
