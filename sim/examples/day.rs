//! A small application, tested over a simulated day: quotes are subscribed to, lost with the connection, and subscribed to
//! again.
//!
//! The application ([`Ticker`]) and its server ([`Exchange`]) are what a user would write; `main` is the test.

use std::{collections::BTreeMap, time::Duration};

use steadfast_core::{
    ConnId, Event, Message, MessageId, Notice, SendOptions, State, Timestamp,
    config::{Config, Ready},
};
use steadfast_sim::{
    App, ClientId, Command, Commands, Fault, Heard, Peer, Replies, ServerModel, Service, Surroundings, World,
};

const SYMBOLS: [&str; 3] = ["OAK", "ELM", "ASH"];

/// The application: it shows the latest quote of each symbol, and knows how old it is.
#[derive(Default)]
struct Ticker {
    next_id: u64,
    quotes: BTreeMap<String, (Timestamp, u64)>,
    connections: u32,
    oldest: Duration,
}

impl App for Ticker {
    fn hear(&mut self, now: Timestamp, _: ClientId, heard: Heard<'_>, commands: &mut Commands) {
        match heard {
            Heard::Notice(Notice::State(change)) => {
                if let State::Open { conn, ready: false } = change.to {
                    self.subscribe(conn, commands);
                }
            }
            Heard::Message { message, .. } => self.quote(now, message),
            _ => {}
        }
    }
}

impl Ticker {
    /// Subscriptions belong to the connection: they are sent ahead of everything else, on each.
    fn subscribe(&mut self, conn: ConnId, commands: &mut Commands) {
        self.connections += 1;
        for symbol in SYMBOLS {
            self.next_id += 1;
            let subscribe = format!("subscribe {symbol}");
            commands.send(MessageId(self.next_id), subscribe, SendOptions::default().bound_to(conn));
        }
        commands.ready(conn);
    }

    fn quote(&mut self, now: Timestamp, message: &Message<'_>) {
        let Some((symbol, price)) = message.as_text().and_then(|text| text.split_once(' ')) else { return };
        let Ok(price) = price.parse() else { return };
        if let Some((last, _)) = self.quotes.insert(symbol.into(), (now, price)) {
            self.oldest = self.oldest.max(now - last);
        }
    }
}

/// The server: each connection has its own subscriptions, and a quote a second for each.
#[derive(Default)]
struct Exchange {
    subscribed: BTreeMap<Peer, Vec<String>>,
    price: u64,
}

impl Service for Exchange {
    fn received(&mut self, _: Timestamp, peer: Peer, message: &Message<'static>, replies: &mut Replies) {
        let Some(symbol) = message.as_text().and_then(|text| text.strip_prefix("subscribe ")) else { return };
        let symbols = self.subscribed.entry(peer).or_default();
        assert!(!symbols.iter().any(|known| known == symbol), "subscribed to {symbol} twice on {peer:?}");
        if symbols.is_empty() {
            replies.wake_in(Duration::from_secs(1));
        }
        symbols.push(symbol.into());
    }

    fn woken(&mut self, _: Timestamp, peer: Peer, replies: &mut Replies) {
        for symbol in self.subscribed.get(&peer).into_iter().flatten() {
            self.price += 1;
            replies.say(format!("{symbol} {}", self.price));
        }
        replies.wake_in(Duration::from_secs(1));
    }

    fn closed(&mut self, _: Timestamp, peer: Peer) {
        self.subscribed.remove(&peer);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::builder().ready(Ready::WhenTold).build()?;
    let mut world = World::new(7).with_service(Exchange::default());
    let around = Surroundings { servers: vec![ServerModel::Quiet], ..Surroundings::default() };
    let client = world.session_in(&config, 7, around);
    let mut ticker = Ticker::default();

    world.tell(client, Event::Start);
    let faults = [Fault::Reset, Fault::Silence, Fault::Fin, Fault::Close(1_012)];
    for hour in 0..24_usize {
        world.run_for(Duration::from_mins(50), &mut ticker);
        world.command(client, Command::Fault(faults[hour % faults.len()]));
        world.run_for(Duration::from_mins(10), &mut ticker);
    }

    println!("{} in {} events, over {} connections", world.now(), world.events(), ticker.connections);
    println!("latest: {:?}", ticker.quotes);
    println!("no quote was ever older than {:?}", ticker.oldest);
    world.checker(client).expect_clean();
    assert_eq!(ticker.connections, 25);
    assert!(ticker.quotes.values().all(|(at, _)| world.now() - *at <= Duration::from_secs(1)));
    // A restart (1012) is waited out for up to half a minute and a second, a silence is noticed after at most 45 s.
    assert!(ticker.oldest < Duration::from_mins(1), "{:?}", ticker.oldest);
    Ok(())
}
