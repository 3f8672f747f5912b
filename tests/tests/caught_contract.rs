//! The checker caught red-handed at what no session would do that works at all: each is broken on purpose, and the unbroken one
//! passes the same scenario. And no clause is without a session that breaks it.

use std::{fs, path::Path, time::Duration};

use steadfast_core::{Action, ConnId, Delivery, Event, Notice, State, StateKind, StopCause, Transition};
use steadfast_sim::{Clause, Fault, Scenario, ServerModel, Step};

use steadfast_tests::broken::{caught, filtered};

fn wait(seconds: u64) -> Step {
    Step::Wait { span: Duration::from_secs(seconds) }
}

fn send(count: u32) -> Step {
    let delivery = Delivery::AtLeastOnce;
    Step::Send { count, every: Duration::ZERO, bytes: 30, text: true, delivery, max_resends: None, bound: false }
}

fn scenario(steps: Vec<Step>) -> Scenario {
    Scenario { steps, ..Scenario::default() }
}

#[test]
fn a_connection_with_the_name_of_an_earlier_one_is_caught() {
    let scenario = scenario(vec![Step::Start, wait(1), Step::Fault(Fault::Reset), wait(10)]);
    caught(&scenario, Clause::ConnIdsRise, |session, now, event, sink| {
        for action in session.handle(now, event) {
            sink(match action {
                Action::Connect { attempt, endpoint, credentials, .. } => {
                    Action::Connect { conn: ConnId(1), attempt, endpoint, credentials }
                }
                action => action,
            });
        }
    });
}

#[test]
fn a_session_that_stops_for_no_reason_is_caught() {
    let mut is_done = false;
    caught(&scenario(vec![Step::Start, wait(1)]), Clause::StateFits, move |session, now, event, sink| {
        let opens = matches!(event, Event::Opened { .. });
        session.handle(now, event).for_each(&mut *sink);
        if opens && !std::mem::replace(&mut is_done, true) {
            let to = State::Stopped { cause: StopCause::Application };
            sink(Action::Notify(Notice::State(Box::new(Transition { from: StateKind::Open, to, decided: None }))));
        }
    });
}

#[test]
fn a_drain_that_goes_on_for_ever_is_caught() {
    let drain = Some(Duration::from_secs(3));
    let stop = Step::Stop { code: 1_000, drain };
    let scenario =
        scenario(vec![Step::Serve(vec![ServerModel::Refuse]), Step::Start, send(5), wait(1), stop, wait(10)]);
    caught(&scenario, Clause::StopEnds, |session, now, event, sink| {
        let event = match event {
            Event::Stop { frame, drain: Some(_) } => Event::Stop { frame, drain: Some(Duration::from_hours(1)) },
            event => event,
        };
        session.handle(now, event).for_each(sink);
    });
}

#[test]
fn a_cancel_without_an_answer_is_caught() {
    let scenario = scenario(vec![Step::Start, wait(1), send(1), wait(1), Step::Cancel { back: 0 }, wait(1)]);
    caught(
        &scenario,
        Clause::CancelAnswered,
        filtered(|_, action| !matches!(action, Action::Notify(Notice::NotCancelled { .. }))),
    );
}

#[test]
fn a_session_that_never_notices_that_it_is_open_is_caught() {
    caught(&scenario(vec![Step::Start, send(3), wait(1)]), Clause::Settles, |session, now, event, sink| {
        if !matches!(event, Event::Opened { .. }) {
            session.handle(now, event).for_each(sink);
        }
    });
}

/// Whoever adds a clause adds a session that breaks it: in the suites that break sessions, its name is there.
#[test]
fn no_clause_is_without_a_session_that_breaks_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut suites = String::new();
    for entry in fs::read_dir(&folder).expect("the folder of the suites") {
        let path = entry.expect("an entry of the folder").path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let suite = fs::read_to_string(&path).expect("a suite");
            if suite.contains("use steadfast_tests::broken::") {
                suites += &suite;
            }
        }
    }
    let names: Vec<&str> = suites
        .split("Clause::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or(""))
        .collect();
    for clause in Clause::ALL {
        let name = format!("{clause:?}");
        assert!(names.contains(&name.as_str()), "nothing breaks {name}: {clause}");
    }
}
