//! The proxy that the usual environment variables name.
//!
//! The core reads no environment: whoever asks hands in how a variable is read, so that a program that wants none of this
//! gets none of it.

use alloc::{format, string::String, vec::Vec};
use core::{
    error, fmt,
    net::{IpAddr, Ipv6Addr},
};

use super::{
    hop::{literal, split_port},
    proxy::{Proxy, ProxyConfigError},
};
use crate::wire::handshake::Scheme;

/// The proxy for a connection to this server; `None` if it is to be made directly.
///
/// For `wss` it is the first that is set, and not empty, of `https_proxy`, `HTTPS_PROXY`, `all_proxy` and `ALL_PROXY`; for
/// `ws` of `http_proxy`, `all_proxy` and `ALL_PROXY`: `HTTP_PROXY` is not read, because where a program runs as a CGI script
/// a client can set it with a header `Proxy`. A value without a scheme means `http://`. Servers that `no_proxy`, or else
/// `NO_PROXY`, names are excepted: see [`NoProxy`].
///
/// So is this machine, as in Go and in browsers: `localhost`, names below it (RFC 6761 §6.3) and loopback addresses mean
/// another machine to a proxy. Who wants one for them names it in the program.
///
/// ```
/// use steadfast_core::{dial::environment, wire::handshake::Scheme};
///
/// let variable = |name: &str| match name {
///     "HTTPS_PROXY" => Some(String::from("proxy.example:3128")),
///     "NO_PROXY" => Some(String::from(".internal.example, 10.0.0.0/8")),
///     _ => None, // in a program: std::env::var(name).ok()
/// };
/// let proxy = environment::proxy_for(Scheme::Wss, "chat.example", 443, variable)?;
/// assert_eq!(proxy.unwrap().to_string(), "http://proxy.example:3128");
/// assert_eq!(environment::proxy_for(Scheme::Wss, "a.internal.example", 443, variable)?, None);
/// # Ok::<(), environment::EnvironmentError>(())
/// ```
///
/// # Errors
/// The variable whose value is no proxy, if that is the one that counts.
pub fn proxy_for(
    scheme: Scheme,
    host: &str,
    port: u16,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>, EnvironmentError> {
    if is_loopback(host) {
        return Ok(None);
    }
    let set = |name: &&str| variable(name).filter(|value| !value.trim().is_empty());
    let names: &[&'static str] = match scheme {
        Scheme::Ws => &["http_proxy", "all_proxy", "ALL_PROXY"],
        Scheme::Wss => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
    };
    let Some((name, value)) = names.iter().find_map(|name| Some((*name, set(name)?))) else { return Ok(None) };
    let excepted = ["no_proxy", "NO_PROXY"].iter().find_map(set);
    if excepted.is_some_and(|list| NoProxy::parse(&list).covers(host, port)) {
        return Ok(None);
    }
    let value = value.trim();
    let parsed = if value.contains("://") { Proxy::parse(value) } else { Proxy::parse(&format!("http://{value}")) };
    parsed.map(Some).map_err(|error| EnvironmentError { variable: name, error })
}

/// Whether this is the machine itself, as far as its name tells.
fn is_loopback(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    literal(host).map_or_else(|| is_below(name, "localhost"), |address| address.to_canonical().is_loopback())
}

/// Servers that are connected to directly: the list in `NO_PROXY`, separated by commas or white space.
///
/// - `*` means every server.
/// - `example.com`, `.example.com` and `*.example.com` each mean that name and all below it.
/// - `192.0.2.1` and `2001:db8::1` mean an address, `192.0.2.0/24` and `2001:db8::/32` a network (CIDR, RFC 4632 §3.1);
///   names are not looked up to see whether they are in one.
/// - Names and addresses may end in a port, IPv6 in brackets before it, and then mean that port alone.
///
/// The variable is shared by many programs: what is none of these is passed over.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NoProxy(Vec<Rule>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Rule {
    Every,
    Name(String, Option<u16>),
    Address(IpAddr, Option<u16>),
    /// An address, and how many of its first bits count.
    Network(IpAddr, u8),
}

impl NoProxy {
    /// Reads the list.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        let separates = |byte: char| byte == ',' || byte.is_ascii_whitespace();
        Self(list.split(separates).filter_map(Rule::parse).collect())
    }

    /// Whether this server, a name or an address, is one of them.
    #[must_use]
    pub fn covers(&self, host: &str, port: u16) -> bool {
        let address = literal(host).map(|address| address.to_canonical());
        let name = host.strip_suffix('.').unwrap_or(host);
        self.0.iter().any(|rule| match (rule, address) {
            (Rule::Every, _) => true,
            (Rule::Name(suffix, at), None) => at.is_none_or(|at| at == port) && is_below(name, suffix),
            (Rule::Address(other, at), Some(address)) => at.is_none_or(|at| at == port) && *other == address,
            (Rule::Network(network, bits), Some(address)) => prefix(*network, *bits) == prefix(address, *bits),
            (Rule::Name(..), Some(_)) | (Rule::Address(..) | Rule::Network(..), None) => false,
        })
    }
}

impl Rule {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Every);
        }
        if let Some((network, bits)) = text.split_once('/') {
            let (network, bits) = (literal(network)?, bits.parse().ok()?);
            let most = if network.is_ipv4() { 32 } else { 128 };
            return (bits <= most).then_some(Self::Network(network, bits));
        }
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Some(Self::Address(IpAddr::V6(address).to_canonical(), None));
        }
        let (host, port) = match split_port(text) {
            (host, Some(port)) => (host, Some(port.parse().ok()?)),
            (host, None) => (host, None),
        };
        if let Some(address) = literal(host) {
            return Some(Self::Address(address.to_canonical(), port));
        }
        let name = host.strip_prefix('*').unwrap_or(host);
        let name = name.strip_prefix('.').unwrap_or(name);
        let name = name.strip_suffix('.').unwrap_or(name);
        (!name.is_empty()).then(|| Self::Name(name.into(), port))
    }
}

/// Whether `name` is `suffix`, or ends with a dot and it.
fn is_below(name: &str, suffix: &str) -> bool {
    let (name, suffix) = (name.as_bytes(), suffix.as_bytes());
    name.len()
        .checked_sub(suffix.len())
        .is_some_and(|at| name[at..].eq_ignore_ascii_case(suffix) && (at == 0 || name[at - 1] == b'.'))
}

/// The family, and the first bits.
fn prefix(address: IpAddr, bits: u8) -> (bool, u128) {
    let (value, most) = match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    (address.is_ipv4(), value.checked_shr(most - u32::from(bits).min(most)).unwrap_or(0))
}

/// A variable that names no proxy. Its value may hold a password, and is not shown as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvironmentError {
    variable: &'static str,
    error: ProxyConfigError,
}

impl EnvironmentError {
    /// Which variable.
    #[must_use]
    pub const fn variable(&self) -> &'static str {
        self.variable
    }

    /// What is wrong with its value.
    #[must_use]
    pub const fn error(&self) -> &ProxyConfigError {
        &self.error
    }
}

impl fmt::Display for EnvironmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "environment variable {}: {}", self.variable, self.error)
    }
}

impl error::Error for EnvironmentError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.error)
    }
}
