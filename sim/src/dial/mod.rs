//! The dialer over simulated time: a resolver that answers in its own time, addresses that accept, refuse or swallow, a
//! driver with its faults, and a judge of every step.

mod check;
mod draw;
mod world;

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use steadfast_core::{
    Cause, DnsKind, IoKind, Timestamp,
    dial::{Action, Dialer, Event, Hop, Peer, Race, Route},
};

/// What one dialer meets: plain data, drawn from a seed or put together by hand.
///
/// ```
/// use std::time::Duration;
/// use steadfast_sim::dial::{End, Scene, Way};
///
/// // IPv6 is announced, and leads nowhere.
/// let scene = Scene::resolved(&["2001:db8::1", "192.0.2.1"])
///     .way("2001:db8::1", Way::Hangs)
///     .way("192.0.2.1", Way::Accepts { after: Duration::from_millis(20) });
/// let report = scene.run();
/// assert_eq!(report.end, End::Used("192.0.2.1".parse().unwrap()));
/// assert_eq!(report.at.as_micros(), 270_000, "one delay, and not a timeout");
/// report.expect_clean();
/// ```
#[derive(Clone, Debug)]
pub struct Scene {
    /// How addresses race.
    pub race: Race,
    /// Which attempt of the session's it is, counted from 1.
    pub attempt: u32,
    /// Where the first hop is: a name that [`answers`](Self::answers) are for, or an address.
    pub hop: Hop,
    /// Whether the hop is a proxy.
    pub proxy: bool,
    /// Whether TLS follows.
    pub tls: bool,
    /// What the resolver says, and how long after the question.
    pub answers: Vec<(Duration, Answer)>,
    /// What becomes of a connection to each address; those that are not named swallow everything.
    pub ways: BTreeMap<IpAddr, Way>,
    /// When the attempt is given up.
    pub cancel_after: Option<Duration>,
    /// How late the timer fires.
    pub timer_late: Duration,
    /// When the timer fires although nobody asked.
    pub spurious: Vec<Duration>,
    /// Whether sockets that were cancelled are heard of all the same.
    pub late_events: bool,
}

/// What a resolver says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// These addresses, and whether more follow.
    Found(Vec<IpAddr>, bool),
    /// It has failed.
    Failed(DnsKind),
}

/// What becomes of a connection to an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// It is accepted.
    Accepts {
        /// After this long.
        after: Duration,
    },
    /// It fails.
    Fails {
        /// After this long; zero where the operating system knows at once.
        after: Duration,
        /// Why.
        kind: IoKind,
    },
    /// Nothing, for ever.
    Hangs,
}

/// How a dialer ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// With a stream to this address.
    Used(IpAddr),
    /// Without one.
    Failed(Cause),
    /// It was given up.
    Cancelled,
    /// It waits for what never comes, which is for the session's timeout to end.
    Waiting,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// How it ended.
    pub end: End,
    /// When.
    pub at: Timestamp,
    /// The sockets that were begun, in order: where to, and when.
    pub sockets: Vec<(IpAddr, Timestamp)>,
    /// What went against the contract.
    pub violations: Vec<String>,
}

/// What a scene drives: a [`Dialer`], or one that is broken on purpose, to test the judge.
pub trait Dials {
    /// As [`Dialer::handle`].
    fn handle(&mut self, now: Timestamp, event: Event<'_>) -> Vec<Action>;
}

impl Dials for Dialer {
    fn handle(&mut self, now: Timestamp, event: Event<'_>) -> Vec<Action> {
        Dialer::handle(self, now, event).collect()
    }
}

impl Scene {
    /// A name that is resolved at once to these addresses, all of which swallow everything, with a driver that does no
    /// wrong.
    ///
    /// # Panics
    /// When one is no address.
    #[must_use]
    pub fn resolved(addresses: &[&str]) -> Self {
        let addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        Self {
            race: Race::default(),
            attempt: 1,
            hop: Hop::Name { host: String::from("server.example"), port: 443 },
            proxy: false,
            tls: false,
            answers: vec![(Duration::ZERO, Answer::Found(addresses, false))],
            ways: BTreeMap::new(),
            cancel_after: None,
            timer_late: Duration::ZERO,
            spurious: Vec::new(),
            late_events: true,
        }
    }

    /// Says what becomes of a connection to this address.
    ///
    /// # Panics
    /// When it is no address.
    #[must_use]
    pub fn way(mut self, address: &str, way: Way) -> Self {
        self.ways.insert(address.parse().expect("an address"), way);
        self
    }

    /// Drawn from a seed: the same scene for the same seed, on every platform.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        draw::scene(seed)
    }

    /// What the real dialer makes of it.
    #[must_use]
    pub fn run(&self) -> Report {
        let mut route = Route::direct(self.hop.clone());
        if self.proxy {
            route = route.through_proxy();
        }
        if self.tls {
            route = route.with_tls();
        }
        self.run_with(&mut Dialer::new(route, self.race, self.attempt))
    }

    /// What this one makes of it.
    #[must_use]
    pub fn run_with(&self, dialer: &mut impl Dials) -> Report {
        world::run(self, dialer)
    }

    fn way_to(&self, peer: Peer) -> (IpAddr, Way) {
        let address = match peer {
            Peer::Tcp(address) => address.ip(),
            Peer::Local => IpAddr::from([0; 16]),
        };
        (address, self.ways.get(&address).copied().unwrap_or(Way::Hangs))
    }
}

impl Report {
    /// Panics unless everything went by the contract.
    ///
    /// # Panics
    /// With what did not.
    #[track_caller]
    pub fn expect_clean(&self) {
        assert!(self.violations.is_empty(), "{self:#?}");
    }
}
