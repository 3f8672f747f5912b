//! A hundred sessions on one thread, each of which sends ten messages, one after the other's echo.
//!
//! `cargo run -p steadfast-mio --example event_loop [ws://host:port/path]`

#[path = "server/mod.rs"]
mod server;

use std::{cell::Cell, error::Error, rc::Rc, time::Instant};

use steadfast_mio::{
    Application, Endpoint, EventLoop, Reads, Requests,
    core::{Message, Notice, SendOptions, StateKind, Timestamp, Verdict, config::Config},
};

/// One session's part of the program. It lives on the loop's thread, so it needs no locks.
struct Chatter {
    left: u32,
    /// Confirmed messages of all sessions.
    confirmed: Rc<Cell<u32>>,
}

impl Chatter {
    fn next(&mut self, requests: &mut Requests<'_>) {
        if self.left > 0 {
            self.left -= 1;
            requests.send(format!("{} to go", self.left), SendOptions::default());
        }
    }
}

impl Application for Chatter {
    fn deliver(&mut self, _message: Message<'_>, requests: &mut Requests<'_>) -> Reads {
        self.next(requests);
        Reads::Continue
    }

    fn notify(&mut self, at: Timestamp, notice: Notice, requests: &mut Requests<'_>) {
        match notice {
            Notice::State(transition) if transition.to.kind() == StateKind::Open => self.next(requests),
            Notice::State(transition) if transition.to.kind() == StateKind::Waiting => {
                println!("{at} {}", transition.to);
            }
            Notice::Verdict { verdict: Verdict::Confirmed, .. } => self.confirmed.set(self.confirmed.get() + 1),
            _ => {}
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    const SESSIONS: u32 = 100;
    let endpoint = Endpoint::parse(&server::url()?)?;
    let config = Config::default();
    let confirmed = Rc::new(Cell::new(0));
    let start = Instant::now();

    let mut sessions = EventLoop::new()?;
    let ids: Vec<_> = (0..SESSIONS)
        .map(|seed| {
            let chatter = Chatter { left: 10, confirmed: Rc::clone(&confirmed) };
            sessions.add(endpoint.clone(), config.clone(), u64::from(seed), chatter)
        })
        .collect();
    while confirmed.get() < SESSIONS * 10 {
        sessions.run_once(None)?;
    }
    println!("{} messages confirmed in {:?}", confirmed.get(), start.elapsed());
    for id in ids {
        sessions.driver_mut().remove(id);
    }
    Ok(())
}
