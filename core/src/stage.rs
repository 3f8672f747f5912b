//! What lies between the decision to connect and an open WebSocket.

use core::fmt;

/// What is being done while a connection is made, in this order. Without a proxy or TLS their stages are left out; a
/// redirect begins again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Stage {
    /// The name of the server, or of the proxy, is looked up.
    #[default]
    Resolve,
    /// The addresses found are connected to.
    Connect,
    /// The proxy is asked for a way to the server.
    Proxy,
    /// The TLS handshake (RFC 8446 §2).
    Tls,
    /// The WebSocket's own handshake (RFC 6455 §4).
    Upgrade,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 5] = [Self::Resolve, Self::Connect, Self::Proxy, Self::Tls, Self::Upgrade];
}

impl fmt::Display for Stage {
    /// `resolve`, `connect`, `proxy`, `TLS` or `upgrade`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::Tls => "TLS",
            Self::Upgrade => "upgrade",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_listed_in_order() {
        assert!(Stage::ALL.is_sorted());
        assert_eq!(Stage::ALL.map(|stage| stage as usize), [0, 1, 2, 3, 4]);
    }
}
