//! Attempts that fail on the way.

use std::time::Duration;

use steadfast_core::{Cause, DnsKind, IoKind, Stage};
use steadfast_mio::{Client, Endpoint};
use steadfast_sim::mock::{Accept, Answer, Door, MockServer, Opening, Script};

use super::{config, documented, says, see};

const SHORT: Duration = Duration::from_millis(500);

/// What comes of an attempt that a server meets like this.
fn met_by(opening: impl Into<Opening>) {
    let server = MockServer::start(Script::new().connection(opening));
    documented(&see(Client::builder(&server.url()).config(config().build().expect("a configuration"))));
}

#[test]
fn nobody_listens() {
    let server = MockServer::echo();
    server.set_door(Door::Refusing);
    documented(&see(Client::builder(&server.url()).config(config().build().expect("a configuration"))));
}

#[test]
fn a_portal_shows_its_page() {
    let page = "<html><title>Welcome to our Wi-Fi</title></html>";
    met_by(Answer::status(200).header("Content-Type", "text/html").body(page));
}

#[test]
fn a_portal_sends_the_client_elsewhere() {
    met_by(Answer::redirect(302, "http://portal.example/login?from=chat"));
}

#[test]
fn a_portal_says_that_it_is_one() {
    met_by(Answer::status(511));
}

#[test]
fn a_proxy_does_not_speak_websocket() {
    met_by(Answer::status(400));
    met_by(Answer::status(426).header("Upgrade", "websocket"));
}

#[test]
fn the_server_minds_who_asks() {
    met_by(Answer::status(401));
    met_by(Answer::status(403));
}

#[test]
fn there_is_no_such_path() {
    met_by(Answer::status(404));
}

#[test]
fn a_load_balancer_has_nobody_behind_it() {
    met_by(Answer::status(502));
    met_by(Answer::retry_after(7));
}

#[test]
fn a_proxy_drops_the_upgrade() {
    met_by(Answer::raw("HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive\r\n\r\n"));
}

#[test]
fn a_cache_answers() {
    met_by(Accept::new().accept_key("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
}

#[test]
fn another_protocol_is_spoken() {
    met_by(Answer::raw("SSH-2.0-OpenSSH_9.6\r\n"));
}

#[test]
fn the_port_speaks_tls() {
    met_by(Answer::raw(b"\x15\x03\x01\x00\x02\x02\x16".to_vec()));
}

#[test]
fn the_server_leaves_at_once() {
    met_by(Opening::Fin);
}

/// An attempt that is not done in time.
fn too_late(url: &str) {
    let config = config().connect_timeout(SHORT).build().expect("a configuration");
    says(&see(Client::builder(url).config(config)).cause.to_string());
}

#[test]
fn the_server_accepts_and_says_nothing() {
    let server = MockServer::start(Script::new().connection(Opening::Hang));
    too_late(&server.url());
}

#[test]
fn the_address_swallows_everything() {
    let server = MockServer::echo();
    server.set_door(Door::Full);
    too_late(&server.url());
}

#[test]
fn tls_gets_no_answer() {
    let server = MockServer::echo();
    server.set_door(Door::Mute);
    too_late(&server.url().replace("ws://", "wss://"));
}

/// These depend on the machine's network, and are taken at their word.
#[test]
fn what_a_network_can_say() {
    for cause in [
        Cause::Dns(DnsKind::NotFound),
        Cause::Dns(DnsKind::Unavailable),
        Cause::Dial { stage: Stage::Connect, kind: IoKind::Unreachable },
        Cause::Dial { stage: Stage::Connect, kind: IoKind::TimedOut },
        Cause::Dial { stage: Stage::Connect, kind: IoKind::Exhausted },
        Cause::ConnectTimeout { stage: Stage::Resolve },
        Cause::ConnectTimeout { stage: Stage::Proxy },
        Cause::NetworkLost,
    ] {
        says(&cause.to_string());
    }
}

#[test]
fn what_is_refused_before_anything_is_tried() {
    for url in ["http://example.com/", "ws://user:secret@example.com/", "ws://example.com/#part"] {
        says(&Endpoint::parse(url).expect_err(url).to_string());
    }
    let plain = Endpoint::parse("ws://example.com/").expect("a good URL");
    says(&plain.secure_only().expect_err("it is in the clear").to_string());
}
