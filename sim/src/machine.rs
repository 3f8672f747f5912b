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

    fn metrics(&self) -> Option<Metrics> {
        Some(Self::metrics(self))
    }
}
