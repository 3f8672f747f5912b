//! How fast messages may go out.

use core::time::Duration;

#[cfg(feature = "serde")]
use super::human;

/// How fast application messages may go out, so that a queue that drains does not get the client banned: those that are sent
/// again and those for one connection count, pings, text heartbeats and closes do not. What is over it waits, in its order.
/// Goes on across connections, so that a reconnect earns nothing.
///
/// ```
/// use core::time::Duration;
/// use steadfast_core::config::{Bucket, Config, Rate};
///
/// // A server that bans after 120 messages in any minute: at most 20 at once and 100 a minute never make more than 120.
/// let minute = Duration::from_secs(60);
/// let rate = Rate { messages: Some(Bucket { count: 100, per: minute, burst: 20 }), bytes: None };
/// let config = Config::builder().rate(Some(rate)).build()?;
/// # assert_eq!(config.rate, Some(rate));
/// # Ok::<(), steadfast_core::config::ConfigError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct Rate {
    /// How many messages. `None`: any number.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub messages: Option<Bucket>,
    /// How many bytes of payload. A message that is larger than the burst goes when the bucket is full, and those behind it wait
    /// until what it took too much has come. `None`: any number.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub bytes: Option<Bucket>,
}

/// A token bucket: in any span of time no more goes than `burst`, and `count` for each `per` of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Bucket {
    /// How many come to it in each `per`, evenly spread. At least 1.
    pub count: u32,
    /// In what time. 1 ms to an hour; 1 s if it is left out of a file.
    #[cfg_attr(feature = "serde", serde(with = "human", default = "second"))]
    pub per: Duration,
    /// How many it holds, and so how many may go at once after a pause. At least 1.
    pub burst: u32,
}

#[cfg(feature = "serde")]
const fn second() -> Duration {
    Duration::from_secs(1)
}
