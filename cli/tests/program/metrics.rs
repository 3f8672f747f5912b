//! What `--metrics` serves, as Prometheus reads it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    net::TcpStream,
    time::Instant,
};

use crate::running::{BOUND, Running, run, stderr};

/// Asks over HTTP; the head of the answer, and its body.
fn ask(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers in text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

fn get(address: &str, path: &str) -> (String, String) {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"))
}

/// A program that is connected to an echo server, and where its figures are.
fn connected(more: &[&str]) -> (Running, Running, String) {
    let (server, url) = Running::echo_server(&[]);
    let mut client =
        Running::start(["connect", &format!("{url}?token=hunter2"), "--metrics", "127.0.0.1:0"].iter().chain(more));
    let line = client.err_line(|line| line.contains("/metrics"));
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address").to_owned();
    (server, client, address)
}

/// The samples of a text in the format of Prometheus, each by its name with its labels; whatever is wrong with it panics.
fn parsed(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'), "the last line has no end");
    let mut types = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a text");
            assert!(helped.insert(name.to_owned()) && !help.is_empty(), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "twice: {line}");
        } else {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            let bare = name.split('{').next().expect("a name");
            assert!(bare.chars().all(|char| char.is_ascii_alphanumeric() || char == '_'), "{line}");
            assert!(bare.starts_with("steadfast_"), "{line}");
            assert_eq!(name.contains('{'), name.ends_with('}'), "{line}");
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| bare.strip_suffix(end).filter(|family| types.contains_key(*family)))
                .unwrap_or(bare);
            assert!(types.contains_key(family) && helped.contains(family), "before its type: {line}");
            let value = value.parse().expect("a number");
            assert!(samples.insert(name.to_owned(), value).is_none(), "twice: {line}");
        }
    }
    samples
}

/// Asks until this sample has this value.
fn wait_for(address: &str, name: &str, value: f64) -> BTreeMap<String, f64> {
    let start = Instant::now();
    loop {
        let (_, body) = get(address, "/metrics");
        let samples = parsed(&body);
        if samples.get(name).is_some_and(|found| (found - value).abs() < 1e-9) {
            return samples;
        }
        assert!(start.elapsed() < BOUND, "{name} does not become {value}: {samples:#?}");
    }
}

#[test]
fn figures_are_served_as_prometheus_reads_them() {
    for transport in ["mio", "async-std"] {
        let (_server, mut client, address) = connected(&["--transport", transport]);
        client.say("hello");
        client.out_line(|line| line == "hello");
        let samples = wait_for(&address, "steadfast_verdicts{verdict=\"confirmed\"}", 1.0);
        for (name, value) in [
            ("steadfast_connect_attempts", 1.0),
            ("steadfast_reconnect_attempts", 0.0),
            ("steadfast_bytes_in", 5.0),
            ("steadfast_bytes_out", 5.0),
            ("steadfast_queue_depth", 0.0),
            ("steadfast_open_sessions", 1.0),
            ("steadfast_error_share", 0.0),
            ("steadfast_send_to_confirm_seconds_count", 1.0),
            ("steadfast_send_to_confirm_seconds_bucket{le=\"+Inf\"}", 1.0),
        ] {
            assert_eq!(samples.get(name), Some(&value), "{name} in {samples:#?}");
        }
        assert!(samples["steadfast_rtt_seconds_count"] >= 1.0 && samples["steadfast_rtt_seconds_sum"] > 0.0);
        let buckets: Vec<f64> = samples
            .iter()
            .filter(|(name, _)| name.starts_with("steadfast_rtt_seconds_bucket"))
            .map(|(_, count)| *count)
            .collect();
        assert_eq!(buckets.len(), 18);
        client.end_input();
        assert_eq!(client.end().0, Some(0));
    }
}

#[test]
fn figures_are_at_one_place_and_only_to_be_read() {
    let (_server, client, address) = connected(&[]);
    let (head, body) = get(&address, "/metrics?name=x");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    assert!(!body.contains("hunter2"), "{body}");
    assert!(get(&address, "/").0.starts_with("HTTP/1.1 404 "));
    let (head, _) = ask(&address, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 405 ") && head.contains("Allow: GET, HEAD"), "{head}");
    let (head, body) = ask(&address, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 ") && body.is_empty(), "{head}");
    drop(client);
}

#[test]
fn whoever_says_nothing_holds_up_nobody_for_long() {
    let (_server, client, address) = connected(&[]);
    let silent = TcpStream::connect(&address).expect("it listens");
    assert!(get(&address, "/metrics").0.starts_with("HTTP/1.1 200 "));
    drop((silent, client));
}

#[test]
fn an_address_that_is_taken_is_reported() {
    let (_server, _client, address) = connected(&[]);
    let output = run(["connect", "ws://127.0.0.1:9/", "--metrics", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&format!("cannot serve metrics on {address}")), "{}", stderr(&output));
}

#[test]
fn whoever_asks_slowly_holds_up_nobody_else() {
    let (_server, _client, address) = connected(&[]);
    let mut slow = TcpStream::connect(&address).expect("it listens");
    slow.write_all(b"GET /metrics HTTP/1.1\r\n").expect("it reads");
    assert!(get(&address, "/metrics").0.starts_with("HTTP/1.1 200"));
    // It has not been given up meanwhile.
    slow.write_all(b"Host: here\r\n\r\n").expect("it still reads");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).expect("it answers in text");
    assert!(answer.starts_with("HTTP/1.1 200"));
}
