//! The demo whose client is a process of its own with a store, killed again and again.

use crate::running::{run, stderr, stdout};
use serde_json::{Map, Value};

/// Runs a short show, which must end well; its report, and what else it said.
fn show(more: &[&str]) -> (Map<String, Value>, String) {
    let usual = ["demo", "--durable", "--seconds", "4", "--seed", "7", "--json"];
    let output = run(usual.iter().chain(more));
    let (out, timeline) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{more:?}: {out}\n{timeline}");
    assert_eq!(out.lines().count(), 1, "the timeline belongs on standard error: {out}");
    (serde_json::from_str(&out).expect("JSON"), timeline)
}

fn number(report: &Map<String, Value>, key: &str) -> u64 {
    report[key].as_u64().unwrap_or_else(|| panic!("{key} is {}", report[key]))
}

#[test]
fn a_client_that_is_killed_loses_nothing_as_its_store_gives_it_back() {
    for more in [&["--kill"][..], &["--kill", "--transport", "async-std", "--tls"]] {
        let (report, timeline) = show(more);
        assert_eq!((number(&report, "lost"), number(&report, "reordered")), (0, 0), "{more:?}: {report:?}");
        assert!(number(&report, "accepted") > 100 && number(&report, "delivered") >= number(&report, "accepted"));
        // Without a store nothing is found there.
        assert!(number(&report, "restored") > 0, "{more:?}: {report:?}\n{timeline}");
        assert!(number(&report, "kills") >= 2 && timeline.contains("SIGKILL"), "{timeline}");
    }
}

#[test]
fn a_durable_client_that_nobody_kills_settles_everything_in_one_life() {
    let (report, _) = show(&[]);
    assert_eq!(["kills", "restored", "lost", "reordered"].map(|key| number(&report, key)), [0; 4]);
    assert_eq!(number(&report, "sent"), number(&report, "confirmed"));
}

#[test]
fn a_client_that_gives_up_is_no_good_show() {
    let pin = "sha256/YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=";
    let output = run(["demo", "--durable", "--seconds", "60", "--tls", "--pin", pin]);
    let out = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("the client ended: ") && out.contains("pin") && !out.contains("GOOD"), "{out}");
}

#[test]
fn what_cannot_be_together_is_said() {
    for (arguments, expected) in [
        (&["--kill"][..], "--durable"),
        (&["--durable", "--delivery", "volatile"], "cannot be used with '--delivery"),
        (&["--durable", "--record", "trace.jsonl"], "cannot be used with '--record"),
    ] {
        let output = run(["demo"].iter().chain(arguments));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}
