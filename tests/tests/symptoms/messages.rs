//! What becomes of messages.

use std::time::Duration;

use steadfast_core::{
    Delivery, SendOptions, StateKind,
    config::{Backoff, Config},
};
use steadfast_mio::Client;
use steadfast_sim::mock::{Accept, Door, MockServer, Script, Signal};

use super::{SOON, says};

#[test]
fn in_doubt_is_what_was_handed_over_and_not_confirmed() {
    let script = Script::new().connection(Accept::new().answer_pings(false)).expect_text("pay").reset();
    let server = MockServer::start(script.otherwise(Accept::new()));
    let client = Client::builder(&server.url()).connect().expect("a client");
    let receipt = client.send_with("pay", SendOptions::new(Delivery::AtMostOnce)).expect("there is room");
    let outcome = receipt.wait_timeout(SOON).expect("an outcome");
    says(&format!("{outcome:?}"));
}

#[test]
fn a_volatile_message_finds_no_connection() {
    let server = MockServer::echo();
    server.set_door(Door::Refusing);
    let client = Client::builder(&server.url()).connect().expect("a client");
    let receipt = client.send_with("now", SendOptions::new(Delivery::Volatile)).expect("the session decides");
    says(&format!("{:?}", receipt.wait_timeout(SOON).expect("an outcome")));
}

#[test]
fn a_full_outbox_says_so() {
    let server = MockServer::echo();
    server.set_door(Door::Refusing);
    let config = Config::builder().outbox_bounds(1, 100).build().expect("a configuration");
    let client = Client::builder(&server.url()).config(config).connect().expect("a client");
    let _waiting = client.send("the first").expect("there is room");
    says(&client.send("the second").expect_err("there is none").to_string());
    says(&client.send("x".repeat(101)).expect_err("it never fits").to_string());
}

#[test]
fn nothing_is_accepted_once_the_session_has_stopped() {
    let server = MockServer::echo();
    let client = Client::builder(&server.url()).connect().expect("a client");
    client.stop(steadfast_core::CloseFrame::NORMAL, None);
    says(&client.send("too late").expect_err("it has stopped").to_string());
}

#[test]
fn what_was_not_confirmed_comes_a_second_time() {
    let seen = Signal::new();
    let script = Script::new().connection(Accept::new().answer_pings(false)).expect_text("once").fire(&seen).reset();
    let server = MockServer::start(script.connection(Accept::new()).expect_text("once"));
    let client = Client::builder(&server.url()).connect().expect("a client");
    let receipt = client.send("once").expect("there is room");
    assert!(seen.wait(SOON) && receipt.wait_timeout(SOON).is_some_and(|outcome| outcome.is_confirmed()));
    server.finish();
}

#[test]
fn a_session_that_gives_up_says_after_what() {
    let server = MockServer::echo();
    server.set_door(Door::Refusing);
    let once = Backoff { max_attempts: Some(0), ..Backoff::default() };
    let config = Config::builder().backoff(once).connect_timeout(Duration::from_secs(5)).build();
    let client = Client::builder(&server.url()).config(config.expect("a configuration")).connect().expect("a client");
    let state = client.state().wait_for(SOON, |state| state.kind() == StateKind::Stopped).expect("it gives up");
    says(&state.to_string());
}
