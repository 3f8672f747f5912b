//! Sockets that never block, over streams that are polled.

use std::{
    fmt,
    future::Future,
    io::{self, IoSlice, IoSliceMut},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use steadfast_transport::{Address, Net, SocketOptions, Task};

use crate::{
    bell::{Bell, Rung},
    runtime::{self, Bytes, Stream},
};

/// Where the session gets its sockets from. Whoever polls them, it is the bell that is rung.
#[derive(Debug)]
pub(crate) struct Sockets {
    ropes: Ropes,
}

#[derive(Clone, Debug)]
struct Ropes {
    read: Waker,
    write: Waker,
}

/// A stream, connected or connecting.
pub(crate) struct Socket {
    ropes: Ropes,
    stream: Stage,
}

enum Stage {
    Connecting(Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>),
    Up(Stream),
    /// It could not be connected.
    Over,
}

impl Sockets {
    pub(crate) fn new(bell: &Arc<Bell>) -> Self {
        Self { ropes: Ropes { read: bell.rope(Rung::READ), write: bell.rope(Rung::WRITE) } }
    }
}

impl Net for Sockets {
    type Socket = Socket;

    fn connect(&mut self, _slot: usize, address: &Address, options: SocketOptions) -> io::Result<Socket> {
        let stream = Stage::Connecting(Box::pin(runtime::connect(address.clone(), options)));
        Ok(Socket { ropes: self.ropes.clone(), stream })
    }

    fn close(&mut self, socket: Socket) {
        drop(socket);
    }

    fn abort(&mut self, socket: Socket) {
        if let Stage::Up(stream) = &socket.stream {
            stream.reset_when_dropped();
        }
    }

    fn spawn(&mut self, task: Task) -> Result<(), Task> {
        runtime::spawn(task);
        Ok(())
    }
}

impl Socket {
    /// Does something with the stream, or says that it would block.
    fn with(
        &mut self,
        waker: impl FnOnce(&Ropes) -> &Waker,
        act: impl FnOnce(Pin<&mut dyn Bytes>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> io::Result<usize> {
        let Stage::Up(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        match act(Pin::new(&mut **stream), &mut Context::from_waker(waker(&self.ropes))) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl steadfast_transport::Socket for Socket {
    // A stream promises to wake whom it told to wait, and nobody else.
    const A_SHORT_ONE_IS_THE_LAST: bool = false;

    fn connected(&mut self) -> io::Result<bool> {
        let Stage::Connecting(connecting) = &mut self.stream else { return Ok(true) };
        match connecting.as_mut().poll(&mut Context::from_waker(&self.ropes.write)) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(stream)) => {
                self.stream = Stage::Up(stream);
                Ok(true)
            }
            Poll::Ready(Err(error)) => {
                self.stream = Stage::Over;
                Err(error)
            }
        }
    }

    fn read(&mut self, first: &mut [u8], then: &mut [u8]) -> io::Result<usize> {
        self.with(
            |ropes| &ropes.read,
            |stream, context| {
                if first.is_empty() {
                    return stream.poll_read(context, then);
                }
                stream.poll_read_vectored(context, &mut [IoSliceMut::new(first), IoSliceMut::new(then)])
            },
        )
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|ropes| &ropes.write, |stream, context| stream.poll_write(context, bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.with(|ropes| &ropes.write, |stream, context| stream.poll_write_vectored(context, slices))
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stream {
            Stage::Connecting(_) => "Socket(connecting)",
            Stage::Up(_) => "Socket(connected)",
            Stage::Over => "Socket(failed)",
        })
    }
}
