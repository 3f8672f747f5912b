//! What was found out: for a person, and as the one JSON object that a program reads.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Serialize;

use super::plot::Plot;
use crate::{
    paint::{Paint, Tone},
    words::{count, percentile, span},
};

/// What is known after a show.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Report {
    pub(super) sessions: usize,
    /// How many might connect at the same time.
    pub(super) limit: usize,
    pub(super) seed: u64,
    pub(super) opening: Opening,
    pub(super) rest: Rest,
    pub(super) talk: Option<Talk>,
    pub(super) outage: Outage,
    /// Why connections ended and attempts failed.
    pub(super) causes: BTreeMap<String, u64>,
    pub(super) curves: Curves,
}

/// How the sessions became open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Opening {
    pub(super) open: usize,
    pub(super) took: Duration,
    /// The most that connected at the same time, by the loop's word.
    pub(super) peak: usize,
    /// The most whose upgrade was under way at the same time, by the server's.
    pub(super) server_peak: usize,
}

/// What it costs when nothing happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rest {
    pub(super) span: Duration,
    pub(super) cpu: Option<Duration>,
    /// How often the loop woke up.
    pub(super) wakeups: u64,
    /// Heartbeats that were due meanwhile.
    pub(super) pings: u64,
    /// What the process has in memory beyond what it had without sessions.
    pub(super) memory: Option<u64>,
}

/// How messages came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Talk {
    /// Messages a second of each session.
    pub(super) rate: u32,
    pub(super) span: Duration,
    pub(super) sent: u64,
    /// In microseconds, sorted.
    pub(super) round_trips: Vec<u32>,
}

/// How the sessions came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Outage {
    /// How long the server was away.
    pub(super) away: Duration,
    pub(super) lost: usize,
    /// Sessions that are open at the end.
    pub(super) open: usize,
    /// Sessions that gave up.
    pub(super) stopped: usize,
    /// Attempts since the server was killed.
    pub(super) attempts: usize,
    /// From the server's return until the last session was open; `None` if that never was.
    pub(super) took: Option<Duration>,
    /// What was promised: the longest backoff plus the connect timeout.
    pub(super) bound: Option<Duration>,
    /// As in [`Opening`], over the whole show.
    pub(super) peak: usize,
    /// As in [`Opening`], of the second server.
    pub(super) server_peak: usize,
    /// What the process has in memory now, beyond what it had without sessions.
    pub(super) memory: Option<u64>,
}

/// What happened since the server was killed, in buckets of time.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Curves {
    pub(super) width: Duration,
    pub(super) attempts: Vec<f64>,
    pub(super) expected_attempts: Vec<f64>,
    pub(super) open: Vec<f64>,
    pub(super) expected_open: Vec<f64>,
}

/// The keys, in this order.
#[derive(Debug, Serialize)]
struct Json {
    sessions: usize,
    opened_ms: u64,
    max_connects: usize,
    peak_connects: usize,
    server_peak_connects: usize,
    memory_bytes_a_session: Option<u64>,
    memory_bytes_a_session_after: Option<u64>,
    idle_ms: u64,
    idle_cpu_percent: Option<f64>,
    idle_wakeups: u64,
    idle_pings: u64,
    sent: u64,
    echoed: u64,
    echo_us_p50: Option<u32>,
    echo_us_p99: Option<u32>,
    echo_us_max: Option<u32>,
    away_ms: u64,
    lost: usize,
    attempts: usize,
    attempts_a_second_peak: u64,
    expected_attempts_a_second_peak: u64,
    recovered: usize,
    recovery_ms: Option<u64>,
    recovery_bound_ms: Option<u64>,
    kept: bool,
    seed: u64,
}

impl Report {
    /// What speaks against the sessions; nothing if they kept their promises.
    pub(super) fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        let all = self.sessions;
        if self.opening.open < all {
            findings.push(format!("{} sessions did not open at first", all - self.opening.open));
        }
        let peak = [self.outage.peak, self.opening.server_peak, self.outage.server_peak].into_iter().max();
        if let Some(peak) = peak.filter(|peak| *peak > self.limit) {
            findings.push(format!("{peak} sessions connected at the same time, {} may", self.limit));
        }
        if self.outage.open < all {
            findings.push(format!("{} sessions did not come back", all - self.outage.open));
        }
        if let (Some(took), Some(bound)) = (self.outage.took, self.outage.bound)
            && took > bound
        {
            findings.push(format!("the last session was back after {}, promised are {}", span(took), span(bound)));
        }
        if let Some(talk) = &self.talk
            && talk.missing() > 0
        {
            findings.push(format!("{} of {} echoes did not come", count(talk.missing()), count(talk.sent)));
        }
        findings
    }

    /// Each session's part of so much memory.
    const fn each(&self, memory: u64) -> u64 {
        memory / self.sessions as u64
    }

    /// One line of JSON. What is not known is `null`.
    pub(super) fn json(&self) -> String {
        let Self { opening, rest, outage, curves, .. } = self;
        let round_trips = self.talk.as_ref().map_or(&[][..], |talk| &talk.round_trips);
        let json = Json {
            sessions: self.sessions,
            opened_ms: millis(opening.took),
            max_connects: self.limit,
            peak_connects: outage.peak,
            server_peak_connects: opening.server_peak.max(outage.server_peak),
            memory_bytes_a_session: rest.memory.map(|memory| self.each(memory)),
            memory_bytes_a_session_after: outage.memory.map(|memory| self.each(memory)),
            idle_ms: millis(rest.span),
            idle_cpu_percent: rest.cpu_percent(),
            idle_wakeups: rest.wakeups,
            idle_pings: rest.pings,
            sent: self.talk.as_ref().map_or(0, |talk| talk.sent),
            echoed: round_trips.len() as u64,
            echo_us_p50: percentile(round_trips, 50),
            echo_us_p99: percentile(round_trips, 99),
            echo_us_max: percentile(round_trips, 100),
            away_ms: millis(outage.away),
            lost: outage.lost,
            attempts: outage.attempts,
            attempts_a_second_peak: peak(&curves.attempts),
            expected_attempts_a_second_peak: peak(&curves.expected_attempts),
            recovered: outage.open,
            recovery_ms: outage.took.map(millis),
            recovery_bound_ms: outage.bound.map(millis),
            kept: self.findings().is_empty(),
            seed: self.seed,
        };
        serde_json::to_string(&json).expect("numbers can be written")
    }

    /// The summary for a person.
    pub(super) fn text(&self, paint: Paint) -> String {
        let curves = &self.curves;
        let width = curves.width.as_secs_f64();
        let (measured, expected) = (peak(&curves.attempts), peak(&curves.expected_attempts));
        let mut lines = vec![format!(
            "attempts a second since the server was killed: measured ▄, at most {}; expected of the jitter •, at most {}",
            count(measured),
            count(expected),
        )];
        lines.extend(Plot { width, measured: &curves.attempts, expected: &curves.expected_attempts }.lines());
        lines.push(String::from("\nopen sessions since then"));
        lines.extend(Plot { width, measured: &curves.open, expected: &curves.expected_open }.lines());
        lines.push(String::new());
        lines.push(format!("opening     {}", self.opening));
        lines.push(format!("at rest     {}", self.rest));
        if let (Some(before), Some(after)) = (self.rest.memory, self.outage.memory) {
            let (before, after) = (count(self.each(before)), count(self.each(after)));
            lines.push(format!("memory      {before} B a session, {after} B when all had come back"));
        }
        lines.extend(self.talk.as_ref().map(|talk| format!("echo        {talk}")));
        lines.push(format!("recovery    {}", self.outage));
        let peak = self.outage.peak;
        lines.push(format!("connects    at most {peak} at the same time, {} may be", self.limit));
        let causes = self.causes.iter().map(|(cause, times)| format!("{cause} ×{}", count(*times)));
        lines.push(format!("causes      {}", causes.collect::<Vec<_>>().join(", ")));
        lines.push(format!("seed        {}", self.seed));
        let findings = self.findings();
        lines.extend(findings.iter().map(|finding| paint.text(Tone::Bad, &format!("BROKEN      {finding}"))));
        lines.push(if findings.is_empty() {
            paint.text(Tone::Good, "GOOD        all sessions are back in time, and never too many connected at once")
        } else {
            paint.text(Tone::Bad, "BAD         the swarm did not keep its promises")
        });
        lines.join("\n")
    }
}

impl Rest {
    /// The share of one core, with two places.
    fn cpu_percent(&self) -> Option<f64> {
        let span = self.span.as_secs_f64();
        self.cpu.filter(|_| span > 0.0).map(|cpu| (cpu.as_secs_f64() / span * 10_000.0).round() / 100.0)
    }
}

impl Talk {
    fn missing(&self) -> u64 {
        self.sent.saturating_sub(self.round_trips.len() as u64)
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, took) = (count(self.open as u64), span(self.took));
        let Self { peak, server_peak, .. } = self;
        write!(f, "{open} sessions in {took}, at most {peak} at the same time (the server saw {server_peak})")
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cpu_percent() {
            Some(percent) => write!(f, "{percent:.2} % of a core")?,
            None => f.write_str("CPU not known here")?,
        }
        let (wakeups, pings) = (count(self.wakeups), count(self.pings));
        write!(f, ", {wakeups} wake-ups and {pings} heartbeats in {}", span(self.span))
    }
}

impl fmt::Display for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |percent| {
            let micros = percentile(&self.round_trips, percent);
            micros.map_or_else(|| String::from("–"), |micros| span(Duration::from_micros(micros.into())))
        };
        let (p50, p99, max) = (shown(50), shown(99), shown(100));
        let Self { rate, sent, .. } = self;
        write!(f, "{} messages, {rate} a second each: p50 {p50}, p99 {p99}, at most {max}", count(*sent))
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sessions after {} attempts, ", count(self.open as u64), count(self.attempts as u64))?;
        match self.took {
            Some(took) => write!(f, "the last {} after the server", span(took))?,
            None => f.write_str("not all of them")?,
        }
        self.bound.map_or(Ok(()), |bound| write!(f, "; promised are {}", span(bound)))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are small, and not negative")]
fn peak(rates: &[f64]) -> u64 {
    rates.iter().copied().fold(0.0, f64::max).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            sessions: 1_000,
            limit: 128,
            seed: 7,
            opening: Opening { open: 1_000, took: Duration::from_millis(300), peak: 128, server_peak: 90 },
            rest: Rest {
                span: Duration::from_secs(5),
                cpu: Some(Duration::from_millis(5)),
                wakeups: 3,
                pings: 0,
                memory: Some(3_500_000),
            },
            talk: Some(Talk {
                rate: 1,
                span: Duration::from_secs(1),
                sent: 4,
                round_trips: vec![100, 200, 300, 9_000],
            }),
            outage: Outage {
                away: Duration::from_secs(2),
                lost: 1_000,
                open: 1_000,
                stopped: 0,
                attempts: 4_000,
                took: Some(Duration::from_secs(4)),
                bound: Some(Duration::from_secs(40)),
                peak: 128,
                server_peak: 60,
                memory: Some(3_600_000),
            },
            causes: BTreeMap::from([(String::from("connection reset"), 1_000)]),
            curves: Curves {
                width: Duration::from_millis(100),
                attempts: vec![0.0, 900.4],
                expected_attempts: vec![0.0, 1_000.0],
                open: vec![0.0, 90.0],
                expected_open: vec![0.0, 100.0],
            },
        }
    }

    fn found(change: impl FnOnce(&mut Report)) -> String {
        let mut report = report();
        change(&mut report);
        let findings = report.findings();
        assert_eq!(findings.len(), 1, "{findings:?}");
        let text = report.text(Paint::OFF);
        assert!(text.contains("BROKEN") && text.contains("BAD") && !text.contains("GOOD"), "{text}");
        assert!(report.json().contains(r#""kept":false"#));
        findings[0].clone()
    }

    #[test]
    fn the_json_has_the_keys_in_their_order() {
        assert_eq!(
            report().json(),
            r#"{"sessions":1000,"opened_ms":300,"max_connects":128,"peak_connects":128,"server_peak_connects":90,"#
                .to_owned()
                + r#""memory_bytes_a_session":3500,"memory_bytes_a_session_after":3600,"idle_ms":5000,"#
                + r#""idle_cpu_percent":0.1,"idle_wakeups":3,"#
                + r#""idle_pings":0,"sent":4,"echoed":4,"echo_us_p50":200,"echo_us_p99":9000,"echo_us_max":9000,"#
                + r#""away_ms":2000,"lost":1000,"attempts":4000,"attempts_a_second_peak":900,"#
                + r#""expected_attempts_a_second_peak":1000,"recovered":1000,"recovery_ms":4000,"#
                + r#""recovery_bound_ms":40000,"kept":true,"seed":7}"#
        );
    }

    #[test]
    fn a_swarm_that_kept_its_promises_is_good_and_shows_its_figures() {
        let text = report().text(Paint::OFF);
        for words in
            ["GOOD", "3,500 B a session", "0.10 % of a core", "p99 9.0 ms", "at most 128 at the same time", "×1,000"]
        {
            assert!(text.contains(words), "{words:?} is missing in:\n{text}");
        }
    }

    #[test]
    fn sessions_that_never_opened_or_never_came_back_are_found() {
        assert!(found(|report| report.opening.open = 998).contains("2 sessions did not open"));
        assert!(found(|report| report.outage.open = 999).contains("1 sessions did not come back"));
    }

    #[test]
    fn a_recovery_later_than_promised_is_found() {
        assert!(
            found(|report| report.outage.took = Some(Duration::from_millis(40_001))).contains("promised are 40.00 s")
        );
    }

    #[test]
    fn more_connects_than_may_be_are_found_whoever_saw_them() {
        assert!(found(|report| report.outage.peak = 129).contains("129"));
        assert!(found(|report| report.opening.server_peak = 130).contains("130"));
        assert!(found(|report| report.outage.server_peak = 131).contains("131"));
    }

    #[test]
    fn echoes_that_did_not_come_are_found() {
        assert!(found(|report| report.talk.as_mut().expect("a talk").sent = 5).contains("1 of 5 echoes"));
    }
}
