//! The swarm: many sessions, a server that is killed, and what is said of it.

use crate::running::{Running, run, stderr, stdout};
use serde_json::{Map, Value};

const KEYS: [&str; 26] = [
    "sessions",
    "opened_ms",
    "max_connects",
    "peak_connects",
    "server_peak_connects",
    "memory_bytes_a_session",
    "memory_bytes_a_session_after",
    "idle_ms",
    "idle_cpu_percent",
    "idle_wakeups",
    "idle_pings",
    "sent",
    "echoed",
    "echo_us_p50",
    "echo_us_p99",
    "echo_us_max",
    "away_ms",
    "lost",
    "attempts",
    "attempts_a_second_peak",
    "expected_attempts_a_second_peak",
    "recovered",
    "recovery_ms",
    "recovery_bound_ms",
    "kept",
    "seed",
];

/// A short show, with these arguments on top, that ends well; its report.
fn show(more: &[&str]) -> Map<String, Value> {
    let usual = ["swarm", "--sessions", "60", "--idle", "100ms", "--pause", "300ms", "--seed", "7", "--json"];
    let output = run(usual.iter().chain(more));
    let (out, timeline) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{out}\n{timeline}");
    assert!(timeline.contains("GOOD"), "{timeline}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

fn number(report: &Map<String, Value>, key: &str) -> u64 {
    report[key].as_u64().unwrap_or_else(|| panic!("{key} is {}", report[key]))
}

#[test]
fn all_sessions_lose_their_server_and_come_back() {
    let report = show(&[]);
    assert_eq!((number(&report, "lost"), number(&report, "recovered"), number(&report, "sessions")), (60, 60, 60));
    assert!(number(&report, "recovery_ms") <= number(&report, "recovery_bound_ms"));
    assert!(number(&report, "attempts") >= 60 && number(&report, "away_ms") >= 300);
}

#[test]
fn never_more_connect_at_the_same_time_than_may() {
    let report = show(&["--max-connects", "3"]);
    assert_eq!((number(&report, "max_connects"), number(&report, "peak_connects")), (3, 3));
    assert!(number(&report, "server_peak_connects") <= 3);
}

#[test]
fn what_is_sent_comes_back_and_is_measured() {
    let report = show(&["--rate", "5", "--seconds", "1"]);
    assert_eq!((number(&report, "sent"), number(&report, "echoed")), (300, 300));
    assert!(number(&report, "echo_us_p50") <= number(&report, "echo_us_p99"));
}

#[test]
fn the_json_has_exactly_the_promised_keys() {
    let report = show(&[]);
    let mut keys: Vec<&str> = report.keys().map(String::as_str).collect();
    let mut promised = KEYS;
    keys.sort_unstable();
    promised.sort_unstable();
    assert_eq!(keys, promised);
    assert_eq!(report["kept"], true);
}

#[test]
fn without_a_terminal_the_plots_are_plain_text() {
    let output = run(["swarm", "--sessions", "30", "--idle", "0s", "--pause", "200ms", "--seed", "7"]);
    let out = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(!out.contains('\x1b') && !out.contains('\r'), "{out:?}");
    for word in ["killed ", "restarted ", "back ", "expected of the jitter", "open sessions since then", "└─", "GOOD"]
    {
        assert!(out.contains(word), "{word:?} is missing in:\n{out}");
    }
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_it_and_its_server() {
    let mut swarm = Running::start(["swarm", "--sessions", "20", "--idle", "1h", "--seed", "7"]);
    let first = swarm.out_line(|line| line.contains(" in another process"));
    swarm.out_line(|line| line.contains("open "));
    swarm.signal("INT");
    let (code, out, err) = swarm.end();
    assert_eq!(code, Some(1), "{out}\n{err}");
    assert!(err.contains("interrupted"), "{err}");
    let server = first.split(' ').find(|word| word.starts_with("127.0.0.1:")).expect("an address");
    assert!(std::net::TcpStream::connect(server).is_err(), "the server is still there");
}

/// Runs a swarm under limits of a shell's `ulimit`.
#[cfg(unix)]
fn limited(limit: &str, sessions: &str) -> std::process::Output {
    let script = format!("ulimit {limit} && exec \"$@\"");
    let program = env!("CARGO_BIN_EXE_steadfast");
    let swarm = [program, "swarm", "--sessions", sessions, "--idle", "0s", "--pause", "100ms"];
    std::process::Command::new("sh").args(["-c", &script, "sh"]).args(swarm).output().expect("a shell")
}

#[test]
#[cfg(unix)]
fn a_soft_limit_of_file_descriptors_is_raised() {
    let output = limited("-Sn 50", "60");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
#[cfg(unix)]
fn a_hard_limit_of_file_descriptors_is_told_with_what_would_be_needed() {
    let output = limited("-n 200", "1000");
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{error}");
    for word in ["--sessions 1000", "1064 file descriptors", "allows 200"] {
        assert!(error.contains(word), "{word:?} is missing in: {error}");
    }
}
