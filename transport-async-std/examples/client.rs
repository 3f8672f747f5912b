//! A client in tasks: send, receive, watch, and ask what became of each message.
//!
//! `cargo run -p steadfast-async-std --example client ws://127.0.0.1:9000/`, with an echo server such as that of
//! `cargo run -p steadfast-cli -- echo 127.0.0.1:9000`.

use std::{env, error::Error, time::Duration};

use async_std::{future, task};
use futures_util::{SinkExt, StreamExt};
use steadfast_async_std::{
    Client,
    core::{Notice, config::Config},
};

async fn run(url: &str) -> Result<(), Box<dyn Error>> {
    let config = Config::builder().heartbeat_interval(Duration::from_secs(20)).build()?;
    let mut builder = Client::builder(url).header("X-Example", "client").config(config);

    // Every state with its cause, from the first one on, in a task of its own. It ends with the client.
    let mut notices = builder.notices();
    task::spawn(async move {
        while let Some(noticed) = notices.next().await {
            if let Notice::State(change) = noticed.notice {
                println!("{}", change.to);
            }
        }
    });

    // As long as it takes, or as long as we have.
    let client = future::timeout(Duration::from_secs(10), builder.connect()).await??;

    // One message, waiting for room in the outbox; then its outcome.
    let receipt = client.send("hello").await?;
    println!("{:?}", client.receive().await?);
    println!("{:?}", receipt.await);

    // Room first: what is sent is decided when it can be sent.
    let permit = client.reserve(64).await.map_err(|why| format!("no room: {why:?}"))?;
    permit.send(format!("{} messages are under way", client.unsettled().0))?;
    println!("{:?}", client.receive().await?);

    // Many, without receipts; `send_all` stops where the outbox is full and goes on when there is room.
    let mut sink = client.sink();
    for index in 0..3 {
        sink.feed(format!("number {index}").into()).await?;
    }
    sink.flush().await?;
    let messages = client.messages().ok_or("the client has a queue")?;
    let mut messages = messages.take(3);
    while let Some(message) = messages.next().await {
        println!("{message:?}");
    }

    // Everything accepted is settled first, for at most two seconds.
    let report = client.close(Duration::from_secs(2)).await;
    println!("{}, {} messages unsettled", report.state, report.unsettled.len());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("usage: client ws://host:port/path")?;
    task::block_on(run(&url))
}
