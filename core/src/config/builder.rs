//! Settings one by one.

use core::time::Duration;

use super::{
    Background, Backoff, CleanClose, ClosePolicy, Config, ConfigError, Confirm, Credentials, Endpoints, Failures,
    Heartbeat, Match, Outbox, Pace, Rate, Ready, Rule, Settings, WhenFull,
};
use crate::session::policy::Decision;

/// Sets one thing after another, from the defaults or from any [`Settings`]; checked by [`build`](Self::build).
///
/// ```
/// use core::time::Duration;
/// use steadfast_core::config::{Config, ConfigBuilder, Settings, WhenFull};
///
/// let config = Config::builder()
///     .heartbeat_interval(Duration::from_secs(15))
///     .max_attempts(20)
///     .outbox_bounds(1_000, 1 << 20)
///     .when_full(WhenFull::DropOldest)
///     .build()?;
/// assert_eq!(config.outbox.max_messages, 1_000);
///
/// let like_android = ConfigBuilder::from(Settings::android()).close_timeout(Duration::from_secs(2)).build()?;
/// assert_eq!(like_android.backoff, Settings::android().backoff);
/// # Ok::<(), steadfast_core::config::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[must_use = "nothing is configured until `build`"]
pub struct ConfigBuilder(Settings);

/// A setter for each setting, under the name of the field that it sets.
macro_rules! setters {
    ($($name:ident: $type:ty,)*) => {
        $(
            #[doc = concat!("Sets [`Settings::", stringify!($name), "`].")]
            pub fn $name(mut self, $name: $type) -> Self {
                self.0.$name = $name;
                self
            }
        )*
    };
}

impl ConfigBuilder {
    setters! {
        backoff: Backoff,
        stable_after: Duration,
        connect_timeout: Duration,
        close_timeout: Duration,
        write_timeout: Duration,
        heartbeat: Heartbeat,
        answer_timeout: Option<Duration>,
        probe_timeout: Duration,
        confirm: Confirm,
        outbox: Outbox,
        rate: Option<Rate>,
        policy: ClosePolicy,
        retry_after_max: Duration,
        long_outage: Option<Duration>,
        ready: Ready,
        max_message_bytes: usize,
        credentials: Option<Credentials>,
        background: Background,
        endpoints: Endpoints,
        store: bool,
    }

    /// Sets [`Backoff::max_attempts`].
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.0.backoff.max_attempts = Some(attempts);
        self
    }

    /// Sets [`Backoff::max_elapsed`].
    pub fn max_elapsed(mut self, span: Duration) -> Self {
        self.0.backoff.max_elapsed = Some(span);
        self
    }

    /// Sets [`Pace::interval`]. A heartbeat that was off or idle becomes one with ping frames.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.pace().interval = interval;
        self
    }

    /// Sets [`Pace::timeout`]. A heartbeat that was off or idle becomes one with ping frames.
    pub fn heartbeat_timeout(mut self, timeout: Duration) -> Self {
        self.pace().timeout = timeout;
        self
    }

    /// Sets [`Pace::missed_allowed`]. A heartbeat that was off or idle becomes one with ping frames.
    pub fn missed_allowed(mut self, missed: u32) -> Self {
        self.pace().missed_allowed = missed;
        self
    }

    /// Sets [`Confirm::enabled`].
    pub fn confirmation(mut self, enabled: bool) -> Self {
        self.0.confirm.enabled = enabled;
        self
    }

    /// Sets [`Outbox::max_messages`] and [`Outbox::max_bytes`].
    pub fn outbox_bounds(mut self, messages: u32, bytes: usize) -> Self {
        self.0.outbox.max_messages = messages;
        self.0.outbox.max_bytes = bytes;
        self
    }

    /// Sets [`Outbox::when_full`].
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.0.outbox.when_full = when_full;
        self
    }

    /// Sets [`ClosePolicy::clean`].
    pub fn clean_close(mut self, clean: CleanClose) -> Self {
        self.0.policy.clean = clean;
        self
    }

    /// Sets [`ClosePolicy::failures`].
    pub fn failures(mut self, failures: Failures) -> Self {
        self.0.policy.failures = failures;
        self
    }

    /// Adds a rule to [`ClosePolicy::rules`], behind those that are there.
    pub fn rule(mut self, when: Match, then: Decision) -> Self {
        self.0.policy.rules.push(Rule { when, then });
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// Names the first field whose value is impossible, the value, and what was expected.
    pub fn build(self) -> Result<Config, ConfigError> {
        Config::new(self.0)
    }

    fn pace(&mut self) -> &mut Pace {
        let heartbeat = &mut self.0.heartbeat;
        if matches!(heartbeat, Heartbeat::Off | Heartbeat::Idle { .. }) {
            *heartbeat = Heartbeat::default();
        }
        match heartbeat {
            Heartbeat::Ping(pace) | Heartbeat::Text { pace, .. } => pace,
            Heartbeat::Off | Heartbeat::Idle { .. } => unreachable!("replaced by the default, which pings"),
        }
    }
}

impl From<Settings> for ConfigBuilder {
    fn from(settings: Settings) -> Self {
        Self(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_set_is_the_default() {
        assert_eq!(Config::builder().build(), Ok(Config::default()));
    }

    #[test]
    fn the_pace_of_a_text_heartbeat_is_set_in_place() {
        let text = Heartbeat::Text { pace: Pace::default(), ping: "a".into(), pong: "b".into(), deliver: true };
        let config = Config::builder().heartbeat(text).missed_allowed(7).build().expect("it is possible");
        assert!(matches!(&config.heartbeat, Heartbeat::Text { pace, .. } if pace.missed_allowed == 7));
    }

    #[test]
    fn a_pace_turns_the_heartbeat_on() {
        let span = Duration::from_secs(7);
        let config = Config::builder().heartbeat(Heartbeat::Off).heartbeat_timeout(span).build();
        let expected = Heartbeat::Ping(Pace { timeout: span, ..Pace::default() });
        assert_eq!(config.expect("it is possible").heartbeat, expected);
    }

    #[test]
    fn impossible_values_are_refused_when_built() {
        let error = Config::builder().heartbeat_interval(Duration::ZERO).build().unwrap_err();
        assert_eq!(error.field(), "heartbeat.interval");
    }
}
