//! Steadfast's wire alone over a blocking socket: no session, and so nothing that survives the connection.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use steadfast_core::{
    Message,
    wire::{Buffer, Config, Event, Wire},
};

use crate::echo::{
    Failure,
    contest::{Echo, Load, Notes, dial},
    server::Server,
};

pub(crate) struct Alone {
    stream: TcpStream,
    wire: Wire,
    buffer: Vec<u8>,
    assembly: Buffer,
    out: Buffer,
    load: Load,
}

impl Alone {
    fn write(&mut self) -> Result<(), Failure> {
        self.stream.write_all(self.out.as_slice())?;
        self.out.clear();
        Ok(())
    }
}

impl Echo for Alone {
    fn connect(server: &Server, load: &Load) -> Result<Self, Failure> {
        Ok(Self {
            stream: dial(server)?,
            wire: Wire::new(Config::default(), rand::random()),
            buffer: vec![0; 64 * 1024],
            assembly: Buffer::new(),
            out: Buffer::new(),
            load: load.clone(),
        })
    }

    fn exchange(&mut self, windows: usize, notes: &mut Notes) -> Result<(), Failure> {
        for _ in 0..windows {
            notes.sending();
            for _ in 0..self.load.window {
                self.wire.send(&Message::binary(&self.load.payload[..]), &mut self.out)?;
                if self.out.len() >= 128 * 1024 {
                    self.write()?;
                }
            }
            self.write()?;
            let mut missing = self.load.window;
            while missing > 0 {
                let mut input: &[u8] = &[];
                let len = if let Some(space) = self.wire.space(&mut self.assembly) {
                    let len = self.stream.read(space)?;
                    self.wire.filled(len, &mut self.assembly);
                    len
                } else {
                    let len = self.stream.read(&mut self.buffer)?;
                    input = &self.buffer[..len];
                    len
                };
                if len == 0 {
                    return Err("the server left".into());
                }
                while let Some(event) = self.wire.receive(&mut input, &mut self.assembly, &mut self.out) {
                    if let Event::Message(message) = event? {
                        notes.received(message.as_bytes(), &self.load)?;
                        missing -= 1;
                    }
                }
            }
        }
        Ok(())
    }
}
