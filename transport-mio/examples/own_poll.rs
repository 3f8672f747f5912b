//! A session on a `mio::Poll` that the program already has, next to its own sockets.
//!
//! `cargo run -p steadfast-mio --example own_poll [ws://host:port/path]`

#[path = "server/mod.rs"]
mod server;

use std::{error::Error, sync::Arc, time::Instant};

use mio::{Events, Poll, Token, Waker};
use steadfast_mio::{
    Application, Driver, Endpoint, Reads, Requests,
    core::{Message, Notice, SendOptions, Timestamp, config::Config},
};

/// The program's own token, for the one waker that mio allows a poll.
const WAKER: Token = Token(0);

struct Printer {
    echoed: bool,
}

impl Application for Printer {
    fn deliver(&mut self, message: Message<'_>, _requests: &mut Requests<'_>) -> Reads {
        println!("{message:?}");
        self.echoed = true;
        Reads::Continue
    }

    fn notify(&mut self, at: Timestamp, notice: Notice, _requests: &mut Requests<'_>) {
        println!("{at} {notice:?}");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    // Tokens 1000 to 1999 are the driver's; all others stay the program's.
    let mut driver = Driver::new(poll.registry().try_clone()?, 1_000..2_000, waker);

    let endpoint = Endpoint::parse(&server::url()?)?;
    let session = driver.add(endpoint, Config::default(), 7, Printer { echoed: false })?;
    driver.send(session, "hello", SendOptions::default());

    let mut events = Events::with_capacity(64);
    while !driver.application(session).is_none_or(|printer| printer.echoed) {
        let timeout = driver.next_deadline().map(|at| at.saturating_duration_since(Instant::now()));
        poll.poll(&mut events, timeout)?;
        for event in &events {
            if !driver.handle_event(event) {
                // One of the program's own: a socket, or the waker, which asks for nothing but the call below.
                assert_eq!(event.token(), WAKER);
            }
        }
        driver.advance();
    }
    driver.remove(session);
    Ok(())
}
