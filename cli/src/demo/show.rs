//! The show as it goes on: what both sides tell, put into one timeline, and kept for the judgement.

use std::{
    collections::BTreeSet,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use steadfast_core::{Delivery, MessageId, Metrics, Notice, State, StateKind, StopCause, Timestamp, Verdict};
use steadfast_mio::Noticed;

use super::{judge::Evidence, report::Report, source::Sent};
use crate::{
    chaos::{Incident, Record},
    paint::Tone,
    timeline::{Line, Narrator},
    view::View,
    words::{count, span},
};

/// What the show is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    /// By the client's session.
    Client(Noticed),
    /// By the server.
    Server(Instant, Incident),
    /// By the user, with Ctrl-C.
    Interrupted,
}

/// The show, so far.
#[derive(Debug)]
pub(crate) struct Show {
    view: View,
    narrator: Narrator,
    /// A moment on both clocks: the program's and the client's.
    started: (Instant, Timestamp),
    /// When the figures are told next.
    next_status: Instant,
    state: StateKind,
    /// Whether the session has been told to stop: what ends from here on is not lost.
    stopping: bool,
    /// Whether the user has seen enough of what is shown.
    interrupted: bool,
    /// Why the session stopped by itself.
    gave_up: Option<String>,
    lost_at: Option<Timestamp>,
    reconnects: Vec<Duration>,
    verdicts: Vec<(MessageId, Verdict)>,
    refused: BTreeSet<MessageId>,
}

impl Show {
    /// A show that begins now, which on the client's clock is `client_now`.
    pub(crate) fn new(view: View, now: Instant, client_now: Timestamp) -> Self {
        Self {
            view,
            narrator: Narrator::default(),
            started: (now, client_now),
            next_status: now + LIVE_STATUS_EVERY,
            state: StateKind::Idle,
            stopping: false,
            interrupted: false,
            gave_up: None,
            lost_at: None,
            reconnects: Vec::new(),
            verdicts: Vec::new(),
            refused: BTreeSet::new(),
        }
    }

    /// Shows what is told until `until`, or until the session's state is `end` or `Stopped`, or until the user
    /// interrupts; `metrics` for the status line.
    pub(crate) fn watch(
        &mut self,
        told: &Receiver<Told>,
        end: StateKind,
        until: Instant,
        metrics: impl Fn() -> Option<Metrics>,
    ) {
        while self.state != end && self.state != StateKind::Stopped {
            let now = Instant::now();
            if now >= self.next_status {
                if let Some(metrics) = metrics() {
                    self.status(now, &metrics);
                }
                self.next_status = now + if self.view.is_live() { LIVE_STATUS_EVERY } else { STATUS_EVERY };
            }
            if now >= until || std::mem::take(&mut self.interrupted) {
                return;
            }
            match told.recv_timeout(until.min(self.next_status).saturating_duration_since(now)) {
                Ok(told) => self.take(told),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// From here on the session is stopping.
    pub(crate) const fn expect_the_end(&mut self) {
        self.stopping = true;
    }

    /// Takes what is left to be told, and judges.
    pub(crate) fn finish(
        mut self,
        told: &Receiver<Told>,
        delivery: Delivery,
        sent: &[Sent],
        record: Record,
        metrics: Option<&Metrics>,
        seed: u64,
    ) -> (Report, View) {
        while let Ok(told) = told.try_recv() {
            self.take(told);
        }
        for line in self.narrator.crowds(self.client_time(Instant::now())) {
            self.show(line);
        }
        self.view.settle();
        self.reconnects.sort_unstable();
        let evidence = self.evidence(delivery, sent, &record);
        let report = Report {
            judgement: evidence.judge(),
            gave_up: self.gave_up,
            resent: metrics.map_or(0, |metrics| metrics.resent),
            refused: self.refused.len() as u64,
            connections: record.connections,
            faults: record.faults,
            reconnects: self.reconnects,
            rtt_p50: metrics.and_then(|metrics| metrics.rtt.p50),
            rtt_p99: metrics.and_then(|metrics| metrics.rtt.p99),
            seed,
        };
        (report, self.view)
    }

    /// What both sides have to say of the messages, by their numbers.
    fn evidence(&self, delivery: Delivery, sent: &[Sent], record: &Record) -> Evidence {
        // A verdict for a message that was never sent counts as one for number 0, which is never sent either.
        let number = |id: MessageId| sent.binary_search_by_key(&id, |sent| sent.id).map_or(0, |at| sent[at].number);
        Evidence {
            delivery,
            accepted: sent.iter().filter(|sent| !self.refused.contains(&sent.id)).map(|sent| sent.number).collect(),
            verdicts: self.verdicts.iter().map(|(id, verdict)| (number(*id), *verdict)).collect(),
            arrivals: record.arrivals.iter().map(|arrival| arrival.text.parse().ok()).collect(),
        }
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Client(Noticed { at, notice, failure }) => {
                self.keep(at, &notice);
                for line in self.narrator.tell(at, &notice, failure.as_deref()) {
                    self.show(line);
                }
            }
            Told::Server(at, incident) => self.show_incident(self.client_time(at), &incident),
            Told::Interrupted => self.interrupted = true,
        }
    }

    fn keep(&mut self, at: Timestamp, notice: &Notice) {
        match notice {
            Notice::Verdict { id, verdict, .. } => self.verdicts.push((*id, *verdict)),
            Notice::Refused { id, .. } => {
                self.refused.insert(*id);
            }
            Notice::State(change) => {
                let was_open = change.from == StateKind::Open;
                self.state = change.to.kind();
                if let State::Stopped { cause } = &change.to
                    && *cause != StopCause::Application
                {
                    self.gave_up = Some(change.to.to_string());
                }
                if self.state == StateKind::Open {
                    self.reconnects.extend(self.lost_at.take().map(|lost| at - lost));
                } else if was_open && !self.stopping {
                    self.lost_at = Some(at);
                }
            }
            _ => {}
        }
    }

    fn show_incident(&self, at: Timestamp, incident: &Incident) {
        let tone = match incident {
            // The client tells of its connections itself.
            Incident::Opened(_) | Incident::Left(_) | Incident::Listening => return,
            Incident::Fault(_) | Incident::CannotListen(_) => Tone::Other,
            Incident::Rejected | Incident::Stalled | Incident::TurnedKind => Tone::Dim,
        };
        self.show(Line { at: at - Timestamp::ZERO, label: "server".into(), tone, text: incident.to_string() });
    }

    /// Shows a line of the client's clock, counted from the beginning of the show.
    fn show(&self, mut line: Line) {
        line.at = line.at.saturating_sub(self.started.1 - Timestamp::ZERO);
        self.view.line(&line);
    }

    /// The figures: in the status line of a terminal, elsewhere as a line now and then.
    fn status(&self, now: Instant, metrics: &Metrics) {
        let rtt = metrics.rtt.last.map_or_else(|| String::from("–"), span);
        let text = format!(
            "{}, {} accepted, {} confirmed, {} in the outbox, RTT {rtt}",
            format!("{:?}", self.state).to_lowercase(),
            count(metrics.accepted),
            count(metrics.verdicts.confirmed),
            count(metrics.outbox_messages.into()),
        );
        if self.view.is_live() {
            self.view.status(now.saturating_duration_since(self.started.0), text);
        } else {
            let at = self.client_time(now) - Timestamp::ZERO;
            self.show(Line { at, label: "status".into(), tone: Tone::Dim, text });
        }
    }

    fn client_time(&self, at: Instant) -> Timestamp {
        self.started.1 + at.saturating_duration_since(self.started.0)
    }
}

/// How often the status line of a terminal changes.
const LIVE_STATUS_EVERY: Duration = Duration::from_millis(100);
/// How often the figures are told where there is no status line.
const STATUS_EVERY: Duration = Duration::from_millis(2_500);
