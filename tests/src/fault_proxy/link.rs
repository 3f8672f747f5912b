//! One connection that the proxy carries: two sockets, and for each way a reader, a delay queue and a writer.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use socket2::SockRef;

use super::{Fault, lock};

/// Chunks that may be on their way at once; more than that, and the sender feels it.
const QUEUE: usize = 256;

/// How long a write may block before the writer looks whether it still should.
const WRITE_PATIENCE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct Link {
    client: TcpStream,
    server: TcpStream,
    /// What was done to it, if anything.
    fault: Mutex<Option<Fault>>,
    struck: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    ToServer,
    ToClient,
}

/// A piece of the stream, and when it arrives; empty for the stream's end.
struct Chunk {
    due: Instant,
    bytes: Vec<u8>,
}

impl Link {
    /// Connects to the server. Nothing is forwarded yet.
    pub(super) fn connect(client: TcpStream, server: SocketAddr) -> io::Result<Arc<Self>> {
        let server = TcpStream::connect(server)?;
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
            stream.set_write_timeout(Some(WRITE_PATIENCE))?;
        }
        Ok(Arc::new(Self { client, server, fault: Mutex::default(), struck: Condvar::new() }))
    }

    /// Starts to forward.
    pub(super) fn forward(self: &Arc<Self>, latency: Duration) {
        for way in [Way::ToServer, Way::ToClient] {
            let (queue, queued) = sync_channel(QUEUE);
            thread::spawn({
                let link = Arc::clone(self);
                move || link.read_all(way, &queue, latency)
            });
            thread::spawn({
                let link = Arc::clone(self);
                move || link.write_all(way, &queued)
            });
        }
    }

    /// Breaks it, if it is whole; says whether it was.
    pub(super) fn strike(&self, fault: Fault) -> bool {
        {
            let mut struck = lock(&self.fault);
            if struck.is_some() {
                return false;
            }
            *struck = Some(fault);
        }
        self.struck.notify_all();
        match fault {
            Fault::Reset => self.reset(),
            Fault::Fin => {
                for stream in [&self.client, &self.server] {
                    let _gone_is_fine = stream.shutdown(Shutdown::Write);
                }
            }
            Fault::Silence | Fault::OnlyToClient | Fault::OnlyToServer => {}
        }
        true
    }

    /// RST to both sides, as soon as the threads have let go of the sockets.
    pub(super) fn reset(&self) {
        *lock(&self.fault) = Some(Fault::Reset);
        self.struck.notify_all();
        for stream in [&self.client, &self.server] {
            let _gone_is_fine = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            // Wakes the reader, and sends nothing.
            let _gone_is_fine = stream.shutdown(Shutdown::Read);
        }
    }

    fn passes(&self, way: Way) -> bool {
        passes(*lock(&self.fault), way)
    }

    fn read_all(&self, way: Way, queue: &SyncSender<Chunk>, latency: Duration) {
        let mut from = match way {
            Way::ToServer => &self.client,
            Way::ToClient => &self.server,
        };
        let mut chunk = vec![0; 16 * 1024];
        loop {
            let read = from.read(&mut chunk);
            if !self.passes(way) && matches!(read, Ok(1..)) {
                continue;
            }
            match read {
                Ok(read) => {
                    let chunk = Chunk { due: Instant::now() + latency, bytes: chunk[..read].to_vec() };
                    if queue.send(chunk).is_err() || read == 0 {
                        break;
                    }
                }
                Err(_) => return self.reset(),
            }
        }
        if lock(&self.fault).is_some_and(|fault| fault != Fault::Fin) {
            // One side has noticed: there is nobody left to keep in the dark.
            self.reset();
        }
    }

    fn write_all(&self, way: Way, queue: &Receiver<Chunk>) {
        let to = match way {
            Way::ToServer => &self.server,
            Way::ToClient => &self.client,
        };
        while let Ok(chunk) = queue.recv() {
            self.wait_until(chunk.due, way);
            if !self.passes(way) {
                continue;
            }
            let written =
                if chunk.bytes.is_empty() { to.shutdown(Shutdown::Write) } else { self.write(way, to, &chunk.bytes) };
            if written.is_err() {
                self.reset();
            }
        }
    }

    /// Writes all, as long as this way is not broken.
    fn write(&self, way: Way, mut to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() && self.passes(way) {
            match to.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits for the chunk's time, or until it will not be forwarded any more.
    fn wait_until(&self, due: Instant, way: Way) {
        let mut fault = lock(&self.fault);
        while passes(*fault, way) {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            fault = self.struck.wait_timeout(fault, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn passes(fault: Option<Fault>, way: Way) -> bool {
    match (fault, way) {
        (None, _) | (Some(Fault::OnlyToClient), Way::ToClient) | (Some(Fault::OnlyToServer), Way::ToServer) => true,
        (Some(_), _) => false,
    }
}
