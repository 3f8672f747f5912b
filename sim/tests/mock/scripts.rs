//! Servers that play what was written down.

use std::time::{Duration, Instant};

use steadfast_sim::mock::{Accept, Answer, MockServer, Received, Script, Signal};
use tungstenite::{Error, Message};

use super::{PATIENCE, SHORT, complaint, connect};

#[test]
fn connections_are_met_one_after_the_other() {
    let script = Script::new()
        .expect_text("hello")
        .send_text("world")
        .close(1012, "restart")
        .connection(Answer::retry_after(1))
        .connection(Accept::new())
        .echo();
    let server = MockServer::start(script);
    let mut client = connect(&server);
    client.send("hello".into()).unwrap();
    assert_eq!(client.read().unwrap(), Message::text("world"));
    assert!(client.read().unwrap().is_close());
    assert!(client.read().is_err());
    let Error::Http(answer) = tungstenite::connect(server.url()).unwrap_err() else { panic!("an answer") };
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    let mut client = connect(&server);
    client.send("again".into()).unwrap();
    assert_eq!(client.read().unwrap(), Message::text("again"));
    drop(client);
    server.finish();
}

#[test]
fn what_has_not_happened_is_told() {
    let script = Script::new().expect_text("a").connection(Accept::new());
    let server = MockServer::builder().patience(Duration::from_secs(1)).start(script);
    connect(&server).send("a".into()).unwrap();
    let said = complaint(|| server.finish());
    assert_eq!(said, "the script was not played to its end: connection 2 has not come");
}

#[test]
fn a_mismatch_fails_whoever_drops_the_server() {
    let server = MockServer::start(Script::new().expect_text("a"));
    let mut client = connect(&server);
    client.send("b".into()).unwrap();
    while client.read().is_ok() {}
    let said = complaint(|| drop(server));
    assert_eq!(said, "connection 1: expected text \"a\", but got text \"b\"; before it came nothing");
}

#[test]
fn a_connection_that_nobody_wrote_down_is_a_mismatch() {
    let server = MockServer::start(Script::new());
    assert!(tungstenite::connect(server.url()).is_err());
    let said = complaint(|| server.finish());
    assert_eq!(said, "connection 1: there is no such connection in the script");
    complaint(|| drop(server));
}

#[test]
fn a_server_that_is_dropped_expects_nothing_any_more() {
    let server = MockServer::start(Script::new().expect_text("a"));
    let client = connect(&server);
    drop(server);
    drop(client);
}

#[test]
fn what_was_not_written_down_is_met_otherwise() {
    let script = Script::new().connection(Answer::status(500)).otherwise(Accept::new()).send_text("welcome");
    let server = MockServer::start(script);
    assert!(tungstenite::connect(server.url()).is_err());
    for _ in 0..2 {
        assert_eq!(connect(&server).read().unwrap(), Message::text("welcome"));
    }
    server.finish();
}

#[test]
fn messages_are_answered_by_a_function() {
    let double = |message: &Received| vec![message.clone(), message.clone()];
    let server = MockServer::start(Script::new().otherwise(Accept::new()).answer_each(double));
    let mut client = connect(&server);
    client.send(Message::binary(vec![1])).unwrap();
    assert_eq!(client.read().unwrap(), Message::binary(vec![1]));
    assert_eq!(client.read().unwrap(), Message::binary(vec![1]));
}

#[test]
fn a_message_is_judged_by_a_function() {
    let short = |message: &Received| message.payload().len() < 3;
    let server = MockServer::start(Script::new().expect_matching("something short", short));
    let mut client = connect(&server);
    client.send("long".into()).unwrap();
    while client.read().is_ok() {}
    let said = complaint(|| server.finish());
    assert_eq!(said, "connection 1: expected something short, but got text \"long\"; before it came nothing");
    complaint(|| drop(server));
}

#[test]
fn script_and_test_wait_for_each_other() {
    let (here, go_on) = (Signal::new(), Signal::new());
    let server = MockServer::start(Script::new().fire(&here).wait_for(&go_on).send_text("went on"));
    let mut client = connect(&server);
    assert!(here.wait(PATIENCE));
    go_on.fire();
    assert_eq!(client.read().unwrap(), Message::text("went on"));
}

#[test]
fn a_server_is_down_for_a_while() {
    let server = MockServer::start(Script::new().reset().down_for(SHORT).connection(Accept::new()));
    let began = Instant::now();
    let mut client = connect(&server);
    assert!(client.read().is_err());
    let mut refused = 0;
    while tungstenite::connect(server.url()).is_err() {
        refused += 1;
    }
    assert!(refused > 0);
    assert!(began.elapsed() >= SHORT);
    server.finish();
}

#[test]
fn the_other_endings() {
    let script = Script::new().fin().connection(Accept::new()).die_in_frame();
    let server = MockServer::start(script);
    for _ in 0..2 {
        assert!(connect(&server).read().is_err());
    }
    server.finish();
}

#[test]
fn a_forgetful_server_keeps_nothing() {
    let server = MockServer::builder().forgetful().start(Script::echoing());
    let mut client = connect(&server);
    for _ in 0..10 {
        client.send("a".into()).unwrap();
        assert_eq!(client.read().unwrap(), Message::text("a"));
    }
    assert_eq!(server.records()[0].received, []);
}
