//! What can be wrong with a proxy: its configuration, or its answer.

use alloc::string::{String, ToString};
use core::{error, fmt};

use crate::{
    Cause, ProxyKind,
    wire::handshake::{RequestError, Violation},
};

/// A part of a proxy's configuration.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ProxyPart {
    /// The whole of its URL.
    Url,
    /// `http`, `socks5` or `socks5h`.
    Scheme,
    /// User and password.
    Credentials,
    /// Its name or address.
    Host,
    /// Its port.
    Port,
    /// The server behind it.
    Target,
}

/// Why a proxy cannot be: which part of its configuration, what was found there, and what was expected. User and password
/// are not shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProxyConfigError {
    part: ProxyPart,
    found: String,
    expected: &'static str,
}

/// What was wrong with a proxy's answer.
///
/// What came is shown with its unprintable bytes escaped, and no more of it than 64 bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// An HTTP proxy wants credentials: it was given none, or does not accept them (RFC 9110 §15.5.8).
    Authentication {
        /// What it would accept, in its own words; only `Basic` is supported.
        offered: Option<String>,
        /// Whether it was given some.
        given: bool,
    },
    /// An HTTP proxy answers with another status than 200 to 299 (RFC 9110 §9.3.6).
    Status {
        /// The status.
        status: u16,
        /// Its own words.
        reason: String,
    },
    /// What comes from an HTTP proxy is no answer.
    Http(Violation),
    /// A SOCKS proxy speaks another version, or something else altogether (RFC 1928 §3).
    SocksVersion {
        /// What it says instead of 5.
        found: u8,
    },
    /// A SOCKS proxy accepts none of the methods offered (RFC 1928 §3): it wants user and password and was given none, or
    /// something that is not supported.
    SocksNoMethod {
        /// Whether user and password were offered.
        given: bool,
    },
    /// A SOCKS proxy chooses a method that was not offered (RFC 1928 §3).
    SocksMethod {
        /// Which.
        found: u8,
    },
    /// A SOCKS proxy does not accept user and password (RFC 1929 §2).
    SocksDenied {
        /// Its status, which is not 0.
        status: u8,
    },
    /// A SOCKS proxy does not connect (RFC 1928 §6).
    Socks(SocksReply),
    /// A SOCKS proxy's address is of no type that there is (RFC 1928 §6).
    SocksAddressType {
        /// Which.
        found: u8,
    },
    /// The stream ended within the answer.
    Truncated {
        /// How many bytes had come.
        bytes: usize,
    },
}

/// Why a SOCKS proxy does not connect (RFC 1928 §6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SocksReply {
    /// 1: it failed.
    Failure,
    /// 2: its rules forbid it.
    NotAllowed,
    /// 3: the network cannot be reached.
    NetworkUnreachable,
    /// 4: the host cannot be reached.
    HostUnreachable,
    /// 5: the server refuses the connection.
    Refused,
    /// 6: the packets' time to live ran out.
    TtlExpired,
    /// 7: it does not connect for others.
    CommandUnsupported,
    /// 8: it knows no addresses of this type.
    AddressTypeUnsupported,
    /// Any other, which RFC 1928 leaves open.
    Unassigned(u8),
}

impl ProxyConfigError {
    pub(super) fn new(part: ProxyPart, found: impl fmt::Display, expected: &'static str) -> Self {
        Self { part, found: found.to_string(), expected }
    }

    pub(super) fn of_request(part: ProxyPart, wrong: &RequestError) -> Self {
        Self::new(part, wrong.found(), wrong.expected())
    }

    /// Which part is wrong.
    #[must_use]
    pub const fn part(&self) -> ProxyPart {
        self.part
    }

    /// What was found there; never a secret.
    #[must_use]
    pub fn found(&self) -> &str {
        &self.found
    }

    /// What was expected.
    #[must_use]
    pub const fn expected(&self) -> &'static str {
        self.expected
    }
}

impl ProxyError {
    /// Its kind, as the session's policy tells them apart.
    #[must_use]
    pub const fn kind(&self) -> ProxyKind {
        match self {
            Self::Authentication { .. } | Self::SocksNoMethod { .. } | Self::SocksDenied { .. } => {
                ProxyKind::Authentication
            }
            Self::Status { status, .. } => match status {
                // What tinyproxy says to a wrong password.
                401 => ProxyKind::Authentication,
                403 | 451 => ProxyKind::Forbidden,
                // Proxies say each of these of a server that does not answer, and of a name that they cannot resolve.
                502..=504 => ProxyKind::Unreachable,
                405 | 501 | 505 => ProxyKind::Unsupported,
                _ => ProxyKind::Failed,
            },
            Self::Socks(reply) => reply.kind(),
            Self::Http(_)
            | Self::SocksVersion { .. }
            | Self::SocksMethod { .. }
            | Self::SocksAddressType { .. }
            | Self::Truncated { .. } => ProxyKind::Protocol,
        }
    }

    /// What the session is told.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        Cause::Proxy(self.kind())
    }

    /// The clause that says so.
    #[must_use]
    pub const fn clause(&self) -> &'static str {
        match self {
            Self::Authentication { .. } => "RFC 9110 §15.5.8",
            Self::Status { .. } => "RFC 9110 §9.3.6",
            Self::Http(violation) => violation.clause(),
            Self::SocksVersion { .. } | Self::SocksNoMethod { .. } | Self::SocksMethod { .. } => "RFC 1928 §3",
            Self::SocksDenied { .. } => "RFC 1929 §2",
            Self::Socks(_) | Self::SocksAddressType { .. } | Self::Truncated { .. } => "RFC 1928 §6",
        }
    }
}

impl SocksReply {
    /// By its number; `None` for 0, which is success.
    pub(super) const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => return None,
            1 => Self::Failure,
            2 => Self::NotAllowed,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::Refused,
            6 => Self::TtlExpired,
            7 => Self::CommandUnsupported,
            8 => Self::AddressTypeUnsupported,
            code => Self::Unassigned(code),
        })
    }

    /// Its number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Failure => 1,
            Self::NotAllowed => 2,
            Self::NetworkUnreachable => 3,
            Self::HostUnreachable => 4,
            Self::Refused => 5,
            Self::TtlExpired => 6,
            Self::CommandUnsupported => 7,
            Self::AddressTypeUnsupported => 8,
            Self::Unassigned(code) => code,
        }
    }

    const fn kind(self) -> ProxyKind {
        match self {
            Self::Failure | Self::Unassigned(_) => ProxyKind::Failed,
            Self::NotAllowed => ProxyKind::Forbidden,
            Self::NetworkUnreachable | Self::HostUnreachable | Self::TtlExpired => ProxyKind::Unreachable,
            Self::Refused => ProxyKind::Refused,
            Self::CommandUnsupported | Self::AddressTypeUnsupported => ProxyKind::Unsupported,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Failure => "it failed",
            Self::NotAllowed => "its rules forbid the connection",
            Self::NetworkUnreachable => "the server's network cannot be reached",
            Self::HostUnreachable => "the server cannot be reached",
            Self::Refused => "the server refuses the connection",
            Self::TtlExpired => "the way to the server is too long",
            Self::CommandUnsupported => "it does not support CONNECT",
            Self::AddressTypeUnsupported => "it does not support addresses of this type",
            Self::Unassigned(_) => "a reply without a meaning",
        }
    }
}

impl fmt::Display for ProxyConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: found {}, expected {}", self.part, self.found, self.expected)
    }
}

impl error::Error for ProxyConfigError {}

impl fmt::Display for ProxyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => "proxy URL",
            Self::Scheme => "proxy scheme",
            Self::Credentials => "proxy credentials",
            Self::Host => "proxy host",
            Self::Port => "proxy port",
            Self::Target => "server behind the proxy",
        })
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authentication { offered, given } => {
                let what = if *given { "it does not accept the credentials" } else { "it wants credentials" };
                write!(f, "{what} (407")?;
                match offered {
                    Some(offered) => write!(f, ", offering `{offered}`; only Basic is supported)"),
                    None => f.write_str(")"),
                }
            }
            Self::Status { status, reason } if reason.is_empty() => {
                write!(f, "expected a status of 200 to 299, found `{status}`")
            }
            Self::Status { status, reason } => {
                write!(f, "expected a status of 200 to 299, found `{status} {reason}`")
            }
            Self::Http(violation) => return fmt::Display::fmt(violation, f),
            Self::SocksVersion { found } => {
                write!(f, "not SOCKS 5: expected version 5, found {found:#04x}")?;
                f.write_str(if *found == b'H' { " (is this an HTTP proxy?)" } else { "" })
            }
            Self::SocksNoMethod { given: true } => f.write_str("it accepts neither user and password nor nobody"),
            Self::SocksNoMethod { given: false } => f.write_str("it wants to know who asks"),
            Self::SocksMethod { found } => write!(f, "it chooses the method {found:#04x}, which was not offered"),
            Self::SocksDenied { status } => write!(f, "it does not accept user and password (status {status})"),
            Self::Socks(reply) => write!(f, "{} (reply {})", reply.words(), reply.code()),
            Self::SocksAddressType { found } => {
                write!(f, "expected an address of type 1, 3 or 4, found {found:#04x}")
            }
            Self::Truncated { bytes } => write!(f, "the stream ended after {bytes} B of an answer"),
        }?;
        write!(f, " ({})", self.clause())
    }
}

impl error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Http(violation) => Some(violation),
            _ => None,
        }
    }
}
