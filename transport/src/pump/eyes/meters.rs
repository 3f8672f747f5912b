//! Figures for the `metrics` facade, of all sessions of the program together. Their names and units are documented in
//! docs/observability.md.

use std::{
    fmt, ptr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{Counter, Gauge, Histogram, Unit, counter, gauge, histogram};
use steadfast_core::{CauseKind, MessageId, Metrics, Notice, Session, StateKind, Timestamp, Verdict};

use super::words::kebab;

/// What one session adds to the program's figures. They are told at the end of each turn, by how much they have changed.
pub(super) struct Meters {
    instruments: Arc<Instruments>,
    /// What has been told.
    told: Told,
    /// Something may have changed since.
    changed: bool,
    is_open: bool,
    /// The session has started, and begun no attempt since.
    starting: bool,
    /// A message under way, and since when: the next one is measured when it is settled.
    measured: Option<(MessageId, Timestamp)>,
}

/// Where figures are told: all sessions of a recorder's share them, as its names know no session.
struct Instruments {
    counters: Counters,
    failures: [OnceLock<Counter>; CauseKind::ALL.len()],
    sessions: Gauge,
    open: Gauge,
    depth: Gauge,
    depth_bytes: Gauge,
    error_share: Gauge,
    rtt: Histogram,
    confirm: Histogram,
}

/// A session's figures when they were told last.
struct Told {
    /// The low halves: no turn changes one by so much that they would not do.
    rising: [u32; 17],
    failures: [u32; CauseKind::ALL.len()],
    messages: u32,
    bytes: u64,
    round_trips: u64,
}

/// Everything that only rises.
struct Counters {
    attempts: Counter,
    reconnect_attempts: Counter,
    connects: Counter,
    reconnects: Counter,
    messages_in: Counter,
    bytes_in: Counter,
    messages_out: Counter,
    bytes_out: Counter,
    resent: Counter,
    accepted: Counter,
    refused: Counter,
    confirmed: Counter,
    written: Counter,
    in_doubt: Counter,
    dropped: Counter,
    kept: Counter,
    pings: Counter,
    pongs_missed: Counter,
}

/// Attempts begun by all sessions of the program, and attempts and connections of theirs that failed.
static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
static FAILURES: AtomicU64 = AtomicU64::new(0);

impl Meters {
    /// The meters of a session whose figures are these.
    pub(super) fn new(figures: &Metrics) -> Self {
        let instruments = Instruments::shared();
        instruments.sessions.increment(1);
        let told = Told::new(figures);
        Self { instruments, told, changed: false, is_open: false, starting: true, measured: None }
    }

    /// Something happened that may have changed a figure.
    #[inline]
    pub(super) const fn look(&mut self) {
        self.changed = true;
    }

    /// One message at a time is measured, the first of those that go out while none is: the oldest that its ping confirms.
    #[inline]
    pub(super) const fn sent(&mut self, now: Timestamp, id: MessageId) {
        self.changed = true;
        if self.measured.is_none() {
            self.measured = Some((id, now));
        }
    }

    #[inline]
    pub(super) fn notice(&mut self, now: Timestamp, notice: &Notice) {
        self.changed = true;
        match notice {
            Notice::Verdict { id, verdict, .. } => {
                if let Some((measured, since)) = self.measured
                    && measured == *id
                {
                    self.measured = None;
                    if *verdict == Verdict::Confirmed {
                        self.instruments.confirm.record(now - since);
                    }
                }
                if let Verdict::Dropped(why) = verdict {
                    counter!("steadfast_dropped", "reason" => kebab(why)).increment(1);
                }
            }
            Notice::State(change) => {
                self.starting |= matches!(change.from, StateKind::Idle | StateKind::Stopped);
                self.set_open(change.to.kind() == StateKind::Open);
            }
            _ => {}
        }
    }

    #[inline]
    pub(super) fn turn_over(&mut self, session: &Session) {
        if std::mem::take(&mut self.changed) {
            self.tell(&session.metrics());
        }
    }

    #[inline(never)]
    fn tell(&mut self, figures: &Metrics) {
        let then = std::mem::replace(&mut self.told, Told::new(figures));
        let (now, instruments) = (&self.told, &*self.instruments);
        let attempts = u64::from(now.rising[0].wrapping_sub(then.rising[0]));
        let first = u64::from(attempts > 0 && std::mem::take(&mut self.starting));
        for (counter, (before, after)) in
            instruments.counters.rising().into_iter().zip(then.rising.into_iter().zip(now.rising))
        {
            if after != before {
                counter.increment(after.wrapping_sub(before).into());
            }
        }
        instruments.counters.reconnect_attempts.increment(attempts - first);
        let mut failed = 0;
        for kind in CauseKind::ALL {
            let index = kind as usize;
            let more = u64::from(now.failures[index].saturating_sub(then.failures[index]));
            if more > 0 {
                failed += if kind == CauseKind::Stopped { 0 } else { more };
                instruments.failures[index]
                    .get_or_init(|| counter!("steadfast_failures", "cause" => kebab(&kind)))
                    .increment(more);
            }
        }
        if attempts > 0 || failed > 0 {
            let attempts = ATTEMPTS.fetch_add(attempts, Ordering::Relaxed) + attempts;
            let failed = FAILURES.fetch_add(failed, Ordering::Relaxed) + failed;
            instruments.error_share.set(share(failed, attempts));
        }
        move_by(&instruments.depth, then.messages.into(), now.messages.into());
        move_by(&instruments.depth_bytes, then.bytes, now.bytes);
        if let Some(last) = figures.rtt.last
            && now.round_trips > then.round_trips
        {
            // There is hardly ever more than one in a turn.
            instruments.rtt.record(last);
        }
    }

    fn set_open(&mut self, open: bool) {
        match (self.is_open, open) {
            (false, true) => self.instruments.open.increment(1),
            (true, false) => self.instruments.open.decrement(1),
            (true, true) | (false, false) => {}
        }
        self.is_open = open;
    }
}

impl Instruments {
    /// Those of the recorder that is in force.
    fn shared() -> Arc<Self> {
        static KNOWN: Mutex<Vec<(usize, Weak<Instruments>)>> = Mutex::new(Vec::new());
        let recorder = metrics::with_recorder(|recorder| ptr::from_ref(recorder).cast::<()>().addr());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(_, instruments)| instruments.strong_count() > 0);
        let mine = known.iter().find(|(of, _)| *of == recorder);
        if let Some(instruments) = mine.and_then(|(_, instruments)| instruments.upgrade()) {
            return instruments;
        }
        let instruments = Arc::new(Self::new());
        known.push((recorder, Arc::downgrade(&instruments)));
        instruments
    }

    fn new() -> Self {
        describe();
        let verdict = |verdict: &'static str| counter!("steadfast_verdicts", "verdict" => verdict);
        Self {
            counters: Counters {
                attempts: counter!("steadfast_connect_attempts"),
                reconnect_attempts: counter!("steadfast_reconnect_attempts"),
                connects: counter!("steadfast_connects"),
                reconnects: counter!("steadfast_reconnects"),
                messages_in: counter!("steadfast_messages_in"),
                bytes_in: counter!("steadfast_bytes_in"),
                messages_out: counter!("steadfast_messages_out"),
                bytes_out: counter!("steadfast_bytes_out"),
                resent: counter!("steadfast_resent"),
                accepted: counter!("steadfast_accepted"),
                refused: counter!("steadfast_refused"),
                confirmed: verdict("confirmed"),
                written: verdict("written"),
                in_doubt: verdict("in-doubt"),
                dropped: verdict("dropped"),
                kept: verdict("kept"),
                pings: counter!("steadfast_pings"),
                pongs_missed: counter!("steadfast_pongs_missed"),
            },
            failures: [const { OnceLock::new() }; CauseKind::ALL.len()],
            sessions: gauge!("steadfast_sessions"),
            open: gauge!("steadfast_open_sessions"),
            depth: gauge!("steadfast_queue_depth"),
            depth_bytes: gauge!("steadfast_queue_bytes"),
            error_share: gauge!("steadfast_error_share"),
            rtt: histogram!("steadfast_rtt_seconds"),
            confirm: histogram!("steadfast_send_to_confirm_seconds"),
        }
    }
}

impl Counters {
    /// In the order of [`Told::rising`].
    const fn rising(&self) -> [&Counter; 17] {
        [
            &self.attempts,
            &self.connects,
            &self.reconnects,
            &self.messages_in,
            &self.bytes_in,
            &self.messages_out,
            &self.bytes_out,
            &self.resent,
            &self.accepted,
            &self.refused,
            &self.confirmed,
            &self.written,
            &self.in_doubt,
            &self.dropped,
            &self.kept,
            &self.pings,
            &self.pongs_missed,
        ]
    }
}

impl Told {
    fn new(figures: &Metrics) -> Self {
        Self {
            rising: [
                figures.attempts,
                figures.connects,
                figures.reconnects,
                figures.messages_received,
                figures.bytes_received,
                figures.messages_sent,
                figures.bytes_sent,
                figures.resent,
                figures.accepted,
                figures.refused,
                figures.verdicts.confirmed,
                figures.verdicts.written,
                figures.verdicts.in_doubt,
                figures.verdicts.dropped,
                figures.verdicts.kept,
                figures.pings,
                figures.missed,
            ]
            .map(low),
            failures: figures.failures,
            messages: figures.outbox_messages,
            bytes: figures.outbox_bytes,
            round_trips: figures.rtt.count,
        }
    }
}

/// What a session added to what rises and falls goes with it.
impl Drop for Meters {
    fn drop(&mut self) {
        self.instruments.sessions.decrement(1);
        self.set_open(false);
        move_by(&self.instruments.depth, self.told.messages.into(), 0);
        move_by(&self.instruments.depth_bytes, self.told.bytes, 0);
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").finish_non_exhaustive()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "that is the low half")]
const fn low(figure: u64) -> u32 {
    figure as u32
}

fn move_by(gauge: &Gauge, before: u64, after: u64) {
    if after > before {
        gauge.increment(float(after - before));
    } else if before > after {
        gauge.decrement(float(before - after));
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (float(part) / float(whole)).min(1.0) }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, and a gauge is a float")]
const fn float(number: u64) -> f64 {
    number as f64
}

/// Says once a program what each figure means.
fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    let counters: [(&'static str, Unit, &'static str); 16] = [
        ("steadfast_connect_attempts", Unit::Count, "Attempts to connect that were begun"),
        ("steadfast_reconnect_attempts", Unit::Count, "Attempts begun but for the first after each start"),
        ("steadfast_connects", Unit::Count, "Connections that opened"),
        ("steadfast_reconnects", Unit::Count, "Connections that opened but for the first after each start"),
        ("steadfast_failures", Unit::Count, "Attempts that failed and connections that ended, by cause"),
        ("steadfast_messages_in", Unit::Count, "Messages that came in"),
        ("steadfast_bytes_in", Unit::Bytes, "Payload of messages that came in"),
        ("steadfast_messages_out", Unit::Count, "Messages handed over, those sent again included"),
        ("steadfast_bytes_out", Unit::Bytes, "Payload of messages handed over, those sent again included"),
        ("steadfast_resent", Unit::Count, "Messages handed over again after a connection broke"),
        ("steadfast_accepted", Unit::Count, "Messages accepted"),
        ("steadfast_refused", Unit::Count, "Messages refused"),
        ("steadfast_verdicts", Unit::Count, "Messages settled, by verdict"),
        ("steadfast_dropped", Unit::Count, "Messages that were not sent, by why"),
        ("steadfast_pings", Unit::Count, "Ping frames sent, heartbeats and barriers together"),
        ("steadfast_pongs_missed", Unit::Count, "Heartbeats that went unanswered"),
    ];
    for (name, unit, what) in counters {
        describe_counter!(name, unit, what);
    }
    describe_gauge!("steadfast_sessions", Unit::Count, "Sessions that there are");
    describe_gauge!("steadfast_open_sessions", Unit::Count, "Sessions with an open connection");
    describe_gauge!("steadfast_queue_depth", Unit::Count, "Messages accepted and not settled");
    describe_gauge!("steadfast_queue_bytes", Unit::Bytes, "Payload of messages accepted and not settled");
    describe_gauge!(
        "steadfast_error_share",
        Unit::Count,
        "Of all attempts begun, the share that failed or whose connection was lost, from 0 to 1"
    );
    describe_histogram!("steadfast_rtt_seconds", Unit::Seconds, "Round trips of pings");
    describe_histogram!(
        "steadfast_send_to_confirm_seconds",
        Unit::Seconds,
        "From the first hand-over of a message to its confirmation, of one message at a time"
    );
}
