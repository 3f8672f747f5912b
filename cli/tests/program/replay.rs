//! What `--record` writes, `replay` tells again.

use std::fs;

use crate::running::{Running, Scratch, run, stderr, stdout};

#[test]
fn a_recorded_demo_replays_to_the_same_decisions_and_timeline() {
    let file = Scratch::new("demo.jsonl", "");
    let path = file.path();
    let demo = run(["demo", "--seconds", "2", "--seed", "9", "--record", path]);
    assert_eq!(demo.status.code(), Some(0), "{}", stdout(&demo));
    let replay = run(["replay", path]);
    let (shown, replayed) = (stdout(&demo), stdout(&replay));
    assert_eq!(replay.status.code(), Some(0), "{replayed}{}", stderr(&replay));
    assert!(replayed.contains("IDENTICAL"), "{replayed}");
    // The same lines, but for their times: the demo counts from its own beginning.
    for label in ["open ", "lost ", "failed ", "stopped "] {
        let told = |text: &str| {
            text.lines()
                .filter_map(|line| line.split_once("s  "))
                .map(|(_, said)| said.to_owned())
                .filter(|said| said.starts_with(label))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&shown), told(&replayed));
    }
}

#[test]
fn a_trace_that_was_changed_is_found_out() {
    let file = Scratch::new("recorded.jsonl", "");
    let path = file.path();
    let (_server, url) = Running::echo_server(&[]);
    let mut connect = Running::start(["connect", &url, "--record", path]);
    connect.say("hello");
    connect.end_input();
    assert_eq!(connect.end().0, Some(0));
    assert_eq!(run(["replay", path]).status.code(), Some(0));

    let recorded = fs::read_to_string(path).expect("the trace is there");
    assert!(recorded.contains("hello"));
    let changed = Scratch::new("changed.jsonl", &recorded.replace("\"can_ping\":true", "\"can_ping\":false"));
    let replay = run(["replay", changed.path()]);
    assert_eq!(replay.status.code(), Some(1), "{}", stdout(&replay));
    assert!(stdout(&replay).contains("DIFFERENT"), "{}", stdout(&replay));
}

#[test]
#[cfg(target_os = "linux")]
fn a_trace_that_cannot_be_written_is_reported() {
    let demo = run(["demo", "--seconds", "1", "--record", "/dev/full"]);
    assert_eq!(demo.status.code(), Some(1));
    assert!(stderr(&demo).contains("cannot write the trace /dev/full"), "{}", stderr(&demo));
}

#[test]
fn a_recorded_demo_becomes_a_page_and_can_be_stepped_through() {
    let trace = Scratch::new("drawn.jsonl", "");
    let page = Scratch::new("drawn.html", "");
    assert_eq!(run(["demo", "--seconds", "1", "--seed", "3", "--record", trace.path()]).status.code(), Some(0));
    let report = run(["report", trace.path(), "-o", page.path()]);
    assert_eq!(report.status.code(), Some(0), "{}", stderr(&report));
    let html = fs::read_to_string(page.path()).expect("the page is there");
    assert!(html.starts_with("<!DOCTYPE html>") && html.trim_end().ends_with("</html>"));

    let mut steps = Running::start(["replay", "--step", trace.path()]);
    steps.say("n");
    steps.out_line(|line| line == "  event    Start");
    steps.say("f");
    steps.out_line(|line| line.starts_with("  state    ") && line.contains("waiting until"));
    steps.say("b");
    steps.out_line(|line| line.starts_with("  outbox   "));
    steps.say("q");
    assert_eq!(steps.end().0, Some(0));
}
