//! An open connection as the session knows it: its pings, its silence, its pace.

use alloc::boxed::Box;
use core::time::Duration;

use crate::{Timestamp, message::ConnId, session::event::PingPayload};

/// How many ping frames are remembered. A pong for a later one answers the earlier ones too (RFC 6455 §5.5.3), so that
/// forgetting the earliest loses nothing.
const REMEMBERED: usize = 3;

/// A ping frame that was not answered yet.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Ping {
    /// Its place in the order of all pings and texts.
    ordinal: u64,
    payload: PingPayload,
    /// Its pong confirms every hand-over with a lower sequence number.
    covers: u64,
    queued: Timestamp,
    /// When it left all buffers; [`Timestamp::MAX`] until then.
    flushed: Timestamp,
    /// Reads were paused while it was under way: it says nothing about the round trip.
    unmeasured: bool,
}

/// The earliest text heartbeat that was not answered yet.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Text {
    /// Its place in the order of all pings and texts.
    ordinal: u64,
    queued: Timestamp,
    /// When it left all buffers; [`Timestamp::MAX`] until then.
    flushed: Timestamp,
    /// Another followed it, or reads were paused: the answer says nothing about the round trip.
    unmeasured: bool,
}

/// How far the check of a doubtful connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Probe {
    /// There is no doubt.
    None,
    /// Its ping has not left.
    Owed,
    /// Its ping has left, and has less time than usual.
    Left,
}

/// Whose silence the heartbeat waits to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Awaited {
    /// That of ping frames.
    Frames,
    /// That of text heartbeats.
    Texts,
    /// Nobody's.
    Nothing,
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
    /// The connection is in doubt until something comes in.
    pub(super) probe: Probe,
    /// The last ping covers hand-overs with lower sequence numbers than this.
    pub(super) covered: u64,
    pings: [Option<Ping>; REMEMBERED],
    /// The nonce of the first ping; each later one's is greater by one.
    nonce: u64,
    /// How many ping frames were queued.
    queued: u64,
    /// How many of those are answered, counted up to the last answer.
    answered: u64,
    /// On the heap, as most heartbeats are none.
    text: Option<Box<Text>>,
    /// How many pings and texts the driver was told to send.
    issued: u64,
    /// How many of those have left all buffers, in their order.
    left: u64,
    /// How many of those left by the word of their answer: their `PingFlushed` is still to come, and tells nothing new.
    presumed: u64,
    /// When one last left.
    last_left: Timestamp,
    /// A heartbeat is due, and waits for the ping before it to leave.
    pub(super) overdue: bool,
    /// When the earliest heartbeat left that is unanswered, since the last miss: its silence counts.
    pub(super) awaiting: Option<Timestamp>,
    /// When the earliest unanswered ping frame left.
    unanswered: Option<Timestamp>,
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
            probe: Probe::None,
            covered: next_sequence,
            pings: [None; REMEMBERED],
            nonce,
            queued: 0,
            answered: 0,
            text: None,
            issued: 0,
            left: 0,
            presumed: 0,
            last_left: now,
            overdue: false,
            awaiting: None,
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
        self.probe = Probe::None;
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
        let unmeasured = self.paused.is_some();
        let ping = Ping { ordinal: self.issued, payload, covers, queued: now, flushed: Timestamp::MAX, unmeasured };
        self.issued += 1;
        *self.pings.iter_mut().find(|place| place.is_none()).expect("a place was made") = Some(ping);
        payload
    }

    /// Remembers a text heartbeat that is queued now.
    pub(super) fn push_text(&mut self, now: Timestamp) {
        if let Some(earlier) = &mut self.text {
            earlier.unmeasured = true;
        } else {
            let unmeasured = self.paused.is_some();
            self.text = Some(Box::new(Text { ordinal: self.issued, queued: now, flushed: Timestamp::MAX, unmeasured }));
        }
        self.issued += 1;
        self.pinged = now;
    }

    /// When the ping or text that left last did so.
    pub(super) const fn last_left(&self) -> Timestamp {
        self.last_left
    }

    pub(super) const fn has_ping(&self) -> bool {
        self.pings[0].is_some()
    }

    /// Whether a ping or a text has not left yet. There is never more than one.
    pub(super) const fn has_unflushed_ping(&self) -> bool {
        self.issued > self.left
    }

    /// The ping or text that has not left yet has left now. `complete`: what was complete on the wire ahead of it.
    /// Says whether that was news.
    pub(super) fn ping_flushed(&mut self, now: Timestamp, complete: Option<u64>, awaited: Awaited) -> bool {
        if self.presumed > 0 {
            self.presumed -= 1;
            return false;
        }
        if !self.has_unflushed_ping() {
            return false;
        }
        let ordinal = self.left;
        self.left += 1;
        self.last_left = now;
        let is_frame = if let Some(ping) = self.pings.iter_mut().flatten().find(|ping| ping.ordinal == ordinal) {
            ping.flushed = now;
            if let Some(complete) = complete {
                ping.covers = ping.covers.min(complete);
                self.covered = ping.covers;
            }
            self.unanswered.get_or_insert(now);
            true
        } else {
            if let Some(text) = self.text.as_mut().filter(|text| text.ordinal == ordinal) {
                text.flushed = now;
            }
            false
        };
        let counts = match awaited {
            Awaited::Frames => is_frame,
            Awaited::Texts => !is_frame && self.text.is_some(),
            Awaited::Nothing => false,
        };
        if counts {
            self.awaiting.get_or_insert(now);
        }
        true
    }

    /// An answer shows that this ping or text, and those before it, have left.
    const fn must_have_left(&mut self, ordinal: u64) {
        if ordinal >= self.left {
            self.presumed += ordinal + 1 - self.left;
            self.left = ordinal + 1;
        }
    }

    /// When the earliest unanswered ping frame or text left.
    pub(super) fn unanswered(&self) -> Option<Timestamp> {
        let text = self.text.as_ref().map(|text| text.flushed).filter(|&at| at != Timestamp::MAX);
        self.unanswered.into_iter().chain(text).min()
    }

    /// A pong: answers the ping frame with this payload and those before it; `None` if it is nobody's, or late for one
    /// that is not remembered any more and so confirms nothing that a later one will not.
    pub(super) fn pong(&mut self, now: Timestamp, payload: PingPayload, awaited: Awaited) -> Option<Answer> {
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
            self.must_have_left(ping.ordinal);
            let sent = if ping.flushed == Timestamp::MAX { ping.queued } else { ping.flushed };
            Answer { covers: ping.covers, round_trip: (!ping.unmeasured).then(|| now - sent) }
        });
        self.unanswered = self.pings.iter().flatten().map(|ping| ping.flushed).find(|&at| at != Timestamp::MAX);
        if awaited == Awaited::Frames {
            self.awaiting = self.unanswered;
        }
        answer
    }

    /// The heartbeat is of another kind from now on: what its texts are owed is forgotten. `forgotten`: how many of them
    /// the driver was not given.
    pub(super) fn change_heartbeat(&mut self, forgotten: u64, awaited: Awaited) {
        // Some of them may count as left already, by the word of an answer that nobody asked for.
        let unflushed = forgotten.min(self.issued.saturating_sub(self.left));
        self.issued -= unflushed;
        self.presumed = self.presumed.saturating_sub(forgotten - unflushed);
        self.text = None;
        self.overdue = false;
        self.missed = 0;
        self.awaiting = if awaited == Awaited::Frames { self.unanswered } else { None };
    }

    /// The answer to the text heartbeat came.
    pub(super) fn text_answered(&mut self, now: Timestamp) -> Option<Duration> {
        let text = self.text.take()?;
        self.must_have_left(text.ordinal);
        self.awaiting = None;
        let sent = if text.flushed == Timestamp::MAX { text.queued } else { text.flushed };
        (!text.unmeasured).then(|| now - sent)
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
        self.awaiting = self.awaiting.map(shift);
        self.last_left = shift(self.last_left);
        for ping in self.pings.iter_mut().flatten() {
            ping.flushed = shift(ping.flushed);
            ping.unmeasured = true;
        }
        if let Some(text) = &mut self.text {
            text.flushed = shift(text.flushed);
            text.unmeasured = true;
        }
    }
}
