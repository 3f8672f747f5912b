//! A session's connection, from the resolver's question to the last byte.

use std::io;

use mio::{Registry, Token};
use steadfast_core::{Cause, CloseFrame, ConnId, Event, Message, MessageId, PingPayload, wire::Buffer};

use crate::{
    cause,
    dial::{Dial, Progress},
    driver::outgoing::Outgoing,
    endpoint::Endpoint,
    engine::Engine,
    stream::Stream,
};

/// What a session has by way of a connection.
#[derive(Debug, Default)]
pub(super) enum Link {
    #[default]
    None,
    /// The name is being resolved.
    Resolving(ConnId),
    /// One address after the other is tried.
    Dialing(ConnId, Dial),
    /// Connected; the WebSocket may still have to open.
    Up(Box<Connection>),
}

/// A connected stream and the engine on top of it.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about one socket")]
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) conn: ConnId,
    stream: Stream,
    pub(super) engine: Engine,
    pub(super) out: Outgoing,
    /// Where a message is put together that does not come in with one read; the engine's.
    pub(super) assembly: Buffer,
    /// What was read and not taken by the engine before the application asked for a pause. `Some`, even if it is empty,
    /// means that the engine may have more to say.
    pub(super) held: Option<Vec<u8>>,
    /// Whether the WebSocket is open.
    pub(super) open: bool,
    /// Whether the session was told that reads are paused.
    pub(super) paused: bool,
    /// Edge-triggered readiness, remembered.
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// Whether the session asked for the closing handshake.
    pub(super) closing: bool,
    /// Why it is over, once what is in `out` has been flushed.
    pub(super) over: Option<Cause>,
}

/// What a read came to.
#[derive(Debug)]
pub(super) enum Read {
    Bytes(usize),
    WouldBlock,
    /// The stream has ended, in this way.
    Ended(Cause),
}

impl Link {
    pub(super) fn conn(&self) -> Option<ConnId> {
        match self {
            Self::None => None,
            Self::Resolving(conn) | Self::Dialing(conn, _) => Some(*conn),
            Self::Up(connection) => Some(connection.conn),
        }
    }

    /// Does something with the connection of this name; nothing if it is gone.
    pub(super) fn with(&mut self, conn: ConnId, act: impl FnOnce(&mut Connection)) {
        if let Some(connection) = self.up(conn) {
            act(connection);
        }
    }

    /// The connection of this name, if it is there.
    pub(super) fn up(&mut self, conn: ConnId) -> Option<&mut Connection> {
        match self {
            Self::Up(connection) if connection.conn == conn => Some(connection),
            Self::None | Self::Resolving(_) | Self::Dialing(..) | Self::Up(_) => None,
        }
    }

    /// Takes the connect under way a step further; its cause, if it failed for good.
    pub(super) fn dial(
        &mut self,
        registry: &Registry,
        token: Token,
        endpoint: &Endpoint,
        max_message_bytes: usize,
    ) -> Option<Cause> {
        let Self::Dialing(conn, dial) = self else { return None };
        match dial.advance(registry, token) {
            Progress::Pending => None,
            Progress::Failed(cause) => Some(cause),
            Progress::Connected(stream) => {
                let mut out = Outgoing::default();
                let engine = Engine::begin(endpoint, max_message_bytes, &mut out.buffer);
                *self = Self::Up(Box::new(Connection {
                    conn: *conn,
                    stream,
                    engine,
                    out,
                    assembly: Buffer::new(),
                    held: None,
                    open: false,
                    paused: false,
                    // The event that told of the connect may also have told of bytes, and would not come again.
                    readable: true,
                    writable: true,
                    closing: false,
                    over: None,
                }));
                None
            }
        }
    }

    /// Drops the connection, or the attempt. Says what the session is to be told.
    pub(super) fn end(&mut self, registry: &Registry, ending: Ending) -> Option<Event<'static>> {
        let conn = self.conn()?;
        let (cause, untouched_from) = match std::mem::take(self) {
            Self::None => return None,
            Self::Resolving(_) => (ending.cause(None), None),
            Self::Dialing(_, mut dial) => {
                dial.close(registry);
                (ending.cause(None), None)
            }
            Self::Up(connection) => {
                let Connection { stream, out, over, .. } = *connection;
                match ending {
                    Ending::Abort => stream.abort(registry),
                    Ending::Because(_) => stream.close(registry),
                }
                (ending.cause(over), out.untouched_from())
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

impl Connection {
    pub(super) fn send(&mut self, id: MessageId, message: &Message<'_>) {
        let start = self.out.end();
        if self.engine.send(message, &mut self.out.buffer) {
            self.out.mark_message(id, start);
        } else {
            self.out.mark_unsendable(id);
        }
    }

    pub(super) fn ping(&mut self, payload: PingPayload) {
        if self.engine.ping(payload, &mut self.out.buffer) {
            self.out.mark_ping();
        }
    }

    pub(super) fn heartbeat(&mut self, text: &str) {
        if self.engine.send(&Message::text(text), &mut self.out.buffer) {
            self.out.mark_ping();
        }
    }

    pub(super) fn close(&mut self, frame: &CloseFrame) {
        self.closing = true;
        self.engine.close(frame, &mut self.out.buffer);
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Read {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Read::Ended(self.engine.ended()),
                Ok(read) => return Read::Bytes(read),
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => {
                        self.readable = false;
                        return Read::WouldBlock;
                    }
                    _ => return Read::Ended(Cause::Io(cause::io_kind(&error))),
                },
            }
        }
    }

    /// Writes until everything is out or the operating system takes no more; how many bytes it took.
    pub(super) fn write(&mut self) -> (u64, Result<(), Cause>) {
        let mut written = 0;
        while self.writable && !self.out.pending().is_empty() {
            match self.stream.write(self.out.pending()) {
                Ok(0) => self.writable = false,
                Ok(taken) => {
                    self.out.took(taken);
                    written += taken as u64;
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => self.writable = false,
                    _ => return (written, Err(Cause::Io(cause::io_kind(&error)))),
                },
            }
        }
        (written, Ok(()))
    }
}
