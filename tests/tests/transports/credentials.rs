//! Tokens over real sockets: where they arrive, when others are fetched, and that nobody else sees them.

mod failing;
mod handed_in;
mod hidden;
mod renewed;
mod source;

use std::time::Duration;

use steadfast_core::{FetchReason, Identity, StateKind, dial::redirect::Redirects};
use steadfast_mio::{Place, Token};
use steadfast_sim::mock::{Accept, Answer};

use self::source::{Source, Step};
use crate::case::{Case, config};

over_everything!(a_token_arrives_where_it_is_to_go);

mod without_tls {
    use super::*;

    over_everything!(only over tcp:
        a_status_of_401_has_another_token_fetched,
        a_close_with_4401_has_another_token_fetched,
        a_token_that_is_good_goes_with_every_connection,
        a_redirect_within_the_origin_takes_the_token_along,
        a_redirect_to_another_origin_leaves_the_token_behind,
    );
}

fn places() -> [Place; 4] {
    [
        Place::bearer(),
        Place::header("X-Key", "v1 ").expect("a place"),
        Place::query("token").expect("a place"),
        Place::subprotocol("bearer.").expect("a place"),
    ]
}

/// What a request says in each of the places.
fn placed(request: &steadfast_sim::mock::Request) -> [Option<&str>; 4] {
    let query = request.target().split_once('?').map(|(_, query)| query);
    let protocols = request.header("sec-websocket-protocol").and_then(|all| all.strip_prefix("chat, "));
    [request.header("authorization"), request.header("x-key"), query, protocols]
}

fn a_token_arrives_where_it_is_to_go(case: Case) {
    for (nth, place) in places().into_iter().enumerate() {
        let server = case.by_hand();
        let source = Source::of([Step::Brings(Token::new("to-ken"))]);
        let endpoint = case.endpoint(&server.url()).subprotocol("chat").expect("a subprotocol");
        let endpoint = endpoint.credentials(source.credentials(case).at(place)).expect("room for a token");
        let client = case.connect_to(endpoint, config());
        let mut incoming = server.incoming();
        let mut expected = [None; 4];
        expected[nth] = Some(["Bearer to-ken", "v1 to-ken", "token=to-ken", "bearer.to-ken"][nth]);
        assert_eq!(placed(incoming.request()), expected);
        let conn = incoming.accept(&Accept::new().subprotocol("chat"));
        let receipt = client.send("hello");
        conn.expect_text("hello");
        assert!(receipt.wait().is_confirmed());
        let wanted = source.next();
        assert_eq!((wanted.reason, wanted.identity), (FetchReason::First, None));
    }
}

fn a_status_of_401_has_another_token_fetched(case: Case) {
    let server = case.by_hand();
    let source = Source::of([Step::Brings(Token::new("one")), Step::Brings(Token::new("two"))]);
    let client = case.connect_to(source.endpoint(case, &server), config());
    let mut incoming = server.incoming();
    assert_eq!(incoming.request().header("authorization"), Some("Bearer one"));
    incoming.answer(&Answer::status(401));
    let conn = server.accept_with(&Accept::new().expect_header("authorization", "Bearer two"));
    let receipt = client.send("hello");
    conn.expect_text("hello");
    assert!(receipt.wait().is_confirmed());
    assert_eq!([source.next().reason, source.next().reason], [FetchReason::First, FetchReason::Rejected]);
}

fn a_close_with_4401_has_another_token_fetched(case: Case) {
    let server = case.by_hand();
    let source = Source::of([Step::Brings(Token::new("one")), Step::Brings(Token::new("two"))]);
    let _client = case.connect_to(source.endpoint(case, &server), config());
    server.accept_with(&Accept::new().expect_header("authorization", "Bearer one")).close(4401, "expired");
    let _conn = server.accept_with(&Accept::new().expect_header("authorization", "Bearer two"));
    assert_eq!([source.next().reason, source.next().reason], [FetchReason::First, FetchReason::Rejected]);
}

fn a_token_that_is_good_goes_with_every_connection(case: Case) {
    let server = case.by_hand();
    let source = Source::of([Step::Brings(Token::new("one").expires_in(Duration::from_hours(1)))]);
    let client = case.connect_to(source.endpoint(case, &server), config());
    for _ in 0..3 {
        let conn = server.accept_with(&Accept::new().expect_header("authorization", "Bearer one"));
        client.wait_for(StateKind::Open);
        conn.reset();
    }
    source.next();
    assert!(source.is_at_rest());
}

fn a_redirect_within_the_origin_takes_the_token_along(case: Case) {
    for (nth, place) in places().into_iter().enumerate() {
        let server = case.by_hand();
        let source = Source::of([Step::Brings(Token::new("to-ken"))]);
        let endpoint = case.endpoint(&server.url()).redirects(Redirects::Follow { max: 1 });
        let endpoint = endpoint.subprotocol("chat").expect("a subprotocol");
        let endpoint = endpoint.credentials(source.credentials(case).at(place)).expect("room for a token");
        let _client = case.connect_to(endpoint, config());
        server.incoming().answer(&Answer::redirect(307, "/elsewhere"));
        let mut incoming = server.incoming();
        assert!(placed(incoming.request())[nth].is_some_and(|found| found.contains("to-ken")));
        assert!(incoming.request().target().starts_with("/elsewhere"));
        let _conn = incoming.accept(&Accept::new().subprotocol("chat"));
    }
}

fn a_redirect_to_another_origin_leaves_the_token_behind(case: Case) {
    for place in places() {
        let (first, second) = (case.by_hand(), case.by_hand());
        let source = Source::of([Step::Brings(Token::new("to-ken"))]);
        let endpoint = case.endpoint(&first.url()).redirects(Redirects::Follow { max: 2 });
        let endpoint = endpoint.subprotocol("chat").expect("a subprotocol");
        let endpoint = endpoint.credentials(source.credentials(case).at(place)).expect("room for a token");
        let _client = case.connect_to(endpoint, config());
        first.incoming().answer(&Answer::redirect(307, &second.url()));
        let mut incoming = second.incoming();
        assert_eq!(placed(incoming.request()), [None; 4]);
        // Not even to where it was meant for: it is another server that says where.
        incoming.answer(&Answer::redirect(307, &format!("{}back", first.url())));
        assert_eq!(placed(first.incoming().request()), [None; 4]);
    }
}

/// A token of somebody's.
fn of(identity: u64, secret: &str) -> Token {
    Token::new(secret).identity(Identity(identity))
}
