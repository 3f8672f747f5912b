//! What an application is told of a failure beyond its cause.

use std::{
    net::{TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use super::common::{SOON, Server, answer, build, finish, upgrade};
use steadfast_mio::{
    Failure, Noticed, Notices,
    core::{Cause, Notice, State, StateKind},
};
use tungstenite::protocol::CloseFrame;

/// The end of the first connection, or attempt: its cause, and what is told beside it.
fn first_end(notices: &Notices) -> (Cause, Option<Arc<Failure>>) {
    loop {
        let Noticed { notice, failure, .. } = notices.receive_timeout(SOON).expect("a notice");
        match notice {
            Notice::State(transition) if transition.to.conn().is_none() => {
                let State::Waiting { cause, .. } = transition.to else { panic!("{:?}", transition.to) };
                return (cause, failure);
            }
            _ => assert_eq!(failure, None, "it comes with the state that it led to"),
        }
    }
}

fn how_it_ends(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> (Cause, Option<Arc<Failure>>) {
    let server = Server::start(serve);
    let mut builder = build(&server.url());
    let notices = builder.notices();
    let _client = builder.connect().expect("a client");
    first_end(&notices)
}

#[test]
fn a_rejection_reaches_the_application_with_status_headers_and_body() {
    let (cause, failure) = how_it_ends(|stream, _| {
        let head = b"HTTP/1.1 503 Over Capacity\r\nRetry-After: 7\r\nX-Region: eu\r\nContent-Length: 15\r\n\r\n";
        answer(stream, &[&head[..], b"come back later"].concat());
    });
    let failure = failure.expect("a rejection");
    let text = "expected status 101, found `503 Over Capacity` with `come back later` (RFC 6455 §4.1)";
    assert_eq!(failure.to_string(), text);
    let Failure::Rejected(rejected) = &*failure else { panic!("{failure:?}") };
    assert_eq!(
        (rejected.status(), rejected.reason(), rejected.body()),
        (503, "Over Capacity", &b"come back later"[..])
    );
    assert_eq!(rejected.headers().get("x-region"), Some(&b"eu"[..]));
    let retry_after = Some(Duration::from_secs(7));
    assert_eq!(rejected.retry_after(0), retry_after);
    assert_eq!(cause, Cause::Rejected { status: 503, retry_after });
}

#[test]
fn of_a_long_page_a_bounded_part_is_kept_and_less_is_shown() {
    let (_, failure) = how_it_ends(|stream, _| {
        let page = [&b"HTTP/1.1 404 \r\nContent-Length: 100000\r\n\r\n\x1b[2J"[..], &vec![b'x'; 99_996]].concat();
        answer(stream, &page);
    });
    let failure = failure.expect("a rejection");
    let Failure::Rejected(rejected) = &*failure else { panic!("{failure:?}") };
    assert!((1..=4 << 10).contains(&rejected.body().len()), "{} B", rejected.body().len());
    let text = failure.to_string();
    assert!(text.len() < 200 && !text.contains(char::is_control) && text.contains("`404` with `"), "{text}");
}

#[test]
fn an_address_where_nobody_listens_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let mut builder = build(&format!("ws://{address}/"));
    let notices = builder.notices();
    let client = builder.connect().expect("a client");
    let (_, failure) = first_end(&notices);
    let failure = failure.expect("a failure");
    assert!(failure.to_string().starts_with(&format!("connect: {address}: ")), "{failure}");
    assert_eq!(client.last_failure().map(|last| last.to_string()), Some(failure.to_string()));
}

#[test]
fn a_name_that_is_not_found_is_named() {
    let mut builder = build("ws://there-is-no-such-host.invalid/");
    let notices = builder.notices();
    let _client = builder.connect().expect("a client");
    let (_, failure) = first_end(&notices);
    let text = failure.expect("a failure").to_string();
    assert!(text.starts_with("`there-is-no-such-host.invalid`: ") && text.len() > 40, "{text}");
}

#[test]
fn a_close_frame_needs_no_more_words_though_the_stream_ends_behind_it() {
    let (cause, failure) = how_it_ends(|stream, _| {
        let mut socket = tungstenite::accept(stream).expect("a client");
        socket.close(Some(CloseFrame { code: 1001.into(), reason: "".into() })).expect("a close frame");
        finish(socket.get_ref());
    });
    assert!(matches!(cause, Cause::Closed(_)), "{cause:?}");
    assert_eq!(failure, None);
}

#[test]
fn a_failure_is_told_once_and_not_with_the_end_of_the_next_connection() {
    let server = Server::start(|mut stream, index| {
        // A reserved opcode, and then a close frame.
        let frame = if index == 0 { &[0x83, 0][..] } else { &[0x88, 2, 0x03, 0xe9] };
        upgrade(&mut stream, frame);
        finish(&stream);
    });
    let mut builder = build(&server.url());
    let notices = builder.notices();
    let client = builder.connect().expect("a client");
    let (_, failure) = first_end(&notices);
    let text = failure.expect("a violation").to_string();
    assert!(!text.is_empty());
    let (cause, failure) = first_end(&notices);
    assert!(matches!(cause, Cause::Closed(_)), "{cause:?}");
    assert_eq!(failure, None);
    assert_eq!(client.last_failure().expect("the first").to_string(), text);
    assert_ne!(client.state().current().kind(), StateKind::Stopped);
}
