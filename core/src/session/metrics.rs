//! What a session counts.

use core::time::Duration;

use crate::{
    Timestamp,
    cause::CauseKind,
    session::{
        credentials::Counts,
        notice::Verdict,
        rtt::{Rtt, RttSnapshot},
        state::StateKind,
    },
};

/// A plain snapshot of a session's figures, from [`Session::metrics`](crate::Session::metrics). As deterministic as the
/// session itself.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Metrics {
    /// Attempts begun.
    pub attempts: u64,
    /// Connections opened.
    pub connects: u64,
    /// Connections opened but for the first after each start.
    pub reconnects: u64,
    /// Attempts at another endpoint than the one before.
    pub failovers: u64,
    /// Attempts that failed and connections that were lost, by cause, in the order of [`CauseKind::ALL`].
    pub failures: [u32; CauseKind::ALL.len()],
    /// Messages that came in.
    pub messages_received: u64,
    /// Their bytes of payload.
    pub bytes_received: u64,
    /// Messages handed over, those sent again included.
    pub messages_sent: u64,
    /// Their bytes of payload.
    pub bytes_sent: u64,
    /// Messages handed over again after a connection broke.
    pub resent: u64,
    /// Messages accepted.
    pub accepted: u64,
    /// Messages refused.
    pub refused: u64,
    /// Verdicts, by kind.
    pub verdicts: Verdicts,
    /// Ping frames sent, heartbeats and barriers together.
    pub pings: u64,
    /// Heartbeats missed.
    pub missed: u64,
    /// Messages in the outbox now.
    pub outbox_messages: u32,
    /// Their bytes of payload.
    pub outbox_bytes: u64,
    /// Fetches of credentials begun.
    #[cfg_attr(feature = "serde", serde(default))]
    pub credentials_fetched: u64,
    /// Fetches of credentials that brought none.
    #[cfg_attr(feature = "serde", serde(default))]
    pub credentials_failed: u64,
    /// Times that the server rejected credentials.
    #[cfg_attr(feature = "serde", serde(default))]
    pub credentials_rejected: u64,
    /// Round trips of pings and heartbeats.
    pub rtt: RttSnapshot,
    /// Time spent in each state up to the last event, in the order of [`StateKind::ALL`].
    pub time_in_state: [Duration; StateKind::ALL.len()],
}

/// Verdicts, by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Verdicts {
    /// [`Verdict::Confirmed`].
    pub confirmed: u64,
    /// [`Verdict::Written`].
    pub written: u64,
    /// [`Verdict::InDoubt`].
    pub in_doubt: u64,
    /// [`Verdict::Dropped`].
    pub dropped: u64,
    /// [`Verdict::Kept`].
    #[cfg_attr(feature = "serde", serde(default))]
    pub kept: u64,
}

impl Metrics {
    /// How many attempts or connections ended for causes of this kind.
    #[must_use]
    pub const fn failures(&self, kind: CauseKind) -> u32 {
        self.failures[kind as usize]
    }

    /// The time spent in states of this kind.
    #[must_use]
    pub const fn time_in(&self, kind: StateKind) -> Duration {
        self.time_in_state[kind as usize]
    }
}

impl Verdicts {
    /// All of them: the messages settled.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.confirmed + self.written + self.in_doubt + self.dropped + self.kept
    }
}

/// The same as they are counted. What is kept is counted where durable messages are: few sessions have any.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub(super) struct Counted {
    confirmed: u64,
    written: u64,
    in_doubt: u64,
    dropped: u64,
}

impl Account {
    pub(super) fn count(&mut self, verdict: Verdict, messages: u64) {
        match verdict {
            Verdict::Confirmed => self.verdicts.confirmed += messages,
            Verdict::Written => self.verdicts.written += messages,
            Verdict::InDoubt => self.verdicts.in_doubt += messages,
            Verdict::Dropped(_) => self.verdicts.dropped += messages,
            Verdict::Kept => {}
        }
    }

    fn verdicts(&self) -> Verdicts {
        let Counted { confirmed, written, in_doubt, dropped } = self.verdicts;
        Verdicts { confirmed, written, in_doubt, dropped, kept: 0 }
    }
}

/// The running account behind [`Metrics`].
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Account {
    pub(super) attempts: u64,
    pub(super) connects: u64,
    pub(super) reconnects: u64,
    pub(super) failures: [u32; CauseKind::ALL.len()],
    pub(super) messages_received: u64,
    pub(super) bytes_received: u64,
    pub(super) messages_sent: u64,
    pub(super) bytes_sent: u64,
    pub(super) resent: u64,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) verdicts: Counted,
    pub(super) pings: u64,
    pub(super) missed: u64,
    pub(super) rtt: Rtt,
    /// Microseconds in each state, but for the time since `entered`.
    in_state: [u64; StateKind::ALL.len()],
    entered: Option<Timestamp>,
}

impl Account {
    pub(super) fn new() -> Self {
        Self {
            attempts: 0,
            connects: 0,
            reconnects: 0,
            failures: [0; CauseKind::ALL.len()],
            messages_received: 0,
            bytes_received: 0,
            messages_sent: 0,
            bytes_sent: 0,
            resent: 0,
            accepted: 0,
            refused: 0,
            verdicts: Counted::default(),
            pings: 0,
            missed: 0,
            rtt: Rtt::default(),
            in_state: [0; StateKind::ALL.len()],
            entered: None,
        }
    }

    /// The clock's first reading: the first state counts from here.
    pub(super) const fn begin(&mut self, now: Timestamp) {
        if self.entered.is_none() {
            self.entered = Some(now);
        }
    }

    /// A state was left.
    pub(super) fn left(&mut self, kind: StateKind, now: Timestamp) {
        let since = self.entered.replace(now).unwrap_or(now);
        self.in_state[kind as usize] += now.as_micros().saturating_sub(since.as_micros());
    }

    pub(super) fn snapshot(
        &self,
        state: StateKind,
        now: Timestamp,
        messages: usize,
        bytes: usize,
        counts: Counts,
    ) -> Metrics {
        let mut in_state = self.in_state;
        let since = self.entered.unwrap_or(now);
        in_state[state as usize] += now.as_micros().saturating_sub(since.as_micros());
        Metrics {
            attempts: self.attempts,
            connects: self.connects,
            reconnects: self.reconnects,
            failovers: 0,
            failures: self.failures,
            messages_received: self.messages_received,
            bytes_received: self.bytes_received,
            messages_sent: self.messages_sent,
            bytes_sent: self.bytes_sent,
            resent: self.resent,
            accepted: self.accepted,
            refused: self.refused,
            verdicts: self.verdicts(),
            pings: self.pings,
            missed: self.missed,
            outbox_messages: u32::try_from(messages).unwrap_or(u32::MAX),
            outbox_bytes: bytes as u64,
            credentials_fetched: counts.fetches,
            credentials_failed: counts.failed,
            credentials_rejected: counts.rejected,
            rtt: self.rtt.snapshot(),
            time_in_state: in_state.map(Duration::from_micros),
        }
    }
}
