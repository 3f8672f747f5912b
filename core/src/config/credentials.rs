//! Where credentials go, and when they are fetched again; what happens in the background.

use alloc::{vec, vec::Vec};
use core::time::Duration;

use crate::cause::{Cause, CredentialsKind};
use crate::close::CloseCode;

/// That connections carry credentials, which the driver [fetches](crate::Action::FetchCredentials).
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct Credentials {
    /// How long before they expire others are fetched, while a connection is open; never before half of their lifetime
    /// is over, nor within a second of the last fetch. A random tenth of it is taken off, so that a crowd of clients does
    /// not refresh as one. 30 s, which leaves time for several attempts; at most a day.
    #[cfg_attr(feature = "serde", serde(with = "super::human"))]
    pub refresh_ahead: Duration,
    /// How long a fetch may take. 30 s; 1 ms to a day.
    #[cfg_attr(feature = "serde", serde(with = "super::human"))]
    pub fetch_timeout: Duration,
    /// How a connection presents them.
    pub placement: Placement,
    /// What newer ones mean for a connection that is open.
    pub renewal: Renewal,
    /// Close codes by which the server rejects credentials, beside 1008 and the statuses 401 and 403. 3000 (the registered
    /// "unauthorized") and 4401 (its usual private form); each 3000 to 4999.
    pub codes: Vec<CloseCode>,
}

/// How a connection presents credentials.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Placement {
    /// With the upgrade: a header, a query parameter, a subprotocol. Which of them is the driver's matter.
    #[default]
    AtUpgrade,
    /// In the first message: [`Action::Present`](crate::Action::Present) comes before everything else. The application sees
    /// the answer, and says [`Ready`](crate::Event::Ready) or
    /// [`CredentialsRejected`](crate::Event::CredentialsRejected); so [`ready`](super::Settings::ready) has to be `when-told`.
    FirstMessage,
}

/// What newer credentials mean for a connection that is open.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Renewal {
    /// Nothing: the next connection carries them.
    #[default]
    NextConnection,
    /// They are presented on it, by [`Action::Present`](crate::Action::Present), ahead of the messages that follow.
    Message,
    /// It is closed politely, and another one made: at once if it was stable, else after a backoff.
    Reconnect,
}

/// What happens to the connection while the application is in the background.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case", deny_unknown_fields)
)]
pub enum Background {
    /// It is kept, and made again when it is lost.
    #[default]
    Keep,
    /// It is closed with 1001 after a time, and nothing is attempted until the application is in the foreground again:
    /// [`State::Background`](crate::State::Background). Messages wait in the outbox meanwhile.
    Close {
        /// After how long in the background. 0 s to a day. What the application begins there (a start,
        /// [`ReconnectNow`](crate::Event::ReconnectNow)) has no less than [`connect_timeout`](super::Settings::connect_timeout).
        #[cfg_attr(feature = "serde", serde(with = "super::human"))]
        after: Duration,
    },
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            refresh_ahead: Duration::from_secs(30),
            fetch_timeout: Duration::from_secs(30),
            placement: Placement::default(),
            renewal: Renewal::default(),
            codes: vec![CloseCode(3_000), CloseCode(4_401)],
        }
    }
}

impl Credentials {
    /// Whether a connection that ended for this cause had its credentials rejected.
    #[must_use]
    pub fn rejects(&self, cause: &Cause) -> bool {
        match cause {
            Cause::Rejected { status, .. } => matches!(status, 401 | 403),
            Cause::Closed(frame) => frame.code == CloseCode::POLICY || self.codes.contains(&frame.code),
            Cause::Credentials(kind) => *kind == CredentialsKind::Rejected,
            _ => false,
        }
    }
}
