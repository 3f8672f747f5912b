//! Steadfast's whole session on async-std, heartbeat, outbox and confirmation on, as by default: `feed` into its sink for each
//! message, then `flush`, and its stream of messages, in the task of its user.

use std::time::Duration;

use async_std::task;
use futures_util::{SinkExt, StreamExt};
use steadfast_async_std::{Client, Incoming, MessageSink, Messages, core::Message};

use super::event_loop::config;
use crate::echo::{
    Failure,
    contest::{Echo, Load, Notes},
    server::Server,
};

pub(crate) struct AsyncStd {
    sink: MessageSink,
    messages: Messages,
    load: Load,
    _client: Client,
}

impl Echo for AsyncStd {
    fn connect(server: &Server, load: &Load) -> Result<Self, Failure> {
        let builder = Client::builder(&format!("ws://{}/", server.messages)).config(config()?).without_receiver();
        let client = task::block_on(async_std::future::timeout(Duration::from_secs(30), builder.connect()))??;
        let messages = client.subscribe_with(Incoming { max_bytes: 16 << 20, ..Incoming::default() });
        Ok(Self { sink: client.sink(), messages, load: load.clone(), _client: client })
    }

    fn exchange(&mut self, windows: usize, notes: &mut Notes) -> Result<(), Failure> {
        let Self { sink, messages, load, .. } = self;
        task::block_on(async {
            for _ in 0..windows {
                notes.sending();
                for _ in 0..load.window {
                    sink.feed(Message::binary(load.payload.clone())).await.map_err(|refused| refused.to_string())?;
                }
                sink.flush().await.map_err(|refused| refused.to_string())?;
                for _ in 0..load.window {
                    let message = messages.next().await.ok_or("the client stopped")?;
                    notes.received(message.as_bytes(), load)?;
                }
            }
            Ok(())
        })
    }
}
