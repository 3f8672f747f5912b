//! What exactly was wrong with a connection, for people.

use std::{
    error, fmt, io,
    time::{SystemTime, UNIX_EPOCH},
};

use steadfast_core::{
    Cause, CloseCode, CredentialsKind, DnsKind, IoKind, ProxyKind, Stage, TlsKind,
    dial::redirect::RedirectError,
    wire::{
        Violation,
        handshake::{self, Rejected},
    },
};

use crate::cause;

/// What exactly ended a connection, or an attempt: what was expected, what came instead, and the clause that forbids it.
///
/// The session decides by the [`Cause`], which is small, comparable and the same in every replay. This is what the driver
/// saw behind it, for people and their logs. It shows no more than 80 characters of each thing that the server sent,
/// and of these nothing unprintable; [`Rejected`] has the whole of it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The server answered the upgrade with another status than 101: which, with what headers, and as much of the body as
    /// had come by then, at most 4 KiB.
    Rejected(Box<Rejected>),
    /// The server answered the upgrade, but not as RFC 6455 §4 demands.
    Handshake(handshake::Violation),
    /// The server broke RFC 6455 or RFC 7692, or one of our limits.
    Protocol(Violation),
    /// The server broke the protocol, by the judgement of another engine than the native one.
    Engine {
        /// What the server was told.
        code: CloseCode,
        /// What the engine says.
        text: String,
    },
    /// The stream ended or failed.
    Io {
        /// What kind of failure it is.
        kind: IoKind,
        /// What the operating system says.
        text: String,
    },
    /// The connection could not be made, or was lost before the WebSocket was open.
    Dial {
        /// What was being done.
        stage: Stage,
        /// What kind of failure it is.
        kind: IoKind,
        /// What the operating system says, and of which address if there was no connection yet.
        text: String,
    },
    /// The proxy on the way said no, or nothing that makes sense.
    Proxy {
        /// What kind of failure it is.
        kind: ProxyKind,
        /// What was expected of it, and what it said.
        text: String,
    },
    /// TLS failed.
    Tls {
        /// What kind of failure it is.
        kind: TlsKind,
        /// What was expected of which server, and what came.
        text: String,
    },
    /// The server answered the upgrade by sending the client elsewhere, where it does not go.
    Redirect {
        /// The answer.
        rejected: Box<Rejected>,
        /// Why not.
        error: RedirectError,
    },
    /// There are no credentials, or they cannot be presented.
    Credentials {
        /// What kind of failure it is.
        kind: CredentialsKind,
        /// What their source says, or what is wrong with what it brought; never what that is.
        text: String,
    },
    /// The name could not be resolved.
    Dns {
        /// What kind of failure it is.
        kind: DnsKind,
        /// What the resolver says.
        text: String,
    },
}

impl Failure {
    /// A stream that failed.
    pub(crate) fn io(error: &io::Error) -> Self {
        Self::Io { kind: cause::io_kind(error), text: error.to_string() }
    }

    /// The same, of a connection that was not open yet.
    pub(crate) fn in_stage(self, stage: Stage) -> Self {
        match self {
            Self::Io { kind, text } => Self::Dial { stage, kind, text },
            other => other,
        }
    }

    /// A stream that failed, or TLS on it.
    pub(crate) fn stream(error: &io::Error) -> Self {
        #[cfg(feature = "_tls")]
        if let Some(failure) = crate::tls::TlsFailure::of(error) {
            return Self::tls(failure);
        }
        Self::io(error)
    }

    #[cfg(feature = "_tls")]
    pub(crate) fn tls(failure: &crate::tls::TlsFailure) -> Self {
        Self::Tls { kind: failure.kind(), text: failure.text().to_owned() }
    }

    pub(crate) fn credentials(kind: CredentialsKind, why: &dyn fmt::Display) -> Self {
        Self::Credentials { kind, text: why.to_string() }
    }

    /// A stream that ended without a close frame.
    pub(crate) fn end_of_stream() -> Self {
        Self::Io { kind: IoKind::Eof, text: String::from("the stream ended without a close frame") }
    }

    /// What the session is told. The clock counts only if the server names a date and does not say what time it has itself.
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::Rejected(rejected) | Self::Redirect { rejected, .. } => rejected.cause(unix_now()),
            Self::Handshake(violation) => violation.cause(),
            Self::Protocol(violation) => Cause::Protocol(violation.close_code()),
            Self::Engine { code, .. } => Cause::Protocol(*code),
            Self::Io { kind, .. } => Cause::Io(*kind),
            Self::Dial { stage, kind, .. } => Cause::Dial { stage: *stage, kind: *kind },
            Self::Proxy { kind, .. } => Cause::Proxy(*kind),
            Self::Tls { kind, .. } => Cause::Tls(*kind),
            Self::Credentials { kind, .. } => Cause::Credentials(*kind),
            Self::Dns { kind, .. } => Cause::Dns(*kind),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => show_rejected(rejected, f),
            Self::Handshake(violation) => fmt::Display::fmt(violation, f),
            Self::Protocol(violation) => fmt::Display::fmt(violation, f),
            Self::Dial { stage, text, .. } => write!(f, "{stage}: {text}"),
            Self::Proxy { text, .. } => write!(f, "proxy: {text}"),
            Self::Tls { text, .. } => write!(f, "TLS: {text}"),
            Self::Credentials { text, .. } => write!(f, "credentials: {text}"),
            Self::Redirect { rejected, error } => write!(f, "status {}: {error}", rejected.status()),
            Self::Engine { text, .. } | Self::Io { text, .. } | Self::Dns { text, .. } => f.write_str(text),
        }
    }
}

impl error::Error for Failure {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Handshake(violation) => Some(violation),
            Self::Protocol(violation) => Some(violation),
            Self::Redirect { error, .. } => Some(error),
            Self::Rejected(_)
            | Self::Engine { .. }
            | Self::Io { .. }
            | Self::Dial { .. }
            | Self::Proxy { .. }
            | Self::Tls { .. }
            | Self::Credentials { .. }
            | Self::Dns { .. } => None,
        }
    }
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// ``expected status 101, found `503 Busy` with `come back later` (RFC 6455 §4.1)``
fn show_rejected(rejected: &Rejected, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let reason: String = rejected.reason().chars().take(SHOWN).flat_map(char::escape_debug).collect();
    write!(f, "expected status 101, found `{}", rejected.status())?;
    write!(f, "{}{reason}`", if reason.is_empty() { "" } else { " " })?;
    let body = String::from_utf8_lossy(rejected.body());
    let body = body.trim();
    if !body.is_empty() {
        let shown: String = body.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        write!(f, " with `{shown}{}`", if body.chars().nth(SHOWN).is_some() { "…" } else { "" })?;
    }
    f.write_str(" (RFC 6455 §4.1)")
}

/// How many characters of a page are shown.
const SHOWN: usize = 80;
