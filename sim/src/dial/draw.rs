//! Scenes by chance.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use steadfast_core::{
    DnsKind, IoKind,
    dial::{Hop, Race},
};

use super::{Answer, Scene, Way};
use crate::rng::{Draw, Rng};

pub(super) fn scene(seed: u64) -> Scene {
    let draw = &mut Rng::new(seed);
    let addresses: Vec<IpAddr> = (0..draw.between(0, 9)).map(|_| address(draw)).collect();
    let ways: BTreeMap<IpAddr, Way> = addresses.iter().map(|&address| (address, way(draw))).collect();
    let hop = match (draw.below(8), addresses.first()) {
        (0, Some(&address)) => Hop::Address((address, 443).into()),
        _ => Hop::Name { host: String::from("server.example"), port: 443 },
    };
    Scene {
        race: race(draw),
        attempt: u32::try_from(draw.between(0, 12)).unwrap_or(1),
        hop,
        proxy: draw.chance(300_000),
        tls: draw.chance(500_000),
        answers: answers(draw, addresses),
        ways,
        cancel_after: draw.chance(200_000).then(|| draw.millis(0, 3_000)),
        timer_late: if draw.chance(200_000) { draw.millis(1, 400) } else { Duration::ZERO },
        spurious: (0..draw.below(4)).map(|_| draw.millis(0, 2_000)).collect(),
        late_events: draw.chance(700_000),
    }
}

fn race(draw: &mut impl Draw) -> Race {
    let default = Race::default();
    let small = |draw: &mut _, low, high| u8::try_from(Draw::between(draw, low, high)).unwrap_or(1);
    let race = match draw.below(3) {
        0 => {
            default.with_attempt_delay(draw.millis(10, 2_000)).and_then(|race| race.with_max_sockets(small(draw, 1, 4)))
        }
        1 => default
            .with_resolution_delay(draw.millis(0, 300))
            .and_then(|race| race.with_max_addresses(small(draw, 1, 4))),
        _ => Ok(default),
    };
    race.expect("all of these may be")
}

/// Few different ones, so that some come twice.
fn address(draw: &mut impl Draw) -> IpAddr {
    let last = u8::try_from(draw.between(1, 9)).unwrap_or(1);
    if draw.chance(500_000) {
        IpAddr::from([192, 0, 2, last])
    } else {
        IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(last)])
    }
}

fn way(draw: &mut impl Draw) -> Way {
    let after = if draw.chance(150_000) { Duration::ZERO } else { draw.millis(1, 900) };
    match draw.below(5) {
        0 => Way::Hangs,
        1 | 2 => {
            let kinds = [IoKind::Refused, IoKind::Reset, IoKind::Unreachable, IoKind::TimedOut, IoKind::Exhausted];
            Way::Fails { after, kind: draw.pick(&kinds) }
        }
        _ => Way::Accepts { after },
    }
}

/// In one piece, or by family, in any order; the last may never come, or be a failure.
fn answers(draw: &mut impl Draw, addresses: Vec<IpAddr>) -> Vec<(Duration, Answer)> {
    let first = draw.millis(0, 200);
    let mut pieces = match draw.below(3) {
        0 => {
            let (v6, v4): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv6);
            let (one, other) = if draw.chance(500_000) { (v6, v4) } else { (v4, v6) };
            vec![(first, one), (first + draw.millis(0, 400), other)]
        }
        _ => vec![(first, addresses)],
    };
    let last = pieces.pop().map(|(after, found)| match draw.below(10) {
        0 => (after, Answer::Failed(draw.pick(&[DnsKind::NotFound, DnsKind::Unavailable]))),
        1 => (after, Answer::Found(found, true)),
        _ => (after, Answer::Found(found, false)),
    });
    pieces.into_iter().map(|(after, found)| (after, Answer::Found(found, true))).chain(last).collect()
}
