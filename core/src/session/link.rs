//! An open connection as the session knows it: its pings, its silence, its pace.

use core::time::Duration;

use crate::{Timestamp, message::ConnId, session::event::PingPayload};

/// How many ping frames are remembered. A pong for a later one answers the earlier ones too (RFC 6455 §5.5.3), so that
/// forgetting the earliest loses nothing.
const REMEMBERED: usize = 3;

/// A ping frame that was not answered yet.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Ping {
    pub(super) payload: PingPayload,
    /// Its pong confirms every hand-over with a lower sequence number.
    pub(super) covers: u64,
    pub(super) queued: Timestamp,
    /// When it left all buffers; [`Timestamp::MAX`] until then.
    pub(super) flushed: Timestamp,
    /// Reads were paused while it was under way: it says nothing about the round trip.
    pub(super) unmeasured: bool,
}

/// A text heartbeat that was not answered yet.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct TextPing {
    pub(super) queued: Timestamp,
    /// When it left all buffers; [`Timestamp::MAX`] until then.
    pub(super) flushed: Timestamp,
}

/// An open connection.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, none of them a state")]
pub(super) struct Link {
    pub(super) conn: ConnId,
    pub(super) can_ping: bool,
    /// The outbox may go out.
    pub(super) ready: bool,
    /// When bytes last came in, or the connection opened.
    pub(super) heard: Timestamp,
    /// Silence counts from here at the earliest: the end of a suspend.
    pub(super) grace: Timestamp,
    /// A late deadline was forgiven, and nothing came in since.
    pub(super) forgiven: bool,
    /// When a ping of the heartbeat's kind was last queued, or the connection opened: the next one counts from here.
    pub(super) pinged: Timestamp,
    /// When a ping frame was last queued: barriers keep their distance from here.
    pub(super) last_frame: Option<Timestamp>,
    /// The connection is in doubt: the ping under way has less time than usual.
    pub(super) probing: bool,
    /// The last ping covers hand-overs with lower sequence numbers than this.
    pub(super) covered: u64,
    pings: [Option<Ping>; REMEMBERED],
    /// The nonce of the first ping; each later one's is greater by one.
    nonce: u64,
    /// How many ping frames were queued.
    queued: u64,
    /// How many of those are answered, counted up to the last answer.
    answered: u64,
    pub(super) text: Option<TextPing>,
    /// A text heartbeat is due, and waits for a ping frame to leave.
    pub(super) overdue: bool,
    /// How many texts were given up before they left: their `PingFlushed` is still to come, and nobody's.
    pub(super) given_up: u32,
    /// When the earliest unanswered ping left.
    pub(super) unanswered: Option<Timestamp>,
    /// How many heartbeats were missed in a row.
    pub(super) missed: u32,
    /// Since when reads are paused.
    pub(super) paused: Option<Timestamp>,
    /// When a write last made progress.
    pub(super) progress: Timestamp,
}

/// What a pong brought.
pub(super) struct Answer {
    pub(super) covers: u64,
    pub(super) round_trip: Option<Duration>,
}

impl Link {
    pub(super) const fn new(conn: ConnId, now: Timestamp, can_ping: bool, next_sequence: u64, nonce: u64) -> Self {
        Self {
            conn,
            can_ping,
            ready: false,
            heard: now,
            grace: now,
            forgiven: false,
            pinged: now,
            last_frame: None,
            probing: false,
            covered: next_sequence,
            pings: [None; REMEMBERED],
            nonce,
            queued: 0,
            answered: 0,
            text: None,
            overdue: false,
            given_up: 0,
            unanswered: None,
            missed: 0,
            paused: None,
            progress: now,
        }
    }

    /// Bytes came in.
    pub(super) const fn hear(&mut self, now: Timestamp) {
        self.heard = now;
        self.missed = 0;
        self.forgiven = false;
        self.probing = false;
    }

    /// Remembers a ping frame that is queued now, and names it.
    pub(super) fn push_ping(&mut self, now: Timestamp, covers: u64) -> PingPayload {
        if self.pings[REMEMBERED - 1].is_some() {
            self.pings.rotate_left(1);
            self.pings[REMEMBERED - 1] = None;
        }
        let payload = PingPayload(self.nonce.wrapping_add(self.queued).to_be_bytes());
        self.queued += 1;
        self.last_frame = Some(now);
        self.covered = covers;
        let ping = Ping { payload, covers, queued: now, flushed: Timestamp::MAX, unmeasured: self.paused.is_some() };
        *self.pings.iter_mut().find(|place| place.is_none()).expect("a place was made") = Some(ping);
        payload
    }

    /// The ping frame queued last, if it is unanswered.
    pub(super) fn newest(&self) -> Option<&Ping> {
        self.pings.iter().rev().flatten().next()
    }

    /// When the latest unanswered ping of any kind left, if one has.
    pub(super) fn last_flushed(&self) -> Option<Timestamp> {
        let frame = self.newest().map(|ping| ping.flushed);
        let text = self.text.map(|text| text.flushed);
        frame.into_iter().chain(text).filter(|&at| at != Timestamp::MAX).max()
    }

    pub(super) const fn has_ping(&self) -> bool {
        self.pings[0].is_some()
    }

    /// Whether a ping of any kind has not left yet. There is never more than one.
    pub(super) fn has_unflushed_ping(&self) -> bool {
        self.pings.iter().flatten().any(|ping| ping.flushed == Timestamp::MAX)
            || self.text.is_some_and(|text| text.flushed == Timestamp::MAX)
    }

    /// The ping that has not left yet has left now. `complete`: what was complete on the wire ahead of it.
    pub(super) fn ping_flushed(&mut self, now: Timestamp, complete: Option<u64>) -> bool {
        if self.given_up > 0 {
            self.given_up -= 1;
            return false;
        }
        if let Some(ping) = self.pings.iter_mut().flatten().find(|ping| ping.flushed == Timestamp::MAX) {
            ping.flushed = now;
            if let Some(complete) = complete {
                ping.covers = ping.covers.min(complete);
                self.covered = ping.covers;
            }
            self.unanswered.get_or_insert(now);
            return true;
        }
        match &mut self.text {
            Some(text) if text.flushed == Timestamp::MAX => {
                text.flushed = now;
                true
            }
            _ => false,
        }
    }

    /// A pong: answers the ping frame with this payload and those before it; `None` if it is nobody's, or late for one
    /// that is not remembered any more and so confirms nothing that a later one will not.
    pub(super) fn pong(&mut self, now: Timestamp, payload: PingPayload) -> Option<Answer> {
        let number = u64::from_be_bytes(payload.0).wrapping_sub(self.nonce);
        if number < self.answered || number >= self.queued {
            return None;
        }
        self.answered = number + 1;
        let remembered = self.pings.iter().position(|ping| ping.is_some_and(|ping| ping.payload == payload));
        let answer = remembered.map(|index| {
            let ping = self.pings[index].take().expect("found just now");
            self.pings[..=index].fill(None);
            self.pings.rotate_left(index + 1);
            let sent = if ping.flushed == Timestamp::MAX { ping.queued } else { ping.flushed };
            Answer { covers: ping.covers, round_trip: (!ping.unmeasured).then(|| now - sent) }
        });
        self.unanswered = self.pings.iter().flatten().map(|ping| ping.flushed).find(|&at| at != Timestamp::MAX);
        answer
    }

    /// No text heartbeat is under way any more. `taken`: the driver has it, if it has not left yet.
    pub(super) fn give_text_up(&mut self, taken: bool) {
        let is_unflushed = self.text.take().is_some_and(|text| text.flushed == Timestamp::MAX);
        self.given_up += u32::from(is_unflushed && taken);
        self.overdue = false;
    }

    /// The answer to the text heartbeat came.
    pub(super) fn text_answered(&mut self, now: Timestamp) -> Option<Duration> {
        let text = self.text.take()?;
        let sent = if text.flushed == Timestamp::MAX { text.queued } else { text.flushed };
        (self.paused.is_none()).then(|| now - sent)
    }

    /// From when silence counts, with a ping that left at `flushed`.
    pub(super) fn silence_since(&self, flushed: Timestamp) -> Timestamp {
        flushed.max(self.heard).max(self.grace)
    }

    /// Reads go on after a pause: its length counts nowhere.
    pub(super) fn resume_reads(&mut self, now: Timestamp) {
        let Some(since) = self.paused.take() else { return };
        let gap = now - since;
        let shift = |at: Timestamp| if at == Timestamp::MAX { at } else { (at + gap).min(now) };
        self.heard = shift(self.heard);
        self.grace = shift(self.grace);
        self.pinged = shift(self.pinged);
        self.unanswered = self.unanswered.map(shift);
        for ping in self.pings.iter_mut().flatten() {
            ping.flushed = shift(ping.flushed);
            ping.unmeasured = true;
        }
        if let Some(text) = &mut self.text {
            text.flushed = shift(text.flushed);
        }
    }
}
