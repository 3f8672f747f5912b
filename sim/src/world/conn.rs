//! One connection, from the attempt to the last byte under way.

use steadfast_core::{Cause, CloseCode, CloseFrame, ConnId, EndpointId, HandshakeKind, IoKind, Stage, Timestamp};

use super::{
    hub::Hub,
    pipe::{Down, DownWhat, Up},
    queue::{ServerAct, What},
};
use crate::{Driver, Link, ServerModel, Way};

/// The server's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ServerEnd {
    /// There is none yet.
    None,
    /// It reads and writes.
    Open,
    /// It has sent its close frame, and reads no more messages.
    Closing,
    /// It is gone.
    Gone,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, none of them a state")]
pub(super) struct Conn {
    pub(super) id: ConnId,
    pub(super) endpoint: EndpointId,
    pub(super) model: ServerModel,
    pub(super) link: Link,
    /// The session has not been told its end yet.
    pub(super) alive: bool,
    pub(super) server: ServerEnd,
    pub(super) up: Up,
    pub(super) down: Down,
    /// The driver does not read.
    pub(super) paused: bool,
    /// Nothing gets through, for ever.
    pub(super) silent: bool,
    /// The session aborts it; the driver says `Closed` when that is done.
    pub(super) aborting: bool,
    /// There is something to write.
    pub(super) dirty: bool,
}

impl Conn {
    pub(super) fn new(id: ConnId, endpoint: EndpointId, model: ServerModel, link: Link) -> Self {
        Self {
            id,
            endpoint,
            model,
            link,
            alive: true,
            server: ServerEnd::None,
            up: Up::default(),
            down: Down::default(),
            paused: false,
            silent: false,
            aborting: false,
            dirty: false,
        }
    }

    /// The driver begins: the outcome will be known after the round trips that it takes.
    pub(super) fn dial(&self, now: Timestamp, client: u32, hub: &mut Hub) {
        let trip = self.link.latency_up + self.link.latency_down;
        let trips = match self.model {
            ServerModel::Hang => return,
            ServerModel::Refuse | ServerModel::Unresolved => 1,
            _ => 2,
        };
        if trips == 2 {
            hub.queue.push(now + trip, client, What::Connected(self.id));
        }
        hub.queue.push(now + trip * trips, client, What::Outcome(self.id));
    }

    /// What the driver does first.
    pub(super) const fn first_stage(&self) -> Stage {
        match self.model {
            ServerModel::Unresolved => Stage::Resolve,
            _ => Stage::Connect,
        }
    }

    /// Why the attempt fails, if it does.
    pub(super) fn failure(&self) -> Option<Cause> {
        Some(match self.model {
            ServerModel::Reject { status, retry_after } => Cause::Rejected { status, retry_after },
            ServerModel::Garbage => Cause::Handshake(HandshakeKind::NotHttp),
            ServerModel::Refuse => Cause::Dial { stage: Stage::Connect, kind: IoKind::Refused },
            ServerModel::Unresolved => Cause::Dns(steadfast_core::DnsKind::NotFound),
            _ => return None,
        })
    }

    /// The WebSocket is open: what the server does by itself begins.
    pub(super) fn open(&mut self, now: Timestamp, client: u32, hub: &mut Hub) {
        self.server = ServerEnd::Open;
        let (after, act) = match self.model {
            ServerModel::Talkative { every, .. } => (every, ServerAct::Talk),
            ServerModel::CloseAfter { code, after } => (after, ServerAct::Close(code)),
            ServerModel::DropAfter { after } => (after, ServerAct::Drop),
            ServerModel::GarbageFrames => return self.send(now, client, hub, DownWhat::Garbage),
            _ => return,
        };
        hub.queue.push(now + after, client, What::Server(self.id, act));
    }

    /// The server sends.
    pub(super) fn send(&mut self, now: Timestamp, client: u32, hub: &mut Hub, what: DownWhat) {
        let Self { id, down, link, .. } = self;
        down.send(now, link, what, &mut |at| hub.queue.push(at, client, What::Down(*id)));
    }

    /// The server begins the closing handshake.
    pub(super) fn server_closes(&mut self, now: Timestamp, client: u32, hub: &mut Hub, frame: CloseFrame) {
        if self.server == ServerEnd::Open {
            self.server = ServerEnd::Closing;
            self.send(now, client, hub, DownWhat::Close(frame));
        }
    }

    /// The server ends the stream without a word.
    pub(super) fn server_drops(&mut self, now: Timestamp, client: u32, hub: &mut Hub) {
        if self.server != ServerEnd::Gone {
            self.server = ServerEnd::Gone;
            self.send(now, client, hub, DownWhat::Fin);
        }
    }

    /// The connection is reset: what is under way to the server is lost, and if `both`, what comes from it too.
    pub(super) fn reset(&mut self, now: Timestamp, client: u32, hub: &mut Hub, both: bool) {
        self.up.cut();
        if both {
            self.down.cut();
        }
        if self.server != ServerEnd::Gone {
            self.server = ServerEnd::Gone;
            self.send(now, client, hub, DownWhat::Lost(IoKind::Reset));
        }
    }

    /// Whether anything may still happen to it.
    pub(super) fn lingers(&self) -> bool {
        self.alive || (!self.up.is_drained() && !self.silent && self.server == ServerEnd::Open)
    }
}

/// The code that stands for a close without one.
pub(super) fn frame(code: u16) -> CloseFrame {
    CloseFrame { code: CloseCode(code), reason: String::new() }
}

/// Stalls of a client's way to its servers, each until a time.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Stalls {
    pub(super) up: Timestamp,
    pub(super) down: Timestamp,
}

impl Stalls {
    pub(super) fn stall(&mut self, way: Way, until: Timestamp) {
        match way {
            Way::Up => self.up = self.up.max(until),
            Way::Down => self.down = self.down.max(until),
            Way::Both => {
                self.up = self.up.max(until);
                self.down = self.down.max(until);
            }
        }
    }
}

/// When the driver's timer goes off.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Timer {
    /// In the client's time: when the driver will say `TimerFired`.
    pub(super) due: Option<Timestamp>,
    /// In the world's time: the earliest entry of the queue that will look at it.
    pub(super) looked_at: Option<Timestamp>,
}

impl Timer {
    /// Sets the timer; some drivers are late, some early.
    pub(super) fn set(&mut self, now: Timestamp, at: Timestamp, driver: &Driver, hub: &mut Hub) {
        let late = hub.draw_micros(driver.timer_late);
        let due = if hub.chance(driver.timer_early) { now + hub.draw_micros(at.since(now)) } else { at + late };
        self.due = Some(due);
    }
}
