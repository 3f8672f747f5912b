//! Sessions that are broken on purpose.

use steadfast_core::{
    Action, Event, Metrics, Session, State, Timestamp,
    config::{Config, Settings},
};
use steadfast_sim::{Clause, Machine, Scenario};

/// Where a machine's actions go.
pub type Sink<'a> = &'a mut dyn FnMut(Action<'_>);

/// What is in a session's way: it handles the event for it.
type Twist = Box<dyn FnMut(&mut Session, Timestamp, Event<'_>, Sink<'_>)>;

/// A session with something in its way.
struct Broken {
    session: Session,
    twist: Twist,
    lies: bool,
}

impl Machine for Broken {
    fn handle(&mut self, now: Timestamp, event: Event<'_>, sink: Sink<'_>) {
        (self.twist)(&mut self.session, now, event, sink);
    }

    fn state(&self) -> State {
        self.session.state()
    }

    fn restart(&mut self, seed: u64) -> bool {
        self.session.restart(seed)
    }

    fn metrics(&self) -> Option<Metrics> {
        let mut metrics = self.session.metrics();
        metrics.pings += u64::from(self.lies);
        Some(metrics)
    }
}

/// The session passes the scenario; what is broken by `twist` breaks this clause.
///
/// # Panics
/// If the session itself breaks a clause, or the broken one is not caught.
pub fn caught(
    scenario: &Scenario,
    clause: Clause,
    twist: impl FnMut(&mut Session, Timestamp, Event<'_>, Sink<'_>) + 'static,
) {
    caught_with(scenario, clause, |settings| settings, false, twist);
}

/// The session passes the scenario; with other settings than the checker knows it breaks this clause.
///
/// # Panics
/// If the session itself breaks a clause, or the broken one is not caught.
pub fn caught_with_settings(scenario: &Scenario, clause: Clause, change: impl FnOnce(Settings) -> Settings) {
    caught_with(scenario, clause, change, false, faithful);
}

/// The same, with all that can be broken.
///
/// # Panics
/// If the session itself breaks a clause, or the broken one is not caught.
pub fn caught_with(
    scenario: &Scenario,
    clause: Clause,
    change: impl FnOnce(Settings) -> Settings,
    lies: bool,
    twist: impl FnMut(&mut Session, Timestamp, Event<'_>, Sink<'_>) + 'static,
) {
    let unbroken = scenario.run().expect("the settings can be");
    unbroken.expect_clean();
    let changed = Config::new(change(scenario.config.clone())).expect("the changed settings can be");
    let broken = scenario
        .run_with(|_, seed| Broken { session: Session::new(changed, seed), twist: Box::new(twist), lies })
        .expect("the settings can be");
    assert!(broken.breaks(clause), "{clause:?} was not found broken:\n{broken}");
}

/// The session as it is.
pub fn faithful(session: &mut Session, now: Timestamp, event: Event<'_>, sink: Sink<'_>) {
    session.handle(now, event).for_each(sink);
}

/// Actions pass, if `passes` says so.
pub fn filtered(
    mut passes: impl FnMut(Timestamp, &Action<'_>) -> bool,
) -> impl FnMut(&mut Session, Timestamp, Event<'_>, Sink<'_>) {
    move |session, now, event, sink| {
        session.handle(now, event).filter(|action| passes(now, action)).for_each(sink);
    }
}
