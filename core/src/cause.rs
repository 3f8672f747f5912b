//! Why a connection ended, or never came to be; the words for it.

use core::{fmt, time::Duration};

use crate::{
    close::{CloseCode, CloseFrame},
    stage::Stage,
};

/// Why a connection ended, or never came to be.
///
/// The driver names what it saw; [`Cause::ConnectTimeout`] and the other timeouts are the session's own findings.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Cause {
    /// The server sent a close frame (1005: one without a code), and the closing handshake was completed.
    Closed(CloseFrame),
    /// The connection was lost without a close frame.
    Io(IoKind),
    /// The connection could not be made, or was lost before the WebSocket was open.
    Dial {
        /// What was being done.
        stage: Stage,
        /// What the operating system said.
        kind: IoKind,
    },
    /// The name could not be resolved.
    Dns(DnsKind),
    /// The proxy on the way said no, or nothing that makes sense.
    Proxy(ProxyKind),
    /// TLS failed.
    Tls(TlsKind),
    /// The server answered the upgrade with another status than 101.
    Rejected {
        /// The HTTP status.
        status: u16,
        /// Its `Retry-After`, as a span from now (RFC 9110 §10.2.3).
        retry_after: Option<Duration>,
    },
    /// The server answered the upgrade, but not as RFC 6455 §4.2.2 demands.
    Handshake(HandshakeKind),
    /// The server broke the protocol; the code is what it was told.
    Protocol(CloseCode),
    /// Not open within the connect timeout.
    ConnectTimeout {
        /// What was being done when it was over, by the driver's last word.
        stage: Stage,
    },
    /// Silence: pings were left unanswered, and nothing else came in.
    HeartbeatTimeout,
    /// A ping was left unanswered for too long, whatever else came in: the way out is dead.
    AnswerTimeout,
    /// Nothing came in for the idle timeout.
    IdleTimeout,
    /// A write made no progress.
    WriteTimeout,
    /// The server did not complete the closing handshake in time.
    CloseTimeout,
    /// The network went away.
    NetworkLost,
    /// The driver aborted the connection because the session told it to.
    Aborted,
    /// The application stopped the session, and the connection was closed in its name.
    Stopped,
    /// Credentials: there were none to connect with, or the connection was closed on their account.
    Credentials(CredentialsKind),
    /// The application is in the background, and the connection was closed for that.
    Background,
}

/// What the operating system said.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum IoKind {
    /// Nobody listens there.
    Refused,
    /// The connection was reset.
    Reset,
    /// The stream ended without a close frame (what a browser reports as 1006).
    Eof,
    /// Written to after the peer had gone.
    BrokenPipe,
    /// No route to host or network.
    Unreachable,
    /// The operating system gave up waiting.
    TimedOut,
    /// A resource of this machine has run out: descriptors, ports, memory.
    Exhausted,
    /// Anything else.
    Other,
}

/// Why a name could not be resolved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum DnsKind {
    /// The name does not exist, or has no addresses. Offline machines say so, too.
    NotFound,
    /// The resolver failed or did not answer.
    Unavailable,
}

/// Why a proxy does not pass the connection on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum ProxyKind {
    /// It wants credentials and was given none, or does not accept those that it was given (HTTP 407; RFC 1929 §2).
    Authentication,
    /// Its rules forbid the connection.
    Forbidden,
    /// It says that nobody listens there.
    Refused,
    /// It cannot reach the server, or not find its name.
    Unreachable,
    /// It failed for a reason of its own.
    Failed,
    /// It cannot do what was asked: connect, or to an address of this type; or the way through it cannot be gone as it is
    /// configured, such as in the clear where that is refused.
    Unsupported,
    /// Its answer is not of its protocol.
    Protocol,
}

/// Why TLS failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum TlsKind {
    /// The certificate has expired, or is not valid yet.
    Expired,
    /// No trusted root vouches for the certificate.
    UnknownIssuer,
    /// The certificate is for another name.
    WrongName,
    /// No pin matched.
    PinMismatch,
    /// The certificate is malformed, revoked, wrongly signed, or not for servers.
    Certificate,
    /// The server refused the client's certificate, or demands one.
    ClientCertificate,
    /// An alert, or a violation of the protocol.
    Protocol,
}

/// What was the matter with credentials.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum CredentialsKind {
    /// The fetch failed; another one may not.
    Failed,
    /// The fetch did not come to an end within its timeout.
    TimedOut,
    /// What was fetched had expired already, or would have within a second.
    Expired,
    /// They were for another identity than was asked for.
    Mismatched,
    /// There will be none: the source said so for good.
    Refused,
    /// The application saw the server reject them.
    Rejected,
    /// There are newer ones, for which the connection was closed.
    Renewed,
    /// They are somebody else's from now on, and the connection was closed for that.
    IdentityChanged,
}

/// How an answer to the upgrade went against RFC 6455 §4.2.2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum HandshakeKind {
    /// Not HTTP.
    NotHttp,
    /// The stream ended within the head.
    Truncated,
    /// The head is too large.
    TooLarge,
    /// `Upgrade` or `Connection` is missing or says something else.
    NotUpgraded,
    /// `Sec-WebSocket-Accept` is missing or wrong.
    BadAcceptKey,
    /// A subprotocol that was not offered, or none where one is needed.
    Subprotocol,
    /// An extension that was not offered.
    Extension,
}

impl Cause {
    /// What was being done when an attempt failed, as far as the cause tells; `None` for a connection that was open.
    #[must_use]
    pub const fn stage(&self) -> Option<Stage> {
        match self {
            Self::Dial { stage, .. } | Self::ConnectTimeout { stage } => Some(*stage),
            Self::Dns(_) => Some(Stage::Resolve),
            Self::Proxy(_) => Some(Stage::Proxy),
            Self::Tls(_) => Some(Stage::Tls),
            Self::Rejected { .. } | Self::Handshake(_) => Some(Stage::Upgrade),
            Self::Closed(_)
            | Self::Io(_)
            | Self::Protocol(_)
            | Self::HeartbeatTimeout
            | Self::AnswerTimeout
            | Self::IdleTimeout
            | Self::WriteTimeout
            | Self::CloseTimeout
            | Self::NetworkLost
            | Self::Aborted
            | Self::Stopped
            | Self::Credentials(_)
            | Self::Background => None,
        }
    }

    /// A word for metrics and logs, the same for every cause of a kind.
    #[must_use]
    pub const fn kind(&self) -> CauseKind {
        match self {
            Self::Closed(_) => CauseKind::Closed,
            Self::Io(_) => CauseKind::Io,
            Self::Dial { .. } => CauseKind::Dial,
            Self::Dns(_) => CauseKind::Dns,
            Self::Proxy(_) => CauseKind::Proxy,
            Self::Tls(_) => CauseKind::Tls,
            Self::Rejected { .. } => CauseKind::Rejected,
            Self::Handshake(_) => CauseKind::Handshake,
            Self::Protocol(_) => CauseKind::Protocol,
            Self::ConnectTimeout { .. } => CauseKind::ConnectTimeout,
            Self::HeartbeatTimeout => CauseKind::HeartbeatTimeout,
            Self::AnswerTimeout => CauseKind::AnswerTimeout,
            Self::IdleTimeout => CauseKind::IdleTimeout,
            Self::WriteTimeout => CauseKind::WriteTimeout,
            Self::CloseTimeout => CauseKind::CloseTimeout,
            Self::NetworkLost => CauseKind::NetworkLost,
            Self::Aborted => CauseKind::Aborted,
            Self::Stopped => CauseKind::Stopped,
            Self::Credentials(_) => CauseKind::Credentials,
            Self::Background => CauseKind::Background,
        }
    }

    /// Whether the session wanted the end, and nothing had failed.
    #[must_use]
    pub const fn is_deliberate(&self) -> bool {
        matches!(
            self,
            Self::Stopped
                | Self::Background
                | Self::Credentials(CredentialsKind::Renewed | CredentialsKind::IdentityChanged)
        )
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(frame) if frame.reason.is_empty() => write!(f, "closed by the server with {}", frame.code),
            Self::Closed(frame) => write!(f, "closed by the server with {} ({})", frame.code, frame.reason),
            Self::Io(kind) => write!(f, "{}", kind.words()),
            Self::Dial { stage, kind: IoKind::Eof } => write!(f, "{stage}: the stream ended"),
            Self::Dial { stage, kind } => write!(f, "{stage}: {}", kind.words()),
            Self::Proxy(kind) => write!(f, "proxy: {}", kind.words()),
            Self::Dns(DnsKind::NotFound) => f.write_str("the name was not found"),
            Self::Dns(DnsKind::Unavailable) => f.write_str("the resolver did not answer"),
            Self::Tls(kind) => write!(f, "TLS: {}", kind.words()),
            Self::Rejected { status, retry_after: None } => write!(f, "rejected with HTTP {status}"),
            Self::Rejected { status, retry_after: Some(after) } => {
                write!(f, "rejected with HTTP {status}, retry after {} s", after.as_secs())
            }
            Self::Handshake(kind) => write!(f, "not a WebSocket handshake: {}", kind.words()),
            Self::Protocol(code) => write!(f, "the server broke the protocol, told so with {code}"),
            Self::ConnectTimeout { stage } => write!(f, "not open within the connect timeout (stage: {stage})"),
            Self::HeartbeatTimeout => f.write_str("silent: the heartbeat was not answered"),
            Self::AnswerTimeout => f.write_str("a ping was left unanswered for too long"),
            Self::IdleTimeout => f.write_str("nothing came in for the idle timeout"),
            Self::WriteTimeout => f.write_str("a write made no progress"),
            Self::CloseTimeout => f.write_str("the close was not answered"),
            Self::NetworkLost => f.write_str("the network went away"),
            Self::Aborted => f.write_str("aborted"),
            Self::Stopped => f.write_str("stopped by the application"),
            Self::Credentials(kind) => write!(f, "credentials: {}", kind.words()),
            Self::Background => f.write_str("in the background"),
        }
    }
}

/// The kinds of [`Cause`], for counting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[expect(missing_docs, reason = "each is documented on the cause of the same name")]
#[non_exhaustive]
pub enum CauseKind {
    Closed,
    Io,
    Dial,
    Dns,
    Proxy,
    Tls,
    Rejected,
    Handshake,
    Protocol,
    ConnectTimeout,
    HeartbeatTimeout,
    AnswerTimeout,
    IdleTimeout,
    WriteTimeout,
    CloseTimeout,
    NetworkLost,
    Aborted,
    Stopped,
    Credentials,
    Background,
}

impl CauseKind {
    /// Every kind, in the order of their declaration.
    pub const ALL: [Self; 20] = [
        Self::Closed,
        Self::Io,
        Self::Dial,
        Self::Dns,
        Self::Proxy,
        Self::Tls,
        Self::Rejected,
        Self::Handshake,
        Self::Protocol,
        Self::ConnectTimeout,
        Self::HeartbeatTimeout,
        Self::AnswerTimeout,
        Self::IdleTimeout,
        Self::WriteTimeout,
        Self::CloseTimeout,
        Self::NetworkLost,
        Self::Aborted,
        Self::Stopped,
        Self::Credentials,
        Self::Background,
    ];
}

impl IoKind {
    const fn words(self) -> &'static str {
        match self {
            Self::Refused => "connection refused",
            Self::Reset => "connection reset",
            Self::Eof => "the stream ended without a close frame",
            Self::BrokenPipe => "broken pipe",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed out",
            Self::Exhausted => "out of descriptors, ports or memory",
            Self::Other => "I/O error",
        }
    }
}

impl ProxyKind {
    const fn words(self) -> &'static str {
        match self {
            Self::Authentication => "it wants credentials that it accepts",
            Self::Forbidden => "its rules forbid the connection",
            Self::Refused => "nobody listens at the server's address",
            Self::Unreachable => "it cannot reach the server",
            Self::Failed => "it failed",
            Self::Unsupported => "it cannot do what was asked",
            Self::Protocol => "its answer is not of its protocol",
        }
    }
}

impl TlsKind {
    const fn words(self) -> &'static str {
        match self {
            Self::Expired => "the certificate is not valid at this time",
            Self::UnknownIssuer => "the certificate's issuer is not trusted",
            Self::WrongName => "the certificate is for another name",
            Self::PinMismatch => "no pin matches the certificate",
            Self::Certificate => "the certificate cannot be used",
            Self::ClientCertificate => "the server wants another client certificate",
            Self::Protocol => "the handshake failed",
        }
    }
}

impl CredentialsKind {
    const fn words(self) -> &'static str {
        match self {
            Self::Failed => "they could not be fetched",
            Self::TimedOut => "the fetch took too long",
            Self::Expired => "what was fetched had expired",
            Self::Mismatched => "what was fetched is somebody else's",
            Self::Refused => "there will be none",
            Self::Rejected => "the server rejected them",
            Self::Renewed => "there are newer ones",
            Self::IdentityChanged => "they are somebody else's now",
        }
    }
}

impl HandshakeKind {
    const fn words(self) -> &'static str {
        match self {
            Self::NotHttp => "the answer is not HTTP",
            Self::Truncated => "the stream ended within the head",
            Self::TooLarge => "the head is too large",
            Self::NotUpgraded => "Upgrade or Connection is missing or wrong",
            Self::BadAcceptKey => "Sec-WebSocket-Accept is missing or wrong",
            Self::Subprotocol => "the subprotocol was not offered",
            Self::Extension => "an extension was not offered",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_listed_in_order() {
        for (index, kind) in CauseKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }
}
