//! A simulated year of a session whose connection breaks every ten minutes; prints what it took.
//!
//! ```text
//! cargo run --release -p steadfast-sim --example year            # with the checker
//! cargo run --release -p steadfast-sim --example year -- bare    # without
//! ```

use std::{
    env,
    time::{Duration, Instant},
};

use steadfast_core::{Delivery, Event, MessageId, Notice, SendOptions, Timestamp, Verdict, config::Config};
use steadfast_sim::{App, ClientId, Commands, Fault, Heard, World};

const YEAR: Duration = Duration::from_hours(365 * 24);
const BREAK: u64 = 0;
const SPEAK: u64 = 1;

/// Sends a message a minute, while its connection breaks every ten.
#[derive(Default)]
struct Year {
    faults: usize,
    sent: u64,
    confirmed: u64,
    other: u64,
}

impl App for Year {
    fn hear(&mut self, _: Timestamp, _: ClientId, heard: Heard<'_>, commands: &mut Commands) {
        match heard {
            Heard::Woken { key: BREAK } => {
                let faults = [Fault::Reset, Fault::Fin, Fault::Silence, Fault::Close(1_001)];
                commands.fault(faults[self.faults % faults.len()]);
                self.faults += 1;
                commands.wake_in(Duration::from_mins(10), BREAK);
            }
            Heard::Woken { .. } => {
                self.sent += 1;
                commands.send(MessageId(self.sent), "the time passes", SendOptions::new(Delivery::AtLeastOnce));
                commands.wake_in(Duration::from_mins(1), SPEAK);
            }
            Heard::Notice(Notice::Verdict { verdict: Verdict::Confirmed, .. }) => self.confirmed += 1,
            Heard::Notice(Notice::Verdict { .. }) => self.other += 1,
            _ => {}
        }
    }
}

fn main() {
    let bare = env::args().nth(1).is_some_and(|word| word == "bare");
    let mut world = World::new(1);
    let client = world.session(&Config::default(), 1);
    if bare {
        world.unwatched(client);
    } else {
        world.without_record(client);
    }
    let mut year = Year::default();
    world.tell(client, Event::Start);
    for key in [BREAK, SPEAK] {
        let span = Duration::from_mins(1);
        world.command(client, steadfast_sim::Command::Wake { span, key });
    }
    let began = Instant::now();
    world.run_for(YEAR, &mut year);
    let took = began.elapsed();
    if !bare {
        world.checker(client).expect_clean();
    }
    let Year { faults, sent, confirmed, other } = year;
    println!("{} days simulated in {:.2} s", YEAR.as_secs() / 86_400, took.as_secs_f64());
    println!("{faults} breaks, {} connections", world.machine(client).metrics().connects);
    println!("{sent} messages sent, {confirmed} confirmed, {other} otherwise settled");
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rate = world.events() as f64 / took.as_secs_f64() / 1e6;
    println!("{} events, {} actions, {rate:.2} million events a second", world.events(), world.actions());
}
