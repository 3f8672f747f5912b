//! What a session tells, in lines that a person can follow.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use steadfast_core::{
    BreakerState, Cause, CredentialsKind, Decided, DecidedBy, Decision, EndpointId, IoKind, Notice, State, StopCause,
    Timestamp, Verdict, Watermark,
};
use steadfast_mio::Failure;

use crate::{
    paint::{Paint, Tone},
    words::{count, messages, span},
};

/// One line of a timeline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    /// When, from the beginning.
    pub(crate) at: Duration,
    /// Its kind, in a word or two.
    pub(crate) label: Cow<'static, str>,
    /// The colour of its label.
    pub(crate) tone: Tone,
    /// What happened.
    pub(crate) text: String,
}

impl Line {
    /// The line with its columns aligned: `+  3.214s  lost       connection reset → retry, attempt 2 in 180 ms`.
    pub(crate) fn show(&self, paint: Paint) -> String {
        let at = format!("+{:>3}.{:03}s", self.at.as_secs(), self.at.subsec_millis());
        let label = format!("{:<10}", self.label);
        format!("{}  {} {}", paint.text(Tone::Dim, &at), paint.text(self.tone, &label), self.text)
    }
}

/// Makes lines of notices. Verdicts and refusals come in crowds: they are counted, and told with the next change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Narrator {
    /// The attempt under way, or the last one.
    attempt: u32,
    /// Whether the connection that ended, or is ending, had been open.
    was_open: bool,
    /// Since when there has been no open connection; `None` before the first.
    lost_at: Option<Timestamp>,
    /// Whether an attempt waits for credentials: what becomes of their fetch is told with it.
    fetching: bool,
    /// How credentials were rejected, for the state that follows to tell.
    rejected: Option<Box<Cause>>,
    in_doubt: u64,
    /// Refused and dropped messages by their reason.
    unsent: BTreeMap<String, u64>,
}

impl Narrator {
    /// The lines that this notice is worth; `failure` is what the driver saw behind it.
    pub(crate) fn tell(&mut self, at: Timestamp, notice: &Notice, failure: Option<&Failure>) -> Vec<Line> {
        let told = match notice {
            Notice::Verdict { verdict, .. } => {
                self.count(*verdict);
                return Vec::new();
            }
            Notice::Refused { why, .. } => {
                *self.unsent.entry(format!("refused: {why:?}")).or_default() += 1;
                return Vec::new();
            }
            Notice::State(change) => self.state(at, &change.to, change.decided, failure),
            Notice::NotCancelled { id, why } => {
                Some(("outbox", Tone::Warn, format!("{id} was not cancelled: {why:?}")))
            }
            Notice::HeartbeatRefused(error) => Some(("heartbeat", Tone::Warn, format!("refused: {error}"))),
            Notice::PongMissed { missed, .. } => {
                Some(("silence", Tone::Warn, format!("a ping went unanswered, {missed} in a row")))
            }
            Notice::Stable { conn } => {
                Some(("stable", Tone::Dim, format!("{conn}: the next failure starts the backoff afresh")))
            }
            Notice::LongOutage { since } => {
                Some(("outage", Tone::Bad, format!("no open connection for {}", span(at - *since))))
            }
            Notice::Exhausted { attempts, elapsed } => {
                Some(("gave up", Tone::Bad, format!("after {attempts} attempts in {}", span(*elapsed))))
            }
            Notice::Watermark { mark, messages, bytes } => Some((
                "outbox",
                Tone::Warn,
                format!(
                    "{}: {} messages, {} bytes",
                    if *mark == Watermark::High { "above its high mark" } else { "below its low mark again" },
                    count((*messages).into()),
                    count(*bytes),
                ),
            )),
            // The attempt itself is told with what becomes of it; what is stored comes in crowds.
            Notice::EndpointChosen { .. } | Notice::Accepted { .. } => None,
            Notice::Endpoint { endpoint, breaker } => Some(self::breaker(at, *endpoint, *breaker)),
            Notice::CredentialsRefreshed { expires_in, .. } => Some(("token", Tone::Dim, fetched(*expires_in))),
            Notice::CredentialsFailed { .. } if self.fetching => None,
            Notice::CredentialsFailed { kind, .. } => {
                let detail = failure.and_then(detail).unwrap_or_default();
                Some(("token", Tone::Warn, format!("{}{detail}", Cause::Credentials(*kind))))
            }
            // On a connection that stays open.
            Notice::CredentialsRejected { cause, .. }
                if **cause == REJECTED_IN_A_MESSAGE && self.was_open && self.lost_at.is_none() =>
            {
                Some(("token", Tone::Warn, cause.to_string()))
            }
            Notice::CredentialsRejected { cause, .. } => {
                self.rejected = Some(cause.clone());
                None
            }
            Notice::IdentityChanged { identity } => Some(("identity", Tone::Plain, format!("{identity} from here on"))),
            other => Some(("notice", Tone::Plain, format!("{other:?}"))),
        };
        let mut lines = Vec::new();
        if let Some((label, tone, text)) = told {
            lines.push(line(at, label, tone, text));
            lines.extend(self.crowds(at));
        }
        lines
    }

    /// The lines for the verdicts and refusals that came since the last change.
    pub(crate) fn crowds(&mut self, at: Timestamp) -> Vec<Line> {
        let mut lines = Vec::new();
        let in_doubt = std::mem::take(&mut self.in_doubt);
        if in_doubt > 0 {
            let text = format!("{}: handed over, and not confirmed before the break", messages(in_doubt));
            lines.push(line(at, "in doubt", Tone::Warn, text));
        }
        for (why, number) in std::mem::take(&mut self.unsent) {
            lines.push(line(at, "unsent", Tone::Warn, format!("{} {why}", messages(number))));
        }
        lines
    }

    fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Confirmed | Verdict::Written | Verdict::Kept => {}
            Verdict::InDoubt => self.in_doubt += 1,
            Verdict::Dropped(why) => *self.unsent.entry(format!("dropped: {why:?}")).or_default() += 1,
        }
    }

    fn state(
        &mut self,
        at: Timestamp,
        to: &State,
        decided: Option<Decided>,
        failure: Option<&Failure>,
    ) -> Option<(&'static str, Tone, String)> {
        let detail = failure.and_then(detail).unwrap_or_default();
        self.fetching = matches!(to, State::Authorizing { .. });
        let rejected = self.rejected.take();
        match to {
            State::Idle => None,
            State::Connecting { attempt, .. } => {
                self.attempt = *attempt;
                self.leave(at);
                let (label, tone) = self.ending();
                match rejected {
                    Some(cause) => Some((label, tone, at_once(&cause, &detail, decided, *attempt))),
                    // The waits that follow tell of the later ones.
                    None => (*attempt == 1 && self.lost_at.is_none())
                        .then(|| ("connecting", Tone::Plain, String::from("first attempt"))),
                }
            }
            State::Authorizing { attempt, .. } => {
                self.leave(at);
                let (label, tone) = self.ending();
                Some(match rejected {
                    Some(cause) => (label, tone, at_once(&cause, &detail, decided, *attempt)),
                    None => ("token", Tone::Plain, to.to_string()),
                })
            }
            State::Open { conn, .. } => {
                if std::mem::replace(&mut self.was_open, true) {
                    // Only the readiness has changed.
                    return None;
                }
                let back = self.lost_at.take().map(|lost| format!(", back after {}", span(at - lost)));
                let attempt = if self.attempt > 1 { format!(", attempt {}", self.attempt) } else { String::new() };
                Some(("open", Tone::Good, format!("{conn}{attempt}{}", back.unwrap_or_default())))
            }
            State::Closing { cause, .. } => {
                self.leave(at);
                let wanted = matches!(cause, Cause::Stopped | Cause::Credentials(_));
                wanted.then(|| ("closing", Tone::Plain, cause.to_string()))
            }
            State::Waiting { until, attempt, cause } => {
                self.leave(at);
                let (label, tone) = self.ending();
                let wait = span(*until - at);
                Some((label, tone, format!("{cause}{detail} → {}attempt {attempt} in {wait}", decision(decided))))
            }
            State::Offline { cause, .. } => {
                self.leave(at);
                self.was_open = false;
                let why = cause.as_ref().map(|cause| format!(" ({cause}{detail})")).unwrap_or_default();
                Some(("offline", Tone::Warn, format!("waiting for a network{why}")))
            }
            State::Background { cause, .. } => {
                self.leave(at);
                self.was_open = false;
                let why = cause.as_ref().map(|cause| format!(" ({cause}{detail})")).unwrap_or_default();
                Some(("background", Tone::Plain, format!("no attempts before the foreground{why}")))
            }
            State::Stopped { cause } => {
                self.was_open = false;
                // What came after the application's word is nobody's concern.
                let detail = if *cause == StopCause::Application { String::new() } else { detail };
                Some(("stopped", Tone::Strong, format!("{cause}{detail}")))
            }
            other => Some(("state", Tone::Plain, other.to_string())),
        }
    }

    /// An open connection is no longer one.
    fn leave(&mut self, at: Timestamp) {
        if self.was_open && self.lost_at.is_none() {
            self.lost_at = Some(at);
        }
    }

    /// How the end of the connection, or of the attempt, is called.
    fn ending(&mut self) -> (&'static str, Tone) {
        if std::mem::replace(&mut self.was_open, false) { ("lost", Tone::Bad) } else { ("failed", Tone::Warn) }
    }
}

fn line(at: Timestamp, label: &'static str, tone: Tone, text: String) -> Line {
    Line { at: at - Timestamp::ZERO, label: label.into(), tone, text }
}

/// How the breaker of one of several endpoints stands now. People count from one.
fn breaker(at: Timestamp, EndpointId(place): EndpointId, breaker: BreakerState) -> (&'static str, Tone, String) {
    let url = format!("URL {}", u32::from(place) + 1);
    match breaker {
        BreakerState::Open { until } => {
            ("endpoint", Tone::Warn, format!("{url} has failed too often, and is left alone for {}", span(until - at)))
        }
        BreakerState::HalfOpen => ("endpoint", Tone::Plain, format!("{url} is probed")),
        BreakerState::Closed => ("endpoint", Tone::Good, format!("{url} is well again")),
    }
}

/// An attempt that follows at once, with other credentials.
fn at_once(cause: &Cause, detail: &str, decided: Option<Decided>, attempt: u32) -> String {
    format!("{cause}{detail} → {}attempt {attempt} at once", decision(decided))
}

/// Credentials have come, and are good for so long.
fn fetched(expires_in: Option<Duration>) -> String {
    expires_in.map_or_else(|| String::from("fetched"), |left| format!("fetched, good for {}", span(left)))
}

/// What the cause does not say, ready to stand behind it.
fn detail(failure: &Failure) -> Option<String> {
    if let Failure::Credentials { text, .. } = failure {
        return Some(format!(": {text}"));
    }
    // Of most failures of a stream the kind says it all.
    let vague = [IoKind::Other, IoKind::Unreachable, IoKind::Exhausted];
    let said = matches!(failure, Failure::Io { kind, .. } | Failure::Dial { kind, .. } if !vague.contains(kind));
    (!said).then(|| format!(": {failure}"))
}

/// What was decided, ready to stand before "attempt 2 in 180 ms".
pub(crate) fn decision(decided: Option<Decided>) -> String {
    let Some(Decided { decision, by }) = decided else { return String::new() };
    let by = match by {
        DecidedBy::Rule(index) => format!(" (rule {index})"),
        DecidedBy::RetryAfter => String::from(" (the server's word)"),
        _ => String::new(),
    };
    match decision {
        Decision::Terminal => format!("final{by}, "),
        Decision::Retry => format!("retry{by}, "),
        Decision::RetryAfter { floor, .. } => format!("retry not before {}{by}, ", span(floor)),
        Decision::RefreshCredentials => format!("new credentials{by}, "),
        Decision::NextEndpoint => format!("next endpoint{by}, "),
    }
}

/// How the application says that the server rejected credentials.
const REJECTED_IN_A_MESSAGE: Cause = Cause::Credentials(CredentialsKind::Rejected);

#[cfg(test)]
mod tests {
    use steadfast_core::{
        CloseCode, CloseFrame, ConnId, Dropped, Epoch, FetchReason, IoKind, MessageId, StateKind, StopCause, Transition,
    };

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000)
    }

    fn change(from: StateKind, to: State) -> Notice {
        let decided =
            matches!(to, State::Waiting { .. }).then_some(Decided { decision: Decision::Retry, by: DecidedBy::Table });
        Notice::State(Box::new(Transition { from, to, decided }))
    }

    fn told(narrator: &mut Narrator, at: Timestamp, notice: &Notice) -> Vec<String> {
        narrator.tell(at, notice, None).iter().map(|line| line.show(Paint::OFF)).collect()
    }

    #[test]
    fn a_break_reads_as_cause_decision_and_wait() {
        let mut narrator = Narrator::default();
        let conn = ConnId(1);
        assert_eq!(
            told(&mut narrator, at(1), &change(StateKind::Idle, State::Connecting { conn, attempt: 1 })),
            ["+  0.001s  connecting first attempt"]
        );
        assert_eq!(
            told(&mut narrator, at(2), &change(StateKind::Connecting, State::Open { conn, ready: true })),
            ["+  0.002s  open       conn 1"]
        );
        let waiting = |until, attempt, kind| State::Waiting { until, attempt, cause: Cause::Io(kind) };
        assert_eq!(
            told(&mut narrator, at(3_214), &change(StateKind::Open, waiting(at(3_394), 2, IoKind::Reset))),
            ["+  3.214s  lost       connection reset → retry, attempt 2 in 180 ms"]
        );
        let conn = ConnId(2);
        told(&mut narrator, at(3_394), &change(StateKind::Waiting, State::Connecting { conn, attempt: 2 }));
        assert_eq!(
            told(&mut narrator, at(3_395), &change(StateKind::Connecting, waiting(at(4_000), 3, IoKind::Refused))),
            ["+  3.395s  failed     connection refused → retry, attempt 3 in 605 ms"]
        );
        told(&mut narrator, at(4_000), &change(StateKind::Waiting, State::Connecting { conn, attempt: 3 }));
        assert_eq!(
            told(&mut narrator, at(4_214), &change(StateKind::Connecting, State::Open { conn, ready: true })),
            ["+  4.214s  open       conn 2, attempt 3, back after 1.00 s"]
        );
    }

    #[test]
    fn a_connection_that_is_dropped_by_the_session_counts_as_lost() {
        let mut narrator = Narrator::default();
        let conn = ConnId(1);
        told(&mut narrator, at(0), &change(StateKind::Connecting, State::Open { conn, ready: true }));
        let cause = Cause::HeartbeatTimeout;
        let closing = State::Closing { conn, cause: cause.clone() };
        assert!(told(&mut narrator, at(1_000), &change(StateKind::Open, closing)).is_empty());
        let lines = told(
            &mut narrator,
            at(1_001),
            &change(StateKind::Closing, State::Waiting { until: at(1_101), attempt: 2, cause }),
        );
        assert!(lines[0].contains("lost"), "{lines:?}");
    }

    #[test]
    fn a_rejection_that_is_answered_at_once_reads_as_a_break() {
        let mut narrator = Narrator::default();
        let conn = ConnId(1);
        told(&mut narrator, at(0), &change(StateKind::Connecting, State::Open { conn, ready: true }));
        let cause = Box::new(Cause::Closed(CloseFrame::new(CloseCode(4_401), "expired")));
        assert!(told(&mut narrator, at(1_000), &Notice::CredentialsRejected { epoch: Epoch(1), cause }).is_empty());
        let decided = Some(Decided { decision: Decision::RefreshCredentials, by: DecidedBy::Credentials });
        let to = State::Authorizing { attempt: 1, reason: FetchReason::Rejected };
        let fetching = Notice::State(Box::new(Transition { from: StateKind::Open, to, decided }));
        assert_eq!(
            told(&mut narrator, at(1_000), &fetching),
            ["+  1.000s  lost       closed by the server with 4401 (expired) → new credentials, attempt 1 at once"]
        );
        let fetched = Notice::CredentialsRefreshed { epoch: Epoch(2), expires_in: Some(Duration::from_secs(90)) };
        assert_eq!(told(&mut narrator, at(1_100), &fetched).len(), 1);
        let conn = ConnId(2);
        told(&mut narrator, at(1_100), &change(StateKind::Authorizing, State::Connecting { conn, attempt: 1 }));
        assert_eq!(
            told(&mut narrator, at(1_200), &change(StateKind::Connecting, State::Open { conn, ready: true })),
            ["+  1.200s  open       conn 2, back after 200 ms"]
        );
    }

    #[test]
    fn a_fetch_that_fails_is_told_once() {
        let failed = Notice::CredentialsFailed { epoch: Epoch(1), kind: CredentialsKind::TimedOut };
        let mut narrator = Narrator::default();
        let to = State::Authorizing { attempt: 1, reason: FetchReason::First };
        told(&mut narrator, at(0), &change(StateKind::Idle, to));
        assert!(told(&mut narrator, at(1), &failed).is_empty(), "the wait that follows tells it");
        told(&mut narrator, at(1), &change(StateKind::Connecting, State::Open { conn: ConnId(1), ready: true }));
        assert_eq!(told(&mut narrator, at(2), &failed), ["+  0.002s  token      credentials: the fetch took too long"]);
    }

    #[test]
    fn coming_back_from_the_background_is_told() {
        let mut narrator = Narrator::default();
        told(&mut narrator, at(0), &change(StateKind::Connecting, State::Open { conn: ConnId(1), ready: true }));
        let background = State::Background { attempt: 1, cause: None };
        assert_eq!(
            told(&mut narrator, at(1_000), &change(StateKind::Closing, background)),
            ["+  1.000s  background no attempts before the foreground"]
        );
        let conn = ConnId(2);
        told(&mut narrator, at(3_000), &change(StateKind::Background, State::Connecting { conn, attempt: 1 }));
        assert_eq!(
            told(&mut narrator, at(3_000), &change(StateKind::Connecting, State::Open { conn, ready: true })),
            ["+  3.000s  open       conn 2, back after 2.00 s"]
        );
    }

    #[test]
    fn verdicts_are_told_as_a_crowd_with_the_next_change() {
        let mut narrator = Narrator::default();
        for id in 0..1_200 {
            let verdict = if id % 2 == 0 { Verdict::InDoubt } else { Verdict::Dropped(Dropped::ConnectionLost) };
            assert!(
                told(&mut narrator, at(1), &Notice::Verdict { id: MessageId(id), verdict, message: None }).is_empty()
            );
        }
        let stopped = change(StateKind::Open, State::Stopped { cause: StopCause::Application });
        assert_eq!(
            told(&mut narrator, at(2), &stopped),
            [
                "+  0.002s  stopped    by the application",
                "+  0.002s  in doubt   600 messages: handed over, and not confirmed before the break",
                "+  0.002s  unsent     600 messages dropped: ConnectionLost",
            ]
        );
        assert!(narrator.crowds(at(3)).is_empty());
    }

    #[test]
    fn what_exactly_was_wrong_stands_behind_the_cause() {
        let mut narrator = Narrator::default();
        let cause = Cause::Protocol(CloseCode::PROTOCOL_ERROR);
        let failure = Failure::Protocol(steadfast_core::wire::Violation::Masked);
        let notice = change(StateKind::Open, State::Waiting { until: at(300), attempt: 1, cause });
        let lines = narrator.tell(at(100), &notice, Some(&failure));
        assert_eq!(
            lines[0].text,
            "the server broke the protocol, told so with 1002: a masked frame: expected none from a server (RFC 6455 \
             §5.1) → retry, attempt 1 in 200 ms"
        );
        let failure = Failure::Io { kind: IoKind::Reset, text: String::from("os error 104") };
        assert!(!narrator.tell(at(100), &notice, Some(&failure))[0].text.contains("104"));
    }

    #[test]
    fn the_server_s_word_is_told() {
        let mut narrator = Narrator::default();
        let cause = Cause::Closed(CloseFrame::new(CloseCode::SERVICE_RESTART, ""));
        let floor = Duration::from_millis(250);
        let notice = Notice::State(Box::new(Transition {
            from: StateKind::Open,
            to: State::Waiting { until: at(400), attempt: 1, cause },
            decided: Some(Decided { decision: Decision::RetryAfter { floor, spread: floor }, by: DecidedBy::Rule(0) }),
        }));
        let lines = told(&mut narrator, at(100), &notice);
        assert!(lines[0].ends_with("with 1012 → retry not before 250 ms (rule 0), attempt 1 in 300 ms"), "{lines:?}");
    }
}
