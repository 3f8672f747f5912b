//! What a process that has just begun is told of the network.

use serde::{Deserialize, Serialize};

/// A network monitor, as a process finds it that begins again after a [crash](crate::Command::Crash).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Monitor {
    /// It says nothing before something changes.
    Silent,
    /// It says again what it said last.
    #[default]
    Tells,
    /// It says anything.
    Lies,
}
