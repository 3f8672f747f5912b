//! The server of a swarm, in a process of its own: it sends every message back, on one thread, over tungstenite.

use std::{
    io::{self, BufRead, ErrorKind, Write},
    mem,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread,
};

use mio::{
    Events, Interest, Poll, Token, Waker,
    net::{TcpListener, TcpStream},
};
use serde::{Deserialize, Serialize};
use slab::Slab;
use tungstenite::{
    Error, HandshakeError, WebSocket,
    handshake::{
        MidHandshake,
        server::{NoCallback, ServerHandshake},
    },
    protocol::WebSocketConfig,
};

use super::usage;
use crate::{
    args::SwarmServerArgs,
    exit::{Exit, Failure},
};

/// What a server has seen. It says so whenever it is asked, with a line of JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Connections accepted.
    pub(super) accepted: usize,
    /// Connections that are open: the upgrade is done.
    pub(super) open: usize,
    /// The most connections at the same time that were accepted and not open yet.
    pub(super) most_opening: usize,
}

/// Everything.
struct Server {
    poll: Poll,
    listener: TcpListener,
    peers: Slab<Peer>,
    opening: usize,
    seen: Seen,
}

/// A connection.
enum Peer {
    /// Its upgrade is under way.
    Opening(Box<MidHandshake<ServerHandshake<TcpStream, NoCallback>>>),
    Open(Box<WebSocket<TcpStream>>),
    /// It is over, or somebody works on it.
    Gone,
}

/// Serves until standard input ends; says where it listens, and what it has seen for each line of that.
pub(crate) fn run(args: &SwarmServerArgs) -> Result<Exit, Failure> {
    let needed = u64::from(args.connections) + SPARE;
    usage::allow_descriptors(needed).map_err(|allowed| {
        Failure::input(format!("connections {}: the system allows {allowed} file descriptors", args.connections))
    })?;
    let listener = TcpListener::bind(args.addr).map_err(Failure::system(format!("listen on {}", args.addr)))?;
    serve(listener).map_err(Failure::system("serve"))?;
    Ok(Exit::Good)
}

fn serve(mut listener: TcpListener) -> io::Result<()> {
    let poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let asked = listen_to_input(Arc::new(Waker::new(poll.registry(), WAKER)?))?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    let mut server = Server { poll, listener, peers: Slab::new(), opening: 0, seen: Seen::default() };
    let mut events = Events::with_capacity(1_024);
    loop {
        if let Err(error) = server.poll.poll(&mut events, None)
            && error.kind() != ErrorKind::Interrupted
        {
            return Err(error);
        }
        for event in &events {
            match event.token() {
                LISTENER => server.accept()?,
                WAKER => {
                    for line in asked.try_iter() {
                        let Some(()) = line else { return Ok(()) };
                        writeln!(io::stdout(), "{}", serde_json::to_string(&server.seen).map_err(io::Error::other)?)?;
                    }
                }
                Token(index) => server.go_on(index),
            }
        }
    }
}

/// A line of standard input is a question, and its end the end.
fn listen_to_input(waker: Arc<Waker>) -> io::Result<Receiver<Option<()>>> {
    let (tell, told) = mpsc::channel();
    thread::Builder::new().name("input".into()).spawn(move || {
        let lines = io::stdin().lock().lines().map_while(Result::ok).map(|_| Some(()));
        for line in lines.chain([None]) {
            if tell.send(line).is_err() || waker.wake().is_err() {
                return;
            }
        }
    })?;
    Ok(told)
}

impl Server {
    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // It was given up before it could be accepted.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => continue,
                Err(error) => return Err(error),
            };
            let index = self.peers.insert(Peer::Gone);
            self.poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
            // The connection works without it, only less promptly.
            let _ = stream.set_nodelay(true);
            self.seen.accepted += 1;
            self.opening += 1;
            self.seen.most_opening = self.seen.most_opening.max(self.opening);
            // The buffers of the default are for fewer connections with more to say.
            let config = WebSocketConfig::default().read_buffer_size(1 << 10).write_buffer_size(0);
            let began = tungstenite::accept_with_config(stream, Some(config));
            self.shaken(index, began);
        }
    }

    fn go_on(&mut self, index: usize) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        match mem::replace(peer, Peer::Gone) {
            Peer::Opening(handshake) => {
                let shaken = handshake.handshake();
                self.shaken(index, shaken);
            }
            Peer::Open(socket) => self.echo(index, socket),
            Peer::Gone => {}
        }
    }

    fn shaken(
        &mut self,
        index: usize,
        shaken: Result<WebSocket<TcpStream>, HandshakeError<ServerHandshake<TcpStream, NoCallback>>>,
    ) {
        match shaken {
            Ok(socket) => {
                self.opening -= 1;
                self.seen.open += 1;
                self.echo(index, Box::new(socket));
            }
            Err(HandshakeError::Interrupted(handshake)) => self.peers[index] = Peer::Opening(Box::new(handshake)),
            Err(HandshakeError::Failure(_)) => {
                self.opening -= 1;
                self.peers.remove(index);
            }
        }
    }

    fn echo(&mut self, index: usize, mut socket: Box<WebSocket<TcpStream>>) {
        if echo_all(&mut socket).is_err_and(|error| is_over(&error)) {
            self.seen.open -= 1;
            self.peers.remove(index);
        } else {
            self.peers[index] = Peer::Open(socket);
        }
    }
}

/// Sends back whatever has come.
fn echo_all(socket: &mut WebSocket<TcpStream>) -> Result<(), Error> {
    loop {
        match socket.read() {
            Ok(message) if message.is_text() || message.is_binary() => socket.write(message)?,
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return socket.flush(),
            Err(error) => return Err(error),
        }
    }
}

fn is_over(error: &Error) -> bool {
    !matches!(error, Error::Io(error) if error.kind() == ErrorKind::WouldBlock)
}

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
/// Descriptors beyond those of the connections.
pub(super) const SPARE: u64 = 64;
