//! A TCP stream that can be made mute: what is written to it then goes nowhere.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

/// A stream whose writes can be swallowed, so that the engine above it goes on as if it had answered.
#[derive(Debug)]
pub(crate) struct Gate {
    stream: TcpStream,
    mute: bool,
}

impl Gate {
    /// An open gate.
    pub(crate) const fn new(stream: TcpStream) -> Self {
        Self { stream, mute: false }
    }

    /// From now on nothing goes out.
    pub(crate) const fn mute(&mut self) {
        self.mute = true;
    }

    /// The stream behind the gate.
    pub(crate) const fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl Read for Gate {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.mute { Ok(bytes.len()) } else { self.stream.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
