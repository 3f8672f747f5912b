//! The pace of messages: token buckets, in whole numbers.
//!
//! A bucket is known by the time at which it will be full again: each token taken moves that later by the time that one
//! takes to come, to the fraction of a microsecond, so that nothing is lost however long it runs. A message may go once what it
//! needs is there; one that needs more than the bucket holds goes when the bucket is full, and those behind it wait until that
//! is made good.

use crate::{
    Timestamp,
    config::{Bucket, Rate},
    time::micros,
};

/// What is left in the buckets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Tokens {
    messages: Full,
    bytes: Full,
}

/// When a bucket is full again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Full {
    at: Timestamp,
    /// And this many parts of a microsecond, of which the bucket's `count` make a whole.
    parts: u32,
}

impl Tokens {
    /// Takes what a message of `len` bytes needs.
    ///
    /// # Errors
    /// If it has to wait: until when. Nothing is taken then.
    pub(super) fn take(&mut self, now: Timestamp, len: usize, rate: &Rate) -> Result<(), Timestamp> {
        let bytes = u64::try_from(len).unwrap_or(u64::MAX);
        let message = rate.messages.map_or(Timestamp::ZERO, |bucket| self.messages.enough_at(1, bucket));
        let payload = rate.bytes.map_or(Timestamp::ZERO, |bucket| self.bytes.enough_at(bytes, bucket));
        let enough = message.max(payload);
        if enough > now {
            return Err(enough);
        }
        if let Some(bucket) = rate.messages {
            self.messages.take(now, 1, bucket);
        }
        if let Some(bucket) = rate.bytes {
            self.bytes.take(now, bytes, bucket);
        }
        Ok(())
    }
}

impl Full {
    /// When as many tokens as are asked for are there, or the bucket is full if it never holds so many.
    fn enough_at(self, tokens: u64, bucket: Bucket) -> Timestamp {
        let spare = u64::from(bucket.burst).saturating_sub(tokens);
        let (whole, parts) = time_of(spare, bucket);
        // What does not come out even is rounded up: not before it is there.
        let up = u64::from(self.parts > parts);
        let at = self.at.as_micros().checked_sub(whole).map_or(0, |at| at.saturating_add(up));
        Timestamp::from_micros(at)
    }

    fn take(&mut self, now: Timestamp, tokens: u64, bucket: Bucket) {
        if self.at < now {
            *self = Self { at: now, parts: 0 };
        }
        let (whole, parts) = time_of(tokens, bucket);
        let parts = u64::from(self.parts) + u64::from(parts);
        let (count, at) = (u64::from(bucket.count), self.at.as_micros().saturating_add(whole));
        self.at = Timestamp::from_micros(at.saturating_add(parts / count));
        self.parts = u32::try_from(parts % count).expect("less than the count, which fits");
    }
}

/// How long so many tokens take to come: microseconds, and parts of one of which `count` make a whole.
fn time_of(tokens: u64, bucket: Bucket) -> (u64, u32) {
    let (count, per) = (u128::from(bucket.count), u128::from(micros(bucket.per)));
    let parts = u128::from(tokens) * per;
    let whole = u64::try_from(parts / count).unwrap_or(u64::MAX);
    (whole, u32::try_from(parts % count).expect("less than the count, which fits"))
}
