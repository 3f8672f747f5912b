//! Credentials as the session knows them: by epoch and lifetime, never by value.

use core::{fmt, time::Duration};

/// The name of one fetch of credentials, and of what it brought. It rises with each fetch; 0 names none.
///
/// The driver keeps the secrets of the newest epochs, and nothing else ever sees them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Epoch(pub u64);

/// Whose credentials they are: the application's own number for a user, an account, a tenant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Identity(pub u64);

/// What is known of credentials that were fetched.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct Lease {
    /// How long they are valid, from the moment in which the session hears of them; `None`: until they are rejected. What
    /// expires within a second is of no use, and counts as a failed fetch.
    #[cfg_attr(feature = "serde", serde(with = "crate::config::human::option"))]
    pub expires_in: Option<Duration>,
    /// Whose they are. Another identity than that of the lease before is a change of identity: see
    /// [`Event::SwitchIdentity`](crate::Event::SwitchIdentity).
    pub identity: Identity,
}

/// Why there are no credentials.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum FetchError {
    /// Not now: the source could not be reached, or did not answer well. It is asked again after a backoff.
    Retry,
    /// Not ever: the refresh token was revoked, the user has logged out. A session that has no connection stops; one that
    /// has keeps it.
    Final,
}

/// Why credentials are fetched.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum FetchReason {
    /// There were none yet.
    #[default]
    First,
    /// Those that there are expire soon.
    Expiring,
    /// They have expired.
    Expired,
    /// The server has rejected them.
    Rejected,
    /// They are to be somebody else's.
    IdentityChanged,
    /// The application asked, with [`Event::RefreshCredentials`](crate::Event::RefreshCredentials).
    Asked,
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}", self.0)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "identity {}", self.0)
    }
}

impl fmt::Display for FetchReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "there were none yet",
            Self::Expiring => "they expire soon",
            Self::Expired => "they have expired",
            Self::Rejected => "they were rejected",
            Self::IdentityChanged => "they are to be somebody else's",
            Self::Asked => "the application asked",
        })
    }
}
