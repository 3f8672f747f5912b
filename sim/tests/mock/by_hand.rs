//! Connections in the hands of a test.

use std::{io::Write as _, net::Shutdown, time::Duration};

use steadfast_sim::mock::{Ending, MockServer, Received, Side};
use tungstenite::{Error, Message, error::ProtocolError, protocol::CloseFrame};

use super::{PATIENCE, SHORT, complaint, connect, masked, read_to_end, stream, upgraded};

#[test]
fn messages_come_in_their_order() {
    let server = MockServer::by_hand();
    let mut client = std::thread::scope(|scope| {
        let client = scope.spawn(|| connect(&server));
        let conn = server.accept();
        let mut client = client.join().unwrap();
        for message in [Message::text("a"), Message::binary(vec![1, 2]), Message::text("b")] {
            client.send(message).unwrap();
        }
        conn.expect_text("a");
        conn.expect_binary(&[1, 2]);
        assert_eq!(conn.expect_message(), Received::Text("b".to_owned()));
        conn.send_text("c");
        conn.send_binary(&[3]);
        conn.send_fragments(&["d", "e", "f"]);
        conn.leave();
        client
    });
    assert_eq!(client.read().unwrap(), Message::text("c"));
    assert_eq!(client.read().unwrap(), Message::binary(vec![3]));
    assert_eq!(client.read().unwrap(), Message::text("def"));
}

/// A server with one connection, and its client.
fn pair() -> (MockServer, steadfast_sim::mock::Conn, super::Socket) {
    let server = MockServer::by_hand();
    let url = server.url();
    let client = std::thread::spawn(move || tungstenite::connect(url).unwrap().0);
    let conn = server.accept();
    (server, conn, client.join().unwrap())
}

#[test]
fn pings_are_answered() {
    let (_server, conn, mut client) = pair();
    client.send(Message::Ping(vec![1, 2].into())).unwrap();
    assert_eq!(client.read().unwrap(), Message::Pong(vec![1, 2].into()));
    assert_eq!(conn.expect_ping(), [1, 2]);
}

#[test]
fn pings_are_not_answered_if_told_so() {
    let (_server, conn, mut client) = pair();
    conn.answer_pings(false);
    client.send(Message::Ping(vec![1].into())).unwrap();
    conn.expect_ping();
    conn.send_text("first");
    assert_eq!(client.read().unwrap(), Message::text("first"));
}

#[test]
fn messages_are_expected_past_pings_and_pings_past_messages() {
    let (_server, conn, mut client) = pair();
    client.send(Message::Ping(vec![1].into())).unwrap();
    client.send("a".into()).unwrap();
    client.send(Message::Ping(vec![2].into())).unwrap();
    conn.expect_text("a");
    assert_eq!(conn.expect_ping(), [1]);
    assert_eq!(conn.expect_ping(), [2]);
}

#[test]
fn what_came_instead_is_told() {
    let (_server, conn, mut client) = pair();
    client.send("before".into()).unwrap();
    client.send("b".into()).unwrap();
    conn.expect_text("before");
    let said = complaint(|| conn.expect_text("a"));
    assert_eq!(said, "connection 1: expected text \"a\", but got text \"b\"; before it came text \"before\"");
}

#[test]
fn who_waits_in_vain_is_told_so() {
    let server = MockServer::builder().patience(SHORT).by_hand();
    let url = server.url();
    let client = std::thread::spawn(move || tungstenite::connect(url).unwrap().0);
    let conn = server.accept();
    let said = complaint(|| conn.expect_text("a"));
    assert_eq!(said, "connection 1: expected text \"a\", but nothing came within 100ms; before it came nothing");
    drop(client);
    let said = complaint(|| drop(server.accept()));
    assert_eq!(said, "expected a connection within 100ms, but none came; there were 1 before");
}

#[test]
fn an_end_in_place_of_a_message_is_told() {
    let (_server, conn, client) = pair();
    drop(client);
    let said = complaint(|| conn.expect_text("a"));
    assert_eq!(said, "connection 1: expected text \"a\", but the connection ended: Fin; before it came nothing");
}

#[test]
fn the_client_closes_and_is_answered() {
    let (_server, conn, mut client) = pair();
    client.close(Some(CloseFrame { code: 4001.into(), reason: "bye".into() })).unwrap();
    conn.expect_close(4001);
    let Message::Close(Some(answer)) = client.read().unwrap() else { panic!("a close frame is answered by one") };
    assert_eq!(u16::from(answer.code), 4001);
    assert_eq!(conn.expect_end(), Ending::Closed { by: Side::Client, code: Some(4001), reason: "bye".to_owned() });
    assert!(matches!(client.read(), Err(Error::ConnectionClosed)), "and the stream ends");
}

#[test]
fn the_server_closes_and_hears_the_answer() {
    let (_server, conn, mut client) = pair();
    conn.close(1012, "restart");
    let Message::Close(Some(frame)) = client.read().unwrap() else { panic!("a close frame") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1012, "restart"));
    assert!(matches!(client.read(), Err(Error::ConnectionClosed)));
    assert!(matches!(conn.expect_end(), Ending::Closed { by: Side::Server, code: Some(1012), .. }));
}

#[test]
fn a_close_frame_is_left_unanswered_if_told_so() {
    let (_server, conn, mut client) = pair();
    conn.answer_close(false);
    client.close(None).unwrap();
    assert_eq!(conn.expect_message_or_close(), "close without a code");
    stream(&client).set_read_timeout(Some(SHORT)).unwrap();
    assert!(matches!(client.read(), Err(Error::Io(_))), "nothing came");
}

/// The next thing that is no ping, in words.
trait Next {
    fn expect_message_or_close(&self) -> String;
}

impl Next for steadfast_sim::mock::Conn {
    fn expect_message_or_close(&self) -> String {
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            if let Some(last) = self.record().received.last() {
                return last.to_string();
            }
            assert!(std::time::Instant::now() < until, "nothing came");
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_reset_is_one() {
    let (_server, conn, client) = pair();
    conn.reset();
    let error = std::io::Read::read(&mut stream(&client), &mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn what_was_sent_before_a_reset_was_sent() {
    let (_server, conn, mut client) = pair();
    conn.send_text("last words");
    assert_eq!(client.read().unwrap(), Message::text("last words"));
    conn.reset();
}

#[test]
fn the_stream_ends_without_a_close_frame() {
    let (_server, conn, mut client) = pair();
    conn.send_text("a");
    conn.fin();
    assert_eq!(client.read().unwrap(), Message::text("a"));
    let end = client.read().unwrap_err();
    assert!(matches!(end, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)), "{end}");
}

#[test]
fn a_server_dies_in_a_frame() {
    let server = MockServer::by_hand();
    let url_server = server.address().unwrap();
    let client = std::thread::spawn(move || {
        let mut stream = super::ask(url_server);
        super::read_head(&mut stream);
        read_to_end(&mut stream)
    });
    server.accept().die_in_frame();
    let half = client.join().unwrap();
    assert_eq!(half[..2], [0x81, 64], "a text of 64 bytes begins");
    assert!(half.len() < 66, "and is not whole: {}", half.len());
}

#[test]
fn the_ends_of_a_client_are_told_apart() {
    let server = MockServer::by_hand();
    let address = server.address().unwrap();
    let ends = |leave: fn(std::net::TcpStream)| {
        std::thread::spawn(move || {
            let mut stream = super::ask(address);
            super::read_head(&mut stream);
            leave(stream);
        });
        server.accept().expect_end()
    };
    let fin = ends(|stream| stream.shutdown(Shutdown::Write).unwrap());
    let reset = ends(|stream| socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap());
    assert_eq!((fin, reset), (Ending::Fin, Ending::Reset));
}

#[test]
fn a_violation_is_recorded_and_answered_with_1002() {
    let server = MockServer::by_hand();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut stream = upgraded(&server);
            stream.write_all(&[0x81, 1, b'a']).unwrap(); // not masked
            read_to_end(&mut stream)
        });
        let ending = server.accept().expect_end();
        assert!(matches!(&ending, Ending::Violation(text) if text.contains("unmasked")), "{ending:?}");
        assert_eq!(client.join().unwrap(), [0x88, 2, 3, 0xea]);
    });
}

#[test]
fn frames_come_in_whatever_pieces() {
    let server = MockServer::by_hand();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut stream = upgraded(&server);
            for byte in masked(0x81, b"piecemeal") {
                stream.write_all(&[byte]).unwrap();
            }
            read_to_end(&mut stream);
        });
        let conn = server.accept();
        conn.expect_text("piecemeal");
        conn.fin();
    });
}

#[test]
fn raw_bytes_go_out_as_they_are() {
    let (_server, conn, mut client) = pair();
    conn.raw_slowly(&[0x81, 2, b'h', b'i'], Duration::from_millis(1));
    conn.raw(&[0x83, 0]);
    assert_eq!(client.read().unwrap(), Message::text("hi"));
    assert!(matches!(client.read(), Err(Error::Protocol(_))), "3 is no opcode");
}

#[test]
fn a_connection_that_is_dropped_is_closed() {
    let (_server, conn, mut client) = pair();
    drop(conn);
    assert!(client.read().is_err());
}

#[test]
fn a_connection_that_is_left_lives_on() {
    let (server, conn, mut client) = pair();
    conn.leave();
    client.send("a".into()).unwrap();
    let texts = server.wait_until("a text", |records| {
        let texts: Vec<String> = records[0].texts().map(str::to_owned).collect();
        (!texts.is_empty()).then_some(texts)
    });
    assert_eq!(texts, ["a"]);
}

#[test]
fn silence_is_expected() {
    let (_server, conn, mut client) = pair();
    conn.expect_silence(SHORT);
    client.send("a".into()).unwrap();
    let said = complaint(|| conn.expect_silence(PATIENCE));
    assert_eq!(said, "connection 1: expected silence, but got Ok(text \"a\")");
}

#[test]
fn dropping_the_server_closes_everything() {
    let (server, conn, mut client) = pair();
    conn.leave();
    let address = server.address().unwrap();
    drop(server);
    assert!(client.read().is_err(), "the connection is gone");
    let refused = std::net::TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused, "and so is the port");
}

#[test]
fn all_connections_at_once() {
    let server = MockServer::echo();
    let mut clients: Vec<_> = (0..3).map(|_| connect(&server)).collect();
    server.close_all(1001, "away");
    for client in &mut clients {
        assert!(matches!(client.read().unwrap(), Message::Close(Some(_))));
        while client.read().is_ok() {}
    }
    server.wait_until("three ends", |records| {
        records
            .iter()
            .all(|record| matches!(record.ending, Some(Ending::Closed { by: Side::Server, .. })))
            .then_some(())
    });
}
