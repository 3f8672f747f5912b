//! Peers over TLS: rustls as its users have it below them, on the provider that Steadfast has by default.

use std::{net::TcpStream, sync::Arc};

use futures_util::{SinkExt, StreamExt};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::ServerName};
use tokio::runtime::Runtime;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tungstenite::{Message, WebSocket};

use crate::echo::{
    Failure,
    contest::{Echo, Load, Notes},
    server::Server,
};

/// tungstenite over `rustls::Stream`, blocking; `write` for each message, then `flush`.
pub(crate) struct Tungstenite {
    socket: WebSocket<StreamOwned<ClientConnection, TcpStream>>,
    load: Load,
}

/// sockudo-ws over tokio-rustls; `feed` for each message, then `flush`.
pub(crate) struct Sockudo {
    runtime: Runtime,
    socket: sockudo_ws::WebSocketStream<TlsStream<tokio::net::TcpStream>>,
    load: Load,
}

/// tokio-tungstenite over tokio-rustls; `feed` for each message, then `flush`.
pub(crate) struct TokioTungstenite {
    runtime: Runtime,
    socket: tokio_tungstenite::WebSocketStream<TlsStream<tokio::net::TcpStream>>,
    load: Load,
}

impl Echo for Tungstenite {
    fn connect(server: &Server, load: &Load) -> Result<Self, Failure> {
        let stream = TcpStream::connect(server.secure)?;
        stream.set_nodelay(true)?;
        let connection = ClientConnection::new(config(server)?, name()?)?;
        let stream = StreamOwned::new(connection, stream);
        let (socket, _) = tungstenite::client(url(server), stream).map_err(|error| error.to_string())?;
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

impl Echo for TokioTungstenite {
    fn connect(server: &Server, load: &Load) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let socket = runtime.block_on(async {
            let (socket, _) = tokio_tungstenite::client_async(url(server), dial(server).await?).await?;
            Ok::<_, Failure>(socket)
        })?;
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

impl Echo for Sockudo {
    fn connect(server: &Server, load: &Load) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let socket = runtime.block_on(async {
            // The handshake is tungstenite's, which keeps nothing of what it has read: nobody speaks before us.
            let (socket, _) = tokio_tungstenite::client_async(url(server), dial(server).await?).await?;
            let stream = socket.into_inner();
            Ok::<_, Failure>(sockudo_ws::WebSocketStream::client(stream, sockudo_ws::Config::default()))
        })?;
        Ok(Self { runtime, socket, load: load.clone() })
    }

    fn exchange(&mut self, windows: usize, notes: &mut Notes) -> Result<(), Failure> {
        let Self { runtime, socket, load } = self;
        runtime.block_on(async {
            for _ in 0..windows {
                notes.sending();
                for _ in 0..load.window {
                    socket.feed(sockudo_ws::Message::Binary(load.payload.clone())).await?;
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

async fn dial(server: &Server) -> Result<TlsStream<tokio::net::TcpStream>, Failure> {
    let stream = tokio::net::TcpStream::connect(server.secure).await?;
    stream.set_nodelay(true)?;
    Ok(TlsConnector::from(config(server)?).connect(name()?, stream).await?)
}

fn config(server: &Server) -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(server.root.clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

fn name() -> Result<ServerName<'static>, Failure> {
    Ok(ServerName::try_from("localhost")?)
}

fn url(server: &Server) -> String {
    format!("ws://localhost:{}/", server.secure.port())
}
