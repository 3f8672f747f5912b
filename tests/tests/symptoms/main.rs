//! What the guides to symptoms and proxies say that one sees is what one sees: each symptom is brought about, and its words are
//! looked for.

mod connecting;
mod credentials;
mod lost;
mod messages;
mod proxies;
mod secure;
mod stores;

use std::{fmt, time::Duration};

use steadfast_core::{
    Cause, Decision, Notice, State, StopCause,
    config::{Backoff, Config, ConfigBuilder},
};
use steadfast_mio::{Client, ClientBuilder, Failure};

/// A bound that only a failure reaches.
const SOON: Duration = Duration::from_secs(20);

/// What one sees of a connection, or an attempt, that is over.
struct Seen {
    cause: Cause,
    failure: Option<String>,
    decision: Option<Decision>,
}

impl fmt::Display for Seen {
    /// As the guide has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "cause     {}", self.cause)?;
        if let Some(failure) = &self.failure {
            writeln!(f, "failure   {}", anonymous(failure))?;
        }
        match self.decision {
            Some(decision) => writeln!(f, "decision  {decision:?}"),
            None => Ok(()),
        }
    }
}

/// A configuration with nothing in it that the symptom does not need, and no second attempt.
fn config() -> ConfigBuilder {
    Config::builder().backoff(Backoff { max_attempts: Some(0), ..Backoff::default() })
}

/// Connects, and waits until that, or the connection, is over.
fn see(builder: ClientBuilder) -> Seen {
    see_with(builder, |_| {})
}

/// The same; `use_it` is what the application does meanwhile.
fn see_with(mut builder: ClientBuilder, use_it: impl FnOnce(&Client)) -> Seen {
    let notices = builder.notices();
    let client = builder.connect().expect("a client");
    use_it(&client);
    let mut of_a_fetch = None;
    loop {
        let news = notices.receive_timeout(SOON).expect("the connection ends");
        if let Notice::CredentialsFailed { .. } = news.notice {
            of_a_fetch.clone_from(&news.failure);
        }
        let Notice::State(change) = news.notice else { continue };
        let State::Stopped { cause: StopCause::Terminal(cause) | StopCause::Exhausted(cause) } = change.to else {
            continue;
        };
        let failure = news.failure.or(of_a_fetch).as_deref().map(Failure::to_string);
        return Seen { cause, failure, decision: change.decided.map(|decided| decided.decision) };
    }
}

/// Looks for what was seen in the guides.
#[track_caller]
fn documented(seen: &Seen) {
    says(&seen.to_string());
}

/// Looks for words in the guides.
#[track_caller]
fn says(words: &str) {
    let guides = [include_str!("../../../docs/symptoms.md"), include_str!("../../../docs/proxies.md")];
    assert!(guides.iter().any(|guide| guide.contains(words)), "no guide says:\n{words}");
}

/// The text with `192.0.2.7:443` in place of an address of the test's, and without the time of the test.
fn anonymous(text: &str) -> String {
    let mut pieces = text.split("127.0.0.1:");
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        shown.push_str("192.0.2.7:443");
        shown.push_str(piece.trim_start_matches(|letter: char| letter.is_ascii_digit()));
    }
    match shown.split_once("and it is ") {
        Some((before, _)) => format!("{before}and it is …"),
        None => shown,
    }
}
