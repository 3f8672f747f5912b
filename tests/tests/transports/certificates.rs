//! Certificates of every kind that fails, and pins.

use steadfast_core::{Cause, StateKind, TlsKind};
use steadfast_mio::tls::{Pin, Roots, TlsConfig, TlsConfigBuilder};
use steadfast_sim::mock::{Authority, Certificate, Identity, MockServer, Script, ServerTls};

use crate::{
    case::{Case, SOON, config, known},
    client::Client,
};

over_everything!(only over tls:
    certificates_that_fail_are_told_apart,
    pins_are_checked_within_the_handshake,
    a_pin_that_does_not_match_ends_the_session_and_nothing_of_ours_has_been_sent,
    a_client_shows_its_certificate_where_one_is_asked_for,
    a_self_signed_certificate_is_good_as_a_root_of_its_own,
    a_reconnect_resumes_the_tls_session,
    the_server_is_told_its_name_and_the_protocol,
    an_older_version_of_tls_is_spoken_unless_it_is_forbidden,
    a_certificate_that_is_renewed_lets_the_session_go_on,
);

fn certificates_that_fail_are_told_apart(case: Case) {
    for (certificate, kind, terminal) in [
        (Certificate::Expired, TlsKind::Expired, false),
        (Certificate::NotYetValid, TlsKind::Expired, false),
        (Certificate::WrongName, TlsKind::WrongName, true),
        (Certificate::SelfSigned, TlsKind::UnknownIssuer, false),
        (Certificate::OtherIssuer, TlsKind::UnknownIssuer, false),
    ] {
        let server = echoing(&known().authority.issue(certificate.clone()));
        let end = connect(case, &server, builder()).end();
        assert_eq!((end.cause, end.last), (Cause::Tls(kind), terminal), "{certificate:?}");
        let text = end.failure.expect("a failure").to_string();
        assert!(text.starts_with("TLS: ") && text.contains("localhost"), "{text}");
    }
}

fn pins_are_checked_within_the_handshake(case: Case) {
    let identity = known().authority.issue(Certificate::ThroughIntermediate);
    let server = showing(&identity);
    let spki = |text: &str| Pin::spki_sha256(text).expect("a pin");
    let certificate = |text: &str| Pin::certificate_sha256(text).expect("a pin");
    for pins in [
        [spki(&identity.spki_pin()), spki(OTHER)],
        [spki(OTHER), spki(&identity.spki_pin())],
        [certificate(&identity.certificate_pin()), spki(OTHER)],
        [certificate(&identity.last_certificate_pin()), spki(OTHER)],
    ] {
        let client = connect(case, &server, pins.into_iter().fold(builder(), TlsConfigBuilder::pin));
        let conn = server.accept();
        let receipt = client.send("pinned");
        conn.expect_text("pinned");
        assert!(receipt.wait().is_confirmed());
    }
}

fn a_pin_that_does_not_match_ends_the_session_and_nothing_of_ours_has_been_sent(case: Case) {
    let server = echoing(&known().valid);
    let end = connect(case, &server, builder().pin(Pin::spki_sha256(OTHER).expect("a pin")).without_backup_pin()).end();
    assert_eq!((&end.cause, end.last), (&Cause::Tls(TlsKind::PinMismatch), true));
    // What would have matched is said: whoever rotates a key has to find it somewhere.
    assert!(end.text().contains(&known().valid.spki_pin()), "{}", end.text());
    let record = server.wait_until("the end of the connection", |records| {
        records.first().filter(|record| record.ending.is_some()).cloned()
    });
    assert_eq!(record.request, None);
}

fn a_client_shows_its_certificate_where_one_is_asked_for(case: Case) {
    let (authority, valid) = (&known().authority, &known().valid);
    let server = MockServer::builder().patience(SOON).tls(ServerTls::with_clients_of(valid, authority)).by_hand();
    let me = authority.issue(Certificate::Client(String::from("me")));
    let client = connect(case, &server, builder().client_certificate_pem(me.chain_pem(), me.key_pem()));
    let conn = server.accept();
    client.wait_for(StateKind::Open);
    assert!(conn.record().security.expect("TLS").client_certificate);
    let server = MockServer::builder().tls(ServerTls::with_clients_of(valid, authority)).start(Script::echoing());
    let end = connect(case, &server, builder()).end();
    assert!(matches!(end.cause, Cause::Tls(_)), "{end:?}");
}

fn a_self_signed_certificate_is_good_as_a_root_of_its_own(case: Case) {
    let identity = Authority::new().issue(Certificate::SelfSigned);
    let server = showing(&identity);
    let client = connect(case, &server, TlsConfig::builder().roots(Roots::None).root_pem(identity.pem()));
    let _conn = server.accept();
    client.wait_for(StateKind::Open);
}

fn a_reconnect_resumes_the_tls_session(case: Case) {
    let server = case.by_hand();
    let client = connect(case, &server, builder());
    let conn = server.accept();
    // The ticket comes with, or before, what the server says first.
    conn.send_text("hello");
    client.receive_text();
    assert!(!conn.record().security.expect("TLS").resumed);
    conn.reset();
    let conn = server.accept();
    assert!(conn.record().security.expect("TLS").resumed);
}

fn the_server_is_told_its_name_and_the_protocol(case: Case) {
    let server = case.by_hand();
    let port = server.address().expect("a port").port();
    let endpoint = case.endpoint(&format!("wss://localhost:{port}/"));
    let _client = case.connect_to(endpoint, config());
    let security = server.accept().record().security.expect("TLS");
    assert_eq!(security.server_name.as_deref(), Some("localhost"));
    assert_eq!((security.protocol.as_deref(), security.version), (Some("http/1.1"), "1.3"));
}

fn an_older_version_of_tls_is_spoken_unless_it_is_forbidden(case: Case) {
    let server = MockServer::builder().patience(SOON).tls(ServerTls::tls12(&known().valid)).by_hand();
    let client = connect(case, &server, builder());
    let conn = server.accept();
    let receipt = client.send("as before");
    conn.expect_text("as before");
    assert!(receipt.wait().is_confirmed());
    assert_eq!(conn.record().security.expect("TLS").version, "1.2");
    let server = MockServer::builder().tls(ServerTls::tls12(&known().valid)).start(Script::echoing());
    assert_eq!(connect(case, &server, builder().only_tls13()).end().cause, Cause::Tls(TlsKind::Protocol));
}

fn a_certificate_that_is_renewed_lets_the_session_go_on(case: Case) {
    let authority = &known().authority;
    let expired = authority.issue(Certificate::Expired);
    let server = echoing(&expired);
    let client = connect(
        case,
        &server,
        builder().pin(Pin::spki_sha256(&expired.spki_pin()).expect("a pin")).without_backup_pin(),
    );
    assert_eq!(client.end().cause, Cause::Tls(TlsKind::Expired));
    server.set_tls(ServerTls::new(&authority.reissue(Certificate::Valid, &expired)));
    client.wait_for(StateKind::Open);
}

/// A server that shows this certificate.
fn showing(identity: &Identity) -> MockServer {
    MockServer::builder().patience(SOON).tls(ServerTls::new(identity)).by_hand()
}

/// The same, and nobody leads it.
fn echoing(identity: &Identity) -> MockServer {
    MockServer::builder().tls(ServerTls::new(identity)).start(Script::echoing())
}

/// Trusts the authority of the tests.
fn builder() -> TlsConfigBuilder {
    TlsConfig::builder().roots(Roots::None).root_pem(known().authority.pem())
}

fn connect(case: Case, server: &MockServer, tls: TlsConfigBuilder) -> Client {
    case.connect_to(case.endpoint(&server.url()).tls(tls.build().expect("a good configuration")), config())
}

/// The pin of nobody.
const OTHER: &str = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
