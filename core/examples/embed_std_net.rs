//! A complete driver over blocking `std::net` and tungstenite, without a thread of its own: some 125 lines.
//!
//! `cargo run -p steadfast-core --example embed_std_net` runs it against a server in the same program, which echoes, and
//! drops its first connection half-way. What the session says is printed; the exit code is 0 if every message was
//! confirmed, across the reconnect. `docs/embedding.md` walks through it.
#![expect(clippy::disallowed_methods, reason = "a driver is where the clock, the socket and the waiting live")]

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    mem,
    net::{SocketAddr, TcpListener, TcpStream},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use steadfast_core::{
    Action, Cause, CloseCode, CloseFrame, ConnId, Event, HandshakeKind, IoKind, Message, MessageId, Notice,
    PingPayload, SendOptions, Session, Stage, StateKind, Timestamp, Verdict, config::Config,
};
use tungstenite::{
    Error, HandshakeError, Message as Wire, WebSocket, error::ProtocolError, protocol::frame::CloseFrame as WireClose,
};

// The driver ----------------------------------------------------------------------------------------------------------

/// A session and its I/O, apart, because the session's actions are carried out while they are borrowed from it.
struct Driver {
    session: Session,
    io: Io,
}

struct Io {
    addr: SocketAddr,
    epoch: Instant,
    conn: ConnId,
    link: Link,
    /// The session's one timer.
    timer: Option<Timestamp>,
    /// What the session is to hear next, in this order.
    news: VecDeque<Event<'static>>,
    /// The last message that the engine holds, and how many pings.
    unflushed: (Option<MessageId>, usize),
}

enum Link {
    None,
    Dialing,
    Open(Box<Engine>),
}

impl Driver {
    /// Tells the session something, and carries out what it decides; `app` gets deliveries and notices.
    fn say(&mut self, event: Event<'_>, app: &mut impl FnMut(Action<'_>)) {
        for action in self.session.handle(self.io.now(), event) {
            self.io.carry_out(action, app);
        }
        self.io.flush();
        // What became of the actions is told when all of them are carried out.
        while let Some(event) = self.io.news.pop_front() {
            self.say(event, app);
        }
    }

    /// Waits for the socket or the timer, at most this long, and tells the session what happened.
    fn turn(&mut self, patience: Duration, app: &mut impl FnMut(Action<'_>)) {
        // What has come in goes before a timer that is due: it may be the very pong that the timer is about.
        for _ in 0..64 {
            let came = self.io.wait(patience);
            while let Some(event) = self.io.news.pop_front() {
                self.say(event, app);
            }
            if !came || !self.io.timer_is_due() {
                break;
            }
        }
        if self.io.timer_is_due() {
            self.io.timer = None;
            self.say(Event::TimerFired, app);
        }
    }
}

impl Io {
    fn carry_out(&mut self, action: Action<'_>, app: &mut impl FnMut(Action<'_>)) {
        match action {
            Action::Connect { conn, .. } => {
                (self.conn, self.link, self.unflushed) = (conn, Link::Dialing, (None, 0));
                self.news.push_back(Event::Dialing { conn, stage: Stage::Connect });
            }
            Action::Send { id, message, .. } if self.write(to_wire(message)) => self.unflushed.0 = Some(id),
            // The link broke on an earlier action: no byte of this message has left, nor of those behind it.
            Action::Send { id, .. } => {
                if let Some(Event::Closed { untouched_from, .. }) = self.news.back_mut() {
                    untouched_from.get_or_insert(id);
                }
            }
            Action::Ping { payload, .. } => self.unflushed.1 += usize::from(self.write(ping(payload))),
            Action::Heartbeat { text, .. } => self.unflushed.1 += usize::from(self.write(Wire::text(text))),
            Action::Close { frame, .. } => drop(self.write(close(frame))),
            Action::Abort { .. } if matches!(self.link, Link::None) => {}
            Action::Abort { .. } => self.end(Cause::Aborted),
            Action::SetTimer { at } => self.timer = Some(at),
            Action::CancelTimer => self.timer = None,
            // Nothing of what it sends is durable.
            Action::Persist(_) | Action::Forget { .. } => {}
            Action::Deliver { .. } | Action::Notify(_) => app(action),
            Action::FetchCredentials { .. } | Action::Present { .. } => unreachable!("none are configured"),
        }
    }

    /// Gives the engine a message; `false` if the link has gone before it.
    fn write(&mut self, message: Wire) -> bool {
        let Link::Open(engine) = &mut self.link else { return false };
        engine.write(message).unwrap_or_else(|cause| self.end(cause));
        true
    }

    /// Empties the engine's buffer, as far as the socket takes it.
    fn flush(&mut self) {
        let (conn, Link::Open(engine)) = (self.conn, &mut self.link) else { return };
        let flushed = engine.flush();
        self.news.extend(engine.take_written().map(|bytes| Event::Wrote { conn, bytes }));
        match flushed {
            Ok(false) => {}
            Ok(true) => {
                let (message, pings) = mem::take(&mut self.unflushed);
                self.news.extend(message.map(|up_to| Event::Flushed { conn, up_to }));
                self.news.extend((0..pings).map(|_| Event::PingFlushed { conn, overtook: None }));
            }
            Err(cause) => self.end(cause),
        }
    }

    /// Waits for the one thing that can happen; `false` if nothing did.
    fn wait(&mut self, patience: Duration) -> bool {
        self.flush();
        if !self.news.is_empty() {
            return true;
        }
        let until_timer = self.timer.map_or(patience, |at| at - self.now());
        let wait = if self.unflushed == (None, 0) { until_timer.min(patience) } else { Duration::ZERO };
        let conn = self.conn;
        match &mut self.link {
            Link::None => thread::sleep(wait),
            Link::Dialing => match Engine::connect(self.addr, until_timer) {
                Ok(Some(engine)) => {
                    self.link = Link::Open(Box::new(engine));
                    self.news.push_back(Event::Opened { conn, can_ping: true });
                }
                Ok(None) => {} // the session's timeout fires now, and has the word
                Err(Cause::Io(kind)) => self.end(Cause::Dial { stage: Stage::Connect, kind }),
                Err(cause) => self.end(cause),
            },
            Link::Open(engine) => {
                let heard = engine.read(conn, wait);
                self.news.extend(engine.take_came().then_some(Event::Activity { conn }));
                match heard {
                    Ok(event) => self.news.extend(event),
                    Err(cause) => self.end(cause),
                }
            }
        }
        !self.news.is_empty()
    }

    fn end(&mut self, cause: Cause) {
        self.link = Link::None;
        self.news.push_back(Event::Closed { conn: self.conn, cause, untouched_from: None });
    }

    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.epoch.elapsed()
    }

    fn timer_is_due(&self) -> bool {
        self.timer.is_some_and(|at| at <= self.now())
    }
}

// The engine: tungstenite over a blocking socket -----------------------------------------------------------------------

struct Engine {
    socket: WebSocket<Tap>,
    /// The server's close frame.
    goodbye: Option<CloseFrame>,
}

/// The socket, and what went through it since the session was told.
struct Tap {
    stream: TcpStream,
    came: bool,
    written: u64,
}

impl Engine {
    /// Connects and upgrades; `None` if that takes longer than the patience lasts.
    fn connect(addr: SocketAddr, patience: Duration) -> Result<Option<Self>, Cause> {
        let connected =
            TcpStream::connect_timeout(&addr, patience.max(MOMENT)).map_err(Error::from).and_then(|stream| {
                stream.set_nodelay(true)?;
                let tap = Tap { stream, came: false, written: 0 };
                tap.set_patience(patience)?;
                tungstenite::client(format!("ws://{addr}/"), tap).map_err(|error| match error {
                    HandshakeError::Failure(error) => error,
                    HandshakeError::Interrupted(_) => Error::Io(ErrorKind::TimedOut.into()),
                })
            });
        match connected {
            Ok((socket, _)) => Ok(Some(Self { socket, goodbye: None })),
            Err(error) if would_block(&error) => Ok(None),
            Err(error) => Err(cause_of(&error, None)),
        }
    }

    /// Takes a message into the buffer.
    fn write(&mut self, message: Wire) -> Result<(), Cause> {
        self.settle(|socket| socket.write(message)).map(drop)
    }

    /// Whether everything written has left the buffer.
    fn flush(&mut self) -> Result<bool, Cause> {
        self.settle(WebSocket::flush).map(|flushed| flushed.is_some())
    }

    /// What comes in, as far as the session wants to know. tungstenite itself answers pings and closes.
    fn read(&mut self, conn: ConnId, wait: Duration) -> Result<Option<Event<'static>>, Cause> {
        self.socket.get_ref().set_patience(wait).map_err(|error| cause_of(&error.into(), None))?;
        Ok(match self.settle(WebSocket::read)? {
            Some(Wire::Text(text)) => Some(Event::Received { conn, message: Message::text(text.to_string()) }),
            Some(Wire::Binary(bytes)) => Some(Event::Received { conn, message: Message::binary(bytes) }),
            Some(Wire::Pong(data)) => PingPayload::from_slice(&data).map(|payload| Event::Pong { conn, payload }),
            Some(Wire::Close(frame)) => {
                self.goodbye = Some(from_wire(frame));
                None
            }
            Some(Wire::Ping(_) | Wire::Frame(_)) | None => None,
        })
    }

    /// Whether bytes came in since this was asked.
    fn take_came(&mut self) -> bool {
        mem::take(&mut self.socket.get_mut().came)
    }

    /// How many bytes the operating system took since this was asked, if it took any.
    fn take_written(&mut self) -> Option<u64> {
        Some(mem::take(&mut self.socket.get_mut().written)).filter(|bytes| *bytes > 0)
    }

    /// `None` if the socket was not able to.
    fn settle<T>(&mut self, step: impl FnOnce(&mut WebSocket<Tap>) -> Result<T, Error>) -> Result<Option<T>, Cause> {
        match step(&mut self.socket) {
            Ok(done) => Ok(Some(done)),
            Err(error) if would_block(&error) => Ok(None),
            Err(error) => Err(cause_of(&error, self.goodbye.take())),
        }
    }
}

/// The least that a socket can be told to wait: zero would mean for ever.
const MOMENT: Duration = Duration::from_millis(1);

impl Tap {
    /// How long reads and writes may block.
    fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(patience.max(MOMENT)))?;
        self.stream.set_write_timeout(Some(patience.max(MOMENT)))
    }
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.came |= read > 0;
        Ok(read)
    }
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn to_wire(message: &Message<'static>) -> Wire {
    match message {
        Message::Text(text) => Wire::text(&**text),
        Message::Binary(bytes) => Wire::binary(bytes.to_vec()),
    }
}

fn ping(payload: PingPayload) -> Wire {
    Wire::Ping(payload.0.to_vec().into())
}

fn close(frame: CloseFrame) -> Wire {
    Wire::Close(Some(WireClose { code: frame.code.0.into(), reason: frame.reason.into() }))
}

fn from_wire(frame: Option<WireClose>) -> CloseFrame {
    match frame {
        Some(frame) => CloseFrame { code: CloseCode(frame.code.into()), reason: frame.reason.to_string() },
        None => CloseFrame { code: CloseCode::NO_STATUS, reason: String::new() },
    }
}

fn would_block(error: &Error) -> bool {
    matches!(error, Error::Io(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

fn cause_of(error: &Error, goodbye: Option<CloseFrame>) -> Cause {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => Cause::Closed(goodbye.unwrap_or_else(|| from_wire(None))),
        Error::Io(error) => Cause::Io(match error.kind() {
            ErrorKind::ConnectionRefused => IoKind::Refused,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => IoKind::Reset,
            ErrorKind::UnexpectedEof => IoKind::Eof,
            ErrorKind::BrokenPipe => IoKind::BrokenPipe,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => IoKind::Unreachable,
            _ => IoKind::Other,
        }),
        Error::Http(response) => Cause::Rejected {
            status: response.status().as_u16(),
            retry_after: response
                .headers()
                .get("retry-after")
                .and_then(|value| value.to_str().ok()?.parse().ok())
                .map(Duration::from_secs),
        },
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Cause::Io(IoKind::Eof),
        Error::Protocol(ProtocolError::HandshakeIncomplete) => Cause::Handshake(HandshakeKind::Truncated),
        Error::Protocol(_) => Cause::Protocol(CloseCode::PROTOCOL_ERROR),
        Error::Utf8(_) => Cause::Protocol(CloseCode::INVALID_PAYLOAD),
        Error::Capacity(_) => Cause::Protocol(CloseCode::TOO_BIG),
        _ => Cause::Io(IoKind::Other),
    }
}

// The application, and a server for it --------------------------------------------------------------------------------

/// Messages to send; the server leaves after the first half.
const MESSAGES: u64 = 10;

fn main() -> ExitCode {
    let addr = start_server().expect("a port on the loopback interface");
    let mut driver = Driver {
        session: Session::new(Config::default(), 1),
        io: Io {
            addr,
            epoch: Instant::now(),
            conn: ConnId::default(),
            link: Link::None,
            timer: None,
            news: VecDeque::new(),
            unflushed: (None, 0),
        },
    };
    let (mut confirmed, mut opened, mut stopped) = (0, 0, false);
    let mut app = |action: Action<'_>| match action {
        Action::Notify(notice) => {
            println!("{notice:?}");
            match notice {
                Notice::Verdict { verdict: Verdict::Confirmed, .. } => confirmed += 1,
                Notice::State(change) => match change.to.kind() {
                    StateKind::Open => opened += 1,
                    StateKind::Stopped => stopped = true,
                    _ => {}
                },
                _ => {}
            }
        }
        other => println!("{other:?}"),
    };

    driver.say(Event::Start, &mut app);
    let deadline = Instant::now() + Duration::from_secs(10);
    for id in (1..=MESSAGES).map(MessageId) {
        let message = Message::text(format!("message {id}"));
        driver.say(Event::Send { id, message, options: SendOptions::default() }, &mut app);
        driver.turn(Duration::from_millis(20), &mut app);
    }
    driver.say(Event::Stop { frame: CloseFrame::NORMAL, drain: Some(Duration::from_secs(5)) }, &mut app);
    while driver.session.state().kind() != StateKind::Stopped && Instant::now() < deadline {
        driver.turn(Duration::from_millis(20), &mut app);
    }

    println!("{confirmed} of {MESSAGES} messages confirmed, over {opened} connections");
    if stopped && confirmed == MESSAGES && opened == 2 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Echoes what comes, one connection after the other; drops the first one half-way.
fn start_server() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    thread::spawn(move || {
        let mut loyal = false;
        for stream in listener.incoming().flatten() {
            let Ok(mut socket) = tungstenite::accept(stream) else { continue };
            let mut heard = 0;
            while let Ok(message) = socket.read() {
                heard += u64::from(message.is_text());
                if !loyal && heard == MESSAGES / 2 {
                    break;
                }
                if message.is_text() && socket.send(message).is_err() {
                    break;
                }
            }
            loyal = true;
        }
    });
    Ok(addr)
}
