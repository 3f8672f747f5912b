//! Scenarios drawn from chance, or from a fuzzer's bytes.

use std::time::Duration;

use steadfast_core::{
    CloseCode, Decision, Delivery, IoKind,
    config::{
        Backoff, CleanClose, Confirm, Failures, Heartbeat, Jitter, Match, Outbox, Pace, Ready, Rule, Schedule,
        Settings, WhenFull,
    },
};

use super::{Scenario, Step};
use crate::{Driver, Fault, Link, Region, ServerModel, Surroundings, Way, rng::Draw};

/// One in two, four, ten, in a million.
pub(super) const HALF: u32 = 500_000;
pub(super) const QUARTER: u32 = 250_000;
pub(super) const TENTH: u32 = 100_000;

pub(super) fn scenario(draw: &mut impl Draw) -> Scenario {
    let seed = draw.below(u64::MAX);
    let config = settings(draw);
    let around =
        Surroundings { link: link(draw), driver: driver(draw), servers: servers(draw), ..Surroundings::default() };
    let (ahead, ready_after) = (number(draw, 0, 3), draw.pick(&[0, 0, 5, 300]));
    let weights = weights(draw);
    let count = draw.between(3, 40);
    let mut steps = vec![Step::Start];
    steps.extend((0..count).map(|_| step(draw, &weights)));
    let ready_after = Duration::from_millis(ready_after);
    let mut scenario =
        Scenario { seed, config, around, ahead, ready_after, steps, settle: Some(Duration::from_mins(20)) };
    super::draw_features::add(draw, &mut scenario);
    scenario
}

pub(super) fn number(draw: &mut impl Draw, low: u32, high: u32) -> u32 {
    u32::try_from(draw.between(low.into(), high.into())).unwrap_or(low)
}

pub(super) fn settings(draw: &mut impl Draw) -> Settings {
    let presets = [Settings::default, Settings::android, Settings::ios, Settings::javascript, Settings::react];
    let mut settings = if draw.chance(QUARTER) { draw.pick(&presets)() } else { Settings::default() };
    if draw.chance(HALF) {
        settings.backoff = backoff(draw);
    }
    if draw.chance(HALF) {
        settings.heartbeat = heartbeat(draw);
    }
    timeouts(draw, &mut settings);
    if draw.chance(HALF) {
        settings.confirm = Confirm {
            enabled: !draw.chance(TENTH),
            every: Duration::from_millis(draw.pick(&[0, 1, 10, 500])),
            max_messages: draw.pick(&[1, 2, 16, 1_024]),
            max_bytes: draw.pick(&[1, 1_000, 1 << 20]),
        };
    }
    if draw.chance(HALF) {
        settings.outbox = outbox(draw);
    }
    settings.policy.clean =
        draw.pick(&[CleanClose::AllBut1000, CleanClose::AllBut1000, CleanClose::Every, CleanClose::UncleanOnly]);
    settings.policy.failures = draw.pick(&[Failures::ByKind, Failures::RetryAll]);
    if draw.chance(TENTH) {
        settings.policy.rules = vec![rule(draw)];
    }
    settings.ready = draw.pick(&[Ready::Immediately, Ready::Immediately, Ready::WhenTold]);
    settings
}

pub(super) fn region(draw: &mut impl Draw) -> Region {
    Region { servers: servers(draw), link: if draw.chance(QUARTER) { Some(link(draw)) } else { None } }
}

fn timeouts(draw: &mut impl Draw, settings: &mut Settings) {
    if draw.chance(HALF) {
        settings.stable_after = draw.pick(&[Duration::ZERO, Duration::from_secs(1), Duration::from_mins(1)]);
        settings.connect_timeout = draw.millis(50, 10_000);
        settings.close_timeout = draw.millis(10, 5_000);
        settings.write_timeout = draw.millis(100, 30_000);
        settings.probe_timeout = draw.millis(50, 3_000);
    }
    if draw.chance(HALF) {
        settings.answer_timeout = if draw.chance(QUARTER) { None } else { Some(draw.millis(100, 60_000)) };
        settings.retry_after_max = draw.millis(0, 60_000);
        settings.long_outage = if draw.chance(QUARTER) { None } else { Some(draw.millis(1, 200_000)) };
    }
}

fn backoff(draw: &mut impl Draw) -> Backoff {
    let presets = [
        Backoff::default,
        Backoff::proportional_jitter,
        Backoff::additive_jitter,
        Backoff::upward_jitter,
        Backoff::linear,
        Backoff::plain_exponential,
        Backoff::fixed,
        Backoff::list,
        Backoff::centrifugo,
        Backoff::grpc,
    ];
    let mut backoff = draw.pick(&presets)();
    if draw.chance(QUARTER) {
        let base = draw.millis(1, 1_000);
        backoff.schedule = Schedule::Exponential { base, factor_ppm: 3_000_000, cap: Some(base * 100) };
        let jitters = [
            Jitter::None,
            Jitter::Equal,
            Jitter::Full { floor: base / 2 },
            Jitter::Decorrelated { base, cap: base * 20 },
            Jitter::Additive { max: base },
        ];
        backoff.jitter = draw.pick(&jitters);
    }
    if draw.chance(TENTH) {
        backoff.max_elapsed = Some(draw.millis(100, 100_000));
    }
    backoff
}

pub(super) fn heartbeat(draw: &mut impl Draw) -> Heartbeat {
    let pace = Pace {
        interval: draw.millis(100, 25_000),
        timeout: draw.millis(50, 10_000),
        missed_allowed: number(draw, 0, 3),
    };
    match draw.below(6) {
        0 => Heartbeat::Off,
        1 => Heartbeat::Idle { timeout: draw.millis(200, 60_000) },
        2 => Heartbeat::Text { pace, ping: "ping".into(), pong: "pong".into(), deliver: draw.chance(HALF) },
        _ => Heartbeat::Ping(pace),
    }
}

fn outbox(draw: &mut impl Draw) -> Outbox {
    Outbox {
        max_messages: draw.pick(&[1, 3, 20, 4_096]),
        max_bytes: draw.pick(&[1, 500, 10_000, 4 << 20]),
        when_full: draw.pick(&[WhenFull::Refuse, WhenFull::DropOldest, WhenFull::DropNewest]),
        high_watermark: draw.pick(&[75, 100, 2]),
        low_watermark: draw.pick(&[0, 1]),
        control_burst: draw.pick(&[1, 2, 8]),
    }
}

fn rule(draw: &mut impl Draw) -> Rule {
    let decisions = [
        Decision::Terminal,
        Decision::Retry,
        Decision::NextEndpoint,
        Decision::RetryAfter { floor: Duration::from_secs(2), spread: Duration::from_secs(1) },
    ];
    let matches = [
        Match::Code { from: CloseCode(1_000), to: CloseCode(4_999) },
        Match::Status { from: 400, to: 599 },
        Match::Io(IoKind::Reset),
    ];
    Rule { when: draw.pick(&matches), then: draw.pick(&decisions) }
}

pub(super) fn link(draw: &mut impl Draw) -> Link {
    let mut link = Link::default();
    if draw.chance(HALF) {
        link.latency_up = draw.millis(0, 300);
        link.latency_down = draw.millis(0, 300);
    }
    if draw.chance(QUARTER) {
        link.bandwidth_up = draw.pick(&[2_000, 100_000, 10_000_000]);
        link.kernel_buffer = draw.pick(&[200, 4_096, 65_536]);
    }
    if draw.chance(QUARTER) {
        link.bandwidth_down = draw.pick(&[2_000, 100_000]);
    }
    link.coalesce = Duration::from_millis(draw.pick(&[0, 0, 20, 200]));
    link.split = draw.pick(&[0, 0, 1, 100]);
    link
}

pub(super) fn driver(draw: &mut impl Draw) -> Driver {
    let mut driver = Driver::default();
    if draw.chance(HALF) {
        return driver;
    }
    driver.can_ping = !draw.chance(TENTH);
    driver.reports_untouched = draw.chance(HALF);
    driver.pings_overtake = draw.chance(HALF);
    driver.dial_after = Duration::from_millis(draw.pick(&[0, 0, 700]));
    driver.abort_takes = Duration::from_millis(draw.pick(&[0, 0, 1, 2_000]));
    driver.timer_late = Duration::from_millis(draw.pick(&[0, 1, 100, 3_000]));
    driver.timer_early = draw.pick(&[0, TENTH, HALF]);
    driver.stale_events = draw.pick(&[0, 10_000, TENTH]);
    driver
}

pub(super) fn servers(draw: &mut impl Draw) -> Vec<ServerModel> {
    let count = draw.between(1, 5);
    (0..count).map(|_| server(draw)).collect()
}

pub(super) fn server(draw: &mut impl Draw) -> ServerModel {
    match draw.below(24) {
        0 => ServerModel::Silent,
        1 => ServerModel::NoPong,
        2 => ServerModel::LatePong { after: draw.millis(1, 20_000) },
        3 => ServerModel::SlowClose { after: if draw.chance(HALF) { None } else { Some(draw.millis(1, 8_000)) } },
        4 => ServerModel::Reject {
            status: draw.pick(&[301, 400, 401, 403, 404, 429, 500, 503]),
            retry_after: if draw.chance(HALF) { None } else { Some(draw.millis(0, 700_000)) },
        },
        5 => ServerModel::CloseAfter {
            code: draw.pick(&[1_000, 1_001, 1_005, 1_008, 1_011, 1_012, 1_013, 4_000]),
            after: draw.millis(0, 3_000),
        },
        6 => ServerModel::DropAfter { after: draw.millis(0, 3_000) },
        7 => ServerModel::Garbage,
        8 => ServerModel::GarbageFrames,
        9 => ServerModel::Hang,
        10 => ServerModel::Refuse,
        11 => ServerModel::Unresolved,
        12 | 13 => ServerModel::Talkative { every: draw.millis(10, 2_000), bytes: number(draw, 0, 2_000) },
        14 => ServerModel::Quiet,
        _ => ServerModel::Echo,
    }
}

pub(super) fn fault(draw: &mut impl Draw) -> Fault {
    match draw.below(7) {
        0 => Fault::ServerReset,
        1 => Fault::Fin,
        2 => Fault::Io(draw.pick(&[IoKind::Reset, IoKind::BrokenPipe, IoKind::TimedOut])),
        3 => Fault::Close(draw.pick(&[1_001, 1_011, 1_012, 1_013, 1_000])),
        4 => Fault::Silence,
        5 => Fault::Stall { way: draw.pick(&[Way::Up, Way::Down, Way::Both]), span: draw.millis(10, 90_000) },
        _ => Fault::Reset,
    }
}

fn send(draw: &mut impl Draw) -> Step {
    Step::Send {
        count: draw.pick(&[1, 1, 5, 40]),
        every: Duration::from_millis(draw.pick(&[0, 1, 5, 100])),
        bytes: draw.pick(&[0, 8, 30, 200, 5_000]),
        text: draw.chance(HALF),
        delivery: draw.pick(&[Delivery::AtLeastOnce, Delivery::AtLeastOnce, Delivery::AtMostOnce, Delivery::Volatile]),
        max_resends: draw.pick(&[None, None, Some(0), Some(1)]),
        bound: draw.chance(TENTH),
    }
}

/// How often each kind of step is drawn. What is drawn never in one scenario leaves room for what is drawn often: so
/// more comes together than where everything has its usual share.
type Weights = [u64; 15];

fn weights(draw: &mut impl Draw) -> Weights {
    let mut weights = [0; 15];
    weights[0] = draw.pick(&[1, 3, 8]);
    weights[1] = draw.pick(&[2, 6, 12]);
    weights[2] = draw.pick(&[0, 2, 6, 12]);
    for weight in &mut weights[3..] {
        *weight = draw.pick(&[0, 0, 1, 2]);
    }
    weights
}

fn step(draw: &mut impl Draw, weights: &Weights) -> Step {
    let mut place = draw.below(weights.iter().sum());
    let kind = weights.iter().position(|weight| {
        let is_here = place < *weight;
        place = place.saturating_sub(*weight);
        is_here
    });
    match kind.unwrap_or(1) {
        0 => send(draw),
        1 => Step::Wait { span: wait(draw) },
        2 => Step::Fault(fault(draw)),
        3 => Step::Heal,
        4 => Step::Cancel { back: number(draw, 0, 5) },
        5 => Step::Again { back: number(draw, 0, 5) },
        6 => Step::Heartbeat(heartbeat(draw)),
        7 => Step::PauseReads { span: draw.millis(1, 60_000) },
        8 => Step::Serve(servers(draw)),
        9 => Step::Link(link(draw)),
        10 => Step::ClockBack { span: draw.millis(1, 10_000) },
        11 => Step::Spurious { times: number(draw, 1, 20) },
        12 => Step::Stale,
        13 => Step::ReconnectNow,
        _ => match draw.below(4) {
            0 => Step::Stop { code: 1_000, drain: None },
            1 => Step::Stop { code: 1_001, drain: Some(draw.millis(0, 20_000)) },
            _ => Step::Start,
        },
    }
}

/// Short waits and long ones alike.
pub(super) fn wait(draw: &mut impl Draw) -> Duration {
    let most = draw.pick(&[10, 100, 1_000, 10_000, 60_000]);
    draw.millis(0, most)
}
