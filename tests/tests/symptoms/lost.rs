//! Connections that were open.

use std::time::Duration;

use steadfast_core::config::{Heartbeat, Pace};
use steadfast_mio::Client;
use steadfast_sim::mock::{Accept, MockServer, Script};

use super::{config, documented, see, see_with};

const SHORT: Duration = Duration::from_millis(60);

/// What ends a connection that the server does this with.
fn lost(script: Script) {
    let server = MockServer::start(script);
    documented(&see(Client::builder(&server.url()).config(config().build().expect("a configuration"))));
}

#[test]
fn the_stream_ends() {
    lost(Script::new().fin());
}

#[test]
fn the_stream_is_reset() {
    lost(Script::new().reset());
}

#[test]
fn the_stream_ends_within_a_frame() {
    lost(Script::new().die_in_frame());
}

#[test]
fn the_server_restarts() {
    lost(Script::new().close(1012, "restart"));
}

#[test]
fn the_server_is_done() {
    lost(Script::new().close(1000, ""));
}

#[test]
fn the_server_minds_who_we_are() {
    lost(Script::new().close(1008, "token expired"));
}

#[test]
fn a_message_is_too_large_for_the_server() {
    lost(Script::new().close(1009, "message too big"));
}

#[test]
fn a_message_is_too_large_for_us() {
    let server = MockServer::start(Script::new().send_binary(&[0; 2_000]));
    let config = config().max_message_bytes(1_000).build().expect("a configuration");
    documented(&see(Client::builder(&server.url()).config(config)));
}

#[test]
fn a_text_is_not_text() {
    lost(Script::new().raw(&[0x81, 2, 0xc3, 0x28]));
}

#[test]
fn nobody_answers() {
    let server = MockServer::start(Script::new().connection(Accept::new().frozen()));
    let pace = Pace { interval: SHORT, timeout: SHORT, missed_allowed: 1 };
    let config = config().heartbeat(Heartbeat::Ping(pace)).build().expect("a configuration");
    documented(&see(Client::builder(&server.url()).config(config)));
}

#[test]
fn the_way_out_is_dead() {
    let talking = Script::new().connection(Accept::new().answer_pings(false));
    let talking = (0..200).fold(talking, |script, _| script.send_text("on and on").pause(SHORT / 4));
    let server = MockServer::start(talking);
    let pace = Pace { interval: SHORT, ..Pace::default() };
    let config = config().heartbeat(Heartbeat::Ping(pace)).answer_timeout(Some(4 * SHORT));
    documented(&see(Client::builder(&server.url()).config(config.build().expect("a configuration"))));
}

#[test]
fn the_server_says_less_than_it_should() {
    let server = MockServer::start(Script::new().connection(Accept::new()));
    let config = config().heartbeat(Heartbeat::Idle { timeout: SHORT }).build().expect("a configuration");
    documented(&see(Client::builder(&server.url()).config(config)));
}

#[test]
fn the_server_takes_nothing_more() {
    let frozen = Script::new().connection(Accept::new().frozen());
    let server = MockServer::builder().socket_buffers(4_096, 4_096).start(frozen);
    let config = config().heartbeat(Heartbeat::Off).answer_timeout(None).write_timeout(4 * SHORT);
    let config = config.outbox_bounds(10, 32 << 20).build().expect("a configuration");
    let seen = see_with(Client::builder(&server.url()).config(config), |client| {
        let options = steadfast_core::SendOptions::new(steadfast_core::Delivery::AtMostOnce);
        client.send_with(vec![0; 8 << 20], options).expect("there is room");
    });
    documented(&seen);
}
