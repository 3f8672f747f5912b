//! Who is let in: credentials on their way from their source to a server.

use steadfast_core::{Cause, ConnId, Epoch, Event, Message, config::Placement};

use super::{
    client::{Client, Told},
    conn::{Conn, ServerEnd, frame},
    hub::Hub,
    pipe::DownWhat,
    queue::{ServerAct, What},
};
use crate::{App, Machine, REJECTED, Refuses, ServerModel};

impl<M: Machine> Client<M> {
    /// A fetch has its answer.
    pub(super) fn fetched<A: App>(&mut self, epoch: Epoch, hub: &mut Hub, app: &mut A) {
        if let Some(result) = self.facts.source.outcome(hub.now, epoch) {
            self.handle(Event::Credentials { epoch, result }, hub, app);
        }
    }

    /// Why a server does not let a connection in, if it says so by a status.
    pub(super) fn turned_away(&self, conn: &Conn, hub: &Hub) -> Option<Cause> {
        let ServerModel::Guarded { refuses: Refuses::Status(status) } = conn.model else { return None };
        let presents = self.placement == Some(Placement::AtUpgrade);
        (presents && !self.facts.source.is_welcome(hub.now, conn.id))
            .then_some(Cause::Rejected { status, retry_after: None })
    }

    /// The server looks at what a connection stands for.
    pub(super) fn guard(&mut self, id: ConnId, hub: &mut Hub) {
        let (client, now) = (self.id, hub.now);
        let Self { facts, conns, .. } = self;
        let Some(conn) = conns.iter_mut().rev().find(|conn| conn.id == id) else { return };
        let ServerModel::Guarded { refuses } = conn.model else { return };
        if conn.server != ServerEnd::Open || conn.silent || !facts.source.knows(id) {
            return;
        }
        if facts.source.is_welcome(now, id) {
            if let Some(at) = facts.source.expires(id) {
                hub.queue.push(at, client, What::Server(id, ServerAct::Guard));
            }
            return;
        }
        match refuses {
            Refuses::Status(_) => conn.server_closes(now, client, hub, frame(1_008)),
            Refuses::Code(code) => conn.server_closes(now, client, hub, frame(code)),
            Refuses::Message => conn.send(now, client, hub, DownWhat::Message(Message::text(REJECTED))),
        }
    }

    /// All credentials are worth nothing any more.
    pub(super) fn revoke(&mut self, hub: &mut Hub) {
        self.facts.source.revoke();
        if let Some(conn) = self.live() {
            let id = conn.id;
            self.guard(id, hub);
        }
    }

    /// Something is said late of a fetch that is over, or of a connection that is.
    pub(super) fn stale_credentials(&mut self, dead: ConnId, kind: u64) {
        let result = Ok(steadfast_core::Lease::default());
        self.tell(Told::Event(match kind {
            0 => Event::Credentials { epoch: Epoch(0), result },
            _ => Event::CredentialsRejected { conn: dead },
        }));
    }
}
