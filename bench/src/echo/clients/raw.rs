//! The yardstick: the bytes of as many frames, without any WebSocket, against a server that echoes bytes.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::echo::{
    Failure,
    contest::{Echo, Load, Notes},
    server::Server,
};

pub(crate) struct Raw {
    stream: TcpStream,
    load: Load,
    /// As many bytes as a window of masked frames has.
    bytes: Vec<u8>,
    buffer: Vec<u8>,
}

impl Echo for Raw {
    fn connect(server: &Server, load: &Load) -> Result<Self, Failure> {
        let stream = TcpStream::connect(server.bytes)?;
        stream.set_nodelay(true)?;
        let head = match load.payload.len() {
            ..126 => 6,
            126..0x1_0000 => 8,
            _ => 14,
        };
        let bytes = vec![7; load.window * (head + load.payload.len())];
        Ok(Self { stream, load: load.clone(), bytes, buffer: vec![0; 128 * 1024] })
    }

    fn exchange(&mut self, windows: usize, notes: &mut Notes) -> Result<(), Failure> {
        for _ in 0..windows {
            notes.sending();
            self.stream.write_all(&self.bytes)?;
            let mut missing = self.bytes.len();
            while missing > 0 {
                let len = missing.min(self.buffer.len());
                match self.stream.read(&mut self.buffer[..len])? {
                    0 => return Err("the server left".into()),
                    len => missing -= len,
                }
            }
            for _ in 0..self.load.window {
                notes.received(&self.load.payload, &self.load)?;
            }
        }
        Ok(())
    }
}
