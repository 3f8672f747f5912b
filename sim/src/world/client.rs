//! One session in the world, and the modelled driver around it.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use steadfast_core::{
    Action, Cause, ConnId, EndpointId, Epoch, Event, Message, MessageId, Timestamp,
    config::{Heartbeat, Placement, Settings},
};

use super::{
    conn::{Conn, Stalls, Timer},
    crash::Outlives,
    hub::Hub,
    pipe::UpWhat,
    queue::What,
    server_side,
    shelf::{Ask, Shelf},
};
use crate::{
    App, Arrival, Checker, ClientId, Clock, Commands, Driver, Heard, Link, Machine, Region, ServerModel, Surroundings,
    digest::Digest, rng::Draw, source::Source, span,
};

/// How long a store that failed is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The metrics are compared once in so many events.
const METRICS_EVERY: u64 = 1_024;

/// What is next for the session, in the driver's order.
#[derive(Debug)]
pub(super) enum Told {
    Event(Event<'static>),
    /// The connection is over; what was untouched is reckoned when the session hears of it.
    Over(ConnId, Cause),
    /// The timer, if it is due by then.
    Timer,
    /// A fetch of credentials has its answer.
    Fetched(Epoch),
    /// The application hears that it is woken.
    Woken(u64),
}

/// What is known beside the session: the truth, and who watches.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) checker: Option<Checker>,
    pub(super) arrivals: Vec<Arrival>,
    pub(super) keeps_record: bool,
    /// The heartbeat as last set, for servers that answer text pings.
    pub(super) heartbeat: Heartbeat,
    /// Where credentials come from.
    pub(super) source: Source,
}

impl Facts {
    pub(super) fn arrived(&mut self, at: Timestamp, conn: ConnId, id: MessageId) {
        if let Some(checker) = &mut self.checker {
            checker.arrived(conn, id);
        }
        if self.keeps_record {
            self.arrivals.push(Arrival { at, conn, id });
        }
    }
}

pub(super) struct Client<M> {
    pub(super) id: u32,
    pub(super) machine: M,
    pub(super) facts: Facts,
    pub(super) digest: Option<Digest>,
    pub(super) around: Surroundings,
    pub(super) conns: Vec<Conn>,
    /// The last connection whose end was told.
    pub(super) last_dead: Option<ConnId>,
    pub(super) stalls: Stalls,
    pub(super) timer: Timer,
    pub(super) inbox: VecDeque<Told>,
    pub(super) commands: Commands,
    /// What waits for the process to wake up.
    pub(super) asleep: Option<VecDeque<Told>>,
    /// What the client's clock is behind the world's.
    pub(super) behind: Duration,
    /// How connections present credentials, if they do.
    pub(super) placement: Option<Placement>,
    /// How many connections each endpoint has met.
    pub(super) connects: BTreeMap<EndpointId, usize>,
    pub(super) shelf: Shelf,
    pub(super) outlives: Outlives,
}

impl<M: Machine> Client<M> {
    pub(super) fn new(id: u32, machine: M, settings: &Settings, around: Surroundings) -> Self {
        Self {
            id,
            machine,
            facts: Facts {
                checker: Some(Checker::new(settings)),
                arrivals: Vec::new(),
                keeps_record: true,
                heartbeat: settings.heartbeat.clone(),
                source: Source::default(),
            },
            placement: settings.credentials.as_ref().map(|credentials| credentials.placement),
            digest: Some(Digest::default()),
            around,
            conns: Vec::new(),
            last_dead: None,
            stalls: Stalls::default(),
            timer: Timer::default(),
            inbox: VecDeque::new(),
            commands: Commands::default(),
            asleep: None,
            behind: Duration::ZERO,
            connects: BTreeMap::new(),
            shelf: Shelf::default(),
            outlives: Outlives::default(),
        }
    }

    /// What the client's clock shows.
    pub(super) fn clock(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_micros(now.as_micros().saturating_sub(span::micros(self.behind)))
    }

    /// The connection that the session still holds.
    pub(super) fn live(&mut self) -> Option<&mut Conn> {
        self.conns.iter_mut().rev().find(|conn| conn.alive)
    }

    pub(super) fn conn(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.conns.iter_mut().rev().find(|conn| conn.id == id)
    }

    /// Puts something before the session, or keeps it until the process wakes up.
    pub(super) fn tell(&mut self, told: Told) {
        self.asleep.as_mut().unwrap_or(&mut self.inbox).push_back(told);
    }

    /// Lets the session handle what is before it, and the driver write, until nothing is left.
    pub(super) fn run<A: App>(&mut self, hub: &mut Hub, app: &mut A) {
        loop {
            while let Some(told) = self.inbox.pop_front() {
                self.handle_told(told, hub, app);
                self.obey(hub);
                self.maybe_stale(hub);
            }
            if !self.write(hub) {
                break;
            }
        }
        self.look_at_timer(hub);
    }

    fn handle_told<A: App>(&mut self, told: Told, hub: &mut Hub, app: &mut A) {
        match told {
            Told::Event(event) => self.handle(event, hub, app),
            Told::Over(id, cause) => self.over(id, cause, hub, app),
            Told::Fetched(epoch) => self.fetched(epoch, hub, app),
            Told::Timer => {
                let now = self.clock(hub.now);
                if self.timer.due.is_some_and(|due| due <= now) {
                    self.handle(Event::TimerFired, hub, app);
                }
            }
            Told::Woken(key) => {
                app.hear(hub.now, ClientId(self.id), Heard::Woken { key }, &mut self.commands);
            }
        }
    }

    /// The one and only `Closed` of a connection.
    fn over<A: App>(&mut self, id: ConnId, cause: Cause, hub: &mut Hub, app: &mut A) {
        let reports = self.around.driver.reports_untouched;
        let Some(conn) = self.conn(id).filter(|conn| conn.alive) else { return };
        let untouched_from = if reports { conn.up.untouched_from() } else { None };
        conn.alive = false;
        conn.up.close();
        self.last_dead = Some(id);
        self.forget_drained(hub);
        self.handle(Event::Closed { conn: id, cause, untouched_from }, hub, app);
    }

    /// Forgets connections to which nothing can happen any more.
    pub(super) fn forget_drained(&mut self, hub: &mut Hub) {
        let client = self.id;
        self.conns.retain(|conn| {
            let lingers = conn.lingers();
            if !lingers && let Some(service) = &mut hub.service {
                service.closed(hub.now, crate::Peer { client: ClientId(client), conn: conn.id });
            }
            lingers
        });
    }

    /// The session handles one event, and the driver carries out what it says.
    pub(super) fn handle<A: App>(&mut self, event: Event<'static>, hub: &mut Hub, app: &mut A) {
        let now = self.clock(hub.now);
        hub.events += 1;
        match &event {
            Event::SetHeartbeat(heartbeat) => self.facts.heartbeat = heartbeat.clone(),
            Event::TimerFired => self.timer.due = None,
            _ => self.outlives.hear(&event),
        }
        if let Some(checker) = &mut self.facts.checker {
            checker.event(now, &event);
        }
        let Self {
            machine, facts, digest, around, conns, timer, inbox, commands, id, connects, placement, shelf, ..
        } = self;
        let client = ClientId(*id);
        machine.handle(now, event, &mut |action| {
            hub.actions += 1;
            if let Some(checker) = &mut facts.checker {
                checker.action(&action);
            }
            if let Some(digest) = digest {
                digest.action(now, &action);
            }
            match action {
                Action::Notify(notice) => app.hear(hub.now, client, Heard::Notice(&notice), commands),
                Action::Deliver { conn, message } => {
                    app.hear(hub.now, client, Heard::Message { conn, message: &message }, commands);
                }
                Action::SetTimer { at } => timer.set(now, at, &around.driver, hub),
                Action::CancelTimer => timer.due = None,
                Action::Connect { conn, endpoint, credentials, .. } => {
                    if let Some(epoch) = credentials
                        && *placement == Some(Placement::AtUpgrade)
                    {
                        facts.source.present(conn, epoch);
                    }
                    let before = connects.entry(endpoint).or_default();
                    let begun = Conn::new(conn, endpoint, around.server(endpoint, *before), around.link_to(endpoint));
                    *before += 1;
                    if around.driver.dial_after.is_zero() {
                        inbox.push_back(Told::Event(Event::Dialing { conn, stage: begun.first_stage() }));
                    }
                    conns.push(begun);
                    hub.queue.push(hub.now + around.driver.dial_after, client.0, What::Dial(conn));
                }
                Action::Abort { conn } => abort(conns, conn, around, inbox, hub, client.0),
                Action::Send { conn, id, message } => {
                    hand_over(conns, conn, UpWhat::Message { id, message: message.clone() }, &around.driver);
                }
                Action::Ping { conn, payload } => hand_over(conns, conn, UpWhat::Ping(payload), &around.driver),
                Action::Heartbeat { conn, .. } => hand_over(conns, conn, UpWhat::Heartbeat, &around.driver),
                Action::Persist(persist) => {
                    ask(shelf, Ask::Persist(persist, hub.now), around, hub, client.0);
                }
                Action::Forget { id } => ask(shelf, Ask::Forget(id), around, hub, client.0),
                Action::Close { conn, frame } => hand_over(conns, conn, UpWhat::Close(frame), &around.driver),
                Action::FetchCredentials { epoch, identity, .. } => {
                    if let Some(after) = facts.source.fetch(&around.source, hub.now, epoch, identity) {
                        hub.queue.push(hub.now + after, client.0, What::Fetched(epoch));
                    }
                }
                Action::Present { conn, epoch } => hand_over(conns, conn, UpWhat::Present(epoch), &around.driver),
            }
        });
        if let Some(checker) = &mut self.facts.checker {
            checker.handled(&self.machine.state());
            if hub.events.is_multiple_of(METRICS_EVERY)
                && let Some(metrics) = self.machine.metrics()
            {
                checker.metrics(&metrics);
            }
        }
    }

    /// The driver writes what the operating system takes. Says whether that told the session anything.
    pub(super) fn write(&mut self, hub: &mut Hub) -> bool {
        if self.asleep.is_some() {
            return false;
        }
        let before = self.inbox.len();
        let client = self.id;
        for conn in self.conns.iter_mut().filter(|conn| conn.dirty) {
            conn.dirty = false;
            if !conn.alive || conn.aborting || conn.server == super::conn::ServerEnd::None {
                continue;
            }
            let inbox = &mut self.inbox;
            let mut told = |event| inbox.push_back(Told::Event(event));
            if let Some(at) = conn.up.write(hub.now, &conn.link, conn.id, &mut told) {
                hub.queue.push(at, client, What::Up(conn.id));
            }
        }
        self.inbox.len() > before
    }

    /// Makes sure that the queue looks at the timer in time.
    pub(super) fn look_at_timer(&mut self, hub: &mut Hub) {
        // A process that sleeps looks at its timer when it wakes up.
        let Some(due) = self.timer.due.filter(|_| self.asleep.is_none()) else { return };
        let at = (due + self.behind).max(hub.now);
        if self.timer.looked_at.is_none_or(|looked_at| looked_at > at) {
            self.timer.looked_at = Some(at);
            hub.queue.push(at, self.id, What::Timer);
        }
    }

    fn maybe_stale(&mut self, hub: &mut Hub) {
        if hub.chance(self.around.driver.stale_events) {
            self.stale(hub);
        }
    }

    /// An event of a dead connection comes late.
    pub(super) fn stale(&mut self, hub: &mut Hub) {
        if let Some(dead) = self.last_dead {
            let kind = hub.rng.below(if self.facts.source.is_used() { 12 } else { 10 });
            if let Some(kind) = kind.checked_sub(10) {
                return self.stale_credentials(dead, kind);
            }
            self.tell(Told::Event(server_side::late_event(dead, kind, hub.now)));
        }
    }

    /// The process sleeps.
    pub(super) fn sleep(&mut self, span: Duration, clock: Clock, told: bool, hub: &mut Hub) {
        if self.asleep.is_some() {
            return;
        }
        let mut waiting = VecDeque::new();
        if told {
            waiting.push_back(Told::Event(Event::Resumed { gap: span }));
        }
        // What the driver had before it when it fell asleep comes after that.
        waiting.append(&mut self.inbox);
        self.asleep = Some(waiting);
        if clock == Clock::Stops {
            self.behind += span;
        }
        hub.queue.push(hub.now + span, self.id, What::Awake);
    }

    /// A transaction of the store ends.
    pub(super) fn stored(&mut self, hub: &mut Hub) {
        let (answers, begins) = self.shelf.end(self.around.store.fails);
        // What was to be forgotten, and nothing else, is not tried again at once.
        let pause = if self.around.store.fails.is_some() && answers.is_empty() { RETRY_AFTER } else { Duration::ZERO };
        for answer in answers {
            self.tell(Told::Event(answer));
        }
        if begins {
            hub.queue.push(hub.now + self.around.store.latency.max(pause), self.id, What::Stored);
        }
    }

    /// The next connection is met by the first of the servers.
    pub(super) fn forget_schedule(&mut self, endpoint: Option<EndpointId>) {
        self.connects.retain(|met, _| endpoint.is_some_and(|endpoint| *met != endpoint));
    }

    pub(super) fn text_pong(&self) -> Option<Message<'static>> {
        match &self.facts.heartbeat {
            Heartbeat::Text { pong, .. } => Some(Message::text(pong.clone())),
            _ => None,
        }
    }
}

/// The store is asked for something.
fn ask(shelf: &mut Shelf, what: Ask, around: &Surroundings, hub: &mut Hub, client: u32) {
    if shelf.ask(what) {
        hub.queue.push(hub.now + around.store.latency, client, What::Stored);
    }
}

/// The driver puts a frame into the buffer of the connection, if there is one.
fn hand_over(conns: &mut [Conn], id: ConnId, what: UpWhat, driver: &Driver) {
    if let Some(conn) = conns.iter_mut().rev().find(|conn| conn.id == id && conn.alive && !conn.aborting) {
        conn.up.hand_over(what, driver.pings_overtake);
        conn.dirty = true;
    }
}

/// The driver drops a connection, and says so when that is done.
fn abort(
    conns: &mut [Conn],
    id: ConnId,
    around: &Surroundings,
    inbox: &mut VecDeque<Told>,
    hub: &mut Hub,
    client: u32,
) {
    let Some(conn) = conns.iter_mut().rev().find(|conn| conn.id == id && conn.alive && !conn.aborting) else { return };
    conn.aborting = true;
    if around.driver.abort_takes.is_zero() {
        inbox.push_back(Told::Over(id, Cause::Aborted));
    } else {
        hub.queue.push(hub.now + around.driver.abort_takes, client, What::Aborted(id));
    }
}

impl Surroundings {
    /// One of the other endpoints, if it is not as the first.
    fn region(&self, endpoint: EndpointId) -> Option<&Region> {
        self.others.get(usize::from(endpoint.0).checked_sub(1)?)
    }

    /// What the n-th connection to an endpoint is met by.
    fn server(&self, endpoint: EndpointId, n: usize) -> ServerModel {
        let servers = self.region(endpoint).map_or(&self.servers, |region| &region.servers);
        servers.get(n.min(servers.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    fn link_to(&self, endpoint: EndpointId) -> Link {
        self.region(endpoint).and_then(|region| region.link).unwrap_or(self.link)
    }

    /// Connections to this endpoint, or to all, are met by these from now on.
    pub(super) fn serve(&mut self, endpoint: Option<EndpointId>, servers: &[ServerModel]) {
        if endpoint.is_none_or(|endpoint| endpoint.is_first()) {
            self.servers = servers.to_vec();
        }
        if let Some(EndpointId(index @ 1..)) = endpoint {
            let first = Region { servers: self.servers.clone(), link: None };
            let others = self.others.len().max(usize::from(index));
            self.others.resize(others, first);
            self.others[usize::from(index) - 1].servers = servers.to_vec();
        } else if endpoint.is_none() {
            for region in &mut self.others {
                region.servers = servers.to_vec();
            }
        }
    }
}
