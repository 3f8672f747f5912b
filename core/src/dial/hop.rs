//! Where a connection goes, and what it passes on the way.

use alloc::string::{String, ToString};
use core::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

/// The first thing that is connected to: the server, or the proxy before it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Hop {
    /// A name, which has to be resolved.
    Name {
        /// The name.
        host: String,
        /// The port of each address found.
        port: u16,
    },
    /// An address, which is connected to as it is.
    Address(SocketAddr),
    /// A Unix domain socket of this machine. Its path is the driver's.
    Local,
}

/// What one socket connects to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Peer {
    /// This address.
    Tcp(SocketAddr),
    /// The Unix domain socket that the driver knows.
    Local,
}

/// The first hop, and the stages that follow it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Route {
    pub(super) hop: Hop,
    pub(super) proxy: bool,
    pub(super) tls: bool,
}

impl Hop {
    /// By what `host` looks like: an address, IPv6 in brackets or without, or else a name.
    ///
    /// ```
    /// use steadfast_core::dial::Hop;
    ///
    /// assert!(matches!(Hop::new("example.com", 80), Hop::Name { .. }));
    /// assert_eq!(Hop::new("[::1]", 80), Hop::Address("[::1]:80".parse().unwrap()));
    /// ```
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        match literal(host) {
            Some(address) => Self::Address(SocketAddr::new(address, port)),
            None => Self::Name { host: host.to_string(), port },
        }
    }
}

impl fmt::Display for Hop {
    /// `example.com:443`, `[::1]:443` or `a local socket`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Address(address) => fmt::Display::fmt(address, f),
            Self::Local => f.write_str("a local socket"),
        }
    }
}

impl fmt::Display for Peer {
    /// `192.0.2.1:443`, `[2001:db8::1]:443` or `a local socket`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => fmt::Display::fmt(address, f),
            Self::Local => f.write_str("a local socket"),
        }
    }
}

impl Route {
    /// To this hop, and to the upgrade at once.
    #[must_use]
    pub const fn direct(hop: Hop) -> Self {
        Self { hop, proxy: false, tls: false }
    }

    /// The hop is a proxy, which has to make way to the server.
    #[must_use]
    pub const fn through_proxy(mut self) -> Self {
        self.proxy = true;
        self
    }

    /// TLS with the server comes before the upgrade.
    #[must_use]
    pub const fn with_tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// The first hop.
    #[must_use]
    pub const fn hop(&self) -> &Hop {
        &self.hop
    }
}

/// An address in the form of a URL (RFC 3986 §3.2.2), or IPv6 without its brackets.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

/// Host and port of a URL's authority, at the colon between them (RFC 3986 §3.2): not one of an address in brackets.
pub(super) fn split_port(authority: &str) -> (&str, Option<&str>) {
    let behind_brackets = authority.rfind(']').map_or(0, |at| at + 1);
    match authority[behind_brackets..].rfind(':') {
        // Whatever else is behind the brackets makes it no host.
        Some(at) if behind_brackets == 0 || at == 0 => {
            let at = behind_brackets + at;
            (&authority[..at], Some(&authority[at + 1..]))
        }
        _ => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_an_address_is_not_resolved() {
        for (host, shown) in [("127.0.0.1", "127.0.0.1:9"), ("::1", "[::1]:9"), ("[2001:db8::1]", "[2001:db8::1]:9")] {
            let hop = Hop::new(host, 9);
            assert!(matches!(hop, Hop::Address(_)), "{host}");
            assert_eq!(hop.to_string(), shown);
        }
        for name in ["localhost", "1.2.3", "127.0.0.1.example", "[127.0.0.1]", "[::1", "1"] {
            assert_eq!(Hop::new(name, 9), Hop::Name { host: name.to_string(), port: 9 });
        }
    }

    #[test]
    fn a_port_is_behind_the_last_colon_that_is_not_the_addresss() {
        for (authority, host, port) in [
            ("h", "h", None),
            ("h:1", "h", Some("1")),
            ("h:", "h", Some("")),
            ("a:b:1", "a:b", Some("1")),
            ("[::1]", "[::1]", None),
            ("[::1]:1", "[::1]", Some("1")),
            ("[::1]x", "[::1]x", None),
            ("[::1]x:1", "[::1]x:1", None),
            ("", "", None),
        ] {
            assert_eq!(split_port(authority), (host, port), "{authority}");
        }
    }
}
