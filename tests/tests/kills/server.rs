//! A server that notes what arrives, and from which life of the process.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use tungstenite::{
    Message, accept_hdr,
    handshake::server::{Request, Response},
};

/// What arrived on one connection, in its order, and in which life it was made.
type Arrivals = (usize, Vec<u64>);

pub(crate) struct Server {
    address: SocketAddr,
    stops: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Arrivals>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let stops = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stops);
        let thread = thread::spawn(move || {
            let mut connections: Vec<JoinHandle<Option<Arrivals>>> = Vec::new();
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let stream = stream.expect("accepted");
                connections.push(thread::spawn(move || note(stream)));
            }
            connections.into_iter().filter_map(|connection| connection.join().expect("no panic")).collect()
        });
        Self { address, stops, thread }
    }

    /// Where the process connects in this life.
    pub(crate) fn url(&self, life: u64) -> String {
        format!("ws://{}/{life}", self.address)
    }

    /// What arrived, connection by connection, in the order in which these were made. All of them are over.
    pub(crate) fn stop(self) -> Vec<Arrivals> {
        self.stops.store(true, Ordering::SeqCst);
        // It waits for a connection, and for nothing else.
        drop(TcpStream::connect(self.address));
        self.thread.join().expect("no panic")
    }
}

/// Reads until the connection is over, however that comes; `None` if it never opened.
fn note(stream: TcpStream) -> Option<Arrivals> {
    let mut life = 0;
    #[expect(clippy::result_large_err, reason = "tungstenite's own type")]
    let ask = |request: &Request, response: Response| {
        life = request.uri().path().trim_start_matches('/').parse().expect("a number");
        Ok(response)
    };
    let mut socket = accept_hdr(stream, ask).ok()?;
    let mut arrived = Vec::new();
    while let Ok(message) = socket.read() {
        if let Message::Text(text) = message {
            arrived.push(text.as_str().parse().expect("a number"));
        }
    }
    Some((life, arrived))
}
