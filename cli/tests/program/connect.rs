//! The everyday tool: against an echo server, and against servers that are none.

use std::{
    io::{Read, Write},
    mem,
    net::{TcpListener, TcpStream},
    thread,
};

use crate::running::{BOUND, Running, Scratch};
use serde_json::Value;

/// A server that reads a request's head and answers with these bytes, for ever; gives its URL.
fn server_that_answers(answer: &'static [u8]) -> String {
    server(move |mut stream| {
        let _ = head(&mut stream);
        let _ = stream.write_all(answer);
    })
}

fn server(serve: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(serve));
    url
}

fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("a head is text")
}

/// Sends a line to a server that is none: the cause and the decision are told, and the line is not lost without a word.
fn assert_typed(url: &str, words: &[&str]) {
    let name = format!("{}.toml", url.rsplit(':').next().expect("a port").trim_end_matches('/'));
    let config = Scratch::new(&name, "connect_timeout = \"300ms\"");
    let mut connect = Running::start(["connect", url, "--drain", "0s", "--config", config.path()]);
    connect.say("hold this for me");
    let line = connect.err_line(|line| line.contains("failed "));
    for word in words {
        assert!(line.contains(word), "{word:?} is missing in: {line}");
    }
    connect.end_input();
    let (code, out, err) = connect.end();
    assert_eq!((code, &*out), (Some(1), ""), "{err}");
    assert!(err.contains("dropped (Stopped): Text(16 B, \"hold this for me\")"), "{err}");
}

#[test]
fn lines_go_out_and_come_back_and_the_end_of_input_ends_it() {
    let (_server, url) = Running::echo_server(&[]);
    let mut connect = Running::start(["connect", &url]);
    for line in ["hello", "", "wörld"] {
        connect.say(line);
    }
    connect.end_input();
    let (code, out, err) = connect.end();
    assert_eq!((code, &*out), (Some(0), "hello\n\nwörld"), "{err}");
    assert!(err.contains("open") && err.contains("3 confirmed"), "{err}");
}

#[test]
fn thousands_of_lines_wait_for_room_rather_than_get_lost() {
    let (_server, url) = Running::echo_server(&[]);
    let config = Scratch::new("narrow.toml", "[outbox]\nmax_messages = 8");
    let mut connect = Running::start(["connect", &url, "--config", config.path()]);
    let lines: Vec<String> = (0..3_000).map(|number| number.to_string()).collect();
    connect.say(&lines.join("\n"));
    connect.end_input();
    let (code, out, err) = connect.end();
    assert_eq!(code, Some(0), "{err}");
    assert!(out.lines().eq(lines.iter().map(String::as_str)), "{} lines came back", out.lines().count());
}

#[test]
fn when_nobody_reads_standard_output_it_ends_without_waiting() {
    let (_server, url) = Running::echo_server(&[]);
    let mut connect = Running::start(["connect", &url, "--drain", "10m"]);
    connect.close_output();
    // More than fits into the pipe, so that some of it is written after nobody reads.
    connect.say_while_it_listens("a line of some length\n".repeat(20_000));
    let (code, _, err) = connect.end();
    assert!(code.is_some() && err.contains("stopped    by the application"), "{err}");
}

#[test]
fn it_holds_on_to_a_server_that_restarts() {
    let (_server, url) = Running::echo_server(&["--chaos", "flaky", "--seed", "3"]);
    let mut connect = Running::start(["connect", &url, "--drain", "1m"]);
    connect.err_line(|line| line.contains("lost"));
    connect.say("still there?");
    connect.err_line(|line| line.contains("open") && line.contains("back after"));
    connect.out_line(|line| line == "still there?");
    connect.end_input();
    let (code, _, err) = connect.end();
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn as_json_every_line_is_an_object() {
    let (_server, url) = Running::echo_server(&[]);
    let mut connect = Running::start(["connect", &url, "--json"]);
    connect.say("hello");
    connect.out_line(|line| line.contains("\"hello\""));
    connect.end_input();
    let (code, out, err) = connect.end();
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let message = lines.iter().find_map(|line| line.get("message")).expect("a message");
    assert_eq!(message["text"], "hello");
    assert!(lines.iter().any(|line| line["notice"]["verdict"]["verdict"] == "confirmed"), "{out}");
    assert_eq!(lines.last().expect("a line")["end"]["confirmed"], 1);
}

#[test]
fn what_exactly_was_wrong_is_told_to_people_and_programs() {
    let url = server_that_answers(b"HTTP/1.1 101 Go\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n");
    let wrong = "`Upgrade` is `h2c`: expected `websocket` (RFC 6455 §4.1)";
    assert_typed(&url, &["not a WebSocket handshake", wrong]);
    let mut connect = Running::start(["connect", &url, "--json", "--drain", "0s"]);
    let line = connect.out_line(|line| line.contains("failure"));
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["notice"]["failure"], wrong);
    assert_eq!(line["notice"]["state"]["to"]["waiting"]["cause"]["handshake"], "not-upgraded", "{line}");
    connect.end_input();
    connect.end();
}

#[test]
#[cfg(unix)]
fn ctrl_c_closes_cleanly() {
    let (_server, url) = Running::echo_server(&[]);
    let mut connect = Running::start(["connect", &url]);
    connect.say("hello");
    connect.out_line(|line| line == "hello");
    connect.signal("INT");
    let (code, _, err) = connect.end();
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("stopped") && err.contains("1 confirmed, 0 written, 0 in doubt"), "{err}");
}

#[test]
#[cfg(unix)]
fn ctrl_c_waits_for_what_is_unsettled_and_another_one_quits_at_once() {
    let silent = server(mem::forget);
    let config = Scratch::new("one.toml", "[outbox]\nmax_messages = 1");
    let mut connect = Running::start(["connect", &silent, "--drain", "10m", "--config", config.path()]);
    connect.say("nobody reads this");
    // It was taken.
    connect.err_line(|line| line.contains("above its high mark"));
    connect.signal("INT");
    connect.err_line(|line| line.contains("waiting at most 600 s"));
    connect.signal("INT");
    let (code, _, err) = connect.end();
    assert_eq!(code, Some(130), "{err}");
}

#[test]
#[cfg(unix)]
fn while_it_stops_no_more_lines_are_taken() {
    let silent = server(mem::forget);
    let config = Scratch::new("stop.toml", "[outbox]\nmax_messages = 1");
    let mut connect = Running::start(["connect", &silent, "--drain", "2s", "--config", config.path()]);
    connect.say("taken\nwaits for room");
    connect.err_line(|line| line.contains("above its high mark"));
    connect.signal("INT");
    let (code, _, err) = connect.end();
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("dropped (Stopped): Text(5 B, \"taken\")"), "{err}");
    assert!(err.contains("refused (Stopped): Text(14 B, \"waits for room\")"), "{err}");
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_the_wait_and_what_was_left_is_reported() {
    let silent = server(mem::forget);
    let mut connect = Running::start(["connect", &silent, "--drain", "10m"]);
    connect.say("nobody reads this");
    connect.end_input();
    connect.err_line(|line| line.contains("waiting at most 600 s"));
    connect.signal("INT");
    let (code, _, err) = connect.end();
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("dropped (Stopped): Text(17 B, \"nobody reads this\")"), "{err}");
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_an_echo_server() {
    let (server, _url) = Running::echo_server(&[]);
    server.signal("INT");
    let (code, out, err) = server.end();
    assert_eq!(code, Some(0), "{err}");
    assert!(out.ends_with("0 connections served"), "{out}");
}

#[test]
fn headers_and_subprotocols_reach_the_server() {
    let (tell, told) = std::sync::mpsc::channel();
    let url = server(move |mut stream| drop(tell.send(head(&mut stream))));
    let connect = Running::start(["connect", &url, "-H", "X-Room: 7", "-H", "X-Empty:", "--subprotocol", "chat.v2"]);
    let head = told.recv_timeout(BOUND).expect("a request");
    for line in ["X-Room: 7\r\n", "X-Empty: \r\n", "Sec-WebSocket-Protocol: chat.v2\r\n"] {
        assert!(head.contains(line), "{line:?} is missing in: {head}");
    }
    drop(connect);
}

#[test]
fn a_server_that_answers_200_is_not_a_websocket_server() {
    let url = server_that_answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    assert_typed(&url, &["rejected with HTTP 200", "retry, attempt 2 in"]);
}

#[test]
fn a_server_that_answers_html_without_a_head_is_not_even_http() {
    let url = server_that_answers(b"<html><body>It works!</body></html>\r\n\r\n");
    assert_typed(&url, &["the answer is not HTTP", "retry, attempt 2 in"]);
}

#[test]
fn a_server_that_answers_half_a_head_is_told_as_such() {
    let url = server_that_answers(b"HTTP/1.1 101 Switching Protocols\r\nUpgr");
    assert_typed(&url, &["the stream ended within the head", "retry, attempt 2 in"]);
}

#[test]
fn a_server_that_says_nothing_runs_into_the_connect_timeout() {
    let url = server(mem::forget);
    assert_typed(&url, &["not open within the connect timeout (stage: upgrade)", "retry, attempt 2 in"]);
}

#[test]
fn a_server_that_is_not_there_is_told_as_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    drop(listener);
    assert_typed(&url, &["connection refused", "retry, attempt 2 in"]);
}

#[test]
fn a_redirect_is_final_and_ends_the_program() {
    let url = server_that_answers(b"HTTP/1.1 301 Moved Permanently\r\nLocation: /elsewhere\r\n\r\n");
    let (code, out, err) = Running::start(["connect", &url]).end();
    assert_eq!((code, &*out), (Some(1), ""), "{err}");
    assert!(err.contains("stopped    rejected with HTTP 301, which is final"), "{err}");
}
