//! What the fuzz target `session` does with its bytes, so that the corpus is also replayed on stable.
//!
//! Arbitrary events in arbitrary order at arbitrary times, told by a driver that knows no shame: it names connections
//! that never were, flushes what it was not given, and fires timers that nobody set. Nothing may panic, and what the
//! session promises whatever a driver does must hold: the `ledger` says what that is. Every other driver is a little more
//! honest, and flushes only pings that it was given; there the simulator's [`Checker`] is asked, too.

mod decode;
mod ledger;
mod shelf;

use std::env;

use arbitrary::Unstructured;
use steadfast_core::{Action, Event, Session, StateKind, Timestamp, config::Config};
use steadfast_sim::{Checker, Clause, Violation};

use self::{
    decode::{Driver, Next},
    ledger::Ledger,
};

/// Longer inputs prove nothing that shorter ones do not.
const EVENTS: usize = 2_000;

/// Clauses of the checker that even such a driver can make look broken: it answers pings before it has flushed them, and
/// puts waits behind the end of time.
const NOT_ASKED: [Clause; 5] =
    [Clause::HealthyKept, Clause::OutageTold, Clause::SilenceNoticed, Clause::StateTold, Clause::StopEnds];

/// Deadlines behind the end of time are none; what the checker says near it is not asked.
const LATE: Timestamp = Timestamp::from_micros(u64::MAX / 2);

/// Runs one input. With `FUZZ_SHOW` in the environment it prints the events and the actions.
///
/// # Panics
/// When the session breaks a promise: that is what the fuzzer looks for.
pub fn session(bytes: &[u8]) {
    let mut input = Unstructured::new(bytes);
    let Ok((config, seed)) = decode::config(&mut input) else { return };
    let honest = seed % 2 == 0;
    let mut run = Run {
        honest,
        session: Session::new(config.clone(), seed),
        twin: Session::new(config.clone(), seed),
        shown: env::var_os("FUZZ_SHOW").is_some(),
        checker: Checker::new(&config),
        ledger: Ledger::new(&config),
        driver: Driver::new(honest, config.store),
        lives: 0,
        config,
        seed,
        now: Timestamp::ZERO,
    };
    for _ in 0..EVENTS {
        match run.driver.next(&mut input, run.now) {
            Ok(Next::Event(now, event)) => run.step(now, event),
            Ok(Next::Crash) => run.crash(),
            Err(_) => break,
        }
    }
    run.wind_up();
}

struct Run {
    session: Session,
    /// Is told the same, and must decide the same.
    twin: Session,
    /// The driver flushes only pings that it was given: then the checker is asked.
    honest: bool,
    /// Print what happens.
    shown: bool,
    checker: Checker,
    ledger: Ledger,
    driver: Driver,
    now: Timestamp,
    /// How often the process died.
    lives: u64,
    config: Config,
    seed: u64,
}

impl Run {
    fn step(&mut self, now: Timestamp, event: Event<'static>) {
        self.now = self.now.max(now);
        if self.shown {
            println!("{now}: {event:?}");
        }
        self.driver.event(&event);
        let same: Vec<Action<'_>> = self.twin.handle(now, event.clone()).collect();
        self.checker.event(now, &event);
        self.ledger.event(self.now, &event, &same);
        let mut same = same.iter();
        for action in self.session.handle(now, event) {
            assert_eq!(Some(&action), same.next(), "the same events led to another action");
            if self.shown {
                println!("    {action:?}");
            }
            self.checker.action(&action);
            self.ledger.action(&action);
            self.driver.action(&action);
        }
        assert_eq!(same.next(), None, "the same events led to more actions");
        self.checker.handled(&self.session.state());
        self.checker.metrics(&self.session.metrics());
        let asked = |found: &&Violation| self.honest && found.at < LATE && !NOT_ASKED.contains(&found.clause);
        let broken = self.checker.violations().iter().find(asked);
        assert_eq!(broken, None, "the contract was broken");
        self.ledger.handled(&self.session);
    }

    /// The process dies, and begins again with what its store holds.
    fn crash(&mut self) {
        self.lives += 1;
        if self.shown {
            println!("the process dies");
        }
        let session = Session::new(self.config.clone(), self.seed.wrapping_add(self.lives));
        (self.session, self.twin) = (session.clone(), session);
        self.ledger = Ledger::new(&self.config);
        // Its clock counts from its own beginning.
        self.now = Timestamp::ZERO;
        self.checker.crashed(self.driver.stored());
        for restored in self.driver.crash() {
            self.step(self.now, restored);
        }
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
