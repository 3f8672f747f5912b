//! Sources that fail in every way: each costs a wait, and none a thread, a connection or a request.

use std::time::{Duration, SystemTime};

use steadfast_core::{
    Cause, CredentialsKind, Notice, State, StateKind, StopCause,
    config::{ConfigBuilder, Credentials},
};
use steadfast_mio::{Failure, SourceError, Token};
use steadfast_sim::mock::Accept;

use super::source::{Source, Step};
use crate::{
    case::{Case, config},
    client::Client,
};

over_everything!(only over tcp:
    a_fetch_that_fails_is_made_again,
    a_fetch_that_hangs_is_given_up,
    a_fetch_that_panics_has_failed,
    a_token_that_its_place_cannot_hold_is_never_sent,
    a_token_that_has_expired_already_is_never_sent,
    a_source_that_says_no_for_good_ends_the_session,
    a_configuration_without_a_source_says_so,
);

/// A configuration that retries after 10 ms, and gives a fetch 50 ms.
fn impatient() -> ConfigBuilder {
    config().credentials(Some(Credentials { fetch_timeout: Duration::from_millis(50), ..Credentials::default() }))
}

/// Has a client connect in spite of such a beginning; what the session said of that.
fn in_spite_of(case: Case, step: Step, config: ConfigBuilder) -> (CredentialsKind, Option<String>) {
    let server = case.by_hand();
    let source = Source::of([step, Step::Brings(Token::new("good"))]);
    let client = case.connect_to(source.endpoint(case, &server), config);
    let failed = fetch_failed(&client);
    let mut incoming = server.incoming();
    let request = incoming.request();
    assert_eq!(request.header("authorization"), Some("Bearer good"));
    assert_eq!(request.header("x-injected"), None);
    let _conn = incoming.accept(&Accept::new());
    client.wait_for(StateKind::Open);
    assert_eq!(server.accepted(), 1);
    failed
}

/// The next notice of a fetch that failed.
fn fetch_failed(client: &Client) -> (CredentialsKind, Option<String>) {
    loop {
        let noticed = client.notice();
        if let Notice::CredentialsFailed { kind, .. } = noticed.notice {
            return (kind, noticed.failure.map(|failure| failure.to_string()));
        }
    }
}

fn a_fetch_that_fails_is_made_again(case: Case) {
    let (kind, text) = in_spite_of(case, Step::Fails(SourceError::retry("the token endpoint said 503")), config());
    assert_eq!((kind, text.as_deref()), (CredentialsKind::Failed, Some("credentials: the token endpoint said 503")));
}

fn a_fetch_that_hangs_is_given_up(case: Case) {
    assert_eq!(in_spite_of(case, Step::Hangs, impatient()), (CredentialsKind::TimedOut, None));
}

fn a_fetch_that_panics_has_failed(case: Case) {
    let (kind, text) = in_spite_of(case, Step::Panics, config());
    assert_eq!((kind, text.as_deref()), (CredentialsKind::Failed, Some("credentials: the callback panicked")));
}

fn a_token_that_its_place_cannot_hold_is_never_sent(case: Case) {
    for (token, found) in [("hunter2\r\nX-Injected: 1", "a line break at byte 8"), ("", "the token is empty")] {
        let (kind, text) = in_spite_of(case, Step::Brings(Token::new(token)), config());
        let text = text.expect("what is wrong with it");
        assert_eq!(kind, CredentialsKind::Failed);
        assert!(text.contains(found) && !text.contains("hunter2"), "{text}");
    }
}

fn a_token_that_has_expired_already_is_never_sent(case: Case) {
    let an_hour_ago = SystemTime::now() - Duration::from_hours(1);
    for token in [Token::new("old").expires_in(Duration::ZERO), Token::new("old").expires_at(an_hour_ago)] {
        assert_eq!(in_spite_of(case, Step::Brings(token), config()), (CredentialsKind::Expired, None));
    }
}

fn a_source_that_says_no_for_good_ends_the_session(case: Case) {
    let server = case.by_hand();
    let source = Source::of([Step::Fails(SourceError::final_word("the refresh token was revoked"))]);
    let client = case.connect_to(source.endpoint(case, &server), config());
    assert_refused(&client, "the refresh token was revoked");
    assert_eq!(server.accepted(), 0);
}

fn a_configuration_without_a_source_says_so(case: Case) {
    let server = case.by_hand();
    let client = case.connect_to(case.endpoint(&server.url()), config().credentials(Some(Credentials::default())));
    assert_refused(&client, "expected an endpoint with `credentials`");
}

fn assert_refused(client: &Client, why: &str) {
    let state = client.wait_for(StateKind::Stopped);
    let cause = StopCause::Terminal(Cause::Credentials(CredentialsKind::Refused));
    assert_eq!(state, State::Stopped { cause });
    let end = client.end();
    assert!(matches!(end.failure.as_deref(), Some(Failure::Credentials { .. })), "{end:?}");
    assert!(end.text().contains(why), "{end:?}");
}
