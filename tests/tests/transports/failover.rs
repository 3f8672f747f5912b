//! Several endpoints: one is dead, or dies.

use std::{net::TcpListener, time::Duration};

use steadfast_core::{
    Notice, StateKind,
    config::{Breaker, Endpoints as Choice},
};
use steadfast_mio::{Endpoint, Endpoints};
use steadfast_sim::mock::{Accept, Answer};

use crate::{
    case::{Case, config},
    client::Client,
};

over_everything!(
    a_dead_endpoint_is_passed_by,
    an_endpoint_that_dies_is_left_and_what_waits_goes_to_the_other,
    a_server_that_has_no_time_does_not_hold_back_the_other,
    each_endpoint_says_its_own_and_hears_its_own_cookies,
    the_preferred_endpoint_is_returned_to_at_the_next_break,
);

/// Where nobody listens.
fn dead(case: Case) -> Endpoint {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    case.endpoint(&format!("{}://127.0.0.1:{port}/", case.scheme()))
}

fn among(case: Case, endpoints: [Endpoint; 2], choice: Choice) -> Client {
    let config = config().endpoints(choice).build().expect("a good configuration");
    Client::connect(case.transport, Endpoints::new(endpoints).expect("two"), config)
}

fn a_dead_endpoint_is_passed_by(case: Case) {
    let server = case.by_hand();
    let client = among(case, [dead(case), case.endpoint(&server.url())], Choice::default());
    let conn = server.accept();
    let receipt = client.send("here you are");
    conn.expect_text("here you are");
    assert!(receipt.wait().is_confirmed());
}

fn an_endpoint_that_dies_is_left_and_what_waits_goes_to_the_other(case: Case) {
    let (first, second) = (case.by_hand(), case.by_hand());
    let client = among(case, [case.endpoint(&first.url()), case.endpoint(&second.url())], Choice::default());
    let conn = first.accept();
    client.wait_for(StateKind::Open);
    first.kill();
    drop(conn);
    let receipt = client.send("whoever reads this");
    let conn = second.accept();
    conn.expect_text("whoever reads this");
    assert!(receipt.wait().is_confirmed());
}

fn a_server_that_has_no_time_does_not_hold_back_the_other(case: Case) {
    let (first, second) = (case.by_hand(), case.by_hand());
    let client = among(case, [case.endpoint(&first.url()), case.endpoint(&second.url())], Choice::default());
    first.incoming().answer(&Answer::retry_after(300));
    let _conn = second.accept();
    client.wait_for(StateKind::Open);
}

fn each_endpoint_says_its_own_and_hears_its_own_cookies(case: Case) {
    let (first, second) = (case.by_hand(), case.by_hand());
    let named = |url: &str, name: &str| case.endpoint(url).header("X-Region", name).expect("a header");
    let endpoints =
        [named(&first.url(), "first").keep_cookies(true), named(&second.url(), "second").keep_cookies(true)];
    let _client = among(case, endpoints, Choice::default());
    let conn = first.accept_with(&Accept::new().set_cookie("node=7; Path=/"));
    assert_eq!(conn.record().header("x-region"), Some("first"));
    conn.reset();
    let mut incoming = second.incoming();
    assert_eq!(incoming.request().header("x-region"), Some("second"));
    // Another port is another origin.
    assert_eq!(incoming.request().header("cookie"), None);
    incoming.reset();
    let mut back = first.incoming();
    assert_eq!(back.request().header("cookie"), Some("node=7"));
}

fn the_preferred_endpoint_is_returned_to_at_the_next_break(case: Case) {
    let (first, second) = (case.by_hand(), case.by_hand());
    let breaker = Breaker { failures: 1, open_for: Duration::from_millis(1), ..Breaker::default() };
    let choice = Choice { priorities: vec![0, 1], breaker, ..Choice::default() };
    let mut settings = config().endpoints(choice).build().expect("a good configuration").settings().clone();
    settings.stable_after = Duration::ZERO;
    let endpoints = Endpoints::new([case.endpoint(&first.url()), case.endpoint(&second.url())]).expect("two");
    let client = Client::connect(case.transport, endpoints, settings.try_into().expect("it can be"));
    first.incoming().reset();
    // Its breaker lets a probe through after a millisecond, which fails as well.
    first.incoming().reset();
    let conn = second.accept();
    while !matches!(client.notice().notice, Notice::Stable { .. }) {}
    conn.reset();
    let back = first.accept();
    let receipt = client.send("home again");
    back.expect_text("home again");
    assert!(receipt.wait().is_confirmed());
}
