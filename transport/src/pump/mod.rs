//! The pump between a session, a wire and a socket, for whoever writes a driver.
//!
//! A driver keeps a [`Pump`] for each session and one [`Shared`] for all sessions of a thread. It tells a pump what the
//! operating system says of its sockets ([`Pump::ready`]), gives it its [`Turn`]s, and calls when [`Pump::deadline`]
//! has come. Nothing in it decides what should happen: that is the session's.

mod application;
mod backlog;
mod eyes;
mod gate;
mod hands;
mod intake;
mod keeper;
mod link;
mod machine;
mod mailbox;
mod outgoing;
mod shared;
mod turn;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use steadfast_core::{Event, Message, MessageId, SendOptions, Session, Timestamp, config::Config, dial::cookies::Jar};

use self::{application::next_id, eyes::Eyes, gate::Place, keeper::Kept, link::Link, machine::Machine};
pub use self::{
    application::{Application, Reads, Requests},
    gate::Connects,
    keeper::Keeper,
    mailbox::{Command, Mailbox, Remote, SendError},
    shared::Shared,
    turn::Turn,
};
use crate::{
    credentials::Vault,
    endpoint::{Endpoint, Endpoints},
    net::{Net, Ready, Socket},
};

/// A session of a driver. Never means another one, even when the first is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionId {
    /// The driver's place for it.
    pub slot: usize,
    /// How many sessions the driver had before.
    pub serial: u64,
}

/// A session and all that it has: its application, its connection, what is on its way out.
pub struct Pump<A, S> {
    id: SessionId,
    machine: Machine,
    application: A,
    endpoints: Endpoints,
    /// How often each of several endpoints was gone to; empty where there is one.
    visits: Vec<u32>,
    /// Names messages; shared with all remotes.
    ids: Arc<AtomicU64>,
    link: Link<S>,
    /// Whether it may connect.
    place: Place,
    /// The secrets, if there are to be any.
    vault: Option<Box<Vault>>,
    /// What servers want to be told on the next connection, if that is kept.
    jar: Option<Box<Jar>>,
    /// The deadline that the session asked for.
    timer: Option<Timestamp>,
    /// The application wants no more to be read.
    pause: bool,
    /// Whoever watches.
    eyes: Eyes,
    /// What keeps its durable messages.
    kept: Kept,
}

impl<A: Application, S: Socket> Pump<A, S> {
    /// A session at rest, configured for as many endpoints as these are. The seed is for jitter and ping nonces: give each
    /// session its own.
    #[must_use]
    pub fn new(id: SessionId, endpoints: Endpoints, config: Config, seed: u64, application: A) -> Self {
        let session = Session::new(endpoints.fit(config), seed);
        Self::with(id, endpoints, Machine::Plain(Box::new(session)), application)
    }

    /// A session at rest that is recorded. The recording's lines are written to `to` after each turn; if that fails, the
    /// recording ends and the session goes on. The recorder must be of a session at rest that is configured
    /// [for as many endpoints](Config::for_endpoints), and not be bounded: what those write is not to be appended to each
    /// other.
    #[cfg(feature = "trace")]
    #[must_use]
    pub fn recorded(
        id: SessionId,
        endpoints: Endpoints,
        recorder: steadfast_core::trace::Recorder,
        to: Box<dyn std::io::Write + Send>,
        application: A,
    ) -> Self {
        Self::with(id, endpoints, Machine::recorded(recorder, to), application)
    }

    fn with(id: SessionId, endpoints: Endpoints, machine: Machine, application: A) -> Self {
        let eyes = Eyes::new(id, endpoints.first(), machine.session());
        Self {
            id,
            machine,
            application,
            vault: Vault::of(&endpoints),
            jar: endpoints.as_slice().iter().any(Endpoint::keeps_cookies).then(Box::default),
            visits: if endpoints.len() > 1 { vec![0; endpoints.len()] } else { Vec::new() },
            endpoints,
            ids: Arc::new(AtomicU64::new(1)),
            link: Link::None,
            place: Place::default(),
            timer: None,
            pause: false,
            eyes,
            kept: Kept::default(),
        }
    }

    /// Has its durable messages kept by this, which answers through the driver's mailbox. New messages are named from
    /// `first_id` on. The configuration must have a [store](steadfast_core::config::Settings::store).
    pub fn keep_with(&mut self, keeper: Box<dyn Keeper>, first_id: MessageId) {
        self.kept = Kept(Some(keeper));
        self.ids.store(first_id.0, Ordering::Relaxed);
    }

    /// Has its durable messages kept in this store; gives back what that held before, to be told to the session
    /// ([`Event::Restored`]) before it starts.
    #[cfg(feature = "store")]
    #[must_use = "what is not told to the session is not sent"]
    pub fn keep_in(
        &mut self,
        mut store: steadfast_store::Store,
        mailbox: &Arc<Mailbox>,
    ) -> impl Iterator<Item = Event<'static>> + use<A, S> {
        let (session, mailbox) = (self.id, Arc::clone(mailbox));
        store.on_answers(move |answers| mailbox.post(Command::Stored(session, answers.to_vec())));
        let restored = store.restored();
        let first_id = MessageId(store.highest().map_or(1, |highest| highest.0.saturating_add(1)));
        self.keep_with(Box::new(store), first_id);
        restored.into_iter().map(|steadfast_store::Restored { id, message, options, identity }| Event::Restored {
            id,
            message,
            options,
            identity,
        })
    }

    /// Its turn.
    #[inline]
    pub const fn turn<'a, N: Net<Socket = S>>(
        &'a mut self,
        shared: &'a mut Shared<N>,
        now: Timestamp,
    ) -> Turn<'a, A, N> {
        Turn { pump: self, shared, now }
    }

    /// Takes note of what the operating system says of one of its sockets. A turn has to [settle](Turn::settle) what
    /// follows.
    pub fn ready(&mut self, ready: Ready) {
        if let Link::Up(connection) = &mut self.link {
            connection.note(ready);
        }
    }

    /// When its [turn](Turn::expire) has to come at the latest; `None`: not before something happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let other = match &self.link {
            Link::Dialing(dialing) => dialing.deadline(),
            Link::Up(connection) => connection.grace,
            Link::None => None,
        };
        match (self.timer, other) {
            (Some(timer), Some(other)) => Some(timer.min(other)),
            (timer, other) => timer.or(other),
        }
    }

    /// Lets it read again after the application answered [`Reads::Pause`]. A turn has to [settle](Turn::settle) what
    /// follows.
    pub const fn resume_reads(&mut self) {
        self.pause = false;
    }

    /// Writes down what was recorded since the last time.
    pub fn write_lines(&mut self) {
        self.machine.write_lines();
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// The session, to look at.
    #[must_use]
    pub const fn session(&self) -> &Session {
        self.machine.session()
    }

    /// Where it connects.
    #[must_use]
    pub const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Its application.
    pub const fn application(&mut self) -> &mut A {
        &mut self.application
    }

    /// Has what keeps its durable messages end [by itself](Keeper::leave): for drivers that may not wait for a disk when a
    /// session goes. The session is not to be told anything after it.
    pub fn leave_keeper(&mut self) {
        if let Some(keeper) = self.kept.0.take() {
            keeper.leave();
        }
    }

    /// Its application, when it is of no more use itself.
    #[must_use]
    pub fn into_application(self) -> A {
        self.application
    }

    /// A handle on it for other threads, through the driver's mailbox.
    #[must_use]
    pub fn remote(&self, mailbox: &Arc<Mailbox>) -> Remote {
        Remote::new(Arc::clone(mailbox), self.id, Arc::clone(&self.ids))
    }
}

impl<A: Application, N: Net> Turn<'_, A, N> {
    /// Sends a message. A refusal comes as [`Notice::Refused`](steadfast_core::Notice::Refused). It is written when the
    /// turn [settles](Self::settle), together with what else is sent before that.
    pub fn send(&mut self, message: Message<'static>, options: SendOptions) -> MessageId {
        let id = next_id(&self.pump.ids);
        self.apply(Event::Send { id, message, options });
        id
    }

    /// Its [deadline](Pump::deadline) has come, or may have.
    pub fn expire(&mut self) {
        // The other deadlines are looked at when it settles.
        if self.pump.timer.is_some_and(|at| at <= self.now) {
            self.pump.timer = None;
            self.apply(Event::TimerFired);
        }
    }
}

impl<A, S> fmt::Debug for Pump<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump").field("id", &self.id).field("session", &self.machine).finish_non_exhaustive()
    }
}
