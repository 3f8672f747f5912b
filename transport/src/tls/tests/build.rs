//! Configurations that cannot be, and what is said of them.

use std::{fs, path::PathBuf};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::peer::*;
use crate::tls::{Crypto, Pin, TlsConfig, TlsConfigBuilder};

fn refused(builder: TlsConfigBuilder) -> (&'static str, String) {
    let error = builder.build().expect_err("cannot be");
    (error.part(), error.to_string())
}

fn rooted() -> TlsConfigBuilder {
    trusting(&authority("root"))
}

/// A file that is gone at the end of the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("steadfast-tls-{}-{name}", std::process::id()));
        fs::write(&path, text).expect("a directory for temporary files");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn pem(identity: &Identity) -> String {
    let text = BASE64_STANDARD.encode(&identity.chain[0]);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_what_the_system_says() {
    for (part, builder) in [
        ("root certificate", rooted().root_file("/no/such/ca.pem")),
        ("client certificate", rooted().client_certificate_files("/no/such/ca.pem", "/no/such/key.pem")),
    ] {
        let (found, text) = refused(builder);
        assert_eq!(found, part);
        assert!(text.contains("/no/such/ca.pem: No such file or directory"), "{text}");
    }
}

#[test]
fn a_pem_without_certificates_is_told_from_one_that_is_broken() {
    let key = new_key().serialize_pem();
    let file = Scratch::new("only-a-key.pem", &key);
    let (part, text) = refused(rooted().root_file(&file.0));
    assert_eq!(part, "root certificate");
    assert!(text.contains("only-a-key.pem: no `-----BEGIN CERTIFICATE-----` in"), "{text}");
    let (_, text) = refused(rooted().root_pem("-----BEGIN CERTIFICATE-----\n"));
    assert!(text.contains("the text given: a section in PEM that does not end"), "{text}");
    let (_, text) = refused(rooted().root_pem("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"));
    assert!(text.contains("not base64"), "{text}");
}

#[test]
fn a_certificate_that_is_none_is_refused() {
    let (part, text) = refused(rooted().root_der(*b"not DER"));
    assert_eq!(part, "root certificate");
    assert!(text.contains("7 bytes of DER: a certificate that cannot be read"), "{text}");
    let key = new_key().serialize_der();
    assert_eq!(refused(rooted().client_certificate_der(*b"not DER", key)).0, "client certificate");
}

#[test]
fn a_key_has_to_be_one_and_fit_its_certificate() {
    let client = issue(&client_leaf(), &authority("clients"));
    let certificate = client.chain[0].to_vec();
    let (part, text) = refused(rooted().client_certificate_der(certificate.clone(), new_key().serialize_der()));
    assert_eq!(part, "client key");
    assert!(text.contains("the key of another certificate; expected the key of the client certificate"), "{text}");
    let (part, text) = refused(rooted().client_certificate_der(certificate, *b"not DER"));
    assert_eq!((part, text.contains("7 bytes that are no key")), ("client key", true));
    let (_, text) = refused(rooted().client_certificate_pem(pem(&client), pem(&client)));
    assert!(text.contains("the text given: no private key"), "{text}");
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let (_, text) = refused(rooted().client_certificate_pem(pem(&client), encrypted));
    assert!(text.contains("a key that is encrypted; expected an unencrypted private key"), "{text}");
}

#[test]
fn certificate_and_key_may_be_in_one_file() {
    let client = issue(&client_leaf(), &authority("clients"));
    let file = Scratch::new("both.pem", &(pem(&client) + &client.key.serialize_pem()));
    rooted().client_certificate_files(&file.0, &file.0).build().expect("a good configuration");
}

#[test]
fn a_client_certificate_may_be_of_the_first_version() {
    // What is wrong is not the certificate.
    let (part, text) = refused(rooted().client_certificate_pem(FIRST_VERSION, new_key().serialize_pem()));
    assert_eq!(part, "client key");
    assert!(text.contains("the key of another certificate"), "{text}");
}

#[test]
fn a_file_of_roots_may_hold_several() {
    let (first, second) = (authority("first"), authority("second"));
    let file = Scratch::new("roots.pem", &format!("# our roots\n{}{}", first.pem(), second.pem()));
    let config = nobody().root_file(&file.0).build().expect("a good configuration");
    for root in [&first, &second] {
        Pair::new(&config, Serving::new(&issue(&leaf(), root)).config()).handshake().expect("a handshake");
    }
}

#[test]
fn a_configuration_that_trusts_nobody_is_refused() {
    let (part, text) = refused(nobody());
    assert_eq!((part, text.as_str()), ("roots", "TLS roots: none; expected at least one root certificate"));
}

#[test]
fn one_pin_alone_has_to_be_meant() {
    let pin = Pin::spki_sha256(&"ab".repeat(32)).expect("a digest");
    let (part, text) = refused(rooted().pin(pin).pin(pin));
    assert_eq!(part, "pins");
    assert!(text.contains("expected a backup pin beside it, or `without_backup_pin`"), "{text}");
    rooted().pin(pin).without_backup_pin().build().expect("it is meant");
    rooted().pin(pin).pin(Pin::certificate_sha256(&"ab".repeat(32)).expect("a digest")).build().expect("two");
}

#[test]
fn a_server_name_has_to_be_one() {
    let (part, text) = refused(rooted().server_name("no name"));
    assert_eq!(part, "server name");
    assert!(text.contains("`no name`; expected a DNS name or an address"), "{text}");
}

#[test]
fn debug_shows_no_key() {
    let client = issue(&client_leaf(), &authority("clients"));
    let builder = rooted().client_certificate_pem(pem(&client), client.key.serialize_pem());
    let config = builder.clone().build().expect("a good configuration");
    let shown = format!("{builder:?} {config:?} {:?}", Pair::new(&config, Serving::new(&client).config()).client);
    assert!(shown.contains("client_certificate: true"), "{shown}");
    assert!(shown.len() < 1_000, "{shown}");
    let (_, text) = refused(rooted().client_certificate_pem(pem(&client), "-----BEGIN PRIVATE KEY-----\nhush"));
    assert!(!text.contains("hush"), "{text}");
}

#[test]
fn clones_are_equal_and_twins_are_not() {
    let config = rooted().build().expect("a good configuration");
    assert_eq!(config, config.clone());
    assert_ne!(config, rooted().build().expect("a good configuration"));
}

#[test]
fn any_cryptography_compiled_in_will_do() {
    rooted().crypto(Crypto::default()).build().expect("a good configuration");
}

#[cfg(feature = "roots-bundled")]
#[test]
fn bundled_roots_need_nothing_of_the_machine() {
    TlsConfig::builder().roots(crate::tls::Roots::Bundled).build().expect("a good configuration");
}

#[cfg(any(feature = "roots-platform", feature = "roots-bundled"))]
#[test]
fn the_default_is_built_once_or_its_roots_are_missing() {
    match (TlsConfig::shared(), TlsConfig::shared()) {
        (Ok(one), Ok(other)) => assert_eq!(one, other),
        (Err(error), _) | (_, Err(error)) => {
            assert_eq!((error.part(), error.expected()), ("roots", "at least one root in the platform's store"));
        }
    }
}

/// By `openssl x509 -req`, which makes no other without being asked.
const FIRST_VERSION: &str = "\
-----BEGIN CERTIFICATE-----
MIIBNzCB3wIUHY83l1wzmETjTnnHNmfXu7x1yH0wCgYIKoZIzj0EAwIwKTEQMA4G
A1UECgwHRXhhbXBsZTEVMBMGA1UEAwwMRXhhbXBsZSBSb290MCAXDTI2MTEyMTE5
MjIyNFoYDzIxMjYxMDI4MTkyMjI0WjATMREwDwYDVQQDDAhkZXZpY2UtNzBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABP4LUDgrJfYoTohu04hfXAdd/WnUwtOLqW+B
023Yv06syu5c0S9bhb233Dg5vFGk/ZhjfPGz/QQE7fovXRRAB2cwCgYIKoZIzj0E
AwIDRwAwRAIgTTvItZ+0qG7vWFKtcaitWt/M70zJIsFfASnIN9qM5PYCIHMO/hl3
jfU2X2i1Icv4zM5ck8kHgvywcP5aMwrAEukA
-----END CERTIFICATE-----
";
