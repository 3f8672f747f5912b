//! The session: events in, actions out.

pub(crate) mod action;
pub(crate) mod event;
pub(crate) mod notice;
pub(crate) mod policy;
pub(crate) mod state;

use action::Action;
use event::Event;
use state::State;

use crate::{Timestamp, config::Config};

/// A session.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Session {
    seed: u64,
}

/// What a session decided, to be carried out in order.
#[derive(Debug)]
#[must_use = "the session has decided these; they are handed out again with the next event"]
pub struct Actions<'a> {
    session: &'a mut Session,
}

impl<'a> Iterator for Actions<'a> {
    type Item = Action<'a>;

    fn next(&mut self) -> Option<Action<'a>> {
        let _ = self.session.seed;
        todo!()
    }
}

impl Session {
    /// A session at rest, in [`State::Idle`].
    #[must_use]
    pub fn new(_config: Config, seed: u64) -> Self {
        Self { seed }
    }

    /// Handles one event.
    pub fn handle<'a>(&'a mut self, _now: Timestamp, _event: Event<'a>) -> Actions<'a> {
        Actions { session: self }
    }

    /// Where the session stands.
    #[must_use]
    pub fn state(&self) -> State {
        todo!()
    }
}
