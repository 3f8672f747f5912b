//! The driver: turns readiness into events, and actions into I/O.

mod commands;
mod handle;
mod signals;
mod timers;

use std::{
    collections::VecDeque,
    fmt,
    num::NonZeroUsize,
    ops::Range,
    sync::Arc,
    task,
    time::{Duration, Instant},
};

use mio::{Registry, Waker};
use slab::Slab;
use steadfast_core::{
    CloseCode, CloseFrame, Event, Message, MessageId, SendOptions, Session, Timestamp, config::Config,
};
use steadfast_transport::{
    Endpoints, Ready,
    pump::{Application, Command, Connects, Mailbox, Pump, Remote, SessionId, Shared, Turn},
};

pub use self::handle::{LoopGone, LoopHandle};
use self::{handle::Inbox, timers::Timers};
use crate::net::{Socket, Sockets};

/// Many sessions on a `mio::Poll` of yours.
///
/// Give it the poll's registry, a range of tokens that nobody else uses, and the poll's waker (mio allows one a poll; its
/// token stays yours). Then, in a loop:
///
/// 1. poll, at most until [`next_deadline`](Self::next_deadline);
/// 2. pass each event to [`handle_event`](Self::handle_event), which says whether it was one of the driver's;
/// 3. call [`advance`](Self::advance), in this order and in every round, whatever it was that ended the poll.
///
/// `examples/own_poll.rs` is such a loop. A panic in the application's code unwinds through the driver; do not use the
/// driver after that.
pub struct Driver<A: Application> {
    slots: Slab<Slot<A>>,
    /// How many sessions there were, ever.
    serial: u64,
    tokens: Range<usize>,
    timers: Timers,
    shared: Shared<Sockets>,
    mailbox: Arc<Mailbox>,
    /// What other threads ask of the loop as a whole.
    inbox: Arc<Inbox<A>>,
    /// Commands that were taken and not carried out yet, the first of them at the end.
    commands: Vec<Command>,
    /// Sessions with something to write or read once all events were handled.
    unsettled: VecDeque<usize>,
    /// When a session last had its turn in this round: late enough to see which timers are due.
    looked: Option<Timestamp>,
    epoch: Instant,
    /// Its one session has the thread to itself, and may wait for a disk there.
    is_alone: bool,
    /// What the machine says is told to all sessions as long as this is there.
    #[cfg(feature = "signals")]
    signals: Option<steadfast_transport::signals::Subscription>,
}

/// A session, and what the driver knows of it.
struct Slot<A> {
    pump: Pump<A, Socket>,
    /// The deadline that is in the timers.
    armed: Option<Timestamp>,
    /// Whether it waits among the unsettled.
    queued: bool,
}

/// A session to be added, and what it is told before it starts.
pub(crate) struct Made<A> {
    pump: Pump<A, Socket>,
    restored: Vec<Event<'static>>,
}

impl<A: Application> Made<A> {
    pub(crate) const fn new(pump: Pump<A, Socket>) -> Self {
        Self { pump, restored: Vec::new() }
    }

    #[cfg(feature = "store")]
    pub(crate) fn stored(mut self, store: steadfast_transport::store::Store, mailbox: &Arc<Mailbox>) -> Self {
        self.restored = self.pump.keep_in(store, mailbox).collect();
        self
    }
}

/// Rings for a poll that sleeps.
struct Bell(Arc<Waker>);

/// All tokens of a driver are taken. The application comes back.
pub struct OutOfTokens<A>(
    /// The application.
    pub A,
);

impl<A: Application> Driver<A> {
    /// A driver without sessions. Sessions use one token each, from `tokens`.
    #[must_use]
    pub fn new(registry: Registry, tokens: Range<usize>, waker: Arc<Waker>) -> Self {
        let inbox = Arc::new(Inbox::new(Arc::clone(&waker)));
        let mailbox = Arc::new(Mailbox::new(task::Waker::from(Arc::new(Bell(waker)))));
        let shared = Shared::new(Sockets::new(registry, tokens.start), &mailbox);
        Self {
            slots: Slab::new(),
            serial: 0,
            tokens,
            timers: Timers::default(),
            shared,
            mailbox,
            inbox,
            commands: Vec::new(),
            unsettled: VecDeque::new(),
            looked: None,
            epoch: Instant::now(),
            is_alone: false,
            #[cfg(feature = "signals")]
            signals: None,
        }
    }

    /// Adds a session and starts it, with one endpoint or [several](Endpoints). How many there are, the session learns from
    /// them; priorities of more mean nothing. The seed is for jitter and ping nonces: give each session its own. For
    /// `wss://` without a configuration of TLS, take [the default](steadfast_transport::Endpoint::with_default_tls) beforehand, once.
    ///
    /// # Errors
    /// All tokens are taken.
    pub fn add(
        &mut self,
        endpoints: impl Into<Endpoints>,
        config: Config,
        seed: u64,
        application: A,
    ) -> Result<SessionId, OutOfTokens<A>> {
        let endpoints = endpoints.into();
        self.insert(application, |id, application, _| Made::new(Pump::new(id, endpoints, config, seed, application)))
    }

    /// Adds a session whose durable messages are kept in this store, and starts it: with what the store holds. The
    /// configuration must have a [store](steadfast_core::config::Settings::store). The store is [left](steadfast_transport::store::Store::leave)
    /// when the session is removed, as nothing that shares the loop's thread may wait for a disk; dropping the driver waits for it.
    ///
    /// # Errors
    /// All tokens are taken.
    #[cfg(feature = "store")]
    pub fn add_stored(
        &mut self,
        endpoints: impl Into<Endpoints>,
        config: Config,
        seed: u64,
        store: steadfast_transport::store::Store,
        application: A,
    ) -> Result<SessionId, OutOfTokens<A>> {
        let endpoints = endpoints.into();
        self.insert(application, |id, application, mailbox| {
            Made::new(Pump::new(id, endpoints, config, seed, application)).stored(store, mailbox)
        })
    }

    /// Adds a session that is recorded, and starts it. The recording's lines are written to `to` on the loop's thread,
    /// after each turn of the session; if that fails, the recording ends and the session goes on. The lines name
    /// everything that is sent and received, unless the recorder leaves payloads out; headers are never among them.
    ///
    /// The recorder must be of a session at rest that is configured [for as many endpoints](Config::for_endpoints), and not
    /// be bounded: those of a bounded one are not to be appended to
    /// each other.
    ///
    /// # Errors
    /// All tokens are taken.
    #[cfg(feature = "trace")]
    pub fn add_recorded(
        &mut self,
        endpoints: impl Into<Endpoints>,
        recorder: steadfast_core::trace::Recorder,
        to: Box<dyn std::io::Write + Send>,
        application: A,
    ) -> Result<SessionId, OutOfTokens<A>> {
        let endpoints = endpoints.into();
        self.insert(application, |id, application, _| {
            Made::new(Pump::recorded(id, endpoints, recorder, to, application))
        })
    }

    pub(crate) fn insert(
        &mut self,
        application: A,
        make: impl FnOnce(SessionId, A, &Arc<Mailbox>) -> Made<A>,
    ) -> Result<SessionId, OutOfTokens<A>> {
        if self.slots.len() >= self.tokens.len() {
            return Err(OutOfTokens(application));
        }
        self.serial += 1;
        let entry = self.slots.vacant_entry();
        let id = SessionId { slot: entry.key(), serial: self.serial };
        let Made { pump, restored } = make(id, application, &self.mailbox);
        entry.insert(Slot { pump, armed: None, queued: false });
        for event in restored {
            self.tell(id, event);
        }
        self.tell(id, Event::Start);
        Ok(id)
    }

    /// Has the session that is removed wait until its store is closed: it is the only one.
    pub(crate) const fn be_alone(&mut self) {
        self.is_alone = true;
    }

    /// Ends a session at once: stops it, sends its close frame if that does not block, and drops the connection. Every
    /// message gets its verdict before this returns. A session that is being removed does not start again, whatever its
    /// application asks.
    pub fn remove(&mut self, session: SessionId) -> Option<A> {
        let index = self.index(session)?;
        let frame = CloseFrame::new(CloseCode::GOING_AWAY, "");
        let mut turn = self.turn(index);
        turn.stop(Event::Stop { frame, drain: None });
        let mut slot = self.slots.remove(index);
        slot.pump.write_lines();
        if !self.is_alone {
            slot.pump.leave_keeper();
        }
        self.timers.replace(index, slot.armed, None);
        self.shared.forget();
        Some(slot.pump.into_application())
    }

    /// Handles an event of the poll; whether it was for a session of this driver.
    pub fn handle_event(&mut self, event: &mio::event::Event) -> bool {
        let token = event.token().0;
        if !self.tokens.contains(&token) {
            return false;
        }
        let index = token - self.tokens.start;
        if let Some(slot) = self.slots.get_mut(index) {
            slot.pump.ready(readiness(event));
            self.looked = Some(self.settle(index));
        }
        true
    }

    /// Carries out what other threads asked for, what is left over, and the timers that are due.
    pub fn advance(&mut self) {
        #[cfg(feature = "signals")]
        if let Some(signals) = &self.signals {
            signals.look();
        }
        for _ in 0..self.unsettled.len() {
            self.settle_next();
        }
        for work in self.inbox.take() {
            work(self);
        }
        self.take_commands();
        for _ in 0..COMMANDS {
            let Some(command) = self.commands.pop() else { break };
            self.carry_out(command);
        }
        let now = self.looked.take().unwrap_or_else(|| self.now());
        while let Some(index) = self.timers.take_due(now) {
            self.slots[index].armed = None;
            self.turn(index).expire();
            self.settle(index);
        }
        for _ in 0..self.unsettled.len() {
            self.settle_next();
        }
        self.let_connect();
        // What was asked for meanwhile is for the next round; if that is nothing, the next command wakes the poll.
        self.take_commands();
    }

    /// When [`advance`](Self::advance) must be called at the latest; `None`: not before an event.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        if !self.commands.is_empty() || !self.unsettled.is_empty() || self.shared.next_to_connect().is_some() {
            return Some(self.epoch);
        }
        self.timers.next().map(|at| self.epoch + Duration::from_micros(at.as_micros()))
    }

    /// Sends a message. A refusal comes as [`Notice::Refused`](steadfast_core::Notice::Refused). `None` if there is no
    /// such session.
    ///
    /// It is written when [`advance`](Self::advance) is called, together with what else is sent before that.
    pub fn send(
        &mut self,
        session: SessionId,
        message: impl Into<Message<'static>>,
        options: SendOptions,
    ) -> Option<MessageId> {
        let index = self.index(session)?;
        let id = self.turn(index).send(message.into(), options);
        self.queue(index);
        Some(id)
    }

    /// Lets the driver read again after the application answered [`Reads::Pause`](crate::Reads::Pause).
    pub fn resume_reads(&mut self, session: SessionId) {
        if let Some(index) = self.index(session) {
            self.slots[index].pump.resume_reads();
            self.queue(index);
        }
    }

    /// A handle on a session for other threads; `None` if there is no such session.
    #[must_use]
    pub fn remote(&self, session: SessionId) -> Option<Remote> {
        Some(self.slots[self.index(session)?].pump.remote(&self.mailbox))
    }

    /// Changes how many sessions may connect at the same time, from the resolution of the name until the WebSocket is
    /// open. 128: no more than the shortest backlog in wide use of a socket that listens, so that one loop does not
    /// overflow it when a server comes back and all sessions with it.
    ///
    /// The others wait in the order in which they came, as [`Connecting`](steadfast_core::State::Connecting); their connect
    /// timeout does not run meanwhile. The limit is the loop's, not a server's: attempts that hang hold their places
    /// until their connect timeout. Where many sessions share a loop with those of a server that hangs, a shorter
    /// timeout, a higher limit, or a loop of their own helps.
    pub const fn set_max_connects(&mut self, most: NonZeroUsize) {
        self.shared.set_max_connects(most);
    }

    /// How many sessions connect, or wait for their turn to.
    #[must_use]
    pub fn connects(&self) -> Connects {
        self.shared.connects()
    }

    /// A handle on the loop as a whole for other threads.
    #[must_use]
    pub fn handle(&self) -> LoopHandle<A> {
        LoopHandle::new(Arc::clone(&self.inbox))
    }

    /// Whether a [handle](Self::handle) asked the loop to end.
    #[must_use]
    pub fn is_asked_to_stop(&self) -> bool {
        self.inbox.is_asked_to_stop()
    }

    pub(crate) fn forget_stop(&self) {
        self.inbox.forget_stop();
    }

    /// A session, to look at.
    #[must_use]
    pub fn session(&self, session: SessionId) -> Option<&Session> {
        Some(self.slots[self.index(session)?].pump.session())
    }

    /// All sessions, in no particular order.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.slots.iter().map(|(_, slot)| slot.pump.id())
    }

    /// A session's application.
    pub fn application(&mut self, session: SessionId) -> Option<&mut A> {
        let index = self.index(session)?;
        Some(self.slots[index].pump.application())
    }

    /// How many sessions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The time that is [`Timestamp::ZERO`].
    #[must_use]
    pub const fn epoch(&self) -> Instant {
        self.epoch
    }

    /// Lets sessions connect for which there is room now. Those whose attempts fail at once make room for as many more in
    /// the next round, not in this one: others want their turn.
    fn let_connect(&mut self) {
        for _ in 0..self.shared.connects().limit {
            let Some(index) = self.shared.next_to_connect() else { return };
            self.turn(index).connect();
            self.settle(index);
        }
    }

    /// Notes that a session has something to do once all events were handled.
    fn queue(&mut self, index: usize) {
        if !std::mem::replace(&mut self.slots[index].queued, true) {
            self.unsettled.push_back(index);
        }
    }

    fn settle_next(&mut self) {
        let Some(index) = self.unsettled.pop_front() else { return };
        if self.slots.get(index).is_some_and(|slot| slot.queued) {
            self.settle(index);
        }
    }

    /// Carries on with a session; when that was.
    fn settle(&mut self, index: usize) -> Timestamp {
        self.slots[index].queued = false;
        let now = self.now();
        let slot = &mut self.slots[index];
        let unfinished = slot.pump.turn(&mut self.shared, now).settle();
        slot.pump.write_lines();
        let deadline = slot.pump.deadline();
        if deadline != slot.armed {
            self.timers.replace(index, slot.armed, deadline);
            slot.armed = deadline;
        }
        if unfinished {
            self.queue(index);
        }
        now
    }

    fn turn(&mut self, index: usize) -> Turn<'_, A, Sockets> {
        let now = self.now();
        self.slots[index].pump.turn(&mut self.shared, now)
    }

    fn index(&self, session: SessionId) -> Option<usize> {
        self.slots.get(session.slot).filter(|slot| slot.pump.id() == session).map(|_| session.slot)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

impl<A: Application> Drop for Driver<A> {
    /// Sockets close, remotes ask in vain from here on. Nobody is told: whoever wants verdicts removes the sessions
    /// first.
    fn drop(&mut self) {
        self.mailbox.close();
        self.inbox.close();
    }
}

impl<A: Application> fmt::Debug for Driver<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("sessions", &self.slots.len())
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

impl<A> fmt::Display for OutOfTokens<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all tokens of the driver are taken")
    }
}

impl<A> fmt::Debug for OutOfTokens<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutOfTokens")
    }
}

impl<A> std::error::Error for OutOfTokens<A> {}

impl task::Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // It fails only when the poll is gone, and with it the loop.
        let _ = self.0.wake();
    }
}

/// How many commands are carried out before sockets and timers have their turn: some 100 µs worth of messages.
const COMMANDS: usize = 1_024;

fn readiness(event: &mio::event::Event) -> Ready {
    Ready {
        readable: event.is_readable(),
        writable: event.is_writable() || event.is_write_closed() || event.is_error(),
        ended: event.is_read_closed() || event.is_error(),
    }
}
