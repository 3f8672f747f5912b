//! What was wrong with a TLS connection.

use std::{
    error,
    fmt::{self, Write as _},
    io,
};

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};
use rustls_pki_types::UnixTime;
use steadfast_core::TlsKind;

use super::verifier::Refusal;

/// What was wrong with a TLS connection, for people: what was expected of which server, and what came instead.
///
/// It shows no more than 80 characters of each thing that the server sent, and of these nothing unprintable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFailure {
    kind: TlsKind,
    text: String,
}

impl TlsFailure {
    /// The failure inside an I/O error that [`Tls`](super::Tls) gave, if TLS failed and not the stream below it.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// What kind of failure it is: what the session decides by.
    #[must_use]
    pub const fn kind(&self) -> TlsKind {
        self.kind
    }

    /// What was expected, and what came.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn new(kind: TlsKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// What rustls says of the server of this name.
    pub(super) fn from_rustls(error: &Error, server: &str) -> Self {
        match error {
            Error::InvalidCertificate(wrong) => {
                let (kind, text) = certificate(wrong, server);
                Self::new(kind, format!("the certificate of `{server}`: {text}"))
            }
            Error::AlertReceived(alert) => self::alert(*alert, server),
            Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
                Self::new(TlsKind::Protocol, format!("`{server}` speaks neither TLS 1.2 nor 1.3"))
            }
            Error::PeerIncompatible(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig) => {
                Self::new(TlsKind::Protocol, format!("`{server}` speaks TLS 1.2 only, and TLS 1.3 is demanded"))
            }
            Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::MessageTooLarge) => {
                Self::new(TlsKind::Protocol, format!("what `{server}` sends is not TLS"))
            }
            other => Self::new(TlsKind::Protocol, format!("`{server}` broke TLS: {}", shown(&other.to_string()))),
        }
    }

    pub(super) fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self)
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl error::Error for TlsFailure {}

/// A text from outside as it may be shown: 80 characters at most, nothing unprintable.
pub(super) fn shown(text: &str) -> String {
    let mut escaped = text.chars().flat_map(char::escape_debug);
    let mut shown: String = escaped.by_ref().take(SHOWN).collect();
    if escaped.next().is_some() {
        shown.push('…');
    }
    shown
}

fn certificate(wrong: &CertificateError, server: &str) -> (TlsKind, String) {
    match wrong {
        CertificateError::ExpiredContext { time, not_after } => {
            (TlsKind::Expired, format!("expired at {}, and it is {}", date(*not_after), date(*time)))
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            (TlsKind::Expired, format!("not valid before {}, and it is {}", date(*not_before), date(*time)))
        }
        CertificateError::Expired => (TlsKind::Expired, "its validity ends before it begins".to_owned()),
        CertificateError::NotValidYet => (TlsKind::Expired, "not valid yet".to_owned()),
        CertificateError::UnknownIssuer => (TlsKind::UnknownIssuer, "nobody trusted vouches for it".to_owned()),
        CertificateError::NotValidForNameContext { presented, .. } => {
            (TlsKind::WrongName, format!("it is for {}, not for `{server}`", names(presented)))
        }
        CertificateError::NotValidForName => (TlsKind::WrongName, format!("it is not for `{server}`")),
        CertificateError::BadEncoding => (TlsKind::Certificate, "it cannot be read".to_owned()),
        CertificateError::BadSignature => {
            (TlsKind::Certificate, "a signature is wrong: it was changed, or the server has not its key".to_owned())
        }
        CertificateError::Revoked => (TlsKind::Certificate, "it was revoked".to_owned()),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            (TlsKind::Certificate, "it is not for servers (its extended key usage lacks serverAuth)".to_owned())
        }
        CertificateError::Other(other) => match other.0.downcast_ref::<Refusal>() {
            Some(refusal @ Refusal::UntrustedIssuer { .. }) => (TlsKind::UnknownIssuer, refusal.to_string()),
            Some(refusal @ Refusal::Unpinned { .. }) => (TlsKind::PinMismatch, refusal.to_string()),
            None if matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)) => (
                TlsKind::Certificate,
                "it is an authority's (CA:TRUE), which cannot be a server's; make one with CA:FALSE".to_owned(),
            ),
            None => (TlsKind::Certificate, shown(&other.to_string())),
        },
        other => (TlsKind::Certificate, shown(&other.to_string())),
    }
}

/// The names that a certificate is for, as many as help.
fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return "no name at all (its common name does not count, RFC 9525)".to_owned();
    }
    let mut text = String::new();
    for (index, name) in presented.iter().take(NAMES).enumerate() {
        // `DnsName("example.com")`, `IpAddress(127.0.0.1)`
        let bare = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        text.push_str(if index == 0 { "`" } else { ", `" });
        text.push_str(&shown(bare.trim_matches('"')));
        text.push('`');
    }
    if presented.len() > NAMES {
        let _ = write!(text, " and {} more", presented.len() - NAMES);
    }
    text
}

/// What the server says it ends the connection for (RFC 8446 §6.2).
fn alert(alert: AlertDescription, server: &str) -> TlsFailure {
    let named = format!("`{server}` ended TLS with the alert {} ({})", snake(&format!("{alert:?}")), u8::from(alert));
    match alert {
        // Only our certificate can be meant.
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => {
            TlsFailure::new(TlsKind::ClientCertificate, format!("{named}: it wants another client certificate"))
        }
        AlertDescription::HandshakeFailure => TlsFailure::new(
            TlsKind::Protocol,
            format!("{named}: nothing in common with it, or it wants a client certificate"),
        ),
        AlertDescription::ProtocolVersion => {
            TlsFailure::new(TlsKind::Protocol, format!("{named}: no version in common with it"))
        }
        AlertDescription::UnrecognisedName => {
            TlsFailure::new(TlsKind::Protocol, format!("{named}: it knows no such name"))
        }
        AlertDescription::NoApplicationProtocol => {
            TlsFailure::new(TlsKind::Protocol, format!("{named}: it does not speak http/1.1"))
        }
        _ => TlsFailure::new(TlsKind::Protocol, named),
    }
}

/// `UnknownCA` as RFC 8446 writes it: `unknown_ca`.
fn snake(camel: &str) -> String {
    let mut snake = String::new();
    let mut upper_before = true;
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() && !upper_before {
            snake.push('_');
        }
        upper_before = letter.is_ascii_uppercase();
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// A moment in UTC, to the second (RFC 3339).
fn date(time: UnixTime) -> String {
    let seconds = time.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Counted in eras of 400 years, and years that begin in March, so that leap days come last.
    let day = days + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// How many characters are shown of anything that comes from outside.
const SHOWN: usize = 80;
/// How many names of a certificate are shown.
const NAMES: usize = 5;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // By `date -u -d @SECONDS +%FT%TZ`.
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(date(UnixTime::since_unix_epoch(Duration::from_secs(seconds))), text);
        }
    }

    #[test]
    fn alerts_are_named_as_rfc_8446_names_them() {
        let text = |alert| TlsFailure::from_rustls(&Error::AlertReceived(alert), "h").text;
        assert!(text(AlertDescription::UnknownCA).contains("unknown_ca (48)"));
        assert!(text(AlertDescription::HandshakeFailure).contains("handshake_failure (40)"));
        assert!(text(AlertDescription::BadRecordMac).contains("bad_record_mac (20)"));
    }

    #[test]
    fn what_a_certificate_says_is_shown_short_and_printable() {
        let presented: Vec<_> = (0..9).map(|n| format!("DnsName(\"{n}\u{1b}{}\")", "x".repeat(200))).collect();
        let text = names(&presented);
        assert!(text.ends_with(" and 4 more"), "{text}");
        assert!(text.chars().count() < 5 * 90, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
