//! A session in a world of its own, for tests that tell a story step by step.

use std::time::Duration;

use steadfast_core::{
    Cause, Delivery, Event, Message, MessageId, Notice, Refusal, SendOptions, State, Timestamp, Verdict,
    config::{Config, Settings},
};
use steadfast_sim::{App, ClientId, Command, Commands, Fault, Heard, Surroundings, World};

/// An application that only remembers what it heard.
#[derive(Debug, Default)]
pub struct Memory {
    /// What was noticed, and when.
    pub notices: Vec<(Timestamp, Notice)>,
    /// How many messages came in.
    pub delivered: usize,
}

impl App for Memory {
    fn hear(&mut self, now: Timestamp, _: ClientId, heard: Heard<'_>, _: &mut Commands) {
        match heard {
            Heard::Notice(notice) => self.notices.push((now, notice.clone())),
            Heard::Message { .. } => self.delivered += 1,
            _ => {}
        }
    }
}

impl Memory {
    /// Every state, and when it was told.
    pub fn states(&self) -> impl Iterator<Item = (Timestamp, &State)> {
        self.notices.iter().filter_map(|(at, notice)| match notice {
            Notice::State(change) => Some((*at, &change.to)),
            _ => None,
        })
    }

    /// When attempts were begun.
    #[must_use]
    pub fn attempts(&self) -> Vec<Timestamp> {
        self.states().filter(|(_, state)| matches!(state, State::Connecting { .. })).map(|(at, _)| at).collect()
    }

    /// Why connections ended, in order.
    #[must_use]
    pub fn causes(&self) -> Vec<Cause> {
        let causes = self.states().filter_map(|(_, state)| match state {
            State::Waiting { cause, .. } => Some(cause.clone()),
            _ => None,
        });
        causes.collect()
    }

    /// A message's verdict, if it has one.
    #[must_use]
    pub fn verdict(&self, id: u64) -> Option<Verdict> {
        self.notices.iter().find_map(|(_, notice)| match notice {
            Notice::Verdict { id: MessageId(settled), verdict, .. } if *settled == id => Some(*verdict),
            _ => None,
        })
    }
}

/// One session in a world of its own, and its memory.
#[derive(Debug)]
pub struct Bench {
    /// The world.
    pub world: World,
    /// The session in it.
    pub client: ClientId,
    /// What its application heard.
    pub memory: Memory,
}

impl Bench {
    /// A session with these settings in these surroundings.
    ///
    /// # Panics
    /// If the settings cannot be.
    #[must_use]
    pub fn new(settings: Settings, around: Surroundings) -> Self {
        let config = Config::new(settings).expect("the settings can be");
        let mut world = World::new(1);
        let client = world.session_in(&config, 1, around);
        Self { world, client, memory: Memory::default() }
    }

    /// A session with the defaults on a good link to an echo server.
    #[must_use]
    pub fn plain() -> Self {
        Self::new(Settings::default(), Surroundings::default())
    }

    /// Tells the session something now.
    pub fn tell(&mut self, event: Event<'static>) -> &mut Self {
        self.world.tell(self.client, event);
        self
    }

    /// Starts it, and lets a second pass.
    pub fn start(&mut self) -> &mut Self {
        self.tell(Event::Start).run(1)
    }

    /// Sends a text that names its message.
    pub fn send(&mut self, id: u64, delivery: Delivery) -> &mut Self {
        let message = Message::text(format!("message {id}"));
        self.tell(Event::Send { id: MessageId(id), message, options: SendOptions::new(delivery) })
    }

    /// Does something to the client, after everything before it.
    pub fn command(&mut self, command: Command) -> &mut Self {
        self.world.run_for(Duration::ZERO, &mut self.memory);
        self.world.command(self.client, command);
        self
    }

    /// Breaks something.
    pub fn fault(&mut self, fault: Fault) -> &mut Self {
        self.command(Command::Fault(fault))
    }

    /// Lets seconds pass.
    pub fn run(&mut self, seconds: u64) -> &mut Self {
        self.run_millis(seconds * 1_000)
    }

    /// Lets milliseconds pass.
    pub fn run_millis(&mut self, millis: u64) -> &mut Self {
        self.world.run_for(Duration::from_millis(millis), &mut self.memory);
        self
    }

    /// Where the session stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.world.state(self.client)
    }

    /// What was refused, and why, in order.
    #[must_use]
    pub fn refusals(&self) -> Vec<(u64, Refusal)> {
        let refusals = self.memory.notices.iter().filter_map(|(_, notice)| match notice {
            Notice::Refused { id, why, .. } => Some((id.0, *why)),
            _ => None,
        });
        refusals.collect()
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state(), State::Open { .. })
    }

    /// What arrived at its servers, in order.
    #[must_use]
    pub fn arrived(&self) -> Vec<u64> {
        self.world.arrivals(self.client).iter().map(|arrival| arrival.id.0).collect()
    }

    /// Everything else that the contract asks held as well.
    ///
    /// # Panics
    /// If a clause was broken.
    pub fn clean(&self) {
        self.world.checker(self.client).expect_clean();
    }
}
