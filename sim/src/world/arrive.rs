//! What happens when the time of something in the queue has come.

use steadfast_core::{Cause, CloseCode, ConnId, Event, IoKind, Stage, Timestamp};

use super::{
    client::{Client, Told},
    conn::ServerEnd,
    hub::Hub,
    pipe::DownWhat,
    queue::{ServerAct, What},
    server_side,
};
use crate::{Machine, Service};

impl<M: Machine> Client<M> {
    /// The time of `what` has come. What the session is to hear of it is put before it.
    pub(super) fn arrive(&mut self, what: What, hub: &mut Hub) {
        match what {
            What::Stored => self.stored(hub),
            What::Timer => {
                if self.timer.looked_at == Some(hub.now) {
                    self.timer.looked_at = None;
                }
                self.tell(Told::Timer);
            }
            What::Alarm(key) => self.alarm(key),
            What::Awake => self.awake(),
            What::ReadOn(id) => self.read_on(id, hub),
            What::Dial(id) => self.dial(id, hub),
            What::Connected(id) => self.connected(id, hub),
            What::Outcome(id) => self.outcome(id, hub),
            What::Up(id) => self.up(id, hub),
            What::Down(id) => self.down(id, hub),
            What::Aborted(id) => self.tell(Told::Over(id, Cause::Aborted)),
            What::Fetched(epoch) => self.tell(Told::Fetched(epoch)),
            What::Server(id, ServerAct::Guard) => self.guard(id, hub),
            What::Server(id, act) => {
                let client = self.id;
                if let Some(conn) = self.conn(id) {
                    server_side::act(conn, client, hub, act);
                }
            }
        }
    }

    /// The application is woken; it stands beside the process, so that it can break things while that sleeps.
    fn alarm(&mut self, key: u64) {
        self.inbox.push_back(Told::Woken(key));
    }

    fn awake(&mut self) {
        if let Some(waiting) = self.asleep.take() {
            self.inbox.extend(waiting);
            // Readiness goes before the timer.
            self.inbox.push_back(Told::Timer);
        }
        for conn in &mut self.conns {
            conn.dirty = true;
        }
    }

    fn dial(&mut self, id: ConnId, hub: &mut Hub) {
        let (late, client) = (!self.around.driver.dial_after.is_zero(), self.id);
        let Some(conn) = self.conn(id).filter(|conn| conn.alive && !conn.aborting) else { return };
        conn.dial(hub.now, client, hub);
        let stage = conn.first_stage();
        if late {
            self.tell(Told::Event(Event::Dialing { conn: id, stage }));
        }
    }

    fn connected(&mut self, id: ConnId, hub: &mut Hub) {
        let until = self.stalls.up.max(self.stalls.down);
        if until > hub.now {
            return hub.queue.push(until, self.id, What::Connected(id));
        }
        let Some(conn) = self.conn(id).filter(|conn| conn.alive && !conn.aborting && !conn.silent) else { return };
        if conn.server == ServerEnd::None {
            self.tell(Told::Event(Event::Dialing { conn: id, stage: Stage::Upgrade }));
        }
    }

    fn outcome(&mut self, id: ConnId, hub: &mut Hub) {
        let until = self.stalls.up.max(self.stalls.down);
        if until > hub.now {
            return hub.queue.push(until, self.id, What::Outcome(id));
        }
        let (client, can_ping, now) = (self.id, self.around.driver.can_ping, hub.now);
        let turned_away =
            self.conns.iter().rev().find(|conn| conn.id == id).and_then(|conn| self.turned_away(conn, hub));
        let Some(conn) = self.conn(id).filter(|conn| conn.alive && !conn.aborting && !conn.silent) else { return };
        if conn.server != ServerEnd::None {
            return;
        }
        if let Some(cause) = turned_away.or_else(|| conn.failure()) {
            return self.tell(Told::Over(id, cause));
        }
        conn.open(now, client, hub);
        self.tell(Told::Event(Event::Opened { conn: id, can_ping }));
        self.guard(id, hub);
        if let Some(conn) = self.conn(id) {
            hub.serve(client, conn, |service: &mut dyn Service, now, peer, replies| {
                service.opened(now, peer, replies);
            });
        }
    }

    fn up(&mut self, id: ConnId, hub: &mut Hub) {
        if self.stalls.up > hub.now {
            return self.hold_up(self.stalls.up, id, hub);
        }
        let client = self.id;
        let Some(conn) = self.conns.iter_mut().rev().find(|conn| conn.id == id && !conn.silent) else { return };
        conn.up.arrive(hub.now);
        server_side::read(conn, client, hub, &mut self.facts);
        conn.dirty = true;
        if !conn.alive {
            self.forget_drained(hub);
        }
    }

    fn hold_up(&self, until: Timestamp, id: ConnId, hub: &mut Hub) {
        hub.queue.push(until, self.id, What::Up(id));
    }

    fn down(&mut self, id: ConnId, hub: &mut Hub) {
        if self.stalls.down > hub.now {
            return hub.queue.push(self.stalls.down, self.id, What::Down(id));
        }
        let text_pong = self.text_pong();
        let waiting = self.asleep.is_some();
        let Some(conn) = self.conns.iter_mut().rev().find(|conn| conn.id == id && conn.alive) else { return };
        if conn.paused || conn.silent || conn.aborting {
            return;
        }
        let told = if waiting { self.asleep.get_or_insert_default() } else { &mut self.inbox };
        let mut first = true;
        while let Some(what) = conn.down.next_arrived(hub.now) {
            let (event, over) = match what {
                DownWhat::Part => (None, None),
                DownWhat::Message(message) => (Some(Event::Received { conn: id, message }), None),
                DownWhat::Pong(payload) => (Some(Event::Pong { conn: id, payload }), None),
                DownWhat::TextPong => (text_pong.clone().map(|message| Event::Received { conn: id, message }), None),
                DownWhat::Close(frame) => (None, Some(Cause::Closed(frame))),
                DownWhat::Garbage => (None, Some(Cause::Protocol(CloseCode::PROTOCOL_ERROR))),
                DownWhat::Fin => (None, Some(Cause::Io(IoKind::Eof))),
                DownWhat::Lost(kind) => (None, Some(Cause::Io(kind))),
            };
            let is_bytes = !matches!(over, Some(Cause::Io(_)));
            if first && is_bytes {
                first = false;
                told.push_back(Told::Event(Event::Activity { conn: id }));
            }
            told.extend(event.map(Told::Event));
            if let Some(cause) = over {
                told.push_back(Told::Over(id, cause));
                break;
            }
        }
    }

    fn read_on(&mut self, id: ConnId, hub: &mut Hub) {
        let client = self.id;
        let Some(conn) = self.conn(id).filter(|conn| conn.alive && conn.paused) else { return };
        conn.paused = false;
        hub.queue.push(hub.now, client, What::Down(id));
        self.tell(Told::Event(Event::ReadsResumed { conn: id }));
    }
}
