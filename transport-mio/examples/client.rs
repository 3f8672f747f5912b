//! A client on a thread of its own: send, receive, and ask what became of each message.
//!
//! `cargo run -p steadfast-mio --example client [ws://host:port/path]`

#[path = "server/mod.rs"]
mod server;

use std::{error::Error, time::Duration};

use steadfast_mio::{
    Client,
    core::{Delivery, SendOptions, StateKind},
};

fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::builder(&server::url()?).header("X-Example", "client").connect()?;
    let open = client.state().wait_for(Duration::from_secs(10), |state| state.kind() == StateKind::Open);
    println!("{}", open.ok_or("not open within 10 s")?);

    // At least once: queued while there is no connection, sent again after a break, until it is confirmed.
    let receipt = client.send("hello")?;
    println!("{:?}", client.receive_timeout(Duration::from_secs(5))?);
    println!("{:?}", receipt.wait());

    // Worth sending only now.
    let receipt = client.send_with("now", SendOptions::new(Delivery::Volatile))?;
    println!("{:?}", client.receive_timeout(Duration::from_secs(5))?);
    println!("{:?}", receipt.wait());

    // Other threads send through handles.
    let sender = client.sender();
    std::thread::spawn(move || sender.send("from another thread").map(drop)).join().expect("no panic")?;
    println!("{:?}", client.receive_timeout(Duration::from_secs(5))?);

    let report = client.close(Some(Duration::from_secs(2)));
    println!("{}, {} messages unsettled", report.state, report.unsettled.len());
    Ok(())
}
