//! Tokens that there are not, or that nobody wants.

use std::time::Duration;

use steadfast_core::{
    Message, State, StateKind,
    config::{Credentials as Wanted, Renewal},
};
use steadfast_mio::{Client, Credentials, SourceError, Token};
use steadfast_sim::mock::MockServer;

use super::{SOON, config, documented, see, see_with};

/// What comes of an attempt with tokens from this source.
fn with_tokens_from(fetch: impl Fn() -> Result<Token, SourceError> + Send + Sync + 'static) {
    let server = MockServer::echo();
    let config = config().build().expect("a configuration");
    let credentials = Credentials::fetched_by(move |_| fetch());
    documented(&see(Client::builder(&server.url()).config(config).credentials(credentials)));
}

#[test]
fn the_source_fails() {
    with_tokens_from(|| Err(SourceError::retry("the token endpoint said 503")));
    with_tokens_from(|| panic!("the source of this test panics"));
}

#[test]
fn the_source_says_no_for_good() {
    with_tokens_from(|| Err(SourceError::final_word("the refresh token was revoked")));
}

#[test]
fn the_token_does_not_fit_its_place() {
    with_tokens_from(|| Ok(Token::new("abcdefg\n")));
    with_tokens_from(|| Ok(Token::new("")));
}

#[test]
fn the_token_has_expired() {
    with_tokens_from(|| Ok(Token::new("old").expires_in(Duration::ZERO)));
}

#[test]
fn the_source_hangs() {
    let server = MockServer::echo();
    let wanted = Wanted { fetch_timeout: Duration::from_millis(20), ..Wanted::default() };
    let config = config().credentials(Some(wanted)).build().expect("a configuration");
    let (hold, over) = std::sync::mpsc::channel::<()>();
    let over = std::sync::Mutex::new(over);
    let credentials = Credentials::fetched_by(move |_| {
        let _ = over.lock().expect("no panic").recv();
        Err(SourceError::retry("too late"))
    });
    documented(&see(Client::builder(&server.url()).config(config).credentials(credentials)));
    drop(hold);
}

#[test]
fn there_is_no_source() {
    let server = MockServer::echo();
    let config = config().credentials(Some(Wanted::default())).build().expect("a configuration");
    documented(&see(Client::builder(&server.url()).config(config)));
}

#[test]
fn nobody_makes_the_first_message() {
    let server = MockServer::echo();
    let wanted = Wanted { renewal: Renewal::Message, ..Wanted::default() };
    let config = config().credentials(Some(wanted)).build().expect("a configuration");
    let credentials = Credentials::fetched_by(|_| Ok(Token::new("token")));
    let builder = Client::builder(&server.url()).config(config).credentials(credentials);
    documented(&see_with(builder, |client| {
        assert!(client.state().wait_for(SOON, |state| state.kind() == StateKind::Open).is_some());
        client.refresh_credentials();
    }));
}

#[test]
fn the_answer_to_the_first_message_was_no() {
    let server = MockServer::echo();
    let config = config().build().expect("a configuration");
    let credentials = Credentials::fetched_by(|_| Ok(Token::new("token"))).first_message(|_| Message::text("token"));
    let builder = Client::builder(&server.url()).config(config).credentials(credentials);
    documented(&see_with(builder, |client| {
        let open = client.state().wait_for(SOON, |state| state.kind() == StateKind::Open);
        let Some(State::Open { conn, .. }) = open else { panic!("not open in time") };
        client.credentials_rejected(conn);
    }));
}
