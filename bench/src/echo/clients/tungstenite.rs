//! tungstenite as its users have it: blocking, default settings; `write` for each message, then `flush`.

use std::net::TcpStream;

use tungstenite::{Message, WebSocket, protocol::Role};

use crate::echo::{
    Failure,
    contest::{Echo, Load, Notes, dial},
    server::Server,
};

pub(crate) struct Tungstenite {
    socket: WebSocket<TcpStream>,
    load: Load,
}

impl Echo for Tungstenite {
    fn connect(server: &Server, load: &Load) -> Result<Self, Failure> {
        let socket = WebSocket::from_raw_socket(dial(server)?, Role::Client, None);
        Ok(Self { socket, load: load.clone() })
    }

    fn exchange(&mut self, windows: usize, notes: &mut Notes) -> Result<(), Failure> {
        for _ in 0..windows {
            notes.sending();
            for _ in 0..self.load.window {
                self.socket.write(Message::Binary(self.load.payload.clone()))?;
            }
            self.socket.flush()?;
            for _ in 0..self.load.window {
                notes.received(&self.socket.read()?.into_data(), &self.load)?;
            }
        }
        Ok(())
    }
}
