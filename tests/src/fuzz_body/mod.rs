//! What the fuzz target `session` does with its bytes, so that the corpus is also replayed on stable.
//!
//! Arbitrary events in arbitrary order at arbitrary times, told by a driver that knows no shame: it names connections
//! that never were, flushes what it was not given, and fires timers that nobody set. Nothing may panic, and what the
//! session promises whatever a driver does must hold; [`Ledger`] says what that is.

mod decode;
mod ledger;

use arbitrary::Unstructured;
use steadfast_core::{Action, Event, Session, StateKind, Timestamp};

use decode::Driver;
use ledger::Ledger;

/// Longer inputs prove nothing that shorter ones do not.
const EVENTS: usize = 2_000;

/// Runs one input.
///
/// # Panics
/// When the session breaks a promise: that is what the fuzzer looks for.
pub fn session(bytes: &[u8]) {
    let mut input = Unstructured::new(bytes);
    let Ok((config, seed)) = decode::config(&mut input) else { return };
    let mut run = Run {
        session: Session::new(config.clone(), seed),
        twin: Session::new(config, seed),
        ledger: Ledger::default(),
        driver: Driver::default(),
        now: Timestamp::ZERO,
    };
    for _ in 0..EVENTS {
        match run.driver.next(&mut input, run.now) {
            Ok((now, event)) => run.step(now, event),
            Err(_) => break,
        }
    }
    run.wind_up();
}

struct Run {
    session: Session,
    /// Is told the same, and must decide the same.
    twin: Session,
    ledger: Ledger,
    driver: Driver,
    now: Timestamp,
}

impl Run {
    fn step(&mut self, now: Timestamp, event: Event<'static>) {
        self.now = self.now.max(now);
        self.driver.event(&event);
        let same: Vec<Action<'_>> = self.twin.handle(now, event.clone()).collect();
        self.ledger.event(self.now, &event, &same);
        let mut same = same.iter();
        for action in self.session.handle(now, event) {
            assert_eq!(Some(&action), same.next(), "the same events led to another action");
            self.ledger.action(&action);
            self.driver.action(&action);
        }
        assert_eq!(same.next(), None, "the same events led to more actions");
        self.ledger.handled(&self.session);
    }

    /// Whatever happened: the application can stop the session, and every message then has its verdict.
    fn wind_up(&mut self) {
        self.step(self.now, Event::Start);
        self.step(self.now, decode::stop());
        while let Some(conn) = self.driver.conn() {
            self.step(self.now, decode::closed(conn));
        }
        assert_eq!(self.session.state().kind(), StateKind::Stopped, "told to stop, with no connection left");
    }
}
