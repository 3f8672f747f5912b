//! The soak: messages at a steady pace through a proxy that breaks the connection again and again.
//!
//! What the client claims is judged against the server's own record. *Lost* is a message that never arrived, *duplicates*
//! are arrivals beyond a message's first, and *reordered* counts messages whose first arrival came after that of a later
//! one, or that came in the wrong order on one connection.
//!
//! *Resent* is the measure of what was in doubt at the breaks: the session counts each message that it hands over again,
//! and it hands over again only what was handed over before, and was neither confirmed nor reported as untouched when the
//! connection broke. So it is never more than the sum, over all breaks, of what was in doubt; and since each arrival
//! needs a handing over of its own, duplicates can only be as many as were resent.

use std::{
    collections::BTreeSet,
    fmt,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use steadfast_core::{
    Verdict,
    config::{Backoff, Config, ConfigError, FirstDelay, Heartbeat, Jitter, Pace, Schedule, Settings},
};
use steadfast_mio::{Client, EngineKind, Receipt};

use crate::{
    fault_proxy::{Door, Fault, FaultProxy},
    recorder::{Arrival, Recorder},
};

/// Which breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// RST.
    Reset,
    /// FIN without a close frame.
    Fin,
    /// Nothing gets through, and nobody is told.
    Silence,
    /// Only one way gets through, one or the other.
    HalfForwarding,
    /// RST, and new connections are refused for a while.
    Refusals,
    /// RST, and new handshakes hang for a while.
    Hanging,
    /// RST, and new handshakes are answered with 503 for a while.
    Rejected,
    /// One of the others at each break.
    Mixed,
}

/// What to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Soak {
    /// What turns the client's bytes into messages and back.
    pub engine: EngineKind,
    /// Which breaks.
    pub kind: Kind,
    /// Each way.
    pub latency: Duration,
    /// Of the breaks' details, and of the session.
    pub seed: u64,
    /// How many messages.
    pub messages: u64,
    /// From one message to the next.
    pub pace: Duration,
    /// From one break to the next.
    pub every: Duration,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// What was run.
    pub soak: Soak,
    /// Messages that the client accepted.
    pub accepted: u64,
    /// Messages whose verdict was `Confirmed`.
    pub confirmed: u64,
    /// Messages that were refused, or whose verdict was another one.
    pub failed: u64,
    /// Messages that had no verdict when the patience after the last fault was over.
    pub unsettled: u64,
    /// Messages that never arrived.
    pub lost: u64,
    /// Arrivals beyond the first.
    pub duplicates: u64,
    /// First arrivals out of order, and disorder on one connection.
    pub reordered: u64,
    /// Messages handed over again: no more than were in doubt at the breaks.
    pub resent: u64,
    /// Connections that were whole when a break hit them.
    pub breaks: u64,
    /// Connections that opened.
    pub connections: u64,
    /// From the end of the faults until everything was settled.
    pub settled_after: Duration,
}

/// How long everything may take to settle after the last fault.
const PATIENCE: Duration = Duration::from_secs(10);

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Reset,
        Self::Fin,
        Self::Silence,
        Self::HalfForwarding,
        Self::Refusals,
        Self::Hanging,
        Self::Rejected,
        Self::Mixed,
    ];
}

impl Soak {
    /// 2,000 messages at 5 ms, a break every 0.4 s.
    #[must_use]
    pub fn new(engine: EngineKind, kind: Kind, latency: Duration, seed: u64) -> Self {
        let (pace, every) = (Duration::from_millis(5), Duration::from_millis(400));
        Self { engine, kind, latency, seed, messages: 2_000, pace, every }
    }

    /// Runs it.
    ///
    /// # Errors
    /// When the operating system has no port, socket or thread.
    pub fn run(self) -> Result<Report, Box<dyn std::error::Error + Send + Sync>> {
        let server = Recorder::start()?;
        let proxy = FaultProxy::start(server.addr(), self.latency)?;
        let url = format!("ws://{}/", proxy.addr());
        let builder = Client::builder(&url).engine(self.engine.clone()).config(config()?);
        let client = builder.seed(self.seed).without_receiver().connect()?;

        let (sent, breaks) = self.send_under_fire(&client, &proxy);
        let faults_ended = Instant::now();
        let verdicts = settle(&sent, faults_ended + PATIENCE);
        let settled_after = faults_ended.elapsed();
        let metrics = client.inspect(steadfast_core::Session::metrics).ok_or("the client's thread is gone")?;
        let left = client.close(Some(PATIENCE));

        let arrivals = server.arrivals();
        let arrived: BTreeSet<u64> = arrivals.iter().map(|arrival| arrival.number).collect();
        let confirmed = count(&verdicts, |verdict| *verdict == Some(Verdict::Confirmed));
        let unsettled = count(&verdicts, Option::is_none);
        Ok(Report {
            accepted: sent.len() as u64,
            confirmed,
            failed: self.messages - confirmed - unsettled + left.unsettled.len() as u64,
            unsettled,
            lost: self.messages - arrived.len() as u64,
            duplicates: (arrivals.len() - arrived.len()) as u64,
            reordered: reordered(&arrivals),
            resent: metrics.resent,
            breaks,
            connections: metrics.connects,
            settled_after,
            soak: self,
        })
    }

    /// Sends at the pace while the breaks go on. Returns the receipts, and how many connections were broken.
    fn send_under_fire(&self, client: &Client, proxy: &FaultProxy) -> (Vec<Receipt>, u64) {
        thread::scope(|scope| {
            let (over, is_over) = mpsc::channel();
            let fire = scope.spawn(move || self.fire(proxy, &is_over));
            let began = Instant::now();
            let mut due = began;
            let mut sent = Vec::new();
            for number in 0..self.messages {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                sent.extend(client.send(number.to_string()));
                due += self.pace;
            }
            drop(over);
            (sent, fire.join().expect("the breaks do not panic"))
        })
    }

    /// Breaks the connection at every interval until it is over; then the door stays open.
    fn fire(&self, proxy: &FaultProxy, is_over: &mpsc::Receiver<()>) -> u64 {
        let wait = |span| is_over.recv_timeout(span) == Err(RecvTimeoutError::Timeout);
        let mut dice = Dice(self.seed);
        let mut broken = 0;
        let mut gap = Duration::ZERO;
        while wait(self.every.saturating_sub(gap)) {
            let (fault, door) = self.kind.pick(&mut dice);
            proxy.set_door(door);
            broken += proxy.strike(fault) as u64;
            gap = Duration::ZERO;
            if door != Door::Open {
                gap = Duration::from_millis(100 + dice.below(150));
                wait(gap);
                proxy.set_door(Door::Open);
            }
        }
        broken
    }
}

impl Kind {
    fn pick(self, dice: &mut Dice) -> (Fault, Door) {
        match self {
            Self::Reset => (Fault::Reset, Door::Open),
            Self::Fin => (Fault::Fin, Door::Open),
            Self::Silence => (Fault::Silence, Door::Open),
            Self::HalfForwarding if dice.below(2) == 0 => (Fault::OnlyToServer, Door::Open),
            Self::HalfForwarding => (Fault::OnlyToClient, Door::Open),
            Self::Refusals => (Fault::Reset, Door::Refusing),
            Self::Hanging => (Fault::Reset, Door::Hanging),
            Self::Rejected => (Fault::Reset, Door::Rejecting),
            Self::Mixed => {
                let others = Self::ALL.len() as u64 - 1;
                Self::ALL[usize::try_from(dice.below(others)).expect("seven kinds")].pick(dice)
            }
        }
    }
}

impl Report {
    /// What the client promises, and did not keep; empty if it kept all.
    #[must_use]
    pub fn broken_promises(&self) -> Vec<&'static str> {
        let kept = [
            (self.accepted == self.soak.messages, "every message is accepted"),
            (self.failed == 0, "nothing fails"),
            (self.unsettled == 0, "everything is settled once the faults stop"),
            (self.lost == 0, "nothing is lost"),
            (self.reordered == 0, "order is kept"),
            (self.duplicates <= self.resent, "duplicates are no more than were in doubt"),
        ];
        kept.into_iter().filter(|(kept, _)| !kept).map(|(_, promise)| promise).collect()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reset => "RST",
            Self::Fin => "FIN",
            Self::Silence => "silence",
            Self::HalfForwarding => "half-forwarding",
            Self::Refusals => "refusals",
            Self::Hanging => "hanging handshakes",
            Self::Rejected => "rejected handshakes",
            Self::Mixed => "mixed",
        })
    }
}

/// The session's settings, scaled from a network's seconds to the soak's tenths: a break every 0.4 s has to be noticed
/// and mended within that. A round trip takes up to 40 ms.
fn config() -> Result<Config, ConfigError> {
    let millis = Duration::from_millis;
    Config::new(Settings {
        backoff: Backoff {
            schedule: Schedule::Exponential { base: millis(10), factor_ppm: 2_000_000, cap: Some(millis(80)) },
            jitter: Jitter::Equal,
            first: Some(FirstDelay { min: millis(5), max: millis(20) }),
            ..Backoff::default()
        },
        stable_after: millis(1_000),
        connect_timeout: millis(150),
        close_timeout: millis(500),
        heartbeat: Heartbeat::Ping(Pace { interval: millis(50), timeout: millis(100), missed_allowed: 0 }),
        answer_timeout: Some(millis(150)),
        ..Settings::default()
    })
}

/// Waits for the verdicts, until then at most.
fn settle(sent: &[Receipt], until: Instant) -> Vec<Option<Verdict>> {
    sent.iter()
        .map(|receipt| {
            let outcome = receipt.wait_timeout(until.saturating_duration_since(Instant::now()));
            outcome.and_then(|outcome| outcome.verdict())
        })
        .collect()
}

fn count<T>(items: &[T], fits: impl Fn(&T) -> bool) -> u64 {
    items.iter().filter(|item| fits(item)).count() as u64
}

fn reordered(arrivals: &[Arrival]) -> u64 {
    let mut seen = BTreeSet::new();
    let mut newest_of = std::collections::BTreeMap::new();
    let mut reordered = 0;
    for &Arrival { connection, number } in arrivals {
        let first_but_late = !seen.contains(&number) && seen.last().is_some_and(|newest| number < *newest);
        let late_on_its_connection = newest_of.insert(connection, number).is_some_and(|newest| number <= newest);
        reordered += u64::from(first_but_late || late_on_its_connection);
        seen.insert(number);
    }
    reordered
}

/// `SplitMix64`: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    /// From 0 to below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(list: &[(u64, u64)]) -> Vec<Arrival> {
        list.iter().map(|&(connection, number)| Arrival { connection, number }).collect()
    }

    #[test]
    fn what_is_sent_again_from_its_first_on_is_in_order() {
        assert_eq!(reordered(&arrivals(&[(1, 0), (1, 1), (1, 2), (2, 1), (2, 2), (2, 3)])), 0);
    }

    #[test]
    fn a_first_arrival_after_a_later_one_is_reordered() {
        assert_eq!(reordered(&arrivals(&[(1, 0), (1, 2), (2, 1)])), 1);
    }

    #[test]
    fn disorder_on_one_connection_counts_even_among_duplicates() {
        assert_eq!(reordered(&arrivals(&[(1, 0), (1, 1), (2, 1), (2, 0)])), 1);
    }
}
