//! Credentials, and the background, drawn into a scenario.

use std::time::Duration;

use steadfast_core::{
    FetchError, Identity, Network, Visibility,
    config::{Background, Credentials, Placement, Ready, Renewal, Settings},
};

use super::{
    Scenario, Step,
    draw::{HALF, QUARTER, TENTH},
};
use crate::{Clock, Grant, Refuses, ServerModel, rng::Draw};

/// Adds credentials to one scenario in two, and the background to one in four.
pub(super) fn add(draw: &mut impl Draw, scenario: &mut Scenario) {
    if draw.chance(HALF) {
        scenario.config.credentials = Some(credentials(draw, &scenario.config));
        scenario.around.source = grants(draw);
        for server in &mut scenario.around.servers {
            if draw.chance(HALF) {
                *server = guarded(draw);
            }
        }
        insert(draw, scenario, 8, credentials_step);
    }
    if draw.chance(QUARTER) {
        if draw.chance(HALF) {
            scenario.config.background = Background::Close { after: draw.millis(0, 20_000) };
        }
        insert(draw, scenario, 6, visibility_step);
    }
    if draw.chance(TENTH) {
        insert(draw, scenario, 30, lie);
    }
}

fn insert<D: Draw>(draw: &mut D, scenario: &mut Scenario, most: u64, step: fn(&mut D) -> Step) {
    for _ in 0..draw.between(1, most) {
        let place = draw.below(scenario.steps.len() as u64 + 1);
        let step = step(draw);
        scenario.steps.insert(usize::try_from(place).unwrap_or(0), step);
    }
}

fn credentials(draw: &mut impl Draw, settings: &Settings) -> Credentials {
    let placement = match settings.ready {
        Ready::Immediately => Placement::AtUpgrade,
        Ready::WhenTold => draw.pick(&[Placement::AtUpgrade, Placement::FirstMessage]),
    };
    Credentials {
        refresh_ahead: draw.pick(&[Duration::from_secs(30), Duration::ZERO, Duration::from_secs(2)]),
        fetch_timeout: draw.pick(&[Duration::from_secs(30), Duration::from_secs(3), Duration::from_millis(100)]),
        placement,
        renewal: draw.pick(&[Renewal::NextConnection, Renewal::Message, Renewal::Reconnect]),
        ..Credentials::default()
    }
}

fn guarded(draw: &mut impl Draw) -> ServerModel {
    let ways = [
        Refuses::Status(401),
        Refuses::Status(403),
        Refuses::Code(1_008),
        Refuses::Code(4_401),
        Refuses::Code(4_000),
        Refuses::Message,
    ];
    ServerModel::Guarded { refuses: draw.pick(&ways) }
}

fn grants(draw: &mut impl Draw) -> Vec<Grant> {
    let count = draw.between(1, 5);
    (0..count).map(|_| grant(draw)).collect()
}

fn grant(draw: &mut impl Draw) -> Grant {
    let after = draw.millis(0, 1_000);
    let error = if draw.chance(QUARTER) { FetchError::Final } else { FetchError::Retry };
    match draw.below(12) {
        0 => Grant::Never,
        1 => Grant::Fail { after, error },
        // Late, or too late.
        2 => Grant::Lease { after: draw.millis(1_000, 60_000), expires_in: None, identity: None },
        // Expired already, or as good as.
        3 => Grant::Lease { after, expires_in: Some(draw.millis(0, 1_500)), identity: None },
        // Somebody else's.
        4 => Grant::Lease { after, expires_in: None, identity: Some(Identity(draw.between(1, 3))) },
        5 => Grant::Lease { after, expires_in: None, identity: None },
        6..=8 => Grant::Lease { after, expires_in: Some(draw.millis(2_000, 20_000)), identity: None },
        _ => Grant::Lease { after, expires_in: Some(draw.millis(20_000, 4_000_000)), identity: None },
    }
}

fn credentials_step(draw: &mut impl Draw) -> Step {
    match draw.below(8) {
        0 => Step::Source(grants(draw)),
        1 => Step::Revoke,
        2 => Step::Refresh,
        3 | 4 => Step::Identity(Identity(draw.between(1, 3))),
        5 => Step::Serve(vec![guarded(draw)]),
        6 => Step::Sleep {
            span: draw.pick(&[Duration::from_secs(20), Duration::from_hours(2)]),
            clock: draw.pick(&[Clock::Runs, Clock::Stops]),
            told: draw.chance(HALF),
        },
        _ => Step::Wait { span: draw.millis(0, 60_000) },
    }
}

fn visibility_step(draw: &mut impl Draw) -> Step {
    match draw.below(4) {
        0 | 1 => Step::Visibility(Visibility::Background),
        2 => Step::Visibility(Visibility::Foreground),
        _ => Step::Wait { span: draw.millis(0, 60_000) },
    }
}

/// What a monitor says that knows nothing.
fn lie(draw: &mut impl Draw) -> Step {
    Step::Network(draw.pick(&[Network::Online, Network::Offline, Network::Changed]))
}
