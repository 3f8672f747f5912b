//! The close policy: what the end of a connection means.

use alloc::vec::Vec;
use core::time::Duration;

use crate::{
    cause::{Cause, CauseKind, CredentialsKind, DnsKind, HandshakeKind, IoKind, ProxyKind, TlsKind},
    close::CloseCode,
    stage::Stage,
};

/// What to do after a connection ended, or an attempt failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case", deny_unknown_fields)
)]
pub enum Decision {
    /// Nothing helps: stop.
    Terminal,
    /// Try again after the backoff.
    Retry,
    /// Try again, but not before this span; the backoff and a spread come on top.
    RetryAfter {
        /// The least wait.
        #[cfg_attr(feature = "serde", serde(with = "crate::config::human"))]
        floor: Duration,
        /// A random share of this is added, so that the clients of a restarted server do not come back as one.
        #[cfg_attr(feature = "serde", serde(with = "crate::config::human", default))]
        spread: Duration,
    },
    /// The credentials were rejected: try again with new ones, at once if those were not new already, else after the backoff.
    /// Without a source of credentials this is `Retry`.
    RefreshCredentials,
    /// This endpoint is of no use: try another after the backoff, and not this one again until a connection was stable,
    /// unless there is no other. With one endpoint this is `Retry`.
    NextEndpoint,
}

/// A decision and what made it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Decided {
    /// What to do.
    pub decision: Decision,
    /// Who says so.
    pub by: DecidedBy,
}

/// What made a decision.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum DecidedBy {
    /// The built-in table, by the cause.
    Table,
    /// The preset for clean closes.
    CleanClose,
    /// The preset for failures.
    Failures,
    /// The application's rule at this place in its list.
    Rule(usize),
    /// The server's `Retry-After`.
    RetryAfter,
    /// That credentials are configured, and the server rejects them by this.
    Credentials,
}

/// What a connection's end means, and the application's own rules.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct ClosePolicy {
    /// What a clean close by the server means.
    pub clean: CleanClose,
    /// What a failure means.
    pub failures: Failures,
    /// The application's rules; the first that fits decides, before everything else.
    pub rules: Vec<Rule>,
}

/// What a close frame from the server means.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum CleanClose {
    /// 1000 is final, all others are retried.
    #[default]
    #[cfg_attr(feature = "serde", serde(rename = "all-but-1000"))]
    AllBut1000,
    /// Every close frame is final; only a connection lost without one is retried.
    UncleanOnly,
    /// Every one is retried.
    Every,
}

/// What a failed attempt or a lost connection means.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Failures {
    /// By the table: what no retry can mend is final.
    #[default]
    ByKind,
    /// By the table, but what a captive portal says in the server's place until somebody has logged in is retried, too: a
    /// redirect (HTTP 300 to 399), and a certificate for another name, which is refused each time. For whatever travels.
    RetryPortals,
    /// Every failure is retried.
    RetryAll,
}

/// A rule of the application's.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Rule {
    /// Which causes it fits.
    pub when: Match,
    /// What is to be done.
    pub then: Decision,
}

/// Which causes a rule fits.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum Match {
    /// A close frame with a code from `from` to `to`, both included.
    Code {
        /// The lowest.
        from: CloseCode,
        /// The highest.
        to: CloseCode,
    },
    /// An HTTP status from `from` to `to`, both included.
    Status {
        /// The lowest.
        from: u16,
        /// The highest.
        to: u16,
    },
    /// This I/O error, of an open connection or before.
    Io(IoKind),
    /// Every failure in this stage of connecting.
    Stage(Stage),
    /// This answer of a proxy's.
    Proxy(ProxyKind),
    /// This failure of the resolver.
    Dns(DnsKind),
    /// This failure of TLS.
    Tls(TlsKind),
    /// This violation of the handshake.
    Handshake(HandshakeKind),
    /// This trouble with credentials.
    Credentials(CredentialsKind),
    /// Every cause of a kind.
    Kind(CauseKind),
}

impl Match {
    /// Whether `cause` fits.
    #[must_use]
    pub fn fits(&self, cause: &Cause) -> bool {
        match (self, cause) {
            (Self::Code { from, to }, Cause::Closed(frame)) => (*from..=*to).contains(&frame.code),
            (Self::Status { from, to }, Cause::Rejected { status, .. }) => (*from..=*to).contains(status),
            (Self::Io(wanted), Cause::Io(kind) | Cause::Dial { kind, .. }) => wanted == kind,
            (Self::Stage(wanted), cause) => cause.stage() == Some(*wanted),
            (Self::Proxy(wanted), Cause::Proxy(kind)) => wanted == kind,
            (Self::Dns(wanted), Cause::Dns(kind)) => wanted == kind,
            (Self::Tls(wanted), Cause::Tls(kind)) => wanted == kind,
            (Self::Handshake(wanted), Cause::Handshake(kind)) => wanted == kind,
            (Self::Credentials(wanted), Cause::Credentials(kind)) => wanted == kind,
            (Self::Kind(wanted), cause) => *wanted == cause.kind(),
            _ => false,
        }
    }
}

/// 1012 (service restart): the IANA registry asks clients for a random delay of 5 to 30 s. 1013 (try again later) is the
/// word of an overloaded server, which is given as long.
fn restart(most: Duration) -> Decision {
    Decision::RetryAfter { floor: Duration::from_secs(5).min(most), spread: Duration::from_secs(25).min(most) }
}

/// The server's `Retry-After` as a decision: a floor, with a tenth of it to spread the clients that heard the same.
fn patient(after: Duration, most: Duration) -> Decision {
    let floor = after.min(most);
    Decision::RetryAfter { floor, spread: floor / 10 }
}

impl ClosePolicy {
    /// What `cause` means, and who says so. `retry_after_max` caps the server's word.
    #[must_use]
    pub fn decide(&self, cause: &Cause, retry_after_max: Duration) -> Decided {
        if let Some(index) = self.rules.iter().position(|rule| rule.when.fits(cause)) {
            let decision = match (self.rules[index].then, cause) {
                (Decision::Retry, Cause::Rejected { retry_after: Some(after), .. }) => patient(*after, retry_after_max),
                (decision, _) => decision,
            };
            return Decided { decision, by: DecidedBy::Rule(index) };
        }
        match cause {
            Cause::Closed(frame) => self.close_frame(frame.code, retry_after_max),
            Cause::Rejected { retry_after: Some(after), .. } if !self.is_final(cause) => {
                Decided { decision: patient(*after, retry_after_max), by: DecidedBy::RetryAfter }
            }
            // The source's own word.
            Cause::Credentials(CredentialsKind::Refused) => {
                Decided { decision: Decision::Terminal, by: DecidedBy::Table }
            }
            Cause::Credentials(CredentialsKind::Rejected) => {
                Decided { decision: Decision::RefreshCredentials, by: DecidedBy::Table }
            }
            _ if self.is_final(cause) => Decided { decision: Decision::Terminal, by: DecidedBy::Table },
            _ if self.failures == Failures::RetryAll || self.is_excused(cause) => {
                Decided { decision: Decision::Retry, by: DecidedBy::Failures }
            }
            // Whoever presents himself as somebody else may be let in.
            Cause::Rejected { status: 401 | 403, .. } | Cause::Tls(TlsKind::ClientCertificate) => {
                Decided { decision: Decision::RefreshCredentials, by: DecidedBy::Table }
            }
            _ => Decided { decision: Decision::Retry, by: DecidedBy::Table },
        }
    }

    fn close_frame(&self, code: CloseCode, most: Duration) -> Decided {
        let by_preset = |decision| Decided { decision, by: DecidedBy::CleanClose };
        match (self.clean, code) {
            (CleanClose::UncleanOnly, _) | (CleanClose::AllBut1000, CloseCode::NORMAL) => by_preset(Decision::Terminal),
            (_, CloseCode::SERVICE_RESTART | CloseCode::TRY_AGAIN_LATER) => {
                Decided { decision: restart(most), by: DecidedBy::Table }
            }
            (_, CloseCode::POLICY) => Decided { decision: Decision::RefreshCredentials, by: DecidedBy::Table },
            (CleanClose::AllBut1000 | CleanClose::Every, _) => by_preset(Decision::Retry),
        }
    }

    /// What would be final, were it not for captive portals.
    fn is_excused(&self, cause: &Cause) -> bool {
        let portal = matches!(cause, Cause::Rejected { status: 300..=399, .. } | Cause::Tls(TlsKind::WrongName));
        portal && self.failures == Failures::RetryPortals
    }

    /// What no retry can mend: the request itself is wrong, or the server is not who it should be.
    fn is_final(&self, cause: &Cause) -> bool {
        if self.failures == Failures::RetryAll || self.is_excused(cause) {
            return false;
        }
        match cause {
            Cause::Rejected { status, .. } => match status {
                // Credentials may change, a deployment may end, a limit may pass.
                401 | 403 | 404 | 408 | 409 | 421 | 423 | 425 | 429 => false,
                300..=499 => true,
                _ => false,
            },
            // What the proxy accepts, and what it or the way to it cannot do, does not change by asking again.
            Cause::Proxy(ProxyKind::Authentication | ProxyKind::Unsupported)
            | Cause::Tls(TlsKind::WrongName | TlsKind::PinMismatch)
            | Cause::Handshake(HandshakeKind::Subprotocol | HandshakeKind::Extension) => true,
            Cause::Closed(_)
            | Cause::Io(_)
            | Cause::Dial { .. }
            | Cause::Dns(_)
            | Cause::Proxy(_)
            | Cause::Tls(_)
            | Cause::Handshake(_)
            | Cause::Protocol(_)
            | Cause::ConnectTimeout { .. }
            | Cause::HeartbeatTimeout
            | Cause::AnswerTimeout
            | Cause::IdleTimeout
            | Cause::WriteTimeout
            | Cause::CloseTimeout
            | Cause::NetworkLost
            | Cause::Aborted
            | Cause::Stopped
            | Cause::Credentials(_)
            | Cause::Background => false,
        }
    }
}
