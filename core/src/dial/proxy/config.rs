//! Which proxy.

use alloc::{string::String, vec::Vec};
use core::{fmt, str::FromStr};

use super::{
    Tunnel,
    connect::HttpConnect,
    credentials::Credentials,
    error::{ProxyConfigError, ProxyPart},
    socks5::Socks5,
    url,
};
use crate::{dial::Hop, wire::handshake::checked_host};

/// A proxy: how to speak to it, where it is, and who we are to it.
///
/// ```
/// use steadfast_core::dial::proxy::{Proxy, ProxyScheme};
///
/// let proxy = Proxy::parse("socks5h://user:p%40ss@[2001:db8::1]:9050")?;
/// assert_eq!((proxy.scheme(), proxy.host(), proxy.port()), (ProxyScheme::Socks5, "2001:db8::1", 9050));
/// assert_eq!(proxy.credentials().unwrap().password(), b"p@ss");
/// assert_eq!(proxy.to_string(), "socks5h://…@[2001:db8::1]:9050");
///
/// let error = Proxy::parse("https://proxy.example").unwrap_err();
/// assert_eq!(error.to_string(), "proxy scheme: found `https`, expected `http`, `socks5` or `socks5h`: TLS to a proxy is not supported");
/// # Ok::<(), steadfast_core::dial::proxy::ProxyConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    scheme: ProxyScheme,
    /// IPv6 without brackets.
    host: String,
    port: u16,
    credentials: Option<Credentials>,
}

/// How to speak to a proxy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum ProxyScheme {
    /// HTTP, with its method `CONNECT` (RFC 9110 §9.3.6).
    Http,
    /// SOCKS version 5 (RFC 1928). Names are always resolved by the proxy, which some programs call `socks5h`.
    Socks5,
}

impl Proxy {
    /// A proxy at `host`, a name or an address; `port` is that of the scheme if none is given (80 or 1080).
    ///
    /// # Errors
    /// What is no host, and port 0.
    pub fn new(scheme: ProxyScheme, host: &str, port: Option<u16>) -> Result<Self, ProxyConfigError> {
        let host = checked_host(host).map_err(|wrong| ProxyConfigError::of_request(ProxyPart::Host, &wrong))?;
        let port = match port {
            Some(0) => return Err(ProxyConfigError::new(ProxyPart::Port, "0", "1 to 65535")),
            port => port.unwrap_or(scheme.default_port()),
        };
        Ok(Self { scheme, host, port, credentials: None })
    }

    /// Reads `http://[user[:password]@]host[:port]`, or the same with `socks5` or `socks5h`, which both leave names to the
    /// proxy. In user and password, what would not be one character of a URL is percent-encoded (RFC 3986 §2.1).
    ///
    /// # Errors
    /// The part that is missing or wrong; user and password are not shown.
    pub fn parse(text: &str) -> Result<Self, ProxyConfigError> {
        url::parse(text)
    }

    /// Says who we are: Basic authentication for HTTP (RFC 7617), user and password for SOCKS (RFC 1929).
    ///
    /// # Errors
    /// For HTTP a colon in the user's name, and control characters; for SOCKS what is empty or longer than 255 bytes.
    pub fn with_credentials(mut self, credentials: Credentials) -> Result<Self, ProxyConfigError> {
        match self.scheme {
            ProxyScheme::Http => HttpConnect::check(&credentials)?,
            ProxyScheme::Socks5 => Socks5::check(&credentials)?,
        }
        self.credentials = Some(credentials);
        Ok(self)
    }

    /// How to speak to it.
    #[must_use]
    pub const fn scheme(&self) -> ProxyScheme {
        self.scheme
    }

    /// Its name or address, IPv6 without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Who we are to it.
    #[must_use]
    pub const fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// What has to be connected to.
    #[must_use]
    pub fn hop(&self) -> Hop {
        Hop::new(&self.host, self.port)
    }

    /// What is to be said to it, so that it makes way to this server: a name, which it resolves, or an address.
    ///
    /// # Errors
    /// What is no host; for SOCKS a name of more than 255 bytes.
    pub fn tunnel(&self, host: &str, port: u16) -> Result<Tunnel, ProxyConfigError> {
        Ok(match self.scheme {
            ProxyScheme::Http => Tunnel::Http(HttpConnect::new(host, port, self.credentials())?),
            ProxyScheme::Socks5 => Tunnel::Socks5(Socks5::new(host, port, self.credentials.clone())?),
        })
    }
}

impl ProxyScheme {
    /// The port that is meant when none is named.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Socks5 => 1080,
        }
    }

    /// `http` or `socks5h`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Socks5 => "socks5h",
        }
    }
}

impl FromStr for Proxy {
    type Err = ProxyConfigError;

    fn from_str(text: &str) -> Result<Self, ProxyConfigError> {
        Self::parse(text)
    }
}

impl fmt::Display for Proxy {
    /// As a URL, with `…` for user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = if self.credentials.is_some() { "…@" } else { "" };
        write!(f, "{}://{user}{}", self.scheme.as_str(), Hop::new(&self.host, self.port))
    }
}

impl fmt::Debug for Proxy {
    /// As it is [displayed](fmt::Display).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// `host:port`, IPv6 in brackets, as the request line of `CONNECT` has it (RFC 9112 §3.2.3); the host without brackets.
pub(super) fn authority(host: &str, port: u16) -> Result<(String, Vec<u8>), ProxyConfigError> {
    let host = checked_host(host).map_err(|wrong| ProxyConfigError::of_request(ProxyPart::Target, &wrong))?;
    if port == 0 {
        return Err(ProxyConfigError::new(ProxyPart::Target, "port 0", "1 to 65535"));
    }
    let text = if host.contains(':') { alloc::format!("[{host}]:{port}") } else { alloc::format!("{host}:{port}") };
    Ok((host, text.into_bytes()))
}
