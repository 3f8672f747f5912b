//! The byte pipe below the engine: a socket, or TLS on top of one.

use std::io;

use crate::net::{Net, Socket};
#[cfg(feature = "_tls")]
use crate::tls::Tls;

/// A connected stream of bytes, as the engine sees it.
#[derive(Debug)]
pub(crate) enum Stream<S> {
    /// With nothing in between.
    Plain(S),
    /// Encrypted.
    #[cfg(feature = "_tls")]
    Tls(Box<Tls>, S),
}

impl<S: Socket> Stream<S> {
    /// As [`Socket::A_SHORT_ONE_IS_THE_LAST`], of writes.
    #[inline]
    pub(crate) const fn a_short_write_is_the_last(&self) -> bool {
        match self {
            Self::Plain(_) => S::A_SHORT_ONE_IS_THE_LAST,
            // It says so of the bytes above the socket, which is another matter.
            #[cfg(feature = "_tls")]
            Self::Tls(..) => false,
        }
    }

    /// Whether a read that gave something, and less than there was room for or not, has left nothing for another.
    #[inline]
    pub(crate) fn is_drained(&mut self, short: bool) -> bool {
        match self {
            Self::Plain(_) => S::A_SHORT_ONE_IS_THE_LAST && short,
            #[cfg(feature = "_tls")]
            Self::Tls(tls, _) => S::A_SHORT_ONE_IS_THE_LAST && !tls.may_have_more(),
        }
    }

    /// How many bytes the socket has taken so far of what [`write`](Self::write) may not have told of yet: signs of life.
    #[inline]
    pub(crate) const fn sent(&self) -> u64 {
        match self {
            Self::Plain(_) => 0,
            #[cfg(feature = "_tls")]
            Self::Tls(tls, _) => tls.sent(),
        }
    }

    /// Reads into the one, and what does not fit there into the other.
    #[inline]
    pub(crate) fn read(&mut self, first: &mut [u8], then: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(first, then),
            #[cfg(feature = "_tls")]
            Self::Tls(tls, socket) => tls.read(socket, first, then),
        }
    }

    /// Writes; how many bytes no buffer holds any more. Where it would block, the same bytes have to be offered again.
    #[inline]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            #[cfg(feature = "_tls")]
            Self::Tls(tls, socket) => tls.write(socket, bytes),
        }
    }

    /// Writes what TLS has to say of its own accord.
    #[inline]
    #[cfg_attr(not(feature = "_tls"), expect(clippy::unnecessary_wraps, reason = "with TLS it can fail"))]
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            #[cfg(feature = "_tls")]
            Self::Tls(tls, socket) if tls.wants_write() => tls.flush(socket),
            #[cfg(feature = "_tls")]
            Self::Tls(..) => Ok(()),
        }
    }

    /// How many of the bytes that were offered and not taken yet the server may have seen nevertheless, at most.
    #[inline]
    pub(crate) fn touched(&self) -> usize {
        match self {
            Self::Plain(_) => 0,
            #[cfg(feature = "_tls")]
            Self::Tls(tls, _) => tls.touched(),
        }
    }

    /// Closes it. What the operating system still holds goes out.
    pub(crate) fn close(self, net: &mut impl Net<Socket = S>) {
        match self {
            Self::Plain(socket) => net.close(socket),
            #[cfg(feature = "_tls")]
            Self::Tls(mut tls, mut socket) => {
                tls.close(&mut socket);
                net.close(socket);
            }
        }
    }

    /// Closes it with a reset.
    pub(crate) fn abort(self, net: &mut impl Net<Socket = S>) {
        match self {
            Self::Plain(socket) => net.abort(socket),
            #[cfg(feature = "_tls")]
            Self::Tls(_, socket) => net.abort(socket),
        }
    }
}
