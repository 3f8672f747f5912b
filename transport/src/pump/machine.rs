//! The session, or a recorder around it.

use std::fmt;

use steadfast_core::{Event, Session};

use crate::{
    net::Net,
    pump::{application::Application, hands::Hands},
};

/// Where events go in and actions come out.
pub(super) enum Machine {
    /// The session alone.
    Plain(Box<Session>),
    /// The session, and everything it is told.
    #[cfg(feature = "trace")]
    Recorded(Box<Recording>),
}

/// A recorder and where its lines go.
#[cfg(feature = "trace")]
pub(super) struct Recording {
    recorder: steadfast_core::trace::Recorder,
    /// `None` once it has failed.
    to: Option<Box<dyn std::io::Write + Send>>,
}

impl Machine {
    #[cfg(feature = "trace")]
    pub(super) fn recorded(recorder: steadfast_core::trace::Recorder, to: Box<dyn std::io::Write + Send>) -> Self {
        Self::Recorded(Box::new(Recording { recorder, to: Some(to) }))
    }

    /// Handles an event, and has each action carried out that it leads to.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "where the caller knows the event, nothing of the enums is left")]
    pub(super) fn handle<A: Application, N: Net>(&mut self, event: Event<'_>, hands: &mut Hands<'_, A, N>) {
        match self {
            Self::Plain(session) => {
                let mut actions = session.handle(hands.requests.now, event);
                // The usual event leads to one action, and it is known to which.
                if let Some(first) = actions.next() {
                    hands.carry_out(first);
                    loop {
                        if let Some(run) = actions.next_run() {
                            hands.tell_verdicts(run);
                        } else if let Some(action) = actions.next() {
                            hands.carry_out_next(action);
                        } else {
                            break;
                        }
                    }
                }
            }
            #[cfg(feature = "trace")]
            Self::Recorded(recording) => recording.handle(event, hands),
        }
    }

    /// As [`handle`](Self::handle), for events of which the caller does not know which they are.
    #[inline(never)]
    pub(super) fn handle_any<A: Application, N: Net>(&mut self, event: Event<'_>, hands: &mut Hands<'_, A, N>) {
        self.handle(event, hands);
    }

    pub(super) const fn session(&self) -> &Session {
        match self {
            Self::Plain(session) => session,
            #[cfg(feature = "trace")]
            Self::Recorded(recording) => recording.recorder.session(),
        }
    }

    /// Writes down what was recorded since the last time.
    #[cfg_attr(not(feature = "trace"), expect(clippy::unused_self, clippy::needless_pass_by_ref_mut))]
    pub(super) fn write_lines(&mut self) {
        #[cfg(feature = "trace")]
        if let Self::Recorded(recording) = self {
            let lines = recording.recorder.take_lines();
            if let Some(to) = &mut recording.to
                && to.write_all(lines.as_bytes()).and_then(|()| to.flush()).is_err()
            {
                recording.to = None;
            }
        }
    }
}

#[cfg(feature = "trace")]
impl Recording {
    #[inline(never)]
    fn handle<A: Application, N: Net>(&mut self, event: Event<'_>, hands: &mut Hands<'_, A, N>) {
        for action in self.recorder.handle(hands.requests.now, event) {
            hands.carry_out(action);
        }
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.session(), f)
    }
}
