//! What a fetch is asked for, and what it brings.

use std::{
    fmt, io,
    time::{Duration, SystemTime},
};

use steadfast_core::{Epoch, FetchError, FetchReason, Identity, Lease};

use crate::credentials::Secret;

/// What is fetched: why, for whom, and under which name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Wanted {
    /// The name of the fetch.
    pub epoch: Epoch,
    /// Why.
    pub reason: FetchReason,
    /// Whose token it has to be; `None`: whoever it is, the token says.
    pub identity: Option<Identity>,
}

/// What a fetch brings: a secret, how long it is good for, and whose it is.
///
/// ```
/// use std::time::Duration;
/// use steadfast_transport::{Token, core::Identity};
///
/// let token = Token::new("…").expires_in(Duration::from_mins(15)).identity(Identity(7));
/// # let _ = token;
/// ```
#[derive(Clone, Debug)]
pub struct Token {
    secret: Secret,
    lifetime: Lifetime,
    identity: Option<Identity>,
}

/// How long a token is good for.
#[derive(Clone, Copy, Debug)]
enum Lifetime {
    UntilRejected,
    For(Duration),
    Until(SystemTime),
}

/// Why there is no token. What it says is for people, and shown to them: keep secrets out of it.
///
/// ```
/// use steadfast_transport::SourceError;
///
/// let busy = SourceError::retry("the token endpoint said 503");
/// let over = SourceError::final_word("the refresh token was revoked");
/// assert_eq!(over.to_string(), "the refresh token was revoked");
/// # let _ = busy;
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceError {
    kind: FetchError,
    text: String,
}

impl Token {
    /// A token that is good until it is rejected.
    #[must_use]
    pub fn new(secret: impl Into<Secret>) -> Self {
        Self { secret: secret.into(), lifetime: Lifetime::UntilRejected, identity: None }
    }

    /// How long it is good for, from the moment in which the callback returns it. That is what a token endpoint says
    /// (`expires_in`, RFC 6749 §5.1), and what no wall clock can get wrong: prefer it.
    #[must_use]
    pub const fn expires_in(mut self, span: Duration) -> Self {
        self.lifetime = Lifetime::For(span);
        self
    }

    /// Until when it is good, by the wall clock. It is looked at once, when the token comes in, and becomes a span. So a
    /// clock that is ahead makes every token come in as expired, which is a failed fetch and is tried again after a backoff; with
    /// one that is behind, the server rejects the token first, and another one is fetched then. A clock that is set
    /// later changes nothing.
    #[must_use]
    pub const fn expires_at(mut self, at: SystemTime) -> Self {
        self.lifetime = Lifetime::Until(at);
        self
    }

    /// Whose it is: the application's own number. Unless said, whoever was [asked for](Wanted::identity), or `Identity(0)`. If
    /// it is somebody else than the session acts for, everything accepted for that one is settled and never sent as this
    /// one's: see [`Event::SwitchIdentity`](steadfast_core::Event::SwitchIdentity).
    #[must_use]
    pub const fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The secret.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// What the session is told, so long after the token came, when it is this late by the wall clock.
    pub(super) fn lease(&self, since: Duration, wall: SystemTime, wanted: Option<Identity>) -> Lease {
        let left = match self.lifetime {
            Lifetime::UntilRejected => None,
            Lifetime::For(span) => Some(span.saturating_sub(since)),
            // What is over is over, by however much.
            Lifetime::Until(at) => Some(at.duration_since(wall).unwrap_or_default()),
        };
        let identity = self.identity.or(wanted).unwrap_or_default();
        Lease { expires_in: left.map(|left| left.min(LONGEST)), identity }
    }

    pub(super) fn into_secret(self) -> Secret {
        self.secret
    }
}

impl SourceError {
    /// Not now: the fetch is tried again after a backoff. So is one that panics, or takes too long.
    #[must_use]
    pub fn retry(text: impl fmt::Display) -> Self {
        Self { kind: FetchError::Retry, text: brief(text) }
    }

    /// Not ever: a session without a connection stops.
    #[must_use]
    pub fn final_word(text: impl fmt::Display) -> Self {
        Self { kind: FetchError::Final, text: brief(text) }
    }

    /// Whether it is worth another try.
    #[must_use]
    pub const fn kind(&self) -> FetchError {
        self.kind
    }
}

impl From<FetchError> for SourceError {
    fn from(kind: FetchError) -> Self {
        match kind {
            FetchError::Retry => Self::retry("no token for now"),
            FetchError::Final => Self::final_word("no token ever again"),
        }
    }
}

impl From<io::Error> for SourceError {
    /// Worth another try.
    fn from(error: io::Error) -> Self {
        Self::retry(error)
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for SourceError {}

/// As much of what a callback says as people read.
fn brief(text: impl fmt::Display) -> String {
    text.to_string().chars().take(200).collect()
}

/// Nothing that is longer is meant.
const LONGEST: Duration = Duration::from_hours(24 * 365 * 100);

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: SystemTime = SystemTime::UNIX_EPOCH;

    fn left(token: &Token) -> Option<Duration> {
        token.lease(Duration::from_secs(2), WALL + Duration::from_secs(1_000), None).expires_in
    }

    #[test]
    fn a_lifetime_counts_from_the_callbacks_return() {
        assert_eq!(left(&Token::new("t").expires_in(Duration::from_mins(1))), Some(Duration::from_secs(58)));
        assert_eq!(left(&Token::new("t").expires_in(Duration::from_secs(1))), Some(Duration::ZERO));
        assert_eq!(left(&Token::new("t")), None);
    }

    #[test]
    fn a_time_on_the_wall_clock_becomes_a_span() {
        assert_eq!(left(&Token::new("t").expires_at(WALL + Duration::from_secs(1_060))), Some(Duration::from_mins(1)));
    }

    #[test]
    fn what_is_over_by_the_wall_clock_is_worth_nothing() {
        assert_eq!(left(&Token::new("t").expires_at(WALL)), Some(Duration::ZERO));
        assert_eq!(left(&Token::new("t").expires_at(WALL - Duration::from_hours(1))), Some(Duration::ZERO));
    }

    #[test]
    fn an_absurd_lifetime_is_a_long_one() {
        assert_eq!(left(&Token::new("t").expires_in(Duration::MAX)), Some(LONGEST));
    }

    #[test]
    fn a_token_is_for_whom_it_was_asked_for_unless_it_says_otherwise() {
        let whose = |token: Token, wanted| token.lease(Duration::ZERO, WALL, wanted).identity;
        assert_eq!(whose(Token::new("t"), None), Identity(0));
        assert_eq!(whose(Token::new("t"), Some(Identity(7))), Identity(7));
        assert_eq!(whose(Token::new("t").identity(Identity(8)), Some(Identity(7))), Identity(8));
    }
}
