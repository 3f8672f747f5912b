//! The session, or a recorder around it.

use steadfast_core::{Actions, Event, Session, Timestamp};

/// Where events go in and actions come out.
#[derive(Debug)]
pub(super) enum Machine {
    /// The session alone.
    Plain(Session),
}

impl Machine {
    pub(super) fn handle<'a>(&'a mut self, now: Timestamp, event: Event<'a>) -> Actions<'a> {
        match self {
            Self::Plain(session) => session.handle(now, event),
        }
    }

    pub(super) const fn session(&self) -> &Session {
        match self {
            Self::Plain(session) => session,
        }
    }
}
