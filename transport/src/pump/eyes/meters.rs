//! Figures for the `metrics` facade, of all sessions of the program together. Their names and units are documented in
//! docs/observability.md.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use metrics::{Counter, Gauge, Histogram, Unit, counter, gauge, histogram};
use steadfast_core::{CauseKind, MessageId, Metrics, Notice, Session, StateKind, Timestamp, Verdict};

use super::words::kebab;

/// What one session adds to the program's figures. They are told at the end of each turn, by how much they have changed.
pub(super) struct Meters {
    counters: Counters,
    failures: [Option<Counter>; CauseKind::ALL.len()],
    sessions: Gauge,
    open: Gauge,
    depth: Gauge,
    depth_bytes: Gauge,
    error_share: Gauge,
    rtt: Histogram,
    confirm: Histogram,
    /// What has been told.
    told: Metrics,
    /// Something may have changed since.
    changed: bool,
    is_open: bool,
    /// The session has started, and begun no attempt since.
    starting: bool,
    /// A message under way, and since when: the next one is measured when it is settled.
    measured: Option<(MessageId, Timestamp)>,
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
    pings: Counter,
    pongs_missed: Counter,
}

/// Attempts begun by all sessions of the program, and attempts and connections of theirs that failed.
static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
static FAILURES: AtomicU64 = AtomicU64::new(0);

impl Meters {
    /// The meters of a session whose figures are these.
    pub(super) fn new(told: Metrics) -> Self {
        describe();
        let verdict = |verdict: &'static str| counter!("steadfast_verdicts", "verdict" => verdict);
        let meters = Self {
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
                pings: counter!("steadfast_pings"),
                pongs_missed: counter!("steadfast_pongs_missed"),
            },
            failures: [const { None }; CauseKind::ALL.len()],
            sessions: gauge!("steadfast_sessions"),
            open: gauge!("steadfast_open_sessions"),
            depth: gauge!("steadfast_queue_depth"),
            depth_bytes: gauge!("steadfast_queue_bytes"),
            error_share: gauge!("steadfast_error_share"),
            rtt: histogram!("steadfast_rtt_seconds"),
            confirm: histogram!("steadfast_send_to_confirm_seconds"),
            told,
            changed: false,
            is_open: false,
            starting: true,
            measured: None,
        };
        meters.sessions.increment(1);
        meters
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
                        self.confirm.record(now - since);
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
            self.tell(session.metrics());
        }
    }

    #[inline(never)]
    fn tell(&mut self, now: Metrics) {
        let then = &self.told;
        let counters = &self.counters;
        let attempts = now.attempts - then.attempts;
        let first = u64::from(attempts > 0 && std::mem::take(&mut self.starting));
        for (counter, before, after) in [
            (&counters.attempts, then.attempts, now.attempts),
            (&counters.connects, then.connects, now.connects),
            (&counters.reconnects, then.reconnects, now.reconnects),
            (&counters.messages_in, then.messages_received, now.messages_received),
            (&counters.bytes_in, then.bytes_received, now.bytes_received),
            (&counters.messages_out, then.messages_sent, now.messages_sent),
            (&counters.bytes_out, then.bytes_sent, now.bytes_sent),
            (&counters.resent, then.resent, now.resent),
            (&counters.accepted, then.accepted, now.accepted),
            (&counters.refused, then.refused, now.refused),
            (&counters.confirmed, then.verdicts.confirmed, now.verdicts.confirmed),
            (&counters.written, then.verdicts.written, now.verdicts.written),
            (&counters.in_doubt, then.verdicts.in_doubt, now.verdicts.in_doubt),
            (&counters.dropped, then.verdicts.dropped, now.verdicts.dropped),
            (&counters.pings, then.pings, now.pings),
            (&counters.pongs_missed, then.missed, now.missed),
        ] {
            if after > before {
                counter.increment(after - before);
            }
        }
        counters.reconnect_attempts.increment(attempts - first);
        let mut failed = 0;
        for kind in CauseKind::ALL {
            let more = u64::from(now.failures(kind).saturating_sub(then.failures(kind)));
            if more > 0 {
                failed += if kind == CauseKind::Stopped { 0 } else { more };
                self.failures[kind as usize]
                    .get_or_insert_with(|| counter!("steadfast_failures", "cause" => kebab(&kind)))
                    .increment(more);
            }
        }
        if attempts > 0 || failed > 0 {
            let attempts = ATTEMPTS.fetch_add(attempts, Ordering::Relaxed) + attempts;
            let failed = FAILURES.fetch_add(failed, Ordering::Relaxed) + failed;
            self.error_share.set(share(failed, attempts));
        }
        move_by(&self.depth, then.outbox_messages.into(), now.outbox_messages.into());
        move_by(&self.depth_bytes, then.outbox_bytes, now.outbox_bytes);
        if let Some(last) = now.rtt.last
            && now.rtt.count > then.rtt.count
        {
            // There is hardly ever more than one in a turn.
            self.rtt.record(last);
        }
        self.told = now;
    }

    fn set_open(&mut self, open: bool) {
        match (self.is_open, open) {
            (false, true) => self.open.increment(1),
            (true, false) => self.open.decrement(1),
            (true, true) | (false, false) => {}
        }
        self.is_open = open;
    }
}

/// What a session added to what rises and falls goes with it.
impl Drop for Meters {
    fn drop(&mut self) {
        self.sessions.decrement(1);
        self.set_open(false);
        move_by(&self.depth, self.told.outbox_messages.into(), 0);
        move_by(&self.depth_bytes, self.told.outbox_bytes, 0);
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").finish_non_exhaustive()
    }
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
