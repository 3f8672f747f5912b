//! The world: virtual time, and a queue of things to come.

mod arrive;
mod client;
mod conn;
mod crash;
mod guard;
mod hub;
mod obey;
mod pipe;
mod queue;
mod server_side;
mod shelf;

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use steadfast_core::{Event, Session, State, Timestamp, config::Config};

use self::{
    client::{Client, Told},
    hub::Hub,
    queue::Queue,
};
use crate::{
    App, Arrival, Checker, ClientId, Command, Driver, Grant, Link, Machine, Monitor, ServerModel, Service, StoreModel,
    rng::Rng,
};

/// What a session is surrounded by.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Surroundings {
    /// The way to its servers.
    pub link: Link,
    /// Its driver.
    pub driver: Driver,
    /// What its connections are met by: the first by the first, and so on; the last stands for all that follow. Empty:
    /// [`ServerModel::Echo`]. Where there are several endpoints, the first of them.
    pub servers: Vec<ServerModel>,
    /// The other endpoints. What is missing is as the first.
    pub others: Vec<Region>,
    /// What its fetches of credentials are met by: the first by the first, and so on; the last stands for all that follow.
    /// Empty: [`Grant::default`].
    pub source: Vec<Grant>,
    /// What its durable messages are kept in.
    pub store: StoreModel,
    /// What a process is told of the network that begins again after a crash.
    pub monitor: Monitor,
}

/// One of several endpoints, and the way to it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Region {
    /// What its connections are met by, one after the other; the last stands for all that follow. Empty:
    /// [`ServerModel::Echo`].
    pub servers: Vec<ServerModel>,
    /// The way to it; `None`: as to the first.
    pub link: Option<Link>,
}

/// Virtual time, sessions, the links and servers around them, and what is to come.
///
/// A world jumps from one thing to the next; nothing waits. The same calls give the same run, to the last microsecond.
/// Each session is watched by a [`Checker`].
///
/// ```
/// use std::time::Duration;
/// use steadfast_core::{Event, State, config::Config};
/// use steadfast_sim::World;
///
/// let mut world = World::new(1);
/// let client = world.session(&Config::default(), 1);
/// world.tell(client, Event::Start);
/// world.run_for(Duration::from_secs(3_600), &mut ());
/// assert!(matches!(world.state(client), State::Open { .. }));
/// world.checker(client).expect_clean();
/// ```
pub struct World<M: Machine = Session> {
    hub: Hub,
    clients: Vec<Client<M>>,
}

impl<M: Machine> fmt::Debug for World<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("now", &self.hub.now)
            .field("events", &self.hub.events)
            .field("clients", &self.clients.len())
            .finish_non_exhaustive()
    }
}

impl World<Session> {
    /// Adds a session on a good link to an echo server.
    pub fn session(&mut self, config: &Config, seed: u64) -> ClientId {
        self.session_in(config, seed, Surroundings::default())
    }

    /// Adds a session, and says what surrounds it.
    pub fn session_in(&mut self, config: &Config, seed: u64, around: Surroundings) -> ClientId {
        self.add(Session::new(config.clone(), seed), config, around)
    }
}

impl<M: Machine> World<M> {
    /// An empty world at time zero. The seed decides what is left to chance: late timers, early ones.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let hub = Hub {
            now: Timestamp::ZERO,
            queue: Queue::default(),
            rng: Rng::new(seed),
            service: None,
            events: 0,
            actions: 0,
        };
        Self { hub, clients: Vec::new() }
    }

    /// The application's own server, which speaks on every connection whose [`ServerModel`] lets it.
    #[must_use]
    pub fn with_service(mut self, service: impl Service + 'static) -> Self {
        self.hub.service = Some(Box::new(service));
        self
    }

    /// Adds a machine. The checker judges it by `settings`.
    ///
    /// # Panics
    /// With more than four billion machines.
    pub fn add(&mut self, machine: M, settings: &steadfast_core::config::Settings, around: Surroundings) -> ClientId {
        let id = u32::try_from(self.clients.len()).expect("no machine holds so many sessions");
        self.clients.push(Client::new(id, machine, settings, around));
        ClientId(id)
    }

    /// Leaves out the checker, the digest and the server's record of one session: for figures of speed, and for runs
    /// so long that the record would fill the memory.
    pub fn unwatched(&mut self, client: ClientId) {
        let client = self.client(client);
        client.facts.checker = None;
        client.facts.keeps_record = false;
        client.digest = None;
    }

    /// Leaves out the server's record of one session, and nothing else.
    pub fn without_record(&mut self, client: ClientId) {
        self.client(client).facts.keeps_record = false;
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.hub.now
    }

    /// How many events all sessions have handled.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.hub.events
    }

    /// How many actions all sessions have asked for.
    #[must_use]
    pub fn actions(&self) -> u64 {
        self.hub.actions
    }

    /// Where a session stands.
    #[must_use]
    pub fn state(&self, client: ClientId) -> State {
        self.at(client).machine.state()
    }

    /// A machine itself.
    #[must_use]
    pub fn machine(&self, client: ClientId) -> &M {
        &self.at(client).machine
    }

    /// What the checker of a session found.
    ///
    /// # Panics
    /// If the session is [`unwatched`](Self::unwatched).
    #[must_use]
    pub fn checker(&self, client: ClientId) -> &Checker {
        self.at(client).facts.checker.as_ref().expect("a session that is watched")
    }

    /// The same, to ask it more.
    ///
    /// # Panics
    /// If the session is [`unwatched`](Self::unwatched).
    pub fn checker_mut(&mut self, client: ClientId) -> &mut Checker {
        self.client(client).facts.checker.as_mut().expect("a session that is watched")
    }

    /// What arrived at the servers of a session, in order: the ground truth.
    #[must_use]
    pub fn arrivals(&self, client: ClientId) -> &[Arrival] {
        &self.at(client).facts.arrivals
    }

    /// A digest of everything a session decided; equal runs have equal ones. 0 if the session is unwatched.
    #[must_use]
    pub fn digest(&self, client: ClientId) -> u64 {
        self.at(client).digest.map_or(0, crate::digest::Digest::value)
    }

    /// Tells a session something now; it is handled with the next run.
    pub fn tell(&mut self, client: ClientId, event: Event<'static>) {
        self.client(client).tell(Told::Event(event));
    }

    /// Does something to a client now.
    pub fn command(&mut self, client: ClientId, command: Command) {
        let Self { hub, clients } = self;
        clients[client.0 as usize].command(command, hub);
    }

    /// Runs for a span of virtual time.
    pub fn run_for<A: App>(&mut self, span: Duration, app: &mut A) {
        self.run_until(self.hub.now + span, app);
    }

    /// Runs until a time, and all that happens at it.
    pub fn run_until<A: App>(&mut self, end: Timestamp, app: &mut A) {
        self.settle(app);
        while self.hub.queue.next_at().is_some_and(|at| at <= end) {
            self.next(app);
        }
        self.hub.now = self.hub.now.max(end);
    }

    /// Runs until `done` says so, at most for a span; says whether it did.
    pub fn run_while<A: App>(&mut self, span: Duration, app: &mut A, mut going: impl FnMut(&A, &Self) -> bool) -> bool {
        let end = self.hub.now + span;
        self.settle(app);
        while going(app, self) {
            if self.hub.queue.next_at().is_none_or(|at| at > end) {
                self.hub.now = end;
                return false;
            }
            self.next(app);
        }
        true
    }

    /// Handles what was told from outside.
    fn settle<A: App>(&mut self, app: &mut A) {
        let Self { hub, clients } = self;
        for client in clients {
            client.run(hub, app);
        }
    }

    /// Jumps to the next thing, and lets it happen.
    fn next<A: App>(&mut self, app: &mut A) {
        let Self { hub, clients } = self;
        let Some((at, client, what)) = hub.queue.pop() else { return };
        hub.now = hub.now.max(at);
        let client = &mut clients[client as usize];
        client.arrive(what, hub);
        client.run(hub, app);
    }

    fn at(&self, client: ClientId) -> &Client<M> {
        &self.clients[client.0 as usize]
    }

    fn client(&mut self, client: ClientId) -> &mut Client<M> {
        &mut self.clients[client.0 as usize]
    }
}
