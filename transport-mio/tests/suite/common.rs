//! What the tests share: servers of every manner on loopback, and a client that retries at once.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use steadfast_mio::{
    Client, ClientBuilder, Endpoint, Notices,
    core::{
        Cause, CloseCode, CloseFrame, Notice, State, StateKind, StopCause,
        config::{Backoff, Config, ConfigBuilder, Jitter, Schedule},
    },
};
use tungstenite::{Message, WebSocket};

/// A bound that only a failure reaches.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A server that gives each connection to `serve` on a thread of its own. Dropping it closes the door and waits.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// `serve` is told which connection it is, from 0 on.
    pub(crate) fn start(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").expect("a port"), serve)
    }

    pub(crate) fn on(listener: TcpListener, serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().expect("an address");
        let closed = Arc::new(AtomicBool::new(false));
        let (stop, serve) = (Arc::clone(&closed), Arc::new(serve));
        let thread = thread::spawn(move || {
            for index in 0.. {
                let Ok((stream, _)) = listener.accept() else { return };
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                stream.set_nodelay(true).expect("an option");
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream, index));
            }
        });
        Self { address, closed, thread: Some(thread) }
    }

    /// A server that sends every message back.
    pub(crate) fn echo() -> Self {
        Self::start(|stream, _| {
            if let Ok(socket) = tungstenite::accept(stream) {
                echo(socket);
            }
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Sends every message back until the connection ends.
pub(crate) fn echo(mut socket: WebSocket<TcpStream>) {
    while let Ok(message) = socket.read() {
        if (message.is_text() || message.is_binary()) && socket.send(message).is_err() {
            return;
        }
    }
}

/// Reads until the next text or binary message.
pub(crate) fn next_message(socket: &mut WebSocket<TcpStream>) -> Option<Message> {
    loop {
        match socket.read() {
            Ok(message) if message.is_text() || message.is_binary() => return Some(message),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

/// Reads until the connection ends.
pub(crate) fn drain(socket: &mut WebSocket<TcpStream>) {
    while socket.read().is_ok() {}
}

/// Reads the upgrade request.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("a head in ASCII")
}

/// Accepts the upgrade by hand, with `more` behind it in the same segment.
pub(crate) fn upgrade(stream: &mut TcpStream, more: &[u8]) {
    let head = read_head(stream);
    let mut bytes = accepting(&head).into_bytes();
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(more);
    let _ = stream.write_all(&bytes);
}

/// The head that accepts this request, but for the empty line at its end.
pub(crate) fn accepting(request: &str) -> String {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    format!("HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n")
}

/// Answers the upgrade request with these bytes and ends the stream, politely: the answer arrives.
pub(crate) fn answer(mut stream: TcpStream, bytes: &[u8]) {
    read_head(&mut stream);
    let _ = stream.write_all(bytes);
    finish(&stream);
}

/// Ends the stream with a FIN and waits for the client to do so, too.
pub(crate) fn finish(mut stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Ends the stream with a RST.
pub(crate) fn reset(stream: TcpStream) {
    let socket = socket2::Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).expect("an option");
}

/// A configuration that retries after 10 ms.
pub(crate) fn config() -> ConfigBuilder {
    let schedule = Schedule::Fixed { delay: Duration::from_millis(10) };
    Config::builder().backoff(Backoff { schedule, jitter: Jitter::None, first: None, ..Backoff::default() })
}

pub(crate) fn endpoint(url: &str) -> Endpoint {
    Endpoint::parse(url).expect("a good URL").engine(crate::engine())
}

/// Begins a client on the engine that is tested.
pub(crate) fn builder(url: &str) -> ClientBuilder {
    Client::builder(url).engine(crate::engine())
}

pub(crate) fn build(url: &str) -> ClientBuilder {
    builder(url).config(config().build().expect("a good configuration"))
}

pub(crate) fn connect(url: &str) -> Client {
    build(url).connect().expect("a client")
}

/// Waits until the client is open.
pub(crate) fn open(client: &Client) -> State {
    client.state().wait_for(SOON, |state| state.kind() == StateKind::Open).expect("an open connection")
}

/// Waits for the end of the first connection, or attempt, that fails, and says why.
pub(crate) fn first_failure(notices: &Notices) -> Cause {
    loop {
        if let Notice::State(transition) = notices.receive_timeout(SOON).expect("a notice").notice {
            match transition.to {
                State::Waiting { cause, .. } => return cause,
                State::Stopped { cause } => return stopped(cause),
                _ => {}
            }
        }
    }
}

fn stopped(cause: StopCause) -> Cause {
    match cause {
        StopCause::Terminal(cause) | StopCause::Exhausted(cause) => cause,
        _ => Cause::Stopped,
    }
}

/// Connects to a server of this manner, and says how the first connection ended.
pub(crate) fn how_it_ends(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Cause {
    let server = Server::start(serve);
    let mut builder = build(&server.url());
    let notices = builder.notices();
    let _client = builder.connect().expect("a client");
    first_failure(&notices)
}

/// A close frame with any code, even one that must not be sent.
pub(crate) fn close_frame(code: u16, reason: &str) -> Cause {
    Cause::Closed(CloseFrame { code: CloseCode(code), reason: reason.to_owned() })
}

/// This program, about to run one test of a `module_path!()` and nothing else.
pub(crate) fn one_test(module: &str, name: &str) -> [String; 3] {
    let program = std::env::current_exe().expect("a program").into_os_string().into_string().expect("UTF-8");
    let (_, module) = module.split_once("::").expect("a crate's name first");
    [program, "--exact".to_owned(), format!("{module}::{name}")]
}

/// Runs what [`one_test`] said, in whatever way; it must have run that test, and well.
pub(crate) fn assert_ran(command: &mut Command) {
    let output = command.output().expect("a process");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
