//! Where tokens come from and where they go; who sees them: nobody.

mod blot;
mod desk;
mod place;
mod secret;
mod token;
mod vault;

use std::{fmt, sync::Arc};

use steadfast_core::{
    Message,
    config::{Config, Placement, Ready, Renewal},
};

pub use self::{
    desk::Fetched,
    place::Place,
    secret::Secret,
    token::{SourceError, Token, Wanted},
};
use self::{
    desk::{AsyncCall, Call, Desk},
    place::Where,
};
pub(crate) use self::{
    place::Misfit,
    vault::{Known, Vault},
};

/// Where tokens come from, and where they go: part of an [`Endpoint`](crate::Endpoint). Cheap to clone, and meant to be
/// shared by many sessions.
///
/// The session decides when a token is fetched (before the first connection, ahead of its expiry, after the server
/// rejected it) and asks for one at a time; how far ahead and with what timeout is
/// [configured](steadfast_core::config::Credentials).
///
/// ```
/// use std::time::Duration;
/// use steadfast_transport::{Credentials, Endpoint, Place, Token};
///
/// let credentials = Credentials::fetched_by(|wanted| {
///     // ask the token endpoint, as long as that takes
///     println!("fetching: {}", wanted.reason);
///     Ok(Token::new("…").expires_in(Duration::from_mins(15)))
/// });
/// let endpoint = Endpoint::parse("ws://127.0.0.1:9001/")?.credentials(credentials.at(Place::bearer()))?;
/// # let _ = endpoint;
/// # Ok::<(), steadfast_transport::EndpointError>(())
/// ```
#[derive(Clone)]
pub struct Credentials {
    source: Source,
    place: Place,
    /// Makes the message that presents a secret.
    message: Option<Arc<Make>>,
    /// Whether newer ones are presented by message on a connection that is open.
    renews: bool,
}

type Make = dyn Fn(&Secret) -> Message<'static> + Send + Sync;

/// Where tokens come from.
#[derive(Clone)]
enum Source {
    HandedIn,
    Blocking(Arc<Call>, Arc<Desk>),
    Async(Arc<AsyncCall>, Arc<Desk>),
}

impl Credentials {
    /// A callback fetches tokens, and may block: it is called on a thread of its own, and keeps no loop from its work. One
    /// that takes longer than the configured timeout has failed; its thread is left to its end. At most four calls run at the same
    /// time, over all sessions that share this: where all of them hang, the next fetches wait for one, or for their timeouts.
    ///
    /// A panic of the callback is a failed fetch.
    #[must_use]
    pub fn fetched_by(fetch: impl Fn(&Wanted) -> Result<Token, SourceError> + Send + Sync + 'static) -> Self {
        Self::from_source(Source::Blocking(Arc::new(fetch), Arc::default()))
    }

    /// A future fetches tokens: a task of the runtime's, where the transport has one; else on a thread, as if it
    /// [blocked](Self::fetched_by). One that takes longer than the configured timeout has failed, and is dropped.
    ///
    /// A panic of the callback or of the future is a failed fetch.
    #[must_use]
    pub fn fetched_async<F>(fetch: impl Fn(Wanted) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Token, SourceError>> + Send + 'static,
    {
        let fetch: Arc<AsyncCall> = Arc::new(move |wanted| Box::pin(fetch(wanted)));
        Self::from_source(Source::Async(fetch, Arc::default()))
    }

    /// The application hands tokens in: it is [asked](crate::pump::Application::wants_credentials), and answers at once or later
    /// with [`Requests::credentials`](crate::pump::Requests::credentials) or
    /// [`Remote::credentials`](crate::pump::Remote::credentials). For event loops; a client has nobody who is asked.
    #[must_use]
    pub fn handed_in() -> Self {
        Self::from_source(Source::HandedIn)
    }

    fn from_source(source: Source) -> Self {
        Self { source, place: Place::default(), message: None, renews: false }
    }

    /// Where a connection carries the token. [`Place::bearer`], unless set.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// The token goes in the first message of each connection, and not with the upgrade. This makes the message. Nothing else
    /// is sent before the application has seen the server's answer, and said `ready` or `credentials_rejected`, for the
    /// connection that the state names.
    #[must_use]
    pub fn first_message(mut self, make: impl Fn(&Secret) -> Message<'static> + Send + Sync + 'static) -> Self {
        self.place = Place(Where::Message);
        self.message = Some(Arc::new(make));
        self
    }

    /// Newer tokens are presented on a connection that is open, without a reconnect, in a message that this makes: where the
    /// server takes one. Beside any place; if that is the first message, this makes that one, too.
    #[must_use]
    pub fn renewed_by_message(mut self, make: impl Fn(&Secret) -> Message<'static> + Send + Sync + 'static) -> Self {
        self.renews = true;
        self.message = Some(Arc::new(make));
        self
    }

    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    /// The configuration of a session that has its tokens in this way: it is told that there are such, and where they go.
    pub(crate) fn configure(&self, config: &Config) -> Config {
        let mut settings = config.settings().clone();
        let wanted = settings.credentials.get_or_insert_default();
        wanted.placement = match self.place.0 {
            Where::Message => Placement::FirstMessage,
            Where::Header { .. } | Where::Query { .. } | Where::Subprotocol { .. } => Placement::AtUpgrade,
        };
        if self.renews {
            wanted.renewal = Renewal::Message;
        }
        if wanted.placement == Placement::FirstMessage {
            settings.ready = Ready::WhenTold;
        }
        Config::new(settings).expect("the settings were checked, and what is set here fits any")
    }
}

impl PartialEq for Credentials {
    /// Whether both have their tokens from the same source and put them into the same place.
    fn eq(&self, other: &Self) -> bool {
        let messages = match (&self.message, &other.message) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let sources = match (&self.source, &other.source) {
            (Source::HandedIn, Source::HandedIn) => true,
            (Source::Blocking(_, one), Source::Blocking(_, other))
            | (Source::Async(_, one), Source::Async(_, other)) => Arc::ptr_eq(one, other),
            (Source::HandedIn | Source::Blocking(..) | Source::Async(..), _) => false,
        };
        sources && messages && (&self.place, self.renews) == (&other.place, other.renews)
    }
}

impl Eq for Credentials {}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("place", &self.place).field("renews", &self.renews).finish_non_exhaustive()
    }
}
