//! What is to come, in order of time; ties are broken by kind, then by age, never by chance.

use std::{cmp::Reverse, collections::BinaryHeap};

use steadfast_core::{ConnId, Epoch, Timestamp};

/// Something to come for one client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// The client's timer may be due.
    Timer,
    /// A transaction of its store ends.
    Stored,
    /// The application asked to be woken.
    Alarm(u64),
    /// The process wakes up.
    Awake,
    /// The application takes messages again.
    ReadOn(ConnId),
    /// The driver begins to connect.
    Dial(ConnId),
    /// The stream is there, and the upgrade can be asked for.
    Connected(ConnId),
    /// The attempt's outcome is known to the driver.
    Outcome(ConnId),
    /// Bytes reach the server.
    Up(ConnId),
    /// Bytes reach the client.
    Down(ConnId),
    /// An abort has taken effect.
    Aborted(ConnId),
    /// A fetch of credentials has its answer.
    Fetched(Epoch),
    /// The server does something by itself.
    Server(ConnId, ServerAct),
}

/// What a server does by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ServerAct {
    Pong([u8; 8]),
    TextPong,
    Talk,
    Close(u16),
    Drop,
    AnswerClose(u16),
    WakeService,
    /// It looks at what the connection stands for.
    Guard,
}

struct Entry {
    at: Timestamp,
    /// Readiness before timers, as the contract wants it of drivers.
    rank: u8,
    seq: u64,
    client: u32,
    what: What,
}

impl Entry {
    const fn key(&self) -> (Timestamp, u8, u64) {
        (self.at, self.rank, self.seq)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    seq: u64,
}

impl Queue {
    pub(super) fn push(&mut self, at: Timestamp, client: u32, what: What) {
        self.seq += 1;
        let rank = u8::from(what == What::Timer);
        self.heap.push(Reverse(Entry { at, rank, seq: self.seq, client, what }));
    }

    /// The client's process is gone, and with it everything that was to come to it; what the application asked for stays.
    pub(super) fn crash(&mut self, client: u32) {
        self.heap.retain(|Reverse(entry)| entry.client != client || matches!(entry.what, What::Alarm(_)));
    }

    /// The time of the next thing.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    pub(super) fn pop(&mut self) -> Option<(Timestamp, u32, What)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.client, entry.what))
    }
}
