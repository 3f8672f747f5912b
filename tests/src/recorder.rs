//! An independent WebSocket server (tungstenite) that writes down what arrives, echoes it, and talks on its own.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tungstenite::{Message, WebSocket};

/// How long a connection may take to say something before the server looks up.
const LOOK_UP: Duration = Duration::from_millis(20);

/// How often the server says something on its own: data comes in even where the way out is dead.
const TICK: Duration = Duration::from_millis(50);

/// How long the upgrade may take.
const HANDSHAKE: Duration = Duration::from_secs(2);

/// One message, as it arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// On which connection, counted from 1.
    pub connection: u64,
    /// The number that the message was.
    pub number: u64,
}

/// The server; dropping it ends all its connections.
#[derive(Debug)]
pub struct Recorder {
    addr: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    arrivals: Mutex<Vec<Arrival>>,
    connections: AtomicU64,
    over: AtomicBool,
}

impl Recorder {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    /// When the operating system has no port.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                while let Ok((stream, _)) = listener.accept()
                    && !shared.over()
                {
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || shared.serve(stream));
                }
            }
        });
        Ok(Self { addr, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What arrived so far, in this order.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.arrivals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.over.store(true, Relaxed);
        drop(TcpStream::connect(self.addr));
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().expect("the acceptor does not panic");
        }
    }
}

impl Shared {
    fn over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// Serves one connection to its end; however it ends, the record stands.
    fn serve(&self, stream: TcpStream) {
        let _however_it_ends = self.converse(stream);
    }

    fn converse(&self, stream: TcpStream) -> Result<(), tungstenite::Error> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(HANDSHAKE))?;
        stream.set_write_timeout(Some(HANDSHAKE))?;
        let Ok(mut socket) = tungstenite::accept(stream) else { return Ok(()) };
        socket.get_ref().set_read_timeout(Some(LOOK_UP))?;
        let connection = 1 + self.connections.fetch_add(1, Relaxed);
        let mut tick_due = Instant::now() + TICK;
        while !self.over() {
            match socket.read() {
                Ok(message) => self.take(&mut socket, connection, message)?,
                Err(tungstenite::Error::Io(error)) if would_block(&error) => {}
                Err(error) => return Err(error),
            }
            if Instant::now() >= tick_due {
                socket.send(Message::text("tick"))?;
                tick_due = Instant::now() + TICK;
            }
        }
        Ok(())
    }

    fn take(
        &self,
        socket: &mut WebSocket<TcpStream>,
        connection: u64,
        message: Message,
    ) -> Result<(), tungstenite::Error> {
        match message {
            Message::Text(text) => {
                if let Ok(number) = text.parse() {
                    let arrival = Arrival { connection, number };
                    self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).push(arrival);
                }
                socket.send(Message::Text(text))
            }
            // Pings are answered, and closes completed, by what tungstenite has queued.
            _ => socket.flush(),
        }
    }
}

fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
