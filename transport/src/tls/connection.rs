//! One connection: TLS as a machine between two sides that both may have to wait.

use std::{
    fmt,
    io::{self, BufRead as _, ErrorKind, IoSlice, Read as _, Write as _},
    sync::Arc,
};

use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};
use rustls_pki_types::ServerName;
use steadfast_core::TlsKind;

use super::{
    config::{TlsConfig, parse_server_name},
    failure::{TlsFailure, shown},
};
use crate::net::Socket;

/// A client's end of one TLS connection, without a socket of its own: whoever calls lends one for each step.
///
/// All steps fail with [`WouldBlock`](ErrorKind::WouldBlock) when the socket has them wait. They may be repeated whenever
/// it says that it is ready again, for reading or for writing, and after any other failure they repeat that. A failure of
/// TLS itself, and not of the socket, has a [`TlsFailure`] inside.
///
/// TLS has things of its own to write: answers to what it reads, alerts. They go out with whatever step comes next; while
/// [`wants_write`](Self::wants_write) says so and nothing is to be written, [`flush`](Self::flush) when the socket can be
/// written to.
pub struct Tls {
    connection: ClientConnection,
    /// How errors call the server.
    server: Box<str>,
    /// How many bytes of the application are encrypted and not yet all taken by the socket.
    in_flight: usize,
    /// How many bytes the socket has taken since these were encrypted.
    taken: usize,
    /// How many bytes the socket has taken in all.
    sent: u64,
    /// Whether the last read left the socket with nothing more to give.
    drained: bool,
    /// The first bytes that came in: they may turn out not to be TLS.
    began: Beginning,
    /// Why it is over.
    failed: Option<Box<TlsFailure>>,
}

/// What a handshake came to.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Negotiated {
    /// The version of TLS.
    pub version: TlsVersion,
    /// The protocol that the server chose by ALPN, if it chose one: `http/1.1`.
    pub alpn: Option<String>,
    /// Whether an earlier session was resumed, without certificates.
    pub resumed: bool,
    /// The cipher suite, as IANA's registry calls it, without `TLS_`.
    pub cipher_suite: &'static str,
}

/// A version of TLS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl Tls {
    /// Begins a connection to this host, a name or an address, unless the configuration names another server.
    ///
    /// # Errors
    /// The host is neither a DNS name nor an address.
    pub fn new(config: &TlsConfig, host: &str) -> Result<Self, TlsFailure> {
        let name = match config.server_name() {
            Some(name) => name.clone(),
            None => parse_server_name(host)
                .map_err(|_| TlsFailure::new(TlsKind::WrongName, format!("`{}` is no name for TLS", shown(host))))?,
        };
        let server = shown(&text_of(&name)).into_boxed_str();
        let mut connection = ClientConnection::new(Arc::clone(config.client()), name)
            .map_err(|error| TlsFailure::from_rustls(&error, &server))?;
        // Never reached by `write`, which encrypts nothing while anything is left to be written.
        connection.set_buffer_limit(Some(BATCH));
        Ok(Self {
            connection,
            server,
            in_flight: 0,
            taken: 0,
            sent: 0,
            drained: false,
            began: Beginning::default(),
            failed: None,
        })
    }

    /// Takes the handshake as far as the socket lets it. When it is done, all of our part has been taken by the socket, and
    /// bytes of the application may be there already: [`read`](Self::read) before the socket is waited for.
    ///
    /// # Errors
    /// [`WouldBlock`](ErrorKind::WouldBlock) until it is done; the socket's failures;
    /// [`UnexpectedEof`](ErrorKind::UnexpectedEof) if the server closes the stream; and a [`TlsFailure`].
    pub fn handshake<S: Socket>(&mut self, socket: &mut S) -> io::Result<Negotiated> {
        loop {
            self.check()?;
            let flushed = self.flush(socket);
            if let Err(error) = &flushed
                && error.kind() != ErrorKind::WouldBlock
            {
                // The server may have said why, before it closed.
                let _ = self.pull(socket);
                self.check()?;
                return Err(flushed.expect_err("matched"));
            }
            if !self.connection.is_handshaking() {
                flushed?;
                return Ok(self.negotiated());
            }
            if self.pull(socket)? == 0 {
                let text = format!("`{}` closed the stream during the TLS handshake", self.server);
                return Err(io::Error::new(ErrorKind::UnexpectedEof, text));
            }
        }
    }

    /// Reads bytes of the application into `first`, and what does not fit there into `then`; how many. Nothing means that
    /// the server has ended the connection with `close_notify` (RFC 8446 §6.1).
    ///
    /// All of `then` may be overwritten: from 4 KiB on it also takes in what the socket has, many records with one
    /// call.
    ///
    /// # Errors
    /// [`WouldBlock`](ErrorKind::WouldBlock) if nothing is there; [`Interrupted`](ErrorKind::Interrupted) if what came was
    /// nothing for the application though it was much, and more may be there: others want their turn;
    /// [`UnexpectedEof`](ErrorKind::UnexpectedEof) if the stream ended without `close_notify`, so that what came may not be
    /// all; the socket's failures; and a [`TlsFailure`].
    pub fn read<S: Socket>(&mut self, socket: &mut S, first: &mut [u8], then: &mut [u8]) -> io::Result<usize> {
        debug_assert!(!(first.is_empty() && then.is_empty()), "nothing read is the end");
        for _ in 0..PULLS {
            match self.take(first, then) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                taken => {
                    // The socket was not asked, and may have got more since it was.
                    self.drained = false;
                    return taken;
                }
            }
            self.check()?;
            let read = if then.len() >= LEAST {
                self.read_batch(socket, first, then)?
            } else {
                // What came before a failure counts: the failure comes again.
                match self.pull(socket) {
                    Ok(_) => 0,
                    Err(failure) => return self.take(first, then).map_err(|_| failure),
                }
            };
            // What is to be answered to what came in: whatever does not go out now is for the next step.
            if self.wants_write() && self.in_flight == 0 {
                let _ = self.flush(socket);
            }
            if read > 0 {
                return Ok(read);
            }
        }
        self.drained = false;
        self.take(first, then).or(Err(ErrorKind::Interrupted.into()))
    }

    /// After a read that gave something: whether there may be more though the socket says nothing new. It is decrypted
    /// already, or the socket did not say that it had given all; or what there is to be read is the end, or a failure.
    #[must_use]
    pub fn may_have_more(&mut self) -> bool {
        let waits = |error: &io::Error| error.kind() == ErrorKind::WouldBlock;
        !self.drained || self.failed.is_some() || !self.connection.reader().fill_buf().as_ref().is_err_and(waits)
    }

    /// Writes the front of `plain`, at most 64 KiB; how many bytes of it have left: all of what TLS made of them, and of
    /// anything before them, was taken by the socket.
    ///
    /// Until then it would block, and the next call has to offer the same bytes at the front again. They are encrypted once.
    ///
    /// # Errors
    /// [`WouldBlock`](ErrorKind::WouldBlock); the socket's failures; and a [`TlsFailure`].
    pub fn write<S: Socket>(&mut self, socket: &mut S, plain: &[u8]) -> io::Result<usize> {
        self.check()?;
        if self.in_flight == 0 {
            self.flush(socket)?;
            let batch = &plain[..plain.len().min(BATCH)];
            self.in_flight = self.connection.writer().write(batch)?;
            self.taken = 0;
        }
        debug_assert!(plain.len() >= self.in_flight, "what is in flight is offered again");
        self.flush(socket)?;
        Ok(std::mem::take(&mut self.in_flight))
    }

    /// How many of the bytes at the front of what was last offered to [`write`](Self::write), and not yet accounted for by
    /// it, may have reached the server, at most.
    ///
    /// A record is of no use to a server before it has all of it (RFC 8446 §5.2), so only records that left as a whole
    /// count.
    #[must_use]
    pub fn touched(&self) -> usize {
        let (whole, rest) = (self.in_flight / RECORD, self.in_flight % RECORD);
        let left = (self.taken / (RECORD + LEAST_OVERHEAD)).min(whole);
        // What is left to be written may be an alert behind the last of them, which is shorter.
        let last = left == whole && self.taken - whole * (RECORD + LEAST_OVERHEAD) >= rest + LEAST_OVERHEAD;
        if last || !self.wants_write() { self.in_flight } else { left * RECORD }
    }

    /// How many bytes the socket has taken in all. It grows while [`write`](Self::write) still would block: the sign that
    /// a slow connection is not a dead one.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether something is to be written that the socket has not taken yet.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// Writes what is to be written.
    ///
    /// # Errors
    /// [`WouldBlock`](ErrorKind::WouldBlock) if the socket does not take all of it; its failures.
    pub fn flush<S: Socket>(&mut self, socket: &mut S) -> io::Result<()> {
        while self.connection.wants_write() {
            let mut writing = Writing { socket, short: false };
            match self.connection.write_tls(&mut writing) {
                Ok(0) => return Err(ErrorKind::WouldBlock.into()),
                Ok(taken) => {
                    let short = writing.short;
                    self.taken += taken;
                    self.sent += taken as u64;
                    if S::A_SHORT_ONE_IS_THE_LAST && short {
                        return Err(ErrorKind::WouldBlock.into());
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says goodbye (`close_notify`, RFC 8446 §6.1), as far as the socket takes it at once. Nothing can be written after it.
    ///
    /// Behind something in flight it would come too late: that would have to go out first, and what was
    /// [not touched](Self::touched) stays so.
    pub fn close<S: Socket>(&mut self, socket: &mut S) {
        if self.in_flight > 0 {
            return;
        }
        if self.failed.is_none() {
            self.connection.send_close_notify();
        }
        let _ = self.flush(socket);
    }

    fn negotiated(&self) -> Negotiated {
        let connection = &self.connection;
        Negotiated {
            version: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => TlsVersion::Tls12,
                _ => TlsVersion::Tls13,
            },
            alpn: connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            cipher_suite: connection
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .map_or("", |name| name.split_once('_').map_or(name, |(_, name)| name)),
        }
    }

    /// What is decrypted already.
    fn take(&mut self, first: &mut [u8], then: &mut [u8]) -> io::Result<usize> {
        let mut reader = self.connection.reader();
        let mut taken = 0;
        for buffer in [first, then] {
            if buffer.is_empty() {
                continue;
            }
            match reader.read(buffer) {
                Ok(read) if taken > 0 || read == buffer.len() => taken += read,
                Err(_) if taken > 0 => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, TRUNCATED));
                }
                // Less than there was room for, the end, or nothing yet.
                other => return other,
            }
        }
        Ok(taken)
    }

    /// Reads once from the socket, into the connection's own buffer, and processes what came; how much that was.
    fn pull<S: Socket>(&mut self, socket: &mut S) -> io::Result<usize> {
        let mut reading = Reading { socket, short: false, began: &mut self.began };
        let read = loop {
            match self.connection.read_tls(&mut reading) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.drained = reading.short;
        let read = read?;
        self.process(socket)?;
        Ok(read)
    }

    /// Reads once from the socket, into `then`, and decrypts that to `first` and the front of `then`; how much it came to.
    ///
    /// What is decrypted takes the place of what was: a record is longer than its plain text, so that only what a record
    /// lay in before, less than one of them, may have to wait for the next call.
    fn read_batch<S: Socket>(&mut self, socket: &mut S, first: &mut [u8], then: &mut [u8]) -> io::Result<usize> {
        let room = then.len();
        let read = loop {
            match socket.read(&mut [], then) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.drained = read.as_ref().map_or(true, |read| *read < room);
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                self.rest();
                return Err(error);
            }
        };
        let (mut from, end, mut plain) = (0, read, 0);
        loop {
            let fed = self.connection.read_tls(&mut &then[from..end])?;
            from += fed;
            let processed = self.process(socket);
            let (left, front) = (plain.min(first.len()), plain.saturating_sub(first.len()));
            match self.take(&mut first[left..], &mut then[front..from]) {
                Ok(taken) => plain += taken,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if plain == 0 => return Err(error),
                Err(_) => {}
            }
            // What came before a failure counts: the failure comes again.
            if plain == 0 {
                processed?;
            } else if processed.is_err() {
                break;
            }
            if fed == 0 || from == end {
                break;
            }
        }
        if self.drained {
            self.rest();
        }
        Ok(plain)
    }

    /// Has the connection give back memory that it needs only while records come in.
    fn rest(&mut self) {
        let _ = self.connection.read_tls(&mut Nothing);
    }

    /// Processes what came in. A violation is answered with an alert, if the socket takes it at once.
    fn process<S: Socket>(&mut self, socket: &mut S) -> io::Result<()> {
        if self.failed.is_none()
            && let Err(error) = self.connection.process_new_packets()
        {
            let _ = self.flush(socket);
            let failure = if self.began.bytes == *b"HTTP/" {
                let text = format!("`{}` speaks plain HTTP there, not TLS: is it ws:// that is meant?", self.server);
                TlsFailure::new(TlsKind::Protocol, text)
            } else {
                TlsFailure::from_rustls(&error, &self.server)
            };
            self.failed = Some(Box::new(failure));
        }
        self.check()
    }

    fn check(&self) -> io::Result<()> {
        match &self.failed {
            Some(failure) => Err(TlsFailure::clone(failure).into_io()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("server", &self.server)
            .field("handshaking", &self.connection.is_handshaking())
            .field("in_flight", &self.in_flight)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

fn text_of(name: &ServerName<'_>) -> String {
    name.to_str().into_owned()
}

/// The first bytes of a stream.
#[derive(Default)]
struct Beginning {
    bytes: [u8; 5],
    len: usize,
}

impl Beginning {
    fn note(&mut self, read: &[u8]) {
        let missing = &mut self.bytes[self.len..];
        let noted = missing.len().min(read.len());
        missing[..noted].copy_from_slice(&read[..noted]);
        self.len += noted;
    }
}

/// A socket as rustls reads from it.
struct Reading<'a, S> {
    socket: &'a mut S,
    /// Whether it gave less than there was room for, or nothing.
    short: bool,
    began: &'a mut Beginning,
}

impl<S: Socket> io::Read for Reading<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.socket.read(&mut [], buffer);
        self.short = read.as_ref().map_or(true, |read| *read < buffer.len());
        if let Ok(read) = read {
            self.began.note(&buffer[..read]);
        }
        read
    }
}

/// A socket as rustls writes to it.
struct Writing<'a, S> {
    socket: &'a mut S,
    /// Whether it took less than it was offered.
    short: bool,
}

impl<S: Socket> io::Write for Writing<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.socket.write(bytes)?;
        self.short = taken < bytes.len();
        Ok(taken)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let taken = self.socket.write_vectored(slices)?;
        self.short = taken < slices.iter().map(|slice| slice.len()).sum();
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A socket that has nothing to give.
struct Nothing;

impl io::Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }
}

/// How many bytes are encrypted ahead of the socket: four records, which one call writes.
const BATCH: usize = 4 * RECORD;
/// How many bytes of the application a record holds at most (RFC 8446 §5.1).
const RECORD: usize = 16 << 10;
/// What a record adds to them at least: its header of five bytes and a tag of sixteen.
const LEAST_OVERHEAD: usize = 5 + 16;
/// How often one read asks the socket for something that the application can be given: more than a record takes, if it
/// comes in by the least that TLS reads at once.
const PULLS: usize = 8;
/// With less room than this, the connection's own buffer is as good.
const LEAST: usize = 4 << 10;
const TRUNCATED: &str = "the stream ended without the close_notify of TLS: what came may not be all";
