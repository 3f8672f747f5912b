//! What a session decided, carried out.

use steadfast_core::{Action, ConnId, Event, FetchError, MessageId, Timestamp};

use crate::{
    dial::Dialing,
    endpoint::Endpoints,
    net::Net,
    pump::{
        application::{Application, Reads, Requests},
        eyes::Eyes,
        keeper::Kept,
        link::{Ending, Link},
    },
};

/// What actions are carried out with.
pub(super) struct Hands<'a, A, N: Net> {
    pub(super) application: &'a mut A,
    pub(super) link: &'a mut Link<N::Socket>,
    pub(super) timer: &'a mut Option<Timestamp>,
    pub(super) pause: &'a mut bool,
    pub(super) kept: &'a mut Kept,
    pub(super) endpoints: &'a Endpoints,
    /// How often each of several endpoints was gone to.
    pub(super) visits: &'a mut Vec<u32>,
    pub(super) net: &'a mut N,
    pub(super) requests: Requests<'a>,
    pub(super) eyes: &'a mut Eyes,
}

impl<A: Application, N: Net> Hands<'_, A, N> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "where the caller knows the action, nothing of the enum is left")]
    pub(super) fn carry_out(&mut self, action: Action<'_>) {
        match action {
            Action::Send { conn, id, message } => {
                #[cfg(feature = "metrics")]
                self.eyes.sent(self.requests.now, id);
                match self.link.up(conn) {
                    Some(connection) => connection.send(id, message),
                    None => self.never_sent(conn, id),
                }
            }
            Action::Deliver { conn: _, message } => {
                if self.application.deliver(message, &mut self.requests) == Reads::Pause {
                    *self.pause = true;
                }
            }
            Action::Notify(notice) => {
                self.eyes.notice(self.requests.now, &notice);
                self.application.notify(self.requests.now, notice, &mut self.requests);
            }
            action => self.carry_out_seldom(action),
        }
    }

    /// As [`carry_out`](Self::carry_out), and not in the caller's place.
    #[inline(never)]
    pub(super) fn carry_out_next(&mut self, action: Action<'_>) {
        self.carry_out(action);
    }

    /// A message for a connection that is gone: that it is gone is told behind what came before, and with it that this
    /// message, and what follows it, was not touched.
    #[cold]
    fn never_sent(&mut self, gone: ConnId, id: MessageId) {
        for event in self.requests.events.iter_mut() {
            if let Event::Closed { conn, untouched_from: untouched_from @ None, .. } = event
                && *conn == gone
            {
                *untouched_from = Some(id);
            }
        }
    }

    /// What does not happen for every message.
    #[inline(never)]
    fn carry_out_seldom(&mut self, action: Action<'_>) {
        match action {
            Action::Connect { conn, attempt, endpoint: id, credentials: _ } => {
                let endpoint = self.endpoints.get(id).unwrap_or_else(|| self.endpoints.first());
                // Each attempt begins with the next address of its own endpoint.
                let visit = match self.visits.get_mut(usize::from(id.0)) {
                    Some(visits) => {
                        *visits = visits.saturating_add(1);
                        *visits
                    }
                    None => attempt,
                };
                *self.link = Link::Dialing(Box::new(Dialing::new(conn, endpoint.clone(), visit)));
            }
            Action::Ping { conn, payload } => self.link.with(conn, |connection| connection.ping(payload)),
            Action::Heartbeat { conn, text } => self.link.with(conn, |connection| connection.heartbeat(text)),
            Action::Close { conn, frame } => self.link.with(conn, |connection| connection.close(&frame)),
            Action::Abort { conn } => {
                if self.link.conn() == Some(conn) {
                    self.requests.events.extend(self.link.end(self.net, Ending::Abort));
                }
            }
            // Nobody here knows where credentials come from, and to wait would bring none.
            Action::FetchCredentials { epoch, .. } => {
                self.requests.events.push_back(Event::Credentials { epoch, result: Err(FetchError::Final) });
            }
            // So there are none to present.
            Action::Present { .. } => {}
            Action::Persist(persist) => {
                let id = persist.id;
                if let Err(error) = self.kept.persist(*persist) {
                    self.requests.events.push_back(Event::Persisted { id, result: Err(error) });
                }
            }
            Action::Forget { id } => self.kept.forget(id),
            Action::SetTimer { at } => *self.timer = Some(at),
            Action::CancelTimer => *self.timer = None,
            Action::Send { .. } | Action::Deliver { .. } | Action::Notify(_) => {
                debug_assert!(false, "carried out before");
            }
        }
    }
}
