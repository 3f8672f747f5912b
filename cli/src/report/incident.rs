//! What a trace tells, put on one time axis.

use std::{collections::HashMap, time::Duration};

use serde::Serialize;
use serde_json::Value;
use steadfast_core::{
    Event, MessageId, Metrics, Notice, Session, State, StateKind, Timestamp, Verdict,
    trace::{OwnedAction, Step, Trace},
};

use super::{
    plain::{cause, is_clean, state_words, tagged, words},
    series::{Bins, thin},
};
use crate::timeline::{Line, Narrator, decision};

/// A recorded incident. Times are microseconds since its first event; texts are told once, and named by their place.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Incident {
    /// From the first event to the last.
    pub(super) span: u64,
    pub(super) texts: Vec<String>,
    pub(super) bands: Vec<Band>,
    pub(super) attempts: Vec<Attempt>,
    /// When a ping was answered, and how long that took.
    pub(super) rtt: Vec<(u64, u64)>,
    /// When a message was confirmed, and how long after it was first handed over.
    pub(super) confirm: Vec<(u64, u64)>,
    /// Messages in the outbox and their bytes.
    pub(super) outbox: Vec<(u64, u32, u64)>,
    pub(super) verdicts: Bins,
    pub(super) marks: Vec<Mark>,
    #[serde(skip)]
    pub(super) file: String,
    #[serde(skip)]
    pub(super) seed: u64,
    #[serde(skip)]
    pub(super) events: u64,
    #[serde(skip)]
    pub(super) forgotten: u64,
    /// The line that was cut short.
    #[serde(skip)]
    pub(super) truncated: Option<usize>,
    /// Why the replay ended before the trace did.
    #[serde(skip)]
    pub(super) differs: Option<String>,
    #[serde(skip)]
    pub(super) digest: u64,
    /// The session's figures at the end.
    #[serde(skip)]
    pub(super) metrics: Metrics,
    #[serde(skip)]
    pub(super) open: Duration,
    /// The most that the outbox held.
    #[serde(skip)]
    pub(super) deepest: u32,
    /// What happened, in words.
    #[serde(skip)]
    pub(super) story: Vec<Line>,
}

/// A state, from here to the next.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Band {
    pub(super) at: u64,
    pub(super) state: usize,
    pub(super) text: usize,
}

/// An attempt to connect, and the connection that came of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Attempt {
    pub(super) at: u64,
    conn: u64,
    /// Which attempt in a row, counted from 1.
    number: u32,
    stages: Vec<(usize, u64)>,
    pub(super) opened: Option<u64>,
    pub(super) closed: Option<u64>,
    cause: Option<usize>,
    /// It ended as it should.
    pub(super) clean: bool,
}

/// Something that happened, or the same so many times at nearly the same time.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Mark {
    at: u64,
    kind: usize,
    text: usize,
    count: u32,
    /// Worth a second look.
    loud: bool,
}

impl Incident {
    /// Replays a trace, as far as it goes.
    pub(super) fn of(trace: &Trace, file: &str) -> Self {
        let mut account = Account::default();
        let mut replay = trace.replay();
        let mut differs = None;
        account.enter(0, &replay.session().state(), None);
        while let Some(step) = replay.next() {
            match step {
                Ok(step) => account.take(&step, replay.session()),
                Err(error) => differs = Some(error.to_string()),
            }
        }
        account.into_incident(trace, file, replay.session(), differs)
    }
}

/// The account of a replay under way.
#[derive(Debug, Default)]
struct Account {
    begin: Option<Timestamp>,
    last: u64,
    texts: Texts,
    bands: Vec<Band>,
    attempts: Vec<Attempt>,
    rtt: Vec<(u64, u64)>,
    measured: u64,
    confirm: Vec<(u64, u64)>,
    /// When each message was first handed over that is not settled.
    under_way: HashMap<MessageId, u64>,
    outbox: Vec<(u64, (u32, u64))>,
    verdicts: Vec<(u64, usize)>,
    marks: Vec<Mark>,
    narrator: Narrator,
    story: Vec<Line>,
}

impl Account {
    fn take(&mut self, step: &Step, session: &Session) {
        let begin = *self.begin.get_or_insert(step.event.at);
        let now = micros(step.event.at - begin);
        // A clock that goes back counts as one that stands.
        let at = now.max(self.last);
        self.last = at;
        self.event(at, &step.event.event);
        for action in &step.actions {
            match action {
                OwnedAction::Connect { conn, attempt, .. } => self.attempts.push(Attempt {
                    at,
                    conn: conn.0,
                    number: *attempt,
                    stages: Vec::new(),
                    opened: None,
                    closed: None,
                    cause: None,
                    clean: false,
                }),
                OwnedAction::Send { id, .. } => {
                    self.under_way.entry(*id).or_insert(at);
                }
                OwnedAction::FetchCredentials { .. } | OwnedAction::Present { .. } => {
                    self.mark(at, "credentials", &action.to_string(), false);
                }
                OwnedAction::Notify(notice) => self.notice(at, step.event.at, notice),
                _ => {}
            }
        }
        let metrics = session.metrics();
        if metrics.rtt.count != self.measured {
            self.measured = metrics.rtt.count;
            self.rtt.extend(metrics.rtt.last.map(|last| (at, micros(last))));
        }
        let depth = (metrics.outbox_messages, metrics.outbox_bytes);
        if self.outbox.last().is_none_or(|(_, known)| *known != depth) {
            self.outbox.push((at, depth));
        }
    }

    fn event(&mut self, at: u64, event: &Event<'_>) {
        match event {
            Event::Dialing { conn, stage } => {
                let stage = self.texts.place(&stage.to_string());
                if let Some(attempt) = self.attempts.last_mut().filter(|attempt| attempt.conn == conn.0) {
                    attempt.stages.push((stage, at));
                }
            }
            Event::Opened { conn, .. } => {
                if let Some(attempt) = self.attempts.last_mut().filter(|attempt| attempt.conn == conn.0) {
                    attempt.opened = Some(at);
                }
            }
            Event::Closed { conn, cause, .. } => {
                if let Some(attempt) = self.attempts.last_mut().filter(|attempt| attempt.conn == conn.0) {
                    attempt.closed = Some(at);
                    attempt.end(self.texts.place(&cause.to_string()), is_clean(cause));
                }
            }
            // What comes with every message, and what the lanes show anyway.
            Event::Send { .. }
            | Event::Received { .. }
            | Event::Activity { .. }
            | Event::Wrote { .. }
            | Event::Flushed { .. }
            | Event::Pong { .. }
            | Event::PingFlushed { .. }
            | Event::TimerFired => {}
            other => {
                let (kind, carried) = tagged(other);
                self.mark(at, &kind, &words(&carried), false);
            }
        }
    }

    fn notice(&mut self, at: u64, told_at: Timestamp, notice: &Notice) {
        match notice {
            Notice::State(change) => self.enter(at, &change.to, change.decided),
            Notice::Verdict { id, verdict, .. } => {
                let handed_over = self.under_way.remove(id);
                if *verdict == Verdict::Confirmed {
                    self.confirm.extend(handed_over.map(|then| (at, at - then)));
                }
                let kind = match tagged(verdict) {
                    (name, Value::String(why)) => self.texts.place(&format!("{name}: {why}")),
                    (name, _) => self.texts.place(&name),
                };
                self.verdicts.push((at, kind));
            }
            Notice::Refused { why, .. } => {
                let kind = self.texts.place(&format!("refused: {}", tagged(why).0));
                self.verdicts.push((at, kind));
            }
            other => {
                let (kind, carried) = tagged(other);
                self.mark(at, &kind, &words(&carried), true);
            }
        }
        let begin = self.begin.unwrap_or_default();
        self.story.extend(self.narrator.tell(told_at, notice, None).into_iter().map(|line| since(line, begin)));
    }

    /// Another state, and what it says of the attempt before it.
    fn enter(&mut self, at: u64, state: &State, decided: Option<steadfast_core::Decided>) {
        let (name, carried) = tagged(state);
        let mut text = state_words(state);
        let decided = decision(decided);
        if !decided.is_empty() {
            text = format!("{text}; decided: {}", decided.trim_end_matches([',', ' ']));
        }
        let band = Band { at, state: self.texts.place(&name), text: self.texts.place(&text) };
        self.bands.push(band);
        if let (Some((cause, clean)), Some(attempt)) = (cause(&carried), self.attempts.last_mut()) {
            attempt.end(self.texts.place(&cause), clean);
        }
    }

    fn mark(&mut self, at: u64, kind: &str, text: &str, loud: bool) {
        let (kind, text) = (self.texts.place(kind), self.texts.place(text));
        // What comes in crowds is one mark.
        if let Some(last) = self.marks.last_mut()
            && (last.kind, last.loud) == (kind, loud)
            && at - last.at < CROWD
        {
            last.count += 1;
            last.text = text;
        } else {
            self.marks.push(Mark { at, kind, text, count: 1, loud });
        }
    }

    fn into_incident(mut self, trace: &Trace, file: &str, session: &Session, differs: Option<String>) -> Incident {
        let end = self.begin.unwrap_or_default() + Duration::from_micros(self.last);
        let begin = self.begin.unwrap_or_default();
        self.story.extend(self.narrator.crowds(end).into_iter().map(|line| since(line, begin)));
        let span = self.last;
        let metrics = session.metrics();
        Incident {
            span,
            verdicts: Bins::of(&self.verdicts, span),
            texts: self.texts.list,
            bands: self.bands,
            attempts: self.attempts,
            rtt: thin(&self.rtt, span, |value| value),
            confirm: thin(&self.confirm, span, |value| value),
            deepest: self.outbox.iter().map(|(_, (messages, _))| *messages).max().unwrap_or_default(),
            outbox: thin(&self.outbox, span, |(messages, _)| messages.into())
                .into_iter()
                .map(|(at, (messages, bytes))| (at, messages, bytes))
                .collect(),
            marks: self.marks,
            file: file.to_owned(),
            seed: trace.seed(),
            events: trace.len() as u64,
            forgotten: trace.forgotten(),
            truncated: trace.truncated(),
            differs,
            digest: trace.digest(),
            open: metrics.time_in(StateKind::Open),
            metrics,
            story: self.story,
        }
    }
}

impl Attempt {
    /// It is over, or about to be; whatever is said of it later follows from that.
    const fn end(&mut self, cause: usize, clean: bool) {
        if self.cause.is_none() {
            self.cause = Some(cause);
            self.clean = clean;
        }
    }
}

/// Texts, each of them once.
#[derive(Debug, Default)]
struct Texts {
    list: Vec<String>,
    places: HashMap<String, usize>,
}

impl Texts {
    fn place(&mut self, text: &str) -> usize {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        self.list.push(text.to_owned());
        self.places.insert(text.to_owned(), self.list.len() - 1);
        self.list.len() - 1
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn since(mut line: Line, begin: Timestamp) -> Line {
    line.at = line.at.saturating_sub(begin - Timestamp::ZERO);
    line
}

/// What is of the same kind and follows within this many microseconds is one mark.
const CROWD: u64 = 2_000;
