//! Scenarios drawn from chance, or from a fuzzer's bytes.

use std::time::Duration;

use steadfast_core::{
    CloseCode, Decision, Delivery, EndpointId, IoKind, Key, Lane, Network, SendOptions, StoreError,
    config::{
        Backoff, Breaker, Bucket, CleanClose, Confirm, Endpoints, Failures, Heartbeat, Jitter, Match, Order, Outbox,
        Pace, Rate, Ready, Rule, Schedule, Settings, WhenFull,
    },
};

use super::{Scenario, Step};
use crate::{Clock, Driver, Fault, Link, Region, ServerModel, StoreModel, Surroundings, Way, rng::Draw};

/// One in two, four, ten, in a million.
pub(super) const HALF: u32 = 500_000;
pub(super) const QUARTER: u32 = 250_000;
pub(super) const TENTH: u32 = 100_000;

pub(super) fn scenario(draw: &mut impl Draw) -> Scenario {
    let seed = draw.below(u64::MAX);
    let config = settings(draw);
    let others = (1..config.endpoints.count).map(|_| region(draw)).collect();
    let around = Surroundings {
        link: link(draw),
        driver: driver(draw),
        servers: servers(draw),
        others,
        ..Surroundings::default()
    };
    let (ahead, ready_after) = (number(draw, 0, 3), draw.pick(&[0, 0, 5, 300]));
    let count = draw.between(3, 40);
    let mut steps = vec![Step::Start];
    steps.extend((0..count).map(|_| step(draw)));
    let ready_after = Duration::from_millis(ready_after);
    let mut scenario =
        Scenario { seed, config, around, ahead, ready_after, steps, settle: Some(Duration::from_mins(20)) };
    super::draw_credentials::add(draw, &mut scenario);
    add_store(draw, &mut scenario);
    scenario
}

fn number(draw: &mut impl Draw, low: u32, high: u32) -> u32 {
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
    if draw.chance(QUARTER) {
        settings.rate = Some(rate(draw));
    }
    if draw.chance(QUARTER) {
        settings.endpoints = endpoints(draw);
    }
    settings
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

fn servers(draw: &mut impl Draw) -> Vec<ServerModel> {
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

fn step(draw: &mut impl Draw) -> Step {
    match draw.below(40) {
        0..=4 => send(draw),
        5..=9 => send_with(draw),
        10..=19 => Step::Wait { span: wait(draw) },
        20..=25 => Step::Fault(fault(draw)),
        26 => Step::Heal,
        27 => Step::Cancel { back: number(draw, 0, 5) },
        28 => Step::Again { back: number(draw, 0, 5) },
        29 => Step::Network(draw.pick(&[Network::Online, Network::Offline, Network::Changed, Network::Online])),
        30 => Step::Heartbeat(heartbeat(draw)),
        31 => Step::PauseReads { span: draw.millis(1, 60_000) },
        32 => Step::Serve(servers(draw)),
        33 if draw.chance(HALF) => Step::Region {
            endpoint: EndpointId(draw.pick(&[0, 0, 1, 2])),
            servers: servers(draw),
            cut: draw.chance(HALF),
        },
        33 => Step::Link(link(draw)),
        34 => Step::Sleep {
            span: draw.pick(&[Duration::from_millis(500), Duration::from_secs(20), Duration::from_hours(2)]),
            clock: draw.pick(&[Clock::Runs, Clock::Stops]),
            told: draw.chance(HALF),
        },
        35 => Step::ClockBack { span: draw.millis(1, 10_000) },
        36 => Step::Spurious { times: number(draw, 1, 20) },
        37 => Step::Stale,
        38 => Step::ReconnectNow,
        _ => match draw.below(4) {
            0 => Step::Stop { code: 1_000, drain: None },
            1 => Step::Stop { code: 1_001, drain: Some(draw.millis(0, 20_000)) },
            _ => Step::Start,
        },
    }
}

/// Now and then there is a store, and the process dies.
fn add_store(draw: &mut impl Draw, scenario: &mut Scenario) {
    let Scenario { config, around, steps, .. } = scenario;
    let confirms = config.confirm.enabled && config.answer_timeout.is_some();
    if !(draw.chance(QUARTER) && confirms && config.credentials.is_none()) {
        return;
    }
    config.store = true;
    around.store = store(draw);
    for _ in 0..draw.between(2, 20) {
        let at = usize::try_from(draw.between(1, steps.len() as u64)).unwrap_or(1);
        steps.insert(at, durable_step(draw));
    }
}

fn durable_step(draw: &mut impl Draw) -> Step {
    match draw.below(10) {
        0..=4 => Step::SendDurable {
            count: number(draw, 1, 60),
            every: draw.millis(0, 50),
            bytes: draw.pick(&[0, 20, 200, 5_000]),
        },
        5..=6 => Step::Store(store(draw)),
        _ => Step::Crash,
    }
}

fn store(draw: &mut impl Draw) -> StoreModel {
    let fails = draw.pick(&[None, None, None, Some(StoreError::Full), Some(StoreError::Failed)]);
    StoreModel { latency: Duration::from_millis(draw.pick(&[0, 1, 5, 100, 5_000])), fails }
}

/// Short waits and long ones alike.
fn wait(draw: &mut impl Draw) -> Duration {
    let most = draw.pick(&[10, 100, 1_000, 10_000, 60_000]);
    draw.millis(0, most)
}
