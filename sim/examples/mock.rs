//! How an application tests what it does when connections break: on real sockets, in less than a second.
//!
//! `cargo run -p steadfast-sim --features mock --example mock`
//!
//! [`Board`] is the application: it shows quotes, and subscribes to them again on every connection. `main` is the test.

use std::{sync::Arc, thread, time::Duration};

use steadfast_mio::{
    Client,
    core::{
        Notice, SendOptions, State,
        config::{Backoff, Config, Jitter, Schedule},
    },
};
use steadfast_sim::mock::{Accept, Answer, MockServer, Script};

fn main() {
    // The server restarts in the middle of the quotes, is too busy at first, and then dies without a word.
    let server = MockServer::start(
        Script::new()
            .connection(Accept::new().expect_target("/quotes").expect_header("authorization", "Bearer 1"))
            .expect_text("subscribe OAK")
            .send_text("OAK 1")
            .close(1001, "restart")
            .connection(Answer::status(503))
            .connection(Accept::new())
            .expect_text("subscribe OAK")
            .send_text("OAK 2")
            .die_in_frame()
            .connection(Accept::new())
            .expect_text("subscribe OAK")
            .send_text("OAK 3"),
    );

    let mut board = Board::open(&format!("{}quotes", server.url()));
    assert_eq!([board.next(), board.next(), board.next()], ["OAK 1", "OAK 2", "OAK 3"]);

    server.finish(); // all of it has happened, in this order
    for record in server.records() {
        println!("connection {}: {:?}, ended: {:?}", record.number, record.received, record.ending);
    }
}

/// Shows quotes.
struct Board {
    client: Arc<Client>,
}

impl Board {
    fn open(url: &str) -> Self {
        let schedule = Schedule::Fixed { delay: Duration::from_millis(20) };
        let backoff = Backoff { schedule, jitter: Jitter::None, first: None, ..Backoff::default() };
        let config = Config::builder().backoff(backoff).build().expect("sound settings");
        let mut builder = Client::builder(url).header("Authorization", "Bearer 1").config(config);
        let notices = builder.notices();
        let client = Arc::new(builder.connect().expect("a thread"));
        let sender = client.sender();
        thread::spawn(move || {
            // What was subscribed to is forgotten with the connection.
            while let Ok(noticed) = notices.receive() {
                if let Notice::State(change) = noticed.notice
                    && let State::Open { conn, .. } = change.to
                {
                    let only_here = SendOptions::default().bound_to(conn);
                    // If this connection is gone already, the next one is told.
                    let _receipt = sender.send_with("subscribe OAK", only_here);
                }
            }
        });
        Self { client }
    }

    fn next(&mut self) -> String {
        let message = self.client.receive_timeout(Duration::from_secs(10)).expect("a quote");
        message.as_text().expect("quotes are text").to_owned()
    }
}
