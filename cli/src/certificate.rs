//! A certificate of one's own, for a server that lives as long as the program.

use std::{error::Error, net::IpAddr, sync::Arc};

use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls::{
    ServerConfig, SupportedCipherSuite,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::exit::Failure;

/// What a server shows, and what a client needs to trust it.
#[derive(Debug)]
pub(crate) struct OwnCertificate {
    /// For the server.
    pub(crate) server: Arc<ServerConfig>,
    /// The certificate, which is its own root, in PEM.
    pub(crate) root: String,
    /// The pin of its key: `spki:` and 64 hex digits.
    pub(crate) pin: String,
}

impl OwnCertificate {
    /// Makes a key, and a certificate for a server at this address.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn new(address: IpAddr) -> Result<Self, Failure> {
        Self::make(address).map_err(Failure::system("make a certificate"))
    }

    fn make(address: IpAddr) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new([address.to_string()])?;
        let certificate = params.self_signed(&key)?;
        let spoken = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], spoken)?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        let pin = format!("spki:{}", sha256(&key.subject_public_key_info()));
        Ok(Self { server: Arc::new(server), root: certificate.pem(), pin })
    }
}

/// In hex. By the library that TLS itself hashes with.
fn sha256(bytes: &[u8]) -> String {
    let SupportedCipherSuite::Tls13(suite) = ring::cipher_suite::TLS13_AES_128_GCM_SHA256 else { return String::new() };
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    let hash = suite.common.hash_provider.hash(bytes);
    hash.as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_256() {
        // FIPS 180-2, B.1.
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_certificate_is_made_for_the_address_with_a_pin_that_can_be_read() {
        let own = OwnCertificate::new([127, 0, 0, 1].into()).expect("random numbers");
        assert!(own.root.starts_with("-----BEGIN CERTIFICATE-----"), "{}", own.root);
        own.pin.parse::<steadfast_mio::tls::Pin>().expect("a pin");
    }
}
