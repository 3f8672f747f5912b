//! Scenarios for property tests: each part shrinks towards the plain one, and steps shrink away.

use std::time::Duration;

use proptest::{
    arbitrary::Arbitrary,
    collection,
    prelude::*,
    strategy::{BoxedStrategy, Strategy},
};
use steadfast_core::{Delivery, EndpointId, Network, config::Settings};

use super::{Scenario, Step, draw, draw_features};
use crate::{Clock, Driver, Link, Region, ServerModel, Surroundings, rng::Rng};

/// A part drawn by a number; zero is the plain one, to which it shrinks.
fn drawn<T: std::fmt::Debug + Clone>(plain: T, draw: impl Fn(&mut Rng) -> T) -> impl Strategy<Value = T> {
    (0..5_000_u64).prop_map(move |number| if number == 0 { plain.clone() } else { draw(&mut Rng::new(number)) })
}

fn span(most: u64) -> impl Strategy<Value = Duration> {
    (0..=most).prop_map(Duration::from_millis)
}

fn server() -> impl Strategy<Value = ServerModel> {
    drawn(ServerModel::Echo, draw::server)
}

fn around() -> impl Strategy<Value = Surroundings> {
    let link = drawn(Link::default(), draw::link);
    let driver = drawn(Driver::default(), draw::driver);
    let servers = collection::vec(server(), 0..4);
    let others = collection::vec(drawn(Region::default(), draw::region), 0..3);
    (link, driver, servers, others).prop_map(|(link, driver, servers, others)| Surroundings {
        link,
        driver,
        servers,
        others,
        ..Surroundings::default()
    })
}

fn send() -> impl Strategy<Value = Step> {
    let delivery = prop_oneof![Just(Delivery::AtLeastOnce), Just(Delivery::AtMostOnce), Just(Delivery::Volatile)];
    let resends = prop_oneof![3 => Just(None), 1 => (0..3_u32).prop_map(Some)];
    (1..40_u32, span(50), 0..2_000_u32, any::<bool>(), delivery, resends, prop::bool::weighted(0.1)).prop_map(
        |(count, every, bytes, text, delivery, max_resends, bound)| Step::Send {
            count,
            every,
            bytes,
            text,
            delivery,
            max_resends,
            bound,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let network = prop_oneof![Just(Network::Online), Just(Network::Changed), Just(Network::Offline)];
    let clock = prop_oneof![Just(Clock::Runs), Just(Clock::Stops)];
    prop_oneof![
        6 => prop_oneof![span(200), span(5_000), span(100_000)].prop_map(|span| Step::Wait { span }),
        4 => send(),
        3 => (0..10_000_u64).prop_map(|number| draw_features::send_with(&mut Rng::new(number))),
        4 => (0..10_000_u64).prop_map(|number| Step::Fault(draw::fault(&mut Rng::new(number)))),
        1 => Just(Step::Start),
        1 => Just(Step::ReconnectNow),
        1 => Just(Step::Heal),
        1 => Just(Step::Stale),
        1 => prop_oneof![3 => Just(None), 1 => span(20_000).prop_map(Some)]
            .prop_map(|drain| Step::Stop { code: 1_000, drain }),
        1 => (0..5_u32).prop_map(|back| Step::Cancel { back }),
        1 => (0..5_u32).prop_map(|back| Step::Again { back }),
        1 => network.prop_map(Step::Network),
        1 => (0..1_000_u64).prop_map(|number| Step::Heartbeat(draw::heartbeat(&mut Rng::new(number)))),
        1 => span(60_000).prop_map(|span| Step::PauseReads { span }),
        1 => collection::vec(server(), 1..4).prop_map(Step::Serve),
        1 => (0..3_u16, collection::vec(server(), 1..4), any::<bool>())
            .prop_map(|(endpoint, servers, cut)| Step::Region { endpoint: EndpointId(endpoint), servers, cut }),
        1 => (span(7_200_000), clock, any::<bool>()).prop_map(|(span, clock, told)| Step::Sleep { span, clock, told }),
        1 => span(10_000).prop_map(|span| Step::ClockBack { span }),
        1 => (1..20_u32).prop_map(|times| Step::Spurious { times }),
    ]
}

impl Arbitrary for Scenario {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        let config = drawn(Settings::default(), draw::settings);
        let steps = collection::vec(step(), 0..30);
        (0..1_000_u64, config, around(), 0..3_u32, span(300), steps, 0..5_000_u64)
            .prop_map(|(seed, config, around, ahead, ready_after, mut steps, more)| {
                steps.insert(0, Step::Start);
                let settle = Some(Duration::from_mins(20));
                let mut scenario = Self { seed, config, around, ahead, ready_after, steps, settle };
                if more > 0 {
                    draw_features::add(&mut Rng::new(more), &mut scenario);
                }
                scenario
            })
            .boxed()
    }
}
