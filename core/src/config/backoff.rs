//! How long to wait before each attempt: schedule, jitter, limits; in whole microseconds and parts per million.

use alloc::vec::Vec;
use core::time::Duration;

use super::human;
use crate::rng::Rng;

/// How long to wait before each attempt.
///
/// The n-th delay in a row (n = 0, 1, 2 …) is the [`schedule`](Self::schedule)'s n-th, jittered, plus the
/// [`offset`](Self::offset). Jitter comes after the schedule's cap, so that late attempts stay spread.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct Backoff {
    /// How the delay grows.
    pub schedule: Schedule,
    /// How chance changes it.
    pub jitter: Jitter,
    /// If set, the first delay is uniform between these two instead of what schedule and jitter give.
    pub first: Option<FirstDelay>,
    /// Added to each delay after jitter.
    #[cfg_attr(feature = "serde", serde(with = "human"))]
    pub offset: Duration,
    /// If set, no delay is longer than this, whatever jitter and offset make of it. Late delays then bunch at the limit.
    #[cfg_attr(feature = "serde", serde(with = "human::option"))]
    pub limit: Option<Duration>,
    /// How many attempts in a row may follow a failure before the session gives up; `None`: any number.
    pub max_attempts: Option<u32>,
    /// How long after the first failure in a row another attempt may begin; `None`: for ever.
    #[cfg_attr(feature = "serde", serde(with = "human::option"))]
    pub max_elapsed: Option<Duration>,
    /// From when the delay counts.
    pub counted_from: CountedFrom,
}
