//! The server: accepts, conducts the schedule's faults, and ends when told to.

use std::{
    fmt, io,
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustls::ServerConfig;

use super::{
    connection::{Connection, Order, Welcome},
    door::Door,
    fault::Fault,
    incident::Incident,
    record::Record,
    schedule::{Schedule, Step},
};

/// What the server does with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Service {
    /// Keeps it. There is one client: what its last connection left behind is read to the end before its next one is
    /// served, so that the record has one order.
    Record,
    /// Sends it back.
    Echo,
}

/// A running server; ends with its last use.
#[derive(Debug)]
pub(crate) struct Server {
    addr: SocketAddr,
    control: Sender<Control>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Server {
    /// Listens on `addr` (port 0: a free one), over TLS if there is a configuration for it, and does the schedule's faults;
    /// `watch` is told of everything, on the server's threads.
    ///
    /// # Errors
    /// The address cannot be listened on, or no thread can be had.
    pub(crate) fn start(
        addr: SocketAddr,
        service: Service,
        schedule: Option<Schedule>,
        tls: Option<Arc<ServerConfig>>,
        watch: impl Fn(Incident) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let door = Door::open(addr)?;
        let addr = door.addr();
        let shared = Arc::new(Shared { service, tls, record: Mutex::default(), watch: Box::new(watch) });
        let (control, orders) = mpsc::channel();
        let conductor = Conductor { door, schedule, phase: Phase::Kind, served: Vec::new(), shared: shared.clone() };
        let thread = thread::Builder::new().name("chaos".into()).spawn(move || conductor.run(&orders))?;
        Ok(Self { addr, control, thread: Some(thread), shared })
    }

    /// Where it listens.
    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// No more faults from here on.
    pub(crate) fn turn_kind(&self) {
        // The thread lives as long as the server does.
        let _ = self.control.send(Control::TurnKind);
    }

    /// Ends the server: reads what has come, and gives the record.
    pub(crate) fn finish(mut self) -> Record {
        self.end();
        std::mem::take(&mut *self.shared.record())
    }

    fn end(&mut self) {
        let _ = self.control.send(Control::End);
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed; the record shows what is missing.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the server's threads share.
pub(super) struct Shared {
    pub(super) service: Service,
    /// What it shows over TLS; without it connections are in the clear.
    pub(super) tls: Option<Arc<ServerConfig>>,
    record: Mutex<Record>,
    watch: Box<dyn Fn(Incident) + Send + Sync>,
}

impl Shared {
    /// The record; one that a panicking thread left behind is still the record.
    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, incident: Incident) {
        (self.watch)(incident);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("service", &self.service).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Control {
    TurnKind,
    End,
}

/// The thread that accepts and hurts.
struct Conductor {
    door: Door,
    schedule: Option<Schedule>,
    phase: Phase,
    served: Vec<Served>,
    shared: Arc<Shared>,
}

/// Where the schedule stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// No fault is planned.
    Kind,
    /// The fault comes when a connection has had its calm.
    Calm(Step),
    /// Nobody listens until then.
    Away { until: Instant },
    /// The next connection is received like this, unless none comes until then.
    Ambush { welcome: Welcome, until: Instant },
}

/// A connection, as the conductor knows it.
struct Served {
    orders: Sender<Order>,
    opened: Arc<OnceLock<Instant>>,
    broken: bool,
    thread: JoinHandle<()>,
}

impl Served {
    /// Since when it has been open and unhurt.
    fn open_since(&self) -> Option<Instant> {
        if self.broken || self.thread.is_finished() { None } else { self.opened.get().copied() }
    }
}

impl Conductor {
    fn run(mut self, control: &Receiver<Control>) {
        self.phase = self.next_phase();
        loop {
            match control.recv_timeout(TICK) {
                Ok(Control::TurnKind) => self.turn_kind(),
                Ok(Control::End) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            while let Some(stream) = self.door.accept() {
                self.admit(stream);
            }
            self.served.retain(|served| !served.thread.is_finished());
            self.conduct(Instant::now());
        }
        self.door.close();
        self.retire_all();
    }

    fn next_phase(&mut self) -> Phase {
        self.schedule.as_mut().and_then(Iterator::next).map_or(Phase::Kind, Phase::Calm)
    }

    fn turn_kind(&mut self) {
        self.schedule = None;
        // An absence ends when it was to end; everything else ends now.
        if !matches!(self.phase, Phase::Away { .. }) {
            self.phase = Phase::Kind;
        }
        self.shared.tell(Incident::TurnedKind);
    }

    fn admit(&mut self, stream: TcpStream) {
        let mut welcome = Welcome::Serve;
        if let Phase::Ambush { welcome: ambush, .. } = self.phase {
            welcome = ambush;
            self.phase = self.next_phase();
        }
        if self.shared.service == Service::Record {
            self.retire_all();
        }
        let (orders, told) = mpsc::channel();
        let opened = Arc::new(OnceLock::new());
        let connection = Connection { orders: told, opened: opened.clone(), shared: self.shared.clone() };
        let thread = thread::Builder::new().name("connection".into()).spawn(move || connection.run(stream, welcome));
        // Without a thread the socket is dropped: one more fault.
        if let Ok(thread) = thread {
            self.served.push(Served { orders, opened, broken: false, thread });
        }
    }

    /// Ends all connections, and waits until they have read what had come.
    fn retire_all(&mut self) {
        for served in &self.served {
            // One that is over needs no order.
            let _ = served.orders.send(Order::Retire);
        }
        for served in self.served.drain(..) {
            let _ = served.thread.join();
        }
    }

    fn conduct(&mut self, now: Instant) {
        match self.phase {
            Phase::Calm(step) => {
                let rested = |since: Instant| now.saturating_duration_since(since) >= step.calm;
                if self.served.iter().filter_map(Served::open_since).any(rested) {
                    self.strike(step.fault, now);
                }
            }
            Phase::Away { until } if now >= until => match self.door.reopen() {
                Ok(_) => {
                    self.shared.tell(Incident::Listening);
                    self.phase = self.next_phase();
                }
                Err(error) => {
                    self.shared.tell(Incident::CannotListen(error.to_string()));
                    self.phase = Phase::Away { until: now + ABSENCE };
                }
            },
            Phase::Ambush { until, .. } if now >= until => self.phase = self.next_phase(),
            Phase::Kind | Phase::Away { .. } | Phase::Ambush { .. } => {}
        }
    }

    fn strike(&mut self, fault: Fault, now: Instant) {
        self.shared.tell(Incident::Fault(fault));
        self.shared.record().recent.push(fault);
        self.phase = match fault {
            Fault::Reset | Fault::HalfClose | Fault::Silence | Fault::Mute => self.next_phase(),
            Fault::Restart | Fault::Refuse => {
                // First the door: a client that comes back at once finds it closed.
                self.door.close();
                Phase::Away { until: now + ABSENCE }
            }
            Fault::Unavailable => Phase::Ambush { welcome: Welcome::Reject, until: now + AMBUSH },
            Fault::Stall => Phase::Ambush { welcome: Welcome::Stall, until: now + AMBUSH },
        };
        for served in self.served.iter_mut().filter(|served| served.open_since().is_some()) {
            served.broken = true;
            // One that is over has been hurt by somebody else.
            let _ = served.orders.send(Order::Break(fault));
        }
    }
}

/// How often the conductor looks around.
const TICK: Duration = Duration::from_millis(5);
/// How long nobody listens.
const ABSENCE: Duration = Duration::from_millis(400);
/// How long an ambush waits for a client.
const AMBUSH: Duration = Duration::from_secs(5);
