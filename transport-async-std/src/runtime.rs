//! The runtime: everything that is async-std's. Whoever wants another one changes this file and nothing else.

use std::{fmt, future::Future, io, time::Duration};

use async_std::{net::TcpStream, task};
use futures_io::{AsyncRead, AsyncWrite};
use socket2::SockRef;
use steadfast_transport::{Address, SocketOptions, refuse_itself};

/// A connected stream of bytes.
pub(crate) type Stream = Box<dyn Bytes>;

/// What a stream has to be able to do.
pub(crate) trait Bytes: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {
    /// Has it end with a reset when it is dropped: what the operating system still holds is discarded.
    fn reset_when_dropped(&self);
}

/// Connects.
pub(crate) async fn connect(address: Address, options: SocketOptions) -> io::Result<Stream> {
    match address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            refuse_itself(&SockRef::from(&stream))?;
            options.apply(&SockRef::from(&stream));
            Ok(Box::new(stream))
        }
        #[cfg(unix)]
        Address::Unix(path) => Ok(Box::new(async_std::os::unix::net::UnixStream::connect(&*path).await?)),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Comes to its end after so long.
pub(crate) fn sleep(span: Duration) -> impl Future<Output = ()> + Send {
    task::sleep(span)
}

/// Has a task run until its end, whoever waits for it.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    drop(task::spawn(future));
}

impl Bytes for TcpStream {
    fn reset_when_dropped(&self) {
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }
}

#[cfg(unix)]
impl Bytes for async_std::os::unix::net::UnixStream {
    fn reset_when_dropped(&self) {}
}
