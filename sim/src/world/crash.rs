//! The process of a client dies, and begins again: what outlives it, and what it is told then.

use steadfast_core::{Event, Identity, Network, Persist, State, Visibility};

use super::{
    client::{Client, Told},
    conn::Timer,
    hub::Hub,
};
use crate::{Machine, Monitor, rng::Draw};

/// What is known outside of the process.
#[derive(Debug, Default)]
pub(super) struct Outlives {
    /// How often it died.
    deaths: u64,
    /// What was said last of the network.
    network: Option<Network>,
    /// Nobody sees the application.
    hidden: bool,
    /// For whom the application acts.
    identity: Option<Identity>,
}

impl Outlives {
    /// The session is told something.
    pub(super) fn hear(&mut self, event: &Event<'_>) {
        match event {
            Event::Network(network) => self.network = Some(*network),
            Event::Visibility(visibility) => self.hidden = *visibility == Visibility::Background,
            Event::SwitchIdentity { identity } => self.identity = Some(*identity),
            _ => {}
        }
    }
}

impl<M: Machine> Client<M> {
    /// The process dies, and begins again with what its store holds.
    pub(super) fn crash(&mut self, hub: &mut Hub) {
        let starts =
            self.inbox.iter().chain(self.asleep.iter().flatten()).any(|told| matches!(told, Told::Event(Event::Start)));
        let was_started = starts || self.machine.state() != State::Idle;
        if !self.machine.restart(self.outlives.deaths + 1) {
            return;
        }
        self.outlives.deaths += 1;
        let stored = self.shelf.crash(hub.now, hub.chance(500_000));
        if let Some(checker) = &mut self.facts.checker {
            checker.crashed(stored.iter().map(|persist| persist.id));
            self.facts.heartbeat = checker.heartbeat_at_first();
        }
        self.facts.source.forget_epochs();
        let restored = stored.into_iter().map(|Persist { id, message, options, identity }| Event::Restored {
            id,
            message,
            options,
            identity,
        });
        self.inbox = restored.map(Told::Event).collect();
        self.begin_again(was_started, hub);
        hub.queue.crash(self.id);
        self.conns.clear();
        self.behind = std::time::Duration::ZERO;
        (self.asleep, self.last_dead, self.timer) = (None, None, Timer::default());
        self.connects.clear();
    }

    /// The new process finds out where it is: some of it before it starts its session, some only then.
    fn begin_again(&mut self, was_started: bool, hub: &mut Hub) {
        if let Some(identity) = self.outlives.identity {
            let event = Told::Event(Event::SwitchIdentity { identity });
            if hub.chance(500_000) {
                self.inbox.push_front(event);
            } else {
                self.inbox.push_back(event);
            }
        }
        let mut found = Vec::new();
        if self.outlives.hidden {
            found.push(Told::Event(Event::Visibility(Visibility::Background)));
        }
        let network = match self.around.monitor {
            Monitor::Silent => None,
            Monitor::Tells => self.outlives.network,
            Monitor::Lies => Some(match hub.rng.below(3) {
                0 => Network::Online,
                1 => Network::Offline,
                _ => Network::Changed,
            }),
        };
        found.extend(network.map(|network| Told::Event(Event::Network(network))));
        let is_early = hub.chance(500_000);
        let start = was_started.then_some(Told::Event(Event::Start));
        let (before, after) = if is_early { (found, Vec::new()) } else { (Vec::new(), found) };
        self.inbox.extend(before.into_iter().chain(start).chain(after));
    }
}
