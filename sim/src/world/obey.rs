//! Commands of the application and of the test's director, carried out.

use steadfast_core::{Cause, EndpointId};

use super::{
    client::{Client, Told},
    conn::frame,
    hub::Hub,
    queue::What,
};
use crate::{Command, Fault, Machine, ServerModel};

impl<M: Machine> Client<M> {
    /// Carries out what the application wants done.
    pub(super) fn obey(&mut self, hub: &mut Hub) {
        if self.commands.list.is_empty() {
            return;
        }
        for command in std::mem::take(&mut self.commands.list) {
            self.command(command, hub);
        }
    }

    pub(super) fn command(&mut self, command: Command, hub: &mut Hub) {
        match command {
            Command::Tell(event) => self.tell(Told::Event(event)),
            Command::Wake { span, key } => hub.queue.push(hub.now + span, self.id, What::Alarm(key)),
            Command::Fault(fault) => self.fault(fault, hub),
            Command::Serve(models) => self.serve(None, &models),
            Command::Region { endpoint, servers, cut } => self.region(endpoint, &servers, cut, hub),
            Command::Link(link) => {
                self.around.link = link;
                self.around.others.iter_mut().for_each(|region| region.link = None);
            }
            Command::Driver(driver) => self.around.driver = driver,
            Command::Heal => self.heal(hub),
            Command::PauseReads(span) => self.pause_reads(span, hub),
            Command::Sleep { span, clock, told } => self.sleep(span, clock, told, hub),
            Command::ClockBack(span) => self.behind += span,
            Command::Stale => self.stale(hub),
            Command::Source(grants) => {
                self.around.source = grants;
                self.facts.source.forget_schedule();
            }
            Command::Revoke => self.revoke(hub),
            Command::Store(store) => self.around.store = store,
            Command::Crash => self.crash(hub),
        }
    }

    fn serve(&mut self, endpoint: Option<EndpointId>, models: &[ServerModel]) {
        self.around.serve(endpoint, models);
        self.forget_schedule(endpoint);
    }

    /// Something happens to a whole region.
    fn region(&mut self, endpoint: EndpointId, models: &[ServerModel], cut: bool, hub: &mut Hub) {
        self.serve(Some(endpoint), models);
        let (now, client) = (hub.now, self.id);
        if let Some(conn) = self.live().filter(|conn| cut && conn.endpoint == endpoint) {
            conn.reset(now, client, hub, true);
        }
    }

    fn fault(&mut self, fault: Fault, hub: &mut Hub) {
        let (now, client) = (hub.now, self.id);
        if let Fault::Stall { way, span } = fault {
            return self.stalls.stall(way, now + span);
        }
        let Some(conn) = self.live() else { return };
        match fault {
            Fault::Reset => conn.reset(now, client, hub, true),
            Fault::ServerReset => conn.reset(now, client, hub, false),
            Fault::Fin => conn.server_drops(now, client, hub),
            Fault::Close(code) => conn.server_closes(now, client, hub, frame(code)),
            Fault::Silence => conn.silent = true,
            Fault::Io(kind) => {
                let id = conn.id;
                self.tell(Told::Over(id, Cause::Io(kind)));
            }
            Fault::Stall { .. } => {}
        }
    }

    /// All stalls end, and what they held up arrives.
    fn heal(&mut self, hub: &mut Hub) {
        self.stalls = super::conn::Stalls::default();
        for conn in &self.conns {
            hub.queue.push(hub.now, self.id, What::Up(conn.id));
            hub.queue.push(hub.now, self.id, What::Down(conn.id));
        }
    }

    fn pause_reads(&mut self, span: std::time::Duration, hub: &mut Hub) {
        let (now, client) = (hub.now, self.id);
        let Some(conn) = self.live().filter(|conn| !conn.paused && conn.server != super::conn::ServerEnd::None) else {
            return;
        };
        conn.paused = true;
        let id = conn.id;
        hub.queue.push(now + span, client, What::ReadOn(id));
        self.tell(Told::Event(steadfast_core::Event::ReadsPaused { conn: id }));
    }
}
