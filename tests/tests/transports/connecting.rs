//! Connects that fail, and in which stage.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use steadfast_core::{Cause, DnsKind, HandshakeKind, IoKind, Stage, StateKind, TlsKind};
use steadfast_sim::mock::{Answer, Door, MockServer};

use crate::{
    case::{Case, config},
    client::End,
};

over_everything!(
    a_port_where_nobody_listens_refuses,
    a_host_that_swallows_everything_runs_into_the_timeout,
    a_server_that_says_nothing_runs_into_the_timeout_and_the_stage_is_named,
    a_server_that_ends_before_it_has_answered_is_named_by_stage,
    a_server_that_answers_garbage_is_told_from_one_that_breaks_the_rules,
    a_rejection_is_told_with_its_body,
    a_name_that_does_not_exist_is_a_failure_of_the_resolver,
    a_name_is_resolved,
);

#[cfg(unix)]
mod only_tcp {
    use super::a_unix_socket_is_as_good;

    over_everything!(only over tcp: a_unix_socket_is_as_good);
}

fn a_port_where_nobody_listens_refuses(case: Case) {
    let server = case.by_hand();
    server.set_door(Door::Refusing);
    let client = case.connect(&server);
    let end = client.end();
    assert_eq!(end.cause, Cause::Dial { stage: Stage::Connect, kind: IoKind::Refused });
    let address = server.address().expect("a port").to_string();
    assert!(end.text().starts_with(&format!("connect: {address}: ")), "{}", end.text());
    // And it is tried again until somebody does.
    server.set_door(Door::Open);
    let _conn = server.accept();
    client.wait_for(StateKind::Open);
}

fn a_host_that_swallows_everything_runs_into_the_timeout(case: Case) {
    let server = case.by_hand();
    server.set_door(Door::Full);
    assert_eq!(impatient(case, &server).cause, Cause::ConnectTimeout { stage: Stage::Connect });
}

fn a_server_that_says_nothing_runs_into_the_timeout_and_the_stage_is_named(case: Case) {
    let server = case.by_hand();
    server.set_door(Door::Mute);
    assert_eq!(impatient(case, &server).cause, Cause::ConnectTimeout { stage: first_stage(case) });
}

fn a_server_that_ends_before_it_has_answered_is_named_by_stage(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    server.incoming().fin();
    let why = client.end().cause;
    let stage = first_stage(case);
    let expected = [IoKind::Eof, IoKind::Reset].map(|kind| Cause::Dial { stage, kind });
    assert!(expected.contains(&why), "{why:?}");
}

fn a_server_that_answers_garbage_is_told_from_one_that_breaks_the_rules(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    server.incoming().answer(&Answer::raw("220 mail.example ESMTP\r\n\r\n"));
    assert_eq!(client.end().cause, Cause::Handshake(HandshakeKind::NotHttp));
    // A server that expects the other kind of client, and says so.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("{}://{}/", case.scheme(), listener.local_addr().expect("an address"));
    let (tls_alert, http) = (b"\x15\x03\x03\x00\x02\x02\x46", b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let answer = if case.tls { &http[..] } else { &tls_alert[..] };
    let server = thread::spawn(move || {
        let mut stream = listener.accept().expect("a connection").0;
        let _ = stream.read(&mut [0; 4_096]);
        let _ = stream.write_all(answer);
    });
    let end = case.connect_to(case.endpoint(&url), config()).end();
    server.join().expect("no panic");
    if case.tls {
        assert_eq!(end.cause, Cause::Tls(TlsKind::Protocol), "{}", end.text());
    } else {
        let (Cause::Handshake(_) | Cause::Dial { stage: Stage::Upgrade, .. }) = end.cause else {
            panic!("{:?}: {}", end.cause, end.text());
        };
    }
}

fn a_rejection_is_told_with_its_body(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    server.incoming().answer(&Answer::status(403).body("no entry for you"));
    let end = client.end();
    assert_eq!(end.cause, Cause::Rejected { status: 403, retry_after: None });
    assert!(end.text().contains("`403") && end.text().contains("no entry for you"), "{}", end.text());
    assert_eq!(client.last_failure().map(|failure| failure.to_string()), Some(end.text()));
}

fn a_name_that_does_not_exist_is_a_failure_of_the_resolver(case: Case) {
    // RFC 6761 §6.4: no resolver knows it.
    let url = format!("{}://server.invalid/", case.scheme());
    let end = case.connect_to(case.endpoint(&url), config()).end();
    assert!(matches!(end.cause, Cause::Dns(DnsKind::NotFound | DnsKind::Unavailable)), "{:?}", end.cause);
    assert!(end.text().contains("server.invalid"), "{}", end.text());
}

fn a_name_is_resolved(case: Case) {
    let server = case.by_hand();
    let port = server.address().expect("a port").port();
    let url = format!("{}://localhost:{port}/", case.scheme());
    let client = case.connect_to(case.endpoint(&url), config());
    let conn = server.accept();
    let receipt = client.send("found");
    conn.expect_text("found");
    assert!(receipt.wait().is_confirmed());
    assert_eq!(conn.record().header("host"), Some(&*format!("localhost:{port}")));
}

#[cfg(unix)]
fn a_unix_socket_is_as_good(case: Case) {
    let path = std::env::temp_dir()
        .join(format!("steadfast-{}-{case:?}.sock", std::process::id()).replace([' ', '{', '}', ':', ','], ""));
    let server = case.builder().unix(&path).by_hand();
    let client = case.connect_to(case.endpoint(&format!("ws+unix:{}:/chat?room=7", path.display())), config());
    let conn = server.accept();
    assert_eq!(conn.record().request.expect("a request").target(), "/chat?room=7");
    let receipt = client.send("local");
    conn.expect_text("local");
    assert!(receipt.wait().is_confirmed());
    // Its break is a break, and it comes again.
    conn.reset();
    let conn = server.accept();
    client.send("again");
    conn.expect_text("again");
}

/// The first thing that a server has to say.
fn first_stage(case: Case) -> Stage {
    if case.tls { Stage::Tls } else { Stage::Upgrade }
}

fn impatient(case: Case, server: &MockServer) -> End {
    let config = config().connect_timeout(Duration::from_millis(200));
    case.connect_to(case.endpoint(&server.url()), config).end()
}
