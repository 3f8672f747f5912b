//! Clauses about what waits: for how long, for what, and at what pace it goes.

use steadfast_core::{
    MessageId, State, Timestamp,
    config::{Bucket, Rate},
};

use super::{Checker, During, clause::Clause};

/// What is left of a rate.
#[derive(Debug, Default)]
pub(super) struct Purse {
    messages: Level,
    bytes: Level,
}

/// What is left in a bucket: tokens, each worth as many parts as the bucket's `per` has microseconds. `None`: it is full.
#[derive(Debug, Default)]
struct Level(Option<(Timestamp, i128)>);

impl Purse {
    /// When a message of so many bytes may go.
    fn allows_at(&self, now: Timestamp, bytes: u64, rate: &Rate) -> Timestamp {
        let messages = rate.messages.map_or(now, |bucket| self.messages.allows_at(now, 1, bucket));
        messages.max(rate.bytes.map_or(now, |bucket| self.bytes.allows_at(now, bytes, bucket)))
    }

    fn spend(&mut self, now: Timestamp, bytes: u64, rate: &Rate) {
        if let Some(bucket) = rate.messages {
            self.messages.spend(now, 1, bucket);
        }
        if let Some(bucket) = rate.bytes {
            self.bytes.spend(now, bytes, bucket);
        }
    }
}

impl Level {
    fn at(&self, now: Timestamp, bucket: Bucket) -> i128 {
        let full = i128::from(bucket.burst) * per(bucket);
        self.0.map_or(full, |(at, level)| {
            let passed = i128::from(now.as_micros().saturating_sub(at.as_micros()));
            full.min(level + passed * i128::from(bucket.count))
        })
    }

    fn allows_at(&self, now: Timestamp, tokens: u64, bucket: Bucket) -> Timestamp {
        let needed = i128::from(tokens.min(bucket.burst.into())) * per(bucket);
        let missing = (needed - self.at(now, bucket)).max(0);
        let count = i128::from(bucket.count);
        let wait = u64::try_from((missing + count - 1) / count).unwrap_or(u64::MAX);
        Timestamp::from_micros(now.as_micros().saturating_add(wait))
    }

    fn spend(&mut self, now: Timestamp, tokens: u64, bucket: Bucket) {
        self.0 = Some((now, self.at(now, bucket) - i128::from(tokens) * per(bucket)));
    }
}

fn per(bucket: Bucket) -> i128 {
    i128::try_from(bucket.per.as_micros()).unwrap_or(i128::MAX)
}

impl Checker {
    /// The time that runs through a suspend.
    pub(super) fn boot_time(&self) -> Timestamp {
        self.now + self.slept
    }

    /// A message goes out.
    pub(super) fn keeps_rate(&mut self, id: MessageId, bytes: u64) {
        let Some(rate) = self.settings.rate else { return };
        let allowed = self.purse.allows_at(self.now, bytes, &rate);
        if allowed > self.now {
            self.blame(Clause::RateKept, || format!("{id} was sent, and the rate allows it at {allowed}"));
        }
        self.purse.spend(self.now, bytes, &rate);
    }

    /// When the next message may go that waits for nothing but the rate.
    pub(super) fn next_goes_at(&self) -> Option<(MessageId, Timestamp)> {
        let ready = self.line.as_ref().filter(|line| line.is_usable())?.ready;
        if !matches!(self.standing.told, State::Open { .. }) {
            return None;
        }
        let id = self.ledger.next(ready, self.settings.outbox.control_burst)?;
        let len = self.ledger.owed.get(&id)?.message.len() as u64;
        let confirm = &self.settings.confirm;
        let (messages, bytes) = self.ledger.unconfirmed;
        let fits = messages < confirm.max_messages.into() && bytes.saturating_add(len) <= confirm.max_bytes as u64;
        let at = self.settings.rate.map_or(self.now, |rate| self.purse.allows_at(self.now, len, &rate));
        (fits || messages == 0).then_some((id, at))
    }

    /// When the next message expires that waits, in the session's time.
    pub(super) fn expiry(&self) -> Option<Timestamp> {
        let (at, _) = self.ledger.due.first()?;
        Some(Timestamp::from_micros((*at - Timestamp::ZERO).saturating_sub(self.slept).as_micros().try_into().ok()?))
    }

    /// All actions of the event are known: what may go has gone, and of each key only the newest waits.
    pub(super) fn outbox_flows(&mut self) {
        if let Some((id, at)) = self.next_goes_at().filter(|(_, at)| *at <= self.now) {
            self.blame(Clause::GoesAtOnce, || format!("{id} may go since {at}, and waits"));
        }
        if matches!(self.during, During::Send(_) | During::Closed)
            && let Some((key, all)) = self.ledger.keyed.iter().find(|(_, all)| all.len() > 1)
        {
            let what = format!("{} messages wait with {key:?}", all.len());
            self.blame(Clause::NewestOfKey, || what);
        }
        self.marks_are_told();
    }

    fn marks_are_told(&mut self) {
        let outbox = &self.settings.outbox;
        let percent = |part: u64, whole: u64| u128::from(part) * 100 / u128::from(whole.max(1));
        let messages = percent(self.ledger.len() as u64, outbox.max_messages.into());
        let full = messages.max(percent(self.ledger.bytes, outbox.max_bytes as u64));
        let is_high = self.ledger.mark_high;
        let untold = if is_high { full <= outbox.low_watermark.into() } else { full >= outbox.high_watermark.into() };
        if untold {
            self.blame(Clause::WatermarksTurn, || format!("the outbox is {full} % full, and no mark was told"));
        }
    }
}
