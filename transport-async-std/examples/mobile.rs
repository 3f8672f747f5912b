//! A client on a device that moves, sleeps and loses its network: what the platform says is passed on.
//!
//! `cargo run -p steadfast-async-std --example mobile`
//!
//! The server is a part of the program, and so is the platform, which says a day's worth of things in a second. The guide
//! `docs/mobile.md` goes through this file.

use std::{error::Error, time::Duration};

use async_std::task;
use steadfast_async_std::{
    Client,
    core::{
        Network, StateKind, Visibility,
        config::{Background, Config},
    },
};

fn main() -> Result<(), Box<dyn Error>> {
    task::block_on(a_day_with(&server::start()?))
}

/// The client's part, all of it.
async fn a_day_with(url: &str) -> Result<(), Box<dyn Error>> {
    let config = Config::builder()
        // At once, so that the day is short; half a minute is kinder to whoever only looks at another program.
        .background(Background::Close { after: Duration::ZERO })
        .build()?;
    let client = Client::connect(Client::builder(url).config(config)).await?;
    tell(&client, "connected");

    // Wi-Fi to mobile: the socket may be dead, or may not. It is probed, and kept if it answers.
    client.network(Network::Changed);
    client.send("on the way").await?.await;
    tell(&client, "after a change");

    // The lid was closed for two hours: that much of every lifetime is over, and the connection is probed.
    client.resumed(Duration::from_hours(2));
    client.send("back").await?.await;
    tell(&client, "after a sleep");

    // A tunnel. What is open is left alone; what is lost meanwhile is not tried again before there is a network.
    client.network(Network::Offline);
    let receipt = client.send("from the tunnel").await?;
    client.network(Network::Online);
    println!("{:<16} {:?}", "from the tunnel", receipt.await.verdict());

    // Nobody looks: the connection is closed, politely, and the radio rests.
    client.visibility(Visibility::Background);
    client.state().wait_for(|state| state.kind() == StateKind::Background).await;
    tell(&client, "in the dark");
    let receipt = client.send("written in the dark").await?;

    // Somebody looks again: an attempt is made at once.
    client.visibility(Visibility::Foreground);
    println!("{:<16} {:?}", "in the light", receipt.await.verdict());
    tell(&client, "in the light");

    let report = client.close(Duration::from_secs(2)).await;
    println!("{:<16} {}, {} unsettled", "closed", report.state, report.unsettled.len());
    Ok(())
}

fn tell(client: &Client, when: &str) {
    println!("{when:<16} {}", client.state().current());
}

/// Takes everything, and says nothing.
mod server {
    use std::{io, net::TcpListener, thread};

    pub(super) fn start() -> io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("ws://{}/", listener.local_addr()?);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let Ok(mut socket) = tungstenite::accept(stream) else { return };
                    while socket.read().is_ok() {}
                });
            }
        });
        Ok(url)
    }
}

#[test]
fn it_runs_to_its_end() {
    main().expect("nothing goes wrong");
}
