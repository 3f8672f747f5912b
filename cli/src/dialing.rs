//! How a client gets to its server: what the arguments say of it, made into an endpoint in one place.

use std::{ffi::OsString, path::PathBuf};

use clap::{ValueEnum, builder::PossibleValue};
use steadfast_core::{
    dial::proxy::Proxy,
    wire::deflate::{Offer, Options},
};
use steadfast_mio::{
    Endpoint, EngineKind, WireOptions,
    tls::{Pin, TlsConfig, TlsConfigBuilder, TlsConfigError},
};

use crate::{
    args::{EngineArg, TransportArg},
    exit::Failure,
};

/// What the user says of the way to the server.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "The way to the server")]
pub(crate) struct DialingArgs {
    /// What the client's sockets are driven by
    #[arg(long, value_enum, default_value_t)]
    pub(crate) transport: TransportArg,
    /// What turns the client's bytes into messages and back
    #[arg(long, value_enum, default_value_t)]
    pub(crate) engine: EngineArg,
    /// Offer to compress messages (RFC 7692)
    #[arg(long)]
    pub(crate) compress: bool,
    /// Trust the certificates in this PEM file, beside those that the system trusts; may be repeated
    #[arg(long = "ca", value_name = "FILE")]
    pub(crate) authorities: Vec<PathBuf>,
    /// Expect this key in the server's chain: the SHA-256 of a public key as sha256/BASE64 or spki:HEX, or of a
    /// certificate as certificate:HEX; may be repeated, and one of them has to be there
    #[arg(long = "pin", value_name = "SHA256")]
    pub(crate) pins: Vec<String>,
    #[arg(
        long,
        value_name = "URL",
        help = "Go through this proxy: http://[user:password@]host[:port], or the same with socks5"
    )]
    pub(crate) proxy: Option<String>,
    /// Go through the proxy that the environment names (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, …), if it names one
    #[arg(long, conflicts_with = "proxy")]
    pub(crate) proxy_from_environment: bool,
    /// DANGEROUS: accept whatever certificate the server shows; anybody in between can read and change everything
    #[cfg(feature = "dangerous")]
    #[arg(long)]
    pub(crate) insecure_accept_any_certificate: bool,
}

impl DialingArgs {
    /// The endpoint behind this URL, by the way that was asked for. `root`, in PEM, is trusted beside what the user trusts.
    ///
    /// # Errors
    /// An argument that cannot be used: which, and why.
    pub(crate) fn endpoint(&self, url: &str, root: Option<&str>) -> Result<Endpoint, Failure> {
        let endpoint = Endpoint::parse(url).map_err(Failure::input)?.engine(self.engine_kind()?);
        let endpoint = self.with_tls(endpoint, root)?;
        match &self.proxy {
            Some(proxy) => {
                let proxy = Proxy::parse(proxy).map_err(|error| Failure::input(format!("--proxy: {error}")))?;
                Ok(endpoint.proxy(proxy))
            }
            None if self.proxy_from_environment => endpoint.proxy_from_environment().map_err(Failure::input),
            None => Ok(endpoint),
        }
    }

    /// The arguments that say the same, for another process of this program.
    pub(crate) fn again(&self) -> Vec<OsString> {
        let named = |name: &str, value: OsString| [OsString::from(name), value];
        let choice = |value: Option<PossibleValue>| value.map_or_else(OsString::new, |value| value.get_name().into());
        let mut again = Vec::new();
        again.extend(named("--transport", choice(self.transport.to_possible_value())));
        again.extend(named("--engine", choice(self.engine.to_possible_value())));
        again.extend(self.authorities.iter().flat_map(|file| named("--ca", file.into())));
        again.extend(self.pins.iter().flat_map(|pin| named("--pin", pin.into())));
        again.extend(self.proxy.iter().flat_map(|proxy| named("--proxy", proxy.into())));
        again.extend(self.compress.then(|| "--compress".into()));
        again.extend(self.proxy_from_environment.then(|| "--proxy-from-environment".into()));
        #[cfg(feature = "dangerous")]
        again.extend(self.insecure_accept_any_certificate.then(|| "--insecure-accept-any-certificate".into()));
        again
    }

    fn engine_kind(&self) -> Result<EngineKind, Failure> {
        match (self.engine, self.compress) {
            (EngineArg::Native, true) => {
                let compression = Some(
                    Offer::new(Options::default()).map_err(|error| Failure::input(format!("--compress: {error}")))?,
                );
                Ok(EngineKind::Native(WireOptions { compression, ..WireOptions::default() }))
            }
            (engine, false) => Ok(engine.into()),
            #[cfg(feature = "tungstenite")]
            (EngineArg::Tungstenite, true) => {
                Err(Failure::input("--compress: expected --engine native, found tungstenite, which cannot"))
            }
        }
    }

    fn with_tls(&self, endpoint: Endpoint, root: Option<&str>) -> Result<Endpoint, Failure> {
        let asked = self.asks_for_tls();
        if !endpoint.is_secure() {
            return match asked {
                Some(argument) => Err(Failure::input(format!("{argument}: expected a wss:// URL, found {endpoint}"))),
                None => Ok(endpoint),
            };
        }
        if asked.is_none() && root.is_none() {
            return Ok(endpoint);
        }
        let mut tls = TlsConfig::builder();
        for file in &self.authorities {
            tls = tls.root_file(file);
        }
        if let Some(root) = root {
            tls = tls.root_pem(root);
        }
        for text in &self.pins {
            tls = tls.pin(text.parse::<Pin>().map_err(|error| Failure::input(format!("--pin: {error}")))?);
        }
        // A person who is locked out can type another one.
        let tls = self.danger(tls.without_backup_pin()).build().map_err(|error| self.tls_failure(&error))?;
        Ok(endpoint.tls(tls))
    }

    /// The first argument that means something for TLS only.
    fn asks_for_tls(&self) -> Option<&'static str> {
        #[cfg(feature = "dangerous")]
        if self.insecure_accept_any_certificate {
            return Some("--insecure-accept-any-certificate");
        }
        if self.authorities.is_empty() { (!self.pins.is_empty()).then_some("--pin") } else { Some("--ca") }
    }

    #[cfg(feature = "dangerous")]
    fn danger(&self, tls: TlsConfigBuilder) -> TlsConfigBuilder {
        if self.insecure_accept_any_certificate { tls.dangerous_accept_any_certificate() } else { tls }
    }

    #[cfg(not(feature = "dangerous"))]
    #[expect(clippy::unused_self, reason = "it is asked for its arguments where there are some")]
    const fn danger(&self, tls: TlsConfigBuilder) -> TlsConfigBuilder {
        tls
    }

    /// Whose fault it is that there can be no TLS.
    fn tls_failure(&self, error: &TlsConfigError) -> Failure {
        let of_a_file = !self.authorities.is_empty() && error.part().contains("root");
        Failure::input(if of_a_file { format!("--ca: {error}") } else { error.to_string() })
    }
}
