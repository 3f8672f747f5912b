//! The error names the field, the value and the range.

use alloc::{string::ToString, vec, vec::Vec};

use super::*;
use crate::{
    close::CloseCode,
    config::{Config, Rule},
};

/// The text of the error that these settings, changed by `change`, give.
fn error(change: impl FnOnce(&mut Settings)) -> alloc::string::String {
    let mut settings = Settings::default();
    change(&mut settings);
    Config::new(settings).expect_err("the change is impossible").to_string()
}

#[test]
fn the_default_is_possible() {
    assert_eq!(settings(&Settings::default()), Ok(()));
}

#[test]
fn the_error_names_field_value_and_range() {
    let error = Config::new(Settings { connect_timeout: NOTHING, ..Settings::default() }).unwrap_err();
    assert_eq!(error.field(), "connect_timeout");
    assert_eq!(error.value(), "0s");
    assert_eq!(error.expected(), "1ms to 1d");
}

#[test]
fn timeouts_are_neither_zero_nor_endless() {
    let long = DAY + SHORTEST;
    assert_eq!(error(|s| s.stable_after = long), "`stable_after` is 1d1ms: expected 0s to 1d");
    assert_eq!(error(|s| s.close_timeout = NOTHING), "`close_timeout` is 0s: expected 1ms to 1d");
    assert_eq!(error(|s| s.write_timeout = long), "`write_timeout` is 1d1ms: expected 1ms to 1d");
    assert_eq!(error(|s| s.answer_timeout = Some(NOTHING)), "`answer_timeout` is 0s: expected 1ms to 1d");
    assert_eq!(error(|s| s.probe_timeout = NOTHING), "`probe_timeout` is 0s: expected 1ms to 1d");
    assert_eq!(error(|s| s.retry_after_max = long), "`retry_after_max` is 1d1ms: expected 0s to 1d");
    assert_eq!(error(|s| s.long_outage = Some(NOTHING)), "`long_outage` is 0s: expected 1ms to 1d");
}

#[test]
fn a_heartbeat_has_a_pace_that_can_be_kept() {
    let paced = |change: fn(&mut Pace)| {
        let mut pace = Pace::default();
        change(&mut pace);
        heartbeat(&Heartbeat::Ping(pace)).expect_err("the pace is impossible").to_string()
    };
    assert_eq!(paced(|p| p.interval = NOTHING), "`heartbeat.interval` is 0s: expected 1ms to 1d");
    assert_eq!(paced(|p| p.timeout = NOTHING), "`heartbeat.timeout` is 0s: expected 1ms to 1d");
    assert_eq!(paced(|p| p.missed_allowed = 101), "`heartbeat.missed_allowed` is 101: expected 0 to 100");
    let idle = Heartbeat::Idle { timeout: NOTHING };
    assert_eq!(heartbeat(&idle).unwrap_err().to_string(), "`heartbeat.timeout` is 0s: expected 1ms to 1d");
}

#[test]
fn a_text_heartbeat_has_texts() {
    let texts = |ping: &str, pong: &str| Heartbeat::Text {
        pace: Pace::default(),
        ping: ping.into(),
        pong: pong.into(),
        deliver: false,
    };
    assert_eq!(heartbeat(&texts("ping", "pong")), Ok(()));
    let error = heartbeat(&texts("", "pong")).unwrap_err().to_string();
    assert_eq!(error, "`heartbeat.ping` is 0 bytes long: expected a text of 1 to 65536 bytes");
    assert_eq!(heartbeat(&texts("ping", &"x".repeat(65_537))).unwrap_err().field(), "heartbeat.pong");
}

#[test]
fn a_schedule_never_spins() {
    let scheduled = |schedule: Schedule| error(|s| s.backoff.schedule = schedule);
    let exponential = |base, factor_ppm, cap| Schedule::Exponential { base, factor_ppm, cap };
    assert_eq!(scheduled(exponential(NOTHING, 2_000_000, None)), "`backoff.schedule.base` is 0s: expected 1ms to 1d");
    assert_eq!(
        scheduled(exponential(MINUTE, 999_999, None)),
        "`backoff.schedule.factor_ppm` is 999999: expected 1000000 to 1000000000"
    );
    assert_eq!(
        scheduled(exponential(MINUTE, 2_000_000, Some(SHORTEST))),
        "`backoff.schedule.cap` is 1ms: expected 1m to 1d"
    );
    assert_eq!(
        scheduled(Schedule::Linear { step: NOTHING, cap: None }),
        "`backoff.schedule.step` is 0s: expected 1ms to 1d"
    );
    assert_eq!(
        scheduled(Schedule::Linear { step: MINUTE, cap: Some(NOTHING) }),
        "`backoff.schedule.cap` is 0s: expected 1m to 1d"
    );
    assert_eq!(scheduled(Schedule::Fixed { delay: NOTHING }), "`backoff.schedule.delay` is 0s: expected 1ms to 1d");
    assert_eq!(
        scheduled(Schedule::List { delays: Vec::new() }),
        "`backoff.schedule.delays` is empty: expected at least one delay"
    );
    assert_eq!(
        scheduled(Schedule::List { delays: vec![NOTHING, Duration::MAX] }),
        "`backoff.schedule.delays[1]` is 213503982334601d7h15s999ms999us999ns: expected 0s to 1d"
    );
}

#[test]
fn jitter_fits_its_schedule() {
    let jittered = |jitter: Jitter| error(|s| s.backoff.jitter = jitter);
    assert_eq!(jittered(Jitter::Full { floor: MINUTE }), "`backoff.jitter.floor` is 1m: expected 0s to 30s");
    assert_eq!(
        jittered(Jitter::Proportional { below_ppm: 1_000_001, above_ppm: 0 }),
        "`backoff.jitter.below_ppm` is 1000001: expected 0 to 1000000"
    );
    assert_eq!(
        jittered(Jitter::Proportional { below_ppm: 0, above_ppm: 10_000_001 }),
        "`backoff.jitter.above_ppm` is 10000001: expected 0 to 10000000"
    );
    assert_eq!(jittered(Jitter::Additive { max: YEAR }), "`backoff.jitter.max` is 365d: expected 0s to 1d");
    assert_eq!(
        jittered(Jitter::Decorrelated { base: NOTHING, cap: MINUTE }),
        "`backoff.jitter.base` is 0s: expected 1ms to 1d"
    );
    assert_eq!(
        jittered(Jitter::Decorrelated { base: MINUTE, cap: SHORTEST }),
        "`backoff.jitter.cap` is 1ms: expected 1m to 1d"
    );
}

#[test]
fn the_limits_of_backoff_are_in_order() {
    let first = |min, max| error(|s| s.backoff.first = Some(FirstDelay { min, max }));
    assert_eq!(first(MINUTE, SHORTEST), "`backoff.first.min` is 1m: expected 0s to 1ms");
    assert_eq!(first(NOTHING, YEAR), "`backoff.first.max` is 365d: expected 0s to 1d");
    assert_eq!(
        error(|s| s.backoff.keep_pace_ppm = 1_000_001),
        "`backoff.keep_pace_ppm` is 1000001: expected 0 to 1000000"
    );
    assert_eq!(error(|s| s.backoff.offset = YEAR), "`backoff.offset` is 365d: expected 0s to 1d");
    assert_eq!(error(|s| s.backoff.limit = Some(NOTHING)), "`backoff.limit` is 0s: expected 1ms to 1d");
    assert_eq!(error(|s| s.backoff.max_elapsed = Some(NOTHING)), "`backoff.max_elapsed` is 0s: expected 1ms to 365d");
}

#[test]
fn bounds_leave_room_for_something() {
    assert_eq!(error(|s| s.confirm.every = DAY), "`confirm.every` is 1d: expected 0s to 1m");
    assert_eq!(error(|s| s.confirm.max_messages = 0), "`confirm.max_messages` is 0: expected at least 1");
    assert_eq!(error(|s| s.confirm.max_bytes = 0), "`confirm.max_bytes` is 0: expected at least 1");
    assert_eq!(error(|s| s.outbox.max_messages = 0), "`outbox.max_messages` is 0: expected at least 1");
    assert_eq!(error(|s| s.outbox.max_bytes = 0), "`outbox.max_bytes` is 0: expected at least 1");
    assert_eq!(error(|s| s.max_message_bytes = 0), "`max_message_bytes` is 0: expected at least 1");
}

#[test]
fn the_high_watermark_is_above_the_low_one() {
    assert_eq!(error(|s| s.outbox.high_watermark = 0), "`outbox.high_watermark` is 0: expected 1 to 100");
    assert_eq!(error(|s| s.outbox.high_watermark = 101), "`outbox.high_watermark` is 101: expected 1 to 100");
    assert_eq!(error(|s| s.outbox.low_watermark = 75), "`outbox.low_watermark` is 75: expected 0 to 74");
}

#[test]
fn credentials_can_be_fetched_and_presented() {
    let with = |change: fn(&mut Credentials)| {
        error(|s| {
            let mut credentials = Credentials::default();
            change(&mut credentials);
            s.credentials = Some(credentials);
        })
    };
    assert_eq!(with(|c| c.refresh_ahead = YEAR), "`credentials.refresh_ahead` is 365d: expected 0s to 1d");
    assert_eq!(with(|c| c.fetch_timeout = NOTHING), "`credentials.fetch_timeout` is 0s: expected 1ms to 1d");
    assert_eq!(
        with(|c| c.codes = vec![CloseCode(4_401), CloseCode(1_000)]),
        "`credentials.codes[1]` is 1000: expected 3000 to 4999"
    );
    assert_eq!(
        with(|c| c.placement = Placement::FirstMessage),
        "`credentials.placement` is first-message: expected `ready` to be when-told with it, as the application sees \
         the answer"
    );
}

#[test]
fn endpoints_are_some_with_a_priority_for_each_at_most() {
    assert_eq!(error(|s| s.endpoints.count = 0), "`endpoints.count` is 0: expected 1 to 1000");
    assert_eq!(error(|s| s.endpoints.count = 1_001), "`endpoints.count` is 1001: expected 1 to 1000");
    let three = Endpoints { count: 2, priorities: vec![0, 1, 2], ..Endpoints::default() };
    assert_eq!(
        error(|s| s.endpoints = three.clone()),
        "`endpoints.priorities` is 3 numbers: expected at most one for each of 2 endpoints"
    );
    let config = Config::new(Settings { endpoints: Endpoints { count: 1, ..three }, ..Settings::default() });
    let config = config.expect("how many there are, a transport will say");
    assert_eq!(config.for_endpoints(2).expect_err("there are three").field(), "endpoints.priorities");
    assert_eq!(config.for_endpoints(4).map(|config| config.endpoints.count), Ok(4));
}

#[test]
fn a_breaker_is_open_for_a_time() {
    assert_eq!(error(|s| s.endpoints.breaker.failures = 0), "`endpoints.breaker.failures` is 0: expected at least 1");
    assert_eq!(
        error(|s| s.endpoints.breaker.open_for = NOTHING),
        "`endpoints.breaker.open_for` is 0s: expected 1ms to 1d"
    );
    assert_eq!(
        error(|s| s.endpoints.breaker.longest = SHORTEST),
        "`endpoints.breaker.longest` is 1ms: expected 30s to 1d"
    );
}

#[test]
fn the_background_is_reached_within_a_day() {
    let error = error(|s| s.background = Background::Close { after: YEAR });
    assert_eq!(error, "`background.close.after` is 365d: expected 0s to 1d");
}

#[test]
fn control_lets_data_pass_in_the_end() {
    assert_eq!(error(|s| s.outbox.control_burst = 0), "`outbox.control_burst` is 0: expected 1 to 1000");
    assert_eq!(error(|s| s.outbox.control_burst = 1_001), "`outbox.control_burst` is 1001: expected 1 to 1000");
}

#[test]
fn a_rate_lets_something_pass() {
    let second = Duration::from_secs(1);
    let of = |count, per, burst| Some(Bucket { count, per, burst });
    let messages = |bucket| error(|s| s.rate = Some(Rate { messages: bucket, bytes: None }));
    assert_eq!(messages(of(0, second, 1)), "`rate.messages.count` is 0: expected at least 1");
    assert_eq!(messages(of(1, NOTHING, 1)), "`rate.messages.per` is 0s: expected 1ms to 1h");
    assert_eq!(messages(of(1, second, 0)), "`rate.messages.burst` is 0: expected at least 1");
    let bytes = error(|s| s.rate = Some(Rate { messages: None, bytes: of(1, DAY, 1) }));
    assert_eq!(bytes, "`rate.bytes.per` is 1d: expected 1ms to 1h");
}

#[test]
fn rules_can_fit_something() {
    let ruled = |when, then| error(|s| s.policy.rules.push(Rule { when, then }));
    assert_eq!(
        ruled(Match::Code { from: CloseCode(4_100), to: CloseCode(4_099) }, Decision::Terminal),
        "`policy.rules[0].when.code.to` is 4099: expected 4100 to 65535"
    );
    assert_eq!(
        ruled(Match::Status { from: 500, to: 400 }, Decision::Retry),
        "`policy.rules[0].when.status.to` is 400: expected 500 to 65535"
    );
    let then = Decision::RetryAfter { floor: YEAR, spread: NOTHING };
    assert_eq!(
        ruled(Match::Status { from: 500, to: 599 }, then),
        "`policy.rules[0].then.retry-after.floor` is 365d: expected 0s to 1d"
    );
}
