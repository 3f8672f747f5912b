//! The checker caught red-handed at sessions that take time amiss: waits, timers, silence. Each is broken on purpose, and the
//! unbroken one passes the same scenario.

use std::time::Duration;

use steadfast_core::{
    Action, CloseFrame, Delivery, Event, Notice, State, StateKind, Timestamp,
    config::{Heartbeat, Settings},
};
use steadfast_sim::{Clause, Fault, Scenario, ServerModel, Step, Surroundings};

use steadfast_tests::broken::{caught, caught_with_settings, filtered};

fn wait(millis: u64) -> Step {
    Step::Wait { span: Duration::from_millis(millis) }
}

fn send(count: u32, every: u64, delivery: Delivery) -> Step {
    let every = Duration::from_millis(every);
    Step::Send { count, every, bytes: 30, text: true, delivery, max_resends: None, bound: false }
}

fn met_by(servers: &[ServerModel]) -> Surroundings {
    Surroundings { servers: servers.to_vec(), ..Surroundings::default() }
}

/// A minute of traffic over a connection that breaks in several ways.
fn stormy(delivery: Delivery) -> Scenario {
    let faults = [Fault::Reset, Fault::Fin, Fault::Close(1_001), Fault::Reset, Fault::ServerReset];
    let mut steps = vec![Step::Start, send(400, 20, delivery)];
    for fault in faults {
        steps.extend([wait(1_510), Step::Fault(fault)]);
    }
    Scenario { steps, ..Scenario::default() }
}

#[test]
fn backoff_that_is_reset_on_open_is_caught() {
    let around = met_by(&[ServerModel::DropAfter { after: Duration::from_millis(50) }]);
    let scenario = Scenario { around, steps: vec![Step::Start, wait(60_000)], ..Scenario::default() };
    caught_with_settings(&scenario, Clause::BackoffEarnedBack, |settings| Settings {
        stable_after: Duration::ZERO,
        ..settings
    });
}

#[test]
fn a_timer_that_leaks_from_one_connection_into_the_next_is_caught() {
    let mut leaked: Option<Timestamp> = None;
    caught(&stormy(Delivery::AtLeastOnce), Clause::HealthyKept, move |session, now, event, sink| {
        let closed = matches!(event, Event::Closed { .. });
        session.handle(now, event).for_each(&mut *sink);
        if closed && leaked.is_none() {
            leaked = Some(now + Duration::from_secs(1));
        }
        if let State::Open { conn, .. } = session.state()
            && leaked.is_some_and(|at| now >= at)
        {
            leaked = Some(Timestamp::MAX);
            let cause = steadfast_core::Cause::HeartbeatTimeout;
            let to = State::Closing { conn, cause };
            let change = steadfast_core::Transition { from: StateKind::Open, to, decided: None };
            sink(Action::Abort { conn });
            sink(Action::Notify(Notice::State(Box::new(change))));
        }
    });
}

#[test]
fn a_timer_in_the_past_is_caught() {
    let mut times = 0;
    caught(&stormy(Delivery::AtLeastOnce), Clause::TimerInFuture, move |session, now, event, sink| {
        for action in session.handle(now, event) {
            times += 1;
            match action {
                Action::SetTimer { .. } if times < 100 => sink(Action::SetTimer { at: now }),
                action => sink(action),
            }
        }
    });
}

#[test]
fn a_timer_that_spins_is_caught() {
    let mut spins = 0;
    caught(&stormy(Delivery::AtLeastOnce), Clause::TimerSpins, move |session, now, event, sink| {
        for action in session.handle(now, event) {
            spins += 1;
            match action {
                Action::SetTimer { .. } if spins < 5_000 => {
                    sink(Action::SetTimer { at: now + Duration::from_micros(1) });
                }
                action => sink(action),
            }
        }
    });
}

fn half_open() -> Scenario {
    let steps = vec![Step::Start, wait(5_000), Step::Fault(Fault::Silence), wait(120_000)];
    Scenario { steps, ..Scenario::default() }
}

#[test]
fn a_dead_connection_that_is_closed_politely_is_caught() {
    caught(&half_open(), Clause::DeadAborted, |session, now, event, sink| {
        for action in session.handle(now, event) {
            match action {
                Action::Abort { conn } => sink(Action::Close { conn, frame: CloseFrame::NORMAL }),
                action => sink(action),
            }
        }
    });
}

#[test]
fn a_silence_that_nobody_listens_to_is_caught() {
    caught_with_settings(&half_open(), Clause::PingsInTime, |settings| Settings {
        heartbeat: Heartbeat::Off,
        ..settings
    });
    caught(&half_open(), Clause::SilenceNoticed, |session, now, event, sink| {
        // Every timer comes with a sign of life that the server never gave.
        if let (Event::TimerFired, State::Open { conn, .. }) = (&event, session.state()) {
            session.handle(now, Event::Activity { conn }).for_each(&mut *sink);
        }
        session.handle(now, event).for_each(sink);
    });
}

#[test]
fn a_ping_that_is_starved_by_sending_is_caught() {
    let mut scenario = Scenario::default();
    scenario.config.confirm.enabled = false;
    scenario.steps = vec![Step::Start, wait(100), send(1_200, 50, Delivery::AtMostOnce), wait(60_000)];
    let mut last = Timestamp::ZERO;
    caught(
        &scenario,
        Clause::PingsInTime,
        filtered(move |now, action| {
            if let Action::Send { .. } = action {
                last = now;
            }
            !(matches!(action, Action::Ping { .. }) && now - last < Duration::from_secs(1))
        }),
    );
}

fn overloaded() -> Scenario {
    let reject = ServerModel::Reject { status: 503, retry_after: Some(Duration::from_secs(90)) };
    let steps = vec![Step::Start, wait(200_000)];
    Scenario { around: met_by(&[reject, ServerModel::Echo]), steps, ..Scenario::default() }
}

#[test]
fn a_retry_after_that_is_ignored_is_caught() {
    caught_with_settings(&overloaded(), Clause::PolicyKept, |settings| Settings {
        retry_after_max: Duration::ZERO,
        ..settings
    });
}

#[test]
fn a_wait_that_is_cut_short_is_caught() {
    caught(&overloaded(), Clause::WaitKept, |session, now, event, sink| {
        session.handle(now, event).for_each(&mut *sink);
        if matches!(session.state(), State::Waiting { .. }) {
            session.handle(now, Event::ReconnectNow).for_each(sink);
        }
    });
}

#[test]
fn another_backoff_than_was_asked_for_is_caught() {
    let around = met_by(&[ServerModel::Refuse]);
    let scenario = Scenario { around, steps: vec![Step::Start, wait(200_000)], ..Scenario::default() };
    caught_with_settings(&scenario, Clause::BackoffBounds, |mut settings| {
        settings.backoff.offset = Duration::from_secs(45);
        settings
    });
}

#[test]
fn a_timer_that_is_not_set_again_is_caught() {
    let steps = vec![Step::Start, wait(1_000), Step::Spurious { times: 1 }, wait(1_000)];
    let around = met_by(&[ServerModel::Hang, ServerModel::Echo]);
    let scenario = Scenario { around, steps, ..Scenario::default() };
    caught(&scenario, Clause::TimerArmed, |session, now, event, sink| {
        let fired = matches!(event, Event::TimerFired);
        session
            .handle(now, event)
            .filter(|action| !(fired && matches!(action, Action::SetTimer { .. })))
            .for_each(sink);
    });
}

#[test]
fn a_timer_that_outlives_the_session_is_caught() {
    let steps = vec![Step::Start, wait(1_000), Step::Stop { code: 1_000, drain: None }, wait(1_000)];
    let scenario = Scenario { steps, ..Scenario::default() };
    caught(&scenario, Clause::TimerLeft, filtered(|_, action| !matches!(action, Action::CancelTimer)));
}
