//! What stands above a session in a simulated world: an application, or a test's director.

use std::time::Duration;

use steadfast_core::{
    CloseFrame, ConnId, EndpointId, Event, Message, MessageId, Network, Notice, SendOptions, Timestamp,
    config::Heartbeat,
};

use crate::{Clock, Driver, Fault, Grant, Link, ServerModel, StoreModel};

/// A session in a [`World`](crate::World).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ClientId(pub u32);

/// What an application hears.
#[derive(Debug)]
#[non_exhaustive]
pub enum Heard<'a> {
    /// The session says something.
    Notice(&'a Notice),
    /// A message came in.
    Message {
        /// From which connection.
        conn: ConnId,
        /// The message.
        message: &'a Message<'a>,
    },
    /// The time that was asked for with [`Commands::wake_in`] has come.
    Woken {
        /// What was asked for.
        key: u64,
    },
}

/// An application above a session: it hears, and says what is to be done.
///
/// Every `FnMut(Timestamp, ClientId, Heard<'_>, &mut Commands)` is one; so is `()`, which listens to nothing.
pub trait App {
    /// Hears something from `client`. What it pushes into `commands` happens next, in order, at this same time.
    fn hear(&mut self, now: Timestamp, client: ClientId, heard: Heard<'_>, commands: &mut Commands);
}

impl App for () {
    fn hear(&mut self, _: Timestamp, _: ClientId, _: Heard<'_>, _: &mut Commands) {}
}

impl<F: FnMut(Timestamp, ClientId, Heard<'_>, &mut Commands)> App for F {
    fn hear(&mut self, now: Timestamp, client: ClientId, heard: Heard<'_>, commands: &mut Commands) {
        self(now, client, heard, commands);
    }
}

/// What is to be done to one client, its connection and its servers.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Command {
    /// Tell the session.
    Tell(Event<'static>),
    /// Let the application hear [`Heard::Woken`] after a span.
    Wake {
        /// After how long.
        span: Duration,
        /// What it hears then.
        key: u64,
    },
    /// Something goes wrong.
    Fault(Fault),
    /// What connections, to whichever endpoint, are met by from now on, one model each; the last stands for all that follow.
    Serve(Vec<ServerModel>),
    /// Something happens to one of several endpoints.
    Region {
        /// Which.
        endpoint: EndpointId,
        /// What its connections are met by from now on, as with [`Serve`](Self::Serve).
        servers: Vec<ServerModel>,
        /// Whether the connection to it, if there is one, is reset.
        cut: bool,
    },
    /// The link of the connections made from now on.
    Link(Link),
    /// How the driver behaves from now on.
    Driver(Driver),
    /// All stalls end.
    Heal,
    /// The application takes no messages for a time: the driver reads no more.
    PauseReads(Duration),
    /// What fetches of credentials are met by from now on, one each; the last stands for all that follow. Empty:
    /// [`Grant::default`].
    Source(Vec<Grant>),
    /// All credentials that were given out are worth nothing any more.
    Revoke,
    /// The process sleeps.
    Sleep {
        /// How long.
        span: Duration,
        /// What its clock does meanwhile.
        clock: Clock,
        /// Whether the driver notices, and says [`Event::Resumed`].
        told: bool,
    },
    /// The clock goes back by a span.
    ClockBack(Duration),
    /// An event of the connection before the current one arrives late.
    Stale,
    /// How the store behaves from now on.
    Store(StoreModel),
    /// The process dies, and begins again at once with what its store holds: a new session, started unless the old one never was. What
    /// was on its way to the server is gone; what was on its way to the disk is, or is not. The new process hears for whom
    /// it acts, whether anybody sees it, and of the network what its [`Monitor`](crate::Monitor) says; its credentials it
    /// has to fetch. Machines that cannot [restart](crate::Machine::restart) live on.
    Crash,
}

/// A list of [`Command`]s, to be carried out in order.
#[derive(Debug, Default)]
pub struct Commands {
    pub(crate) list: Vec<Command>,
}

impl Commands {
    /// Appends any command.
    pub fn push(&mut self, command: Command) {
        self.list.push(command);
    }

    /// Tells the session any event.
    pub fn tell(&mut self, event: Event<'static>) {
        self.push(Command::Tell(event));
    }

    /// [`Event::Start`].
    pub fn start(&mut self) {
        self.tell(Event::Start);
    }

    /// [`Event::Stop`] with a normal close.
    pub fn stop(&mut self, drain: Option<Duration>) {
        self.tell(Event::Stop { frame: CloseFrame::NORMAL, drain });
    }

    /// [`Event::Send`].
    pub fn send(&mut self, id: MessageId, message: impl Into<Message<'static>>, options: SendOptions) {
        self.tell(Event::Send { id, message: message.into(), options });
    }

    /// [`Event::Ready`].
    pub fn ready(&mut self, conn: ConnId) {
        self.tell(Event::Ready { conn });
    }

    /// [`Event::Network`].
    pub fn network(&mut self, network: Network) {
        self.tell(Event::Network(network));
    }

    /// [`Event::SetHeartbeat`].
    pub fn set_heartbeat(&mut self, heartbeat: Heartbeat) {
        self.tell(Event::SetHeartbeat(heartbeat));
    }

    /// Wakes the application after a span, with [`Heard::Woken`].
    pub fn wake_in(&mut self, span: Duration, key: u64) {
        self.push(Command::Wake { span, key });
    }

    /// Breaks something.
    pub fn fault(&mut self, fault: Fault) {
        self.push(Command::Fault(fault));
    }
}
