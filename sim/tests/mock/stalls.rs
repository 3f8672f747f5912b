//! Backpressure, both ways.

use std::{
    io::{ErrorKind, Write as _},
    time::Duration,
};

use steadfast_sim::mock::{Accept, MockServer, Script, Signal};
use tungstenite::Message;

use super::{SHORT, connect, masked, stream, upgraded};

#[test]
fn a_frozen_connection_takes_nothing() {
    let server = MockServer::builder().socket_buffers(4096, 4096).by_hand();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| upgraded(&server));
        let conn = server.accept();
        let mut client = client.join().unwrap();
        conn.freeze();
        client.set_write_timeout(Some(SHORT)).unwrap();
        let frame = masked(0x81, &[b'a'; 125]);
        let mut sent = 0_usize;
        let cut_at = loop {
            match client.write(&frame) {
                Ok(written) if written == frame.len() => sent += 1,
                Ok(written) => break written,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break 0,
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(conn.record().received, [], "nothing was looked at, although {sent} messages went out");
        conn.thaw();
        client.write_all(&frame[cut_at..]).unwrap();
        for _ in 0..=sent {
            conn.expect_text(&"a".repeat(125));
        }
    });
}

#[test]
fn a_frozen_connection_answers_no_ping() {
    let server = MockServer::by_hand();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| connect(&server));
        let conn = server.accept();
        let mut client = client.join().unwrap();
        conn.freeze();
        client.send(Message::Ping(vec![1].into())).unwrap();
        stream(&client).set_read_timeout(Some(SHORT)).unwrap();
        assert!(client.read().is_err(), "no pong comes");
        stream(&client).set_read_timeout(None).unwrap();
        conn.thaw();
        assert_eq!(client.read().unwrap(), Message::Pong(vec![1].into()));
    });
}

#[test]
fn a_flood_ends_when_the_client_does_not_read() {
    let server = MockServer::builder().socket_buffers(4096, 4096).by_hand();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| connect(&server));
        let conn = server.accept();
        let mut client = client.join().unwrap();
        let text = "f".repeat(1000);
        let flood = conn.flood(&text, Duration::from_millis(300), 64 << 20);
        assert!(flood.bytes > 4096, "{flood:?}");
        for _ in 0..flood.messages {
            assert_eq!(client.read().unwrap(), Message::text(text.as_str()));
        }
        conn.send_text("and no more");
        assert_eq!(client.read().unwrap(), Message::text("and no more"), "all of them and the rest of the last one");
    });
}

#[test]
fn an_echo_that_is_not_read_stops_reading() {
    let server = MockServer::builder().socket_buffers(4096, 4096).start(Script::echoing());
    let mut client = connect(&server);
    stream(&client).set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let message = Message::binary(vec![0; 256 << 10]);
    let stalled = (0..1000).position(|_| client.send(message.clone()).is_err());
    assert!(stalled.is_some_and(|after| after > 4), "{stalled:?}");
}

#[test]
fn what_the_client_does_not_take_is_told() {
    let server = MockServer::builder().socket_buffers(4096, 4096).patience(Duration::from_millis(300)).by_hand();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| connect(&server));
        let conn = server.accept();
        let _client = client.join().unwrap();
        let said = super::complaint(|| conn.send_binary(&vec![0; 64 << 20]));
        assert!(said.starts_with("connection 1: the client was to read on, but "), "{said}");
    });
}

#[test]
fn a_script_freezes_until_it_is_told_to_go_on() {
    let (frozen, go_on) = (Signal::new(), Signal::new());
    let script = Script::new()
        .connection(Accept::new().frozen())
        .fire(&frozen)
        .wait_for(&go_on)
        .thaw()
        .expect_text("late")
        .send_text("thanks");
    let server = MockServer::start(script);
    let mut client = connect(&server);
    assert!(frozen.wait(super::PATIENCE));
    client.send("late".into()).unwrap();
    assert_eq!(server.records()[0].received, []);
    go_on.fire();
    assert_eq!(client.read().unwrap(), Message::text("thanks"));
    server.finish();
}
