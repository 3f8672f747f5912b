//! What values settings may have. The ranges are stated on the settings themselves.

use alloc::format;
use core::{fmt::Display, time::Duration};

use super::{
    Background, Backoff, Bucket, ClosePolicy, ConfigError, Confirm, Credentials, Endpoints, FirstDelay, Heartbeat,
    Jitter, Match, Outbox, Pace, Placement, Rate, Ready, Schedule, Settings, human::Human,
};
use crate::session::policy::Decision;

type Checked = Result<(), ConfigError>;

const NOTHING: Duration = Duration::ZERO;
const SHORTEST: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(365 * 24);

/// The longest text of a heartbeat, in bytes: an outsized one would cost more than what it watches over.
const LONGEST_TEXT: usize = 65_536;

/// So many are looked through with each attempt.
const MOST_ENDPOINTS: u16 = 1_000;

/// Whether the settings can be; names the first that cannot.
pub(super) fn settings(settings: &Settings) -> Checked {
    backoff(&settings.backoff)?;
    span("stable_after", settings.stable_after, NOTHING, DAY)?;
    span("connect_timeout", settings.connect_timeout, SHORTEST, DAY)?;
    span("close_timeout", settings.close_timeout, SHORTEST, DAY)?;
    span("write_timeout", settings.write_timeout, SHORTEST, DAY)?;
    heartbeat(&settings.heartbeat)?;
    optional("answer_timeout", settings.answer_timeout, SHORTEST, DAY)?;
    span("probe_timeout", settings.probe_timeout, SHORTEST, DAY)?;
    confirm(&settings.confirm)?;
    outbox(&settings.outbox)?;
    rate(settings.rate)?;
    policy(&settings.policy)?;
    span("retry_after_max", settings.retry_after_max, NOTHING, DAY)?;
    optional("long_outage", settings.long_outage, SHORTEST, DAY)?;
    at_least_one("max_message_bytes", settings.max_message_bytes)?;
    endpoints(&settings.endpoints)?;
    if let Some(wanted) = &settings.credentials {
        credentials(wanted, settings.ready)?;
    }
    if let Background::Close { after } = settings.background {
        span("background.close.after", after, NOTHING, DAY)?;
    }
    store(settings)
}

/// What outlives the process is sent until it is confirmed.
fn store(settings: &Settings) -> Checked {
    if settings.store && !settings.confirms() {
        return Err(ConfigError::new("store", &true, &"false without confirm.enabled and answer_timeout"));
    }
    Ok(())
}

fn credentials(credentials: &Credentials, ready: Ready) -> Checked {
    span("credentials.refresh_ahead", credentials.refresh_ahead, NOTHING, DAY)?;
    span("credentials.fetch_timeout", credentials.fetch_timeout, SHORTEST, DAY)?;
    if credentials.placement == Placement::FirstMessage && ready == Ready::Immediately {
        let expected = "`ready` to be when-told with it, as the application sees the answer";
        return Err(ConfigError::new("credentials.placement", &"first-message", &expected));
    }
    // What no application can have chosen means something else already.
    credentials
        .codes
        .iter()
        .enumerate()
        .try_for_each(|(index, code)| number(&format!("credentials.codes[{index}]"), code.0, 3_000, 4_999))
}

/// Whether a heartbeat can be, in the settings or while the session runs.
pub(crate) fn heartbeat(heartbeat: &Heartbeat) -> Checked {
    match heartbeat {
        Heartbeat::Off => Ok(()),
        Heartbeat::Ping(beat) => pace(*beat),
        Heartbeat::Text { pace: beat, ping, pong, deliver: _ } => {
            pace(*beat)?;
            text("heartbeat.ping", ping)?;
            text("heartbeat.pong", pong)
        }
        Heartbeat::Idle { timeout } => span("heartbeat.timeout", *timeout, SHORTEST, DAY),
    }
}

fn pace(pace: Pace) -> Checked {
    span("heartbeat.interval", pace.interval, SHORTEST, DAY)?;
    span("heartbeat.timeout", pace.timeout, SHORTEST, DAY)?;
    number("heartbeat.missed_allowed", pace.missed_allowed, 0, 100)
}

fn backoff(backoff: &Backoff) -> Checked {
    schedule(&backoff.schedule)?;
    number("backoff.keep_pace_ppm", backoff.keep_pace_ppm, 0, 1_000_000)?;
    jitter(backoff.jitter, backoff.schedule.longest().unwrap_or(DAY))?;
    if let Some(FirstDelay { min, max }) = backoff.first {
        span("backoff.first.max", max, NOTHING, DAY)?;
        span("backoff.first.min", min, NOTHING, max)?;
    }
    span("backoff.offset", backoff.offset, NOTHING, DAY)?;
    optional("backoff.limit", backoff.limit, SHORTEST, DAY)?;
    optional("backoff.max_elapsed", backoff.max_elapsed, SHORTEST, YEAR)
}

fn schedule(schedule: &Schedule) -> Checked {
    match schedule {
        Schedule::Exponential { base, factor_ppm, cap } => {
            span("backoff.schedule.base", *base, SHORTEST, DAY)?;
            number("backoff.schedule.factor_ppm", *factor_ppm, 1_000_000, 1_000_000_000)?;
            optional("backoff.schedule.cap", *cap, *base, DAY)
        }
        Schedule::Linear { step, cap } => {
            span("backoff.schedule.step", *step, SHORTEST, DAY)?;
            optional("backoff.schedule.cap", *cap, *step, DAY)
        }
        Schedule::Fixed { delay } => span("backoff.schedule.delay", *delay, SHORTEST, DAY),
        Schedule::List { delays } if delays.is_empty() => {
            Err(ConfigError::new("backoff.schedule.delays", &"empty", &"at least one delay"))
        }
        Schedule::List { delays } => delays
            .iter()
            .enumerate()
            .try_for_each(|(index, delay)| span(&format!("backoff.schedule.delays[{index}]"), *delay, NOTHING, DAY)),
    }
}

fn jitter(jitter: Jitter, longest: Duration) -> Checked {
    match jitter {
        Jitter::None | Jitter::Equal => Ok(()),
        Jitter::Full { floor } => span("backoff.jitter.floor", floor, NOTHING, longest),
        Jitter::Proportional { below_ppm, above_ppm } => {
            number("backoff.jitter.below_ppm", below_ppm, 0, 1_000_000)?;
            number("backoff.jitter.above_ppm", above_ppm, 0, 10_000_000)
        }
        Jitter::Additive { max } => span("backoff.jitter.max", max, NOTHING, DAY),
        Jitter::Decorrelated { base, cap } => {
            span("backoff.jitter.base", base, SHORTEST, DAY)?;
            span("backoff.jitter.cap", cap, base, DAY)
        }
    }
}

fn confirm(confirm: &Confirm) -> Checked {
    span("confirm.every", confirm.every, NOTHING, MINUTE)?;
    at_least_one("confirm.max_messages", confirm.max_messages)?;
    at_least_one("confirm.max_bytes", confirm.max_bytes)
}

fn outbox(outbox: &Outbox) -> Checked {
    at_least_one("outbox.max_messages", outbox.max_messages)?;
    at_least_one("outbox.max_bytes", outbox.max_bytes)?;
    number("outbox.high_watermark", outbox.high_watermark, 1, 100)?;
    number("outbox.low_watermark", outbox.low_watermark, 0, outbox.high_watermark - 1)?;
    number("outbox.control_burst", outbox.control_burst, 1, 1_000)
}

fn rate(rate: Option<Rate>) -> Checked {
    let Some(Rate { messages, bytes }) = rate else { return Ok(()) };
    bucket("rate.messages", messages)?;
    bucket("rate.bytes", bytes)
}

fn bucket(field: &str, bucket: Option<Bucket>) -> Checked {
    let Some(Bucket { count, per, burst }) = bucket else { return Ok(()) };
    at_least_one(&format!("{field}.count"), count)?;
    span(&format!("{field}.per"), per, SHORTEST, HOUR)?;
    at_least_one(&format!("{field}.burst"), burst)
}

fn endpoints(endpoints: &Endpoints) -> Checked {
    number("endpoints.count", endpoints.count, 1, MOST_ENDPOINTS)?;
    if endpoints.count > 1 {
        priorities(endpoints)?;
    }
    let breaker = &endpoints.breaker;
    at_least_one("endpoints.breaker.failures", breaker.failures)?;
    span("endpoints.breaker.open_for", breaker.open_for, SHORTEST, DAY)?;
    span("endpoints.breaker.longest", breaker.longest, breaker.open_for, DAY)
}

/// Whether every priority is somebody's. Settings that say nothing of the number of endpoints are told it by a transport.
pub(super) fn priorities(endpoints: &Endpoints) -> Checked {
    let (found, most) = (endpoints.priorities.len(), endpoints.count);
    if found > usize::from(most) {
        let (found, expected) = (format!("{found} numbers"), format!("at most one for each of {most} endpoints"));
        return Err(ConfigError::new("endpoints.priorities", &found, &expected));
    }
    Ok(())
}

fn policy(policy: &ClosePolicy) -> Checked {
    for (index, rule) in policy.rules.iter().enumerate() {
        match rule.when {
            Match::Code { from, to } => range(index, "code", from.0, to.0)?,
            Match::Status { from, to } => range(index, "status", from, to)?,
            Match::Io(_)
            | Match::Stage(_)
            | Match::Proxy(_)
            | Match::Dns(_)
            | Match::Tls(_)
            | Match::Handshake(_)
            | Match::Credentials(_)
            | Match::Kind(_) => {}
        }
        if let Decision::RetryAfter { floor, spread } = rule.then {
            span(&format!("policy.rules[{index}].then.retry-after.floor"), floor, NOTHING, DAY)?;
            span(&format!("policy.rules[{index}].then.retry-after.spread"), spread, NOTHING, DAY)?;
        }
    }
    Ok(())
}

/// A rule that could never fit is a slip.
fn range(index: usize, what: &str, from: u16, to: u16) -> Checked {
    number(&format!("policy.rules[{index}].when.{what}.to"), to, from, u16::MAX)
}

pub(crate) fn span(field: &str, value: Duration, low: Duration, high: Duration) -> Checked {
    between(field, value, low, high, Human)
}

/// `None` is always possible.
fn optional(field: &str, value: Option<Duration>, low: Duration, high: Duration) -> Checked {
    value.map_or(Ok(()), |value| span(field, value, low, high))
}

pub(crate) fn number<N: Copy + PartialOrd + Display>(field: &str, value: N, low: N, high: N) -> Checked {
    between(field, value, low, high, |number| number)
}

fn between<V: Copy + PartialOrd, D: Display>(field: &str, value: V, low: V, high: V, show: fn(V) -> D) -> Checked {
    if value < low || value > high {
        let expected = format!("{} to {}", show(low), show(high));
        return Err(ConfigError::new(field, &show(value), &expected));
    }
    Ok(())
}

fn at_least_one<N: Copy + PartialOrd + Display + From<u8>>(field: &str, value: N) -> Checked {
    if value < N::from(1) { Err(ConfigError::new(field, &value, &"at least 1")) } else { Ok(()) }
}

fn text(field: &str, text: &str) -> Checked {
    if text.is_empty() || text.len() > LONGEST_TEXT {
        let value = format!("{} bytes long", text.len());
        return Err(ConfigError::new(field, &value, &format!("a text of 1 to {LONGEST_TEXT} bytes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
        assert_eq!(
            scheduled(exponential(NOTHING, 2_000_000, None)),
            "`backoff.schedule.base` is 0s: expected 1ms to 1d"
        );
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
        assert_eq!(
            error(|s| s.backoff.max_elapsed = Some(NOTHING)),
            "`backoff.max_elapsed` is 0s: expected 1ms to 365d"
        );
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
        assert_eq!(
            error(|s| s.endpoints.breaker.failures = 0),
            "`endpoints.breaker.failures` is 0: expected at least 1"
        );
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
}
