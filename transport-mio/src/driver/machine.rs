//! The session, or a recorder around it.

use std::fmt;

use steadfast_core::{Actions, Event, Session, Timestamp};

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

    pub(super) fn handle<'a>(&'a mut self, now: Timestamp, event: Event<'a>) -> Actions<'a> {
        match self {
            Self::Plain(session) => session.handle(now, event),
            #[cfg(feature = "trace")]
            Self::Recorded(recording) => recording.recorder.handle(now, event),
        }
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

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.session(), f)
    }
}
