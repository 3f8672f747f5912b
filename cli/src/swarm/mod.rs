//! `steadfast swarm`: thousands of sessions on one thread, a server that is killed, and how they come back.

mod child;
mod crowd;
mod forecast;
mod plot;
mod report;
mod server;
mod usage;

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    io::{self, Write},
    time::{Duration, Instant},
};

use steadfast_core::{
    Timestamp,
    config::{Backoff, Config, Schedule},
};

pub(crate) use self::server::run as serve;
use self::{
    child::Child,
    crowd::{Crowd, Roll},
    forecast::{Forecast, a_second, counts},
    plot::BUCKETS,
    report::{Curves, Opening, Outage, Report, Rest, Talk},
};
use crate::{
    args::SwarmArgs,
    exit::{Exit, Failure},
    interrupt::on_interrupt,
    paint::Tone,
    timeline::Line,
    view::View,
    words::count,
};

/// What happens, one thing after the other.
struct Show<'a> {
    args: &'a SwarmArgs,
    seed: u64,
    config: Config,
    crowd: Crowd,
    server: Child,
    view: View,
    started: Instant,
}

/// Runs the show, and says how it went.
pub(crate) fn run(args: &SwarmArgs) -> Result<Exit, Failure> {
    let seed = args.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish() & 0xffff_ffff);
    let needed = u64::from(args.sessions) + server::SPARE;
    usage::allow_descriptors(needed).map_err(|allowed| {
        let sessions = args.sessions;
        Failure::input(format!("--sessions {sessions}: needs {needed} file descriptors, the system allows {allowed}"))
    })?;
    let crowd = Crowd::new(args.max_connects)?;
    let interrupter = crowd.interrupter();
    on_interrupt(move || {
        interrupter.interrupt();
        true
    })?;
    let server = Child::start(args.sessions)?;
    let talking = Duration::from_secs(args.rate.map_or(0, |_| args.seconds.into()));
    let view = View::new(args.idle + args.pause + talking + USUAL, args.json);
    view.text(&format!(
        "{} sessions on one thread, a server on {} in another process, seed {seed}",
        count(args.sessions.into()),
        server.addr()
    ));
    let show = Show { args, seed, config: Config::default(), crowd, server, view, started: Instant::now() };
    let (report, mut view) = show.run()?;
    view.settle();
    view.text("");
    view.text(&report.text(view.paint()));
    if args.json {
        // Whoever closed standard output does not want it.
        let _ = writeln!(io::stdout(), "{}", report.json());
    }
    Ok(Exit::from_judgement(report.findings().is_empty()))
}

impl Show<'_> {
    fn run(mut self) -> Result<(Report, View), Failure> {
        let before = usage::resident();
        let opening = self.open()?;
        self.tell("open", Tone::Good, &opening.to_string());
        let rest = self.rest(before)?;
        self.tell("idle", Tone::Plain, &rest.to_string());
        let talk = self.args.rate.map(|rate| self.talk(rate)).transpose()?;
        if let Some(talk) = &talk {
            self.tell("echo", Tone::Plain, &talk.to_string());
        }
        let (outage, curves) = self.outage(before)?;
        self.tell("back", Tone::Good, &outage.to_string());
        let (sessions, limit) = (self.args.sessions as usize, self.crowd.connects().limit);
        let causes = self.crowd.roll().causes.clone();
        Ok((Report { sessions, limit, seed: self.seed, opening, rest, talk, outage, causes, curves }, self.view))
    }

    /// All sessions connect.
    fn open(&mut self) -> Result<Opening, Failure> {
        let begin = Instant::now();
        let (engine, addr) = (self.args.engine.into(), self.server.addr());
        self.crowd.add(self.args.sessions, addr, engine, &self.config, self.seed)?;
        self.wait_for_all(begin + OPENING)?;
        let took = begin.elapsed();
        let peak = self.crowd.connects().peak;
        let seen = self.server.seen()?;
        let open = self.crowd.roll().open;
        Ok(Opening { open, took, peak, server_peak: seen.most_opening })
    }

    /// Nobody has anything to say.
    fn rest(&mut self, before: Option<u64>) -> Result<Rest, Failure> {
        let pings = self.crowd.pings();
        let cpu_before = usage::cpu_time();
        let wakeups = self.crowd.idle(self.args.idle)?;
        let cpu = usage::cpu_time().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
        let memory = usage::resident().zip(before).map(|(after, before)| after.saturating_sub(before));
        let pings = self.crowd.pings() - pings;
        Ok(Rest { span: self.args.idle, cpu, wakeups, pings, memory })
    }

    /// Everybody has.
    fn talk(&mut self, rate: u32) -> Result<Talk, Failure> {
        let span = Duration::from_secs(self.args.seconds.into());
        let sent = self.crowd.talk(rate, span)?;
        let mut round_trips = self.crowd.roll().round_trips.clone();
        round_trips.sort_unstable();
        Ok(Talk { rate, span, sent, round_trips })
    }

    /// The server is killed, and comes back.
    fn outage(&mut self, before: Option<u64>) -> Result<(Outage, Curves), Failure> {
        let Self { args, .. } = *self;
        let (killed, killed_at) = (Instant::now(), self.crowd.now());
        self.server.kill()?;
        self.tell(
            "killed",
            Tone::Bad,
            &format!("the server, with {} connections", count(self.crowd.roll().open as u64)),
        );
        // What happens meanwhile happens while the loop runs.
        self.watch_until(killed + args.pause, |_| false)?;
        self.server.start_again(args.sessions)?;
        let (back, back_at) = (Instant::now(), self.crowd.now());
        self.tell("restarted", Tone::Other, &format!("the server, after {:.1?}", back - killed));

        let bound = longest(&self.config.backoff).map(|longest| longest + self.config.connect_timeout);
        let patience = bound.map_or(OPENING, |bound| bound * 3 / 2);
        self.wait_for_all(back + patience)?;
        let seen = self.server.seen()?;
        let memory = usage::resident().zip(before).map(|(after, before)| after.saturating_sub(before));
        let roll = self.crowd.roll();
        let took = (roll.open == args.sessions as usize).then(|| last(&roll.opened) - back_at);
        let curves = self.curves(&roll, killed_at, back_at);
        let outage = Outage {
            away: back - killed,
            lost: roll.lost.iter().filter(|at| **at >= killed_at).count(),
            open: roll.open,
            stopped: roll.stopped,
            attempts: roll.attempts.iter().filter(|at| **at >= killed_at).count(),
            took,
            bound,
            peak: self.crowd.connects().peak,
            server_peak: seen.most_opening,
            memory,
        };
        Ok((outage, curves))
    }

    /// What was measured beside what is to be expected.
    fn curves(&self, roll: &Roll, killed_at: Timestamp, back_at: Timestamp) -> Curves {
        let after = |times: &[Timestamp]| -> Vec<Duration> {
            times.iter().filter(|at| **at >= killed_at).map(|at| *at - killed_at).collect()
        };
        let (attempts, opened, lost) = (after(&roll.attempts), after(&roll.opened), after(&roll.lost));
        let forecast = Forecast::new(&self.config.backoff, self.args.sessions, back_at - killed_at, self.seed);
        let end = last(&roll.opened).max(back_at) - killed_at;
        // Whole steps of the scale, a little beyond the end.
        let width =
            Duration::from_millis(50 * u64::try_from(end.as_millis() / (50 * BUCKETS as u128) + 1).unwrap_or(1));
        let before = roll.open + lost.len() - opened.len();
        let mut open = u32::try_from(before).unwrap_or(u32::MAX);
        let (came, went) = (counts(&opened, width, BUCKETS), counts(&lost, width, BUCKETS));
        let open = came.into_iter().zip(went).map(|(came, went)| {
            open = (open + came).saturating_sub(went);
            f64::from(open)
        });
        Curves {
            width,
            attempts: a_second(&attempts, width, BUCKETS),
            expected_attempts: forecast.attempts_a_second(width, BUCKETS),
            open: open.collect(),
            expected_open: forecast.open(width, BUCKETS),
        }
    }

    /// Waits until all sessions are open or have given up, but no longer than that.
    fn wait_for_all(&mut self, until: Instant) -> Result<bool, Failure> {
        let all = self.args.sessions as usize;
        self.watch_until(until, |roll| roll.open + roll.stopped >= all)
    }

    fn watch_until(&mut self, until: Instant, done: impl Fn(&Roll) -> bool) -> Result<bool, Failure> {
        let (view, started, all) = (&self.view, self.started, u64::from(self.args.sessions));
        let mut tick = |roll: &Roll| {
            view.status(started.elapsed(), format!("{} of {} open", count(roll.open as u64), count(all)));
        };
        let tick: Option<&mut dyn FnMut(&Roll)> = if view.is_live() { Some(&mut tick) } else { None };
        self.crowd.run_until(until, done, tick)
    }

    fn tell(&self, label: &'static str, tone: Tone, text: &str) {
        self.view.line(&Line { at: self.started.elapsed(), label: label.into(), tone, text: text.to_owned() });
    }
}

/// The longest delay that the backoff gives; `None` if there is none.
const fn longest(backoff: &Backoff) -> Option<Duration> {
    match &backoff.schedule {
        Schedule::Exponential { cap, .. } | Schedule::Linear { cap, .. } => *cap,
        Schedule::Fixed { delay } => Some(*delay),
        Schedule::List { .. } => None,
    }
}

fn last(times: &[Timestamp]) -> Timestamp {
    times.iter().copied().max().unwrap_or_default()
}

/// What a show takes beyond the spans that are asked for, for the bar that shows its progress.
const USUAL: Duration = Duration::from_secs(6);
/// How long all sessions may take to open at first.
const OPENING: Duration = Duration::from_mins(1);
