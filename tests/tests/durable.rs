//! What is durable, over simulated time: crashes in the middle of anything, stores that are slow, full or broken; and the checker
//! caught red-handed with sessions that are careless with it.

use std::time::Duration;

use steadfast_core::{
    Action, Event, Identity, MessageId, Notice, Persist, Session, StoreError, Timestamp,
    config::{Credentials, Outbox, Settings},
};
use steadfast_sim::{Clause, Fault, Grant, Scenario, ServerModel, Step, StoreModel, Surroundings};
use steadfast_tests::broken::{Sink, caught, filtered};

fn wait(millis: u64) -> Step {
    Step::Wait { span: Duration::from_millis(millis) }
}

fn durable(count: u32, every: u64) -> Step {
    Step::SendDurable { count, every: Duration::from_millis(every), bytes: 30 }
}

fn takes(millis: u64) -> StoreModel {
    StoreModel { latency: Duration::from_millis(millis), fails: None }
}

fn with(store: StoreModel, steps: Vec<Step>) -> Scenario {
    let config = Settings { store: true, ..Settings::default() };
    Scenario { config, around: Surroundings { store, ..Surroundings::default() }, steps, ..Scenario::default() }
}

/// Traffic over connections that break, in processes that die.
fn stormy() -> Scenario {
    let mut steps = vec![Step::Start, durable(400, 10)];
    for _ in 0..5 {
        steps.extend([wait(307), Step::Fault(Fault::Reset), wait(313), Step::Crash]);
    }
    with(takes(7), steps)
}

#[test]
fn a_store_that_never_answers_does_not_keep_a_session_from_stopping() {
    let store = StoreModel { latency: Duration::MAX, fails: None };
    let stop = Step::Stop { code: 1_000, drain: Some(Duration::from_secs(3)) };
    let scenario =
        Scenario { settle: None, ..with(store, vec![Step::Start, durable(10, 0), wait(100), stop, wait(9_000)]) };
    let report = scenario.run().expect("the settings can be");
    report.expect_clean();
    assert_eq!(report.tally.refused, 10);
}

#[test]
fn a_full_store_refuses_and_the_session_goes_on() {
    let full = StoreModel { fails: Some(StoreError::Full), ..takes(5) };
    let steps = vec![Step::Start, durable(10, 1), wait(100), Step::Store(takes(5)), durable(10, 1), wait(100)];
    let report = with(full, steps).run().expect("the settings can be");
    report.expect_clean();
    assert_eq!((report.tally.refused, report.tally.confirmed), (10, 10));
}

#[test]
fn what_was_accepted_is_confirmed_although_the_process_dies_again_and_again() {
    let report = stormy().run().expect("the settings can be");
    report.expect_clean();
    assert!(report.tally.confirmed > 300, "{report}");
}

#[test]
fn a_stop_keeps_what_the_next_start_confirms() {
    let stop = Step::Stop { code: 1_000, drain: None };
    let refuse = Step::Serve(vec![ServerModel::Refuse]);
    let steps =
        vec![refuse, Step::Start, durable(50, 0), wait(6), stop, wait(500), Step::Crash, Step::Start, wait(1_000)];
    let report = with(takes(1), steps).run().expect("the settings can be");
    report.expect_clean();
    assert_eq!((report.tally.confirmed, report.tally.refused), (50, 0), "{report}");
    assert!(report.tally.kept > 0, "{report}");
}

#[test]
fn seeds_with_stores_and_crashes_keep_the_contract() {
    let mut durable = 0;
    for seed in 0..500 {
        let scenario = Scenario::from_seed(seed);
        if !scenario.config.store {
            continue;
        }
        durable += 1;
        let report = scenario.run().expect("drawn settings can be");
        assert!(report.violations.is_empty(), "seed {seed}:\n{report}");
    }
    assert!(durable > 100, "{durable} of them have a store");
}

#[test]
fn a_session_that_does_not_wait_for_its_store_is_caught() {
    // What it asked for counts as done.
    fn hasty(session: &mut Session, now: Timestamp, event: Event<'_>, sink: Sink<'_>) {
        let mut stored = Vec::new();
        for action in session.handle(now, event) {
            if let Action::Persist(persist) = &action {
                stored.push(persist.id);
            }
            sink(action);
        }
        for id in stored {
            session.handle(now, Event::Persisted { id, result: Ok(()) }).for_each(&mut *sink);
        }
    }
    caught(&stormy(), Clause::StoredFirst, hasty);
    caught(&stormy(), Clause::AcceptedTrue, hasty);
}

#[test]
fn a_session_that_forgets_to_forget_is_caught() {
    let mut forgets = 0;
    caught(
        &stormy(),
        Clause::ForgottenOnce,
        filtered(move |_, action| {
            forgets += u32::from(matches!(action, Action::Forget { .. }));
            !(matches!(action, Action::Forget { .. }) && forgets == 20)
        }),
    );
}

#[test]
fn a_session_that_forgets_twice_is_caught() {
    caught(&stormy(), Clause::ForgottenOnce, |session, now, event, sink| {
        for action in session.handle(now, event) {
            if let Action::Forget { id } = action {
                sink(Action::Forget { id });
            }
            sink(action);
        }
    });
}

#[test]
fn a_session_that_forgets_when_it_accepts_loses_what_it_accepted_and_is_caught() {
    caught(&stormy(), Clause::DurableKept, |session, now, event, sink| {
        for action in session.handle(now, event) {
            let accepted = if let Action::Notify(Notice::Accepted { id }) = action { Some(id) } else { None };
            sink(action);
            if let Some(id) = accepted {
                sink(Action::Forget { id });
            }
        }
    });
}

#[test]
fn a_session_that_does_not_listen_to_what_is_restored_is_caught() {
    caught(&stormy(), Clause::DurableKept, |session, now, event, sink| {
        if !matches!(event, Event::Restored { .. }) {
            session.handle(now, event).for_each(sink);
        }
    });
}

#[test]
fn a_session_that_takes_up_in_another_order_is_caught() {
    let mut told = Vec::new();
    // The network is away while messages are stored, so that none of them has arrived when the process dies.
    let steps = vec![
        Step::Start,
        Step::Serve(vec![ServerModel::Refuse]),
        Step::Fault(Fault::Reset),
        durable(5, 10),
        wait(200),
        Step::Crash,
    ];
    caught(&with(takes(5), steps), Clause::DurableOrder, move |session, now, event, sink| match event {
        restored @ Event::Restored { .. } => told.push(restored.into_owned()),
        Event::Start => {
            for restored in told.drain(..).rev() {
                session.handle(now, restored).for_each(&mut *sink);
            }
            session.handle(now, Event::Start).for_each(sink);
        }
        event => session.handle(now, event).for_each(sink),
    });
}

/// Messages of one user are stored, and the process dies; in the next one there is another.
fn another_user() -> Scenario {
    let lease = |identity| Grant::Lease { after: Duration::ZERO, expires_in: None, identity: Some(Identity(identity)) };
    let refuse = Step::Serve(vec![ServerModel::Refuse]);
    let steps = vec![
        Step::Start,
        wait(100),
        refuse,
        Step::Fault(Fault::Reset),
        durable(5, 10),
        wait(200),
        Step::Crash,
        Step::Serve(vec![]),
        durable(5, 10),
        wait(60_000),
    ];
    let mut scenario = with(takes(5), steps);
    scenario.config.credentials = Some(Credentials::default());
    scenario.around.source = vec![lease(1), lease(2)];
    scenario
}

#[test]
fn what_one_user_left_in_the_store_is_in_doubt_for_the_next() {
    let report = another_user().run().expect("the settings can be");
    report.expect_clean();
    assert_eq!((report.tally.in_doubt, report.tally.confirmed), (5, 5), "{report}");
}

#[test]
fn a_session_that_does_not_ask_whose_a_restored_message_is_is_caught() {
    caught(&another_user(), Clause::IdentityKept, |session, now, event, sink| {
        let event = match event {
            Event::Restored { id, message, options, .. } => Event::Restored { id, message, options, identity: None },
            event => event,
        };
        session.handle(now, event).for_each(sink);
    });
}

#[test]
fn a_session_that_does_not_say_for_whom_a_message_is_to_be_stored_is_caught() {
    caught(&another_user(), Clause::IdentityKept, |session, now, event, sink| {
        for action in session.handle(now, event) {
            sink(match action {
                Action::Persist(persist) => Action::Persist(Box::new(Persist { identity: None, ..*persist })),
                action => action,
            });
        }
    });
}

#[test]
fn a_session_that_says_nothing_of_what_was_stored_is_caught() {
    let third = MessageId(3);
    let silent = move |_: Timestamp, action: &Action<'_>| !matches!(action, Action::Notify(Notice::Accepted { id }) if *id == third);
    caught(&stormy(), Clause::AcceptedTrue, filtered(silent));
}

#[test]
fn bounds_hold_for_what_is_new_beside_what_was_restored() {
    let outbox = Outbox { max_messages: 5, ..Outbox::default() };
    let refuse = Step::Serve(vec![ServerModel::Refuse]);
    let steps =
        vec![Step::Start, refuse, Step::Fault(Fault::Reset), durable(8, 1), wait(100), Step::Crash, durable(3, 1)];
    let mut scenario = with(takes(1), steps);
    scenario.config.outbox = outbox;
    let report = scenario.run().expect("the settings can be");
    report.expect_clean();
    assert_eq!((report.tally.refused, report.tally.confirmed), (6, 5), "{report}");
}
