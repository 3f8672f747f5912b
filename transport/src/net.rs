//! What a driver lends to the pump: sockets.

use std::{fmt, io, net::SocketAddr};

/// Makes sockets and takes them back.
pub trait Net {
    /// What it makes.
    type Socket: Socket;

    /// Begins to connect, in the name of the session in this slot of the driver. Does not wait: see [`Socket::connected`].
    ///
    /// # Errors
    /// What the operating system says at once.
    fn connect(&mut self, slot: usize, address: &Address) -> io::Result<Self::Socket>;

    /// Closes a socket. What the operating system still holds goes out.
    fn close(&mut self, socket: Self::Socket);

    /// Closes a socket with a reset. What the operating system still holds is discarded: it must not reach the server
    /// after the next connection has sent it again.
    fn abort(&mut self, socket: Self::Socket);
}

/// A stream of bytes that never blocks.
///
/// Where it would have to wait, it says [`WouldBlock`](io::ErrorKind::WouldBlock), and sees to it that the driver is told
/// when that has changed; the driver tells the pump with [`Pump::ready`](crate::pump::Pump::ready).
pub trait Socket: fmt::Debug {
    /// Whether a read that fills less than it was given has emptied the stream, and a write that takes less than it was
    /// given has filled it, so that the next one has to wait for readiness and one that says so is not needed.
    const A_SHORT_ONE_IS_THE_LAST: bool;

    /// Whether it is connected; called again after each readiness until it is.
    ///
    /// # Errors
    /// It never will be.
    fn connected(&mut self) -> io::Result<bool>;

    /// Reads into the one, and what does not fit there into the other. `first` may be empty; 0 bytes are the end.
    ///
    /// # Errors
    /// `WouldBlock`, or what the operating system says.
    fn read(&mut self, first: &mut [u8], then: &mut [u8]) -> io::Result<usize>;

    /// Writes.
    ///
    /// # Errors
    /// `WouldBlock`, or what the operating system says.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
}

/// Where a socket goes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Address {
    /// Over TCP.
    Tcp(SocketAddr),
}

/// What a driver was told of a socket's readiness. Whatever is true stays true until a read or a write finds out
/// otherwise; more than is so does no harm.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ready {
    /// There may be something to read.
    pub readable: bool,
    /// There may be room to write, or writing fails.
    pub writable: bool,
    /// The stream may have ended or failed, which may not be said again.
    pub ended: bool,
}

impl Ready {
    /// Everything may be.
    pub const ALL: Self = Self { readable: true, writable: true, ended: true };
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => fmt::Display::fmt(address, f),
        }
    }
}
