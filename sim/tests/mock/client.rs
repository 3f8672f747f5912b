//! Our own client against the scripted server, as a user's test would have it.

use std::time::Duration;

use steadfast_mio::{
    Client,
    core::{
        Delivery, SendOptions, StateKind,
        config::{Backoff, Config, Jitter, Schedule},
    },
};
use steadfast_sim::mock::{Accept, Answer, Cut, Ending, MockServer, Proxy, Script, Side};

use super::PATIENCE;

/// Tries again after 10 ms.
fn client(url: &str) -> Client {
    let schedule = Schedule::Fixed { delay: Duration::from_millis(10) };
    let backoff = Backoff { schedule, jitter: Jitter::None, first: None, ..Backoff::default() };
    let config = Config::builder().backoff(backoff).build().unwrap();
    Client::builder(url).config(config).connect().unwrap()
}

#[test]
fn what_is_confirmed_was_read() {
    let server = MockServer::by_hand();
    let client = client(&server.url());
    let conn = server.accept();
    let receipt = client.send("hello").unwrap();
    conn.expect_text("hello");
    assert!(receipt.wait().is_confirmed());
    conn.send_text("world");
    assert_eq!(client.receive_timeout(PATIENCE).unwrap().as_text(), Some("world"));
}

#[test]
fn what_is_in_doubt_is_sent_again() {
    let script = Script::new()
        .connection(Accept::new().answer_pings(false))
        .expect_text("must arrive")
        .reset()
        .connection(Answer::status(502))
        .connection(Accept::new())
        .expect_text("must arrive");
    let server = MockServer::start(script);
    let client = client(&server.url());
    let receipt = client.send_with("must arrive", SendOptions::new(Delivery::AtLeastOnce)).unwrap();
    server.finish();
    let outcome = receipt.wait();
    assert!(outcome.is_confirmed(), "{outcome:?}; {:#?}; {:?}", server.records(), client.last_failure());
}

#[test]
fn a_server_that_was_killed_is_found_again() {
    let server = MockServer::echo();
    let client = client(&server.url());
    client.state().wait_for(PATIENCE, |state| state.kind() == StateKind::Open).unwrap();
    server.kill();
    client.state().wait_for(PATIENCE, |state| state.kind() == StateKind::Waiting).unwrap();
    server.restart();
    client.send("still there").unwrap();
    assert_eq!(client.receive_timeout(PATIENCE).unwrap().as_text(), Some("still there"));
}

#[test]
fn a_client_that_is_closed_says_so() {
    let server = MockServer::by_hand();
    let client = client(&server.url());
    let conn = server.accept();
    client.state().wait_for(PATIENCE, |state| state.kind() == StateKind::Open).unwrap();
    assert_eq!(client.close(Some(PATIENCE)).unsettled, []);
    assert!(matches!(conn.expect_end(), Ending::Closed { by: Side::Client, code: Some(1000), .. }));
}

#[test]
fn a_broken_way_is_left() {
    let server = MockServer::echo();
    let proxy = Proxy::forwarding_to(server.address().unwrap()).start();
    let client = client(&format!("ws://{}/", proxy.address()));
    assert!(client.send("before").unwrap().wait().is_confirmed());
    assert_eq!(client.receive_timeout(PATIENCE).unwrap().as_text(), Some("before"));
    proxy.strike(Cut::Reset);
    client.send("after").unwrap();
    assert_eq!(client.receive_timeout(PATIENCE).unwrap().as_text(), Some("after"));
    assert_eq!(server.accepted(), 2);
}
