//! The bytes of one connection: a socket, and what may lie between it and those who read and write.

use std::{
    fmt,
    io::{self, Read as _, Write as _},
    net::Shutdown,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use socket2::Socket;

use super::{
    door::{is_timeout, readable},
    lock,
    record::Security,
};

/// One connection's socket. One thread reads, others write.
#[derive(Debug)]
pub(super) struct Pipe {
    socket: Socket,
    /// Held while bytes go to the socket, so that those of two writers do not mix.
    writing: Mutex<()>,
    /// Writes end where they are.
    stopped: AtomicBool,
    layer: Option<Box<dyn Layer>>,
}

/// What lies between the socket and the messages: TLS.
pub(super) trait Layer: Send + Sync + fmt::Debug {
    /// What was read before and is not taken yet. `Some(0)` is the end of the stream.
    fn decrypted(&self, buffer: &mut [u8]) -> io::Result<Option<usize>>;

    /// Reads once from the network. An error of the kind `InvalidData` says what was wrong with what came.
    fn receive(&self, socket: &Socket) -> io::Result<()>;

    /// Whether it has something to send by itself.
    fn wants_write(&self) -> bool;

    /// Everything that it has to send, and these bytes behind it.
    fn seal(&self, bytes: &[u8]) -> io::Result<Vec<u8>>;

    /// Everything that it has to send, and its goodbye behind it.
    fn goodbye(&self) -> Vec<u8>;

    /// What was agreed on.
    fn security(&self) -> Security;
}

/// What makes the layer of each connection.
pub(super) trait Layers: Send + Sync + fmt::Debug {
    fn layer(&self) -> Box<dyn Layer>;
}

impl Pipe {
    pub(super) fn new(socket: Socket, layer: Option<Box<dyn Layer>>) -> io::Result<Self> {
        socket.set_write_timeout(Some(LOOK))?;
        if socket.local_addr()?.as_socket().is_some() {
            socket.set_tcp_nodelay(true)?;
        }
        Ok(Self { socket, writing: Mutex::default(), stopped: AtomicBool::new(false), layer })
    }

    pub(super) fn security(&self) -> Option<Security> {
        Some(self.layer.as_ref()?.security())
    }

    /// Waits for bytes from the network, or the end of the stream; `false` if none came until then. Without an end to
    /// the wait it wakes for nothing else but [`stop`](Self::stop).
    pub(super) fn readable(&self, until: Option<Instant>) -> io::Result<bool> {
        // A timeout of nothing would be none.
        let patience = until.map(|until| until.saturating_duration_since(Instant::now()).max(SHORTEST));
        self.socket.set_read_timeout(patience)?;
        readable(&self.socket)
    }

    /// What was read before and is not taken yet. `Some(0)` is the end of the stream.
    pub(super) fn decrypted(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        self.layer.as_ref().map_or(Ok(None), |layer| layer.decrypted(buffer))
    }

    /// Takes what the network has. `Some(0)` is the end of the stream; `None`: nothing of it is for the reader.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let received = match &self.layer {
            Some(layer) => layer.receive(&self.socket).and_then(|()| layer.decrypted(buffer)),
            None => (&self.socket).read(buffer).map(Some),
        };
        received.or_else(|error| if is_timeout(&error) { Ok(None) } else { Err(error) })
    }

    /// Sends what the layer has to say by itself, if nobody else is writing: then it goes out with that.
    pub(super) fn answer(&self) {
        if let Some(layer) = &self.layer
            && layer.wants_write()
            && let Ok(writing) = self.writing.try_lock()
        {
            let sealed = layer.seal(&[]).unwrap_or_default();
            let _gone_is_seen_by_who_reads = self.write_out(&writing, &sealed, |_| {});
        }
    }

    /// Writes all of it; tells `taken` how many bytes more of it the operating system has taken. `false` if it was
    /// [stopped](Self::stop).
    pub(super) fn write(&self, bytes: &[u8], mut taken: impl FnMut(usize)) -> io::Result<bool> {
        let Some(layer) = &self.layer else {
            return self.write_out(&lock(&self.writing), bytes, taken);
        };
        for record in bytes.chunks(RECORD) {
            // Records go out in the order in which they were sealed.
            let writing = lock(&self.writing);
            if !self.write_out(&writing, &layer.seal(record)?, |_| {})? {
                return Ok(false);
            }
            taken(record.len());
        }
        Ok(true)
    }

    fn write_out(
        &self,
        _alone: &MutexGuard<'_, ()>,
        mut bytes: &[u8],
        mut taken: impl FnMut(usize),
    ) -> io::Result<bool> {
        while !bytes.is_empty() {
            if self.stopped.load(Relaxed) {
                return Ok(false);
            }
            match (&self.socket).write(bytes) {
                Ok(written) => {
                    taken(written);
                    bytes = &bytes[written..];
                }
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Nothing more will be written: FIN. The layer's own goodbye goes ahead unless the stream is to be `cut`.
    pub(super) fn finish(&self, cut: bool) {
        let writing = lock(&self.writing);
        if let (Some(layer), false) = (&self.layer, cut) {
            let _gone_is_fine = self.write_out(&writing, &layer.goodbye(), |_| {});
        }
        let _gone_is_fine = self.socket.shutdown(Shutdown::Write);
    }

    /// Ends reads and writes where they are. With `reset`, the operating system sends RST once the socket is let go of.
    pub(super) fn stop(&self, reset: bool) {
        if reset {
            let _gone_is_fine = self.socket.set_linger(Some(Duration::ZERO));
        }
        self.stopped.store(true, Relaxed);
        // Wakes who reads, and sends nothing.
        let _gone_is_fine = self.socket.shutdown(Shutdown::Read);
    }
}

/// How long a write may block before its thread looks whether it still should.
const LOOK: Duration = Duration::from_millis(50);

/// The shortest wait.
const SHORTEST: Duration = Duration::from_millis(1);

/// What goes into one record of TLS.
const RECORD: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::{
        net::{TcpListener, TcpStream},
        sync::mpsc,
        thread,
    };

    use super::*;

    /// A pipe whose other end says nothing.
    fn silent() -> (Pipe, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let other = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
        let (socket, _) = listener.accept().expect("a connection");
        (Pipe::new(socket.into(), None).expect("a socket"), other)
    }

    #[test]
    fn who_reads_sleeps_until_there_is_something_or_it_is_stopped() {
        let (pipe, _other) = silent();
        thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            let pipe = &pipe;
            scope.spawn(move || {
                let woken = pipe.readable(None);
                let _ = tell.send(woken.is_ok());
            });
            assert_eq!(
                told.recv_timeout(3 * LOOK),
                Err(mpsc::RecvTimeoutError::Timeout),
                "it looks every now and then"
            );
            pipe.stop(false);
            assert_eq!(told.recv_timeout(Duration::from_mins(1)), Ok(true));
        });
    }

    #[test]
    fn who_reads_gives_up_when_it_is_too_late() {
        let (pipe, _other) = silent();
        assert!(!pipe.readable(Some(Instant::now())).expect("a stream"));
    }
}
