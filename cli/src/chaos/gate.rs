//! A stream, with TLS or without, that can be made mute: what is written to it then goes nowhere.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A stream whose writes can be swallowed, so that the engine above it goes on as if it had answered.
#[derive(Debug)]
pub(crate) struct Gate {
    stream: Stream,
    mute: bool,
}

#[derive(Debug)]
enum Stream {
    Clear(TcpStream),
    Secret(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Gate {
    /// An open gate; `None` where there can be no TLS.
    pub(crate) fn new(stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> Option<Self> {
        let stream = match tls {
            None => Stream::Clear(stream),
            Some(config) => {
                let connection = ServerConnection::new(Arc::clone(config)).ok()?;
                Stream::Secret(Box::new(StreamOwned::new(connection, stream)))
            }
        };
        Some(Self { stream, mute: false })
    }

    /// From now on nothing goes out.
    pub(crate) const fn mute(&mut self) {
        self.mute = true;
    }

    /// The TCP stream behind it all.
    pub(crate) const fn stream(&self) -> &TcpStream {
        match &self.stream {
            Stream::Clear(stream) => stream,
            Stream::Secret(stream) => &stream.sock,
        }
    }
}

impl Read for Gate {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Clear(stream) => stream.read(buffer),
            Stream::Secret(stream) => stream.read(buffer),
        }
    }
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            _ if self.mute => Ok(bytes.len()),
            Stream::Clear(stream) => stream.write(bytes),
            Stream::Secret(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Clear(stream) => stream.flush(),
            Stream::Secret(stream) => stream.flush(),
        }
    }
}
