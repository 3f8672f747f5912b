//! A session's connection, from the resolver's question to the last byte.

use std::{io, mem};

use steadfast_core::{
    Cause, CloseFrame, ConnId, Event, Message, MessageId, PingPayload, Stage, Timestamp,
    wire::{
        Buffer,
        handshake::{BodyState, Rejected},
    },
};

use crate::{
    credentials::Known,
    dial::{Dialing, Stream},
    engine::Engine,
    failure::Failure,
    net::{Net, Ready, Socket},
    pump::outgoing::Outgoing,
};

/// What a session has by way of a connection.
#[derive(Debug, Default)]
pub(super) enum Link<S> {
    #[default]
    None,
    /// There is no stream yet.
    Dialing(Box<Dialing<S>>),
    /// Connected; the WebSocket may still have to open.
    Up(Box<Connection<S>>),
}

/// A connected stream and the engine on top of it.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about one socket")]
#[derive(Debug)]
pub(super) struct Connection<S> {
    pub(super) conn: ConnId,
    /// How many redirects led here.
    pub(super) redirects: u8,
    /// The secret that it is made with, as long as that may be needed.
    pub(super) known: Option<Known>,
    pub(super) stream: Stream<S>,
    pub(super) engine: Engine,
    pub(super) out: Outgoing,
    /// Where a message is put together that does not come in with one read; the engine's.
    pub(super) assembly: Buffer,
    /// What was read and not taken by the engine before the application asked for a pause. `Some`, even if it is empty,
    /// means that the engine may have more to say.
    pub(super) held: Option<Vec<u8>>,
    /// When the application, which answers elsewhere, has had the time to answer what came last: what is held ends the
    /// connection.
    pub(super) grace: Option<Timestamp>,
    /// Until when it has the time to answer the last message.
    pub(super) answered_by: Timestamp,
    /// Whether the WebSocket is open.
    pub(super) open: bool,
    /// Whether the session was told that reads are paused.
    pub(super) paused: bool,
    /// Edge-triggered readiness, remembered.
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// Whether the operating system has said, or may have said, that the stream has ended or failed: it does not say so
    /// again, so reading goes on until it comes to that.
    pub(super) may_have_ended: bool,
    /// Whether the session asked for the closing handshake.
    pub(super) closing: bool,
    /// Whether no message went either way since the last ping.
    pub(super) quiet: bool,
    /// Why it is over, once what is in `out` has been flushed.
    pub(super) over: Option<Cause>,
}

/// What a read came to.
#[derive(Debug)]
pub(super) enum Read {
    Bytes(usize),
    /// Nothing for the engine, and there may be more.
    Nothing,
    WouldBlock,
    /// The stream has ended, in this way.
    Ended(Failure),
}

impl<S: Socket> Link<S> {
    pub(super) fn conn(&self) -> Option<ConnId> {
        match self {
            Self::None => None,
            Self::Dialing(dialing) => Some(dialing.conn),
            Self::Up(connection) => Some(connection.conn),
        }
    }

    /// Whether an attempt is under way, or waits its turn.
    pub(super) fn is_connecting(&self) -> bool {
        match self {
            Self::None => false,
            Self::Dialing(_) => true,
            Self::Up(connection) => !connection.open,
        }
    }

    /// What is told of a failure that comes before the WebSocket is open: its stage, and nothing of the secret that it was
    /// tried with, as who says no may quote what it says no to. `None`: the failure as it is.
    pub(super) fn told(&self, failure: &Failure) -> Option<Failure> {
        let Self::Up(connection) = self else { return None };
        if connection.open {
            return None;
        }
        let failure = failure.clone().in_stage(Stage::Upgrade);
        Some(match &connection.known {
            Some(known) => known.secret.kept_out_of(failure),
            None => failure,
        })
    }

    /// Does something with the connection of this name; nothing if it is gone.
    pub(super) fn with(&mut self, conn: ConnId, act: impl FnOnce(&mut Connection<S>)) {
        if let Some(connection) = self.up(conn) {
            act(connection);
        }
    }

    /// The connection of this name, if it is there.
    pub(super) fn up(&mut self, conn: ConnId) -> Option<&mut Connection<S>> {
        match self {
            Self::Up(connection) if connection.conn == conn => Some(connection),
            Self::None | Self::Dialing(_) | Self::Up(_) => None,
        }
    }

    /// Drops the connection, or the attempt. Says what the session is to be told.
    pub(super) fn end(&mut self, net: &mut impl Net<Socket = S>, ending: Ending) -> Option<Event<'static>> {
        let conn = self.conn()?;
        let (cause, untouched_from) = match mem::take(self) {
            Self::None => return None,
            Self::Dialing(mut dialing) => {
                dialing.close(net);
                (ending.cause(None), None)
            }
            Self::Up(connection) => {
                let Connection { stream, out, over, .. } = *connection;
                let untouched_from = out.untouched_from(stream.touched());
                match ending {
                    Ending::Abort => stream.abort(net),
                    Ending::Because(_) => stream.close(net),
                }
                (ending.cause(over), untouched_from)
            }
        };
        Some(Event::Closed { conn, cause, untouched_from })
    }
}

/// How a connection is ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// With a reset: the session wants it gone.
    Abort,
    /// Because it is over, for this cause.
    Because(Cause),
}

impl Ending {
    /// A close frame that came in says more than whatever ended the stream after it.
    fn cause(self, over: Option<Cause>) -> Cause {
        match (over, self) {
            (Some(over), _) => over,
            (None, Self::Because(cause)) => cause,
            (None, Self::Abort) => Cause::Aborted,
        }
    }
}

impl<S: Socket> Connection<S> {
    pub(super) fn new(conn: ConnId, stream: Stream<S>, engine: Engine, out: Outgoing, redirects: u8) -> Self {
        Self {
            conn,
            redirects,
            known: None,
            stream,
            engine,
            out,
            assembly: Buffer::new(),
            held: None,
            grace: None,
            answered_by: Timestamp::ZERO,
            open: false,
            paused: false,
            // The event that told of the connect may also have told of bytes, or the end, and would not come again.
            readable: true,
            may_have_ended: true,
            writable: true,
            closing: false,
            quiet: false,
            over: None,
        }
    }

    /// Takes note of what the operating system says of the stream.
    pub(super) fn note(&mut self, ready: Ready) {
        self.may_have_ended |= ready.ended;
        self.readable |= ready.readable || self.may_have_ended;
        self.writable |= ready.writable;
    }

    pub(super) fn send(&mut self, id: MessageId, message: &Message<'static>) {
        self.quiet = false;
        let start = self.out.end();
        if !self.has_to_wait(message.len()) && self.engine.send(message, &mut self.out.buffer) {
            self.out.mark_message(id, start);
        } else {
            self.out.wait(id, message);
        }
    }

    /// Whether a message of this length cannot, or should not, be put into the buffer as a whole now.
    fn has_to_wait(&self, len: usize) -> bool {
        self.out.is_waiting() || self.out.is_full() || self.engine.fragments(len)
    }

    pub(super) fn ping(&mut self, payload: PingPayload) {
        self.rest();
        // Behind what would go out next anyway: a message that fits there is confirmed by this ping and not by another.
        self.out.feed(&mut self.engine);
        if self.engine.ping(payload, &mut self.out.buffer) {
            self.out.mark_ping();
        }
    }

    /// Gives memory back if no message came or went since the last sign of life.
    fn rest(&mut self) {
        if mem::replace(&mut self.quiet, true) {
            self.engine.release();
            self.out.release();
        }
    }

    pub(super) fn heartbeat(&mut self, text: &str) {
        self.rest();
        if self.has_to_wait(text.len()) {
            self.out.wait_heartbeat(text);
        } else if self.engine.send(&Message::text(text), &mut self.out.buffer) {
            self.out.mark_ping();
        }
    }

    /// Sends what presents credentials.
    pub(super) fn present(&mut self, message: Message<'static>) {
        self.quiet = false;
        if self.has_to_wait(message.len()) || !self.engine.send(&message, &mut self.out.buffer) {
            self.out.wait_presented(message);
        }
    }

    pub(super) fn close(&mut self, frame: &CloseFrame) {
        self.closing = true;
        if self.out.is_waiting() {
            self.out.wait_close(frame);
        } else {
            self.engine.close(frame, &mut self.out.buffer);
        }
    }

    /// Reads once. What belongs to a message that is being assembled goes there; the rest, which may be nothing, to the
    /// front of `buffer`.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Read {
        let space = self.engine.space(&mut self.assembly).unwrap_or_default();
        let (direct, room) = (space.len(), space.len() + buffer.len());
        match self.stream.read(space, buffer) {
            Ok(0) => Read::Ended(self.engine.ended()),
            Ok(read) => {
                if !self.may_have_ended && self.stream.is_drained(read < room) {
                    self.readable = false;
                }
                let assembled = read.min(direct);
                if assembled > 0 {
                    self.engine.filled(assembled, &mut self.assembly);
                }
                Read::Bytes(read - assembled)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => Read::Nothing,
                io::ErrorKind::WouldBlock => {
                    (self.readable, self.may_have_ended) = (false, false);
                    Read::WouldBlock
                }
                _ => Read::Ended(Failure::stream(&error)),
            },
        }
    }

    /// Takes what has come in of a rejection's body by now. It is not waited for: that the server says no is news, and the
    /// reason may never be complete.
    pub(super) fn collect(&mut self, rejected: &mut Rejected) {
        let mut buffer = [0; 1 << 10];
        for _ in 0..COLLECTED {
            if rejected.body_state() != BodyState::Pending {
                return;
            }
            match self.stream.read(&mut [], &mut buffer) {
                Ok(0) => {
                    rejected.ended();
                }
                Ok(read) => {
                    rejected.receive(&mut &buffer[..read]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Writes until everything is out, the operating system takes no more, or reading wants its turn between fragments;
    /// how many bytes it took.
    pub(super) fn write(&mut self) -> (u64, Result<(), Failure>) {
        let before = self.stream.sent();
        let (written, result) = self.write_out();
        // Of what TLS holds until the last of a batch has left, that some of it left is progress.
        (written.max(self.stream.sent() - before), result)
    }

    fn write_out(&mut self) -> (u64, Result<(), Failure>) {
        let mut written = 0;
        if self.writable
            && let Err(error) = self.stream.flush()
            && error.kind() != io::ErrorKind::WouldBlock
        {
            return (written, Err(Failure::stream(&error)));
        }
        while self.writable {
            self.engine.pull(&mut self.out.buffer);
            if self.out.pending().is_empty() {
                if written < FED_AT_ONCE {
                    self.out.feed(&mut self.engine);
                }
                if self.out.pending().is_empty() {
                    break;
                }
            }
            match self.stream.write(self.out.pending()) {
                Ok(0) => self.writable = false,
                Ok(taken) => {
                    self.out.took(taken);
                    written += taken as u64;
                    if self.stream.a_short_write_is_the_last() && !self.out.pending().is_empty() {
                        self.writable = false;
                    }
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => self.writable = false,
                    _ => return (written, Err(Failure::stream(&error))),
                },
            }
        }
        (written, Ok(()))
    }
}

/// How many reads of a kibibyte a rejection's body is worth: more than is kept of it, for what surrounds its chunks.
const COLLECTED: u32 = 16;
/// After how many bytes of fragments reading, and then the other sessions, have their turn.
const FED_AT_ONCE: u64 = 256 << 10;

#[cfg(test)]
mod tests;
