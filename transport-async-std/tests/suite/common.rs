//! What the tests share: servers on loopback, each connection on a thread of its own, and a client that retries at once.

use std::{
    future::{Future, poll_fn},
    net::{SocketAddr, TcpListener, TcpStream},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    thread::{self, JoinHandle},
    time::Duration,
};

use async_std::{future, task};
use steadfast_async_std::{
    Client, ClientBuilder,
    core::{
        StateKind,
        config::{Backoff, Config, ConfigBuilder, Jitter, Schedule},
    },
};
use tungstenite::WebSocket;

/// A bound that only a failure reaches.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Runs a test, at most for [`SOON`].
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    task::block_on(soon(test))
}

/// Waits for something at most for [`SOON`].
pub(crate) async fn soon<T>(something: impl Future<Output = T>) -> T {
    future::timeout(SOON, something).await.expect("it takes too long")
}

/// A server that gives each connection to `serve` on a thread of its own. Dropping it closes the door.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// `serve` is told which connection it is, from 0 on.
    pub(crate) fn start(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
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

    /// A server that accepts the upgrade of each connection.
    pub(crate) fn accept(serve: impl Fn(WebSocket<TcpStream>, usize) + Send + Sync + 'static) -> Self {
        Self::start(move |stream, index| {
            if let Ok(socket) = tungstenite::accept(stream) {
                serve(socket, index);
            }
        })
    }

    /// A server that sends every message back.
    pub(crate) fn echo() -> Self {
        Self::accept(|socket, _| echo(socket))
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

/// Polls a future so often, and says whether it came to its end. It is dropped then.
pub(crate) async fn poll_times<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut polled = 0;
    poll_fn(|context| {
        if polled == times {
            return Poll::Ready(None);
        }
        polled += 1;
        // Whatever wakes it wakes this, too.
        future.as_mut().poll(context).map(Some)
    })
    .await
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

/// Begins a client.
pub(crate) fn build(url: &str) -> ClientBuilder {
    Client::builder(url).engine(crate::engine()).config(config().build().expect("a good configuration"))
}

/// A client that is connected.
pub(crate) async fn connect(url: &str) -> Client {
    soon(build(url).connect()).await.expect("a connection")
}

/// Waits until the client is in a state of this kind.
pub(crate) async fn until(client: &Client, kind: StateKind) {
    soon(client.state().wait_for(|state| state.kind() == kind)).await.expect("a client");
}
