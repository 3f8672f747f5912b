//! How a dead connection is noticed.

use alloc::string::String;
use core::time::Duration;

/// How a dead connection is noticed. In configuration files it is a table with `mode = "ping"` and so on; what is
/// missing of its pace has the default.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(from = "form::HeartbeatForm", into = "form::HeartbeatForm")
)]
pub enum Heartbeat {
    /// Not at all, but for the confirmation's pings and TCP itself.
    Off,
    /// With ping frames. The default.
    Ping(Pace),
    /// With text messages, for servers that cannot be pinged.
    Text {
        /// When, and how patiently.
        pace: Pace,
        /// What is sent. 1 to 65,536 bytes.
        ping: String,
        /// What the server answers. 1 to 65,536 bytes.
        pong: String,
        /// Whether the answer is also delivered to the application.
        deliver: bool,
    },
    /// By silence alone: the server is known to send something at least this often.
    Idle {
        /// The longest silence. 1 ms to a day.
        timeout: Duration,
    },
}

/// The pace of a heartbeat. Interval, timeout and missed count are separate, and changeable while the session runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct Pace {
    /// From one ping to the next. 25 s, below the 30 s after which the strictest NATs forget; 1 ms to a day.
    #[cfg_attr(feature = "serde", serde(with = "super::human"))]
    pub interval: Duration,
    /// How long after a ping left the silence may last before it counts as missed. 10 s; 1 ms to a day.
    #[cfg_attr(feature = "serde", serde(with = "super::human"))]
    pub timeout: Duration,
    /// How many may be missed in a row; one more ends the connection. 1; at most 100.
    pub missed_allowed: u32,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self::Ping(Pace::default())
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self { interval: Duration::from_secs(25), timeout: Duration::from_secs(10), missed_allowed: 1 }
    }
}

#[cfg(feature = "serde")]
mod form {
    //! The written form. Serde cannot refuse unknown fields of a flattened struct, nor of a variant without braces; so
    //! the pace's fields are spelled out, and every variant has braces.
    use super::{Duration, Heartbeat, Pace, String};
    use crate::config::human;

    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "kebab-case", tag = "mode", deny_unknown_fields)]
    pub(crate) enum HeartbeatForm {
        Off {},
        Ping {
            #[serde(with = "human", default = "interval")]
            interval: Duration,
            #[serde(with = "human", default = "timeout")]
            timeout: Duration,
            #[serde(default = "missed_allowed")]
            missed_allowed: u32,
        },
        Text {
            #[serde(with = "human", default = "interval")]
            interval: Duration,
            #[serde(with = "human", default = "timeout")]
            timeout: Duration,
            #[serde(default = "missed_allowed")]
            missed_allowed: u32,
            ping: String,
            pong: String,
            #[serde(default)]
            deliver: bool,
        },
        Idle {
            #[serde(with = "human")]
            timeout: Duration,
        },
    }

    fn interval() -> Duration {
        Pace::default().interval
    }

    fn timeout() -> Duration {
        Pace::default().timeout
    }

    fn missed_allowed() -> u32 {
        Pace::default().missed_allowed
    }

    impl From<HeartbeatForm> for Heartbeat {
        fn from(form: HeartbeatForm) -> Self {
            match form {
                HeartbeatForm::Off {} => Self::Off,
                HeartbeatForm::Ping { interval, timeout, missed_allowed } => {
                    Self::Ping(Pace { interval, timeout, missed_allowed })
                }
                HeartbeatForm::Text { interval, timeout, missed_allowed, ping, pong, deliver } => {
                    Self::Text { pace: Pace { interval, timeout, missed_allowed }, ping, pong, deliver }
                }
                HeartbeatForm::Idle { timeout } => Self::Idle { timeout },
            }
        }
    }

    impl From<Heartbeat> for HeartbeatForm {
        fn from(heartbeat: Heartbeat) -> Self {
            match heartbeat {
                Heartbeat::Off => Self::Off {},
                Heartbeat::Ping(Pace { interval, timeout, missed_allowed }) => {
                    Self::Ping { interval, timeout, missed_allowed }
                }
                Heartbeat::Text { pace: Pace { interval, timeout, missed_allowed }, ping, pong, deliver } => {
                    Self::Text { interval, timeout, missed_allowed, ping, pong, deliver }
                }
                Heartbeat::Idle { timeout } => Self::Idle { timeout },
            }
        }
    }
}
