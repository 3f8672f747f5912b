//! Bad input: exit code 2, and an error that names the field and shows the value.

use crate::running::{Running, Scratch, run, stderr};

/// The program refuses these arguments, and its error holds these words.
fn refused(args: &[&str], words: &[&str]) {
    let output = run(args);
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
    for word in words {
        assert!(error.contains(word), "{args:?}: {word:?} is missing in: {error}");
    }
}

/// A configuration file with this text is refused, and the error holds its name and these words.
fn refused_config(name: &str, text: &str, words: &[&str]) {
    let file = Scratch::new(name, text);
    refused(&["connect", "ws://127.0.0.1:9/", "--config", file.path()], &[&[name], words].concat());
}

#[test]
fn urls_that_cannot_be() {
    refused(&["connect", "localhost:9001"], &["url", "localhost:9001", "ws://"]);
    refused(&["connect", "http://localhost/"], &["scheme", "http"]);
    refused(&["connect", "ws://localhost:99999/"], &["port", "99999"]);
    refused(&["connect", "ws:///path"], &["host"]);
    refused(&["connect", "ws://host/#there"], &["fragment", "ws://host/"]);
}

#[test]
fn schemes_that_nobody_knows() {
    for url in ["http://localhost/", "wws://localhost/"] {
        refused(&["connect", url], &["scheme", url.split(':').next().expect("a scheme")]);
    }
}

#[test]
fn certificates_that_cannot_be_read() {
    let connect = |file| ["connect", "wss://localhost:9/", "--ca", file];
    refused(&connect("/no/such/file.pem"), &["--ca", "/no/such/file.pem", "No such file"]);
    let empty = Scratch::new("empty.pem", "nothing but words\n");
    refused(&connect(empty.path()), &["--ca", empty.path(), "certificate"]);
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = Scratch::new("broken.pem", broken);
    refused(&connect(broken.path()), &["--ca", "certificate"]);
}

#[test]
fn pins_that_are_none() {
    let connect = |pin| ["connect", "wss://localhost:9/", "--pin", pin];
    refused(&connect("sha256/c2hvcnQ="), &["--pin", "sha256/c2hvcnQ=", "32 bytes"]);
    refused(&connect("md5/AAAA"), &["--pin", "md5/AAAA"]);
    let of_what = "ab".repeat(32);
    refused(&connect(&of_what), &["--pin", "spki:"]);
    refused(&connect(""), &["--pin"]);
}

#[test]
fn what_is_for_tls_is_refused_without_it() {
    let pin = "sha256/YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=";
    refused(&["connect", "ws://localhost:9/", "--pin", pin], &["--pin", "wss://", "ws://localhost:9/"]);
    refused(&["connect", "ws://localhost:9/", "--ca", "ca.pem"], &["--ca", "wss://"]);
    refused(&["demo", "--pin", pin], &["--pin", "wss://"]);
    let output = run(["connect", "ws://localhost:9/chat?token=s3cret", "--pin", pin]);
    assert!(stderr(&output).contains("/chat") && !stderr(&output).contains("s3cret"), "{}", stderr(&output));
}

#[test]
fn proxies_that_cannot_be() {
    let connect = |proxy| ["connect", "ws://localhost:9/", "--proxy", proxy];
    refused(&connect("localhost:3128"), &["--proxy", "scheme", "http://"]);
    refused(&connect("https://localhost/"), &["--proxy", "scheme", "https", "socks5"]);
    refused(&connect("http://localhost:99999/"), &["--proxy", "port", "99999"]);
    refused(&connect("socks5://"), &["--proxy", "host"]);
    let output = run(connect("ftp://user:s3cret@host/"));
    assert!(output.status.code() == Some(2) && !stderr(&output).contains("s3cret"), "{}", stderr(&output));
}

#[test]
fn transports_and_engines_that_are_none() {
    refused(&["connect", "ws://localhost:9/", "--transport", "tokio"], &["--transport", "tokio", "async-std"]);
    refused(&["demo", "--engine", "steam"], &["--engine", "steam", "native"]);
}

#[test]
#[cfg(feature = "tungstenite")]
fn an_engine_that_cannot_compress_is_not_asked_to() {
    refused(&["demo", "--compress", "--engine", "tungstenite"], &["--compress", "--engine native", "tungstenite"]);
}

#[test]
fn a_password_in_the_url_is_refused_and_not_shown() {
    let output = run(["connect", "ws://user:secret@host/"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("userinfo") && !stderr(&output).contains("secret"), "{}", stderr(&output));
}

#[test]
fn headers_and_subprotocols_that_cannot_be() {
    let connect = |option, value| ["connect", "ws://127.0.0.1:9/", option, value];
    refused(&connect("-H", "no colon"), &["header", "no colon"]);
    refused(&connect("-H", "bad name: x"), &["header name", "bad name"]);
    refused(&connect("-H", "Sec-WebSocket-Key: x"), &["header name", "Sec-WebSocket-Key"]);
    refused(&connect("-H", "X-Good: a\nb"), &["header value", "X-Good"]);
    // It may hold a token, and is not shown.
    refused(&connect("--subprotocol", "a, b"), &["subprotocol", "0x2c at byte 1"]);
}

#[test]
fn configuration_files_that_cannot_be() {
    refused_config("unknown.toml", "conect_timeout = \"1s\"", &["conect_timeout", "connect_timeout"]);
    refused_config("duration.toml", "connect_timeout = \"5 parsecs\"", &["connect_timeout", "5 parsecs", "duration"]);
    refused_config(
        "impossible.toml",
        "[heartbeat]\nmode = \"ping\"\ninterval = \"0s\"",
        &["heartbeat.interval", "0s", "expected"],
    );
    refused_config("kind.toml", "max_message_bytes = \"many\"", &["max_message_bytes", "many"]);
    refused_config("store.toml", "store = true", &["`store`", "true", "expected false"]);
    refused_config("syntax.toml", "[outbox\n", &["outbox"]);
    refused(&["connect", "ws://127.0.0.1:9/", "--config", "/no/such/file"], &["--config", "/no/such/file"]);
}

#[test]
fn arguments_that_cannot_be() {
    refused(&["demo", "--seconds", "soon"], &["--seconds", "soon"]);
    refused(&["demo", "--seconds", "0"], &["--seconds", "0"]);
    refused(&["demo", "--rate", "-1"], &["-1"]);
    refused(&["demo", "--delivery", "exactly-once"], &["--delivery", "exactly-once", "at-least-once"]);
    refused(&["demo", "--record", "/no/such/directory/trace"], &["--record", "/no/such/directory/trace"]);
    refused(&["echo", "localhost"], &["ADDR", "localhost"]);
    refused(&["echo", "127.0.0.1:0", "--chaos", "mild"], &["--chaos", "mild", "hostile"]);
    refused(&["replay", "/no/such/file"], &["FILE", "/no/such/file"]);
    let file = Scratch::new("no-trace.jsonl", "{\"steadfast\": 1}\n");
    refused(&["replay", file.path()], &["FILE", "no-trace.jsonl", "line 1"]);
    refused(&["dance"], &["dance"]);
    refused(&[], &["Usage"]);
}

#[test]
fn swarms_that_cannot_be() {
    refused(&["swarm", "--sessions", "0"], &["--sessions", "0", "1..=25000"]);
    refused(&["swarm", "--sessions", "25001"], &["--sessions", "25001"]);
    refused(&["swarm", "--idle", "a while"], &["--idle", "a while", "duration"]);
    refused(&["swarm", "--pause", "9d"], &["--pause", "9d"]);
    refused(&["swarm", "--rate", "0"], &["--rate", "0"]);
    refused(&["swarm", "--seconds", "3"], &["--rate"]);
    refused(&["swarm", "--max-connects", "none"], &["--max-connects", "none"]);
}

#[test]
fn traces_that_nobody_can_draw() {
    let report = |file| ["report", file, "-o", "/dev/null"];
    refused(&report("/no/such/trace.jsonl"), &["/no/such/trace.jsonl", "No such file"]);
    let empty = Scratch::new("empty.jsonl", "");
    refused(&report(empty.path()), &["empty.jsonl", "line 1", "header of a trace", "nothing"]);
    let nonsense = Scratch::new("nonsense.jsonl", "{\"steadfast_trace\": 99}\n");
    refused(&report(nonsense.path()), &["nonsense.jsonl", "version 99"]);
}

#[test]
fn pages_that_cannot_be_written() {
    let name = "kept.jsonl";
    let trace = recorded(name);
    let report = |page| ["report", trace.path(), "-o", page];
    refused(&report("/no/such/folder/page.html"), &["--output", "/no/such/folder/page.html", "No such file"]);
    let before = std::fs::read(trace.path()).expect("the trace is there");
    refused(&report(trace.path()), &["--output", name, "expected another file than the trace"]);
    assert_eq!(std::fs::read(trace.path()).expect("it still is"), before);
}

/// The trace of a session that ended as soon as it began.
fn recorded(name: &str) -> Scratch {
    let file = Scratch::new(name, "");
    let mut connect = Running::start(["connect", "ws://127.0.0.1:9/", "--record", file.path()]);
    connect.end_input();
    connect.end();
    file
}

#[test]
fn a_trace_without_an_event_is_not_drawn() {
    let recorded = std::fs::read_to_string(recorded("begun.jsonl").path()).expect("the trace is there");
    let header = recorded.lines().next().expect("a header");
    let begun = Scratch::new("header.jsonl", &format!("{header}\n"));
    refused(&["report", begun.path(), "-o", "/dev/null"], &["header.jsonl", "no event to draw"]);
    let cut = Scratch::new("cut.jsonl", &format!("{header}\n{{\"at\":5"));
    refused(&["report", cut.path(), "-o", "/dev/null"], &["cut.jsonl", "no event to draw: line 2 was cut short"]);
}
