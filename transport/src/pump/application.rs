//! What an application gives to a driver, and what it may ask while it is called.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use steadfast_core::{
    CloseFrame, ConnId, Epoch, Event, Identity, Message, MessageId, Notice, SendOptions, Timestamp, VerdictRun,
    wire::handshake::Accepted,
};

use crate::{
    credentials::{SourceError, Token, Vault, Wanted},
    failure::Failure,
    pump::SessionId,
};

/// What a session's messages and notices are given to. Called on the loop's thread; whoever takes long holds up every
/// session of the loop.
pub trait Application {
    /// A message came in. It is borrowed; [`Message::into_owned`] keeps it.
    ///
    /// With [`Reads::Pause`] nothing more is read from the socket, and the server's writes stall in the end, until
    /// [`Remote::resume_reads`](crate::pump::Remote::resume_reads) is called.
    fn deliver(&mut self, message: Message<'_>, requests: &mut Requests<'_>) -> Reads;

    /// The session has something to say: a state, a verdict, a refusal.
    fn notify(&mut self, at: Timestamp, notice: Notice, requests: &mut Requests<'_>);

    /// The same verdict on a run of messages, which leaves nothing to decide: one pong confirms hundreds. Unless the application
    /// does otherwise, it is [notified](Self::notify) of each.
    fn verdicts(&mut self, at: Timestamp, run: VerdictRun, requests: &mut Requests<'_>) {
        for notice in run.notices() {
            self.notify(at, notice, requests);
        }
    }

    /// Whether it answers messages elsewhere, some time after they were delivered: by threads or tasks of its own. What breaks
    /// the protocol behind a message then ends the connection up to 100 ms later, so that the message can be
    /// answered.
    fn answers_later(&self) -> bool {
        false
    }

    /// The server accepted a connection. Comes before the state says so.
    fn opened(&mut self, conn: ConnId, accepted: &Accepted, requests: &mut Requests<'_>) {
        let _ = (conn, accepted, requests);
    }

    /// A connection failed, or could not be made: this is what exactly was wrong with it. Comes before the state says so,
    /// with the [`Cause`](steadfast_core::Cause) that the session makes of it.
    ///
    /// Not for a connection that a close frame ended, nor for one that the session gave up (a timeout): there the cause
    /// says everything.
    fn failed(&mut self, conn: ConnId, failure: &Failure, requests: &mut Requests<'_>) {
        let _ = (conn, failure, requests);
    }

    /// Credentials could not be fetched: this is what exactly was wrong. Comes before
    /// [`Notice::CredentialsFailed`] says so; that alone comes where the fetch took too long, or where what it brought
    /// had expired or was somebody else's.
    fn fetch_failed(&mut self, epoch: Epoch, failure: &Failure, requests: &mut Requests<'_>) {
        let _ = (epoch, failure, requests);
    }

    /// A token is wanted, by an endpoint whose credentials are [handed in](crate::Credentials::handed_in). To be answered
    /// with [`Requests::credentials`] now, or with [`Remote::credentials`](crate::pump::Remote::credentials) later. Unless
    /// the application does otherwise, there is none, now and ever.
    fn wants_credentials(&mut self, wanted: Wanted, requests: &mut Requests<'_>) {
        requests.credentials(wanted.epoch, Err(SourceError::final_word("nobody hands credentials in")));
    }
}

/// Whether to go on reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reads {
    /// The next message may come.
    #[default]
    Continue,
    /// No more for now.
    Pause,
}

/// What an application may ask of its session from within a call. It is carried out right after the call.
#[derive(Debug)]
pub struct Requests<'a> {
    pub(super) session: SessionId,
    pub(super) now: Timestamp,
    pub(super) ids: &'a Arc<AtomicU64>,
    pub(super) events: &'a mut VecDeque<Event<'static>>,
    pub(super) vault: Option<&'a mut Vault>,
}

impl Requests<'_> {
    /// Which session calls.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// The time of the call.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Sends a message. If the session does not accept it, it comes back with
    /// [`Notice::Refused`].
    #[inline]
    pub fn send(&mut self, message: impl Into<Message<'static>>, options: SendOptions) -> MessageId {
        // First of all, so that nothing can fail once the event is made, and it is made where it stays.
        while self.events.len() == self.events.capacity() {
            self.events.reserve(1);
        }
        let id = next_id(self.ids);
        self.events.push_back(Event::Send { id, message: message.into(), options });
        id
    }

    /// Takes a message back; see [`Event::Cancel`].
    pub fn cancel(&mut self, id: MessageId) {
        self.events.push_back(Event::Cancel { id });
    }

    /// Lets the outbox follow on this connection; see [`Event::Ready`].
    pub fn ready(&mut self, conn: ConnId) {
        self.events.push_back(Event::Ready { conn });
    }

    /// Ends a wait; see [`Event::ReconnectNow`].
    pub fn reconnect_now(&mut self) {
        self.events.push_back(Event::ReconnectNow);
    }

    /// Hands in what became of the fetch of this name; ignored if it is not the one that is
    /// [wanted](Application::wants_credentials).
    pub fn credentials(&mut self, epoch: Epoch, result: Result<Token, SourceError>) {
        let Some(vault) = &mut self.vault else { return };
        if let Some((result, _)) = vault.receive(epoch, result, Instant::now()) {
            self.events.push_back(Event::Credentials { epoch, result });
        }
    }

    /// Has newer credentials fetched; see [`Event::RefreshCredentials`].
    pub fn refresh_credentials(&mut self) {
        self.events.push_back(Event::RefreshCredentials);
    }

    /// Says that the server rejected the credentials in a message; see [`Event::CredentialsRejected`].
    pub fn credentials_rejected(&mut self, conn: ConnId) {
        self.events.push_back(Event::CredentialsRejected { conn });
    }

    /// Acts for somebody else from now on; see [`Event::SwitchIdentity`].
    pub fn switch_identity(&mut self, identity: Identity) {
        self.events.push_back(Event::SwitchIdentity { identity });
    }

    /// Starts the session; see [`Event::Start`].
    pub fn start(&mut self) {
        self.events.push_back(Event::Start);
    }

    /// Stops the session; see [`Event::Stop`].
    pub fn stop(&mut self, frame: CloseFrame, drain: Option<Duration>) {
        self.events.push_back(Event::Stop { frame, drain });
    }
}

/// The next message's name. The caller has the driver to itself, so that no remote comes into being meanwhile: where
/// there is none, nobody else counts, and no lock of the bus is needed.
#[inline]
pub(super) fn next_id(ids: &Arc<AtomicU64>) -> MessageId {
    if Arc::strong_count(ids) > 1 {
        return MessageId(ids.fetch_add(1, Ordering::Relaxed));
    }
    let id = ids.load(Ordering::Relaxed);
    ids.store(id.wrapping_add(1), Ordering::Relaxed);
    MessageId(id)
}

impl<T: Application + ?Sized> Application for Box<T> {
    fn deliver(&mut self, message: Message<'_>, requests: &mut Requests<'_>) -> Reads {
        (**self).deliver(message, requests)
    }

    fn notify(&mut self, at: Timestamp, notice: Notice, requests: &mut Requests<'_>) {
        (**self).notify(at, notice, requests);
    }

    fn verdicts(&mut self, at: Timestamp, run: VerdictRun, requests: &mut Requests<'_>) {
        (**self).verdicts(at, run, requests);
    }

    fn answers_later(&self) -> bool {
        (**self).answers_later()
    }

    fn opened(&mut self, conn: ConnId, accepted: &Accepted, requests: &mut Requests<'_>) {
        (**self).opened(conn, accepted, requests);
    }

    fn failed(&mut self, conn: ConnId, failure: &Failure, requests: &mut Requests<'_>) {
        (**self).failed(conn, failure, requests);
    }

    fn fetch_failed(&mut self, epoch: Epoch, failure: &Failure, requests: &mut Requests<'_>) {
        (**self).fetch_failed(epoch, failure, requests);
    }

    fn wants_credentials(&mut self, wanted: Wanted, requests: &mut Requests<'_>) {
        (**self).wants_credentials(wanted, requests);
    }
}
