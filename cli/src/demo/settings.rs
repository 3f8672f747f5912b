//! The session's settings for a show: like the defaults, but scaled to seconds.

use std::time::Duration;

use steadfast_core::{
    CloseCode, Decision,
    config::{Backoff, ClosePolicy, Config, ConfigError, Heartbeat, Jitter, Match, Pace, Rule, Schedule, Settings},
};

/// The settings. Faults that take the default settings minutes to get over take these a second. The backoff ends its
/// growth early: it is earned back after twice the last delay, and the server leaves no connection in peace for long.
///
/// # Errors
/// Never with these values; the type is the caller's to handle all the same.
pub(crate) fn scaled() -> Result<Config, ConfigError> {
    let restart = Rule {
        when: Match::Code { from: CloseCode::SERVICE_RESTART, to: CloseCode::SERVICE_RESTART },
        then: Decision::RetryAfter { floor: Duration::from_millis(150), spread: Duration::from_millis(150) },
    };
    Config::new(Settings {
        backoff: Backoff {
            schedule: Schedule::Exponential {
                base: Duration::from_millis(80),
                factor_ppm: 2_000_000,
                cap: Some(Duration::from_millis(320)),
            },
            jitter: Jitter::Full { floor: Duration::from_millis(30) },
            first: None,
            ..Backoff::default()
        },
        stable_after: Duration::from_millis(250),
        connect_timeout: Duration::from_secs(1),
        close_timeout: Duration::from_secs(1),
        heartbeat: Heartbeat::Ping(Pace {
            interval: Duration::from_millis(400),
            timeout: Duration::from_millis(500),
            missed_allowed: 0,
        }),
        policy: ClosePolicy { rules: vec![restart], ..ClosePolicy::default() },
        ..Settings::default()
    })
}

/// What a person should know of them.
pub(crate) const SCALE: &str = "settings scaled to a show: heartbeat 400 ms + 500 ms, connect timeout 1 s, backoff \
                                80 ms doubling to 320 ms, after 1012 at least 150 ms";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scaled_settings_are_possible() {
        scaled().expect("they are checked here");
    }
}
