//! Whom to trust, and who we are.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, KeyLogFile, RootCertStore, SignatureScheme,
    client::{ResolvesClientCert, Resumption},
    crypto::CryptoProvider,
    sign::{CertifiedKey, SingleCertAndKey},
    time_provider::{DefaultTimeProvider, TimeProvider},
};
use rustls_pki_types::ServerName;

use super::{
    crypto::Crypto,
    error::TlsConfigError,
    failure::shown,
    pin::Pin,
    sources::{Roots, Source},
    verifier::{Trust, Verifier, spki},
};

/// Whom to trust over TLS, and who we are: built once, cheap to clone, and meant to be shared by many sessions.
///
/// All clones share what servers gave them to resume by, so that a reconnect is a shorter handshake. A connection that
/// resumes does not see the server's certificate again: it was verified, pins and all, by this same configuration when the
/// session that is resumed began.
///
/// ```no_run
/// use steadfast_transport::tls::TlsConfig;
///
/// // A server in the house, with a certificate of the house's own authority, and keys that we know.
/// let tls = TlsConfig::builder()
///     .root_file("ca.pem")
///     .pin("sha256/YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=".parse()?)
///     .pin("sha256/Vjs8r4z+80wjNcr1YKepWQboSIRi63WsWXhIMN+eWys=".parse()?)
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TlsConfig(Arc<Built>);

struct Built {
    client: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
    shown: Shown,
}

/// What may be shown of a configuration.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "read by Debug")]
#[expect(clippy::struct_excessive_bools, reason = "each is shown by its name")]
struct Shown {
    roots: usize,
    pins: Vec<Pin>,
    client_certificate: bool,
    only_tls13: bool,
    key_log: bool,
    crypto: Crypto,
    accepts_any_certificate: bool,
}

/// Builds a [`TlsConfig`]. Files are read when it is [built](Self::build).
#[derive(Clone)]
#[must_use]
#[expect(clippy::struct_excessive_bools, reason = "independent choices, each made by a word of its own")]
pub struct TlsConfigBuilder {
    roots: Roots,
    extra: Vec<Source>,
    identity: Option<(Source, Source)>,
    server_name: Option<String>,
    pins: Vec<Pin>,
    without_backup: bool,
    only_tls13: bool,
    without_alpn: bool,
    key_log: bool,
    crypto: Crypto,
    anyone: bool,
    time: Arc<dyn TimeProvider>,
}

impl TlsConfig {
    /// A configuration that trusts the [default roots](Roots::default) and asks for nothing special.
    ///
    /// # Errors
    /// There are no roots: the platform has none, or no feature brings any.
    pub fn new() -> Result<Self, TlsConfigError> {
        Self::builder().build()
    }

    /// The same, built once for the whole process: reading the platform's roots takes milliseconds, and whoever shares
    /// it can resume what another began.
    ///
    /// # Errors
    /// As for [`new`](Self::new); it is tried again the next time.
    pub fn shared() -> Result<Self, TlsConfigError> {
        static SHARED: OnceLock<TlsConfig> = OnceLock::new();
        if let Some(shared) = SHARED.get() {
            return Ok(shared.clone());
        }
        let built = Self::new()?;
        Ok(SHARED.get_or_init(|| built).clone())
    }

    /// Begins with the [default roots](Roots::default) and nothing else.
    pub fn builder() -> TlsConfigBuilder {
        TlsConfigBuilder {
            roots: Roots::default(),
            extra: Vec::new(),
            identity: None,
            server_name: None,
            pins: Vec::new(),
            without_backup: false,
            only_tls13: false,
            without_alpn: false,
            key_log: false,
            crypto: Crypto::default(),
            anyone: false,
            time: Arc::new(DefaultTimeProvider),
        }
    }

    /// The same for another server than the one it was meant for: without the certificate that says who we are, and without
    /// a name in place of the host's. Whom it trusts stays.
    pub(crate) fn for_another_origin(&self) -> Self {
        if self.0.server_name.is_none() && !self.0.shown.client_certificate {
            return self.clone();
        }
        let mut client = ClientConfig::clone(&self.0.client);
        client.client_auth_cert_resolver = Arc::new(Nobody);
        client.resumption = Resumption::disabled();
        let shown = Shown { client_certificate: false, ..self.0.shown.clone() };
        Self(Arc::new(Built { client: Arc::new(client), server_name: None, shown }))
    }

    pub(super) fn client(&self) -> &Arc<ClientConfig> {
        &self.0.client
    }

    pub(super) fn server_name(&self) -> Option<&ServerName<'static>> {
        self.0.server_name.as_ref()
    }
}

impl TlsConfigBuilder {
    /// Chooses the roots that are trusted beside those added: the platform's, the bundled ones, or none.
    pub fn roots(mut self, roots: Roots) -> Self {
        self.roots = roots;
        self
    }

    /// Trusts the certificates in this PEM file, too: a company's root, or a server's own self-signed certificate.
    pub fn root_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.extra.push(Source::PemFile(path.into()));
        self
    }

    /// Trusts the certificates in this PEM, too.
    pub fn root_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.extra.push(Source::Pem(pem.into()));
        self
    }

    /// Trusts this certificate, in DER, too.
    pub fn root_der(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.extra.push(Source::Der(der.into()));
        self
    }

    /// Shows servers that ask for it the certificate in this PEM file, the client's own first and then whoever vouches for
    /// it, and signs with the key in the other. The two may be the same file.
    pub fn client_certificate_files(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some((Source::PemFile(chain.into()), Source::PemFile(key.into())));
        self
    }

    /// As [`client_certificate_files`](Self::client_certificate_files), from PEM in memory.
    pub fn client_certificate_pem(mut self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity = Some((Source::Pem(chain.into()), Source::Pem(key.into())));
        self
    }

    /// As [`client_certificate_files`](Self::client_certificate_files), a single certificate and its key (PKCS #8, PKCS #1
    /// or SEC 1) in DER.
    pub fn client_certificate_der(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity = Some((Source::Der(certificate.into()), Source::Der(key.into())));
        self
    }

    /// Asks for this name (SNI, RFC 6066 §3) and expects it, or this address, in the certificate, instead of the
    /// endpoint's host: a server behind an address or a tunnel.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Expects this pin, or one of the others, in every server's chain: after all other checks, and before a byte of the
    /// application is sent.
    ///
    /// There have to be two at least, as the day comes on which a key is lost or stolen: the second is that of a key that
    /// is kept elsewhere and in no use yet. See [`without_backup_pin`](Self::without_backup_pin).
    pub fn pin(mut self, pin: Pin) -> Self {
        self.pins.push(pin);
        self
    }

    /// Is content with a single pin: when that key is lost, this client is cut off until it gets another configuration.
    pub fn without_backup_pin(mut self) -> Self {
        self.without_backup = true;
        self
    }

    /// Speaks TLS 1.3 only. Else TLS 1.2 (with forward secrecy and authenticated encryption, RFC 9325) will do, too.
    pub fn only_tls13(mut self) -> Self {
        self.only_tls13 = true;
        self
    }

    /// Leaves out ALPN (RFC 7301), by which servers are told that `http/1.1` follows. For servers that choke on it.
    pub fn without_alpn(mut self) -> Self {
        self.without_alpn = true;
        self
    }

    /// Writes the secrets of every connection to the file that the environment variable `SSLKEYLOGFILE` names, if it does,
    /// so that Wireshark can read what is sent. Whoever has that file can, too.
    pub fn key_log(mut self) -> Self {
        self.key_log = true;
        self
    }

    /// Chooses whose cryptography is used, where several are compiled in.
    pub fn crypto(mut self, crypto: Crypto) -> Self {
        self.crypto = crypto;
        self
    }

    /// **Dangerous.** Accepts any certificate: expired, for another name, of nobody known. Whoever is in between can read
    /// and change everything. For tests against throw-away servers, and for nothing else: a self-signed certificate is
    /// better trusted with [`root_file`](Self::root_file).
    ///
    /// Only that the server has the certificate's key is still checked, and the pins are, if there are any, against the
    /// server's own certificate.
    #[cfg(feature = "dangerous")]
    pub fn dangerous_accept_any_certificate(mut self) -> Self {
        self.anyone = true;
        self
    }

    /// What the time is, for certificates.
    #[cfg(test)]
    pub(super) fn time(mut self, time: Arc<dyn TimeProvider>) -> Self {
        self.time = time;
        self
    }

    /// Reads what is to be read, and checks that all of it fits.
    ///
    /// # Errors
    /// Files that cannot be read, PEM without certificates, certificates and keys that cannot be read or do not belong
    /// together, no roots at all, a single pin without [`without_backup_pin`](Self::without_backup_pin), a server name that is
    /// none.
    pub fn build(mut self) -> Result<TlsConfig, TlsConfigError> {
        self.pins.sort_unstable();
        self.pins.dedup();
        if self.pins.len() == 1 && !self.without_backup {
            return Err(TlsConfigError::new("pins", self.pins[0], "a backup pin beside it, or `without_backup_pin`"));
        }
        let server_name = self.server_name.as_deref().map(parse_server_name).transpose()?;
        let provider = self.crypto.provider();
        let roots = self.trusted()?;
        let shown = Shown {
            roots: roots.len(),
            pins: self.pins.clone(),
            client_certificate: self.identity.is_some(),
            only_tls13: self.only_tls13,
            key_log: self.key_log,
            crypto: self.crypto,
            accepts_any_certificate: self.anyone,
        };
        let client = self.client(&provider, roots)?;
        Ok(TlsConfig(Arc::new(Built { client: Arc::new(client), server_name, shown })))
    }

    fn trusted(&self) -> Result<RootCertStore, TlsConfigError> {
        if self.anyone {
            return Ok(RootCertStore::empty());
        }
        let mut store = self.roots.load()?;
        for source in &self.extra {
            for certificate in source.certificates(ROOT)? {
                store.add(certificate).map_err(|_| source.unusable(ROOT))?;
            }
        }
        if store.is_empty() {
            return Err(TlsConfigError::new("roots", "none", "at least one root certificate"));
        }
        Ok(store)
    }

    fn client(self, provider: &Arc<CryptoProvider>, roots: RootCertStore) -> Result<ClientConfig, TlsConfigError> {
        let trust = if self.anyone {
            Trust::Anyone
        } else {
            Trust::roots(roots, provider)
                .map_err(|error| TlsConfigError::new("roots", error, "roots that can be used"))?
        };
        let versions: &[_] = if self.only_tls13 { &[&rustls::version::TLS13] } else { rustls::ALL_VERSIONS };
        let builder = ClientConfig::builder_with_details(Arc::clone(provider), self.time)
            .with_protocol_versions(versions)
            .map_err(|error| TlsConfigError::new("protocol versions", error, "TLS 1.2 or 1.3"))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier::new(trust, self.pins, Arc::clone(provider))));
        let mut client = match self.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity(&chain, &key, provider)?)))
            }
        };
        if !self.without_alpn {
            client.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        if self.key_log {
            client.key_log = Arc::new(KeyLogFile::new());
        }
        client.resumption = Resumption::in_memory_sessions(REMEMBERED);
        Ok(client)
    }
}

impl PartialEq for TlsConfig {
    /// Whether they are clones of one another.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TlsConfig {}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("server_name", &self.0.server_name)
            .field("options", &self.0.shown)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfigBuilder")
            .field("roots", &self.roots)
            .field("extra_roots", &self.extra.len())
            .field("client_certificate", &self.identity.is_some())
            .field("server_name", &self.server_name)
            .field("pins", &self.pins)
            .field("crypto", &self.crypto)
            .finish_non_exhaustive()
    }
}

/// Has no certificate to show.
#[derive(Debug)]
struct Nobody;

impl ResolvesClientCert for Nobody {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// A name or an address as TLS knows it. A zone (RFC 4007 §11) says nothing to a server.
pub(super) fn parse_server_name(name: &str) -> Result<ServerName<'static>, TlsConfigError> {
    let unzoned = name.split_once('%').map_or(name, |(address, _)| address);
    let bare = unzoned.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(unzoned);
    ServerName::try_from(bare.to_owned())
        .map_err(|_| TlsConfigError::new("server name", format_args!("`{}`", shown(name)), "a DNS name or an address"))
}

/// A chain with its key, which fits.
fn identity(chain: &Source, key: &Source, provider: &CryptoProvider) -> Result<CertifiedKey, TlsConfigError> {
    let certificates = chain.certificates(CLIENT)?;
    let key = provider
        .key_provider
        .load_private_key(key.key()?)
        .map_err(|error| TlsConfigError::new(KEY, error, "a private key: RSA, ECDSA or Ed25519"))?;
    // As roots are read, and not as servers' certificates are: those of devices are often of X.509's first version, which
    // is for the server to judge.
    let own = webpki::anchor_from_trusted_cert(&certificates[0]).map_err(|_| chain.unusable(CLIENT))?;
    if key.public_key().is_some_and(|public| *public != *spki(&own)) {
        return Err(TlsConfigError::new(KEY, "the key of another certificate", "the key of the client certificate"));
    }
    Ok(CertifiedKey::new(certificates, key))
}

const ROOT: &str = "root certificate";
const CLIENT: &str = "client certificate";
const KEY: &str = "client key";
/// Of how many tickets there may be in all: eight for each of 32 servers.
const REMEMBERED: usize = 256;
