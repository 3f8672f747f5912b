//! Certificates, a server and the stream to it.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, IoSlice, Read, Write},
    sync::Arc,
    time::Duration,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion,
    server::WebPkiClientVerifier,
    sign::{CertifiedKey, SingleCertAndKey},
    time_provider::TimeProvider,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};

use crate::{
    net::Socket,
    tls::{Crypto, Negotiated, Roots, Tls, TlsConfig, TlsConfigBuilder, TlsFailure},
};

/// The time in all tests: 2026-01-15T00:00:00Z.
#[derive(Debug)]
pub(super) struct Then;

impl TimeProvider for Then {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_hours(491_232)))
    }
}

pub(super) type Authority = CertifiedIssuer<'static, KeyPair>;

/// A certificate with its chain, and its key.
pub(super) struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: KeyPair,
}

/// What a certificate says unless a test changes it: for `example.com`, from 2025 to 2027, for servers.
pub(super) fn leaf() -> CertificateParams {
    let mut params = CertificateParams::new(["example.com".to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, "leaf");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

pub(super) fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

pub(super) fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// A root.
pub(super) fn authority(name: &str) -> Authority {
    CertifiedIssuer::self_signed(authority_params(name), new_key()).expect("a root")
}

/// An intermediate.
pub(super) fn intermediate(name: &str, by: &Authority) -> Authority {
    CertifiedIssuer::signed_by(authority_params(name), new_key(), by).expect("an intermediate")
}

pub(super) fn issue(params: &CertificateParams, by: &Authority) -> Identity {
    let key = new_key();
    let certificate = params.signed_by(&key, by).expect("a certificate");
    Identity { chain: vec![certificate.der().clone()], key }
}

/// What clients show.
pub(super) fn client_leaf() -> CertificateParams {
    let mut params = leaf();
    params.distinguished_name.push(DnType::CommonName, "client");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

pub(super) fn self_signed(params: &CertificateParams) -> Identity {
    let key = new_key();
    let certificate = params.self_signed(&key).expect("a certificate");
    Identity { chain: vec![certificate.der().clone()], key }
}

/// What TLS failed with.
pub(super) fn failure<T: std::fmt::Debug>(result: io::Result<T>) -> TlsFailure {
    let error = result.expect_err("a failure");
    TlsFailure::of(&error).unwrap_or_else(|| panic!("not of TLS: {error}")).clone()
}

impl Identity {
    pub(super) fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key")
    }
}

/// A configuration that trusts this root only, at the tests' time.
pub(super) fn trusting(root: &Authority) -> TlsConfigBuilder {
    nobody().root_der(root.der().to_vec())
}

pub(super) fn nobody() -> TlsConfigBuilder {
    TlsConfig::builder().roots(Roots::None).time(Arc::new(Then))
}

/// A server's configuration.
pub(super) struct Serving<'a> {
    pub(super) identity: &'a Identity,
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    /// Whose certificates clients have to show.
    pub(super) clients: Option<&'a Authority>,
    pub(super) alpn: Vec<&'static str>,
}

impl<'a> Serving<'a> {
    pub(super) fn new(identity: &'a Identity) -> Self {
        Self { identity, versions: rustls::ALL_VERSIONS.to_vec(), clients: None, alpn: Vec::new() }
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        let provider = Crypto::default().provider();
        let builder = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::new(Then))
            .with_protocol_versions(&self.versions)
            .expect("versions");
        let builder = match self.clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.der().clone()).expect("a root");
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
                builder.with_client_cert_verifier(verifier.expect("roots"))
            }
        };
        // Whether the key is that of the certificate is not asked here: there are thieves among the servers.
        let key = provider.key_provider.load_private_key(self.identity.key_der()).expect("a key");
        let certified = CertifiedKey::new(self.identity.chain.clone(), key);
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// A stream in memory: what each side wrote and the other has not read.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    pub(super) to_server: VecDeque<u8>,
    pub(super) to_client: VecDeque<u8>,
    /// How many bytes the client's next calls read and write at most, one after the other; 0 blocks. All, once they are
    /// used up.
    pub(super) portions: VecDeque<usize>,
    /// How many more bytes the client may write.
    pub(super) room: Option<usize>,
    /// The server's side has ended the stream.
    pub(super) ended: bool,
    /// What every write of the client fails with.
    pub(super) write_error: Option<ErrorKind>,
    /// How often the client has called.
    pub(super) calls: usize,
}

impl Pipe {
    fn portion(&mut self) -> io::Result<usize> {
        self.calls += 1;
        match self.portions.pop_front() {
            Some(0) => Err(ErrorKind::WouldBlock.into()),
            portion => Ok(portion.unwrap_or(usize::MAX)),
        }
    }

    fn put(&mut self, slices: &[&[u8]]) -> io::Result<usize> {
        if let Some(kind) = self.write_error {
            return Err(kind.into());
        }
        let mut left = self.portion()?.min(self.room.unwrap_or(usize::MAX));
        if left == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut taken = 0;
        for slice in slices {
            let part = &slice[..slice.len().min(left)];
            self.to_server.extend(part);
            left -= part.len();
            taken += part.len();
        }
        self.room = self.room.map(|room| room - taken);
        Ok(taken)
    }
}

impl Socket for Pipe {
    const A_SHORT_ONE_IS_THE_LAST: bool = false;

    fn connected(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn read(&mut self, first: &mut [u8], then: &mut [u8]) -> io::Result<usize> {
        let portion = self.portion()?;
        if self.to_client.is_empty() {
            return if self.ended { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        let read = portion.min(self.to_client.len()).min(first.len() + then.len());
        for (place, byte) in first.iter_mut().chain(then).zip(self.to_client.drain(..read)) {
            *place = byte;
        }
        Ok(read)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(&[bytes])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let slices: Vec<&[u8]> = slices.iter().map(|slice| &**slice).collect();
        self.put(&slices)
    }
}

/// A client, a server and the stream between them.
pub(super) struct Pair {
    pub(super) client: Tls,
    pub(super) server: ServerConnection,
    pub(super) pipe: Pipe,
    /// What the server has decrypted.
    pub(super) received: Vec<u8>,
}

impl Pair {
    /// A client that trusts its server.
    pub(super) fn plain() -> Self {
        Self::with(|_| {})
    }

    /// A client that trusts its server, which is configured in some other way.
    pub(super) fn with(change: impl FnOnce(&mut Serving<'_>)) -> Self {
        let root = authority("root");
        let identity = issue(&leaf(), &root);
        let mut serving = Serving::new(&identity);
        change(&mut serving);
        Self::new(&trusting(&root).build().expect("a good configuration"), serving.config())
    }

    pub(super) fn new(config: &TlsConfig, server: Arc<ServerConfig>) -> Self {
        Self::to("example.com", config, server)
    }

    pub(super) fn to(host: &str, config: &TlsConfig, server: Arc<ServerConfig>) -> Self {
        let client = Tls::new(config, host).expect("a name");
        let server = ServerConnection::new(server).expect("a good configuration");
        Self { client, server, pipe: Pipe::default(), received: Vec::new() }
    }

    /// Has the server take in all that came to it, and put out all that it has to say.
    pub(super) fn serve(&mut self) -> Result<(), rustls::Error> {
        let mut result = Ok(());
        while !self.pipe.to_server.is_empty() && result.is_ok() {
            self.server.read_tls(&mut self.pipe.to_server).expect("reading from memory");
            result = self.server.process_new_packets().map(|_| ());
            let mut buffer = [0; 1 << 12];
            while let Ok(read @ 1..) = self.server.reader().read(&mut buffer) {
                self.received.extend(&buffer[..read]);
            }
        }
        while self.server.wants_write() {
            self.server.write_tls(&mut self.pipe.to_client).expect("writing to memory");
        }
        result
    }

    /// Shakes hands until that is done or fails.
    pub(super) fn handshake(&mut self) -> io::Result<Negotiated> {
        for _ in 0..10_000 {
            match self.client.handshake(&mut self.pipe) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => {
                    // Servers of TLS 1.3 learn of the end, and send tickets, after the client is done.
                    let _ = self.serve();
                    return other;
                }
            }
            if self.serve().is_err() {
                self.pipe.ended = true;
            }
        }
        panic!("the handshake does not end");
    }

    /// Has the server say something.
    pub(super) fn say(&mut self, plain: &[u8]) {
        let mut left = plain;
        while !left.is_empty() {
            let taken = self.server.writer().write(left).expect("a server that is well");
            left = &left[taken..];
            let _ = self.serve();
        }
    }

    /// Reads once, with as much room as a session has.
    pub(super) fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 64 << 10];
        let read = self.client.read(&mut self.pipe, &mut [], &mut buffer)?;
        buffer.truncate(read);
        Ok(buffer)
    }
}
