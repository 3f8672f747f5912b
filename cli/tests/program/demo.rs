//! The demo, as a person and as a program sees it.

use crate::running::{Running, run, stderr, stdout};
use serde_json::{Map, Value};

const ENGINES: &[&str] = &[
    "native",
    #[cfg(feature = "tungstenite")]
    "tungstenite",
];

const KEYS: [&str; 15] = [
    "sent",
    "confirmed",
    "written",
    "in_doubt",
    "dropped",
    "resent",
    "lost",
    "duplicates",
    "reordered",
    "connections",
    "reconnect_ms_p50",
    "reconnect_ms_p99",
    "rtt_us_p50",
    "rtt_us_p99",
    "seed",
];

#[test]
fn the_show_is_the_same_on_either_transport_with_tls_and_without() {
    for transport in ["mio", "async-std"] {
        for tls in [&[][..], &["--tls"]] {
            let usual = ["demo", "--seconds", "3", "--seed", "7", "--json", "--transport", transport];
            let output = run(usual.iter().chain(tls));
            let (out, timeline) = (stdout(&output), stderr(&output));
            assert_eq!(output.status.code(), Some(0), "{transport}, {tls:?}: {out}\n{timeline}");
            assert_eq!(timeline.contains("wss://"), !tls.is_empty(), "{timeline}");
            let report: Map<String, Value> = serde_json::from_str(&out).expect("JSON");
            assert_eq!((number(&report, "lost"), number(&report, "reordered")), (0, 0));
            assert_eq!(number(&report, "confirmed"), number(&report, "sent"));
            assert!(number(&report, "connections") >= 3, "{report:?}");
        }
    }
}

#[test]
fn a_session_that_gives_up_is_no_good_show() {
    let pin = "sha256/YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=";
    let output = run(["demo", "--seconds", "60", "--tls", "--pin", pin]);
    let out = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("gave up") && out.contains("pin") && !out.contains("GOOD"), "{out}");
}

/// Runs a short show on either engine, which must end well, and judges its report.
fn show(delivery: &str, judge: impl Fn(&Map<String, Value>)) {
    for engine in ENGINES {
        let output =
            run(["demo", "--seconds", "4", "--seed", "7", "--json", "--delivery", delivery, "--engine", engine]);
        let (out, timeline) = (stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(0), "{engine}: {out}\n{timeline}");
        let last = out.lines().last().expect("a line on standard output");
        judge(&serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}")));
    }
}

fn number(report: &Map<String, Value>, key: &str) -> u64 {
    report[key].as_u64().unwrap_or_else(|| panic!("{key} is {}", report[key]))
}

#[test]
fn at_least_once_confirms_everything() {
    show("at-least-once", |report| {
        assert!(number(report, "sent") > 100);
        assert_eq!(number(report, "confirmed"), number(report, "sent"));
        assert_eq!((number(report, "lost"), number(report, "reordered")), (0, 0));
        assert!(number(report, "connections") >= 4, "{report:?}");
    });
}

#[test]
fn at_most_once_never_repeats_and_says_what_is_in_doubt() {
    show("at-most-once", |report| {
        assert_eq!((number(report, "lost"), number(report, "duplicates"), number(report, "resent")), (0, 0, 0));
        assert_eq!(number(report, "sent"), number(report, "confirmed") + number(report, "in_doubt"));
    });
}

#[test]
fn volatile_never_repeats_and_accounts_for_everything() {
    show("volatile", |report| {
        assert_eq!((number(report, "lost"), number(report, "duplicates"), number(report, "resent")), (0, 0, 0));
        let settled =
            ["confirmed", "written", "in_doubt", "dropped"].map(|key| number(report, key)).iter().sum::<u64>();
        assert_eq!(settled, number(report, "sent"));
    });
}

#[test]
fn the_json_has_exactly_the_promised_keys() {
    let output = run(["demo", "--seconds", "1", "--seed", "3", "--rate", "50", "--json"]);
    let out = stdout(&output);
    assert_eq!(out.lines().count(), 1, "the timeline belongs on standard error: {out}");
    let report: Map<String, Value> = serde_json::from_str(&out).expect("JSON");
    let mut keys: Vec<&str> = report.keys().map(String::as_str).collect();
    let mut promised = KEYS;
    keys.sort_unstable();
    promised.sort_unstable();
    assert_eq!(keys, promised);
    assert_eq!(number(&report, "seed"), 3);
    assert!(stderr(&output).contains("  server     "), "{}", stderr(&output));
}

#[test]
fn without_a_terminal_the_timeline_is_plain_lines() {
    let output = run(["demo", "--seconds", "2", "--seed", "5"]);
    let out = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(!out.contains('\x1b') && !out.contains('\r'), "{out:?}");
    for word in ["open ", "lost ", "attempt ", "in doubt", "GOOD", "seed        5"] {
        assert!(out.contains(word), "{word:?} is missing in:\n{out}");
    }
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_it_early_and_it_is_judged_all_the_same() {
    let mut demo = Running::start(["demo", "--seconds", "3600", "--seed", "5"]);
    demo.out_line(|line| line.contains("back after"));
    demo.signal("INT");
    let (code, out, err) = demo.end();
    assert_eq!(code, Some(0), "{out}\n{err}");
    assert!(out.contains("turns kind") && out.contains("GOOD"), "{out}");
}
