//! Pins, checked after everything else.

use rcgen::{CertifiedIssuer, PublicKeyData};
use steadfast_core::TlsKind;

use super::peer::*;
use crate::tls::{Crypto, Pin, TlsConfigBuilder, crypto::sha256};

fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let digest = sha256(&Crypto::default().provider(), bytes);
    digest.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string");
        hex
    })
}

fn key_pin(key: &impl PublicKeyData) -> Pin {
    Pin::spki_sha256(&digest(&key.subject_public_key_info())).expect("a digest")
}

fn certificate_pin(der: &[u8]) -> Pin {
    Pin::certificate_sha256(&digest(der)).expect("a digest")
}

/// A pin of a key that nobody has.
fn other() -> Pin {
    key_pin(&new_key())
}

/// A root, an intermediate, and a server with its chain.
struct House {
    root: Authority,
    between: Authority,
    server: Identity,
}

impl House {
    fn new() -> Self {
        let root = authority("root");
        let between = intermediate("between", &root);
        let mut server = issue(&leaf(), &between);
        server.chain.push(between.der().clone());
        Self { root, between, server }
    }

    fn with(&self, pins: &[Pin]) -> TlsConfigBuilder {
        pins.iter().fold(trusting(&self.root), |builder, pin| builder.pin(*pin))
    }

    fn pair(&self, builder: TlsConfigBuilder) -> Pair {
        Pair::new(&builder.build().expect("a good configuration"), Serving::new(&self.server).config())
    }
}

#[test]
fn a_pin_may_be_of_any_key_in_the_chain() {
    let house = House::new();
    for pin in [key_pin(&house.server.key), key_pin(house.between.key()), key_pin(house.root.key())] {
        house.pair(house.with(&[other(), pin])).handshake().expect("a handshake");
    }
}

#[test]
fn a_pin_may_be_of_any_certificate_that_is_sent() {
    let house = House::new();
    for der in &house.server.chain {
        house.pair(house.with(&[other(), certificate_pin(der)])).handshake().expect("a handshake");
    }
}

#[test]
fn a_key_is_no_certificate() {
    let house = House::new();
    let key = Pin::certificate_sha256(&digest(&house.server.key.subject_public_key_info())).expect("a digest");
    let certificate = Pin::spki_sha256(&digest(&house.server.chain[0])).expect("a digest");
    let failure = failure(house.pair(house.with(&[key, certificate])).handshake());
    assert_eq!(failure.kind(), TlsKind::PinMismatch);
}

#[test]
fn the_backup_pin_is_as_good_as_the_first() {
    let mut house = House::new();
    let (first, backup) = (key_pin(&house.server.key), new_key());
    let builder = house.with(&[first, key_pin(&backup)]);
    let certificate = leaf().signed_by(&backup, &house.between).expect("a certificate");
    house.server = Identity { chain: vec![certificate.der().clone(), house.between.der().clone()], key: backup };
    house.pair(builder).handshake().expect("a handshake");
}

#[test]
fn a_mismatch_names_the_pins_that_would_have_matched() {
    let house = House::new();
    let failure = failure(house.pair(house.with(&[other(), other()])).handshake());
    assert_eq!(failure.kind(), TlsKind::PinMismatch);
    let (leaf, between, root) = (key_pin(&house.server.key), key_pin(house.between.key()), key_pin(house.root.key()));
    assert_eq!(
        failure.text(),
        format!(
            "the certificate of `example.com`: no pin matches; seen were {leaf} (CN=leaf), {between} (CN=between), \
             {root} (CN=root)"
        )
    );
}

#[test]
fn a_mismatch_is_found_inside_the_handshake() {
    let house = House::new();
    let mut pair = house.pair(house.with(&[other(), other()]));
    failure(pair.handshake());
    assert!(pair.server.is_handshaking(), "the server never saw it done");
    failure(pair.client.write(&mut pair.pipe, b"secret"));
    assert!(pair.pipe.to_server.is_empty());
}

#[test]
fn a_pin_does_not_make_up_for_what_is_wrong_with_the_certificate() {
    let mut house = House::new();
    let mut expired = leaf();
    expired.not_after = rcgen::date_time_ymd(2025, 12, 31);
    house.server.chain[0] = expired.signed_by(&house.server.key, &house.between).expect("a certificate").der().clone();
    let pins = [key_pin(&house.server.key), other()];
    assert_eq!(failure(house.pair(house.with(&pins)).handshake()).kind(), TlsKind::Expired);
}

#[test]
fn a_copy_of_a_pinned_certificate_is_worth_nothing() {
    // Another authority that is trusted, too, vouches for somebody who sends what is pinned along.
    let (mut house, other_root) = (House::new(), authority("other root"));
    let pins = [key_pin(&house.server.key), key_pin(house.between.key())];
    let copies = house.server.chain.clone();
    house.server = issue(&leaf(), &other_root);
    house.server.chain.extend(copies);
    let builder = house.with(&pins).root_der(other_root.der().to_vec());
    let failure = failure(house.pair(builder).handshake());
    assert_eq!(failure.kind(), TlsKind::PinMismatch);
    assert!(!failure.text().contains("CN=between"), "{failure}");
}

#[test]
fn one_chain_with_a_pin_is_enough_where_several_lead_to_a_root() {
    // The intermediate's key is vouched for by two roots, and the chain through the second is the pinned one.
    let (house, second) = (House::new(), authority("second root"));
    let cross = CertifiedIssuer::signed_by(
        authority_params("between"),
        rcgen::KeyPair::try_from(house.between.key().serialize_der()).expect("a key"),
        &second,
    );
    let mut server = Identity { chain: house.server.chain.clone(), key: house.server.key };
    server.chain.push(cross.expect("an intermediate").der().clone());
    for (first_root, second_root) in [(&house.root, &second), (&second, &house.root)] {
        let config = trusting(first_root)
            .root_der(second_root.der().to_vec())
            .pin(key_pin(second.key()))
            .without_backup_pin()
            .build()
            .expect("a good configuration");
        Pair::new(&config, Serving::new(&server).config()).handshake().expect("a handshake");
    }
}

#[cfg(feature = "dangerous")]
#[test]
fn what_is_dangerous_keeps_to_its_pins() {
    let identity = self_signed(&leaf());
    let anyone = || nobody().dangerous_accept_any_certificate().without_backup_pin();
    let pinned = anyone().pin(key_pin(&identity.key)).build().expect("a good configuration");
    Pair::new(&pinned, Serving::new(&identity).config()).handshake().expect("a handshake");
    let mistaken = anyone().pin(other()).build().expect("a good configuration");
    let failure = failure(Pair::new(&mistaken, Serving::new(&identity).config()).handshake());
    assert_eq!(failure.kind(), TlsKind::PinMismatch);
}
