//! TLS: certificates that are good, or wrong in one way, judged by rustls.

use std::{io::Read as _, net::TcpStream, sync::Arc};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use steadfast_sim::mock::{Authority, Certificate, Ending, Identity, MockServer, Script, ServerTls};
use tungstenite::{Message, WebSocket};

use super::PATIENCE;

type Secured = WebSocket<StreamOwned<ClientConnection, TcpStream>>;

fn config(authority: &Authority, client: Option<&Identity>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = CertificateDer::pem_slice_iter(identity.chain_pem().as_bytes()).map(Result::unwrap).collect();
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

fn connect(server: &MockServer, config: &Arc<ClientConfig>) -> Result<Secured, String> {
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(Arc::clone(config), name).unwrap();
    let stream = TcpStream::connect(server.address().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let stream = StreamOwned::new(tls, stream);
    tungstenite::client(server.url(), stream).map(|(client, _)| client).map_err(|error| error.to_string())
}

fn serve(tls: ServerTls) -> MockServer {
    MockServer::builder().tls(tls).start(Script::echoing())
}

/// What rustls says of such a certificate.
fn judged(certificate: Certificate) -> Result<(), String> {
    let authority = Authority::new();
    let server = serve(ServerTls::new(&authority.issue(certificate)));
    connect(&server, &config(&authority, None)).map(drop)
}

#[test]
fn messages_travel_over_tls() {
    let authority = Authority::new();
    let server = serve(ServerTls::new(&authority.issue(Certificate::Valid)));
    assert!(server.url().starts_with("wss://localhost:"));
    let mut client = connect(&server, &config(&authority, None)).unwrap();
    for size in [1, 1000, 100_000, 1_000_000] {
        let message = Message::binary(vec![7; size]);
        client.send(message.clone()).unwrap();
        assert_eq!(client.read().unwrap(), message);
    }
    let security = server.records()[0].security.clone().unwrap();
    assert_eq!((security.version, security.server_name.as_deref()), ("1.3", Some("localhost")));
    assert_eq!((security.protocol.as_deref(), security.client_certificate), (Some("http/1.1"), false));
}

#[test]
fn what_is_good_is_accepted() {
    assert_eq!(judged(Certificate::Valid), Ok(()));
    assert_eq!(judged(Certificate::ThroughIntermediate), Ok(()));
    assert_eq!(judged(Certificate::ForNames(vec!["localhost".to_owned()])), Ok(()));
}

#[test]
fn what_is_wrong_is_wrong_in_its_own_way() {
    for (certificate, words) in [
        (Certificate::Expired, "expired"),
        (Certificate::NotYetValid, "not valid yet"),
        (Certificate::WrongName, "not valid for name"),
        (Certificate::SelfSigned, "UnknownIssuer"),
        (Certificate::OtherIssuer, "UnknownIssuer"),
        (Certificate::ForgedIssuer, "BadSignature"),
    ] {
        let said = judged(certificate.clone()).unwrap_err();
        assert!(said.contains(words), "{certificate:?}: {said}");
    }
}

#[test]
fn the_alert_of_a_client_that_refuses_is_recorded() {
    let authority = Authority::new();
    let server = serve(ServerTls::new(&authority.issue(Certificate::Expired)));
    connect(&server, &config(&authority, None)).unwrap_err();
    let ending = server.wait_until("an end", |records| records[0].ending.clone());
    assert!(matches!(&ending, Ending::Tls(text) if text.contains("CertificateExpired")), "{ending:?}");
}

#[test]
fn a_pin_stays_when_a_certificate_is_renewed_for_its_key() {
    let authority = Authority::new();
    let first = authority.issue(Certificate::Valid);
    let renewed = authority.reissue(Certificate::Valid, &first);
    assert_eq!(first.spki_pin(), renewed.spki_pin());
    assert_ne!(first.certificate_pin(), renewed.certificate_pin());
    assert_ne!(first.spki_pin(), authority.issue(Certificate::Valid).spki_pin());
}

#[test]
fn another_certificate_is_shown_from_now_on() {
    let authority = Authority::new();
    let server = serve(ServerTls::new(&authority.issue(Certificate::Valid)));
    let config = config(&authority, None);
    connect(&server, &config).unwrap();
    server.set_tls(ServerTls::new(&authority.issue(Certificate::Expired)));
    let mut fresh = (*config).clone();
    fresh.resumption = rustls::client::Resumption::disabled();
    assert!(connect(&server, &Arc::new(fresh)).unwrap_err().contains("expired"));
}

#[test]
fn a_session_is_resumed() {
    let authority = Authority::new();
    let server = serve(ServerTls::new(&authority.issue(Certificate::Valid)));
    let config = config(&authority, None);
    for _ in 0..2 {
        let mut client = connect(&server, &config).unwrap();
        client.send("a".into()).unwrap();
        client.read().unwrap();
    }
    let resumed: Vec<bool> = server.records().into_iter().map(|record| record.security.unwrap().resumed).collect();
    assert_eq!(resumed, [false, true]);
}

#[test]
fn a_client_shows_its_certificate() {
    let authority = Authority::new();
    let identity = authority.issue(Certificate::Valid);
    let server = serve(ServerTls::with_clients_of(&identity, &authority));
    let client = authority.issue(Certificate::Client("device 7".to_owned()));
    let mut socket = connect(&server, &config(&authority, Some(&client))).unwrap();
    socket.send("a".into()).unwrap();
    socket.read().unwrap();
    assert!(server.records()[0].security.as_ref().unwrap().client_certificate);
}

#[test]
fn a_client_without_a_certificate_is_sent_away() {
    let authority = Authority::new();
    let server = serve(ServerTls::with_clients_of(&authority.issue(Certificate::Valid), &authority));
    let said = connect(&server, &config(&authority, None)).unwrap_err();
    assert!(said.contains("CertificateRequired"), "{said}");
}

#[test]
fn an_older_version_alone_is_spoken() {
    let authority = Authority::new();
    let server = serve(ServerTls::tls12(&authority.issue(Certificate::Valid)));
    let mut client = connect(&server, &config(&authority, None)).unwrap();
    client.send("a".into()).unwrap();
    client.read().unwrap();
    assert_eq!(server.records()[0].security.as_ref().unwrap().version, "1.2");
}

#[test]
fn a_goodbye_and_a_truncation_are_told_apart() {
    let authority = Authority::new();
    let tls = ServerTls::new(&authority.issue(Certificate::Valid));
    let server = MockServer::builder().tls(tls).by_hand();
    let config = config(&authority, None);
    std::thread::scope(|scope| {
        let end = |leave: fn(steadfast_sim::mock::Conn)| {
            let client = scope.spawn(|| connect(&server, &config).unwrap());
            leave(server.accept());
            client.join().unwrap().get_mut().read(&mut [0]).map_err(|error| error.kind())
        };
        assert_eq!(end(steadfast_sim::mock::Conn::fin), Ok(0));
        assert_eq!(end(steadfast_sim::mock::Conn::cut), Err(std::io::ErrorKind::UnexpectedEof));
    });
}

#[test]
fn what_is_no_tls_is_recorded() {
    let authority = Authority::new();
    let server = serve(ServerTls::new(&authority.issue(Certificate::Valid)));
    let mut stream = super::ask(server.address().unwrap());
    let alert = super::read_to_end(&mut stream);
    assert_eq!(alert.first(), Some(&21), "an alert answers it");
    assert!(matches!(server.records()[0].ending, Some(Ending::Tls(_))));
}
