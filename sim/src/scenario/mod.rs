//! Scenarios: a configuration, a seed and what happens, as plain data.

#[cfg(feature = "arbitrary")]
mod arbitrary;
mod draw;
mod draw_credentials;
mod draw_features;
mod features;
#[cfg(feature = "proptest")]
mod proptest;
mod report;
mod script;
mod shrink;

use std::{fs, io, path::Path, time::Duration};

use serde::{Deserialize, Serialize};
use steadfast_core::{
    Delivery, EndpointId, Identity, Network, SendOptions, Session, Visibility,
    config::{Config, ConfigError, Heartbeat, Settings},
};

use self::script::Script;
pub use self::{
    features::{Feature, Features},
    report::{Arrived, Report, Tally},
};
use crate::{
    Clause, Clock, Command, Fault, Grant, Link, Machine, ServerModel, StoreModel, Surroundings, World, rng::Rng, span,
};

/// How long the closing of a session may take beyond its own close timeout.
const CLOSING: Duration = Duration::from_secs(1);

/// A configuration, a seed, surroundings, and what happens in them: plain data, to be drawn, shrunk, saved and replayed.
///
/// ```
/// use std::time::Duration;
/// use steadfast_core::Delivery;
/// use steadfast_sim::{Fault, Scenario, Step};
///
/// let scenario = Scenario {
///     steps: vec![
///         Step::Start,
///         Step::Send { count: 100, every: Duration::from_millis(5), bytes: 20, text: false,
///                      delivery: Delivery::AtLeastOnce, max_resends: None, bound: false },
///         Step::Wait { span: Duration::from_millis(200) },
///         Step::Fault(Fault::Reset),
///     ],
///     ..Scenario::default()
/// };
/// let report = scenario.run()?;
/// report.expect_clean();
/// assert_eq!(report.tally.confirmed, 100);
/// assert_eq!(report.digest, scenario.run()?.digest);
/// # Ok::<(), steadfast_core::config::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// The seed of the session, and of what the world leaves to chance.
    pub seed: u64,
    /// The session's settings.
    pub config: Settings,
    /// The link, the driver and the servers at the beginning.
    pub around: Surroundings,
    /// How many messages the application sends ahead, bound to the connection, before it says
    /// [`Ready`](steadfast_core::Event::Ready).
    pub ahead: u32,
    /// How long after the opening it says so.
    #[serde(with = "span")]
    pub ready_after: Duration,
    /// What happens, one after the other.
    pub steps: Vec<Step>,
    /// After the last step faults stop and the server is a good one, for this long; then everything must be settled, and
    /// a stop must end. `None`: the run ends with its last step.
    #[serde(with = "span::option")]
    pub settle: Option<Duration>,
}

/// One step of a [`Scenario`]. All but [`Wait`](Self::Wait) take no time: what they begin goes on beside the next steps.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// Time passes.
    Wait {
        /// How much.
        #[serde(with = "span")]
        span: Duration,
    },
    /// The application starts the session.
    Start,
    /// The application stops the session.
    Stop {
        /// The code that the server is told.
        code: u16,
        /// How long it may drain.
        #[serde(with = "span::option", default)]
        drain: Option<Duration>,
    },
    /// The application does not want to wait.
    ReconnectNow,
    /// The application sends messages, the first at once. They are named 1, 2, 3 … through the whole scenario.
    Send {
        /// How many.
        count: u32,
        /// From one to the next.
        #[serde(with = "span", default)]
        every: Duration,
        /// How large each is.
        bytes: u32,
        /// Text, not binary.
        #[serde(default)]
        text: bool,
        /// The delivery asked for.
        delivery: Delivery,
        /// How often each may be sent again.
        #[serde(default)]
        max_resends: Option<u32>,
        /// Bound to the connection that is open, or was last.
        #[serde(default)]
        bound: bool,
    },
    /// The application sends messages with any options, the first at once; named as those of [`Send`](Self::Send) are.
    SendWith {
        /// How many.
        count: u32,
        /// From one to the next.
        #[serde(with = "span", default)]
        every: Duration,
        /// How large each is.
        bytes: u32,
        /// What is asked for each. Its key is the first of `keys`.
        options: SendOptions,
        /// How many keys take turns, from that of the options on.
        #[serde(default)]
        keys: u32,
    },
    /// The application sends durable messages, as [`Send`](Self::Send) does; needs a
    /// [store](steadfast_core::config::Settings::store).
    SendDurable {
        /// How many.
        count: u32,
        /// From one to the next.
        #[serde(with = "span", default)]
        every: Duration,
        /// How large each is.
        bytes: u32,
    },
    /// The store behaves like this from now on.
    Store(StoreModel),
    /// The process dies, and begins again with what its store holds.
    Crash,
    /// The application takes back the message this far back; 0: the last one.
    Cancel {
        /// How far.
        back: u32,
    },
    /// The application sends another message under the name of the one this far back.
    Again {
        /// How far.
        back: u32,
    },
    /// The application knows something of the network.
    Network(Network),
    /// The application changes the heartbeat.
    Heartbeat(Heartbeat),
    /// The application takes no messages for a time.
    PauseReads {
        /// How long.
        #[serde(with = "span")]
        span: Duration,
    },
    /// Connections are met by these from now on.
    Serve(Vec<ServerModel>),
    /// Something happens to one of several endpoints.
    Region {
        /// Which.
        endpoint: EndpointId,
        /// What its connections are met by from now on.
        servers: Vec<ServerModel>,
        /// Whether the connection to it, if there is one, is reset.
        #[serde(default)]
        cut: bool,
    },
    /// Connections run over this link from now on.
    Link(Link),
    /// Something breaks.
    Fault(Fault),
    /// All stalls end.
    Heal,
    /// The process sleeps.
    Sleep {
        /// How long.
        #[serde(with = "span")]
        span: Duration,
        /// What its clock does.
        clock: Clock,
        /// Whether the driver notices.
        told: bool,
    },
    /// The clock goes back.
    ClockBack {
        /// By how much.
        #[serde(with = "span")]
        span: Duration,
    },
    /// The timer fires without reason.
    Spurious {
        /// How often.
        times: u32,
    },
    /// An event of a connection that is gone comes late.
    Stale,
    /// Fetches of credentials are met by these from now on.
    Source(Vec<Grant>),
    /// All credentials that were given out are worth nothing any more.
    Revoke,
    /// The application wants newer credentials.
    Refresh,
    /// The application acts for this identity from now on.
    Identity(Identity),
    /// Whether people see the application.
    Visibility(Visibility),
}

impl Default for Scenario {
    /// Default settings on a good link to an echo server; nothing happens, and all must be settled within ten minutes.
    fn default() -> Self {
        Self {
            seed: 1,
            config: Settings::default(),
            around: Surroundings::default(),
            ahead: 0,
            ready_after: Duration::ZERO,
            steps: Vec::new(),
            settle: Some(Duration::from_mins(10)),
        }
    }
}

impl Scenario {
    /// A random scenario, rich in faults, with a random set of [`Feature`]s: the same for the same seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        draw::scenario(&mut Rng::new(seed))
    }

    /// What it makes use of.
    #[must_use]
    pub fn features(&self) -> Features {
        Features::of(self)
    }

    /// Runs it with a [`Session`].
    ///
    /// # Errors
    /// If the settings are impossible.
    pub fn run(&self) -> Result<Report, ConfigError> {
        self.run_with(Session::new)
    }

    /// Runs it with another machine.
    ///
    /// # Errors
    /// If the settings are impossible.
    pub fn run_with<M: Machine>(&self, machine: impl FnOnce(Config, u64) -> M) -> Result<Report, ConfigError> {
        let config = Config::new(self.config.clone())?;
        let mut world = World::new(self.seed);
        let client = world.add(machine(config, self.seed), &self.config, self.around.clone());
        let mut script = Script::new(self);
        world.command(client, Command::Wake { span: Duration::ZERO, key: 0 });
        world.run_while(Duration::MAX, &mut script, |script, _| !script.is_done());
        if let Some(settle) = self.settle {
            script.settle(&mut world, client);
            world.run_for(settle, &mut script);
            world.checker_mut(client).expect_settled();
            Script::stop(&mut world, client);
            world.run_for(self.config.close_timeout + CLOSING, &mut script);
            let state = world.state(client);
            if script.has_started() && !matches!(state, steadfast_core::State::Stopped { .. }) {
                world.checker_mut(client).note(Clause::Settles, format!("the session was stopped, and is {state}"));
            }
        }
        Ok(Report::new(&world, client, script.tally))
    }

    /// Reads a scenario from a JSON file.
    ///
    /// # Errors
    /// If the file cannot be read, or is no scenario.
    pub fn load(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
    }

    /// Writes the scenario into a JSON file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        fs::write(path, serde_json::to_string_pretty(self)? + "\n")
    }
}
