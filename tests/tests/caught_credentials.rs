//! The checker caught red-handed at credentials, identities and the background: sessions that are broken on purpose, each
//! with the clause that must find it out. The unbroken session passes the same scenario.

use std::time::Duration;

use steadfast_core::{
    Action, Cause, CloseFrame, Delivery, Epoch, Event, FetchError, FetchReason, Identity, Network, Notice, State,
    StateKind, Transition, Visibility,
    config::{Background, Credentials, Placement, Ready, Renewal, Settings},
};
use steadfast_sim::{Clause, Fault, Grant, Refuses, Scenario, ServerModel, Step, Surroundings};

use steadfast_tests::broken::{caught, caught_with_settings, filtered};

fn wait(seconds: u64) -> Step {
    Step::Wait { span: Duration::from_secs(seconds) }
}

fn send(count: u32, every: u64) -> Step {
    let (every, delivery) = (Duration::from_millis(every), Delivery::AtLeastOnce);
    Step::Send { count, every, bytes: 30, text: true, delivery, max_resends: None, bound: false }
}

fn lease(seconds: u64) -> Grant {
    let expires_in = Some(Duration::from_secs(seconds));
    Grant::Lease { after: Duration::from_millis(50), expires_in, identity: None }
}

/// A session whose connections carry credentials, met by this source and these servers.
fn guarded(source: Vec<Grant>, servers: Vec<ServerModel>, steps: Vec<Step>) -> Scenario {
    let config = Settings { credentials: Some(Credentials::default()), ..Settings::default() };
    Scenario {
        config,
        around: Surroundings { servers, source, ..Surroundings::default() },
        steps,
        ..Scenario::default()
    }
}

#[test]
fn a_second_fetch_beside_the_first_is_caught() {
    let slow = Grant::Lease { after: Duration::from_secs(5), expires_in: None, identity: None };
    let scenario = guarded(vec![slow], vec![], vec![Step::Start, wait(20)]);
    caught(&scenario, Clause::OneFetch, |session, now, event, sink| {
        for action in session.handle(now, event) {
            if let Action::FetchCredentials { epoch, reason, identity } = action {
                sink(Action::FetchCredentials { epoch: Epoch(epoch.0 + 1_000), reason, identity });
            }
            sink(action);
        }
    });
}

#[test]
fn a_connection_on_credentials_that_expired_in_a_suspend_is_caught() {
    let clock = steadfast_sim::Clock::Stops;
    let sleep = Step::Sleep { span: Duration::from_hours(2), clock, told: true };
    let steps = vec![Step::Start, wait(60), sleep, wait(7_300), Step::Fault(Fault::Reset), wait(60)];
    let scenario = guarded(vec![lease(3_600)], vec![], steps);
    caught(&scenario, Clause::LeaseValid, |session, now, event, sink| {
        // It is not told how long it slept, and the checker is.
        let event = match event {
            Event::Resumed { .. } => Event::Resumed { gap: Duration::ZERO },
            event => event,
        };
        session.handle(now, event).for_each(sink);
    });
}

#[test]
fn an_answer_of_another_epoch_that_counts_is_caught() {
    let late = Grant::Lease { after: Duration::from_secs(31), expires_in: None, identity: None };
    let scenario = guarded(vec![late, Grant::Never, lease(60)], vec![], vec![Step::Start, wait(120)]);
    let mut asked = Epoch(0);
    caught(&scenario, Clause::EpochKept, move |session, now, event, sink| {
        let event = match event {
            Event::Credentials { result, .. } => Event::Credentials { epoch: asked, result },
            event => event,
        };
        for action in session.handle(now, event) {
            if let Action::FetchCredentials { epoch, .. } = action {
                asked = epoch;
            }
            sink(action);
        }
    });
}

#[test]
fn a_session_that_answers_every_rejection_at_once_is_caught() {
    let closes = ServerModel::CloseAfter { code: 4_401, after: Duration::from_millis(100) };
    let scenario = guarded(vec![], vec![closes], vec![Step::Start, wait(60)]);
    caught(&scenario, Clause::RejectionPaced, |session, now, event, sink| {
        let from = session.state().kind();
        let is_closed = matches!(event, Event::Closed { .. });
        let waits = |action: &Action<'_>| matches!(action, Action::Notify(Notice::State(change)) if change.to.kind() == StateKind::Waiting);
        session.handle(now, event).filter(|action| !waits(action)).for_each(&mut *sink);
        if is_closed && session.state().kind() == StateKind::Waiting {
            // As if there had been no wait.
            for action in session.handle(now, Event::ReconnectNow) {
                sink(match action {
                    Action::Notify(Notice::State(change)) => {
                        Action::Notify(Notice::State(Box::new(Transition { from, ..*change })))
                    }
                    action => action,
                });
            }
        }
    });
}

#[test]
fn one_users_message_on_anothers_connection_is_caught() {
    let steps = vec![
        Step::Start,
        wait(40),
        Step::Fault(Fault::Stall { way: steadfast_sim::Way::Both, span: Duration::from_secs(3) }),
        send(20, 1),
        wait(1),
        Step::Identity(Identity(2)),
        wait(20),
    ];
    let scenario = guarded(vec![], vec![], steps);
    let mut held = None;
    caught(&scenario, Clause::IdentityKept, move |session, now, event, sink| {
        // The switch is heard only with the next connection.
        let event = match event {
            Event::SwitchIdentity { identity } => {
                held = Some(identity);
                return;
            }
            event => event,
        };
        let closed = matches!(event, Event::Closed { .. });
        session.handle(now, event).for_each(&mut *sink);
        if closed && let Some(identity) = held.take() {
            session.handle(now, Event::SwitchIdentity { identity }).for_each(sink);
        }
    });
}

#[test]
fn a_message_before_the_credentials_is_caught() {
    let mut scenario = guarded(vec![], vec![], vec![Step::Start, send(5, 1), wait(5)]);
    let first = Credentials { placement: Placement::FirstMessage, ..Credentials::default() };
    scenario.config = Settings { credentials: Some(first), ready: Ready::WhenTold, ..scenario.config };
    caught(&scenario, Clause::PresentedFirst, filtered(|_, action| !matches!(action, Action::Present { .. })));
}

#[test]
fn a_connection_given_up_for_a_failed_refresh_is_caught() {
    let fail = Grant::Fail { after: Duration::from_millis(50), error: FetchError::Retry };
    let steps = vec![Step::Start, wait(5), Step::Refresh, wait(30)];
    let scenario = guarded(vec![lease(3_600), fail], vec![], steps);
    caught(&scenario, Clause::RefreshHarmless, |session, now, event, sink| {
        let failed = matches!(event, Event::Credentials { result: Err(_), .. });
        session.handle(now, event).for_each(&mut *sink);
        if let State::Open { conn, .. } = session.state()
            && failed
        {
            let cause = Cause::Credentials(steadfast_core::CredentialsKind::Failed);
            let change = Transition { from: StateKind::Open, to: State::Closing { conn, cause }, decided: None };
            sink(Action::Close { conn, frame: CloseFrame::NORMAL });
            sink(Action::Notify(Notice::State(Box::new(change))));
        }
    });
}

#[test]
fn a_fetch_while_there_is_no_network_is_caught() {
    let steps = vec![Step::Start, wait(5), Step::Network(Network::Offline), Step::Fault(Fault::Reset), wait(60)];
    let scenario = guarded(vec![lease(30)], vec![], steps);
    let mut epochs = 100;
    caught(&scenario, Clause::QuietAtRest, move |session, now, event, sink| {
        session.handle(now, event).for_each(&mut *sink);
        if session.state().kind() == StateKind::Offline {
            epochs += 1;
            let (epoch, reason) = (Epoch(epochs), FetchReason::Expiring);
            sink(Action::FetchCredentials { epoch, reason, identity: None });
        }
    });
}

#[test]
fn an_attempt_in_the_background_is_caught() {
    caught(&hidden(), Clause::QuietAtRest, |session, now, event, sink| {
        session.handle(now, event).for_each(&mut *sink);
        if session.state().kind() == StateKind::Background {
            session.handle(now, Event::Visibility(Visibility::Foreground)).for_each(sink);
        }
    });
}

#[test]
fn a_connection_that_outlives_the_background_is_caught() {
    caught_with_settings(&hidden(), Clause::BackgroundKept, |settings| Settings {
        background: Background::Keep,
        ..settings
    });
}

/// A minute in the background, of which a connection may last ten seconds.
fn hidden() -> Scenario {
    let background = Background::Close { after: Duration::from_secs(10) };
    let config = Settings { background, ..Settings::default() };
    let steps = vec![Step::Start, wait(5), Step::Visibility(Visibility::Background), wait(60)];
    Scenario { config, steps, ..Scenario::default() }
}

#[test]
fn a_hint_that_is_heeded_late_is_caught() {
    let steps = vec![
        Step::Start,
        wait(5),
        Step::Network(Network::Offline),
        Step::Fault(Fault::Reset),
        wait(60),
        Step::Network(Network::Online),
        wait(60),
    ];
    let scenario = Scenario { steps, ..Scenario::default() };
    caught(&scenario, Clause::HintHeeded, |session, now, event, sink| {
        for action in session.handle(now, event) {
            sink(match action {
                Action::Notify(Notice::State(mut change)) => {
                    if let (StateKind::Offline, State::Waiting { until, .. }) = (change.from, &mut change.to) {
                        *until = *until + Duration::from_secs(30);
                    }
                    Action::Notify(Notice::State(change))
                }
                action => action,
            });
        }
    });
}

#[test]
fn servers_that_reject_in_every_way_are_lived_with() {
    let ways = [Refuses::Status(401), Refuses::Code(1_008), Refuses::Code(4_401), Refuses::Message];
    for (refuses, renewal) in ways.into_iter().zip([Renewal::NextConnection, Renewal::Message, Renewal::Reconnect]) {
        let servers = vec![ServerModel::Guarded { refuses }];
        let steps = vec![Step::Start, send(600, 1_000), wait(200), Step::Revoke, wait(400)];
        let mut scenario = guarded(vec![lease(40)], servers, steps);
        scenario.config.credentials = Some(Credentials { renewal, ..Credentials::default() });
        let report = scenario.run().expect("the settings can be");
        report.expect_clean();
        assert_eq!((report.tally.confirmed, report.tally.refused), (600, 0), "{refuses:?}, {renewal:?}:\n{report}");
    }
}
