//! One connection at the server: a blocking thread that reads, answers, and breaks the connection when told to.

use std::{
    io,
    net::{Shutdown, TcpStream},
    sync::{
        Arc, OnceLock,
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::{Duration, Instant},
};

use socket2::SockRef;
use tungstenite::{
    Message, WebSocket,
    handshake::{
        HandshakeError,
        server::{ErrorResponse, Request, Response},
    },
    http::{HeaderValue, StatusCode, header},
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::{
    fault::Fault,
    gate::Gate,
    incident::Incident,
    record::Arrival,
    server::{Service, Shared},
};

/// How a new connection is received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Welcome {
    /// With a WebSocket.
    Serve,
    /// With 503 and `Retry-After: 1`.
    Reject,
    /// With nothing.
    Stall,
}

/// What the server tells the thread of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// Do this to the client.
    Break(Fault),
    /// Read what has already come, and end.
    Retire,
}

/// A connection, as its own thread holds it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) orders: Receiver<Order>,
    /// Set when the WebSocket is open.
    pub(super) opened: Arc<OnceLock<Instant>>,
    pub(super) shared: Arc<Shared>,
}

/// What a turn at the socket brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    /// A message or a control frame.
    Frame,
    /// Nothing within [`TICK`].
    Nothing,
    /// The end.
    Over,
}

impl Connection {
    /// Serves the connection until it is over, or until told to end.
    pub(super) fn run(&self, stream: TcpStream, welcome: Welcome) {
        let timeouts = stream.set_read_timeout(Some(TICK)).and_then(|()| stream.set_write_timeout(Some(TICK)));
        if timeouts.is_err() {
            return;
        }
        match welcome {
            Welcome::Serve => {
                if let Some((socket, target)) = self.handshake(stream, false) {
                    let conn = self.shared.record().open(target);
                    // Set once, here alone.
                    let _ = self.opened.set(Instant::now());
                    self.shared.tell(Incident::Opened(conn));
                    self.serve(socket, conn);
                    self.shared.tell(Incident::Left(conn));
                }
            }
            Welcome::Reject => {
                self.shared.tell(Incident::Rejected);
                // The answer is an error to the engine: there is no socket to serve.
                let _ = self.handshake(stream, true);
            }
            Welcome::Stall => {
                self.shared.tell(Incident::Stalled);
                self.hold();
            }
        }
    }

    /// The WebSocket, and what it was asked for.
    fn handshake(&self, stream: TcpStream, reject: bool) -> Option<(WebSocket<Gate>, String)> {
        let mut target = String::new();
        #[expect(clippy::result_large_err, reason = "the engine's callback has this signature")]
        let answer = |request: &Request, response: Response| {
            target = request.uri().to_string();
            if reject { Err(unavailable()) } else { Ok(with_subprotocol(request, response)) }
        };
        let deadline = Instant::now() + PATIENCE;
        let mut attempt = tungstenite::accept_hdr(Gate::new(stream, self.shared.tls.as_ref())?, answer);
        loop {
            match attempt {
                Ok(socket) => return Some((socket, target)),
                Err(HandshakeError::Interrupted(unfinished))
                    if Instant::now() < deadline && self.orders.try_recv() == Err(TryRecvError::Empty) =>
                {
                    attempt = unfinished.handshake();
                }
                Err(_) => return None,
            }
        }
    }

    fn serve(&self, mut socket: WebSocket<Gate>, conn: u64) {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Break(fault)) => return self.suffer(socket, conn, fault),
                Ok(Order::Retire) | Err(TryRecvError::Disconnected) => return self.drain(&mut socket, conn),
                Err(TryRecvError::Empty) => {}
            }
            if self.turn(&mut socket, conn) == Turn::Over {
                return;
            }
        }
    }

    /// Breaks the connection in the manner of `fault`.
    fn suffer(&self, mut socket: WebSocket<Gate>, conn: u64, fault: Fault) {
        match fault {
            Fault::Reset | Fault::Refuse | Fault::Unavailable | Fault::Stall => {
                // A linger of zero makes the close an RST. Where it cannot be set the client sees a FIN instead.
                let _ = SockRef::from(socket.get_ref().stream()).set_linger(Some(Duration::ZERO));
            }
            Fault::HalfClose => {
                socket.get_mut().mute();
                // An error means that the client was faster.
                let _ = socket.get_ref().stream().shutdown(Shutdown::Write);
                self.read_on(&mut socket, conn);
            }
            Fault::Silence => self.hold(),
            Fault::Mute => {
                socket.get_mut().mute();
                self.read_on(&mut socket, conn);
            }
            Fault::Restart => {
                let frame = CloseFrame { code: CloseCode::Restart, reason: "service restart".into() };
                // An error means that the client was faster, and shows with the next read.
                let _ = socket.close(Some(frame));
                self.read_on(&mut socket, conn);
            }
        }
    }

    /// Reads until the client leaves, the server says so, or patience ends.
    fn read_on(&self, socket: &mut WebSocket<Gate>, conn: u64) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if matches!(self.orders.try_recv(), Ok(Order::Retire) | Err(TryRecvError::Disconnected)) {
                return self.drain(socket, conn);
            }
            if self.turn(socket, conn) == Turn::Over {
                return;
            }
        }
    }

    /// Reads what has already come.
    fn drain(&self, socket: &mut WebSocket<Gate>, conn: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.turn(socket, conn) == Turn::Frame && Instant::now() < deadline {}
    }

    /// Does nothing, with the socket open, until the server says so or patience ends.
    fn hold(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.orders.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Order::Break(_)) => {}
                Ok(Order::Retire) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Sends what is left to send; if nothing is, reads one frame, keeps or echoes it.
    fn turn(&self, socket: &mut WebSocket<Gate>, conn: u64) -> Turn {
        let done = match socket.flush() {
            Ok(()) => socket.read().and_then(|message| self.take(socket, conn, message)),
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => Turn::Frame,
            Err(error) if only_waits(&error) => Turn::Nothing,
            Err(_) => Turn::Over,
        }
    }

    fn take(&self, socket: &mut WebSocket<Gate>, conn: u64, message: Message) -> tungstenite::Result<()> {
        if !(message.is_text() || message.is_binary()) {
            return Ok(());
        }
        match self.shared.service {
            Service::Record => {
                let text = message.to_text().unwrap_or_default().to_owned();
                self.shared.record().arrivals.push(Arrival { conn, text });
                Ok(())
            }
            Service::Echo => socket.write(message),
        }
    }
}

/// Whether the error only says that there is nothing to read, or no room to write, for now.
fn only_waits(error: &tungstenite::Error) -> bool {
    let tungstenite::Error::Io(error) = error else { return false };
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

fn unavailable() -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(String::from("busy, come back later\n")));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Takes the first subprotocol that the client offers, if it offers one (RFC 6455 §4.2.2).
fn with_subprotocol(request: &Request, mut response: Response) -> Response {
    let offered = request.headers().get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
    let first = offered.and_then(|offered| offered.split(',').next()).map(str::trim);
    if let Some(value) = first.and_then(|first| HeaderValue::from_str(first).ok()) {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, value);
    }
    response
}

/// How long a read or a write may block before the thread looks for orders.
const TICK: Duration = Duration::from_millis(5);
/// How long a thread waits for a client that neither speaks nor leaves.
const PATIENCE: Duration = Duration::from_secs(10);
