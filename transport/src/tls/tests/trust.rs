//! Who is trusted, and what is said of those who are not.

use std::io::ErrorKind;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, date_time_ymd};
use steadfast_core::TlsKind;

use super::peer::*;
use crate::tls::TlsFailure;

/// The failure of a handshake with a server of this certificate, whose root is trusted.
fn refused(params: &CertificateParams) -> TlsFailure {
    let root = authority("root");
    refused_at("example.com", &issue(params, &root), &root)
}

fn refused_at(host: &str, identity: &Identity, root: &Authority) -> TlsFailure {
    let config = trusting(root).build().expect("a good configuration");
    failure(Pair::to(host, &config, Serving::new(identity).config()).handshake())
}

#[test]
fn a_server_with_a_certificate_of_a_trusted_root_is_talked_to() {
    let mut pair = Pair::plain();
    pair.handshake().expect("a handshake");
    assert_eq!(pair.client.write(&mut pair.pipe, b"hello").expect("room"), 5);
    pair.serve().expect("good TLS");
    assert_eq!(pair.received, b"hello");
    pair.say(b"hello yourself");
    assert_eq!(pair.read().expect("bytes"), b"hello yourself");
}

#[test]
fn an_expired_certificate_is_refused_with_its_date() {
    let mut params = leaf();
    params.not_after = date_time_ymd(2025, 12, 31);
    let failure = refused(&params);
    assert_eq!(failure.kind(), TlsKind::Expired);
    assert_eq!(
        failure.text(),
        "the certificate of `example.com`: expired at 2025-12-31T00:00:00Z, and it is 2026-01-15T00:00:00Z"
    );
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_refused_with_its_date() {
    let mut params = leaf();
    params.not_before = date_time_ymd(2026, 2, 1);
    let failure = refused(&params);
    assert_eq!(failure.kind(), TlsKind::Expired);
    assert!(failure.text().contains("not valid before 2026-02-01T00:00:00Z"), "{failure}");
}

#[test]
fn a_certificate_of_an_unknown_issuer_is_refused_with_the_issuer() {
    let (known, unknown) = (authority("known"), authority("Man in the Middle"));
    let failure = refused_at("example.com", &issue(&leaf(), &unknown), &known);
    assert_eq!(failure.kind(), TlsKind::UnknownIssuer);
    assert!(failure.text().contains("its issuer (CN=Man in the Middle) is no trusted root"), "{failure}");
}

#[test]
fn a_self_signed_certificate_is_refused_as_such() {
    let failure = refused_at("example.com", &self_signed(&leaf()), &authority("root"));
    assert_eq!(failure.kind(), TlsKind::UnknownIssuer);
    assert!(failure.text().contains("self-signed (CN=leaf)"), "{failure}");
}

#[test]
fn a_self_signed_certificate_is_accepted_when_it_is_itself_a_root() {
    let identity = self_signed(&leaf());
    let config = nobody().root_der(identity.chain[0].to_vec()).build().expect("a good configuration");
    Pair::new(&config, Serving::new(&identity).config()).handshake().expect("a handshake");
}

#[test]
fn a_certificate_of_an_authority_is_no_servers_and_the_failure_says_what_to_do() {
    let mut params = leaf();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let identity = self_signed(&params);
    let config = nobody().root_der(identity.chain[0].to_vec()).build().expect("a good configuration");
    let failure = failure(Pair::new(&config, Serving::new(&identity).config()).handshake());
    assert_eq!(failure.kind(), TlsKind::Certificate);
    assert!(failure.text().contains("CA:FALSE"), "{failure}");
}

#[test]
fn a_certificate_for_another_name_is_refused_with_the_names_it_has() {
    let names = ["a.example", "*.b.example", "192.0.2.7"].map(str::to_owned);
    let mut params = CertificateParams::new(names).expect("names");
    (params.not_before, params.not_after) = (leaf().not_before, leaf().not_after);
    let failure = refused(&params);
    assert_eq!(failure.kind(), TlsKind::WrongName);
    assert_eq!(
        failure.text(),
        "the certificate of `example.com`: it is for `a.example`, `*.b.example`, `192.0.2.7`, not for `example.com`"
    );
}

#[test]
fn a_common_name_is_no_name() {
    let mut params = leaf();
    params.subject_alt_names.clear();
    params.distinguished_name.push(DnType::CommonName, "example.com");
    let failure = refused(&params);
    assert_eq!(failure.kind(), TlsKind::WrongName);
    assert!(failure.text().contains("no name at all"), "{failure}");
}

#[test]
fn an_address_has_to_be_in_the_certificate() {
    let root = authority("root");
    let mut params = CertificateParams::new(["192.0.2.7".to_owned(), "2001:db8::7".to_owned()]).expect("addresses");
    (params.not_before, params.not_after) = (leaf().not_before, leaf().not_after);
    let identity = issue(&params, &root);
    let config = trusting(&root).build().expect("a good configuration");
    for host in ["192.0.2.7", "2001:db8::7", "[2001:db8::7]", "2001:db8::7%eth0"] {
        let mut pair = Pair::to(host, &config, Serving::new(&identity).config());
        pair.handshake().unwrap_or_else(|error| panic!("{host}: {error}"));
        assert_eq!(pair.server.server_name(), None, "RFC 6066 §3: no address is sent");
    }
    assert_eq!(refused_at("192.0.2.8", &identity, &root).kind(), TlsKind::WrongName);
    assert_eq!(refused_at("2001:db8::8", &identity, &root).kind(), TlsKind::WrongName);
}

#[test]
fn the_name_asked_for_can_be_another_than_the_host() {
    let root = authority("root");
    let identity = issue(&leaf(), &root);
    let config = trusting(&root).server_name("example.com").build().expect("a good configuration");
    let mut pair = Pair::to("127.0.0.1", &config, Serving::new(&identity).config());
    pair.handshake().expect("a handshake");
    assert_eq!(pair.server.server_name(), Some("example.com"));
}

#[test]
fn a_host_that_can_have_no_certificate_is_refused_before_anything_is_sent() {
    let config = trusting(&authority("root")).build().expect("a good configuration");
    let failure = crate::tls::Tls::new(&config, "not a\u{7}name").expect_err("no name");
    assert_eq!((failure.kind(), failure.text()), (TlsKind::WrongName, "`not a\\u{7}name` is no name for TLS"));
}

#[test]
fn a_certificate_for_clients_is_no_servers() {
    let mut params = leaf();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let failure = refused(&params);
    assert_eq!(failure.kind(), TlsKind::Certificate);
    assert!(failure.text().contains("serverAuth"), "{failure}");
}

#[test]
fn an_intermediate_that_the_server_does_not_send_is_missed() {
    let root = authority("root");
    let between = intermediate("between", &root);
    let mut identity = issue(&leaf(), &between);
    let failure = refused_at("example.com", &identity, &root);
    assert_eq!(failure.kind(), TlsKind::UnknownIssuer);
    assert!(failure.text().contains("its issuer (CN=between)"), "{failure}");
    identity.chain.push(between.der().clone());
    let config = trusting(&root).build().expect("a good configuration");
    Pair::new(&config, Serving::new(&identity).config()).handshake().expect("a handshake");
}

#[test]
fn a_refusal_reaches_the_server_as_an_alert() {
    let mut params = leaf();
    params.not_after = date_time_ymd(2025, 12, 31);
    let root = authority("root");
    let identity = issue(&params, &root);
    let config = trusting(&root).build().expect("a good configuration");
    let mut pair = Pair::new(&config, Serving::new(&identity).config());
    while let Err(error) = pair.client.handshake(&mut pair.pipe)
        && error.kind() == ErrorKind::WouldBlock
    {
        pair.serve().expect("a good hello");
    }
    let expired = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateExpired);
    assert_eq!(pair.serve(), Err(expired));
}

#[test]
fn a_failure_is_repeated_by_every_step_after_it() {
    let root = authority("root");
    let config = trusting(&root).build().expect("a good configuration");
    let mut pair = Pair::new(&config, Serving::new(&issue(&leaf(), &authority("other"))).config());
    let first = failure(pair.handshake());
    assert_eq!(failure(pair.client.handshake(&mut pair.pipe)), first);
    assert_eq!(failure(pair.client.write(&mut pair.pipe, b"secret")), first);
    assert_eq!(failure(pair.read()), first);
    assert!(pair.received.is_empty());
}

#[cfg(feature = "dangerous")]
#[test]
fn what_is_dangerous_accepts_anybody_who_has_the_key() {
    let mut params = leaf();
    params.not_after = date_time_ymd(2025, 12, 31);
    let config = nobody().dangerous_accept_any_certificate().build().expect("a good configuration");
    let mut pair = Pair::to("other.example", &config, Serving::new(&self_signed(&params)).config());
    pair.handshake().expect("a handshake");

    let mut stolen = self_signed(&params);
    stolen.chain = self_signed(&params).chain;
    let failure = failure(Pair::new(&config, Serving::new(&stolen).config()).handshake());
    assert_eq!(failure.kind(), TlsKind::Certificate);
    assert!(failure.text().contains("has not its key"), "{failure}");
}
