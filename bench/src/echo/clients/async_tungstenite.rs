//! async-tungstenite on async-std, in the task of its user: `feed` for each message, then `flush`; default settings.

use async_std::{net::TcpStream, task};
use async_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};
use futures_util::{SinkExt, StreamExt};

use crate::echo::{
    Failure,
    contest::{Echo, Load, Notes, dial},
    server::Server,
};

pub(crate) struct AsyncTungstenite {
    socket: WebSocketStream<TcpStream>,
    load: Load,
}

impl Echo for AsyncTungstenite {
    fn connect(server: &Server, load: &Load) -> Result<Self, Failure> {
        let stream = TcpStream::from(dial(server)?);
        let socket = task::block_on(WebSocketStream::from_raw_socket(stream, Role::Client, None));
        Ok(Self { socket, load: load.clone() })
    }

    fn exchange(&mut self, windows: usize, notes: &mut Notes) -> Result<(), Failure> {
        let Self { socket, load } = self;
        task::block_on(async {
            for _ in 0..windows {
                notes.sending();
                for _ in 0..load.window {
                    socket.feed(Message::Binary(load.payload.clone())).await?;
                }
                socket.flush().await?;
                for _ in 0..load.window {
                    let message = socket.next().await.ok_or("the server left")??;
                    notes.received(&message.into_data(), load)?;
                }
            }
            Ok(())
        })
    }
}
