//! A herd: many clients lose one server at the same moment, and come back to it.

use std::time::Duration;

use steadfast_core::{
    Event, Notice, StateKind, Timestamp,
    config::{Config, ConfigError, Settings},
};

use crate::{App, ClientId, Command, Commands, Fault, Heard, ServerModel, World};

/// Many clients that lose one server at the same moment: whether they come back as one is what a backoff's jitter
/// decides.
///
/// ```
/// use std::time::Duration;
/// use steadfast_core::config::Settings;
/// use steadfast_sim::{Herd, Outage};
///
/// let herd = Herd { clients: 200, away: Duration::from_secs(20), ..Herd::default() };
/// let came_back = herd.run(&Settings::default(), Outage::Refused)?;
/// assert_eq!(came_back.total(), 200);
/// assert!(came_back.last() <= Duration::from_secs(31));
/// # Ok::<(), steadfast_core::config::ConfigError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Herd {
    /// How many. 10,000.
    pub clients: u32,
    /// How long the server is away. A minute.
    pub away: Duration,
    /// The seed of the first client; the others follow. 1.
    pub seed: u64,
}

/// What attempts meet while the server is away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outage {
    /// They are refused at once.
    Refused,
    /// They hang until the connect timeout, those under way when the server comes back included.
    Hanging,
}

/// How a herd came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Return {
    /// How many connections opened in each second since the server was back, up to the last one.
    pub a_second: Vec<u32>,
    /// How many attempts were made while the server was away.
    pub in_vain: u64,
    /// How many clients gave up.
    pub gave_up: u32,
    last: Duration,
}

impl Default for Herd {
    fn default() -> Self {
        Self { clients: 10_000, away: Duration::from_mins(1), seed: 1 }
    }
}

impl Herd {
    /// Lets each client hold a stable connection, and lose it.
    ///
    /// # Errors
    /// If the settings are impossible.
    pub fn run(self, settings: &Settings, outage: Outage) -> Result<Return, ConfigError> {
        let config = Config::new(settings.clone())?;
        let mut world = World::new(self.seed);
        let mut watch = Watch::default();
        let seeds = (0..self.clients).map(|number| self.seed.wrapping_add(number.into()));
        let clients: Vec<_> = seeds.map(|seed| world.session(&config, seed)).collect();
        for client in &clients {
            world.unwatched(*client);
            world.tell(*client, Event::Start);
        }
        world.run_for(settings.stable_after + MOMENT, &mut watch);
        let model = match outage {
            Outage::Refused => ServerModel::Refuse,
            Outage::Hanging => ServerModel::Hang,
        };
        watch.attempts = 0;
        for client in &clients {
            world.command(*client, Command::Serve(vec![model]));
            world.command(*client, Command::Fault(Fault::Reset));
        }
        world.run_for(self.away, &mut watch);
        let in_vain = watch.attempts;
        watch.opened.clear();
        for client in &clients {
            world.command(*client, Command::Serve(vec![ServerModel::Echo]));
        }
        let back = world.now();
        let all = clients.len();
        let going = |watch: &Watch, _: &World| watch.opened.len() + watch.gave_up < all;
        world.run_while(PATIENCE, &mut watch, going);
        Ok(Return::new(back, &watch, in_vain))
    }
}

impl Return {
    fn new(back: Timestamp, watch: &Watch, in_vain: u64) -> Self {
        let mut a_second = Vec::new();
        for opened in &watch.opened {
            let second = usize::try_from(opened.since(back).as_secs()).unwrap_or(0);
            if second >= a_second.len() {
                a_second.resize(second + 1, 0);
            }
            a_second[second] += 1;
        }
        let last = watch.opened.last().map_or(Duration::ZERO, |last| last.since(back));
        Self { a_second, in_vain, gave_up: u32::try_from(watch.gave_up).unwrap_or(u32::MAX), last }
    }

    /// How many came back.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.a_second.iter().sum()
    }

    /// How many came back in the worst second.
    #[must_use]
    pub fn peak(&self) -> u32 {
        self.a_second.iter().copied().max().unwrap_or(0)
    }

    /// How many came back in a second on average, from the server's return to the last connection.
    #[must_use]
    pub fn mean(&self) -> f64 {
        f64::from(self.total()) / u32::try_from(self.a_second.len()).map_or(1.0, f64::from).max(1.0)
    }

    /// How many times the average the worst second is: 1 is a perfect spread. 0 if nobody came back.
    #[must_use]
    pub fn peak_to_mean(&self) -> f64 {
        if self.total() == 0 { 0.0 } else { f64::from(self.peak()) / self.mean() }
    }

    /// When the last one came back, from the server's return on.
    #[must_use]
    pub const fn last(&self) -> Duration {
        self.last
    }
}

/// Sees who connects.
#[derive(Default)]
struct Watch {
    attempts: u64,
    opened: Vec<Timestamp>,
    gave_up: usize,
}

impl App for Watch {
    fn hear(&mut self, now: Timestamp, _: ClientId, heard: Heard<'_>, _: &mut Commands) {
        let Heard::Notice(Notice::State(change)) = heard else { return };
        match (change.from, change.to.kind()) {
            (_, StateKind::Connecting) => self.attempts += 1,
            (StateKind::Connecting, StateKind::Open) => self.opened.push(now),
            (_, StateKind::Stopped) => self.gave_up += 1,
            _ => {}
        }
    }
}

/// Beyond the time that a connection takes to be stable.
const MOMENT: Duration = Duration::from_secs(5);
/// How long the last one is waited for. Longer than any delay that backoff presets know.
const PATIENCE: Duration = Duration::from_hours(1);
