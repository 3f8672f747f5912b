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
mod tests;
