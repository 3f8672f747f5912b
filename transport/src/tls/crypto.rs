//! Whose cryptography is used.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, hash::HashAlgorithm};

/// Whose cryptography TLS uses. With several compiled in, each configuration may use another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Crypto {
    /// The crate `ring`.
    #[cfg(feature = "ring")]
    Ring,
    /// The crate `aws-lc-rs`. With it, key exchange prefers X25519MLKEM768, which is safe from quantum computers, too.
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs,
}

impl Default for Crypto {
    /// AWS-LC where it was compiled in: whoever asks for it wants it, and `ring` may be there by default.
    fn default() -> Self {
        #[cfg(feature = "aws-lc-rs")]
        return Self::AwsLcRs;
        #[cfg(not(feature = "aws-lc-rs"))]
        return Self::Ring;
    }
}

impl Crypto {
    /// Always passed on by name: the process has no default that could be missing, or be there twice.
    pub(super) fn provider(self) -> Arc<CryptoProvider> {
        Arc::new(match self {
            #[cfg(feature = "ring")]
            Self::Ring => rustls::crypto::ring::default_provider(),
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLcRs => rustls::crypto::aws_lc_rs::default_provider(),
        })
    }
}

/// The SHA-256 of this, by the provider's own implementation: it is part of the suites that TLS 1.3 demands of all.
pub(super) fn sha256(provider: &CryptoProvider, bytes: &[u8]) -> [u8; 32] {
    let hash = provider
        .cipher_suites
        .iter()
        .filter_map(rustls::SupportedCipherSuite::tls13)
        .map(|suite| suite.common.hash_provider)
        .find(|hash| hash.algorithm() == HashAlgorithm::SHA256)
        .expect("RFC 8446 §9.1: TLS_AES_128_GCM_SHA256 is a must");
    hash.hash(bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}
