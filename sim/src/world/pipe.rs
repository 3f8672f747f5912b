//! The two directions of a connection, accounted for by the byte.

use std::{collections::VecDeque, time::Duration};

use steadfast_core::{CloseFrame, ConnId, Epoch, Event, IoKind, Message, MessageId, PingPayload, Timestamp};

use crate::{Link, span};

/// The bytes that a frame takes on the wire: head, mask and payload (RFC 6455 §5.2).
const fn frame_bytes(payload: u64, masked: bool) -> u64 {
    let head = match payload {
        0..=125 => 2,
        126..=65_535 => 4,
        _ => 10,
    };
    payload + head + if masked { 4 } else { 0 }
}

/// When `bytes` that are written now arrive.
fn arrival(line_free: &mut Timestamp, now: Timestamp, bytes: u64, bandwidth: u64, latency: Duration) -> Timestamp {
    let start = now.max(*line_free);
    let sending = bytes.saturating_mul(1_000_000).checked_div(bandwidth).unwrap_or(0);
    *line_free = start + Duration::from_micros(sending);
    *line_free + latency
}

#[derive(Debug)]
pub(super) enum UpWhat {
    Message {
        id: MessageId,
        message: Message<'static>,
    },
    Ping(PingPayload),
    Heartbeat,
    /// What presents credentials.
    Present(Epoch),
    Close(CloseFrame),
}

impl UpWhat {
    fn bytes(&self) -> u64 {
        let payload = match self {
            Self::Message { message, .. } => message.len() as u64,
            Self::Ping(_) | Self::Heartbeat => 8,
            Self::Present(_) => 200,
            Self::Close(frame) => frame.reason.len() as u64 + 2,
        };
        frame_bytes(payload, true)
    }

    const fn is_ping(&self) -> bool {
        matches!(self, Self::Ping(_) | Self::Heartbeat)
    }
}

#[derive(Debug)]
struct Frame {
    start: u64,
    end: u64,
    what: UpWhat,
    /// For a ping: the message it overtook.
    overtook: Option<MessageId>,
}

/// Client to server. Offsets count bytes since the connection began.
#[derive(Debug, Default)]
pub(super) struct Up {
    frames: VecDeque<Frame>,
    /// How many of `frames` have left the driver's buffers whole.
    flushed: usize,
    handed: u64,
    taken: u64,
    arrived: u64,
    segments: VecDeque<(Timestamp, u64)>,
    line_free: Timestamp,
}

impl Up {
    /// The driver puts a frame into its buffer.
    pub(super) fn hand_over(&mut self, what: UpWhat, overtake: bool) {
        let bytes = what.bytes();
        if overtake && what.is_ping() && self.overtake(&what, bytes) {
            return;
        }
        let start = self.handed;
        self.handed += bytes;
        self.frames.push_back(Frame { start, end: self.handed, what, overtook: None });
    }

    /// Puts a ping into the middle of the message that is being written, if one is.
    fn overtake(&mut self, ping: &UpWhat, bytes: u64) -> bool {
        let at = self.flushed;
        let Some(Frame { start, what: UpWhat::Message { id, .. }, .. }) = self.frames.get(at) else { return false };
        if *start >= self.taken {
            return false;
        }
        let overtook = Some(*id);
        for (index, frame) in self.frames.iter_mut().enumerate().skip(at) {
            frame.end += bytes;
            if index > at {
                frame.start += bytes;
            }
        }
        let what = match ping {
            UpWhat::Ping(payload) => UpWhat::Ping(*payload),
            _ => UpWhat::Heartbeat,
        };
        self.frames.insert(at, Frame { start: self.taken, end: self.taken + bytes, what, overtook });
        self.handed += bytes;
        true
    }

    /// The operating system takes what it has room for. Returns when it arrives, if that is a time of its own; the
    /// driver's events go to `told`.
    pub(super) fn write(
        &mut self,
        now: Timestamp,
        link: &Link,
        conn: ConnId,
        told: &mut impl FnMut(Event<'static>),
    ) -> Option<Timestamp> {
        let room = link.kernel_buffer.saturating_sub(self.taken - self.arrived);
        let bytes = room.min(self.handed - self.taken);
        if bytes == 0 {
            return None;
        }
        self.taken += bytes;
        told(Event::Wrote { conn, bytes });
        self.tell_flushed(conn, told);
        let at = arrival(&mut self.line_free, now, bytes, link.bandwidth_up, link.latency_up);
        match self.segments.back_mut() {
            Some((last, to)) if *last >= at => {
                *to = self.taken;
                None
            }
            _ => {
                self.segments.push_back((at, self.taken));
                Some(at)
            }
        }
    }

    fn tell_flushed(&mut self, conn: ConnId, told: &mut impl FnMut(Event<'static>)) {
        let mut up_to = None;
        while let Some(frame) = self.frames.get(self.flushed).filter(|frame| frame.end <= self.taken) {
            match &frame.what {
                UpWhat::Message { id, .. } => up_to = Some(*id),
                UpWhat::Ping(_) | UpWhat::Heartbeat => {
                    if let Some(up_to) = up_to.take() {
                        told(Event::Flushed { conn, up_to });
                    }
                    told(Event::PingFlushed { conn, overtook: frame.overtook });
                }
                UpWhat::Present(_) | UpWhat::Close(_) => {}
            }
            self.flushed += 1;
        }
        if let Some(up_to) = up_to {
            told(Event::Flushed { conn, up_to });
        }
    }

    /// What is under way up to `now` has arrived.
    pub(super) fn arrive(&mut self, now: Timestamp) {
        while let Some((_, to)) = self.segments.front().filter(|(at, _)| *at <= now) {
            self.arrived = *to;
            self.segments.pop_front();
        }
    }

    /// The next frame that is whole at the server.
    pub(super) fn next_whole(&mut self) -> Option<UpWhat> {
        if self.frames.front()?.end > self.arrived {
            return None;
        }
        self.flushed -= 1;
        self.frames.pop_front().map(|frame| frame.what)
    }

    /// The first message of which no byte was taken.
    pub(super) fn untouched_from(&self) -> Option<MessageId> {
        self.frames.iter().skip(self.flushed).find_map(|frame| match &frame.what {
            UpWhat::Message { id, .. } if frame.start >= self.taken => Some(*id),
            _ => None,
        })
    }

    /// The client's end is gone: what was not taken never leaves.
    pub(super) fn close(&mut self) {
        self.handed = self.taken;
    }

    /// What is under way never arrives.
    pub(super) fn cut(&mut self) {
        self.segments.clear();
        self.close();
    }

    pub(super) fn is_drained(&self) -> bool {
        self.segments.is_empty()
    }
}

#[derive(Clone, Debug)]
pub(super) enum DownWhat {
    /// The first part of a message that comes in two reads.
    Part,
    Message(Message<'static>),
    Pong(PingPayload),
    /// The answer to the session's own text ping.
    TextPong,
    Close(CloseFrame),
    Garbage,
    Fin,
    Lost(IoKind),
}

impl DownWhat {
    fn bytes(&self) -> u64 {
        match self {
            Self::Message(message) => frame_bytes(message.len() as u64, false),
            Self::Pong(_) | Self::TextPong => frame_bytes(8, false),
            Self::Close(frame) => frame_bytes(frame.reason.len() as u64 + 2, false),
            Self::Garbage => 2,
            Self::Part | Self::Fin | Self::Lost(_) => 0,
        }
    }
}

/// Server to client.
#[derive(Debug, Default)]
pub(super) struct Down {
    items: VecDeque<(Timestamp, DownWhat)>,
    last: Timestamp,
    line_free: Timestamp,
}

impl Down {
    /// The server sends. `wake` is told each new time of arrival.
    pub(super) fn send(&mut self, now: Timestamp, link: &Link, what: DownWhat, wake: &mut impl FnMut(Timestamp)) {
        let bytes = what.bytes();
        let at = arrival(&mut self.line_free, now, bytes, link.bandwidth_down, link.latency_down);
        let mut at = round_up(at, link.coalesce).max(self.last);
        if link.split > 0 && bytes > link.split {
            self.push(at, DownWhat::Part, wake);
            at = at + link.latency_down / 4 + Duration::from_micros(1);
        }
        self.push(at, what, wake);
    }

    fn push(&mut self, at: Timestamp, what: DownWhat, wake: &mut impl FnMut(Timestamp)) {
        if self.items.is_empty() || at > self.last {
            wake(at);
        }
        self.last = at;
        self.items.push_back((at, what));
    }

    /// The next thing that has arrived by `now`.
    pub(super) fn next_arrived(&mut self, now: Timestamp) -> Option<DownWhat> {
        let (at, _) = self.items.front()?;
        if *at > now {
            return None;
        }
        self.items.pop_front().map(|(_, what)| what)
    }

    /// What is under way never arrives.
    pub(super) fn cut(&mut self) {
        self.items.clear();
    }
}

fn round_up(at: Timestamp, to: Duration) -> Timestamp {
    let step = span::micros(to);
    if step == 0 { at } else { Timestamp::from_micros(at.as_micros().div_ceil(step) * step) }
}
