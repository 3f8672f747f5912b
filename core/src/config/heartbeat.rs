//! How a dead connection is noticed.

use alloc::string::String;
use core::time::Duration;

/// How a dead connection is noticed. In configuration files it is a table with `mode = "ping"` and so on; what is
/// missing of mode and pace is as in the default.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "form::HeartbeatForm", into = "form::HeartbeatForm")
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
    //! The written form; see [`crate::config::form`].
    use super::{Heartbeat, Pace, String};
    use crate::config::{
        form::{refuse_others, required},
        human::Span,
    };

    #[derive(Default, serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub(crate) struct HeartbeatForm {
        mode: Mode,
        #[serde(skip_serializing_if = "Option::is_none")]
        interval: Option<Span>,
        #[serde(skip_serializing_if = "Option::is_none")]
        timeout: Option<Span>,
        #[serde(skip_serializing_if = "Option::is_none")]
        missed_allowed: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        ping: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pong: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        deliver: Option<bool>,
    }

    #[derive(Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Mode {
        Off,
        #[default]
        Ping,
        Text,
        Idle,
    }

    impl TryFrom<HeartbeatForm> for Heartbeat {
        type Error = String;

        fn try_from(form: HeartbeatForm) -> Result<Self, String> {
            let (tag, fields): (_, &[_]) = match form.mode {
                Mode::Off => ("mode `off`", &[]),
                Mode::Ping => ("mode `ping`", &["interval", "timeout", "missed_allowed"]),
                Mode::Text => ("mode `text`", &["interval", "timeout", "missed_allowed", "ping", "pong", "deliver"]),
                Mode::Idle => ("mode `idle`", &["timeout"]),
            };
            let present = [
                ("interval", form.interval.is_some()),
                ("timeout", form.timeout.is_some()),
                ("missed_allowed", form.missed_allowed.is_some()),
                ("ping", form.ping.is_some()),
                ("pong", form.pong.is_some()),
                ("deliver", form.deliver.is_some()),
            ];
            refuse_others(tag, fields, &present)?;
            let default = Pace::default();
            let pace = Pace {
                interval: form.interval.map_or(default.interval, |interval| interval.0),
                timeout: form.timeout.map_or(default.timeout, |timeout| timeout.0),
                missed_allowed: form.missed_allowed.unwrap_or(default.missed_allowed),
            };
            Ok(match form.mode {
                Mode::Off => Self::Off,
                Mode::Ping => Self::Ping(pace),
                Mode::Text => Self::Text {
                    pace,
                    ping: required(tag, "ping", form.ping)?,
                    pong: required(tag, "pong", form.pong)?,
                    deliver: form.deliver.unwrap_or_default(),
                },
                Mode::Idle => Self::Idle { timeout: required(tag, "timeout", form.timeout)?.0 },
            })
        }
    }

    impl From<Heartbeat> for HeartbeatForm {
        fn from(heartbeat: Heartbeat) -> Self {
            let empty = Self::default();
            let paced = |mode, pace: Pace| Self {
                mode,
                interval: Some(Span(pace.interval)),
                timeout: Some(Span(pace.timeout)),
                missed_allowed: Some(pace.missed_allowed),
                ..Self::default()
            };
            match heartbeat {
                Heartbeat::Off => Self { mode: Mode::Off, ..empty },
                Heartbeat::Ping(pace) => paced(Mode::Ping, pace),
                Heartbeat::Text { pace, ping, pong, deliver } => {
                    Self { ping: Some(ping), pong: Some(pong), deliver: Some(deliver), ..paced(Mode::Text, pace) }
                }
                Heartbeat::Idle { timeout } => Self { mode: Mode::Idle, timeout: Some(Span(timeout)), ..empty },
            }
        }
    }
}
