//! From an endpoint to a stream that a WebSocket can be asked for on: what the core's dialer decides, carried out.

mod lookups;
mod resolver;
mod stream;
mod tunnel;

use std::{collections::VecDeque, io, mem};

use steadfast_core::{
    Cause, ConnId, Event, IoKind, Stage, Timestamp,
    dial::{Action, AttemptId, Dialer, Event as Happened, Hop, Peer},
};

pub use self::resolver::{Answer, Resolver};
pub(crate) use self::stream::Stream;
use self::tunnel::Tunnelling;
#[cfg(feature = "_tls")]
use crate::tls::Tls;
use crate::{
    cause,
    credentials::Known,
    endpoint::Endpoint,
    failure::Failure,
    net::{Address, Net, Socket, SocketOptions},
};

/// An attempt to get to a stream.
#[derive(Debug)]
pub(crate) struct Dialing<S> {
    pub(crate) conn: ConnId,
    /// Where to: after a redirect another endpoint than the session's.
    pub(crate) endpoint: Endpoint,
    dialer: Dialer,
    options: SocketOptions,
    begun: bool,
    /// Those that are connecting.
    sockets: Vec<Connecting<S>>,
    /// What the one that has won the race is good for so far.
    way: Way<S>,
    /// The secret that the connection is to be made with.
    pub(crate) known: Option<Known>,
    /// How many redirects led here.
    pub(crate) redirects: u8,
    /// What was wrong with each way so far.
    failures: Vec<Failure>,
}

#[derive(Debug)]
struct Connecting<S> {
    attempt: AttemptId,
    to: Address,
    socket: S,
}

/// What the stages behind the race work on.
#[derive(Debug, Default)]
enum Way<S> {
    /// The race goes on.
    #[default]
    None,
    /// A socket that is connected.
    Connected(S),
    /// A proxy is asked for a way.
    Tunnelling(Box<Tunnelling>, S),
    /// The server's, and TLS begins.
    #[cfg(feature = "_tls")]
    Securing(Box<Tls>, S),
    /// The upgrade can be asked for.
    Ready(Stream<S>),
}

/// What a dial borrows from its driver.
pub(crate) struct Lent<'a, N> {
    pub(crate) now: Timestamp,
    pub(crate) slot: usize,
    pub(crate) net: &'a mut N,
    pub(crate) resolver: &'a mut Resolver,
    /// What the session is to be told.
    pub(crate) events: &'a mut VecDeque<Event<'static>>,
}

/// How an attempt stands.
#[derive(Debug)]
pub(crate) enum Progress<S> {
    /// Something has to happen first.
    Pending,
    /// There is a stream, and the upgrade can be asked for.
    Ready(Stream<S>),
    /// There is no way.
    Failed(Failure),
}

impl<S: Socket> Dialing<S> {
    /// An attempt that has not begun; `attempt` is the session's count.
    pub(crate) fn new(conn: ConnId, endpoint: Endpoint, attempt: u32, known: Option<Known>) -> Self {
        let (race, options) = endpoint.dial_settings();
        let dialer = Dialer::new(endpoint.route(), race, attempt);
        Self {
            conn,
            endpoint,
            dialer,
            options,
            begun: false,
            sockets: Vec::new(),
            way: Way::None,
            known,
            redirects: 0,
            failures: Vec::new(),
        }
    }

    /// The same attempt goes on elsewhere, after so many redirects.
    pub(crate) fn redirected(conn: ConnId, endpoint: Endpoint, redirects: u8, known: Option<Known>) -> Self {
        Self { redirects, ..Self::new(conn, endpoint, 1, known) }
    }

    /// Whether it was [gone on](Self::advance) with at all.
    pub(crate) const fn has_begun(&self) -> bool {
        self.begun
    }

    /// When [`advance`](Self::advance) has to be called at the latest.
    pub(crate) const fn deadline(&self) -> Option<Timestamp> {
        self.dialer.deadline()
    }

    /// A name has been resolved, perhaps the one that was asked for.
    pub(crate) fn resolved<N: Net<Socket = S>>(&mut self, answer: &Answer, lent: &mut Lent<'_, N>) -> Option<Failure> {
        let Hop::Name { host, .. } = self.dialer.hop() else { return None };
        if host.as_str() != &*answer.name {
            return None;
        }
        match &answer.found {
            Ok(addresses) => self.handle(Happened::Resolved { addresses, more: false }, lent),
            Err(failure) => {
                let Cause::Dns(kind) = failure.cause() else { return Some(failure.clone()) };
                self.failures.push(failure.clone());
                self.handle(Happened::Unresolved { kind }, lent)
            }
        }
    }

    /// Goes on with whatever can be gone on with. May be called at any time.
    pub(crate) fn advance<N: Net<Socket = S>>(&mut self, lent: &mut Lent<'_, N>) -> Progress<S> {
        if !mem::replace(&mut self.begun, true)
            && let Some(failure) = self.endpoint.obstacle().or_else(|| self.handle(Happened::Start, lent))
        {
            return Progress::Failed(failure);
        }
        if self.dialer.deadline().is_some_and(|at| at <= lent.now)
            && let Some(failure) = self.handle(Happened::TimerFired, lent)
        {
            return Progress::Failed(failure);
        }
        if let Some(failure) = self.look(lent) {
            return Progress::Failed(failure);
        }
        match self.pass(lent) {
            Err(failure) => Progress::Failed(failure),
            Ok(()) => match mem::take(&mut self.way) {
                Way::Ready(stream) => Progress::Ready(stream),
                way => {
                    self.way = way;
                    Progress::Pending
                }
            },
        }
    }

    /// The stages behind the race, one after the other.
    fn pass<N: Net<Socket = S>>(&mut self, lent: &mut Lent<'_, N>) -> Result<(), Failure> {
        loop {
            match (&mut self.way, self.dialer.stage()) {
                (Way::Connected(_), Stage::Proxy) => self.tunnel()?,
                (Way::Connected(_), Stage::Tls) => self.secure()?,
                (Way::Connected(_), _) => self.ready(Stream::Plain),
                (Way::Tunnelling(tunnelling, socket), _) => {
                    if !tunnelling.advance(socket)? {
                        return Ok(());
                    }
                    if let Way::Tunnelling(_, socket) = mem::take(&mut self.way) {
                        self.way = Way::Connected(socket);
                    }
                    self.pass_stage(Happened::Tunnelled, lent)?;
                }
                #[cfg(feature = "_tls")]
                (Way::Securing(tls, socket), _) => {
                    match tls.handshake(socket) {
                        Ok(_) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                        Err(error) => return Err(Failure::stream(&error).in_stage(Stage::Tls)),
                    }
                    if let Way::Securing(tls, socket) = mem::take(&mut self.way) {
                        self.way = Way::Ready(Stream::Tls(tls, socket));
                    }
                    self.pass_stage(Happened::Secured, lent)?;
                }
                (Way::None | Way::Ready(_), _) => return Ok(()),
            }
        }
    }

    fn pass_stage<N: Net<Socket = S>>(
        &mut self,
        happened: Happened<'_>,
        lent: &mut Lent<'_, N>,
    ) -> Result<(), Failure> {
        self.handle(happened, lent).map_or(Ok(()), Err)
    }

    fn ready(&mut self, make: impl FnOnce(S) -> Stream<S>) {
        if let Way::Connected(socket) = mem::take(&mut self.way) {
            self.way = Way::Ready(make(socket));
        }
    }

    fn tunnel(&mut self) -> Result<(), Failure> {
        let tunnel = self.endpoint.tunnel()?;
        if let Way::Connected(socket) = mem::take(&mut self.way) {
            self.way = Way::Tunnelling(Box::new(Tunnelling::begin(tunnel)), socket);
        }
        Ok(())
    }

    #[cfg(feature = "_tls")]
    fn secure(&mut self) -> Result<(), Failure> {
        let tls = self.endpoint.begin_tls()?;
        if let Way::Connected(socket) = mem::take(&mut self.way) {
            self.way = Way::Securing(Box::new(tls), socket);
        }
        Ok(())
    }

    #[cfg(not(feature = "_tls"))]
    fn secure(&mut self) -> Result<(), Failure> {
        unreachable!("without TLS no endpoint is secure: {:?}", self.endpoint)
    }

    /// Drops whatever is under way.
    pub(crate) fn close(&mut self, net: &mut impl Net<Socket = S>) {
        for connecting in self.sockets.drain(..) {
            net.close(connecting.socket);
        }
        match mem::take(&mut self.way) {
            Way::None => {}
            Way::Connected(socket) | Way::Tunnelling(_, socket) => net.close(socket),
            #[cfg(feature = "_tls")]
            Way::Securing(mut tls, mut socket) => {
                tls.close(&mut socket);
                net.close(socket);
            }
            Way::Ready(stream) => stream.close(net),
        }
    }

    /// Looks what became of the sockets under way.
    fn look<N: Net<Socket = S>>(&mut self, lent: &mut Lent<'_, N>) -> Option<Failure> {
        let mut index = 0;
        while let Some(connecting) = self.sockets.get_mut(index) {
            let attempt = connecting.attempt;
            let failure = match connecting.socket.connected() {
                Ok(false) => {
                    index += 1;
                    continue;
                }
                Ok(true) => self.handle(Happened::Connected { attempt }, lent),
                Err(error) => {
                    let Connecting { to, socket, .. } = self.sockets.remove(index);
                    lent.net.close(socket);
                    let kind = self.note(&to, &error);
                    self.handle(Happened::Failed { attempt, kind }, lent)
                }
            };
            if failure.is_some() {
                return failure;
            }
            // There may be others now.
            index = 0;
        }
        None
    }

    /// Tells the dialer, and carries out what it decides; why there is no way, if there is none.
    fn handle<N: Net<Socket = S>>(&mut self, happened: Happened<'_>, lent: &mut Lent<'_, N>) -> Option<Failure> {
        let mut ended = None;
        let mut actions: VecDeque<Action> = self.dialer.handle(lent.now, happened).collect();
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Enter { stage } => self.enter(stage, lent),
                Action::Resolve => {
                    if let Hop::Name { host, .. } = self.dialer.hop() {
                        lent.resolver.ask(host, lent.slot);
                    }
                }
                Action::Connect { attempt, to } => {
                    if let Err(kind) = self.connect(attempt, to, lent) {
                        let failed = Happened::Failed { attempt, kind };
                        actions.extend(self.dialer.handle(lent.now, failed));
                    }
                }
                Action::Cancel { attempt } => {
                    if let Some(connecting) = self.take(attempt) {
                        lent.net.close(connecting.socket);
                    }
                }
                Action::Use { attempt } => {
                    self.way = self.take(attempt).map_or(Way::None, |connecting| Way::Connected(connecting.socket));
                }
                // The driver looks at the deadline.
                Action::SetTimer { .. } | Action::CancelTimer => {}
                Action::Fail { cause } => ended = Some(self.explain(cause)),
            }
        }
        ended
    }

    fn enter<N>(&self, stage: Stage, lent: &mut Lent<'_, N>) {
        lent.events.push_back(Event::Dialing { conn: self.conn, stage });
    }

    fn connect<N: Net<Socket = S>>(
        &mut self,
        attempt: AttemptId,
        to: Peer,
        lent: &mut Lent<'_, N>,
    ) -> Result<(), IoKind> {
        let to = self.endpoint.address(to);
        match lent.net.connect(lent.slot, &to, self.options) {
            Ok(socket) => {
                self.sockets.push(Connecting { attempt, to, socket });
                Ok(())
            }
            Err(error) => Err(self.note(&to, &error)),
        }
    }

    fn take(&mut self, attempt: AttemptId) -> Option<Connecting<S>> {
        let index = self.sockets.iter().position(|connecting| connecting.attempt == attempt)?;
        Some(self.sockets.remove(index))
    }

    /// Keeps what is wrong with an address.
    fn note(&mut self, to: &Address, error: &io::Error) -> IoKind {
        let kind = cause::io_kind(error);
        self.failures.push(Failure::Dial { stage: Stage::Connect, kind, text: format!("{to}: {error}") });
        kind
    }

    /// What stands behind the dialer's last word.
    fn explain(&mut self, cause: Cause) -> Failure {
        let known = self.failures.iter().position(|failure| failure.cause() == cause);
        match (known, cause) {
            (Some(index), _) => self.failures.swap_remove(index),
            (None, Cause::Dns(kind)) => Failure::Dns { kind, text: String::from("the name has no address") },
            (None, cause) => {
                let stage = cause.stage().unwrap_or_default();
                Failure::Dial { stage, kind: IoKind::Other, text: cause.to_string() }
            }
        }
    }
}

#[cfg(test)]
mod tests;
