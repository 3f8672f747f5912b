//! What whoever watches is told of a session. Without the features `tracing` and `metrics` there is nothing in here.

#[cfg(feature = "metrics")]
mod meters;
#[cfg(feature = "tracing")]
mod spans;
#[cfg(any(feature = "tracing", feature = "metrics"))]
mod words;

use steadfast_core::{Event, Notice, Session};

use crate::{endpoint::Endpoint, pump::SessionId};

/// Those who watch a session.
#[derive(Debug)]
pub(super) struct Eyes {
    #[cfg(feature = "tracing")]
    spans: spans::Spans,
    #[cfg(feature = "metrics")]
    meters: Box<meters::Meters>,
}

#[cfg_attr(
    not(any(feature = "tracing", feature = "metrics")),
    expect(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "nobody watches")
)]
impl Eyes {
    pub(super) fn new(id: SessionId, endpoint: &Endpoint, session: &Session) -> Self {
        let _ = (id, endpoint, session);
        Self {
            #[cfg(feature = "tracing")]
            spans: spans::Spans::new(id, endpoint),
            #[cfg(feature = "metrics")]
            meters: Box::new(meters::Meters::new(&session.metrics())),
        }
    }

    /// The session is about to be told this.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "nothing is left of it where nobody watches")]
    pub(super) fn event(&mut self, event: &Event<'_>) {
        let _ = event;
        #[cfg(feature = "tracing")]
        self.spans.event(event);
        #[cfg(feature = "metrics")]
        self.meters.look();
    }

    /// The attempt that the session has just told of goes there.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "nothing is left of it where nobody watches")]
    pub(super) fn connecting(&self, endpoint: &Endpoint) {
        // Where figures alone are told, this is none.
        let _ = (&self, endpoint);
        #[cfg(feature = "tracing")]
        self.spans.connecting(endpoint);
    }

    /// A message came in, which is an event that is not told otherwise.
    #[inline(always)]
    #[cfg(feature = "metrics")]
    #[expect(clippy::inline_always, reason = "one store")]
    pub(super) fn received(&mut self) {
        self.meters.look();
    }

    /// A message is handed over.
    #[inline(always)]
    #[cfg(feature = "metrics")]
    #[expect(clippy::inline_always, reason = "one comparison, mostly")]
    pub(super) fn sent(&mut self, now: steadfast_core::Timestamp, id: steadfast_core::MessageId) {
        self.meters.sent(now, id);
    }

    /// The session says this.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "nothing is left of it where nobody watches")]
    pub(super) fn notice(&mut self, now: steadfast_core::Timestamp, notice: &Notice) {
        let _ = (now, notice);
        #[cfg(feature = "tracing")]
        self.spans.notice(now, notice);
        #[cfg(feature = "metrics")]
        self.meters.notice(now, notice);
    }

    /// The session says this of many messages.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "nothing is left of it where nobody measures")]
    pub(super) fn verdicts(&mut self, now: steadfast_core::Timestamp, run: steadfast_core::VerdictRun) {
        // Spans leave verdicts to the counters.
        let _ = (&self, now, run);
        #[cfg(feature = "metrics")]
        for notice in run.notices() {
            self.meters.notice(now, &notice);
        }
    }

    /// The session's turn is over.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "nothing is left of it where nobody watches")]
    pub(super) fn turn_over(&mut self, session: &Session) {
        let _ = session;
        #[cfg(feature = "tracing")]
        self.spans.turn_over(session);
        #[cfg(feature = "metrics")]
        self.meters.turn_over(session);
    }
}

#[cfg(test)]
mod tests {
    #[cfg(not(any(feature = "tracing", feature = "metrics")))]
    #[test]
    fn where_nobody_watches_there_is_nothing() {
        assert_eq!(size_of::<super::Eyes>(), 0);
    }
}
