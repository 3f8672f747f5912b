//! Settings as they are written in TOML and JSON.

use alloc::{
    format,
    string::{String, ToString},
    vec,
};
use core::time::Duration;

use super::*;
use crate::{
    cause::{CauseKind, CredentialsKind, IoKind, ProxyKind},
    close::CloseCode,
    session::policy::Decision,
    stage::Stage,
};

const EVERY_FIELD: &str = include_str!("../../examples/steadfast.toml");

fn from_toml(text: &str) -> Config {
    toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn toml_error(text: &str) -> String {
    toml::from_str::<Config>(text).expect_err(text).to_string()
}

fn json_error(text: &str) -> String {
    serde_json::from_str::<Config>(text).expect_err(text).to_string()
}

/// The error's text holds all of these words.
fn assert_says(error: &str, words: &[&str]) {
    for word in words {
        assert!(error.contains(word), "{word:?} is missing in: {error}");
    }
}

fn assert_round_trip(settings: &Settings) {
    let toml = toml::to_string(settings).expect("settings can be written as TOML");
    assert_eq!(&toml::from_str::<Settings>(&toml).expect("what was written can be read"), settings, "{toml}");
    let json = serde_json::to_string(settings).expect("settings can be written as JSON");
    assert_eq!(&serde_json::from_str::<Settings>(&json).expect("what was written can be read"), settings, "{json}");
}

fn assert_backoff_round_trip(backoff: Backoff) {
    assert_round_trip(&Settings { backoff, ..Settings::default() });
}

fn assert_heartbeat_round_trip(heartbeat: Heartbeat) {
    assert_round_trip(&Settings { heartbeat, ..Settings::default() });
}

#[test]
fn nothing_written_is_the_default() {
    assert_eq!(from_toml(""), Config::default());
    assert_eq!(serde_json::from_str::<Config>("{}").expect("nothing is required"), Config::default());
}

#[test]
fn the_example_sets_every_field() {
    let expected = Settings {
        heartbeat: Heartbeat::Text {
            pace: Pace::default(),
            ping: r#"{"op":"ping"}"#.into(),
            pong: r#"{"op":"pong"}"#.into(),
            deliver: false,
        },
        backoff: Backoff {
            limit: Some(Duration::from_secs(45)),
            max_attempts: Some(100),
            max_elapsed: Some(Duration::from_hours(24)),
            ..Backoff::default()
        },
        outbox: Outbox { when_full: WhenFull::DropOldest, ..Outbox::default() },
        rate: Some(Rate {
            messages: Some(Bucket { count: 100, per: Duration::from_mins(1), burst: 20 }),
            bytes: Some(Bucket { count: 65_536, per: Duration::from_secs(1), burst: 131_072 }),
        }),
        ready: Ready::WhenTold,
        endpoints: Endpoints { count: 2, order: Order::Shuffled, priorities: vec![0, 1], ..Endpoints::default() },
        policy: ClosePolicy {
            rules: vec![
                Rule {
                    when: Match::Code { from: CloseCode(4_100), to: CloseCode(4_199) },
                    then: Decision::RetryAfter { floor: Duration::from_secs(1), spread: Duration::from_millis(500) },
                },
                Rule { when: Match::Status { from: 404, to: 404 }, then: Decision::Terminal },
                Rule { when: Match::Io(IoKind::Refused), then: Decision::NextEndpoint },
                Rule { when: Match::Kind(CauseKind::Protocol), then: Decision::Retry },
                Rule { when: Match::Stage(Stage::Resolve), then: Decision::Retry },
                Rule { when: Match::Proxy(ProxyKind::Forbidden), then: Decision::Terminal },
                Rule { when: Match::Credentials(CredentialsKind::TimedOut), then: Decision::Retry },
            ],
            ..ClosePolicy::default()
        },
        credentials: Some(Credentials {
            placement: Placement::FirstMessage,
            renewal: Renewal::Message,
            ..Credentials::default()
        }),
        background: Background::Close { after: Duration::from_mins(1) },
        ..Settings::default()
    };
    assert_eq!(from_toml(EVERY_FIELD).settings(), &expected);
}

#[test]
fn the_example_leaves_no_field_out() {
    let example: toml::Table = EVERY_FIELD.parse().expect("the example is TOML");
    let read: toml::Table =
        toml::to_string(from_toml(EVERY_FIELD).settings()).expect("it can be written").parse().expect("it is TOML");
    assert_eq!(example, read);
}

#[test]
fn what_is_written_is_read_back_the_same() {
    assert_round_trip(&Settings::default());
    assert_round_trip(from_toml(EVERY_FIELD).settings());
    assert_round_trip(&Settings { answer_timeout: None, long_outage: None, ..Settings::default() });
    let config = Config::builder().ready(Ready::WhenTold).build().expect("it is possible");
    let json = serde_json::to_string(&config).expect("a configuration can be written");
    assert_eq!(serde_json::from_str::<Config>(&json).expect("what was written can be read"), config);
}

#[test]
fn every_preset_is_read_back_the_same() {
    for settings in [
        Settings::android(),
        Settings::android_simple(),
        Settings::ios(),
        Settings::javascript(),
        Settings::react_every_close(),
        Settings::dart(),
    ] {
        assert_round_trip(&settings);
    }
    assert_backoff_round_trip(Backoff::list());
    assert_backoff_round_trip(Backoff::centrifugo());
    assert_backoff_round_trip(Backoff::grpc());
}

#[test]
fn every_jitter_is_read_back_the_same() {
    let second = Duration::from_secs(1);
    for jitter in [
        Jitter::None,
        Jitter::Full { floor: second },
        Jitter::Equal,
        Jitter::Proportional { below_ppm: 1, above_ppm: 2 },
        Jitter::Additive { max: second },
        Jitter::Decorrelated { base: second, cap: 2 * second },
    ] {
        assert_backoff_round_trip(Backoff { jitter, first: None, ..Backoff::default() });
    }
}

#[test]
fn every_heartbeat_is_read_back_the_same() {
    assert_heartbeat_round_trip(Heartbeat::Off);
    assert_heartbeat_round_trip(Heartbeat::Ping(Pace { missed_allowed: 7, ..Pace::default() }));
    assert_heartbeat_round_trip(Heartbeat::Idle { timeout: Duration::from_millis(1) });
    let text = |text: &str| String::from(text);
    let pace = Pace::default();
    assert_heartbeat_round_trip(Heartbeat::Text { pace, ping: text("a"), pong: text("b"), deliver: true });
}

#[test]
fn a_heartbeat_keeps_the_defaults_of_what_is_missing() {
    let interval = Duration::from_secs(5);
    let expected = Heartbeat::Ping(Pace { interval, ..Pace::default() });
    assert_eq!(from_toml("heartbeat = { mode = \"ping\", interval = \"5s\" }").heartbeat, expected);
    let json = r#"{"heartbeat": {"interval": "5s", "mode": "ping"}}"#;
    assert_eq!(serde_json::from_str::<Config>(json).expect("it is possible").heartbeat, expected);
    assert_eq!(from_toml("heartbeat = { mode = \"off\" }").heartbeat, Heartbeat::Off);
}

#[test]
fn backoff_keeps_the_defaults_of_what_is_missing() {
    assert_eq!(from_toml("[backoff]\nschedule = {}\njitter = {}").backoff, Backoff::default());
    let config = from_toml("[backoff]\nfirst = \"off\"\nschedule = { kind = \"exponential\", base = \"2s\" }");
    let schedule = Schedule::Exponential {
        base: Duration::from_secs(2),
        factor_ppm: 2_000_000,
        cap: Some(Duration::from_secs(30)),
    };
    assert_eq!(config.backoff, Backoff { first: None, schedule, ..Backoff::default() });
}

#[test]
fn a_bucket_fills_by_the_second_unless_it_is_said() {
    let config = from_toml("rate.messages = { count = 5, burst = 10 }");
    let messages = Some(Bucket { count: 5, per: Duration::from_secs(1), burst: 10 });
    assert_eq!(config.rate, Some(Rate { messages, bytes: None }));
}

#[test]
fn off_and_null_are_none() {
    assert_eq!(from_toml("answer_timeout = \"off\"").answer_timeout, None);
    let config: Config =
        serde_json::from_str(r#"{"answer_timeout": null, "backoff": {"first": null}}"#).expect("null is none");
    assert_eq!((config.answer_timeout, config.backoff.first), (None, None));
    let config: Config = serde_json::from_str(r#"{"backoff": {"schedule": {"cap": null}}}"#).expect("null is none");
    assert!(matches!(config.backoff.schedule, Schedule::Exponential { cap: None, .. }));
}

#[test]
fn an_unknown_field_is_named_at_every_level() {
    for text in [
        "slip = 1",
        "backoff = { slip = 1 }",
        "backoff.first = { slip = 1 }",
        "backoff.schedule = { kind = \"exponential\", slip = 1 }",
        "backoff.schedule = { kind = \"fixed\", delay = \"1s\", slip = 1 }",
        "backoff.jitter = { kind = \"full\", slip = 1 }",
        "backoff.jitter = { kind = \"none\", slip = 1 }",
        "backoff.jitter = { kind = \"equal\", slip = 1 }",
        "heartbeat = { mode = \"off\", slip = 1 }",
        "heartbeat = { mode = \"ping\", slip = 1 }",
        "heartbeat = { mode = \"text\", ping = \"a\", pong = \"b\", slip = 1 }",
        "heartbeat = { mode = \"idle\", timeout = \"1s\", slip = 1 }",
        "confirm = { slip = 1 }",
        "outbox = { slip = 1 }",
        "rate = { slip = 1 }",
        "rate.messages = { count = 1, burst = 1, slip = 1 }",
        "policy = { slip = 1 }",
        "policy.rules = [{ when = { io = \"reset\" }, then = \"retry\", slip = 1 }]",
    ] {
        assert_says(&toml_error(text), &["unknown field `slip`"]);
        let json = serde_json::to_string(&text.parse::<toml::Table>().expect("it is TOML")).expect("it is JSON");
        assert_says(&json_error(&json), &["unknown field `slip`"]);
    }
}

#[test]
fn a_field_of_another_mode_is_unknown() {
    let error = toml_error("heartbeat = { mode = \"ping\", pong = \"b\" }");
    assert_says(&error, &["unknown field `pong`", "`interval`, `timeout`, `missed_allowed`", "mode `ping`"]);
}

#[test]
fn a_bad_duration_is_shown_with_what_is_expected() {
    let error = toml_error("close_timeout = \"5 parsecs\"");
    assert_says(&error, &["close_timeout", "5 parsecs", "a duration such as \"30s\", \"500ms\" or \"1m30s\""]);
    let error = toml_error("[heartbeat]\nmode = \"ping\"\ninterval = \"x\"");
    assert_says(&error, &["interval = \"x\"", "line 3", "a duration such as"]);
    let error = toml_error("[backoff.schedule]\nkind = \"list\"\ndelays = [\"1s\", \"x\"]");
    assert_says(&error, &["delays = ", "line 3", "a duration such as"]);
    assert_says(&toml_error("long_outage = \"of\""), &["\"of\"", "a duration such as", "or \"off\""]);
    assert_says(&toml_error("backoff.first = \"of\""), &["\"of\"", "a table, or \"off\""]);
}

#[test]
fn a_bare_number_is_no_duration() {
    assert_says(&toml_error("close_timeout = 5"), &["close_timeout", "integer `5`", "a duration such as"]);
    assert_says(&toml_error("long_outage = 5"), &["long_outage", "integer `5`", "or \"off\""]);
    assert_says(&json_error(r#"{"close_timeout": 5}"#), &["integer `5`", "a duration such as"]);
}

#[test]
fn an_impossible_value_is_refused_with_its_field() {
    for (text, error) in [
        ("connect_timeout = \"0s\"", "`connect_timeout` is 0s: expected 1ms to 1d"),
        ("stable_after = \"2d\"", "`stable_after` is 2d: expected 0s to 1d"),
        ("heartbeat = { mode = \"ping\", timeout = \"0s\" }", "`heartbeat.timeout` is 0s: expected 1ms to 1d"),
        ("outbox = { high_watermark = 20 }", "`outbox.low_watermark` is 25: expected 0 to 19"),
        ("outbox = { max_messages = 0 }", "`outbox.max_messages` is 0: expected at least 1"),
        (
            "backoff.schedule = { kind = \"list\", delays = [] }",
            "`backoff.schedule.delays` is empty: expected at least one delay",
        ),
    ] {
        assert_says(&toml_error(text), &[error]);
    }
    assert_says(&json_error(r#"{"close_timeout": "0s"}"#), &["`close_timeout` is 0s: expected 1ms to 1d"]);
}

#[test]
fn an_unknown_choice_is_shown_with_those_that_there_are() {
    assert_says(&toml_error("ready = \"later\""), &["later", "`immediately`", "`when-told`"]);
    assert_says(&toml_error("heartbeat = { mode = \"pong\" }"), &["pong", "`off`", "`ping`", "`text`", "`idle`"]);
    assert_says(&toml_error("backoff.jitter = { kind = \"ful\" }"), &["ful", "`full`", "`decorrelated`"]);
    assert_says(&toml_error("heartbeat = { mode = \"idle\" }"), &["missing field `timeout`", "mode `idle`"]);
    assert_says(&toml_error("backoff.schedule = { kind = \"list\" }"), &["missing field `delays`", "kind `list`"]);
}

#[test]
fn an_error_is_read_back_the_same() {
    let error = Config::builder().close_timeout(Duration::ZERO).build().expect_err("zero is refused");
    let json = serde_json::to_string(&error).expect("an error can be written");
    assert_eq!(serde_json::from_str::<ConfigError>(&json).expect("what was written can be read"), error);
    assert_eq!(format!("{error}"), "`close_timeout` is 0s: expected 1ms to 1d");
}
