//! What an upgrade is met by.

use std::{io::Read as _, time::Duration};

use steadfast_sim::mock::{Accept, Answer, Ending, MockServer, Opening, Script, Then};
use tungstenite::{Error, Message, client::IntoClientRequest as _};

use super::{SHORT, ask, complaint, connect, read_head, read_to_end};

/// The answer of a server that meets its only connection like this.
fn answer_of(opening: impl Into<Opening>) -> (MockServer, String) {
    let server = MockServer::start(Script::new().connection(opening));
    let mut stream = ask(server.address().unwrap());
    let said = read_to_end(&mut stream);
    (server, String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn the_request_is_recorded_as_it_came() {
    let server = MockServer::by_hand();
    let _stream = ask(server.address().unwrap());
    let mut incoming = server.incoming();
    let request = incoming.request();
    assert_eq!((request.line(), request.target()), ("GET /chat?room=7 HTTP/1.1", "/chat?room=7"));
    assert_eq!(request.header("x-room"), Some("7"));
    assert_eq!(request.headers()[0], ("Host".to_owned(), "mock".to_owned()));
}

#[test]
fn an_upgrade_is_accepted_with_what_was_asked_for() {
    let accept = Accept::new()
        .expect_target("/chat?room=7")
        .expect_header("X-Room", "7")
        .expect_no_header("cookie")
        .set_cookie("a=1")
        .set_cookie("b=2")
        .header("X-Node", "3");
    let server = MockServer::start(Script::new().connection(accept));
    let mut request = format!("{}chat?room=7", server.url()).into_client_request().unwrap();
    request.headers_mut().insert("x-room", "7".parse().unwrap());
    let (_, response) = tungstenite::connect(request).unwrap();
    assert_eq!(response.headers()["x-node"], "3");
    assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
    server.finish();
}

#[test]
fn a_subprotocol_is_chosen() {
    let server = MockServer::start(Script::new().connection(Accept::new().subprotocol("chat.v2")));
    let mut request = server.url().into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "chat.v1, chat.v2".parse().unwrap());
    let (_, response) = tungstenite::connect(request).unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat.v2");
}

#[test]
fn a_header_that_does_not_fit_fails_the_test_and_is_answered_with_400() {
    let server = MockServer::by_hand();
    let mut stream = ask(server.address().unwrap());
    let said = complaint(|| drop(server.accept_with(&Accept::new().expect_header("x-room", "8"))));
    assert_eq!(said, "expected of the header `x-room`: `8`, but found `7`");
    assert!(String::from_utf8(read_to_end(&mut stream)).unwrap().starts_with("HTTP/1.1 400 Bad Request\r\n"));
}

#[test]
fn what_is_no_upgrade_is_answered_with_400() {
    let server = MockServer::by_hand();
    let mut stream = std::net::TcpStream::connect(server.address().unwrap()).unwrap();
    std::io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\nHost: mock\r\n\r\n").unwrap();
    let said = complaint(|| drop(server.accept()));
    assert!(said.contains("expected an upgrade, but"), "{said}");
    assert!(String::from_utf8(read_to_end(&mut stream)).unwrap().starts_with("HTTP/1.1 400 "));
    assert!(matches!(server.records()[0].ending, Some(Ending::Violation(_))));
}

#[test]
fn a_status_comes_with_headers_and_body() {
    let (server, said) = answer_of(Answer::status(429).header("Retry-After", "7").body("slow down"));
    assert_eq!(said, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 9\r\n\r\nslow down");
    assert_eq!(server.records()[0].ending, Some(Ending::Rejected(Some(429))));
}

#[test]
fn a_redirect_says_where_to() {
    let (_server, said) = answer_of(Answer::redirect(302, "ws://elsewhere.test/"));
    assert!(said.starts_with("HTTP/1.1 302 Found\r\nLocation: ws://elsewhere.test/\r\n"), "{said}");
}

#[test]
fn garbage_is_just_that() {
    let (server, said) = answer_of(Answer::raw("\u{0}\u{1}garbage"));
    assert_eq!(said, "\u{0}\u{1}garbage");
    assert_eq!(server.records()[0].ending, Some(Ending::Rejected(None)));
}

#[test]
fn an_answer_may_be_followed_by_a_reset() {
    let server = MockServer::start(Script::new().connection(Answer::raw("HTTP/1.1 1").then(Then::Reset)));
    let mut stream = ask(server.address().unwrap());
    let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn an_answer_may_leave_the_stream_open() {
    let server = MockServer::start(Script::new().connection(Answer::raw("HTTP/1.1 1").then(Then::Stay)));
    let mut stream = ask(server.address().unwrap());
    stream.read_exact(&mut [0; 10]).unwrap();
    stream.set_read_timeout(Some(SHORT)).unwrap();
    assert!(stream.read(&mut [0]).is_err(), "neither a byte nor an end comes");
    assert_eq!(server.records()[0].ending, None);
}

#[test]
fn an_answer_comes_as_slowly_as_it_is_told_to() {
    let (_server, said) = answer_of(Answer::status(503).slowly(Duration::from_millis(1)));
    assert!(said.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{said}");
}

#[test]
fn a_wrong_key_is_answered() {
    let server = MockServer::start(Script::new().connection(Accept::new().accept_key("wrong")));
    let error = tungstenite::connect(server.url()).unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error}");
}

#[test]
fn frames_may_come_with_the_answer() {
    let accept = Accept::new().followed_by([0x81, 2, b'h', b'i']);
    let server = MockServer::start(Script::new().connection(accept));
    assert_eq!(connect(&server).read().unwrap(), Message::text("hi"));
}

#[test]
fn a_hanging_server_says_nothing() {
    let server = MockServer::start(Script::new().connection(Opening::Hang));
    let mut stream = ask(server.address().unwrap());
    stream.set_read_timeout(Some(SHORT)).unwrap();
    assert!(stream.read(&mut [0]).is_err());
    server.finish();
}

#[test]
fn a_connection_is_reset_or_ended_at_once() {
    let server = MockServer::start(Script::new().connection(Opening::Reset).connection(Opening::Fin));
    let mut stream = std::net::TcpStream::connect(server.address().unwrap()).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(read_to_end(&mut ask(server.address().unwrap())), b"");
}

#[test]
fn by_hand_as_well() {
    let server = MockServer::by_hand();
    let mut stream = ask(server.address().unwrap());
    server.incoming().answer(&Answer::retry_after(3));
    assert!(read_head(&mut stream).contains("Retry-After: 3\r\n"));
    let mut stream = ask(server.address().unwrap());
    server.incoming().reset();
    assert!(stream.read(&mut [0]).is_err());
    let mut stream = ask(server.address().unwrap());
    server.incoming().fin();
    assert_eq!(read_to_end(&mut stream), b"");
}
