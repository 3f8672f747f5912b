//! The checker caught red-handed where there are several endpoints: sessions that are broken on purpose, each with the
//! clause that must find it out. The unbroken session passes the same scenario.

use std::time::Duration;

use steadfast_core::{
    Action, BreakerState, Cause, EndpointId, Event, Notice, State, StateKind, Transition,
    config::{Endpoints, Settings},
};
use steadfast_sim::{Clause, Fault, Region, Scenario, ServerModel, Step, Surroundings};
use steadfast_tests::broken::{caught, caught_with_settings, filtered};

fn wait(seconds: u64) -> Step {
    Step::Wait { span: Duration::from_secs(seconds) }
}

fn region(endpoint: u16, model: ServerModel) -> Step {
    Step::Region { endpoint: EndpointId(endpoint), servers: vec![model], cut: true }
}

/// Endpoints with these priorities, where these servers are.
fn among(priorities: &[u8], servers: &[ServerModel], steps: Vec<Step>) -> Scenario {
    let count = u16::try_from(servers.len()).expect("a few");
    let endpoints = Endpoints { count, priorities: priorities.to_vec(), ..Endpoints::default() };
    let region = |model: &ServerModel| Region { servers: vec![*model], link: None };
    let around = Surroundings {
        servers: servers[..1].to_vec(),
        others: servers[1..].iter().map(region).collect(),
        ..Surroundings::default()
    };
    Scenario { config: Settings { endpoints, ..Settings::default() }, around, steps, ..Scenario::default() }
}

/// The preferred of two is dead for a while, and then well again.
fn regional_outage() -> Scenario {
    let steps = vec![
        Step::Start,
        wait(60),
        region(0, ServerModel::Refuse),
        wait(900),
        region(0, ServerModel::Echo),
        Step::Fault(Fault::Reset),
        wait(60),
        Step::Fault(Fault::Reset),
        wait(60),
    ];
    among(&[0, 1], &[ServerModel::Echo, ServerModel::Echo], steps)
}

/// Nothing works at all.
fn everything_is_down() -> Scenario {
    among(&[], &[ServerModel::Refuse, ServerModel::Refuse], vec![Step::Start, wait(600)])
}

/// Whatever the session chooses, it goes to this endpoint, and says so.
fn only_to(
    fixed: u16,
) -> impl FnMut(&mut steadfast_core::Session, steadfast_core::Timestamp, Event<'_>, steadfast_tests::broken::Sink<'_>) {
    move |session, now, event, sink| {
        for action in session.handle(now, event) {
            match action {
                Action::Connect { conn, attempt, credentials, .. } => {
                    sink(Action::Connect { conn, attempt, endpoint: EndpointId(fixed), credentials });
                }
                Action::Notify(Notice::EndpointChosen { conn, .. }) => {
                    sink(Action::Notify(Notice::EndpointChosen { conn, endpoint: EndpointId(fixed) }));
                }
                action => sink(action),
            }
        }
    }
}

#[test]
fn an_attempt_at_an_endpoint_whose_breaker_is_open_is_caught() {
    caught(&everything_is_down(), Clause::BreakerKept, only_to(0));
}

#[test]
fn a_second_probe_of_the_same_breaker_is_caught() {
    let mut probed = false;
    let mut stubborn = only_to(0);
    caught(&everything_is_down(), Clause::OneProbe, move |session, now, event, sink| {
        stubborn(session, now, event, &mut |action| {
            let half_open = |action: &Action<'_>| {
                matches!(action, Action::Notify(Notice::Endpoint { breaker: BreakerState::HalfOpen, .. }))
            };
            probed |= half_open(&action);
            // After the first probe it keeps quiet of what becomes of breakers.
            if !(probed && matches!(action, Action::Notify(Notice::Endpoint { .. })) && !half_open(&action)) {
                sink(action);
            }
        });
    });
}

#[test]
fn a_breaker_that_opens_too_early_is_caught() {
    caught_with_settings(&everything_is_down(), Clause::BreakerTrue, |mut settings| {
        settings.endpoints.breaker.failures = 2;
        settings
    });
}

#[test]
fn a_breaker_that_closes_without_a_stable_connection_is_caught() {
    caught(&everything_is_down(), Clause::BreakerTrue, |session, now, event, sink| {
        for action in session.handle(now, event) {
            let probe = match &action {
                Action::Notify(Notice::Endpoint { endpoint, breaker: BreakerState::HalfOpen }) => Some(*endpoint),
                _ => None,
            };
            sink(action);
            if let Some(endpoint) = probe {
                sink(Action::Notify(Notice::Endpoint { endpoint, breaker: BreakerState::Closed }));
            }
        }
    });
}

#[test]
fn a_healthy_endpoint_that_starves_is_caught() {
    let servers = [ServerModel::DropAfter { after: Duration::ZERO }, ServerModel::Echo];
    let scenario = among(&[], &servers, vec![Step::Start, wait(60)]);
    caught(&scenario, Clause::HealthyServed, only_to(0));
}

#[test]
fn a_preferred_endpoint_that_is_not_returned_to_is_caught() {
    caught(&regional_outage(), Clause::PreferredServed, only_to(1));
}

#[test]
fn an_endpoint_that_is_not_the_one_that_was_told_is_caught() {
    let silent = filtered(|_, action| !matches!(action, Action::Notify(Notice::EndpointChosen { .. })));
    caught(&regional_outage(), Clause::EndpointTold, silent);
}

#[test]
fn a_good_connection_that_is_dropped_for_the_preferred_endpoint_is_caught() {
    let mut impatient = true;
    caught(&regional_outage(), Clause::HealthyKept, move |session, now, event, sink| {
        session.handle(now, event).for_each(&mut *sink);
        let State::Open { conn, .. } = session.state() else { return };
        if session.endpoint() == EndpointId(1) && now.as_micros() > 500_000_000 && std::mem::take(&mut impatient) {
            let to = State::Closing { conn, cause: Cause::Aborted };
            sink(Action::Abort { conn });
            let change = Transition { from: StateKind::Open, to, decided: None };
            sink(Action::Notify(Notice::State(Box::new(change))));
        }
    });
}

#[test]
fn a_server_whose_word_is_forgotten_for_its_own_endpoint_is_caught() {
    let busy = ServerModel::Reject { status: 503, retry_after: Some(Duration::from_mins(5)) };
    let scenario =
        among(&[], &[busy, ServerModel::Echo], vec![Step::Start, wait(60), Step::Fault(Fault::Reset), wait(60)]);
    caught(&scenario, Clause::WaitKept, only_to(0));
}
