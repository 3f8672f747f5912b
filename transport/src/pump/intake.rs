//! What comes in: bytes from the socket, and what they come to for the session.

use std::{mem, time::Duration};

use steadfast_core::{Cause, ConnId, Event, Message, wire::Buffer};

use crate::{
    credentials::Vault,
    engine::Incoming,
    failure::unix_now,
    net::Net,
    pump::{
        application::Application,
        link::{Link, Read},
        outgoing::keep,
        shared::READ_BUFFER,
        turn::Turn,
    },
};

impl<A: Application, N: Net> Turn<'_, A, N> {
    /// Reads until the operating system has no more, the application wants no more, or the others want their turn; how
    /// often it may read before they do.
    pub(super) fn read(&mut self, mut budget: u32) -> u32 {
        let mut buffer = mem::take(&mut self.shared.buffer);
        if buffer.is_empty() {
            buffer = vec![0; READ_BUFFER];
        }
        while budget > 0 && self.read_once(&mut buffer) {
            budget -= 1;
        }
        self.shared.buffer = buffer;
        budget
    }

    /// Takes one step in reading; whether there may be another.
    fn read_once(&mut self, buffer: &mut [u8]) -> bool {
        let pause = self.pump.pause;
        let Link::Up(connection) = &mut self.pump.link else { return false };
        let conn = connection.conn;
        let over = connection.over.is_some();
        // The upgrade is not the application's to hold back.
        if connection.open && !over {
            if pause != connection.paused {
                connection.paused = pause;
                self.apply(if pause { Event::ReadsPaused { conn } } else { Event::ReadsResumed { conn } });
                return true;
            }
            if pause || connection.grace.is_some_and(|at| self.now < at) {
                return false;
            }
            connection.grace = None;
            if let Some(held) = connection.held.take() {
                self.take_in(conn, &held);
                return true;
            }
        }
        // Once it is over, all that may still be awaited is the end of the stream.
        if !connection.readable || over && !connection.closing {
            return false;
        }
        match connection.read(buffer) {
            Read::Nothing => {}
            Read::Bytes(_) if over => {}
            Read::Bytes(read) => {
                if connection.open {
                    self.apply(Event::Activity { conn });
                }
                self.take_in(conn, &buffer[..read]);
            }
            Read::WouldBlock => return false,
            Read::Ended(failure) => {
                self.fail(&failure);
                return false;
            }
        }
        true
    }

    /// Gives bytes to the engine, and what they came to to the session.
    fn take_in(&mut self, conn: ConnId, input: &[u8]) {
        let Some(connection) = self.pump.link.up(conn) else { return };
        connection.out.borrow(&mut self.shared.spare);
        connection.engine.tick(self.now);
        // Messages are borrowed from it while the session has the connection.
        let mut assembly = mem::take(&mut connection.assembly);
        if assembly.capacity() == 0 {
            mem::swap(&mut assembly, &mut self.shared.assembly);
        }
        self.assemble(conn, input, &mut assembly);
        if let Some(connection) = self.pump.link.up(conn)
            && !connection.engine.is_at_rest()
        {
            connection.assembly = assembly;
        } else {
            assembly.clear();
            keep(assembly, &mut self.shared.assembly);
        }
    }

    fn assemble(&mut self, conn: ConnId, mut input: &[u8], assembly: &mut Buffer) {
        let mut delivered = false;
        loop {
            let pause = self.pump.pause;
            let Some(connection) = self.pump.link.up(conn) else { return };
            if connection.over.is_some() {
                return;
            }
            if pause && connection.open {
                connection.held = Some(input.to_vec());
                return;
            }
            // Nearly every message, without a look at everything else that might have come.
            if let Some(message) = connection.engine.whole(&mut input) {
                connection.quiet = false;
                delivered = true;
                self.received(conn, message);
                continue;
            }
            if delivered {
                connection.answered_by = self.now + GRACE;
            }
            if self.now < connection.answered_by
                && connection.engine.is_doomed(input)
                && self.pump.application.answers_later()
            {
                connection.grace = Some(connection.answered_by);
                connection.held = Some(input.to_vec());
                return;
            }
            let Some(incoming) = connection.engine.next(&mut input, assembly, &mut connection.out.buffer) else {
                return;
            };
            match incoming {
                Incoming::Message(message) => {
                    connection.quiet = false;
                    delivered = true;
                    self.apply(Event::Received { conn, message });
                }
                Incoming::Nothing => {}
                Incoming::Pong(payload) => self.apply(Event::Pong { conn, payload }),
                Incoming::Opened(accepted) => {
                    connection.open = true;
                    if let Some(jar) = &mut self.pump.jar
                        && connection.engine.endpoint().keeps_cookies()
                    {
                        jar.store(connection.engine.request(), accepted.headers(), unix_now());
                    }
                    self.ask(|application, requests| application.opened(conn, &accepted, requests));
                    self.apply(Event::Opened { conn, can_ping: true });
                    // It is presented by now, if it was to be.
                    self.pump.link.with(conn, |connection| connection.known = None);
                }
                Incoming::Refused(mut rejected) => {
                    connection.collect(&mut rejected);
                    self.refused(rejected);
                    // What lies behind the answer is not for whatever connection there may be now.
                    return;
                }
                Incoming::Closed(frame) => {
                    connection.over = Some(Cause::Closed(Vault::kept_out_of(self.pump.vault.as_deref(), frame)));
                }
                Incoming::Failed(failure) => {
                    // What the server is told of it may get out or not. What had waited before it may, too.
                    let (bytes, _) = connection.write();
                    if bytes > 0 {
                        self.shared.events.push_back(Event::Wrote { conn, bytes });
                        connection.out.report(conn, &mut self.shared.events);
                    }
                    self.fail(&failure);
                }
            }
        }
    }

    /// A message came in. As [`apply`](Self::apply), for the event that comes most often, to a connection that has its
    /// write buffer.
    #[inline]
    fn received(&mut self, conn: ConnId, message: Message<'_>) {
        let (machine, mut hands) = self.hands();
        #[cfg(feature = "metrics")]
        hands.eyes.received();
        machine.handle(Event::Received { conn, message }, &mut hands);
        self.follow();
    }
}

/// How long an application that answers elsewhere has to answer a message before what breaks the protocol behind it ends the
/// connection. What ends it does so either way; a task that is scheduled late is worth the wait.
const GRACE: Duration = Duration::from_millis(100);
