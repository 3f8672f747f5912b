//! sockudo-ws: `feed` for each message, then `flush`; default settings, its pings among them.

use futures_util::{SinkExt, StreamExt};
use sockudo_ws::{Config, Message, WebSocketStream};
use tokio::{net::TcpStream, runtime::Runtime};

use crate::echo::{
    Failure,
    contest::{Echo, Load, Notes, dial_async},
    server::Server,
};

pub(crate) struct Sockudo {
    runtime: Runtime,
    socket: WebSocketStream<TcpStream>,
    load: Load,
}

impl Echo for Sockudo {
    fn connect(server: &Server, load: &Load) -> Result<Self, Failure> {
        let (runtime, stream) = dial_async(server)?;
        let socket = runtime.block_on(async { WebSocketStream::client(stream, Config::default()) });
        Ok(Self { runtime, socket, load: load.clone() })
    }

    fn exchange(&mut self, windows: usize, notes: &mut Notes) -> Result<(), Failure> {
        let Self { runtime, socket, load } = self;
        runtime.block_on(async {
            for _ in 0..windows {
                notes.sending();
                for _ in 0..load.window {
                    socket.feed(Message::Binary(load.payload.clone())).await?;
                }
                socket.flush().await?;
                for _ in 0..load.window {
                    let message = socket.next().await.ok_or("the server left")??;
                    notes.received(message.as_bytes(), load)?;
                }
            }
            Ok(())
        })
    }
}
