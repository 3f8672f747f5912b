//! The secrets of one session: no more of them than it may need.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    time::{Instant, SystemTime},
};

use steadfast_core::{CloseFrame, CredentialsKind, Epoch, FetchError, FetchReason, Identity, Lease, Message, Notice};

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
    /// Whose it is.
    identity: Identity,
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
                    self.came = Some(Known { epoch, secret: token.into_secret(), identity: lease.identity });
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
            Notice::CredentialsRejected { epoch, .. } => {
                self.held.take_if(|held| held.epoch <= *epoch);
            }
            // One that is somebody else's is not kept for another fetch to replace it.
            Notice::IdentityChanged { identity } => {
                self.held.take_if(|held| held.identity != *identity);
            }
            _ => {}
        }
    }

    /// The secret of this name, if it is still kept.
    pub(crate) fn get(&self, epoch: Epoch) -> Option<&Known> {
        self.held.as_ref().filter(|held| held.epoch == epoch)
    }

    /// A close frame of the server's, whose reason does not quote what is kept.
    pub(crate) fn kept_out_of(vault: Option<&Self>, frame: CloseFrame) -> CloseFrame {
        let secrets = vault.into_iter().flat_map(|vault| [&vault.held, &vault.came]).flatten();
        secrets.fold(frame, |frame, known| known.secret.kept_out_of_reason(frame))
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

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::{credentials::Place, testing::Loop};

    const SESSION: SessionId = SessionId { slot: 0, serial: 1 };

    fn vault() -> Box<Vault> {
        let endpoint = Endpoint::parse("ws://127.0.0.1:9/").expect("a good URL");
        let endpoint = endpoint.credentials(Credentials::handed_in()).expect("room for a token");
        Vault::of(&Endpoints::from(endpoint)).expect("credentials are wanted")
    }

    fn wanted(epoch: u64, reason: FetchReason) -> Wanted {
        Wanted { epoch: Epoch(epoch), reason, identity: None }
    }

    /// A fetch that begins, and comes to this.
    fn fetch(vault: &mut Vault, epoch: u64, reason: FetchReason, secret: &str) -> Option<Received> {
        let mailbox = Arc::new(Mailbox::new(Waker::noop().clone()));
        assert!(vault.fetch(wanted(epoch, reason), SESSION, &mailbox, &mut Loop::new()));
        let token = Token::new(secret).identity(Identity(epoch));
        vault.receive(Epoch(epoch), Ok(token), Instant::now())
    }

    fn refreshed(epoch: u64) -> Notice {
        Notice::CredentialsRefreshed { epoch: Epoch(epoch), expires_in: None }
    }

    fn held(vault: &Vault) -> Vec<u64> {
        (0..9).filter(|&epoch| vault.get(Epoch(epoch)).is_some()).collect()
    }

    /// A vault with the secret of epoch 1.
    fn with_one() -> Box<Vault> {
        let mut vault = vault();
        assert!(matches!(fetch(&mut vault, 1, FetchReason::First, "one"), Some((Ok(_), None))));
        vault.note(&refreshed(1));
        assert_eq!(held(&vault), [1]);
        vault
    }

    #[test]
    fn what_comes_is_kept_once_the_session_takes_it() {
        let mut vault = with_one();
        assert!(fetch(&mut vault, 2, FetchReason::Expiring, "two").is_some());
        assert_eq!(held(&vault), [1]);
        vault.note(&refreshed(2));
        assert_eq!(held(&vault), [2]);
    }

    #[test]
    fn what_the_session_has_no_use_for_is_not_kept() {
        let mut vault = with_one();
        assert!(fetch(&mut vault, 2, FetchReason::Expiring, "two").is_some());
        vault.note(&Notice::CredentialsFailed { epoch: Epoch(2), kind: CredentialsKind::Expired });
        vault.note(&refreshed(2));
        assert_eq!(held(&vault), [1]);
    }

    #[test]
    fn what_comes_too_late_or_twice_is_ignored() {
        let mut vault = with_one();
        assert!(vault.receive(Epoch(1), Ok(Token::new("again")), Instant::now()).is_none());
        assert!(fetch(&mut vault, 2, FetchReason::Expiring, "two").is_some());
        assert!(vault.receive(Epoch(1), Ok(Token::new("late")), Instant::now()).is_none());
    }

    #[test]
    fn a_secret_that_is_rejected_or_somebody_elses_is_not_kept() {
        let mut vault = with_one();
        let cause = Box::new(steadfast_core::Cause::Credentials(CredentialsKind::Rejected));
        vault.note(&Notice::CredentialsRejected { epoch: Epoch(1), cause });
        assert_eq!(held(&vault), [0; 0]);
        let mut vault = with_one();
        vault.note(&Notice::IdentityChanged { identity: Identity(1) });
        assert_eq!(held(&vault), [1]);
        vault.note(&Notice::IdentityChanged { identity: Identity(2) });
        assert_eq!(held(&vault), [0; 0]);
    }

    #[test]
    fn a_secret_has_to_fit_at_each_of_several_endpoints() {
        let endpoint = |url: &str, place: Place| {
            let endpoint = Endpoint::parse(url).expect("a good URL");
            endpoint.credentials(Credentials::handed_in().at(place)).expect("room for a token")
        };
        let places = [Place::bearer(), Place::subprotocol("").expect("a place")];
        let endpoints = places.map(|place| endpoint("ws://127.0.0.1:9/", place));
        let mut vault = Vault::of(&Endpoints::new(endpoints).expect("two")).expect("credentials are wanted");
        let received = fetch(&mut vault, 1, FetchReason::First, "base64==").expect("it is the one under way");
        let (Err(FetchError::Retry), Some(failure)) = received else { panic!("{received:?}") };
        assert!(
            failure.to_string().contains("a subprotocol") && !failure.to_string().contains("base64=="),
            "{failure}"
        );
    }
}
