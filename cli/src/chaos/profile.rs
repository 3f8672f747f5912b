//! Ready-made temperaments for the echo server.

use clap::ValueEnum;

use super::{fault::Fault, schedule::Schedule};

/// How the echo server treats its clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Profile {
    /// No faults: every message comes back
    #[default]
    None,
    /// A reset or a half-close every few seconds
    Flaky,
    /// Every fault there is, every second or two
    Hostile,
    /// Goes silent or mute every few seconds, and never says so
    Silent,
    /// Restarts (1012) every few seconds
    Restart,
}

impl Profile {
    /// The schedule of faults; `None` for none.
    pub(crate) fn schedule(self, seed: u64) -> Option<Schedule> {
        let (kinds, calm): (&[Fault], _) = match self {
            Self::None => return None,
            Self::Flaky => (&[Fault::Reset, Fault::HalfClose], 2_000..6_000),
            Self::Hostile => (&Fault::ALL, 500..2_000),
            Self::Silent => (&[Fault::Silence, Fault::Mute], 2_000..6_000),
            Self::Restart => (&[Fault::Restart], 3_000..8_000),
        };
        Some(Schedule::new(seed, kinds, calm))
    }
}
