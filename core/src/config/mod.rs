//! Configuration: plain settings, checked once, then shared.

mod backoff;
mod builder;
mod credentials;
mod endpoints;
mod error;
#[cfg(feature = "serde")]
mod form;
mod heartbeat;
pub(crate) mod human;
mod presets;
mod rate;
pub(crate) mod validate;
#[cfg(all(test, feature = "serde"))]
mod written_tests;

use alloc::sync::Arc;
use core::{ops::Deref, time::Duration};

pub use self::{
    backoff::{Backoff, CountedFrom, FirstDelay, Jitter, Schedule},
    builder::ConfigBuilder,
    credentials::{Background, Credentials, Placement, Renewal},
    endpoints::{Breaker, Endpoints, Order},
    error::ConfigError,
    heartbeat::{Heartbeat, Pace},
    human::parse_duration,
    rate::{Bucket, Rate},
};
pub use crate::session::policy::{CleanClose, ClosePolicy, Failures, Match, Rule};
use crate::{
    cause::Cause,
    session::policy::{Decided, DecidedBy, Decision},
};

/// Checked settings. Cheap to clone, and meant to be shared by many sessions.
///
/// ```
/// use core::time::Duration;
/// use steadfast_core::config::{Config, Settings};
///
/// let config = Config::builder().connect_timeout(Duration::from_secs(5)).build()?;
/// assert_eq!(config.connect_timeout, Duration::from_secs(5));
///
/// let error = Config::new(Settings { connect_timeout: Duration::ZERO, ..Settings::default() }).unwrap_err();
/// assert_eq!(error.field(), "connect_timeout");
/// # Ok::<(), steadfast_core::config::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(try_from = "Settings"))]
pub struct Config(Arc<Settings>);

/// Everything that can be set. [`Default`] gives values that suit most servers; each names its reason.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct Settings {
    /// How long to wait before each attempt.
    pub backoff: Backoff,
    /// How long a connection must stay usable before a failure starts the backoff afresh; twice the last delay if that
    /// is longer. 30 s: a server that accepts and drops must not be hammered. At most a day.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub stable_after: Duration,
    /// The whole of DNS, TCP, TLS and the upgrade, from [`Dialing`](crate::Event::Dialing) on. 10 s; 1 ms to a day.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub connect_timeout: Duration,
    /// How long the server may take to answer a close. 5 s (a minute, as in other clients, only holds sockets); 1 ms to a day.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub close_timeout: Duration,
    /// How long a write may make no progress. 30 s; 1 ms to a day.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub write_timeout: Duration,
    /// How a dead connection is noticed.
    pub heartbeat: Heartbeat,
    /// How long a ping may stay unanswered although data comes in: then the way out is dead. `None` is for servers that
    /// never answer pings, and turns confirmation off. 30 s; 1 ms to a day.
    #[cfg_attr(feature = "serde", serde(with = "human::option"))]
    pub answer_timeout: Option<Duration>,
    /// How long a ping that checks a doubtful connection (after a suspend, on another network) may stay unanswered. 3 s;
    /// 1 ms to a day.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub probe_timeout: Duration,
    /// How delivery is confirmed, and how much may be unconfirmed.
    pub confirm: Confirm,
    /// The bounds of the outbox.
    pub outbox: Outbox,
    /// How fast application messages may go out. `None`: as fast as they can.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub rate: Option<Rate>,
    /// What the end of a connection means.
    pub policy: ClosePolicy,
    /// The most that a server's `Retry-After` can ask for. 10 min: a server's slip must not park a client for a day. At
    /// most a day.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub retry_after_max: Duration,
    /// After this long without an open connection the application is told. 120 s (Ably calls it suspended then);
    /// `None`: never. 1 ms to a day.
    #[cfg_attr(feature = "serde", serde(with = "human::option"))]
    pub long_outage: Option<Duration>,
    /// When the outbox may follow after a connection opened.
    pub ready: Ready,
    /// The largest message that drivers and engines accept, in bytes. 16 MiB; at least 1.
    pub max_message_bytes: usize,
    /// That connections carry credentials, which the driver fetches. `None`: the session knows of none.
    #[cfg_attr(feature = "serde", serde(with = "form::table_or_off"))]
    pub credentials: Option<Credentials>,
    /// What happens to the connection while the application is in the background. It is kept.
    pub background: Background,
    /// How the session chooses where there are several endpoints. There is one.
    pub endpoints: Endpoints,
    /// Whether the driver stores messages: what [`durable`](crate::SendOptions::durable) ones need. Needs confirmation, and
    /// an answer timeout. Off; the transports turn it on when they are given a store.
    pub store: bool,
}

/// How delivery is confirmed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct Confirm {
    /// Whether a ping is put behind messages so that its pong confirms them. If not, `Written` is the best verdict, and
    /// at-least-once is refused. On.
    pub enabled: bool,
    /// The least time between two such pings. 10 ms; 0: as fast as the answers come; at most a minute.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub every: Duration,
    /// How many messages may be handed over ahead of the last answer, and so be in doubt at a break. 1,024; at least 1.
    pub max_messages: u32,
    /// The same in bytes; one message may go in any case. 1 MiB; at least 1.
    pub max_bytes: usize,
}

/// The bounds of the outbox: all accepted messages that are not settled, waiting or under way.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct Outbox {
    /// How many messages. 4,096; at least 1.
    pub max_messages: u32,
    /// How many bytes of payload. 4 MiB; at least 1.
    pub max_bytes: usize,
    /// What happens to a message for which there is no room.
    pub when_full: WhenFull,
    /// The high mark, in percent of either bound. 75; 1 to 100, above the low one.
    pub high_watermark: u8,
    /// The low mark, in percent of both bounds. 25; 0 to 99.
    pub low_watermark: u8,
    /// How many messages of the [lane](crate::Lane) of control may go in a row while data waits; then one of data goes. 8; 1 to
    /// 1,000.
    pub control_burst: u32,
}

/// What happens when a message finds no room in the outbox. What was handed to the driver is never touched.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum WhenFull {
    /// It comes back to the sender.
    #[default]
    Refuse,
    /// The oldest that were never handed over make room, each with its verdict; if they cannot, it is refused.
    DropOldest,
    /// It is accepted and dropped at once, with that verdict.
    DropNewest,
}

/// When the outbox may follow after a connection opened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Ready {
    /// At once.
    #[default]
    Immediately,
    /// When the application says [`Ready`](crate::Event::Ready), having sent ahead what this connection needs.
    WhenTold,
}

impl Config {
    /// Checks the settings.
    ///
    /// # Errors
    /// Names the first field whose value is impossible, the value, and what was expected.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        validate::settings(&settings)?;
        Ok(Self(Arc::new(settings)))
    }

    /// Settings one by one, from the defaults on.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// The same settings for so many endpoints, whatever they said of their number.
    ///
    /// # Errors
    /// There are none, more than 1,000, or fewer than priorities.
    pub fn for_endpoints(&self, count: usize) -> Result<Self, ConfigError> {
        let right = u16::try_from(count).unwrap_or(u16::MAX);
        if self.endpoints.count == right {
            return Ok(self.clone());
        }
        let mut settings = Settings::clone(self);
        settings.endpoints.count = right;
        validate::priorities(&settings.endpoints)?;
        Self::new(settings)
    }

    /// The settings that were checked.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0
    }
}

impl TryFrom<Settings> for Config {
    type Error = ConfigError;

    fn try_from(settings: Settings) -> Result<Self, ConfigError> {
        Self::new(settings)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Config {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.0
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            backoff: Backoff::default(),
            stable_after: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(30),
            heartbeat: Heartbeat::default(),
            answer_timeout: Some(Duration::from_secs(30)),
            probe_timeout: Duration::from_secs(3),
            confirm: Confirm::default(),
            outbox: Outbox::default(),
            rate: None,
            policy: ClosePolicy::default(),
            retry_after_max: Duration::from_mins(10),
            long_outage: Some(Duration::from_mins(2)),
            ready: Ready::default(),
            max_message_bytes: 16 << 20,
            credentials: None,
            background: Background::default(),
            endpoints: Endpoints::default(),
            store: false,
        }
    }
}

impl Settings {
    /// What `cause` means: by the [`policy`](Self::policy), but what rejects [`credentials`](Self::credentials), where they are
    /// configured, has them fetched anew unless a rule says otherwise. An end that the session itself
    /// [wanted](Cause::is_deliberate) is not judged, and no rule fits it: another attempt is made if a connection is wanted.
    #[must_use]
    pub fn decide(&self, cause: &Cause) -> Decided {
        if cause.is_deliberate() {
            return Decided { decision: Decision::Retry, by: DecidedBy::Table };
        }
        let decided = self.policy.decide(cause, self.retry_after_max);
        let rejected = self.credentials.as_ref().is_some_and(|credentials| credentials.rejects(cause));
        if rejected && !matches!(decided.by, DecidedBy::Rule(_)) {
            return Decided { decision: Decision::RefreshCredentials, by: DecidedBy::Credentials };
        }
        decided
    }

    /// Whether messages can be confirmed over a link that can ping.
    pub(crate) const fn confirms(&self) -> bool {
        self.confirm.enabled && self.answer_timeout.is_some()
    }
}

impl Default for Confirm {
    fn default() -> Self {
        Self { enabled: true, every: Duration::from_millis(10), max_messages: 1_024, max_bytes: 1 << 20 }
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            max_messages: 4_096,
            max_bytes: 4 << 20,
            when_full: WhenFull::default(),
            high_watermark: 75,
            low_watermark: 25,
            control_burst: 8,
        }
    }
}
