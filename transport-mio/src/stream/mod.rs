//! The byte pipe below the engine: plain TCP. TLS, proxies and Unix sockets are further variants.

use std::{
    io::{self, IoSliceMut, Read, Write},
    time::Duration,
};

use mio::{Registry, net::TcpStream};
use socket2::SockRef;

/// A connected, non-blocking, registered stream of bytes.
#[derive(Debug)]
pub(crate) enum Stream {
    /// TCP without anything in between.
    Tcp(TcpStream),
}

impl Stream {
    /// Whether a read that fills less than it was given has emptied the stream, and a write that takes less than it was
    /// given has filled it, so that the next one has to wait for an event and one that says so is not needed.
    ///
    /// epoll(7) promises it for streams. Bytes that come later are an event of their own, and so is the end, if it was not
    /// there when the last event was fetched. Where mio re-arms its interest only with an operation that would block
    /// (Windows), it is not so.
    pub(crate) const A_SHORT_ONE_IS_THE_LAST: bool = cfg!(any(target_os = "linux", target_os = "android"));

    pub(crate) fn tcp(socket: TcpStream) -> Self {
        // None of these is vital: where the system refuses one, the connection is merely less lively.
        let _ = socket.set_nodelay(true);
        bound_unsent(&SockRef::from(&socket));
        Self::Tcp(socket)
    }

    /// Reads into the one, and what does not fit there into the other.
    pub(crate) fn read(&mut self, first: &mut [u8], then: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) if first.is_empty() => socket.read(then),
            Self::Tcp(socket) => socket.read_vectored(&mut [IoSliceMut::new(first), IoSliceMut::new(then)]),
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
        }
    }

    /// Closes the stream. What the kernel still holds goes out.
    pub(crate) fn close(mut self, registry: &Registry) {
        self.deregister(registry);
    }

    /// Closes the stream with a reset. What the kernel still holds is discarded: it must not reach the server after the
    /// next connection has sent it again.
    pub(crate) fn abort(mut self, registry: &Registry) {
        match &self {
            Self::Tcp(socket) => {
                let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
            }
        }
        self.deregister(registry);
    }

    fn deregister(&mut self, registry: &Registry) {
        match self {
            Self::Tcp(socket) => {
                let _ = registry.deregister(socket);
            }
        }
    }
}

/// Bounds what the kernel holds unsent, so that a ping is not stuck behind megabytes.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "ios"))]
fn bound_unsent(socket: &SockRef<'_>) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = socket.set_send_buffer_size(UNSENT as usize);
}

/// Bounds what the kernel holds unsent, so that a ping is not stuck behind megabytes.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "ios")))]
fn bound_unsent(socket: &SockRef<'_>) {
    let _ = socket.set_send_buffer_size(UNSENT as usize);
}

/// Enough for a full window on most links (10 ms at 100 Mbit/s); beyond it messages wait
/// in the driver, and are known to be untouched.
const UNSENT: u32 = 128 << 10;
