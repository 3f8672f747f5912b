//! What other threads tell the loop.

use std::{
    fmt, mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

use steadfast_core::{
    CloseFrame, ConnId, Epoch, Event, Identity, Message, MessageId, Network, Refusal, SendOptions, Session, StoreError,
    Visibility, config::Heartbeat,
};

use crate::{
    credentials::{Fetched, SourceError, Token},
    dial::Answer,
    pump::SessionId,
};

/// A handle on one session of a loop, for any thread. Cheap to clone.
///
/// What it asks is carried out on the loop's thread; once the loop or the session is gone, it asks in vain.
#[derive(Clone, Debug)]
pub struct Remote {
    mailbox: Arc<Mailbox>,
    session: SessionId,
    /// The next message's name; shared by all who send on this session.
    ids: Arc<AtomicU64>,
}

/// A message that could not be handed in, and why. The message comes back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendError {
    /// The message.
    pub message: Message<'static>,
    /// Why.
    pub why: Refusal,
}

/// The way into a loop: a list, and a waker for a loop that sleeps.
pub struct Mailbox {
    inner: Mutex<Inner>,
    /// The loop has taken what came in, or is gone.
    taken: Condvar,
}

struct Inner {
    commands: Vec<Command>,
    /// Messages among the commands, and their bytes.
    messages: usize,
    bytes: usize,
    /// Threads that wait for room.
    waiting: usize,
    /// Whether the loop is about to sleep, or sleeps, and must be woken.
    asleep: bool,
    /// `None` once the loop is gone.
    waker: Option<Waker>,
}

/// What the loop is asked, or told.
pub enum Command {
    /// Handle this.
    Event(SessionId, Event<'static>),
    /// Read again.
    ResumeReads(SessionId),
    /// End the session and forget it.
    Remove(SessionId),
    /// Look at the session.
    Inspect(SessionId, Box<dyn FnOnce(&Session) + Send>),
    /// What became of messages that were to be stored.
    Stored(SessionId, Vec<(MessageId, Result<(), StoreError>)>),
    /// A name was resolved.
    Resolved(Answer),
    /// A fetch of credentials has come to its end.
    Fetched(Box<Fetched>),
}

impl Remote {
    /// A handle on the session of this name, whose messages are named from `ids`.
    #[must_use]
    pub const fn new(mailbox: Arc<Mailbox>, session: SessionId, ids: Arc<AtomicU64>) -> Self {
        Self { mailbox, session, ids }
    }

    /// Which session this is.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// Hands a message in. The session decides on the loop's thread: a refusal comes as
    /// [`Notice::Refused`](steadfast_core::Notice::Refused), a verdict as
    /// [`Notice::Verdict`](steadfast_core::Notice::Verdict).
    ///
    /// # Errors
    /// `Stopped` when the loop is gone, `Full` when it has not kept up: 65,536 messages or 64 MiB wait for it already.
    pub fn send(&self, message: impl Into<Message<'static>>, options: SendOptions) -> Result<MessageId, SendError> {
        self.mailbox.send(self.session, &self.ids, message.into(), options)
    }

    /// Waits until the loop has taken messages that were too many for it, or is gone.
    pub fn wait_for_room(&self, until: Option<Instant>) {
        self.mailbox.wait_for_room(until);
    }

    /// Starts the session; see [`Event::Start`].
    pub fn start(&self) {
        self.tell(Event::Start);
    }

    /// Stops the session; see [`Event::Stop`].
    pub fn stop(&self, frame: CloseFrame, drain: Option<Duration>) {
        self.tell(Event::Stop { frame, drain });
    }

    /// Ends a wait; see [`Event::ReconnectNow`].
    pub fn reconnect_now(&self) {
        self.tell(Event::ReconnectNow);
    }

    /// Takes a message back; see [`Event::Cancel`].
    pub fn cancel(&self, id: MessageId) {
        self.tell(Event::Cancel { id });
    }

    /// Changes the heartbeat; see [`Event::SetHeartbeat`].
    pub fn set_heartbeat(&self, heartbeat: Heartbeat) {
        self.tell(Event::SetHeartbeat(heartbeat));
    }

    /// Lets the outbox follow on this connection; see [`Event::Ready`].
    pub fn ready(&self, conn: ConnId) {
        self.tell(Event::Ready { conn });
    }

    /// Passes on what is known of the network; see [`Event::Network`].
    pub fn network(&self, network: Network) {
        self.tell(Event::Network(network));
    }

    /// Says that the process was suspended; see [`Event::Resumed`].
    pub fn resumed(&self, gap: Duration) {
        self.tell(Event::Resumed { gap });
    }

    /// Says whether people see the application; see [`Event::Visibility`].
    pub fn visibility(&self, visibility: Visibility) {
        self.tell(Event::Visibility(visibility));
    }

    /// Has newer credentials fetched; see [`Event::RefreshCredentials`].
    pub fn refresh_credentials(&self) {
        self.tell(Event::RefreshCredentials);
    }

    /// Says that the server rejected the credentials in a message; see [`Event::CredentialsRejected`].
    pub fn credentials_rejected(&self, conn: ConnId) {
        self.tell(Event::CredentialsRejected { conn });
    }

    /// Acts for somebody else from now on; see [`Event::SwitchIdentity`].
    pub fn switch_identity(&self, identity: Identity) {
        self.tell(Event::SwitchIdentity { identity });
    }

    /// Hands in what became of the fetch of this name; ignored if it is not the one that is
    /// [wanted](crate::pump::Application::wants_credentials).
    pub fn credentials(&self, epoch: Epoch, result: Result<Token, SourceError>) {
        let (session, at) = (self.session, Instant::now());
        self.mailbox.post(Command::Fetched(Box::new(Fetched { session, epoch, result, at })));
    }

    /// Lets the driver read again after the application answered [`Reads::Pause`](crate::pump::Reads::Pause).
    pub fn resume_reads(&self) {
        self.mailbox.post(Command::ResumeReads(self.session));
    }

    /// Ends the session at once, as a driver does that removes it.
    pub fn remove(&self) {
        self.mailbox.post(Command::Remove(self.session));
    }

    /// Runs `look` on the loop's thread with the session. It is dropped unused if the session is gone.
    pub fn inspect(&self, look: impl FnOnce(&Session) + Send + 'static) {
        self.mailbox.post(Command::Inspect(self.session, Box::new(look)));
    }

    fn tell(&self, event: Event<'static>) {
        self.mailbox.post(Command::Event(self.session, event));
    }
}

impl Mailbox {
    /// A mailbox of a loop that is woken in this way.
    #[must_use]
    pub const fn new(waker: Waker) -> Self {
        let inner = Inner { commands: Vec::new(), messages: 0, bytes: 0, waiting: 0, asleep: true, waker: Some(waker) };
        Self { inner: Mutex::new(inner), taken: Condvar::new() }
    }

    /// Hands a command in, if the loop is there to take it.
    pub fn post(&self, command: Command) {
        let posted = self.lock().post(command);
        // Outside the lock: a command may own something whose drop wants to post, and whoever is woken may take.
        match posted {
            Ok(waker) => wake(waker),
            Err(refused) => drop(refused),
        }
    }

    fn send(
        &self,
        session: SessionId,
        ids: &AtomicU64,
        message: Message<'static>,
        options: SendOptions,
    ) -> Result<MessageId, SendError> {
        let mut inner = self.lock();
        if inner.waker.is_none() {
            return Err(SendError { message, why: Refusal::Stopped });
        }
        if inner.is_full() {
            return Err(SendError { message, why: Refusal::Full });
        }
        inner.messages += 1;
        inner.bytes += message.len();
        // Named under the lock, so that ids rise in the order in which the session sees them.
        let id = MessageId(ids.fetch_add(1, Ordering::Relaxed));
        let posted = inner.post(Command::Event(session, Event::Send { id, message, options }));
        drop(inner);
        debug_assert!(posted.is_ok(), "the loop was there just now");
        wake(posted.ok().flatten());
        Ok(id)
    }

    fn wait_for_room(&self, until: Option<Instant>) {
        let mut inner = self.lock();
        inner.waiting += 1;
        while inner.is_full() && inner.waker.is_some() {
            inner = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => break,
                Some(left) => self.taken.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.taken.wait(inner).unwrap_or_else(PoisonError::into_inner),
            };
        }
        inner.waiting -= 1;
    }

    /// Moves what came in to the end of `commands`. If that is nothing, the loop may go to sleep, and is woken by the
    /// next command.
    pub fn take(&self, commands: &mut Vec<Command>) {
        let mut inner = self.lock();
        inner.asleep = inner.commands.is_empty();
        inner.messages = 0;
        inner.bytes = 0;
        if inner.waiting > 0 {
            self.taken.notify_all();
        }
        if commands.is_empty() {
            mem::swap(commands, &mut inner.commands);
        } else {
            commands.append(&mut inner.commands);
        }
    }

    /// The loop is gone: nothing is taken any more, and the waker is let go of.
    pub fn close(&self) {
        let commands = {
            let mut inner = self.lock();
            inner.waker = None;
            self.taken.notify_all();
            mem::take(&mut inner.commands)
        };
        // Outside the lock: a command may own something whose drop wants to post.
        drop(commands);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    const fn is_full(&self) -> bool {
        self.messages >= MAX_MESSAGES || self.bytes >= MAX_BYTES
    }

    /// Hands a command in, and says who is to be woken for it; or gives it back.
    #[expect(clippy::result_large_err, reason = "what is not taken comes back, and is seldom not taken")]
    fn post(&mut self, command: Command) -> Result<Option<Waker>, Command> {
        let Some(waker) = &self.waker else { return Err(command) };
        self.commands.push(command);
        Ok(if mem::take(&mut self.asleep) { Some(waker.clone()) } else { None })
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl fmt::Debug for Mailbox {
    /// How much, and never what: messages may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("commands", &self.lock().commands.len()).finish_non_exhaustive()
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the message of {} bytes was not accepted: ", self.message.len())?;
        match self.why {
            Refusal::Stopped => f.write_str("the client has stopped"),
            why => fmt::Display::fmt(&why, f),
        }
    }
}

impl std::error::Error for SendError {}

/// How many messages may wait for a loop, over all its sessions.
const MAX_MESSAGES: usize = 1 << 16;
/// How many bytes of them.
const MAX_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use std::{
        sync::{OnceLock, atomic::AtomicBool},
        task::Wake,
        thread,
    };

    use super::*;

    /// A waker that looks whether its mailbox can be used.
    #[derive(Default)]
    struct Visitor {
        mailbox: OnceLock<Arc<Mailbox>>,
        found_it_open: AtomicBool,
    }

    impl Wake for Visitor {
        fn wake(self: Arc<Self>) {
            let is_open = self.mailbox.get().is_some_and(|mailbox| mailbox.inner.try_lock().is_ok());
            self.found_it_open.store(is_open, Ordering::Relaxed);
        }
    }

    /// A mailbox that takes no more messages, and a way to it.
    fn full() -> (Arc<Mailbox>, Remote) {
        let mailbox = Arc::new(Mailbox::new(Waker::noop().clone()));
        let remote = Remote::new(Arc::clone(&mailbox), SessionId { slot: 0, serial: 1 }, Arc::default());
        remote.send(vec![0; MAX_BYTES], SendOptions::default()).expect("room for one more");
        assert_eq!(send(&remote), Err(Refusal::Full));
        (mailbox, remote)
    }

    fn send(remote: &Remote) -> Result<(), Refusal> {
        remote.send("m", SendOptions::default()).map(drop).map_err(|error| error.why)
    }

    /// What a send that waited for room comes to, after this was done to the mailbox.
    fn after_waiting(act: impl FnOnce(&Mailbox)) -> Result<(), Refusal> {
        let (mailbox, remote) = full();
        let sender = thread::spawn(move || {
            remote.wait_for_room(None);
            send(&remote)
        });
        while mailbox.lock().waiting == 0 {
            thread::yield_now();
        }
        act(&mailbox);
        sender.join().expect("no panic")
    }

    #[test]
    fn who_is_woken_may_use_the_mailbox() {
        let visitor = Arc::new(Visitor::default());
        let mailbox = Arc::new(Mailbox::new(Waker::from(Arc::clone(&visitor))));
        let _ = visitor.mailbox.set(Arc::clone(&mailbox));
        let remote = Remote::new(mailbox, SessionId { slot: 0, serial: 1 }, Arc::default());
        remote.send("m", SendOptions::default()).expect("room");
        assert!(visitor.found_it_open.load(Ordering::Relaxed));
    }

    #[test]
    fn who_waits_for_room_is_woken_when_the_loop_takes_what_came() {
        assert_eq!(after_waiting(|mailbox| mailbox.take(&mut Vec::new())), Ok(()));
    }

    #[test]
    fn who_waits_for_room_is_woken_when_the_loop_is_gone() {
        assert_eq!(after_waiting(Mailbox::close), Err(Refusal::Stopped));
    }

    #[test]
    fn nobody_waits_for_room_longer_than_it_has_patience() {
        let (mailbox, remote) = full();
        let until = Instant::now() + Duration::from_millis(10);
        remote.wait_for_room(Some(until));
        assert!(Instant::now() >= until && mailbox.lock().is_full());
    }
}
