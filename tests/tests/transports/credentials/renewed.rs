//! Tokens in messages, newer ones on a connection that is open, and somebody else's.

use std::time::Duration;

use steadfast_core::{
    Dropped, FetchReason, Identity, Message, StateKind, Verdict, Visibility,
    config::{Background, Credentials as Settings, Renewal},
};
use steadfast_mio::{Secret, Token};
use steadfast_sim::mock::Accept;

use super::{
    of,
    source::{Source, Step},
};
use crate::{
    case::{Case, config},
    client::Client,
};

over_everything!(only over tcp:
    the_first_message_carries_the_token_and_nothing_comes_before_the_servers_word,
    a_first_message_that_the_server_rejects_has_another_token_fetched,
    a_first_message_is_not_sent_to_where_a_redirect_leads,
    newer_tokens_are_presented_on_the_connection_there_is,
    a_token_is_renewed_ahead_of_its_expiry,
    newer_tokens_can_have_another_connection_made,
    a_failed_refresh_costs_no_connection,
    what_presents_a_token_may_panic,
    one_users_messages_are_never_sent_as_anothers,
    a_token_of_somebody_else_is_a_change_of_identity,
    in_the_background_the_connection_is_closed_and_in_the_foreground_another_made,
);

fn auth(secret: &Secret) -> Message<'static> {
    Message::text(format!("auth {}", secret.expose_text().unwrap_or_default()))
}

fn tokens(all: &[&str]) -> Source {
    Source::of(all.iter().map(|token| Step::Brings(Token::new(*token))))
}

fn the_first_message_carries_the_token_and_nothing_comes_before_the_servers_word(case: Case) {
    let server = case.by_hand();
    let source = tokens(&["one"]);
    let credentials = source.credentials(case).first_message(auth);
    let endpoint = case.endpoint(&server.url()).credentials(credentials).expect("room for a token");
    let client = case.connect_to(endpoint, config());
    let receipt = client.send("hello");
    for _ in 0..2 {
        let conn = server.accept_with(&Accept::new().expect_no_header("authorization"));
        conn.expect_text("auth one");
        conn.expect_silence(Duration::from_millis(20));
        conn.send_text("welcome");
        assert_eq!(client.receive_text(), "welcome");
        client.ready(client.conn());
        if server.accepted() == 1 {
            conn.expect_text("hello");
            assert!(receipt.wait().is_confirmed());
            conn.reset();
        }
    }
}

fn a_first_message_that_the_server_rejects_has_another_token_fetched(case: Case) {
    let server = case.by_hand();
    let source = tokens(&["one", "two"]);
    let credentials = source.credentials(case).first_message(auth);
    let endpoint = case.endpoint(&server.url()).credentials(credentials).expect("room for a token");
    let client = case.connect_to(endpoint, config());
    let conn = server.accept();
    conn.expect_text("auth one");
    conn.send_text("no");
    assert_eq!(client.receive_text(), "no");
    client.credentials_rejected(client.conn());
    server.accept().expect_text("auth two");
}

fn a_first_message_is_not_sent_to_where_a_redirect_leads(case: Case) {
    use steadfast_core::dial::redirect::Redirects;
    let (first, second) = (case.by_hand(), case.by_hand());
    let source = tokens(&["one"]);
    let endpoint = case.endpoint(&first.url()).redirects(Redirects::Follow { max: 1 });
    let endpoint = endpoint.credentials(source.credentials(case).first_message(auth)).expect("room for a token");
    let client = case.connect_to(endpoint, config());
    first.incoming().answer(&steadfast_sim::mock::Answer::redirect(307, &second.url()));
    let conn = second.accept();
    let end = client.end();
    assert!(end.text().contains("which is not whom they are for"), "{end:?}");
    conn.expect_end();
    assert_eq!(conn.record().texts().count(), 0);
}

fn newer_tokens_are_presented_on_the_connection_there_is(case: Case) {
    let server = case.by_hand();
    let source = tokens(&["one", "two"]);
    let credentials = source.credentials(case).renewed_by_message(auth);
    let endpoint = case.endpoint(&server.url()).credentials(credentials).expect("room for a token");
    let client = case.connect_to(endpoint, config());
    let conn = server.accept_with(&Accept::new().expect_header("authorization", "Bearer one"));
    client.wait_for(StateKind::Open);
    client.refresh_credentials();
    conn.expect_text("auth two");
    conn.reset();
    let _conn = server.accept_with(&Accept::new().expect_header("authorization", "Bearer two"));
}

fn a_token_is_renewed_ahead_of_its_expiry(case: Case) {
    let server = case.by_hand();
    let short = Token::new("one").expires_in(Duration::from_secs(2));
    let source = Source::of([Step::Brings(short), Step::Brings(Token::new("two"))]);
    let credentials = source.credentials(case).renewed_by_message(auth);
    let endpoint = case.endpoint(&server.url()).credentials(credentials).expect("room for a token");
    let _client = case.connect_to(endpoint, config());
    let conn = server.accept();
    conn.expect_text("auth two");
    assert_eq!([source.next().reason, source.next().reason], [FetchReason::First, FetchReason::Expiring]);
}

fn newer_tokens_can_have_another_connection_made(case: Case) {
    let server = case.by_hand();
    let source = tokens(&["one", "two"]);
    let settings = Settings { renewal: Renewal::Reconnect, ..Settings::default() };
    let client = case.connect_to(source.endpoint(case, &server), config().credentials(Some(settings)));
    let conn = server.accept();
    client.wait_for(StateKind::Open);
    client.refresh_credentials();
    conn.expect_close(1000);
    let _conn = server.accept_with(&Accept::new().expect_header("authorization", "Bearer two"));
}

fn a_failed_refresh_costs_no_connection(case: Case) {
    let server = case.by_hand();
    let source = Source::of([Step::Brings(Token::new("one")), Step::Panics]);
    let client = case.connect_to(source.endpoint(case, &server), config());
    let conn = server.accept();
    let first = client.conn();
    client.refresh_credentials();
    source.next();
    source.next();
    let receipt = client.send("still here");
    conn.expect_text("still here");
    assert!(receipt.wait().is_confirmed());
    assert_eq!(client.conn(), first);
    conn.reset();
    let _conn = server.accept_with(&Accept::new().expect_header("authorization", "Bearer one"));
}

fn what_presents_a_token_may_panic(case: Case) {
    let server = case.by_hand();
    let source = tokens(&["one"]);
    let credentials = source.credentials(case).first_message(|_| panic!("on purpose"));
    let endpoint = case.endpoint(&server.url()).credentials(credentials).expect("room for a token");
    let client = case.connect_to(endpoint, config());
    let conn = server.accept();
    let end = client.end();
    assert!(end.text().contains("panicked") && !end.last, "{end:?}");
    conn.expect_end();
}

/// What became of messages that were sent for somebody else.
fn assert_left_behind(receipts: &[crate::client::Receipt]) {
    for receipt in receipts {
        let verdict = receipt.wait().verdict();
        let left = [Verdict::InDoubt, Verdict::Dropped(Dropped::IdentityChanged)];
        assert!(verdict.is_some_and(|verdict| left.contains(&verdict)), "{verdict:?}");
    }
}

fn send_all(client: &Client, count: u32, what: &str) -> Vec<crate::client::Receipt> {
    (0..count).map(|n| client.send(format!("{what} {n}"))).collect()
}

fn one_users_messages_are_never_sent_as_anothers(case: Case) {
    let server = case.by_hand();
    let source = Source::of([Step::Brings(of(1, "ann's")), Step::Brings(of(2, "bob's"))]);
    let client = case.connect_to(source.endpoint(case, &server), config());
    let conn = server.accept_with(&Accept::new().expect_header("authorization", "Bearer ann's"));
    client.wait_for(StateKind::Open);
    // What was handed over is never answered for, and so is never confirmed.
    conn.freeze();
    let receipts = send_all(&client, 100, "ann's");
    client.switch_identity(Identity(2));
    let mine = client.send("bob's");
    conn.reset();
    let next = server.accept_with(&Accept::new().expect_header("authorization", "Bearer bob's"));
    next.expect_text("bob's");
    assert!(mine.wait().is_confirmed());
    assert_left_behind(&receipts);
    assert_eq!(next.record().texts().collect::<Vec<_>>(), ["bob's"]);
    assert_eq!(source.next().identity, None);
    assert_eq!(source.next().identity, Some(Identity(2)));
}

fn a_token_of_somebody_else_is_a_change_of_identity(case: Case) {
    let server = case.by_hand();
    let source = Source::of([Step::Brings(of(1, "ann's")), Step::Brings(of(2, "bob's"))]);
    let client = case.connect_to(source.endpoint(case, &server), config());
    let conn = server.accept();
    client.wait_for(StateKind::Open);
    conn.freeze();
    let receipts = send_all(&client, 10, "ann's");
    client.refresh_credentials();
    conn.reset();
    let mut next = server.incoming();
    // Whichever came first, the reset or the token: ann's messages went as hers or not at all.
    let is_anns = next.request().header("authorization") == Some("Bearer ann's");
    let conn = next.accept(&Accept::new());
    if is_anns {
        drop(conn);
        let bobs = server.accept_with(&Accept::new().expect_header("authorization", "Bearer bob's"));
        bobs.expect_silence(Duration::from_millis(20));
    } else {
        conn.expect_silence(Duration::from_millis(20));
        assert_left_behind(&receipts);
    }
}

fn in_the_background_the_connection_is_closed_and_in_the_foreground_another_made(case: Case) {
    let server = case.by_hand();
    let background = Background::Close { after: Duration::ZERO };
    let client = case.connect_to(case.endpoint(&server.url()), config().background(background));
    let conn = server.accept();
    client.wait_for(StateKind::Open);
    client.visibility(Visibility::Background);
    conn.expect_close(1001);
    client.wait_for(StateKind::Background);
    let receipt = client.send("waits");
    client.visibility(Visibility::Foreground);
    let conn = server.accept();
    conn.expect_text("waits");
    assert!(receipt.wait().is_confirmed());
}
