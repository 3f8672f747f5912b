//! Handshakes: who is trusted, what is agreed on, what is said of failures.

use super::peer::*;
use crate::tls::TlsVersion;

#[test]
fn a_server_with_a_certificate_of_a_trusted_root_is_talked_to() {
    let root = authority("root");
    let identity = issue(&leaf(), &root);
    let config = trusting(&root).build().expect("a good configuration");
    let mut pair = Pair::new(&config, Serving::new(&identity).config());
    let negotiated = pair.handshake().expect("a handshake");
    assert_eq!(negotiated.version, TlsVersion::Tls13);
    assert_eq!(pair.client.write(&mut pair.pipe, b"hello").expect("room"), 5);
    pair.serve().expect("good TLS");
    assert_eq!(pair.received, b"hello");
    pair.say(b"hello yourself");
    assert_eq!(pair.read().expect("bytes"), b"hello yourself");
}
