//! Servers that die without a word, or in the middle of one.

use std::time::Duration;

use steadfast_core::{
    Cause, CloseCode, IoKind, StateKind,
    config::{ConfigBuilder, Heartbeat, Pace},
};
use steadfast_sim::mock::{Cut, Proxy};

use crate::case::{Case, config};

over_everything!(
    a_message_can_be_answered_though_what_follows_it_breaks_the_protocol,
    a_server_that_dies_in_the_middle_of_a_frame_is_lost_and_nothing_of_it_is_delivered,
    a_peer_that_is_half_open_is_noticed_by_the_heartbeat,
    a_dead_way_out_is_noticed_though_the_way_in_lives,
    a_dead_way_in_is_noticed,
);

fn a_server_that_dies_in_the_middle_of_a_frame_is_lost_and_nothing_of_it_is_delivered(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    let conn = server.accept();
    conn.send_text("whole");
    assert_eq!(client.receive_text(), "whole");
    conn.die_in_frame();
    let why = client.end().cause;
    assert!([IoKind::Reset, IoKind::Eof].map(Cause::Io).contains(&why), "{why:?}");
    let conn = server.accept();
    conn.send_text("next");
    assert_eq!(client.receive_text(), "next");
}

fn a_message_can_be_answered_though_what_follows_it_breaks_the_protocol(case: Case) {
    // RFC 6455 §5.2: a reserved bit, a reserved opcode; §5.4: the continuation of nothing.
    for first in [0xc1, 0x83, 0x80] {
        let server = case.by_hand();
        let client = case.connect(&server);
        let conn = server.accept();
        client.wait_for(StateKind::Open);
        conn.raw(&[0x81, 2, b'h', b'i', first, 0]);
        assert_eq!(client.receive_text(), "hi");
        client.send("hi yourself");
        conn.expect_text("hi yourself");
        assert_eq!(client.end().cause, Cause::Protocol(CloseCode::PROTOCOL_ERROR));
        conn.expect_close(1002);
    }
}

fn a_peer_that_is_half_open_is_noticed_by_the_heartbeat(case: Case) {
    assert_eq!(half_open(case, Cut::Silence, lively()), Cause::HeartbeatTimeout);
}

fn a_dead_way_in_is_noticed(case: Case) {
    assert_eq!(half_open(case, Cut::OnlyToServer, lively()), Cause::HeartbeatTimeout);
}

fn a_dead_way_out_is_noticed_though_the_way_in_lives(case: Case) {
    assert_eq!(half_open(case, Cut::OnlyToClient, lively()), Cause::HeartbeatTimeout);
}

fn lively() -> ConfigBuilder {
    let pace = Pace { interval: Duration::from_millis(50), timeout: Duration::from_millis(100), missed_allowed: 1 };
    config().heartbeat(Heartbeat::Ping(pace))
}

/// Why a connection ends whose packets are lost in this way; the next one works, and what was sent meanwhile arrives.
fn half_open(case: Case, cut: Cut, config: ConfigBuilder) -> Cause {
    let server = case.by_hand();
    let proxy = Proxy::forwarding_to(server.address().expect("a port")).start();
    let url = format!("{}://{}/", case.scheme(), proxy.address());
    let client = case.connect_to(case.endpoint(&url), config);
    let first = server.accept();
    client.wait_for(StateKind::Open);
    assert_eq!(proxy.strike(cut), 1);
    let receipt = client.send("into the void");
    let why = client.end().cause;
    let conn = server.accept();
    conn.expect_text("into the void");
    assert!(receipt.wait().is_confirmed());
    drop(first);
    why
}
