//! Connections that break, and come again.

use std::time::Duration;

use steadfast_core::{
    Cause, CloseCode, CloseFrame, IoKind, State, StateKind,
    config::{Heartbeat, Pace},
};

use crate::{
    case::{Case, config},
    client::Client,
};

over_everything!(
    after_a_reset_it_comes_again,
    after_a_fin_it_comes_again,
    after_a_restart_by_close_frame_it_comes_again,
    after_silence_it_comes_again,
    after_a_server_that_was_killed_it_comes_again,
    a_server_that_asks_for_time_is_given_it,
);

fn after_a_reset_it_comes_again(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    server.accept().reset();
    assert_eq!(client.end().cause, Cause::Io(IoKind::Reset));
    works(&client, &server.accept());
}

fn after_a_fin_it_comes_again(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    server.accept().fin();
    assert_eq!(client.end().cause, Cause::Io(IoKind::Eof));
    works(&client, &server.accept());
}

fn after_a_restart_by_close_frame_it_comes_again(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    let conn = server.accept();
    client.wait_for(StateKind::Open);
    conn.close(1012, "restart");
    let frame = CloseFrame { code: CloseCode(1012), reason: String::from("restart") };
    assert_eq!(client.end().cause, Cause::Closed(frame));
    conn.expect_close(1012);
    // Those that a restart sends away come back in their time, 5 s to 30 s from now, unless somebody cannot wait.
    let State::Waiting { until, .. } = client.wait_for(StateKind::Waiting) else { unreachable!("waited for") };
    assert!(until.since(client.now()) > Duration::from_secs(4), "{until}");
    client.reconnect_now();
    works(&client, &server.accept());
}

fn after_silence_it_comes_again(case: Case) {
    let server = case.by_hand();
    let pace = Pace { interval: Duration::from_millis(50), timeout: Duration::from_millis(50), missed_allowed: 1 };
    let heartbeat = Heartbeat::Ping(pace);
    let client = case.connect_to(case.endpoint(&server.url()), config().heartbeat(heartbeat));
    let conn = server.accept();
    client.wait_for(StateKind::Open);
    conn.freeze();
    assert_eq!(client.end().cause, Cause::HeartbeatTimeout);
    let next = server.accept();
    works(&client, &next);
    drop(conn);
}

fn after_a_server_that_was_killed_it_comes_again(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    let conn = server.accept();
    client.wait_for(StateKind::Open);
    server.kill();
    drop(conn);
    client.wait_for(StateKind::Waiting);
    server.restart();
    works(&client, &server.accept());
}

fn a_server_that_asks_for_time_is_given_it(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    server.incoming().answer(&steadfast_sim::mock::Answer::retry_after(3_600));
    let end = client.end();
    assert_eq!(end.cause, Cause::Rejected { status: 503, retry_after: Some(Duration::from_hours(1)) });
    assert!(end.text().starts_with("expected status 101, found `503"), "{}", end.text());
    // Bounded by `retry_after_max`, ten minutes, and a test has no time for that.
    client.wait_for(StateKind::Waiting);
}

/// Sends something, and has it confirmed.
fn works(client: &Client, conn: &steadfast_sim::mock::Conn) {
    let receipt = client.send("still here");
    conn.expect_text("still here");
    assert!(receipt.wait().is_confirmed());
}
