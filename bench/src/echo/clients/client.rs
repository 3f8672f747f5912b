//! Steadfast's whole session behind a handle, on a thread of its own: heartbeat, outbox and confirmation on, as by default. Each
//! message is handed from one thread to the other and back, and has a receipt.

use std::time::Duration;

use steadfast_mio::{
    Client, Incoming,
    core::{Message, StateKind},
};

use super::event_loop::config;
use crate::echo::{
    Failure,
    contest::{Echo, Load, Notes},
    server::Server,
};

pub(crate) struct Handle {
    client: Client,
    load: Load,
}

impl Echo for Handle {
    fn connect(server: &Server, load: &Load) -> Result<Self, Failure> {
        let client = Client::builder(&format!("ws://{}/", server.messages))
            .config(config()?)
            .incoming(Incoming { max_bytes: 16 << 20, ..Incoming::default() })
            .connect()?;
        let opened = client.state().wait_for(Duration::from_secs(30), |state| state.kind() == StateKind::Open);
        opened.ok_or("the server does not answer")?;
        Ok(Self { client, load: load.clone() })
    }

    fn exchange(&mut self, windows: usize, notes: &mut Notes) -> Result<(), Failure> {
        let sender = self.client.sender();
        for _ in 0..windows {
            notes.sending();
            for _ in 0..self.load.window {
                sender.send(Message::binary(self.load.payload.clone())).map_err(|refused| refused.to_string())?;
            }
            for _ in 0..self.load.window {
                let message = self.client.receive_timeout(Duration::from_secs(30))?;
                notes.received(message.as_bytes(), &self.load)?;
            }
        }
        Ok(())
    }
}
