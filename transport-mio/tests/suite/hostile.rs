//! Servers that mean harm.

use std::{
    io::{Read, Write},
    sync::mpsc,
    thread,
    time::Duration,
};

use super::common::{SOON, Server, answer, build, connect, first_failure, how_it_ends, open, upgrade};
use steadfast_mio::core::Cause;

/// Sends pings, as fast as they are taken, and reads all that comes.
fn pings_without_end() -> Server {
    Server::start(|mut stream, _| {
        upgrade(&mut stream, b"");
        let mut reader = stream.try_clone().expect("a handle");
        thread::spawn(move || while reader.read(&mut [0; 8 << 10]).is_ok_and(|read| read > 0) {});
        let pings = [0x89, 4, b'p', b'i', b'n', b'g'].repeat(10_000);
        while stream.write_all(&pings).is_ok() {}
    })
}

#[test]
fn a_server_that_never_stops_talking_cannot_keep_a_client_from_going() {
    let server = pings_without_end();
    let client = connect(&server.url());
    open(&client);
    let (told, heard) = mpsc::channel();
    let going = thread::spawn(move || {
        let _ = told.send(client.metrics().is_some());
        drop(client);
        let _ = told.send(true);
    });
    // Below what a stalled session takes to see that its own pings do not get out.
    let bound = SOON / 2;
    assert!(heard.recv_timeout(bound).expect("it listens"));
    assert!(heard.recv_timeout(bound).expect("it goes"));
    going.join().expect("no panic");
}

#[test]
fn a_message_right_behind_the_head_is_delivered() {
    let server = Server::start(|mut stream, _| {
        upgrade(&mut stream, &[0x81, 2, b'h', b'i']);
        let _ = stream.read(&mut [0; 100]);
    });
    let client = connect(&server.url());
    assert_eq!(client.receive_timeout(SOON).expect("a message").as_text(), Some("hi"));
}

#[test]
fn an_answer_that_comes_before_the_request_is_judged_like_any_other() {
    let server = Server::start(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 503 Full\r\nRetry-After: 7\r\n\r\n");
        // Kept open: nothing else wakes the client.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut builder = build(&server.url());
    let notices = builder.notices();
    let _client = builder.connect().expect("a client");
    let busy = Cause::Rejected { status: 503, retry_after: Some(Duration::from_secs(7)) };
    assert_eq!(first_failure(&notices), busy);
}

#[test]
fn hints_before_the_answer_are_passed_over() {
    let cause = how_it_ends(|stream, _| {
        answer(stream, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n");
    });
    assert_eq!(cause, Cause::Rejected { status: 403, retry_after: None });
}
