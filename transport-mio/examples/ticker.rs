//! A client that holds on, complete: it subscribes on every connection, prints prices as they come, sends orders and learns
//! what became of each, tells what happens to the connection, and shuts down in order.
//!
//! `cargo run -p steadfast-mio --example ticker`
//!
//! The exchange is a part of the program. It resets the first connection in the middle, so that there is something to hold on
//! to. The guide `docs/mio.md` goes through this file.

use std::{error::Error, thread, time::Duration};

use steadfast_mio::{
    Client, Notices, Sender,
    core::{
        CloseCode, Decision, Delivery, Notice, SendOptions, State,
        config::{Config, Match},
    },
};

fn main() -> Result<(), Box<dyn Error>> {
    trade(&exchange::start()?)
}

/// The client's part, all of it.
fn trade(url: &str) -> Result<(), Box<dyn Error>> {
    let config = Config::builder()
        .heartbeat_interval(Duration::from_secs(15))
        // This exchange says 4001 when an account is closed: then there is nothing to come back to.
        .rule(Match::Code { from: CloseCode(4001), to: CloseCode(4001) }, Decision::Terminal)
        .build()?;
    let mut builder = Client::builder(url).header("Authorization", "Bearer not-a-real-token").config(config);
    // Before the client begins, so that not even the first one is missed.
    let notices = builder.notices();
    let client = builder.connect()?;

    let sender = client.sender();
    let watcher = thread::spawn(move || watch(notices, &sender));
    let prices = client.receiver().ok_or("a client keeps a queue unless it is told not to")?;
    let printer =
        thread::spawn(move || prices.for_each(|price| println!("price      {}", price.as_text().unwrap_or("?"))));

    // At least once, the default: queued until there is a connection, and sent again after a break.
    let receipts = (1..=4).map(|number| client.send(format!("order {number}"))).collect::<Result<Vec<_>, _>>()?;
    for receipt in &receipts {
        println!("order      {} {:?}", receipt.id(), receipt.wait().verdict());
    }

    // Whatever is not settled yet has two seconds; then the connection is closed, and the thread ends.
    let report = client.close(Some(Duration::from_secs(2)));
    println!("closed     {}, {} unsettled", report.state, report.unsettled.len());
    for thread in [watcher, printer] {
        thread.join().map_err(|_| "a thread panicked")?;
    }
    Ok(())
}

/// Tells of the connection's life, and subscribes whenever there is a new one.
fn watch(notices: Notices, sender: &Sender) {
    for noticed in notices {
        let Notice::State(change) = noticed.notice else { continue };
        println!("{:<10} {}", format!("{:?}", change.to.kind()).to_lowercase(), change.to);
        if let Some(failure) = noticed.failure {
            println!("           {failure}");
        }
        if let State::Open { conn, .. } = change.to {
            // For this connection and no other: the next one gets a subscription of its own.
            let options = SendOptions::new(Delivery::Volatile).bound_to(conn);
            if let Err(error) = sender.send_with("subscribe EUR/USD", options) {
                println!("not sent   {error}");
            }
        }
    }
}

/// A server that resets its first connection after two orders.
mod exchange {
    use std::{
        io,
        net::{TcpListener, TcpStream},
        thread,
        time::Duration,
    };

    use socket2::SockRef;
    use tungstenite::Message;

    pub(super) fn start() -> io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("ws://{}/", listener.local_addr()?);
        thread::spawn(move || {
            for (stream, connection) in listener.incoming().flatten().zip(1..) {
                thread::spawn(move || serve(stream, connection));
            }
        });
        Ok(url)
    }

    fn serve(stream: TcpStream, connection: u32) {
        let Ok(mut socket) = tungstenite::accept(stream) else { return };
        let mut orders = 0;
        while let Ok(message) = socket.read() {
            let Message::Text(text) = message else { continue };
            if let Some(pair) = text.strip_prefix("subscribe ") {
                let _ = socket.send(Message::text(format!("{pair} 1.08{connection}")));
                continue;
            }
            orders += 1;
            if connection == 1 && orders == 2 {
                // No close frame, and no answer to what came before: a reset.
                let _ = SockRef::from(socket.get_ref()).set_linger(Some(Duration::ZERO));
                return;
            }
        }
    }
}

#[test]
fn the_program_comes_to_its_end() {
    main().expect("every order is confirmed, and every thread ends");
}
