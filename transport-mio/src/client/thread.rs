//! The client's thread: an event loop with one session.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use steadfast_core::{ConnId, Dropped, Message, Notice, StateKind, Timestamp, Verdict, wire::handshake::Accepted};

use crate::{
    client::{
        Client, ClientBuilder, Receiver, Sender, Unsettled,
        builder::BuildError,
        inbox::Inbox,
        ledger::{Ledger, Outcome},
        watch::{Subscribers, Watched},
    },
    driver::{Application, Reads, Requests},
    endpoint::Endpoint,
    event_loop::EventLoop,
    failure::Failure,
};

/// What the handles and the thread share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) inbox: Arc<Inbox>,
    pub(super) watched: Arc<Watched>,
    pub(super) subscribers: Arc<Subscribers>,
    pub(super) ledger: Arc<Ledger>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    subprotocol: Option<String>,
    /// What was wrong with the last connection that failed.
    failure: Option<Arc<Failure>>,
    /// The messages that end in doubt or dropped, from the moment when somebody wants to know.
    unsettled: Option<Vec<Unsettled>>,
}

impl Client {
    pub(super) fn spawn(endpoint: Endpoint, builder: ClientBuilder) -> Result<Self, BuildError> {
        let seed = builder.seed.map_or_else(random_seed, Ok)?;
        let shared = Arc::new(Shared {
            inbox: Arc::default(),
            watched: Arc::new(Watched::new()),
            subscribers: builder.subscribers,
            ledger: Arc::new(Ledger::new(builder.config.outbox.clone())),
            told: Mutex::default(),
        });
        let receiver =
            builder.incoming.map(|incoming| Receiver::new(Arc::clone(&shared.inbox), shared.inbox.open(incoming)));
        let close_timeout = builder.config.close_timeout;

        let mut event_loop = EventLoop::new()?;
        let voice = Voice { shared: Arc::clone(&shared), failure: None };
        #[cfg(feature = "trace")]
        let session = match builder.recording {
            Some(recording) => {
                let options = steadfast_core::trace::Options::default().payloads(recording.payloads);
                let recorder = steadfast_core::trace::Recorder::new(builder.config, seed, options);
                event_loop.add_recorded(endpoint, recorder, recording.to, voice)
            }
            None => event_loop.add(endpoint, builder.config, seed, voice),
        };
        #[cfg(not(feature = "trace"))]
        let session = event_loop.add(endpoint, builder.config, seed, voice);
        let remote = event_loop.remote(session).expect("the session was added just now");
        shared.inbox.connect(remote.clone());
        let epoch = event_loop.epoch();
        let guard = Guard(Arc::clone(&shared));
        let thread = thread::Builder::new().name("steadfast".into()).spawn(move || {
            let _guard = guard;
            while !event_loop.is_empty() {
                if event_loop.run_once(None).is_err() {
                    // Without a poll nothing can be done but to say what became of the messages.
                    event_loop.driver_mut().remove(session);
                }
            }
        })?;
        Ok(Self {
            sender: Sender::new(remote.clone(), Arc::clone(&shared.ledger)),
            remote,
            receiver,
            incoming: builder.incoming.unwrap_or_default(),
            shared,
            close_timeout,
            epoch,
            thread: Some(thread),
        })
    }
}

impl Shared {
    pub(super) fn subprotocol(&self) -> Option<String> {
        self.told().subprotocol.clone()
    }

    pub(super) fn last_failure(&self) -> Option<Arc<Failure>> {
        self.told().failure.clone()
    }

    pub(super) fn collect_unsettled(&self) {
        self.told().unsettled = Some(Vec::new());
    }

    pub(super) fn take_unsettled(&self) -> Vec<Unsettled> {
        self.told().unsettled.take().unwrap_or_default()
    }

    fn settle(&self, notice: &Notice) {
        match notice {
            Notice::Verdict { id, verdict, message } => {
                if matches!(verdict, Verdict::InDoubt | Verdict::Dropped(_))
                    && let Some(unsettled) = &mut self.told().unsettled
                {
                    unsettled.push(Unsettled { id: *id, verdict: *verdict, message: message.as_deref().cloned() });
                }
                let message = message.as_deref().cloned();
                self.ledger.settle(*id, Outcome::Settled { verdict: *verdict, message });
            }
            Notice::Refused { id, message, why } => {
                self.ledger.settle(*id, Outcome::Refused { why: *why, message: (**message).clone() });
            }
            _ => {}
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The session's voice on the client's thread.
struct Voice {
    shared: Arc<Shared>,
    /// What was wrong with the connection that is about to be over.
    failure: Option<Arc<Failure>>,
}

impl Application for Voice {
    fn deliver(&mut self, message: Message<'_>, _requests: &mut Requests<'_>) -> Reads {
        if self.shared.inbox.deliver(message) { Reads::Pause } else { Reads::Continue }
    }

    fn notify(&mut self, at: Timestamp, notice: Notice, _requests: &mut Requests<'_>) {
        let shared = &self.shared;
        shared.settle(&notice);
        let failure = match &notice {
            Notice::State(transition) if transition.to.conn().is_none() => self.failure.take(),
            _ => None,
        };
        shared.subscribers.tell(at, &notice, failure.as_ref());
        if let Notice::State(transition) = notice {
            // First the doors: whoever sees the state finds them as it says.
            let stopped = transition.to.kind() == StateKind::Stopped;
            if stopped || transition.from == StateKind::Stopped {
                shared.ledger.set_stopped(stopped);
            }
            shared.inbox.set_ended(stopped);
            shared.watched.set(transition.to);
        }
    }

    fn opened(&mut self, _conn: ConnId, accepted: &Accepted, _requests: &mut Requests<'_>) {
        self.shared.told().subprotocol = accepted.subprotocol().map(str::to_owned);
    }

    fn failed(&mut self, _conn: ConnId, failure: &Failure, _requests: &mut Requests<'_>) {
        let failure = Arc::new(failure.clone());
        self.shared.told().failure = Some(Arc::clone(&failure));
        self.failure = Some(failure);
    }
}

/// Wakes everybody when the thread ends, however it ends.
struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        // What the session never saw was never sent; after a panic nobody knows.
        let left = if thread::panicking() { Verdict::InDoubt } else { Verdict::Dropped(Dropped::Stopped) };
        self.0.ledger.close(left);
        self.0.inbox.set_ended(true);
        self.0.subscribers.close();
        self.0.watched.close();
    }
}

fn random_seed() -> io::Result<u64> {
    getrandom::u64().map_err(|error| io::Error::other(error.to_string()))
}
