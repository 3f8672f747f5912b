//! How connections and attempts end, and what the session is told.

use std::{io::Write, net::TcpListener, time::Duration};

use super::common::{
    self, Server, answer, build, close_frame, config, connect, drain, finish, first_failure, how_it_ends, open,
    read_head, reset,
};
use steadfast_mio::core::{Cause, Decision, DnsKind, IoKind, Stage, StateKind, config::Match};
use tungstenite::{
    Message,
    protocol::{CloseFrame, Role, WebSocket},
};

#[test]
fn a_close_frame_is_told_with_its_code_and_reason() {
    let cause = how_it_ends(|stream, _| {
        let mut socket = tungstenite::accept(stream).expect("a client");
        let frame = CloseFrame { code: 4321.into(), reason: "enough".into() };
        socket.close(Some(frame)).expect("a close frame");
        drain(&mut socket);
    });
    assert_eq!(cause, close_frame(4321, "enough"));
}

#[test]
fn a_close_frame_without_a_code_is_1005() {
    let cause = how_it_ends(|stream, _| {
        let mut socket = tungstenite::accept(stream).expect("a client");
        socket.close(None).expect("a close frame");
        drain(&mut socket);
    });
    assert_eq!(cause, close_frame(1005, ""));
}

#[test]
fn a_close_frame_is_answered_before_the_stream_ends() {
    let (told, heard) = std::sync::mpsc::channel();
    let cause = how_it_ends(move |stream, _| {
        let mut socket = tungstenite::accept(stream).expect("a client");
        socket.close(Some(CloseFrame { code: 1001.into(), reason: "".into() })).expect("a close frame");
        let _ = told.send(socket.read().map(|message| message.is_close()));
    });
    assert_eq!(cause, close_frame(1001, ""));
    assert!(heard.recv_timeout(common::SOON).expect("an answer").expect("a frame"));
}

#[test]
fn a_close_frame_counts_though_a_reset_follows_it() {
    let cause = how_it_ends(|stream, _| {
        let other = stream.try_clone().expect("a handle");
        let mut socket = tungstenite::accept(stream).expect("a client");
        socket.close(Some(CloseFrame { code: 1001.into(), reason: "".into() })).expect("a close frame");
        drop(socket);
        reset(other);
    });
    // The reset may overtake the frame in the kernel.
    assert!([close_frame(1001, ""), Cause::Io(IoKind::Reset)].contains(&cause), "{cause:?}");
}

#[test]
fn a_reset_is_a_reset() {
    let cause = how_it_ends(|stream, _| {
        let other = stream.try_clone().expect("a handle");
        drop(tungstenite::accept(stream).expect("a client"));
        reset(other);
    });
    assert_eq!(cause, Cause::Io(IoKind::Reset));
}

#[test]
fn a_stream_that_ends_without_a_close_frame_is_lost() {
    let cause = how_it_ends(|stream, _| {
        let socket = tungstenite::accept(stream).expect("a client");
        finish(socket.get_ref());
    });
    assert_eq!(cause, Cause::Io(IoKind::Eof));
}

#[test]
fn a_stream_that_ends_within_a_frame_is_lost() {
    let cause = how_it_ends(|stream, _| {
        let mut socket = tungstenite::accept(stream).expect("a client");
        socket.get_mut().write_all(&[0x82, 0x7e, 0x10, 0x00, 1, 2, 3]).expect("half a frame");
        finish(socket.get_ref());
    });
    assert_eq!(cause, Cause::Io(IoKind::Eof));
}

#[test]
fn nobody_listens_there() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    let mut builder = build(&url);
    let notices = builder.notices();
    let _client = builder.connect().expect("a client");
    assert_eq!(first_failure(&notices), Cause::Dial { stage: Stage::Connect, kind: IoKind::Refused });
}

#[test]
fn a_name_that_does_not_exist_is_a_failure_of_the_resolver() {
    let mut builder = build("ws://there-is-no-such-host.invalid/");
    let notices = builder.notices();
    let _client = builder.connect().expect("a client");
    let cause = first_failure(&notices);
    // A machine without a network cannot know.
    assert!([Cause::Dns(DnsKind::NotFound), Cause::Dns(DnsKind::Unavailable)].contains(&cause), "{cause:?}");
}

#[test]
fn a_name_is_resolved_and_its_addresses_are_tried_in_turn() {
    let server = Server::echo();
    // Where `localhost` has an IPv6 address, too, nobody listens there.
    let client = connect(&format!("ws://localhost:{}/", server.address.port()));
    open(&client);
}

#[test]
fn a_server_that_accepts_and_hangs_runs_into_the_connect_timeout() {
    let server = Server::start(|stream, _| {
        finish(&stream);
    });
    let hanging = TcpListener::bind("127.0.0.1:0").expect("a port");
    drop(server);
    let config = config().connect_timeout(Duration::from_millis(50)).build().expect("a good configuration");
    let mut builder = common::builder(&format!("ws://{}/", hanging.local_addr().expect("an address"))).config(config);
    let notices = builder.notices();
    let _client = builder.connect().expect("a client");
    assert_eq!(first_failure(&notices), Cause::ConnectTimeout { stage: Stage::Upgrade });
}

#[test]
fn a_server_that_says_nothing_and_ends_is_an_end() {
    assert_eq!(how_it_ends(|stream, _| answer(stream, b"")), Cause::Dial { stage: Stage::Upgrade, kind: IoKind::Eof });
}

#[test]
fn a_page_is_a_rejection_with_200() {
    let page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>";
    let cause = how_it_ends(|stream, _| answer(stream, page));
    assert_eq!(cause, Cause::Rejected { status: 200, retry_after: None });
}

#[test]
fn a_busy_server_says_when_to_come_back() {
    let busy = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n";
    let cause = how_it_ends(|stream, _| answer(stream, busy));
    assert_eq!(cause, Cause::Rejected { status: 503, retry_after: Some(Duration::from_mins(2)) });
}

#[test]
fn a_head_that_trickles_in_is_understood() {
    let server = Server::start(|mut stream, _| {
        let head = read_head(&mut stream);
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
        let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Go\r\nupgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\nsec-websocket-accept: \
             {accept}\r\n\r\n"
        );
        for byte in head.as_bytes() {
            stream.write_all(&[*byte]).expect("a byte");
        }
        let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
        socket.send(Message::text("hello")).expect("a message");
        drain(&mut socket);
    });
    let client = connect(&server.url());
    assert_eq!(client.receive_timeout(common::SOON).expect("a message").as_text(), Some("hello"));
}

#[test]
fn a_final_cause_stops_the_session_and_a_start_begins_afresh() {
    let server = Server::start(|stream, index| {
        if index == 0 {
            answer(stream, b"HTTP/1.1 418 I'm a teapot\r\n\r\n");
        } else if let Ok(socket) = tungstenite::accept(stream) {
            common::echo(socket);
        }
    });
    let config = config().rule(Match::Status { from: 418, to: 418 }, Decision::Terminal);
    let client = common::builder(&server.url()).config(config.build().expect("a good configuration"));
    let client = client.connect().expect("a client");
    client.state().wait_for(common::SOON, |state| state.kind() == StateKind::Stopped).expect("an end");
    assert!(client.receive().is_err());
    client.start();
    open(&client);
    client.send("again").expect("room");
    assert_eq!(client.receive().expect("a message").as_text(), Some("again"));
}
