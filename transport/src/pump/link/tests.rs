//! A connection over a pair of sockets.

use std::{
    io::Write,
    net::{TcpListener, TcpStream},
};

use steadfast_core::wire::handshake::Progress;

use super::*;
use crate::{Endpoint, WireOptions, engine::testing, testing::Loop};

/// A connection, the server's end of it, and the poll that it is registered with.
struct Pair {
    connection: Connection<mio::net::TcpStream>,
    server: TcpStream,
    net: Loop,
}

impl Pair {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
        client.set_nonblocking(true).expect("an option");
        let mut socket = mio::net::TcpStream::from_std(client);
        let net = Loop::new();
        net.register(&mut socket);
        let mut out = Outgoing::default();
        let endpoint = Endpoint::parse("ws://localhost/").expect("a URL");
        let engine = Engine::begin(&endpoint, None, None, 100, &mut out.buffer).expect("random numbers");
        let connection = Connection::new(ConnId(1), Stream::Plain(socket), engine, out, 0);
        let server = listener.accept().expect("a connection").0;
        Self { connection, server, net }
    }

    /// Waits until the operating system says that there is something to read.
    fn wait(&mut self) {
        while !self.connection.readable {
            self.net.wait().into_iter().for_each(|ready| self.connection.note(ready));
        }
    }

    fn read(&mut self) -> Read {
        self.connection.read(&mut [0; 100])
    }

    /// Reads until the operating system has no more.
    fn drain(&mut self) {
        while !matches!(self.read(), Read::WouldBlock) {}
    }
}

fn rejected(mut head: &[u8]) -> Rejected {
    let endpoint = Endpoint::parse("ws://localhost/").expect("a URL");
    let Progress::Rejected(rejected) = endpoint.request().begin([0; 16], &mut Buffer::new()).receive(&mut head) else {
        panic!("a rejection")
    };
    rejected
}

#[test]
fn what_has_come_of_a_rejections_body_is_collected_and_no_more_is_waited_for() {
    let mut rejected = rejected(b"HTTP/1.1 503 Busy\r\nContent-Length: 12\r\n\r\ncome");
    let mut pair = Pair::new();
    pair.drain();
    pair.server.write_all(b" back ").expect("room");
    pair.wait();
    pair.connection.collect(&mut rejected);
    assert_eq!((rejected.body(), rejected.body_state()), (&b"come back "[..], BodyState::Pending));
}

#[test]
fn a_body_without_an_end_is_not_collected_for_ever() {
    let mut rejected = rejected(b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n1;");
    let mut pair = Pair::new();
    let mut server = pair.server.try_clone().expect("a handle");
    // What stands behind a chunk's size means nothing, however long it is.
    let talker = std::thread::spawn(move || while server.write_all(&[b'x'; 1 << 10]).is_ok() {});
    pair.wait();
    pair.connection.collect(&mut rejected);
    assert_eq!(rejected.body(), b"");
    drop(pair);
    talker.join().expect("no panic");
}

#[test]
fn a_long_message_leaves_reading_its_turn_though_the_server_takes_it_as_fast_as_it_comes() {
    let mut pair = Pair::new();
    pair.connection.engine = testing::open(WireOptions { fragment_bytes: Some(16 << 10), ..WireOptions::default() });
    let mut server = pair.server.try_clone().expect("a handle");
    let reader = std::thread::spawn(move || io::copy(&mut server, &mut io::sink()));
    pair.connection.send(MessageId(1), &Message::binary(vec![1; 16 << 20]));
    let (mut written, mut turns) = (0, 0);
    while pair.connection.out.is_waiting() {
        let (bytes, result) = pair.connection.write();
        result.expect("a server that reads");
        assert!(bytes <= FED_AT_ONCE + (128 << 10), "{bytes} B in one turn");
        (written, turns) = (written + bytes, turns + 1);
        while !pair.connection.writable {
            pair.net.wait().into_iter().for_each(|ready| pair.connection.note(ready));
        }
    }
    assert!(turns > 1 && written > 15 << 20, "{written} B in {turns} turns");
    drop(pair);
    reader.join().expect("no panic").expect("an end");
}

#[test]
#[cfg(any(target_os = "linux", target_os = "android"))]
fn after_a_short_read_an_event_tells_of_more() {
    let mut pair = Pair::new();
    pair.drain();
    for _ in 0..3 {
        pair.server.write_all(b"hello").expect("room");
        pair.wait();
        assert!(matches!(pair.read(), Read::Bytes(5)));
        assert!(!pair.connection.readable);
    }
}

#[test]
fn an_end_that_came_with_the_last_bytes_is_not_waited_for() {
    let mut pair = Pair::new();
    pair.drain();
    pair.server.write_all(b"bye").expect("room");
    pair.server.shutdown(std::net::Shutdown::Write).expect("an end");
    while !pair.connection.may_have_ended {
        pair.connection.readable = false;
        pair.wait();
    }
    assert!(matches!(pair.read(), Read::Bytes(3)));
    assert!(pair.connection.readable);
    assert!(matches!(pair.read(), Read::Ended(Failure::Io { .. })));
}

#[test]
fn an_end_that_comes_after_a_short_read_is_an_event() {
    let mut pair = Pair::new();
    pair.drain();
    pair.server.write_all(b"bye").expect("room");
    pair.wait();
    assert!(matches!(pair.read(), Read::Bytes(3)));
    pair.server.shutdown(std::net::Shutdown::Write).expect("an end");
    pair.wait();
    assert!(matches!(pair.read(), Read::Ended(Failure::Io { .. })));
}

#[test]
fn the_first_read_after_the_connect_trusts_no_event() {
    let mut pair = Pair::new();
    pair.server.write_all(b"hello").expect("room");
    pair.server.shutdown(std::net::Shutdown::Write).expect("an end");
    // The dial was told of all of it, and the connection is told nothing.
    while pair.net.wait().iter().all(|ready| !ready.ended) {}
    assert!(matches!(pair.read(), Read::Bytes(5)));
    assert!(pair.connection.readable);
    assert!(matches!(pair.read(), Read::Ended(Failure::Io { .. })));
}
