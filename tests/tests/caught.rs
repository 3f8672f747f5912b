//! The checker caught red-handed: sessions that are broken on purpose, each with the clause that must find it out. The
//! unbroken session passes the same scenario.

use std::time::Duration;

use steadfast_core::{
    Action, ConnId, Delivery, Dropped, Event, Message, MessageId, Notice, State, Verdict,
    config::{Ready, Settings, WhenFull},
};
use steadfast_sim::{Clause, Fault, Scenario, ServerModel, Step, Surroundings};

use steadfast_tests::broken::{caught, caught_with, caught_with_settings, faithful, filtered};

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

fn offline_queue() -> Vec<Step> {
    vec![send(20, 0, Delivery::AtLeastOnce), Step::Start, wait(1_000)]
}

#[test]
fn a_forgotten_verdict_is_caught() {
    let mut verdicts = 0;
    caught(
        &stormy(Delivery::AtLeastOnce),
        Clause::SettledFirst,
        filtered(move |_, action| {
            let verdict = matches!(action, Action::Notify(Notice::Verdict { .. }));
            verdicts += u32::from(verdict);
            !(verdict && verdicts == 7)
        }),
    );
}

#[test]
fn a_second_verdict_is_caught() {
    caught(&stormy(Delivery::AtLeastOnce), Clause::OneVerdict, |session, now, event, sink| {
        for action in session.handle(now, event) {
            if let Action::Notify(Notice::Verdict { .. }) = &action {
                sink(action.clone());
            }
            sink(action);
        }
    });
}

#[test]
fn a_new_message_that_overtakes_older_ones_is_caught() {
    let mut held: Option<(ConnId, MessageId, Message<'static>)> = None;
    let scenario = Scenario { steps: offline_queue(), ..Scenario::default() };
    caught(&scenario, Clause::InOrder, move |session, now, event, sink| {
        for action in session.handle(now, event) {
            if let Action::Send { conn, id: id @ MessageId(3), message } = action {
                held = Some((conn, id, message.clone()));
                continue;
            }
            sink(action);
            if let Some((conn, id, message)) = held.take() {
                sink(Action::Send { conn, id, message: &message });
            }
        }
    });
}

#[test]
fn a_message_dropped_after_it_was_handed_over_is_caught() {
    let mut scenario = stormy(Delivery::AtLeastOnce);
    scenario.config.outbox.when_full = WhenFull::DropOldest;
    let mut done = false;
    caught(&scenario, Clause::HandedOverKept, move |session, now, event, sink| {
        for action in session.handle(now, event) {
            match action {
                Action::Notify(Notice::Verdict { id, verdict: Verdict::Confirmed, .. }) if !done => {
                    done = true;
                    let verdict = Verdict::Dropped(Dropped::Displaced);
                    sink(Action::Notify(Notice::Verdict { id, verdict, message: None }));
                }
                action => sink(action),
            }
        }
    });
}

#[test]
fn sending_at_most_once_again_is_caught() {
    caught(&stormy(Delivery::AtMostOnce), Clause::ResendsAllowed, |session, now, event, sink| {
        let event = match event {
            Event::Send { id, message, mut options } => {
                options.delivery = Delivery::AtLeastOnce;
                Event::Send { id, message, options }
            }
            event => event,
        };
        session.handle(now, event).for_each(sink);
    });
}

#[test]
fn more_resends_than_were_allowed_are_caught() {
    let mut scenario = stormy(Delivery::AtLeastOnce);
    scenario.around = met_by(&[ServerModel::DropAfter { after: Duration::from_micros(500) }]);
    scenario.steps[1] = Step::Send {
        count: 5,
        every: Duration::ZERO,
        bytes: 10,
        text: false,
        delivery: Delivery::AtLeastOnce,
        max_resends: Some(1),
        bound: false,
    };
    caught(&scenario, Clause::ResendsAllowed, |session, now, event, sink| {
        let event = match event {
            Event::Send { id, message, mut options } => {
                options.max_resends = None;
                Event::Send { id, message, options }
            }
            event => event,
        };
        session.handle(now, event).for_each(sink);
    });
}

#[test]
fn two_connections_at_once_are_caught() {
    let silent = met_by(&[ServerModel::Hang, ServerModel::Echo]);
    let mut scenario = Scenario { around: silent, steps: vec![Step::Start, wait(30_000)], ..Scenario::default() };
    scenario.around.driver.abort_takes = Duration::from_secs(2);
    caught(&scenario, Clause::OneConnection, |session, now, event, sink| {
        let mut aborted = None;
        for action in session.handle(now, event) {
            if let Action::Abort { conn } = action {
                aborted = Some(conn);
            }
            sink(action);
        }
        if let Some(conn) = aborted {
            let cause = steadfast_core::Cause::Aborted;
            session.handle(now, Event::Closed { conn, cause, untouched_from: None }).for_each(&mut *sink);
            session.handle(now, Event::ReconnectNow).for_each(sink);
        }
    });
}

#[test]
fn a_message_that_is_never_followed_by_a_barrier_is_caught() {
    caught(
        &stormy(Delivery::AtLeastOnce),
        Clause::BarrierFollows,
        filtered(|_, action| !matches!(action, Action::Ping { .. })),
    );
}

#[test]
fn a_barrier_behind_every_message_is_caught() {
    let mut pings = 0;
    caught(&stormy(Delivery::AtLeastOnce), Clause::BarrierPaced, move |session, now, event, sink| {
        for action in session.handle(now, event) {
            let sent = if let Action::Send { conn, .. } = action { Some(conn) } else { None };
            sink(action);
            if let Some(conn) = sent {
                pings += 1;
                let payload = steadfast_core::PingPayload([pings; 8]);
                sink(Action::Ping { conn, payload });
                pings %= 200;
            }
        }
    });
}

#[test]
fn a_verdict_that_only_knows_of_the_flush_is_caught() {
    let mut confirmed = false;
    caught(&stormy(Delivery::AtLeastOnce), Clause::VerdictTrue, move |session, now, event, sink| {
        if let Event::Flushed { up_to, .. } = event
            && !confirmed
        {
            confirmed = true;
            sink(Action::Notify(Notice::Verdict { id: up_to, verdict: Verdict::Confirmed, message: None }));
        }
        session.handle(now, event).for_each(sink);
    });
}

#[test]
fn a_doubt_that_is_called_dropped_is_caught() {
    caught(&stormy(Delivery::AtMostOnce), Clause::VerdictTrue, |session, now, event, sink| {
        for action in session.handle(now, event) {
            match action {
                Action::Notify(Notice::Verdict { id, verdict: Verdict::InDoubt, message }) => {
                    let verdict = Verdict::Dropped(Dropped::ConnectionLost);
                    sink(Action::Notify(Notice::Verdict { id, verdict, message }));
                }
                action => sink(action),
            }
        }
    });
}

#[test]
fn an_outbox_without_bounds_is_caught() {
    let mut scenario = Scenario { steps: offline_queue(), ..Scenario::default() };
    scenario.config.outbox.max_messages = 10;
    caught_with_settings(&scenario, Clause::OutboxBounded, |mut settings| {
        settings.outbox.max_messages = 1_000;
        settings
    });
}

#[test]
fn a_hand_over_without_bounds_is_caught() {
    let mut scenario = Scenario { steps: offline_queue(), ..Scenario::default() };
    scenario.config.confirm.max_messages = 4;
    caught_with_settings(&scenario, Clause::HandOverBounded, |mut settings| {
        settings.confirm.max_messages = 1_000;
        settings
    });
}

#[test]
fn a_queue_that_does_not_wait_for_ready_is_caught() {
    let mut scenario = Scenario { steps: offline_queue(), ..Scenario::default() };
    scenario.config.ready = Ready::WhenTold;
    scenario.ready_after = Duration::from_millis(50);
    caught_with_settings(&scenario, Clause::WaitsForReady, |settings| Settings {
        ready: Ready::Immediately,
        ..settings
    });
}

#[test]
fn a_refused_message_that_does_not_come_back_is_caught() {
    let steps = vec![send(3, 0, Delivery::Volatile), Step::Start, wait(100)];
    let scenario = Scenario { steps, ..Scenario::default() };
    let swallow = filtered(|_, action| !matches!(action, Action::Notify(Notice::Refused { .. })));
    caught(&scenario, Clause::RefusalTrue, swallow);
}

#[test]
fn a_message_that_comes_back_changed_is_caught() {
    caught(&stormy(Delivery::AtMostOnce), Clause::ComesBack, |session, now, event, sink| {
        for action in session.handle(now, event) {
            match action {
                Action::Notify(Notice::Verdict { id, verdict: Verdict::InDoubt, .. }) => {
                    let message = Some(Box::new(Message::text("something else")));
                    sink(Action::Notify(Notice::Verdict { id, verdict: Verdict::InDoubt, message }));
                }
                action => sink(action),
            }
        }
    });
}

#[test]
fn a_connection_after_the_users_own_stop_is_caught() {
    let steps = vec![Step::Start, wait(1_000), Step::Stop { code: 1_000, drain: None }, wait(1_000)];
    let scenario = Scenario { steps, ..Scenario::default() };
    caught(&scenario, Clause::StoppedStays, |session, now, event, sink| {
        session.handle(now, event).for_each(&mut *sink);
        if matches!(session.state(), State::Stopped { .. }) {
            session.handle(now, Event::Start).for_each(sink);
        }
    });
}

#[test]
fn a_message_that_came_in_and_is_not_delivered_is_caught() {
    caught(
        &stormy(Delivery::AtLeastOnce),
        Clause::Delivered,
        filtered(|_, action| !matches!(action, Action::Deliver { .. })),
    );
}

#[test]
fn a_message_sent_after_it_was_reported_dropped_is_caught() {
    let mut lost: Option<(MessageId, Message<'static>)> = None;
    let mut scenario = stormy(Delivery::AtLeastOnce);
    scenario.steps.splice(0..0, [send(1, 0, Delivery::AtLeastOnce), Step::Cancel { back: 0 }]);
    caught(&scenario, Clause::SendsOwed, move |session, now, event, sink| {
        for action in session.handle(now, event) {
            if let Action::Notify(Notice::Verdict { id, verdict: Verdict::Dropped(_), message: Some(message) }) =
                &action
            {
                lost = Some((*id, (**message).clone()));
            }
            let conn = if let Action::Send { conn, .. } = action { Some(conn) } else { None };
            if let (Some(conn), Some((id, message))) = (conn, lost.take_if(|_| conn.is_some())) {
                sink(Action::Send { conn, id, message: &message });
            }
            sink(action);
        }
    });
}

#[test]
fn an_outage_that_is_kept_quiet_is_caught() {
    let around = met_by(&[ServerModel::Refuse]);
    let scenario = Scenario { around, steps: vec![Step::Start, wait(400_000)], ..Scenario::default() };
    let quiet = filtered(|_, action| !matches!(action, Action::Notify(Notice::LongOutage { .. })));
    caught(&scenario, Clause::OutageTold, quiet);
}

#[test]
fn an_action_for_a_connection_that_is_gone_is_caught() {
    caught(&stormy(Delivery::AtLeastOnce), Clause::LiveConnection, |session, now, event, sink| {
        let gone = if let Event::Closed { conn, .. } = event { Some(conn) } else { None };
        session.handle(now, event).for_each(&mut *sink);
        if let Some(conn) = gone {
            sink(Action::Abort { conn });
        }
    });
}

#[test]
fn a_state_that_is_not_told_is_caught() {
    let silent = filtered(|_, action| !matches!(action, Action::Notify(Notice::State(_))));
    caught(&stormy(Delivery::AtLeastOnce), Clause::StateTold, silent);
}

#[test]
fn metrics_that_lie_are_caught() {
    caught_with(&stormy(Delivery::AtLeastOnce), Clause::MetricsTrue, |settings| settings, true, faithful);
}
