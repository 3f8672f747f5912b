//! Several endpoints, told as stories over simulated time.

use std::time::Duration;

use steadfast_core::{
    BreakerState, EndpointId, Event, Network, Notice, Timestamp,
    config::{Endpoints, Settings},
};
use steadfast_sim::{Command, Fault, Link, Region, ServerModel, Surroundings};
use steadfast_tests::simulated::Bench;

/// Endpoints with these priorities, where these servers are.
fn among(priorities: &[u8], servers: &[ServerModel]) -> Bench {
    let count = u16::try_from(servers.len()).expect("a few");
    let endpoints = Endpoints { count, priorities: priorities.to_vec(), ..Endpoints::default() };
    let region = |model: &ServerModel| Region { servers: vec![*model], link: None };
    let around = Surroundings {
        servers: servers[..1].to_vec(),
        others: servers[1..].iter().map(region).collect(),
        ..Surroundings::default()
    };
    Bench::new(Settings { endpoints, ..Settings::default() }, around)
}

fn region(endpoint: u16, model: ServerModel) -> Command {
    Command::Region { endpoint: EndpointId(endpoint), servers: vec![model], cut: true }
}

/// When which endpoint was chosen.
fn chosen(bench: &Bench) -> Vec<(Timestamp, u16)> {
    let chosen = bench.memory.notices.iter().filter_map(|(at, notice)| match notice {
        Notice::EndpointChosen { endpoint, .. } => Some((*at, endpoint.0)),
        _ => None,
    });
    chosen.collect()
}

fn where_it_is(bench: &Bench) -> Option<u16> {
    bench.is_open().then(|| bench.world.machine(bench.client).endpoint().0)
}

#[test]
fn a_dead_endpoint_costs_one_short_wait() {
    let mut bench = among(&[], &[ServerModel::Refuse, ServerModel::Echo]);
    bench.start().run(1);
    assert_eq!(where_it_is(&bench), Some(1));
    bench.clean();
}

#[test]
fn a_region_that_fails_is_left_and_returned_to_when_it_is_well_without_dropping_a_good_connection() {
    let mut bench = among(&[0, 1], &[ServerModel::Echo, ServerModel::Echo]);
    bench.start().run(60).command(region(0, ServerModel::Refuse)).run(60);
    assert_eq!(where_it_is(&bench), Some(1));
    bench.command(region(0, ServerModel::Echo)).run(3_600);
    assert_eq!(where_it_is(&bench), Some(1), "the connection is good, and stays");
    bench.fault(Fault::Reset).run(10);
    assert_eq!(where_it_is(&bench), Some(0));
    bench.clean();
}

#[test]
fn a_server_that_accepts_and_drops_is_a_dead_one() {
    let mut bench = among(&[0, 1], &[ServerModel::DropAfter { after: Duration::ZERO }, ServerModel::Echo]);
    bench.start().run(120);
    assert_eq!(where_it_is(&bench), Some(1));
    let open = BreakerState::Open { until: Timestamp::ZERO };
    let opened = bench.memory.notices.iter().any(|(_, notice)| match notice {
        Notice::Endpoint { endpoint, breaker } => {
            endpoint.is_first() && std::mem::discriminant(breaker) == std::mem::discriminant(&open)
        }
        _ => false,
    });
    assert!(opened);
    bench.clean();
}

#[test]
fn an_endpoint_that_is_too_slow_to_open_is_passed_by() {
    let slow = Link { latency_up: Duration::from_secs(8), latency_down: Duration::from_secs(8), ..Link::default() };
    let endpoints = Endpoints { count: 2, ..Endpoints::default() };
    let around = Surroundings {
        link: slow,
        others: vec![Region { servers: Vec::new(), link: Some(Link::default()) }],
        ..Surroundings::default()
    };
    let mut bench = Bench::new(Settings { endpoints, ..Settings::default() }, around);
    bench.start().run(12);
    assert_eq!(where_it_is(&bench), Some(1));
    bench.clean();
}

#[test]
fn an_overloaded_server_s_patience_is_its_own() {
    let busy = ServerModel::Reject { status: 503, retry_after: Some(Duration::from_mins(5)) };
    let mut bench = among(&[], &[busy, ServerModel::Echo]);
    bench.start().run(2);
    assert_eq!(where_it_is(&bench), Some(1), "the other one did not ask for any");
    bench.command(region(1, ServerModel::Refuse)).run(250);
    let first = chosen(&bench).iter().filter(|(_, endpoint)| *endpoint == 0).count();
    assert_eq!(first, 1, "and it is granted, whatever becomes of the other");
    bench.run(120);
    assert!(chosen(&bench).iter().filter(|(_, endpoint)| *endpoint == 0).count() > 1);
    bench.clean();
}

#[test]
fn when_all_are_down_the_first_that_may_be_probed_is_waited_for_and_no_longer() {
    let mut bench = among(&[], &[ServerModel::Refuse, ServerModel::Refuse]);
    bench.start().run(3_600);
    let attempts = chosen(&bench);
    let longest = attempts.windows(2).map(|pair| pair[1].0.since(pair[0].0)).max().expect("many");
    assert!(longest <= Duration::from_secs(31), "{longest:?}");
    bench.command(region(1, ServerModel::Echo)).run(62);
    assert_eq!(where_it_is(&bench), Some(1));
    bench.clean();
}

#[test]
fn another_network_is_tried_at_once_whatever_the_breakers_say() {
    let mut bench = among(&[], &[ServerModel::Refuse, ServerModel::Refuse]);
    bench.start().run(600).command(region(0, ServerModel::Echo)).command(region(1, ServerModel::Echo));
    bench.tell(Event::Network(Network::Changed)).run(1);
    assert!(bench.is_open());
    bench.clean();
}

#[test]
fn what_waits_goes_out_on_the_other_endpoint() {
    let mut bench = among(&[], &[ServerModel::Echo, ServerModel::Echo]);
    bench.start().run(60).command(region(0, ServerModel::Refuse));
    for id in 1..=10 {
        bench.send(id, steadfast_core::Delivery::AtLeastOnce);
    }
    bench.run(10);
    assert_eq!(bench.arrived(), (1..=10).collect::<Vec<_>>());
    bench.clean();
}
