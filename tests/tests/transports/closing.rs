//! A close, whatever the client was doing.

use std::time::Duration;

use steadfast_core::{State, StateKind, StopCause};
use steadfast_mio::Report;
use steadfast_sim::mock::{Door, Ending, Side};

use crate::case::{Case, config};

over_everything!(
    a_close_while_open_is_a_handshake,
    a_close_sends_first_what_was_accepted,
    a_close_while_connecting_ends_the_attempt,
    a_close_while_waiting_ends_the_wait,
    a_close_to_a_server_that_does_not_answer_ends_all_the_same,
    a_close_behind_a_close_of_the_server_is_one_close,
    a_client_that_is_dropped_leaves_at_once,
);

fn a_close_while_open_is_a_handshake(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    let conn = server.accept();
    client.wait_for(StateKind::Open);
    assert_ended(&client.close(None));
    let ending = conn.expect_end();
    assert!(matches!(ending, Ending::Closed { by: Side::Client, code: Some(1000), .. }), "{ending:?}");
}

fn a_close_sends_first_what_was_accepted(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    let conn = server.accept();
    let receipts: Vec<_> = (0..100).map(|n| client.send(n.to_string())).collect();
    let report = client.close(Some(Duration::from_secs(20)));
    assert!(report.unsettled.is_empty(), "{report:?}");
    for n in 0..100 {
        conn.expect_text(&n.to_string());
    }
    conn.expect_close(1000);
    assert!(receipts.iter().all(|receipt| receipt.wait().is_confirmed()));
}

fn a_close_while_connecting_ends_the_attempt(case: Case) {
    let server = case.by_hand();
    for door in [Door::Mute, Door::Full] {
        server.set_door(door);
        let client = case.connect(&server);
        client.wait_for(StateKind::Connecting);
        assert_ended(&client.close(None));
    }
}

fn a_close_while_waiting_ends_the_wait(case: Case) {
    let server = case.by_hand();
    server.set_door(Door::Refusing);
    let client = case.connect(&server);
    client.wait_for(StateKind::Waiting);
    assert_ended(&client.close(None));
}

fn a_close_to_a_server_that_does_not_answer_ends_all_the_same(case: Case) {
    let server = case.by_hand();
    let config = config().close_timeout(Duration::from_millis(50));
    let client = case.connect_to(case.endpoint(&server.url()), config);
    let conn = server.accept();
    conn.answer_close(false);
    client.wait_for(StateKind::Open);
    assert_ended(&client.close(None));
    conn.expect_close(1000);
}

fn a_close_behind_a_close_of_the_server_is_one_close(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    let conn = server.accept();
    client.wait_for(StateKind::Open);
    conn.close(1001, "going away");
    conn.expect_close(1001);
    assert_ended(&client.close(None));
}

fn a_client_that_is_dropped_leaves_at_once(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    let conn = server.accept();
    client.wait_for(StateKind::Open);
    drop(client);
    let ending = conn.expect_end();
    assert!(!matches!(ending, Ending::ByServer | Ending::Violation(_)), "{ending:?}");
}

fn assert_ended(report: &Report) {
    assert!(matches!(report.state, State::Stopped { cause: StopCause::Application }), "{report:?}");
}
