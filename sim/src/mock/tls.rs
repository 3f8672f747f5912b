//! Certificates that are good, or wrong in one way, and a server that shows them.

use std::{
    fmt,
    io::{self, Read as _, Write as _},
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData as _, date_time_ymd,
};
use rustls::{
    HandshakeKind, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use socket2::Socket;

use super::{
    lock,
    pipe::{Layer, Layers},
    record::Security,
};

/// An authority of a test's own, which issues certificates.
///
/// ```
/// use steadfast_sim::mock::{Authority, Certificate, MockServer, Script, ServerTls};
///
/// let authority = Authority::new();
/// let identity = authority.issue(Certificate::Valid);
/// let server = MockServer::builder().tls(ServerTls::new(&identity)).start(Script::echoing());
///
/// let roots = authority.pem(); // what the client has to trust
/// let pin = identity.spki_pin(); // "sha256/..."
/// assert!(server.url().starts_with("wss://localhost:"));
/// ```
pub struct Authority {
    params: CertificateParams,
    key: KeyPair,
    pem: String,
}

/// What a certificate is like. All but [`ForNames`](Self::ForNames) and those with a wrong name are for `localhost`,
/// `127.0.0.1` and `::1`; all but those with wrong dates have been valid for long and stay so.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Certificate {
    /// Nothing is wrong with it.
    Valid,
    /// Its time was over long ago.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It is for `elsewhere.test`.
    WrongName,
    /// It is its own issuer.
    SelfSigned,
    /// Its issuer is another authority.
    OtherIssuer,
    /// Its issuer is another authority, of the same name.
    ForgedIssuer,
    /// Between it and the authority stands another, which the server shows as well.
    ThroughIntermediate,
    /// It is for these names and addresses.
    ForNames(Vec<String>),
    /// It is for a client, of this name.
    Client(String),
}

/// A certificate with its key.
pub struct Identity {
    /// The leaf first.
    chain: Vec<rcgen::Certificate>,
    key: KeyPair,
}

/// How a server speaks TLS: which certificate it shows, and what it asks for.
#[derive(Clone)]
pub struct ServerTls(Arc<ServerConfig>);

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new one, with a key of its own.
    ///
    /// # Panics
    /// If the operating system has no randomness.
    #[must_use]
    pub fn new() -> Self {
        Self::named("Mock Authority")
    }

    fn named(name: &str) -> Self {
        let key = new_key();
        let params = authority_params(name);
        let pem = params.self_signed(&key).expect(SOUND).pem();
        Self { params, key, pem }
    }

    /// Its certificate, for who is to trust it.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A new certificate with a new key.
    ///
    /// # Panics
    /// If a name in it is no name.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "`Certificate::Valid` reads better than a reference to it")]
    pub fn issue(&self, certificate: Certificate) -> Identity {
        self.issue_for(&certificate, new_key())
    }

    /// A certificate for the key of another: what was pinned stays the same.
    ///
    /// # Panics
    /// If a name in it is no name.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "`Certificate::Valid` reads better than a reference to it")]
    pub fn reissue(&self, certificate: Certificate, identity: &Identity) -> Identity {
        let key = KeyPair::from_pem(&identity.key_pem()).expect(SOUND);
        self.issue_for(&certificate, key)
    }

    fn issue_for(&self, certificate: &Certificate, key: KeyPair) -> Identity {
        let params = certificate.params();
        let chain = match certificate {
            Certificate::SelfSigned => vec![params.self_signed(&key).expect(SOUND)],
            Certificate::OtherIssuer => vec![Self::named("Another Authority").sign(&params, &key)],
            Certificate::ForgedIssuer => vec![Self::new().sign(&params, &key)],
            Certificate::ThroughIntermediate => {
                let between = new_key();
                let of_between = authority_params("Mock Intermediate");
                let leaf = params.signed_by(&key, &Issuer::from_params(&of_between, &between)).expect(SOUND);
                vec![leaf, self.sign(&of_between, &between)]
            }
            _ => vec![self.sign(&params, &key)],
        };
        Identity { chain, key }
    }

    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> rcgen::Certificate {
        params.signed_by(key, &Issuer::from_params(&self.params, &self.key)).expect(SOUND)
    }
}

impl Certificate {
    fn params(&self) -> CertificateParams {
        let names = match self {
            Self::WrongName => vec!["elsewhere.test".to_owned()],
            Self::ForNames(names) => names.clone(),
            Self::Client(_) => Vec::new(),
            _ => ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec(),
        };
        let mut params = CertificateParams::new(names).expect("names of hosts are ASCII");
        let (name, usage) = match self {
            Self::Client(name) => (name.as_str(), ExtendedKeyUsagePurpose::ClientAuth),
            _ => ("Mock Server", ExtendedKeyUsagePurpose::ServerAuth),
        };
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = match self {
            Self::Expired => (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1)),
            Self::NotYetValid => (date_time_ymd(4000, 1, 1), date_time_ymd(4001, 1, 1)),
            _ => (date_time_ymd(2000, 1, 1), date_time_ymd(4001, 1, 1)),
        };
        params
    }
}

impl Identity {
    /// The certificates in the order in which they are shown, the leaf first.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        self.chain.iter().map(rcgen::Certificate::pem).collect()
    }

    /// The leaf's certificate alone.
    #[must_use]
    pub fn pem(&self) -> String {
        self.chain[0].pem()
    }

    /// Its private key, as PKCS #8.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The pin of its public key: `sha256/` and the Base64 of the SHA-256 of the `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki_pin(&self) -> String {
        pin(&self.key.subject_public_key_info())
    }

    /// The SHA-256 of its whole certificate, in the same form.
    #[must_use]
    pub fn certificate_pin(&self) -> String {
        pin(self.chain[0].der())
    }

    /// The SHA-256 of the last certificate that is shown, in the same form: the intermediate's, if there is one.
    #[must_use]
    pub fn last_certificate_pin(&self) -> String {
        pin(self.chain[self.chain.len() - 1].der())
    }
}

impl ServerTls {
    /// Shows this certificate, to everybody. TLS 1.2 and 1.3, and `http/1.1` (RFC 7301) if the client asks for it.
    ///
    /// # Panics
    /// Not with an identity of an [`Authority`].
    #[must_use]
    pub fn new(identity: &Identity) -> Self {
        Self::of(identity, rustls::ALL_VERSIONS, None)
    }

    /// The same, and TLS 1.2 alone.
    #[must_use]
    pub fn tls12(identity: &Identity) -> Self {
        Self::of(identity, &[&rustls::version::TLS12], None)
    }

    /// The same, and clients have to show a certificate that this authority has issued.
    #[must_use]
    pub fn with_clients_of(identity: &Identity, authority: &Authority) -> Self {
        Self::of(identity, rustls::ALL_VERSIONS, Some(authority))
    }

    fn of(
        identity: &Identity,
        versions: &[&'static rustls::SupportedProtocolVersion],
        clients: Option<&Authority>,
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(versions).expect(SOUND);
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                let root = authority.params.self_signed(&authority.key).expect(SOUND);
                roots.add(root.der().clone()).expect(SOUND);
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().expect(SOUND))
            }
        };
        let chain: Vec<CertificateDer<'static>> = identity.chain.iter().map(|one| one.der().clone()).collect();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
        let mut config = builder.with_single_cert(chain, key).expect(SOUND);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(Arc::new(config))
    }
}

impl Layers for ServerTls {
    fn layer(&self) -> Box<dyn Layer> {
        Box::new(Tls(Mutex::new(ServerConnection::new(Arc::clone(&self.0)).expect(SOUND))))
    }
}

/// One connection's TLS. It is locked for moments only, never while something is waited for.
#[derive(Debug)]
struct Tls(Mutex<ServerConnection>);

impl Layer for Tls {
    fn decrypted(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match lock(&self.0).reader().read(buffer) {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            // The client's FIN without its goodbye.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Some(0)),
            Err(error) => Err(error),
        }
    }

    fn receive(&self, mut socket: &Socket) -> io::Result<()> {
        let mut tls = lock(&self.0);
        tls.read_tls(&mut socket)?;
        tls.process_new_packets().map(drop).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    fn wants_write(&self) -> bool {
        lock(&self.0).wants_write()
    }

    fn seal(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut tls = lock(&self.0);
        tls.writer().write_all(bytes)?;
        Ok(everything(&mut tls))
    }

    fn goodbye(&self) -> Vec<u8> {
        let mut tls = lock(&self.0);
        tls.send_close_notify();
        everything(&mut tls)
    }

    fn security(&self) -> Security {
        let tls = lock(&self.0);
        Security {
            version: match tls.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "1.2",
                _ => "1.3",
            },
            resumed: tls.handshake_kind() == Some(HandshakeKind::Resumed),
            server_name: tls.server_name().map(str::to_owned),
            protocol: tls.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            client_certificate: tls.peer_certificates().is_some(),
        }
    }
}

/// What is to go to the network.
fn everything(tls: &mut ServerConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut bytes).expect("memory takes everything");
    }
    bytes
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("spki_pin", &self.spki_pin()).finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(4001, 1, 1));
    params
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("the operating system has randomness")
}

fn pin(der: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, der);
    format!("sha256/{}", STANDARD.encode(digest))
}

const SOUND: &str = "what is put together here is sound";
