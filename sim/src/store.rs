//! What a store does with what it is given.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast_core::StoreError;

use crate::span;

/// How a session's store behaves: everything that came in while it wrote goes into its next transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreModel {
    /// How long a transaction takes; without end, it never answers.
    #[serde(with = "span")]
    pub latency: Duration,
    /// Why transactions fail, if they do. What was to be forgotten is with the next one that succeeds.
    pub fails: Option<StoreError>,
}

impl Default for StoreModel {
    /// 5 ms, as a good disk has.
    fn default() -> Self {
        Self { latency: Duration::from_millis(5), fails: None }
    }
}
