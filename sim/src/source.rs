//! Where a session's credentials come from, and who takes them: all plain data.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use steadfast_core::{ConnId, Epoch, FetchError, Identity, Lease, Timestamp};

use crate::span;

/// What a server says in a message when it rejects credentials so: see [`Refuses::Message`].
pub const REJECTED: &str = "rejected: these credentials";

/// What one fetch of credentials is met by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Grant {
    /// Credentials.
    Lease {
        /// How long the fetch takes.
        #[serde(with = "span")]
        after: Duration,
        /// How long they are valid from then on; `None`: until they are revoked.
        #[serde(with = "span::option")]
        expires_in: Option<Duration>,
        /// Whose they are; `None`: whose was asked for.
        #[serde(default)]
        identity: Option<Identity>,
    },
    /// An error.
    Fail {
        /// How long the fetch takes.
        #[serde(with = "span")]
        after: Duration,
        /// Which.
        error: FetchError,
    },
    /// No answer.
    Never,
}

impl Default for Grant {
    /// What was asked for, for an hour, in 50 ms.
    fn default() -> Self {
        let hour = Duration::from_hours(1);
        Self::Lease { after: Duration::from_millis(50), expires_in: Some(hour), identity: None }
    }
}

/// How a server rejects credentials.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Refuses {
    /// By the status of its answer to the upgrade; those that expire later by a close with 1008.
    Status(u16),
    /// By a close with this code as soon as the connection is open, or when they expire.
    Code(u16),
    /// By the message [`REJECTED`], then or later; it leaves the rest to the client.
    Message,
}

/// A token as its issuer knows it.
#[derive(Clone, Copy, Debug)]
struct Token {
    issued: Timestamp,
    expires: Option<Timestamp>,
    revoked: bool,
}

/// What became of a fetch, in the world's time.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    at: Timestamp,
    result: Result<Lease, FetchError>,
}

/// The source of one client, and what it has given out.
#[derive(Debug, Default)]
pub(crate) struct Source {
    fetches: usize,
    outcomes: BTreeMap<Epoch, Outcome>,
    tokens: BTreeMap<Epoch, Token>,
    /// What each connection stands for, as far as the server knows.
    presented: BTreeMap<ConnId, Epoch>,
}

impl Source {
    /// A fetch begins; says after how long it has its answer, if ever.
    pub(crate) fn fetch(
        &mut self,
        grants: &[Grant],
        now: Timestamp,
        epoch: Epoch,
        asked: Option<Identity>,
    ) -> Option<Duration> {
        let last = grants.len().saturating_sub(1);
        let grant = grants.get(self.fetches.min(last)).copied().unwrap_or_default();
        self.fetches += 1;
        let (after, result) = match grant {
            Grant::Lease { after, expires_in, identity } => {
                let expires = expires_in.map(|span| now + after + span);
                self.tokens.insert(epoch, Token { issued: now + after, expires, revoked: false });
                let identity = identity.or(asked).unwrap_or(Identity(1));
                (after, Ok(Lease { expires_in, identity }))
            }
            Grant::Fail { after, error } => (after, Err(error)),
            Grant::Never => return None,
        };
        self.outcomes.insert(epoch, Outcome { at: now + after, result });
        Some(after)
    }

    /// The grants begin anew with the next fetch.
    pub(crate) const fn forget_schedule(&mut self) {
        self.fetches = 0;
    }

    /// The process that asked is gone: the next one counts its epochs and its connections anew.
    pub(crate) fn forget_epochs(&mut self) {
        self.outcomes.clear();
        self.tokens.clear();
        self.presented.clear();
    }

    /// The driver hears what became of a fetch, perhaps later than it was known: a good one takes that off.
    pub(crate) fn outcome(&mut self, now: Timestamp, epoch: Epoch) -> Option<Result<Lease, FetchError>> {
        let Outcome { at, result } = self.outcomes.remove(&epoch)?;
        Some(result.map(|lease| Lease {
            expires_in: lease.expires_in.map(|span| span.saturating_sub(now.since(at))),
            ..lease
        }))
    }

    /// All tokens given out are worth nothing any more.
    pub(crate) fn revoke(&mut self) {
        self.tokens.values_mut().for_each(|token| token.revoked = true);
    }

    /// A connection presents a token.
    pub(crate) fn present(&mut self, conn: ConnId, epoch: Epoch) {
        self.presented.insert(conn, epoch);
        // Older ones are over.
        while self.presented.len() > 8 {
            self.presented.pop_first();
        }
    }

    /// Whether the server was shown anything on a connection.
    pub(crate) fn knows(&self, conn: ConnId) -> bool {
        self.presented.contains_key(&conn)
    }

    /// Whether anything was ever fetched.
    pub(crate) const fn is_used(&self) -> bool {
        self.fetches > 0
    }

    /// Whether the server takes what a connection stands for.
    pub(crate) fn is_welcome(&self, now: Timestamp, conn: ConnId) -> bool {
        let token = self.presented.get(&conn).and_then(|epoch| self.tokens.get(epoch));
        token.is_some_and(|token| {
            !token.revoked && token.issued <= now && token.expires.is_none_or(|expires| expires > now)
        })
    }

    /// When the server will not take it any more.
    pub(crate) fn expires(&self, conn: ConnId) -> Option<Timestamp> {
        self.tokens.get(self.presented.get(&conn)?)?.expires
    }
}
