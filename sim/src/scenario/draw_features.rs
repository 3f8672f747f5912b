//! Features drawn into a scenario: each of them in one scenario of two, whatever the others are, at a rate of its own.

use std::time::Duration;

use steadfast_core::{
    Delivery, EndpointId, Identity, Key, Lane, Network, SendOptions, StoreError, Visibility,
    config::{Background, Breaker, Bucket, Endpoints, Order, Rate, Settings},
};

use super::{
    Feature, Scenario, Step,
    draw::{self, HALF, QUARTER},
    draw_credentials,
};
use crate::{Clock, Fault, Grant, Monitor, StoreModel, Way, rng::Draw};

/// How many steps of its own a feature has, at the most: few of one beside many of another.
const RATES: [u64; 4] = [1, 4, 10, 30];

/// Adds a random set of features.
pub(super) fn add(draw: &mut impl Draw, scenario: &mut Scenario) {
    for feature in Feature::ALL {
        if draw.chance(HALF) {
            let most = draw.pick(&RATES);
            add_one(draw, scenario, *feature, most);
        }
    }
}

fn add_one(draw: &mut impl Draw, scenario: &mut Scenario, feature: Feature, most: u64) {
    match feature {
        Feature::Endpoints => {
            scenario.config.endpoints = endpoints(draw);
            scenario.around.others = (1..scenario.config.endpoints.count).map(|_| draw::region(draw)).collect();
            insert(draw, scenario, most, region_step);
        }
        Feature::Credentials => {
            draw_credentials::add(draw, scenario);
            insert(draw, scenario, most, draw_credentials::step);
        }
        Feature::Store => {
            let config = &mut scenario.config;
            config.store = true;
            // Without confirmation nothing is ever to be forgotten: such settings are refused.
            config.confirm.enabled = true;
            config.answer_timeout = config.answer_timeout.or(Settings::default().answer_timeout);
            scenario.around.store = store(draw);
            insert(draw, scenario, most, durable_step);
        }
        Feature::Options => {
            if draw.chance(HALF) {
                scenario.config.rate = Some(rate(draw));
            }
            insert(draw, scenario, most, send_with);
        }
        Feature::Signals => {
            insert(draw, scenario, most, signal);
            if draw.chance(HALF) {
                outage(draw, scenario);
            }
        }
        Feature::Background => {
            if draw.chance(HALF) {
                scenario.config.background = Background::Close { after: draw.millis(0, 20_000) };
            }
            insert(draw, scenario, most, visibility_step);
        }
        Feature::Identities => {
            for grant in &mut scenario.around.source {
                if let Grant::Lease { identity, .. } = grant {
                    *identity = draw.chance(QUARTER).then(|| Identity(draw.between(1, 3)));
                }
            }
            insert(draw, scenario, most, |draw| Step::Identity(Identity(draw.between(1, 3))));
        }
        Feature::Crashes => {
            scenario.around.monitor = draw.pick(&[Monitor::Silent, Monitor::Tells, Monitor::Lies]);
            insert(draw, scenario, most, |_| Step::Crash);
        }
    }
}

/// Steps at random places, one at least.
fn insert<D: Draw>(draw: &mut D, scenario: &mut Scenario, most: u64, step: fn(&mut D) -> Step) {
    for _ in 0..draw.between(1, most) {
        let place = draw.below(scenario.steps.len() as u64 + 1);
        let step = step(draw);
        scenario.steps.insert(usize::try_from(place).unwrap_or(0), step);
    }
}

/// Slow enough to be felt, and fast enough for the time in which everything is to be settled.
fn rate(draw: &mut impl Draw) -> Rate {
    let seconds = draw.pick(&[1, 1, 3, 60]);
    let per = Duration::from_secs(seconds);
    let mut bucket = |counts: &[u32], bursts: &[u32]| {
        let count = draw.pick(counts).saturating_mul(u32::try_from(seconds).unwrap_or(1));
        (!draw.chance(QUARTER)).then(|| Bucket { count, per, burst: draw.pick(bursts) })
    };
    let messages = bucket(&[3, 7, 50, 1_000], &[1, 2, 10, 500]);
    let bytes = bucket(&[3_000, 20_000, 1_000_000], &[1, 300, 10_000, 1_000_000]);
    Rate { messages, bytes }
}

fn endpoints(draw: &mut impl Draw) -> Endpoints {
    let count = draw.pick(&[2, 2, 3, 5]);
    let open_for = draw.millis(1_000, 60_000);
    let mut priorities: Vec<u8> = draw.pick(&[&[][..], &[], &[0, 1], &[1, 0], &[0, 0, 1]]).to_vec();
    priorities.truncate(count.into());
    Endpoints {
        count,
        order: draw.pick(&[Order::Listed, Order::Listed, Order::Shuffled]),
        priorities,
        breaker: Breaker { failures: draw.pick(&[1, 2, 5]), open_for, longest: open_for * draw.pick(&[1, 4, 20]) },
    }
}

fn region_step(draw: &mut impl Draw) -> Step {
    let endpoint = EndpointId(draw.pick(&[0, 0, 1, 2]));
    Step::Region { endpoint, servers: draw::servers(draw), cut: draw.chance(HALF) }
}

pub(super) fn send_with(draw: &mut impl Draw) -> Step {
    let mut options = SendOptions::new(draw.pick(&[Delivery::AtLeastOnce, Delivery::AtMostOnce, Delivery::Volatile]));
    options.lane = draw.pick(&[Lane::Data, Lane::Control]);
    if draw.chance(HALF) {
        options.ttl = Some(Duration::from_millis(draw.pick(&[0, 1, 50, 700, 5_000, 60_000, 4_000_000])));
    }
    if draw.chance(HALF) {
        options.key = Some(Key(draw.below(3)));
    }
    Step::SendWith {
        count: draw.pick(&[1, 5, 40]),
        every: Duration::from_millis(draw.pick(&[0, 1, 5, 100])),
        bytes: draw.pick(&[0, 8, 30, 200, 5_000]),
        options,
        keys: draw.pick(&[1, 1, 3]),
    }
}

fn durable_step(draw: &mut impl Draw) -> Step {
    let bytes = draw.pick(&[0, 20, 200, 5_000]);
    match draw.below(10) {
        0..=3 => Step::SendDurable { count: draw::number(draw, 1, 60), every: draw.millis(0, 50), bytes },
        4..=6 => {
            let options = SendOptions {
                lane: draw.pick(&[Lane::Data, Lane::Control]),
                ttl: draw.pick(&[None, Some(1), Some(700), Some(20_000)]).map(Duration::from_millis),
                max_resends: draw.pick(&[None, None, Some(0), Some(2)]),
                ..SendOptions::durable()
            };
            Step::SendWith { count: draw::number(draw, 1, 30), every: draw.millis(0, 50), bytes, options, keys: 1 }
        }
        _ => Step::Store(store(draw)),
    }
}

fn store(draw: &mut impl Draw) -> StoreModel {
    let fails = draw.pick(&[None, None, None, Some(StoreError::Full), Some(StoreError::Failed)]);
    StoreModel { latency: Duration::from_millis(draw.pick(&[0, 1, 5, 100, 5_000])), fails }
}

/// What a network monitor says, be it so or not, and sleep.
fn signal(draw: &mut impl Draw) -> Step {
    match draw.below(6) {
        0 | 1 => Step::Network(Network::Online),
        2 => Step::Network(Network::Offline),
        3 => Step::Network(Network::Changed),
        _ => Step::Sleep {
            span: draw.pick(&[Duration::from_millis(500), Duration::from_secs(20), Duration::from_hours(2)]),
            clock: draw.pick(&[Clock::Runs, Clock::Stops]),
            told: draw.chance(HALF),
        },
    }
}

/// The network is away, and a monitor says so, sooner or later.
fn outage(draw: &mut impl Draw, scenario: &mut Scenario) {
    let span = draw::wait(draw);
    let gone = Step::Fault(Fault::Stall { way: Way::Both, span });
    let mut steps = vec![gone, Step::Network(Network::Offline), Step::Wait { span }, Step::Network(Network::Online)];
    if draw.chance(HALF) {
        steps.swap(1, 2);
    }
    let place = usize::try_from(draw.below(scenario.steps.len() as u64 + 1)).unwrap_or(0);
    scenario.steps.splice(place..place, steps);
}

fn visibility_step(draw: &mut impl Draw) -> Step {
    match draw.below(3) {
        0 | 1 => Step::Visibility(Visibility::Background),
        _ => Step::Visibility(Visibility::Foreground),
    }
}
