//! What the world drives.

use steadfast_core::{Action, Event, Metrics, Session, State, Timestamp};

/// What the world drives: a [`Session`], or something around one.
///
/// A wrapper may change what goes in or comes out. That is how the [`Checker`](crate::Checker) is itself tested:
/// sessions that were broken on purpose are machines too.
pub trait Machine {
    /// Handles one event, and gives each action to `sink`, in order.
    fn handle(&mut self, now: Timestamp, event: Event<'_>, sink: &mut dyn FnMut(Action<'_>));

    /// Where the machine stands.
    fn state(&self) -> State;

    /// Becomes a new machine of the same configuration, as after a crash; whether it can.
    fn restart(&mut self, seed: u64) -> bool {
        let _ = seed;
        false
    }

    /// What the machine says of itself, if it counts.
    fn metrics(&self) -> Option<Metrics> {
        None
    }
}

impl Machine for Session {
    fn handle(&mut self, now: Timestamp, event: Event<'_>, sink: &mut dyn FnMut(Action<'_>)) {
        for action in Self::handle(self, now, event) {
            sink(action);
        }
    }

    fn state(&self) -> State {
        Self::state(self)
    }

    fn restart(&mut self, seed: u64) -> bool {
        *self = Self::new(self.config().clone(), seed);
        true
    }

    fn metrics(&self) -> Option<Metrics> {
        Some(Self::metrics(self))
    }
}
