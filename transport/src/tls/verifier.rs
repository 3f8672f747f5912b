//! Whether a server is who it should be: first by its issuers, then by the pins.

use std::{cell::RefCell, fmt, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        VerifierBuilderError, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{Cert, EndEntityCert, KeyUsage, VerifiedPath};

use super::{
    crypto::sha256,
    name::distinguished,
    pin::{Pin, Pinned},
};

/// Checks a server's certificate inside the handshake: a refusal ends it before a byte of the application is sent.
pub(super) struct Verifier {
    trust: Trust,
    pins: Vec<Pin>,
    provider: Arc<CryptoProvider>,
}

/// Who may vouch for a server.
pub(super) enum Trust {
    Roots(Arc<RootCertStore>, Arc<WebPkiServerVerifier>),
    /// Nobody has to.
    Anyone,
}

/// What rustls has no words for.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Nobody known vouches for the certificate.
    UntrustedIssuer { issuer: String, self_signed: bool },
    /// No pin is in the chain; what is, the server's own first: whose it is, and the pin that would match.
    Unpinned { seen: Vec<(String, Pin)> },
}

impl Trust {
    pub(super) fn roots(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Self, VerifierBuilderError> {
        let roots = Arc::new(roots);
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider)).build()?;
        Ok(Self::Roots(roots, verifier))
    }
}

impl Verifier {
    pub(super) fn new(trust: Trust, pins: Vec<Pin>, provider: Arc<CryptoProvider>) -> Self {
        Self { trust, pins, provider }
    }

    /// Whether a pin is in a chain that leads to a root: any of them, if there are several. What a server sends without need
    /// does not count, as anybody can send a copy of a certificate that is pinned.
    fn pinned(
        &self,
        roots: &RootCertStore,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let leaf = parse(leaf)?;
        if self.matches(&leaf) {
            return Ok(());
        }
        let seen = RefCell::new(Vec::new());
        self.see(&leaf, &seen);
        let judge = |path: &VerifiedPath<'_>| {
            let mut above = path.intermediate_certificates();
            if above.any(|certificate| self.matches(certificate)) || self.matches_root(path.anchor()) {
                return Ok(());
            }
            path.intermediate_certificates().for_each(|certificate| self.see(certificate, &seen));
            self.see_root(path.anchor(), &seen);
            // Another chain may lead through a pin. Which error this is nobody sees.
            Err(webpki::Error::UnknownIssuer)
        };
        let algorithms = self.provider.signature_verification_algorithms.all;
        let usage = KeyUsage::server_auth();
        match leaf.verify_for_usage(algorithms, &roots.roots, intermediates, now, usage, None, Some(&judge)) {
            Ok(_) => Ok(()),
            Err(_) => Err(refuse(Refusal::Unpinned { seen: seen.take() })),
        }
    }

    fn matches(&self, certificate: &Cert<'_>) -> bool {
        self.pins.iter().any(|pin| pin.sha256 == self.pin_of(certificate, pin.of).sha256)
    }

    fn matches_root(&self, root: &TrustAnchor<'_>) -> bool {
        let pin = self.pin_of_root(root);
        self.pins.contains(&pin)
    }

    fn pin_of(&self, certificate: &Cert<'_>, of: Pinned) -> Pin {
        let sha256 = match of {
            Pinned::Key => sha256(&self.provider, &certificate.subject_public_key_info()),
            Pinned::Certificate => sha256(&self.provider, &certificate.der()),
        };
        Pin { of, sha256 }
    }

    fn pin_of_root(&self, root: &TrustAnchor<'_>) -> Pin {
        Pin { of: Pinned::Key, sha256: sha256(&self.provider, &spki(root)) }
    }

    /// Notes the pins that would match, of the kinds that are asked for.
    fn see(&self, certificate: &Cert<'_>, seen: &RefCell<Vec<(String, Pin)>>) {
        for of in [Pinned::Key, Pinned::Certificate] {
            if self.pins.iter().any(|pin| pin.of == of) {
                note(distinguished(certificate.subject()), self.pin_of(certificate, of), seen);
            }
        }
    }

    fn see_root(&self, root: &TrustAnchor<'_>, seen: &RefCell<Vec<(String, Pin)>>) {
        if self.pins.iter().any(|pin| pin.of == Pinned::Key) {
            note(distinguished(&root.subject), self.pin_of_root(root), seen);
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.trust {
            Trust::Roots(roots, verifier) => {
                verifier
                    .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                    .map_err(|error| explain(error, end_entity))?;
                if !self.pins.is_empty() {
                    self.pinned(roots, end_entity, intermediates, now)?;
                }
            }
            Trust::Anyone => {
                let leaf = parse(end_entity)?;
                if !self.pins.is_empty() && !self.matches(&leaf) {
                    let seen = RefCell::new(Vec::new());
                    self.see(&leaf, &seen);
                    return Err(refuse(Refusal::Unpinned { seen: seen.take() }));
                }
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("pins", &self.pins).finish_non_exhaustive()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UntrustedIssuer { self_signed: true, issuer } => {
                write!(f, "it is self-signed ({issuer}), and is itself no trusted root")
            }
            Self::UntrustedIssuer { self_signed: false, issuer } => {
                write!(f, "its issuer ({issuer}) is no trusted root, and nobody trusted vouches for it")
            }
            Self::Unpinned { seen } => {
                f.write_str("no pin matches; seen were")?;
                for (index, (whose, pin)) in seen.iter().enumerate() {
                    write!(f, "{} {pin} ({whose})", if index == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// Says who it is that is not known.
fn explain(error: Error, leaf: &CertificateDer<'_>) -> Error {
    match (&error, EndEntityCert::try_from(leaf)) {
        (Error::InvalidCertificate(CertificateError::UnknownIssuer), Ok(leaf)) => refuse(Refusal::UntrustedIssuer {
            issuer: distinguished(leaf.issuer()),
            self_signed: leaf.issuer() == leaf.subject(),
        }),
        _ => error,
    }
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<EndEntityCert<'a>, Error> {
    EndEntityCert::try_from(certificate).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))
}

fn note(whose: String, pin: Pin, seen: &RefCell<Vec<(String, Pin)>>) {
    let mut seen = seen.borrow_mut();
    if seen.len() < SHOWN && seen.iter().all(|(_, known)| *known != pin) {
        seen.push((whose, pin));
    }
}

fn refuse(refusal: Refusal) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal))))
}

/// The `SubjectPublicKeyInfo` of a root, which keeps only what is in that: here it is a sequence again (X.690 §8.9).
pub(super) fn spki(root: &TrustAnchor<'_>) -> Vec<u8> {
    let contents = &root.subject_public_key_info;
    let len = contents.len().to_be_bytes();
    let len = &len[len.iter().take_while(|byte| **byte == 0).count()..];
    let mut der = vec![0x30];
    match len {
        [short] if *short < 0x80 => der.push(*short),
        _ => {
            der.push(0x80 | u8::try_from(len.len()).expect("at most eight"));
            der.extend_from_slice(len);
        }
    }
    der.extend_from_slice(contents);
    der
}

/// How many pins of a chain are shown.
const SHOWN: usize = 8;
