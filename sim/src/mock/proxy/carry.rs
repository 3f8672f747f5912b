//! One connection that a proxy carries: two sockets, and for each way a reader, a queue and a writer.

use std::{
    io::{self, Read as _, Write as _},
    net::Shutdown,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use socket2::Socket;

use crate::mock::{door::is_timeout, lock};

/// What can be done to a connection through a proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// RST to both ends; what was on its way is lost.
    Reset,
    /// FIN to both ends; what was on its way is lost.
    Fin,
    /// Nothing is forwarded any more, and nobody is told: half-open.
    Silence,
    /// Only what the server says gets through.
    OnlyToClient,
    /// Only what the client says gets through.
    OnlyToServer,
}

/// The two sockets.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) client: Arc<Socket>,
    pub(super) server: Socket,
}

#[derive(Debug)]
pub(super) struct Carry {
    ends: Ends,
    delay: Duration,
    /// How much may still go to the client, and what happens then.
    budget: Mutex<Option<(u64, Cut)>>,
    /// What was done to it, if anything.
    cut: Mutex<Option<Cut>>,
    struck: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    ToServer,
    ToClient,
}

/// A piece of the stream, and when it arrives; empty for the stream's end.
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
}

impl Carry {
    pub(super) fn new(ends: Ends, delay: Duration, budget: Option<(u64, Cut)>) -> io::Result<Arc<Self>> {
        for socket in [&*ends.client, &ends.server] {
            socket.set_tcp_nodelay(true)?;
            socket.set_write_timeout(Some(LOOK))?;
        }
        Ok(Arc::new(Self { ends, delay, budget: Mutex::new(budget), cut: Mutex::default(), struck: Condvar::new() }))
    }

    pub(super) fn client(&self) -> &Socket {
        &self.ends.client
    }

    /// Starts to forward.
    pub(super) fn forward(self: &Arc<Self>) {
        for way in [Way::ToServer, Way::ToClient] {
            let (queue, queued) = sync_channel(QUEUE);
            let (reader, writer) = (Arc::clone(self), Arc::clone(self));
            thread::spawn(move || reader.read_all(way, &queue));
            thread::spawn(move || writer.write_all(way, &queued));
        }
    }

    /// Breaks it, if it is whole; says whether it was.
    pub(super) fn strike(&self, cut: Cut) -> bool {
        {
            let mut struck = lock(&self.cut);
            if struck.is_some() {
                return false;
            }
            *struck = Some(cut);
        }
        self.struck.notify_all();
        match cut {
            Cut::Reset => self.reset(),
            Cut::Fin => {
                for socket in [&*self.ends.client, &self.ends.server] {
                    let _gone_is_fine = socket.shutdown(Shutdown::Write);
                }
            }
            Cut::Silence | Cut::OnlyToClient | Cut::OnlyToServer => {}
        }
        true
    }

    /// RST to both ends, as soon as the threads have let go of the sockets.
    pub(super) fn reset(&self) {
        *lock(&self.cut) = Some(Cut::Reset);
        self.struck.notify_all();
        for socket in [&*self.ends.client, &self.ends.server] {
            let _gone_is_fine = socket.set_linger(Some(Duration::ZERO));
            // Wakes the reader, and sends nothing.
            let _gone_is_fine = socket.shutdown(Shutdown::Read);
        }
    }

    fn passes(&self, way: Way) -> bool {
        passes(*lock(&self.cut), way)
    }

    fn read_all(&self, way: Way, queue: &SyncSender<Piece>) {
        let mut from = match way {
            Way::ToServer => &*self.ends.client,
            Way::ToClient => &self.ends.server,
        };
        let mut chunk = vec![0; 16 * 1024];
        loop {
            let read = match from.read(&mut chunk) {
                Ok(read) => read,
                Err(error) if is_timeout(&error) => continue,
                Err(_) => return self.reset(),
            };
            if !self.passes(way) && read > 0 {
                continue;
            }
            let piece = Piece { due: Instant::now() + self.delay, bytes: chunk[..read].to_vec() };
            if queue.send(piece).is_err() || read == 0 {
                break;
            }
        }
        if lock(&self.cut).is_some_and(|cut| cut != Cut::Fin) {
            // One end has noticed: there is nobody left to keep in the dark.
            self.reset();
        }
    }

    fn write_all(&self, way: Way, queue: &Receiver<Piece>) {
        while let Ok(piece) = queue.recv() {
            self.wait_until(piece.due, way);
            if !self.passes(way) {
                continue;
            }
            let written = match way {
                Way::ToServer => self.write(way, &self.ends.server, &piece.bytes),
                Way::ToClient => self.write_within_budget(&piece.bytes),
            };
            if written.is_err() {
                self.reset();
            }
        }
    }

    fn write_within_budget(&self, bytes: &[u8]) -> io::Result<()> {
        let mut budget = lock(&self.budget);
        let Some((left, cut)) = budget.as_mut() else {
            return self.write(Way::ToClient, &self.ends.client, bytes);
        };
        let allowed = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
        if allowed > 0 || bytes.is_empty() {
            self.write(Way::ToClient, &self.ends.client, &bytes[..allowed])?;
        }
        *left -= allowed as u64;
        if *left == 0 {
            self.strike(*cut);
        }
        Ok(())
    }

    /// Writes all, as long as this way is not broken; nothing is the end of the stream.
    fn write(&self, way: Way, mut to: &Socket, mut bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return to.shutdown(Shutdown::Write);
        }
        while !bytes.is_empty() && self.passes(way) {
            match to.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits for the piece's time, or until it will not be forwarded any more.
    fn wait_until(&self, due: Instant, way: Way) {
        let mut cut = lock(&self.cut);
        while passes(*cut, way) {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            cut = self.struck.wait_timeout(cut, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn passes(cut: Option<Cut>, way: Way) -> bool {
    match (cut, way) {
        (None, _) | (Some(Cut::OnlyToClient), Way::ToClient) | (Some(Cut::OnlyToServer), Way::ToServer) => true,
        (Some(_), _) => false,
    }
}

/// Pieces that may be on their way at once; more than that, and the sender feels it.
const QUEUE: usize = 256;

/// How long a write may block before the writer looks whether it still should.
const LOOK: Duration = Duration::from_millis(50);
