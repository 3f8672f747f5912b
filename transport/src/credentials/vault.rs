//! The secrets of one session: no more of them than it may need.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    time::{Instant, SystemTime},
};

use steadfast_core::{CredentialsKind, Epoch, FetchError, FetchReason, Lease, Message, Notice};

use crate::{
    credentials::{
        Credentials, Misfit, Secret, Source, SourceError, Token, Wanted,
        desk::{Fetching, Report, Ticket},
    },
    endpoint::{Endpoint, Endpoints},
    failure::Failure,
    net::Net,
    pump::{Mailbox, SessionId},
};

/// A session's secrets, known by epoch, and the fetch that is under way.
#[derive(Debug)]
pub(crate) struct Vault {
    /// What the secrets are for.
    endpoints: Endpoints,
    credentials: Credentials,
    fetch: Option<UnderWay>,
    /// What came last, until the session has said whether it is of use.
    came: Option<Known>,
    /// What the next connection is made with.
    held: Option<Known>,
}

/// A secret and its name.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) epoch: Epoch,
    pub(crate) secret: Secret,
}

#[derive(Debug)]
struct UnderWay {
    wanted: Wanted,
    /// `None` if the application hands it in by itself.
    _ticket: Option<Ticket>,
}

/// What a fetch came to: what the session is told, and what people are.
pub(crate) type Received = (Result<Lease, FetchError>, Option<Failure>);

impl Vault {
    /// For a session of these endpoints, if one of them wants credentials. The first that does says where they come from;
    /// where they go, each says for itself.
    pub(crate) fn of(endpoints: &Endpoints) -> Option<Box<Self>> {
        let credentials = endpoints.as_slice().iter().find_map(Endpoint::credentials_wanted)?.clone();
        Some(Box::new(Self { endpoints: endpoints.clone(), credentials, fetch: None, came: None, held: None }))
    }

    /// Begins a fetch, and gives up the one before. Says whether the application is to be asked: nobody else is.
    pub(crate) fn fetch(
        &mut self,
        wanted: Wanted,
        session: SessionId,
        mailbox: &Arc<Mailbox>,
        net: &mut impl Net,
    ) -> bool {
        if matches!(wanted.reason, FetchReason::Expired | FetchReason::Rejected | FetchReason::IdentityChanged) {
            self.held = None;
        }
        (self.came, self.fetch) = (None, None);
        let report = Report { mailbox: Arc::downgrade(mailbox), session, epoch: wanted.epoch };
        let ticket = match &self.credentials.source {
            Source::HandedIn => None,
            Source::Blocking(call, desk) => Some(desk.call(Arc::clone(call), wanted, report)),
            Source::Async(call, desk) => {
                let failing = report.again();
                let (fetching, ticket) = Fetching::new(Arc::clone(call), wanted, report);
                if let Err(task) = net.spawn(Box::pin(fetching)) {
                    desk.run(&ticket, task, failing);
                }
                Some(ticket)
            }
        };
        let is_handed_in = ticket.is_none();
        self.fetch = Some(UnderWay { wanted, _ticket: ticket });
        is_handed_in
    }

    /// A fetch has come to its end; `None` if it is not the one under way.
    pub(crate) fn receive(
        &mut self,
        epoch: Epoch,
        result: Result<Token, SourceError>,
        came: Instant,
    ) -> Option<Received> {
        let under_way = self.fetch.take_if(|fetch| fetch.wanted.epoch == epoch)?;
        Some(match result {
            Ok(token) => match self.fits(token.secret()) {
                Ok(()) => {
                    let lease = token.lease(came.elapsed(), SystemTime::now(), under_way.wanted.identity);
                    self.came = Some(Known { epoch, secret: token.into_secret() });
                    (Ok(lease), None)
                }
                Err(misfit) => (Err(FetchError::Retry), Some(Failure::credentials(CredentialsKind::Failed, &misfit))),
            },
            Err(error) => {
                let kind = match error.kind() {
                    FetchError::Retry => CredentialsKind::Failed,
                    FetchError::Final => CredentialsKind::Refused,
                };
                (Err(error.kind()), Some(Failure::credentials(kind, &error)))
            }
        })
    }

    /// Whether a secret fits wherever it may have to go.
    fn fits(&self, secret: &Secret) -> Result<(), Misfit> {
        let mut requests = self.endpoints.as_slice().iter().filter_map(|endpoint| {
            endpoint.credentials_wanted().map(|credentials| credentials.place.put(endpoint.request().clone(), secret))
        });
        requests.try_for_each(|placed| placed.map(drop))
    }

    /// What the session says of credentials.
    pub(crate) fn note(&mut self, notice: &Notice) {
        match notice {
            Notice::CredentialsRefreshed { epoch, .. } => {
                if let Some(came) = self.came.take_if(|came| came.epoch == *epoch) {
                    self.held = Some(came);
                }
            }
            // It may have taken too long; what comes of it is not wanted.
            Notice::CredentialsFailed { epoch, .. } => {
                self.came = None;
                self.fetch.take_if(|fetch| fetch.wanted.epoch == *epoch);
            }
            Notice::CredentialsRejected { epoch } => {
                self.held.take_if(|held| held.epoch <= *epoch);
            }
            _ => {}
        }
    }

    /// The secret of this name, if it is still kept.
    pub(crate) fn get(&self, epoch: Epoch) -> Option<&Known> {
        self.held.as_ref().filter(|held| held.epoch == epoch)
    }

    /// The message that presents a secret to the server of this endpoint.
    pub(crate) fn message(to: &Endpoint, known: Option<&Known>) -> Result<Message<'static>, Failure> {
        let failed = |why: &dyn std::fmt::Display| Failure::credentials(CredentialsKind::Failed, why);
        let Some(credentials) = to.credentials_wanted() else {
            return Err(failed(&format_args!("not presented to `{to}`, which is not whom they are for")));
        };
        let Some(make) = &credentials.message else {
            return Err(failed(&"nobody makes the message that presents them: expected a `renewed_by_message`"));
        };
        let Some(known) = known else { return Err(failed(&"they are not kept any more")) };
        panic::catch_unwind(AssertUnwindSafe(|| make(&known.secret)))
            .map_err(|_| failed(&"what makes the message that presents them panicked"))
    }
}
