//! Tokens from files and commands.

use crate::running::{Running, Scratch, run, stderr};
use steadfast_sim::mock::{Accept, Answer, MockServer};

const TRANSPORTS: [&str; 2] = ["mio", "async-std"];

#[test]
fn a_token_from_a_file_is_read_again_when_the_server_rejects_it() {
    for transport in TRANSPORTS {
        let server = MockServer::by_hand();
        let file = Scratch::new(&format!("token-{transport}"), "one\n");
        let mut connect =
            Running::start(["connect", "--transport", transport, &server.url(), "--bearer-file", file.path()]);
        let mut incoming = server.incoming();
        assert_eq!(incoming.request().header("authorization"), Some("Bearer one"));
        std::fs::write(file.path(), "two\n").expect("a file of ours");
        incoming.answer(&Answer::status(401));
        let conn = server.accept_with(&Accept::new().expect_header("authorization", "Bearer two"));
        connect.say("hello");
        conn.expect_text("hello");
        connect.end_input();
        let (code, out, err) = connect.end();
        assert_eq!(code, Some(0), "{err}");
        assert!(!format!("{out}{err}").contains("Bearer"), "{out}{err}");
    }
}

#[test]
#[cfg(unix)]
fn what_a_command_writes_is_the_token() {
    let server = MockServer::by_hand();
    let mut connect = Running::start(["connect", &server.url(), "--token-command", "printf '%s\\n' from-command"]);
    let conn = server.accept_with(&Accept::new().expect_header("authorization", "Bearer from-command"));
    connect.err_line(|line| line.contains("open"));
    connect.end_input();
    conn.expect_close(1000);
    connect.end();
}

#[test]
#[cfg(unix)]
fn a_command_that_fails_is_told_and_run_again() {
    let server = MockServer::by_hand();
    let mut connect = Running::start(["connect", &server.url(), "--token-command", "exit 7", "--drain", "0s"]);
    connect.err_line(|line| line.contains("--token-command: exit status: 7"));
    connect.end_input();
    connect.end();
    assert_eq!(server.accepted(), 0);
}

#[test]
#[cfg(unix)]
fn a_command_that_takes_too_long_is_ended_and_run_again() {
    let settings = "[credentials]\nfetch_timeout = \"100ms\"\n\
                    [backoff]\nfirst = \"off\"\nschedule = { kind = \"exponential\", base = \"10ms\", cap = \"10ms\" }\njitter = { floor = \"0s\" }\n";
    let config = Scratch::new("impatient.toml", settings);
    let server = MockServer::by_hand();
    let runs = Scratch::new("runs", "");
    // More often than callbacks may hang at the same time.
    let command =
        format!("echo >> {path}; [ $(wc -l < {path}) -gt 5 ] && echo late || exec sleep 1000", path = runs.path());
    let mut connect =
        Running::start(["connect", &server.url(), "--config", config.path(), "--token-command", &command]);
    connect.err_line(|line| line.contains("the fetch took too long"));
    let conn = server.accept_with(&Accept::new().expect_header("authorization", "Bearer late"));
    connect.end_input();
    conn.expect_close(1000);
    connect.end();
}

#[test]
#[cfg(unix)]
fn a_command_that_never_stops_writing_is_not_listened_to_for_ever() {
    let server = MockServer::by_hand();
    let mut connect = Running::start(["connect", &server.url(), "--token-command", "yes", "--drain", "0s"]);
    connect.err_line(|line| line.contains("expected a token of at most 65536 bytes"));
    connect.end_input();
    connect.end();
}

#[test]
fn a_command_that_is_none_is_bad_input() {
    let output = run(["connect", "ws://127.0.0.1:9/", "--token-command", ""]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--token-command"), "{}", stderr(&output));
}

#[test]
fn a_token_file_that_is_not_there_is_bad_input() {
    let output = run(["connect", "ws://127.0.0.1:9/", "--bearer-file", "/nowhere/token"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--bearer-file /nowhere/token"), "{}", stderr(&output));
}

#[test]
fn two_sources_of_one_header_are_bad_input() {
    let file = Scratch::new("token-twice", "one");
    let output = run(["connect", "ws://127.0.0.1:9/", "-H", "Authorization: x", "--bearer-file", file.path()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("Authorization"), "{}", stderr(&output));
}
