//! What the two sides agree on, and what is said when they do not.

use std::io::ErrorKind;

use rustls::version::{TLS12, TLS13};
use steadfast_core::TlsKind;

use super::peer::*;
use crate::tls::{TlsConfig, TlsVersion};

#[test]
fn either_version_of_tls_will_do() {
    for (version, expected) in [(&TLS12, TlsVersion::Tls12), (&TLS13, TlsVersion::Tls13)] {
        let mut pair = Pair::with(|serving| serving.versions = vec![version]);
        assert_eq!(pair.handshake().expect("a handshake").version, expected);
        pair.say(b"hello");
        assert_eq!(pair.read().expect("bytes"), b"hello");
    }
}

#[test]
fn a_server_of_tls_1_2_is_refused_where_1_3_is_demanded() {
    let root = authority("root");
    let identity = issue(&leaf(), &root);
    let config = trusting(&root).only_tls13().build().expect("a good configuration");
    let mut serving = Serving::new(&identity);
    serving.versions = vec![&TLS12];
    let failure = failure(Pair::new(&config, serving.config()).handshake());
    assert_eq!(failure.kind(), TlsKind::Protocol);
    assert!(failure.text().contains("protocol_version (70): no version in common"), "{failure}");
}

#[test]
fn the_server_is_told_that_http_1_1_follows() {
    let mut pair = Pair::with(|serving| serving.alpn = vec!["h2", "http/1.1"]);
    assert_eq!(pair.handshake().expect("a handshake").alpn.as_deref(), Some("http/1.1"));
    let mut pair = Pair::plain();
    assert_eq!(pair.handshake().expect("a handshake").alpn, None);
}

#[test]
fn a_server_without_http_1_1_is_named_as_such() {
    let mut pair = Pair::with(|serving| serving.alpn = vec!["h2"]);
    let failure = failure(pair.handshake());
    assert_eq!(failure.kind(), TlsKind::Protocol);
    assert!(failure.text().contains("no_application_protocol (120): it does not speak http/1.1"), "{failure}");
}

#[test]
fn alpn_can_be_left_out() {
    let root = authority("root");
    let identity = issue(&leaf(), &root);
    let config = trusting(&root).without_alpn().build().expect("a good configuration");
    let mut serving = Serving::new(&identity);
    serving.alpn = vec!["h2"];
    assert_eq!(Pair::new(&config, serving.config()).handshake().expect("a handshake").alpn, None);
}

#[test]
fn a_client_certificate_is_shown_to_who_asks_for_it() {
    let (root, clients) = (authority("root"), authority("clients"));
    let (identity, client) = (issue(&leaf(), &root), issue(&client_leaf(), &clients));
    let config = trusting(&root)
        .client_certificate_der(client.chain[0].to_vec(), client.key.serialize_der())
        .build()
        .expect("a good configuration");
    for version in [&TLS12, &TLS13] {
        let mut serving = Serving::new(&identity);
        (serving.clients, serving.versions) = (Some(&clients), vec![version]);
        let mut pair = Pair::new(&config, serving.config());
        pair.handshake().expect("a handshake");
        pair.serve().expect("a client that is known");
        assert_eq!(pair.server.peer_certificates(), Some(&client.chain[..]));
    }
}

/// What becomes of a client that a server does not want, by the time that it has read the server's answer.
fn unwanted(config: &TlsConfig, serving: &Serving<'_>) -> crate::tls::TlsFailure {
    let mut pair = Pair::new(config, serving.config());
    // In TLS 1.3 the client is done before the server has seen its certificate.
    match pair.handshake() {
        Ok(_) => failure(pair.read()),
        Err(error) => failure::<()>(Err(error)),
    }
}

#[test]
fn a_server_that_wants_a_client_certificate_is_understood() {
    let (root, clients) = (authority("root"), authority("clients"));
    let identity = issue(&leaf(), &root);
    let config = trusting(&root).build().expect("a good configuration");
    for version in [&TLS12, &TLS13] {
        let mut serving = Serving::new(&identity);
        (serving.clients, serving.versions) = (Some(&clients), vec![version]);
        let failure = unwanted(&config, &serving);
        assert_eq!(failure.kind(), TlsKind::ClientCertificate, "{version:?}");
        assert!(failure.text().contains("certificate_required (116)"), "{failure}");
    }
}

#[test]
fn another_origin_sees_no_client_certificate_and_goes_by_its_own_name() {
    let (root, clients) = (authority("root"), authority("clients"));
    let (identity, client) = (issue(&leaf(), &root), issue(&client_leaf(), &clients));
    let config = trusting(&root)
        .client_certificate_der(client.chain[0].to_vec(), client.key.serialize_der())
        .server_name("behind.example.org")
        .build()
        .expect("a good configuration");
    let mut serving = Serving::new(&identity);
    let name_of = |pair: &mut Pair| pair.handshake().map(|_| pair.server.server_name().map(str::to_owned));
    assert!(name_of(&mut Pair::new(&config, serving.config())).is_err());
    let other = config.for_another_origin();
    assert_eq!(name_of(&mut Pair::new(&other, serving.config())).expect("trust"), Some("example.com".to_owned()));
    serving.clients = Some(&clients);
    assert_eq!(unwanted(&other, &serving).kind(), TlsKind::ClientCertificate);
}

#[test]
fn a_server_that_refuses_the_client_certificate_is_understood() {
    let (root, clients) = (authority("root"), authority("clients"));
    let (identity, client) = (issue(&leaf(), &root), issue(&client_leaf(), &authority("others")));
    let config = trusting(&root)
        .client_certificate_der(client.chain[0].to_vec(), client.key.serialize_der())
        .build()
        .expect("a good configuration");
    for version in [&TLS12, &TLS13] {
        let mut serving = Serving::new(&identity);
        (serving.clients, serving.versions) = (Some(&clients), vec![version]);
        let failure = unwanted(&config, &serving);
        assert_eq!(failure.kind(), TlsKind::ClientCertificate, "{version:?}");
        assert!(failure.text().contains("unknown_ca (48)"), "{failure}");
    }
}

#[test]
fn a_server_that_speaks_http_is_told_from_one_that_speaks_nonsense() {
    for (answer, text) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "`example.com` speaks plain HTTP there, not TLS"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "what `example.com` sends is not TLS"),
        (b"\x16\x03\x03\x00\x04\x02\x00\x00\x00", "`example.com` broke TLS"),
    ] {
        let mut pair = Pair::plain();
        pair.pipe.to_client.extend(answer);
        let failure = failure(pair.client.handshake(&mut pair.pipe));
        assert_eq!(failure.kind(), TlsKind::Protocol);
        assert!(failure.text().contains(text), "{failure}");
    }
}

#[test]
fn an_alert_instead_of_a_hello_is_named() {
    let mut pair = Pair::plain();
    pair.pipe.to_client.extend(b"\x15\x03\x03\x00\x02\x02\x70");
    let failure = failure(pair.client.handshake(&mut pair.pipe));
    assert_eq!(
        (failure.kind(), failure.text()),
        (TlsKind::Protocol, "`example.com` ended TLS with the alert unrecognised_name (112): it knows no such name")
    );
}

#[test]
fn a_stream_that_ends_during_the_handshake_is_the_streams_failure() {
    let mut pair = Pair::plain();
    pair.pipe.ended = true;
    let error = pair.client.handshake(&mut pair.pipe).expect_err("no server");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(error.to_string(), "`example.com` closed the stream during the TLS handshake");
    assert!(crate::tls::TlsFailure::of(&error).is_none());
}

#[test]
fn what_the_server_said_counts_more_than_that_it_hung_up() {
    let mut pair = Pair::plain();
    pair.pipe.to_client.extend(b"\x15\x03\x03\x00\x02\x02\x28");
    pair.pipe.write_error = Some(ErrorKind::BrokenPipe);
    let said = failure(pair.client.handshake(&mut pair.pipe));
    assert!(said.text().contains("handshake_failure (40)"), "{said}");

    let mut pair = Pair::plain();
    pair.pipe.write_error = Some(ErrorKind::BrokenPipe);
    let error = pair.client.handshake(&mut pair.pipe).expect_err("no server");
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_reconnect_resumes() {
    let root = authority("root");
    let identity = issue(&leaf(), &root);
    for version in [&TLS12, &TLS13] {
        let config = trusting(&root).build().expect("a good configuration");
        let mut serving = Serving::new(&identity);
        serving.versions = vec![version];
        let server = serving.config();
        let resumed: Vec<_> = (0..3)
            .map(|_| {
                let mut pair = Pair::new(&config.clone(), server.clone());
                let negotiated = pair.handshake().expect("a handshake");
                // In TLS 1.3 tickets come with the first bytes.
                pair.say(b"hello");
                assert_eq!(pair.read().expect("bytes"), b"hello");
                negotiated.resumed
            })
            .collect();
        assert_eq!(resumed, [false, true, true], "{version:?}");
    }
}

#[test]
fn another_configuration_does_not_resume_what_this_one_began() {
    let root = authority("root");
    let identity = issue(&leaf(), &root);
    let server = Serving::new(&identity).config();
    for _ in 0..2 {
        let config = trusting(&root).build().expect("a good configuration");
        let mut pair = Pair::new(&config, server.clone());
        assert!(!pair.handshake().expect("a handshake").resumed);
        pair.say(b"hello");
        pair.read().expect("bytes");
    }
}

#[cfg(all(feature = "ring", feature = "aws-lc-rs"))]
#[test]
fn each_configuration_may_use_another_cryptography() {
    use crate::tls::Crypto;

    let root = authority("root");
    let identity = issue(&leaf(), &root);
    for crypto in [Crypto::Ring, Crypto::AwsLcRs] {
        let config = trusting(&root).crypto(crypto).build().expect("a good configuration");
        Pair::new(&config, Serving::new(&identity).config()).handshake().expect("a handshake");
    }
}
