//! Certificates.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use steadfast_mio::{
    Client,
    tls::{Roots, TlsConfig, TlsConfigBuilder},
};
use steadfast_sim::mock::{Authority, Certificate, Identity, MockServer, Script, ServerTls};

use super::{config, documented, see};

fn trusting(authority: &Authority) -> TlsConfigBuilder {
    TlsConfig::builder().roots(Roots::None).root_pem(authority.pem())
}

/// What a client with these settings says of a server that shows this.
fn shown(identity: &Identity, tls: TlsConfigBuilder) {
    judged(ServerTls::new(identity), tls);
}

fn judged(server: ServerTls, tls: TlsConfigBuilder) {
    let server = MockServer::builder().tls(server).start(Script::echoing());
    let builder = Client::builder(&server.url()).tls(tls.build().expect("settings of TLS"));
    documented(&see(builder.config(config().build().expect("a configuration"))));
}

#[test]
fn the_certificate_has_expired() {
    let authority = Authority::new();
    shown(&authority.issue(Certificate::Expired), trusting(&authority));
}

#[test]
fn the_certificate_is_not_valid_yet() {
    let authority = Authority::new();
    shown(&authority.issue(Certificate::NotYetValid), trusting(&authority));
}

#[test]
fn nobody_knows_the_issuer() {
    let authority = Authority::new();
    shown(&authority.issue(Certificate::OtherIssuer), trusting(&authority));
}

#[test]
fn the_certificate_is_its_own_issuer() {
    let authority = Authority::new();
    shown(&authority.issue(Certificate::SelfSigned), trusting(&authority));
}

#[test]
fn the_certificate_is_for_another_name() {
    let authority = Authority::new();
    shown(&authority.issue(Certificate::WrongName), trusting(&authority));
}

#[test]
fn the_server_wants_to_know_the_client() {
    let authority = Authority::new();
    let identity = authority.issue(Certificate::Valid);
    judged(ServerTls::with_clients_of(&identity, &authority), trusting(&authority));
}

#[test]
fn the_port_does_not_speak_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("wss://{}/", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        // As web servers answer what they cannot read.
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("it still listens");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    documented(&see(Client::builder(&url).config(config().build().expect("a configuration"))));
    server.join().expect("no panic");
}
