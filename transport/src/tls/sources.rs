//! Where certificates and keys come from: files, texts, the platform.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustls::RootCertStore;
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};

use super::error::TlsConfigError;

/// Which roots are trusted beside those that are added one by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Roots {
    /// Those of the platform: what the machine's owner trusts, a company's own root included. `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` replace them, as with OpenSSL.
    #[cfg(feature = "roots-platform")]
    Platform,
    /// Those that Mozilla trusts, as of the version of the crate `webpki-roots` in the program. They are there on machines
    /// that have none, and get old with the program.
    #[cfg(feature = "roots-bundled")]
    Bundled,
    /// None: only the roots that are added count.
    None,
}

impl Default for Roots {
    /// The platform's; where they are not compiled in the bundled ones; where these are not either none.
    fn default() -> Self {
        #[cfg(feature = "roots-platform")]
        return Self::Platform;
        #[cfg(all(feature = "roots-bundled", not(feature = "roots-platform")))]
        return Self::Bundled;
        #[cfg(not(any(feature = "roots-platform", feature = "roots-bundled")))]
        return Self::None;
    }
}

impl Roots {
    #[cfg_attr(
        not(feature = "roots-platform"),
        expect(clippy::unnecessary_wraps, reason = "only the platform may have none")
    )]
    pub(super) fn load(self) -> Result<RootCertStore, TlsConfigError> {
        match self {
            #[cfg(feature = "roots-platform")]
            Self::Platform => platform(),
            #[cfg(feature = "roots-bundled")]
            Self::Bundled => Ok(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()),
            Self::None => Ok(RootCertStore::empty()),
        }
    }
}

/// Something in PEM or DER that is read when the configuration is built.
#[derive(Clone)]
pub(super) enum Source {
    PemFile(PathBuf),
    Pem(Vec<u8>),
    Der(Vec<u8>),
}

impl Source {
    /// The certificates in it, at least one.
    pub(super) fn certificates(&self, part: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
        let whence = self.whence();
        let text = match self {
            Self::Der(der) => return Ok(vec![CertificateDer::from(der.clone())]),
            Self::Pem(text) => text.clone(),
            Self::PemFile(path) => read(part, path)?,
        };
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let found = found.map_err(|error| {
            TlsConfigError::new(part, format_args!("{whence}: {}", words(&error)), "certificates in PEM")
        })?;
        if found.is_empty() {
            let found = format!("{whence}: no `-----BEGIN CERTIFICATE-----` in {} bytes", text.len());
            return Err(TlsConfigError::new(part, found, "at least one certificate in PEM"));
        }
        Ok(found)
    }

    /// A certificate in it cannot be read.
    pub(super) fn unusable(&self, part: &'static str) -> TlsConfigError {
        let found = format!("{}: a certificate that cannot be read", self.whence());
        TlsConfigError::new(part, found, "certificates of X.509")
    }

    fn whence(&self) -> String {
        match self {
            Self::Der(der) => format!("{} bytes of DER", der.len()),
            Self::Pem(_) => "the text given".to_owned(),
            Self::PemFile(path) => path.display().to_string(),
        }
    }

    /// The first private key in it.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
        let whence = self.whence();
        let text = match self {
            Self::Der(der) => {
                return PrivateKeyDer::try_from(der.clone()).map_err(|_| {
                    TlsConfigError::new(KEY, format_args!("{} bytes that are no key", der.len()), KEY_IN_DER)
                });
            }
            Self::Pem(text) => text.clone(),
            Self::PemFile(path) => read(KEY, path)?,
        };
        PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
            let encrypted = text.windows(9).any(|window| window == b"ENCRYPTED");
            let found = match error {
                pem::Error::NoItemsFound if encrypted => "a key that is encrypted",
                pem::Error::NoItemsFound => "no private key",
                ref other => words(other),
            };
            TlsConfigError::new(KEY, format_args!("{whence}: {found}"), "an unencrypted private key in PEM")
        })
    }
}

fn read(part: &'static str, path: &Path) -> Result<Vec<u8>, TlsConfigError> {
    fs::read(path).map_err(|error| TlsConfigError::unreadable(part, path, error))
}

/// What is wrong with a PEM, without any of its contents: it may hold a key.
fn words(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section in PEM that does not end",
        pem::Error::IllegalSectionStart { .. } => "a section in PEM that begins wrong",
        pem::Error::Base64Decode(_) => "a section in PEM that is not base64",
        _ => "no PEM",
    }
}

#[cfg(feature = "roots-platform")]
fn platform() -> Result<RootCertStore, TlsConfigError> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    // Stores of platforms hold certificates that nothing modern can read, and files that have gone: the others count.
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        let error = found.errors.first().map_or_else(|| "no certificates".to_owned(), ToString::to_string);
        return Err(TlsConfigError::new("roots", error, "at least one root in the platform's store"));
    }
    Ok(store)
}

const KEY: &str = "client key";
const KEY_IN_DER: &str = "a private key in DER: PKCS #8, PKCS #1 or SEC 1";
