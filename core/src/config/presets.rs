//! Whole presets, for people who come from elsewhere.

use core::time::Duration;

use super::{Backoff, CleanClose, ClosePolicy, Failures, Heartbeat, Outbox, Pace, Settings, WhenFull};

/// Settings that behave as the clients that people come from. Backoff, attempts, heartbeat, outbox and what is retried
/// are the same; everything else has the defaults, which mend what those clients are known to suffer from:
///
/// - the backoff starts afresh only after a connection was [stable](Settings::stable_after), not when it opens;
/// - a server's `Retry-After`, 1012 and 1013 are honoured where the close is retried at all;
/// - a full outbox never loses a message without a verdict;
/// - delivery is [confirmed](Settings::confirm), by pings of its own where there is no heartbeat.
impl Settings {
    /// As hand-written Android clients on `OkHttp` do: doubling from 1 s to 30 s ±5 %, for ever; a ping every 30 s with
    /// 10 s for its answer, and the third miss in a row ends the connection; 100 messages, the oldest dropped; 10 s
    /// to connect; every failure retried, and every close but 1000.
    ///
    /// Knowingly better: any inbound data proves life, not the matching pong alone.
    #[must_use]
    pub fn android() -> Self {
        Self {
            backoff: Backoff::proportional_jitter(),
            connect_timeout: Duration::from_secs(10),
            heartbeat: ping(30, 10, 2),
            outbox: newest_hundred(),
            policy: retrying(CleanClose::AllBut1000),
            ..Self::default()
        }
    }

    /// The simple Android client: doubling from 1 s plus up to 1 s, at most 30 s, 10 attempts; a ping every 30 s, and
    /// 40 s without a pong end the connection; every close and failure retried.
    ///
    /// The original has no outbox. Here a message needs a place until its verdict, so that the bounds are the default
    /// ones: send [`Volatile`](crate::Delivery::Volatile) messages to have none wait for a connection.
    ///
    /// Knowingly better: the jitter is the original's, which is clamped away from the sixth attempt on, but the
    /// server's word comes with a spread of its own.
    #[must_use]
    pub fn android_simple() -> Self {
        Self {
            backoff: Backoff::additive_jitter(),
            heartbeat: ping(30, 10, 0),
            answer_timeout: Some(Duration::from_secs(10)),
            policy: retrying(CleanClose::Every),
            ..Self::default()
        }
    }

    /// As hand-written iOS clients on `URLSession` do: doubling from 1 s to 30 s plus up to 30 %, for ever; a ping every
    /// 20 s; 100 messages, the oldest dropped; messages up to 2 MiB (the platform's default is 1 MiB); every failure
    /// retried, and every close but 1000.
    ///
    /// Knowingly better: an unanswered ping ends the connection after 10 s of silence and one more try; the original
    /// waits for the system to fail a write.
    #[must_use]
    pub fn ios() -> Self {
        Self {
            backoff: Backoff::upward_jitter(),
            heartbeat: ping(20, Pace::default().timeout.as_secs(), Pace::default().missed_allowed),
            outbox: newest_hundred(),
            policy: retrying(CleanClose::AllBut1000),
            max_message_bytes: 2 << 20,
            ..Self::default()
        }
    }

    /// As hand-written JavaScript clients do: 1, 2, 3, 4 and 5 s, then no more; no heartbeat; only unclean closes retried.
    ///
    /// The original keeps its outbox across page loads. This one has the default bounds and lives as long as its
    /// session; an outbox that outlives the process is still to come.
    ///
    /// Knowingly better: while messages are under way, their confirmation notices a dead connection even without a
    /// heartbeat.
    #[must_use]
    pub fn javascript() -> Self {
        Self {
            backoff: Backoff::linear(),
            heartbeat: Heartbeat::Off,
            policy: retrying(CleanClose::UncleanOnly),
            ..Self::default()
        }
    }

    /// As React hooks do: 3 s, for ever; no heartbeat; only unclean closes retried.
    ///
    /// The original has no outbox: a message that finds no connection is refused, as [`Volatile`](crate::Delivery::Volatile)
    /// ones are here; see [`android_simple`](Self::android_simple). Knowingly better: as [`javascript`](Self::javascript).
    #[must_use]
    pub fn react() -> Self {
        Self {
            backoff: Backoff::fixed(),
            heartbeat: Heartbeat::Off,
            policy: retrying(CleanClose::UncleanOnly),
            ..Self::default()
        }
    }

    /// As [`react`](Self::react), but every close is retried.
    #[must_use]
    pub fn react_every_close() -> Self {
        Self { policy: retrying(CleanClose::Every), ..Self::react() }
    }

    /// As hand-written Dart clients do: 1, 2, 4, 8 and 16 s, then no more; no heartbeat; every close and failure retried.
    ///
    /// The original has no outbox; see [`android_simple`](Self::android_simple).
    /// Knowingly better: as [`javascript`](Self::javascript).
    #[must_use]
    pub fn dart() -> Self {
        Self {
            backoff: Backoff::plain_exponential(),
            heartbeat: Heartbeat::Off,
            policy: retrying(CleanClose::Every),
            ..Self::default()
        }
    }
}

const fn ping(interval: u64, timeout: u64, missed_allowed: u32) -> Heartbeat {
    Heartbeat::Ping(Pace {
        interval: Duration::from_secs(interval),
        timeout: Duration::from_secs(timeout),
        missed_allowed,
    })
}

fn newest_hundred() -> Outbox {
    Outbox { max_messages: 100, when_full: WhenFull::DropOldest, ..Outbox::default() }
}

/// Every failure is retried; of clean closes those that the preset says.
fn retrying(clean: CleanClose) -> ClosePolicy {
    ClosePolicy { clean, failures: Failures::RetryAll, ..ClosePolicy::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Stage,
        cause::{Cause, IoKind, TlsKind},
        close::{CloseCode, CloseFrame},
        config::Config,
        session::policy::Decision,
    };

    const PINGS_30_S: Pace =
        Pace { interval: Duration::from_secs(30), timeout: Duration::from_secs(10), missed_allowed: 2 };

    fn retries(settings: &Settings, cause: &Cause) -> bool {
        settings.policy.decide(cause, settings.retry_after_max).decision != Decision::Terminal
    }

    fn retries_close(settings: &Settings, code: CloseCode) -> bool {
        retries(settings, &Cause::Closed(CloseFrame { code, reason: alloc::string::String::new() }))
    }

    /// Every failure is retried, even those that the default calls final.
    fn retries_every_failure(settings: &Settings) -> bool {
        let rejected = |status| Cause::Rejected { status, retry_after: None };
        [
            Cause::Io(IoKind::Eof),
            Cause::Io(IoKind::Refused),
            Cause::Tls(TlsKind::WrongName),
            Cause::ConnectTimeout { stage: Stage::Tls },
            Cause::HeartbeatTimeout,
            rejected(400),
            rejected(404),
            rejected(503),
        ]
        .iter()
        .all(|cause| retries(settings, cause))
    }

    #[test]
    fn every_preset_is_possible() {
        for settings in [
            Settings::android(),
            Settings::android_simple(),
            Settings::ios(),
            Settings::javascript(),
            Settings::react(),
            Settings::react_every_close(),
            Settings::dart(),
        ] {
            assert!(Config::new(settings).is_ok());
        }
    }

    #[test]
    fn android_is_its_row() {
        let settings = Settings::android();
        assert_eq!(settings.backoff, Backoff::proportional_jitter());
        assert_eq!(settings.backoff.max_attempts, None);
        assert_eq!(settings.heartbeat, Heartbeat::Ping(PINGS_30_S));
        assert_eq!((settings.outbox.max_messages, settings.outbox.when_full), (100, WhenFull::DropOldest));
        assert_eq!(settings.connect_timeout, Duration::from_secs(10));
        assert!(retries_every_failure(&settings));
        assert!(!retries_close(&settings, CloseCode::NORMAL));
        assert!(retries_close(&settings, CloseCode::GOING_AWAY) && retries_close(&settings, CloseCode(4_000)));
    }

    #[test]
    fn android_simple_is_its_row() {
        let settings = Settings::android_simple();
        assert_eq!(settings.backoff, Backoff::additive_jitter());
        assert_eq!(settings.backoff.max_attempts, Some(10));
        assert_eq!(settings.heartbeat, Heartbeat::Ping(Pace { missed_allowed: 0, ..PINGS_30_S }));
        assert_eq!(settings.answer_timeout, Some(Duration::from_secs(10)));
        assert_eq!(settings.outbox, Outbox::default());
        assert!(retries_every_failure(&settings));
        assert!(retries_close(&settings, CloseCode::NORMAL) && retries_close(&settings, CloseCode(4_000)));
    }

    #[test]
    fn ios_is_its_row() {
        let settings = Settings::ios();
        assert_eq!(settings.backoff, Backoff::upward_jitter());
        assert_eq!(settings.backoff.max_attempts, None);
        let Heartbeat::Ping(pace) = settings.heartbeat else { panic!("a ping is meant") };
        assert_eq!(pace.interval, Duration::from_secs(20));
        assert_eq!((settings.outbox.max_messages, settings.outbox.when_full), (100, WhenFull::DropOldest));
        assert_eq!(settings.max_message_bytes, 2 * 1_024 * 1_024);
        assert!(retries_every_failure(&settings));
        assert!(!retries_close(&settings, CloseCode::NORMAL));
        assert!(retries_close(&settings, CloseCode::GOING_AWAY) && retries_close(&settings, CloseCode(4_000)));
    }

    #[test]
    fn javascript_is_its_row() {
        let settings = Settings::javascript();
        assert_eq!(settings.backoff, Backoff::linear());
        assert_eq!(settings.backoff.max_attempts, Some(5));
        assert_eq!(settings.heartbeat, Heartbeat::Off);
        assert_eq!(settings.outbox, Outbox::default());
        assert!(retries_every_failure(&settings));
        assert!(!retries_close(&settings, CloseCode::NORMAL) && !retries_close(&settings, CloseCode::SERVICE_RESTART));
    }

    #[test]
    fn react_is_its_row() {
        let settings = Settings::react();
        assert_eq!(settings.backoff, Backoff::fixed());
        assert_eq!(settings.backoff.max_attempts, None);
        assert_eq!(settings.heartbeat, Heartbeat::Off);
        assert_eq!(settings.outbox, Outbox::default());
        assert!(retries_every_failure(&settings));
        assert!(!retries_close(&settings, CloseCode::NORMAL) && !retries_close(&settings, CloseCode::SERVICE_RESTART));
    }

    #[test]
    fn the_second_react_retries_every_close() {
        let settings = Settings::react_every_close();
        assert_eq!(Settings { policy: Settings::react().policy, ..settings.clone() }, Settings::react());
        assert!(retries_every_failure(&settings));
        assert!(retries_close(&settings, CloseCode::NORMAL) && retries_close(&settings, CloseCode(4_000)));
    }

    #[test]
    fn dart_is_its_row() {
        let settings = Settings::dart();
        assert_eq!(settings.backoff, Backoff::plain_exponential());
        assert_eq!(settings.backoff.max_attempts, Some(5));
        assert_eq!(settings.heartbeat, Heartbeat::Off);
        assert_eq!(settings.outbox, Outbox::default());
        assert!(retries_every_failure(&settings));
        assert!(retries_close(&settings, CloseCode::NORMAL) && retries_close(&settings, CloseCode(4_000)));
    }
}
