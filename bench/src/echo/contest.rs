//! What a client has to be able to do, and what is noted of it.

use std::{net::TcpStream, time::Instant};

use bytes::Bytes;

use super::{Failure, server::Server};

/// What is echoed: `window` messages are sent and flushed together; when all of them have come back, the next are.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) window: usize,
    /// Binary, so that nobody has to look for UTF-8 in it.
    pub(crate) payload: Bytes,
}

/// A client of an echo server through one API of one library.
pub(crate) trait Echo: Sized {
    /// A connection behind its handshake, with `TCP_NODELAY`.
    fn connect(server: &Server, load: &Load) -> Result<Self, Failure>;

    /// Sends so many windows, each after the one before has come back as a whole.
    fn exchange(&mut self, windows: usize, notes: &mut Notes) -> Result<(), Failure>;
}

/// How long echoes took.
pub(crate) struct Notes {
    /// From where the window's sending began to where the message was there, in nanoseconds.
    pub(crate) latencies: Vec<u32>,
    began: Instant,
    received: usize,
    every: usize,
}

impl Notes {
    /// A clock costs about as much as a small message, so with a window of many only one message in 16 is looked at.
    pub(crate) fn new(load: &Load) -> Self {
        let every = if load.window == 1 { 1 } else { 16 };
        Self { latencies: Vec::new(), began: Instant::now(), received: 0, every }
    }

    /// A window's sending begins.
    #[inline]
    pub(crate) fn sending(&mut self) {
        self.began = Instant::now();
    }

    /// A message is there, with this payload.
    ///
    /// # Errors
    /// If it is not as long as the one that was sent.
    #[inline]
    pub(crate) fn received(&mut self, payload: &[u8], load: &Load) -> Result<(), Failure> {
        if payload.len() != load.payload.len() || payload.first() != load.payload.first() {
            return Err(format!("{} B came back, and not what was sent", payload.len()).into());
        }
        self.received += 1;
        if self.received.is_multiple_of(self.every) {
            self.latencies.push(u32::try_from(self.began.elapsed().as_nanos()).unwrap_or(u32::MAX));
        }
        Ok(())
    }
}

/// A connection behind its handshake, which tungstenite makes, for clients that take one over.
pub(crate) fn dial(server: &Server) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect(server.messages)?;
    stream.set_nodelay(true)?;
    tungstenite::client(format!("ws://{}/", server.messages), &stream).map_err(|error| error.to_string())?;
    Ok(stream)
}

/// The same for an asynchronous client, on a runtime with one thread: the caller's.
pub(crate) fn dial_async(server: &Server) -> Result<(tokio::runtime::Runtime, tokio::net::TcpStream), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stream = dial(server)?;
    stream.set_nonblocking(true)?;
    let stream = runtime.block_on(async { tokio::net::TcpStream::from_std(stream) })?;
    Ok((runtime, stream))
}
