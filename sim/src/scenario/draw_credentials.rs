//! Credentials drawn into a scenario.

use std::time::Duration;

use steadfast_core::{
    FetchError,
    config::{Credentials, Placement, Ready, Renewal, Settings},
};

use super::{
    Scenario, Step,
    draw::{HALF, QUARTER},
};
use crate::{Grant, Refuses, ServerModel, rng::Draw};

/// Connections that carry credentials, a source of them, and servers that look at them.
pub(super) fn add(draw: &mut impl Draw, scenario: &mut Scenario) {
    scenario.config.credentials = Some(credentials(draw, &scenario.config));
    let Scenario { around, .. } = scenario;
    around.source = grants(draw);
    let others = around.others.iter_mut().flat_map(|region| &mut region.servers);
    for server in around.servers.iter_mut().chain(others) {
        if draw.chance(HALF) {
            *server = guarded(draw);
        }
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
        4 | 5 => Grant::Lease { after, expires_in: None, identity: None },
        6..=8 => Grant::Lease { after, expires_in: Some(draw.millis(2_000, 20_000)), identity: None },
        _ => Grant::Lease { after, expires_in: Some(draw.millis(20_000, 4_000_000)), identity: None },
    }
}

pub(super) fn step(draw: &mut impl Draw) -> Step {
    match draw.below(6) {
        0 | 1 => Step::Source(grants(draw)),
        2 | 3 => Step::Revoke,
        4 => Step::Refresh,
        _ => Step::Serve(vec![guarded(draw)]),
    }
}
