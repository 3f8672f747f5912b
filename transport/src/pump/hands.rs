//! What a session decided, carried out.

use std::sync::Arc;

use steadfast_core::{Action, ConnId, CredentialsKind, Epoch, Event, FetchError, MessageId, Timestamp, VerdictRun};

use crate::{
    credentials::{Vault, Wanted},
    dial::Dialing,
    endpoint::Endpoints,
    failure::Failure,
    net::Net,
    pump::{
        Mailbox,
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
    pub(super) mailbox: &'a Arc<Mailbox>,
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
                if let Some(vault) = &mut self.requests.vault {
                    vault.note(&notice);
                }
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

    /// The same verdict for many messages.
    #[inline(never)]
    pub(super) fn tell_verdicts(&mut self, run: VerdictRun) {
        self.eyes.verdicts(self.requests.now, run);
        self.application.verdicts(self.requests.now, run, &mut self.requests);
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
            Action::Connect { conn, attempt, endpoint: id, credentials } => {
                let endpoint = self.endpoints.get(id).unwrap_or_else(|| self.endpoints.first());
                self.eyes.connecting(endpoint);
                // Each attempt begins with the next address of its own endpoint.
                let visit = match self.visits.get_mut(usize::from(id.0)) {
                    Some(visits) => {
                        *visits = visits.saturating_add(1);
                        *visits
                    }
                    None => attempt,
                };
                let vault = self.requests.vault.as_deref();
                let known = vault.zip(credentials).and_then(|(vault, epoch)| vault.get(epoch)).cloned();
                *self.link = Link::Dialing(Box::new(Dialing::new(conn, endpoint.clone(), visit, known)));
            }
            Action::Ping { conn, payload } => self.link.with(conn, |connection| connection.ping(payload)),
            Action::Heartbeat { conn, text } => self.link.with(conn, |connection| connection.heartbeat(text)),
            Action::Close { conn, frame } => self.link.with(conn, |connection| connection.close(&frame)),
            Action::Abort { conn } => {
                if self.link.conn() == Some(conn) {
                    self.requests.events.extend(self.link.end(self.net, Ending::Abort));
                }
            }
            Action::FetchCredentials { epoch, reason, identity } => self.fetch(Wanted { epoch, reason, identity }),
            Action::Present { conn, epoch } => self.present(conn, epoch),
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

    /// Has credentials fetched, by whoever knows where they come from.
    fn fetch(&mut self, wanted: Wanted) {
        let session = self.requests.session;
        if let Some(vault) = &mut self.requests.vault {
            if vault.fetch(wanted, session, self.mailbox, self.net) {
                self.application.wants_credentials(wanted, &mut self.requests);
            }
            return;
        }
        // Nobody knows, and to wait would bring none.
        let why = "none can be fetched: expected an endpoint with `credentials`";
        let failure = Failure::credentials(CredentialsKind::Refused, &why);
        self.application.fetch_failed(wanted.epoch, &failure, &mut self.requests);
        self.requests.events.push_back(Event::Credentials { epoch: wanted.epoch, result: Err(FetchError::Final) });
    }

    /// Sends the message that presents credentials. If there is none, the connection is of no use.
    fn present(&mut self, conn: ConnId, epoch: Epoch) {
        let Some(connection) = self.link.up(conn) else { return };
        let made_with = connection.known.take();
        let vault = self.requests.vault.as_deref();
        let newest = vault.and_then(|vault| vault.get(epoch));
        let known = newest.or(made_with.as_ref().filter(|known| known.epoch == epoch));
        match Vault::message(connection.engine.endpoint(), known) {
            Ok(message) => connection.present(message),
            Err(failure) => {
                self.requests.events.extend(self.link.end(self.net, Ending::Because(failure.cause())));
                self.application.failed(conn, &failure, &mut self.requests);
            }
        }
    }
}
