//! tokio-tungstenite: `feed` for each message, then `flush`; default settings.

use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, runtime::Runtime};
use tokio_tungstenite::WebSocketStream;
use tungstenite::{Message, protocol::Role};

use crate::echo::{
    Failure,
    contest::{Echo, Load, Notes, dial_async},
    server::Server,
};

pub(crate) struct TokioTungstenite {
    runtime: Runtime,
    socket: WebSocketStream<TcpStream>,
    load: Load,
}

impl Echo for TokioTungstenite {
    fn connect(server: &Server, load: &Load) -> Result<Self, Failure> {
        let (runtime, stream) = dial_async(server)?;
        let socket = runtime.block_on(WebSocketStream::from_raw_socket(stream, Role::Client, None));
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
                    notes.received(&message.into_data(), load)?;
                }
            }
            Ok(())
        })
    }
}
