//! Spans and events for `tracing`. Their names and fields are documented in docs/observability.md.

use steadfast_core::{Cause, ConnId, Decided, Event, Metrics, Notice, Session, State, Timestamp, Watermark};
use tracing::{Level, Span, event, field, span};

use super::words::{cause, code, detail, kebab};
use crate::{endpoint::Endpoint, pump::SessionId};

/// Of what program parts all spans and events are, for filters.
const TARGET: &str = "steadfast";

/// The spans that a session is in.
#[derive(Debug)]
pub(super) struct Spans {
    session: Span,
    /// That of the connection, or the attempt; of none between them.
    connection: Span,
    conn: Option<ConnId>,
    /// What has been told of verdicts.
    told: Counts,
    /// A connection ended, or the session did: what became of messages is worth a line.
    ended: bool,
}

/// What became of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Counts {
    confirmed: u64,
    written: u64,
    in_doubt: u64,
    dropped: u64,
    kept: u64,
    refused: u64,
    resent: u64,
}

impl Spans {
    pub(super) fn new(id: SessionId, endpoint: &Endpoint) -> Self {
        // Neither path nor query nor headers: that is where tokens are.
        let session = span!(
            target: TARGET,
            Level::INFO,
            "session",
            session = id.slot,
            serial = id.serial,
            host = endpoint.host(),
            port = endpoint.port(),
            secure = endpoint.is_secure(),
        );
        Self { session, connection: Span::none(), conn: None, told: Counts::default(), ended: false }
    }

    #[inline]
    pub(super) fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Dialing { conn, stage } if self.conn == Some(*conn) => {
                let stage = stage.to_string().to_lowercase();
                event!(name: "stage", target: TARGET, parent: &self.connection, Level::DEBUG, stage, "connecting: another stage");
            }
            Event::Opened { conn, can_ping } if self.conn == Some(*conn) => {
                event!(name: "opened", target: TARGET, parent: &self.connection, Level::DEBUG, can_ping, "the WebSocket is open");
            }
            Event::Resumed { gap } => {
                event!(name: "resumed", target: TARGET, parent: &self.session, Level::INFO, gap_ms = millis(*gap), "the process was suspended");
            }
            Event::Network(network) => {
                event!(name: "network", target: TARGET, parent: &self.session, Level::INFO, network = kebab(network), "the network, by the application's word");
            }
            // Of credentials the session knows but the number of their fetch.
            Event::Credentials { epoch, result } => {
                let (fetched, error) = (result.is_ok(), result.err().map(|error| kebab(&error)));
                event!(name: "credentials", target: TARGET, parent: &self.session, Level::INFO, epoch = epoch.0, fetched, error, "what became of a fetch of credentials");
            }
            Event::SwitchIdentity { .. } => {
                event!(name: "identity", target: TARGET, parent: &self.session, Level::INFO, "the application acts for somebody else");
            }
            Event::Visibility(visibility) => {
                event!(name: "visibility", target: TARGET, parent: &self.session, Level::INFO, visibility = kebab(visibility), "whether people see the application");
            }
            _ => {}
        }
    }

    /// Where the attempt goes of which the state has told.
    pub(super) fn connecting(&self, endpoint: &Endpoint) {
        self.connection.record("host", endpoint.host());
        self.connection.record("port", endpoint.port());
        self.connection.record("secure", endpoint.is_secure());
    }

    #[inline]
    pub(super) fn notice(&mut self, now: Timestamp, notice: &Notice) {
        match notice {
            // These come with every message: they are counted, and told when a connection ends.
            Notice::Verdict { .. } | Notice::Refused { .. } => {}
            other => self.seldom(now, other),
        }
    }

    #[inline(never)]
    fn seldom(&mut self, now: Timestamp, notice: &Notice) {
        let session = &self.session;
        match notice {
            Notice::State(change) => {
                self.state(now, &kebab(&change.from), &change.to, change.decided);
            }
            Notice::PongMissed { missed, .. } => {
                event!(name: "pong_missed", target: TARGET, parent: &self.connection, Level::WARN, missed, "a ping went unanswered");
            }
            Notice::Stable { .. } => {
                event!(name: "stable", target: TARGET, parent: &self.connection, Level::DEBUG, "the next failure starts the backoff afresh");
            }
            Notice::LongOutage { since } => {
                let outage_ms = millis(now - *since);
                event!(name: "long_outage", target: TARGET, parent: session, Level::WARN, outage_ms, "no open connection for long");
            }
            Notice::Exhausted { attempts, elapsed } => {
                event!(name: "exhausted", target: TARGET, parent: session, Level::ERROR, attempts, elapsed_ms = millis(*elapsed), "gave up");
            }
            Notice::Watermark { mark, messages, bytes } => {
                let high = *mark == Watermark::High;
                event!(name: "watermark", target: TARGET, parent: session, Level::WARN, high, messages, bytes, "the outbox passed a mark");
            }
            // The state that follows may be that of another attempt, and say nothing of this one's end.
            Notice::CredentialsRejected { epoch, cause: why } => {
                event!(
                    name: "credentials_rejected",
                    target: TARGET,
                    parent: session,
                    Level::WARN,
                    epoch = epoch.0,
                    cause = kebab(&why.kind()),
                    detail = detail(why),
                    code = code(why),
                    "the server rejected credentials"
                );
            }
            Notice::NotCancelled { .. } => {}
            // Its name alone: what it carries may be anything.
            other => {
                event!(name: "notice", target: TARGET, parent: session, Level::DEBUG, notice = kebab(other), "the session says");
            }
        }
    }

    fn state(&mut self, now: Timestamp, from: &str, to: &State, decided: Option<Decided>) {
        if let State::Connecting { conn, attempt } = to {
            self.conn = Some(*conn);
            self.connection = span!(
                target: TARGET,
                parent: &self.session,
                Level::INFO,
                "connection",
                conn = conn.0,
                attempt,
                host = field::Empty,
                port = field::Empty,
                secure = field::Empty,
            );
        }
        let parent = if self.conn.is_some() { &self.connection } else { &self.session };
        let why = cause(to);
        let reason = if let State::Authorizing { reason, .. } = to { Some(kebab(reason)) } else { None };
        let wait_ms = if let State::Waiting { until, .. } = to { Some(millis(*until - now)) } else { None };
        event!(
            name: "state",
            target: TARGET,
            parent: parent,
            Level::INFO,
            from,
            to = kebab(&to.kind()),
            cause = why.map(|cause| kebab(&cause.kind())),
            detail = why.map(detail),
            code = why.and_then(code),
            stage = why.and_then(Cause::stage).map(|stage| stage.to_string().to_lowercase()),
            decision = decided.map(|decided| kebab(&decided.decision)),
            decided_by = decided.map(|decided| kebab(&decided.by)),
            wait_ms,
            reason,
            "the state changed"
        );
        if !matches!(to, State::Connecting { .. } | State::Open { .. } | State::Closing { .. }) {
            self.ended = true;
            self.conn = None;
            self.connection = Span::none();
        }
    }

    #[inline]
    pub(super) fn turn_over(&mut self, session: &Session) {
        if std::mem::take(&mut self.ended) {
            self.account(&session.metrics());
        }
    }

    #[inline(never)]
    fn account(&mut self, metrics: &Metrics) {
        let verdicts = &metrics.verdicts;
        let now = Counts {
            confirmed: verdicts.confirmed,
            written: verdicts.written,
            in_doubt: verdicts.in_doubt,
            dropped: verdicts.dropped,
            kept: verdicts.kept,
            refused: metrics.refused,
            resent: metrics.resent,
        };
        let then = std::mem::replace(&mut self.told, now);
        if now != then {
            event!(
                name: "verdicts",
                target: TARGET,
                parent: &self.session,
                Level::INFO,
                confirmed = now.confirmed - then.confirmed,
                written = now.written - then.written,
                in_doubt = now.in_doubt - then.in_doubt,
                dropped = now.dropped - then.dropped,
                kept = now.kept - then.kept,
                refused = now.refused - then.refused,
                resent = now.resent - then.resent,
                queued = metrics.outbox_messages,
                "what became of messages since the last time"
            );
        }
    }
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
