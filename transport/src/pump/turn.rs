//! One session's turn: events in, actions out, until there is nothing left to do.

use std::mem;

use steadfast_core::{
    Cause, Event, Message, MessageId, SendOptions, Stage, StoreError, Timestamp, wire::handshake::Rejected,
};

use crate::{
    credentials::Fetched,
    dial::{Answer, Dialing, Lent, Progress, Stream},
    engine::Engine,
    failure::Failure,
    net::Net,
    pump::{
        Pump,
        application::{Application, Requests},
        hands::Hands,
        link::{Connection, Ending, Link},
        machine::Machine,
        outgoing::Outgoing,
        shared::Shared,
    },
};

/// A session and what it needs to have its turn. Whatever it is told, it has to [settle](Self::settle) before the driver
/// waits.
pub struct Turn<'a, A, N: Net> {
    pub(super) pump: &'a mut Pump<A, N::Socket>,
    pub(super) shared: &'a mut Shared<N>,
    pub(super) now: Timestamp,
}

impl<A: Application, N: Net> Turn<'_, A, N> {
    /// Handles an event and what follows from it, but for the writing.
    pub fn apply(&mut self, event: Event<'_>) {
        self.lend();
        self.handle(event);
        self.follow();
    }

    /// Handles what was asked for, one after the other: as [`apply`](Self::apply) for each, and quicker for messages, which
    /// are most of it.
    pub fn apply_all(&mut self, events: impl IntoIterator<Item = Event<'static>>) {
        for event in events {
            match event {
                Event::Send { id, message, options } => self.send_as(id, message, options),
                event => self.apply(event),
            }
        }
    }

    /// The store has answered.
    pub fn stored(&mut self, answers: Vec<(MessageId, Result<(), StoreError>)>) {
        for (id, result) in answers {
            self.apply(Event::Persisted { id, result });
        }
    }

    /// As [`send`](Self::send), for whoever names messages himself: all of them, and each differently.
    #[inline]
    pub fn send_as(&mut self, id: MessageId, message: Message<'static>, options: SendOptions) {
        self.lend();
        let (machine, mut hands) = self.hands();
        machine.handle(Event::Send { id, message, options }, &mut hands);
        self.follow();
    }

    /// The application, between two events.
    #[inline]
    pub const fn application(&mut self) -> &mut A {
        &mut self.pump.application
    }

    /// Lends the connection a write buffer: any event may lead to something to write.
    #[inline]
    pub(super) fn lend(&mut self) {
        if let Link::Up(connection) = &mut self.pump.link {
            connection.out.borrow(&mut self.shared.spare);
        }
    }

    /// Handles what follows from actions, until nothing does.
    #[inline]
    pub(super) fn follow(&mut self) {
        if !self.shared.events.is_empty() {
            self.follow_events();
            // It begins at its front again, instead of going round all the memory that it ever needed.
            self.shared.events.clear();
        }
    }

    #[inline(never)]
    fn follow_events(&mut self) {
        let (machine, mut hands) = self.hands();
        while let Some(event) = hands.requests.events.pop_front() {
            hands.eyes.event(&event);
            if let Event::Send { .. } = event {
                machine.handle(event, &mut hands);
            } else {
                machine.handle_any(event, &mut hands);
            }
        }
    }

    /// Handles one event and carries out its actions.
    fn handle(&mut self, event: Event<'_>) {
        let (machine, mut hands) = self.hands();
        hands.eyes.event(&event);
        machine.handle_any(event, &mut hands);
    }

    /// What decides, and what carries it out.
    #[inline]
    pub(super) fn hands(&mut self) -> (&mut Machine, Hands<'_, A, N>) {
        let Pump { machine, application, link, ids, timer, pause, id, endpoints, visits, vault, eyes, kept, .. } =
            &mut *self.pump;
        let Shared { net, events, resolver, .. } = &mut *self.shared;
        let now = self.now;
        let requests = Requests { session: *id, now, ids, events, vault: vault.as_deref_mut() };
        let mailbox = resolver.mailbox();
        let hands = Hands { application, link, timer, pause, kept, endpoints, visits, net, mailbox, requests, eyes };
        (machine, hands)
    }

    /// Carries on with whatever can be carried on with: the dial, reading, writing. Whether there is more to do than
    /// one session may do in a turn, so that it needs another one soon: a server that never stops talking must not keep
    /// the others waiting.
    #[must_use]
    pub fn settle(&mut self) -> bool {
        self.settle_within(READS)
    }

    /// [Settles](Self::settle), but reads at most so often: for a driver whose application takes what came in before it
    /// wants more. With none at all, whether there is more to read is not known.
    #[must_use]
    pub fn settle_within(&mut self, most: u32) -> bool {
        let (mut unfinished, mut reads) = (true, most);
        // First what waits to be written: by the time of the read its answer may have come.
        if self.write() {
            self.follow();
        }
        for _ in 0..ROUNDS {
            self.dial();
            reads = self.read(reads);
            let wrote = self.write();
            if self.shared.events.is_empty() && !wrote {
                unfinished = reads == 0 && most > 0;
                break;
            }
            self.follow();
        }
        if let Link::Up(connection) = &mut self.pump.link {
            connection.out.give_back(&mut self.shared.spare);
        }
        self.make_room();
        self.pump.eyes.turn_over(self.pump.machine.session());
        unfinished
    }

    /// Ends the session at once and for good: its close frame goes out if the operating system takes it, and nobody
    /// waits for the answer.
    pub fn stop(&mut self, event: Event<'static>) {
        self.shared.events.push_back(event);
        self.follow_but_start();
        while self.write() {
            self.follow_but_start();
        }
        self.follow_but_start();
        self.end(Ending::Because(Cause::Stopped));
        self.follow_but_start();
        self.make_room();
        self.pump.eyes.turn_over(self.pump.machine.session());
    }

    /// Handles what follows, but for the application's wish to start again: the session is going.
    fn follow_but_start(&mut self) {
        while let Some(event) = self.shared.events.pop_front() {
            if event != Event::Start {
                self.lend();
                self.handle(event);
            }
        }
    }

    /// A name was resolved, perhaps the one that it waits for.
    pub fn resolved(&mut self, answer: &Answer) {
        let Link::Dialing(dialing) = &mut self.pump.link else { return };
        let Shared { net, resolver, events, .. } = &mut *self.shared;
        let mut lent = Lent { now: self.now, slot: self.pump.id.slot, net, resolver, events };
        if let Some(failure) = dialing.resolved(answer, &mut lent) {
            self.fail(&failure);
        }
        self.follow();
    }

    /// A fetch of its credentials has come to its end.
    pub fn fetched(&mut self, fetched: Fetched) {
        let Fetched { session: _, epoch, result, at } = fetched;
        let Some(vault) = &mut self.pump.vault else { return };
        let Some((result, failure)) = vault.receive(epoch, result, at) else { return };
        if let Some(failure) = failure {
            self.ask(|application, requests| application.fetch_failed(epoch, &failure, requests));
        }
        self.apply(Event::Credentials { epoch, result });
    }

    /// Its turn to connect has come. It has to [settle](Self::settle) then.
    pub fn connect(&mut self) {
        let Some(conn) = self.pump.link.conn() else { return };
        self.shared.gate.admit(&mut self.pump.place, conn);
    }

    /// Lets another session connect if this one does not any more.
    fn make_room(&mut self) {
        if !self.pump.link.is_connecting() {
            self.shared.gate.leave(&mut self.pump.place);
        }
    }

    fn dial(&mut self) {
        let Pump { link: Link::Dialing(dialing), place, id, .. } = &mut *self.pump else { return };
        let Shared { net, resolver, events, gate, .. } = &mut *self.shared;
        // Its timeout does not run while it waits its turn.
        if !dialing.has_begun() && !gate.enter(place, id.slot, dialing.conn) {
            return;
        }
        let mut lent = Lent { now: self.now, slot: id.slot, net, resolver, events };
        match dialing.advance(&mut lent) {
            Progress::Pending => {}
            Progress::Ready(stream) => self.upgrade(stream),
            Progress::Failed(failure) => self.fail(&failure),
        }
    }

    /// Asks for the upgrade.
    fn upgrade(&mut self, stream: Stream<N::Socket>) {
        let Link::Dialing(dialing) = &self.pump.link else { return };
        let max_message_bytes = self.pump.machine.session().config().max_message_bytes;
        let mut out = Outgoing::default();
        let jar = self.pump.jar.as_deref().filter(|_| dialing.endpoint.keeps_cookies());
        match Engine::begin(&dialing.endpoint, jar, dialing.known.as_ref(), max_message_bytes, &mut out.buffer) {
            Ok(engine) => {
                let (conn, redirects, known) = (dialing.conn, dialing.redirects, dialing.known.clone());
                let connection = Connection::new(conn, stream, engine, out, redirects);
                self.pump.link = Link::Up(Box::new(Connection { known, ..connection }));
            }
            Err(failure) => {
                stream.close(&mut self.shared.net);
                self.fail(&failure.in_stage(Stage::Upgrade));
            }
        }
    }

    /// The server said no to the upgrade, or sent the client elsewhere.
    pub(super) fn refused(&mut self, rejected: Box<Rejected>) {
        let Link::Up(connection) = &self.pump.link else { return };
        let (conn, redirects) = (connection.conn, connection.redirects);
        match connection.engine.endpoint().redirected(&rejected, redirects) {
            // The same attempt goes on, on another connection.
            Ok(Some(endpoint)) => {
                let known = connection.known.clone();
                let dialing = Dialing::redirected(conn, endpoint, redirects + 1, known);
                if let Link::Up(connection) = mem::replace(&mut self.pump.link, Link::Dialing(Box::new(dialing))) {
                    connection.stream.close(&mut self.shared.net);
                }
                self.dial();
            }
            Ok(None) => self.fail(&Failure::Rejected(rejected)),
            Err(error) => self.fail(&Failure::Redirect { rejected, error }),
        }
    }

    /// Calls the application, outside of any event.
    pub(super) fn ask(&mut self, call: impl FnOnce(&mut A, &mut Requests<'_>)) {
        let Pump { application, ids, id, vault, .. } = &mut *self.pump;
        let (now, events, vault) = (self.now, &mut self.shared.events, vault.as_deref_mut());
        call(application, &mut Requests { session: *id, now, ids, events, vault });
    }

    /// Writes what is there to be written; whether the operating system took any of it.
    fn write(&mut self) -> bool {
        let Link::Up(connection) = &mut self.pump.link else { return false };
        let (conn, redirects) = (connection.conn, connection.redirects);
        if connection.out.is_waiting() {
            connection.out.borrow(&mut self.shared.spare);
        }
        let (bytes, result) = connection.write();
        if bytes > 0 {
            self.shared.events.push_back(Event::Wrote { conn, bytes });
            connection.out.report(conn, &mut self.shared.events);
        }
        // The closing handshake is complete (RFC 6455 §7.1.4). Where the session asked for it, and so has a timer, the
        // server is left to close the stream first (§7.1.1).
        let complete = connection.out.pending().is_empty() && connection.over.is_some() && !connection.closing;
        if let Err(failure) = result {
            // What came in before tells more: a close frame, most of all. And before that comes what had left.
            connection.readable = true;
            self.follow();
            self.read(READS);
            // It may be gone by now, and another in its place; after a redirect, one of the same name.
            if self.pump.link.up(conn).is_some_and(|connection| connection.redirects == redirects) {
                self.fail(&failure);
            }
        } else if complete {
            self.end(Ending::Because(Cause::Aborted));
        }
        bytes > 0
    }

    /// Ends the connection, or the attempt, and tells the application what exactly was wrong with it.
    pub(super) fn fail(&mut self, failure: &Failure) {
        let Some(conn) = self.pump.link.conn() else { return };
        let named = self.pump.link.told(failure);
        let failure = named.as_ref().unwrap_or(failure);
        // A close frame that came in says more than what ended the stream after it.
        let tells = !matches!(&self.pump.link, Link::Up(connection) if connection.over.is_some());
        self.end(Ending::Because(failure.cause()));
        if tells {
            // What it sends now comes behind the end.
            self.ask(|application, requests| application.failed(conn, failure, requests));
        }
    }

    fn end(&mut self, ending: Ending) {
        self.shared.events.extend(self.pump.link.end(&mut self.shared.net, ending));
    }
}

/// How often a session may read in one turn before the others have theirs: 1 MiB with the read buffer below.
const READS: u32 = 8;
/// How often reading may follow from writing, and writing from reading, before the others have their turn.
const ROUNDS: u32 = 16;
