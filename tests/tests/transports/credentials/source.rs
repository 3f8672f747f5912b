//! A source of tokens that does what the test says.

use std::{
    collections::VecDeque,
    future,
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, Sender},
    },
};

use steadfast_mio::{Credentials, Endpoint, SourceError, Token, Wanted};
use steadfast_sim::mock::MockServer;

use crate::case::{Case, SOON, Transport};

/// What a fetch comes to.
pub(super) enum Step {
    Brings(Token),
    Fails(SourceError),
    Panics,
    Hangs,
}

/// Does one step a fetch; when none is left it fails for good.
pub(super) struct Source {
    script: Arc<Script>,
    asked: Receiver<Wanted>,
    /// What hangs ends when this is dropped.
    _hold: Sender<()>,
}

struct Script {
    steps: Mutex<VecDeque<Step>>,
    asks: Mutex<Sender<Wanted>>,
    ends: Mutex<Receiver<()>>,
}

impl Source {
    pub(super) fn of(steps: impl IntoIterator<Item = Step>) -> Self {
        let (asks, asked) = mpsc::channel();
        let (hold, ends) = mpsc::channel();
        let (steps, asks, ends) = (Mutex::new(steps.into_iter().collect()), Mutex::new(asks), Mutex::new(ends));
        Self { script: Arc::new(Script { steps, asks, ends }), asked, _hold: hold }
    }

    /// As a transport of this kind has it: a callback that blocks, or a future.
    pub(super) fn credentials(&self, case: Case) -> Credentials {
        let script = Arc::clone(&self.script);
        match case.transport {
            Transport::Mio => Credentials::fetched_by(move |wanted| {
                script.next(*wanted).unwrap_or_else(|| {
                    let _ = script.ends.lock().expect("no panic").recv();
                    Err(SourceError::retry("too late"))
                })
            }),
            Transport::AsyncStd => Credentials::fetched_async(move |wanted| {
                let script = Arc::clone(&script);
                async move {
                    match script.next(wanted) {
                        Some(result) => result,
                        None => future::pending().await,
                    }
                }
            }),
        }
    }

    /// Where a server is, with its tokens as bearer tokens.
    pub(super) fn endpoint(&self, case: Case, server: &MockServer) -> Endpoint {
        case.endpoint(&server.url()).credentials(self.credentials(case)).expect("room for a token")
    }

    /// What was asked for next.
    pub(super) fn next(&self) -> Wanted {
        self.asked.recv_timeout(SOON).expect("a fetch in time")
    }

    /// Whether nothing else was asked for by now.
    pub(super) fn is_at_rest(&self) -> bool {
        self.asked.try_recv().is_err()
    }
}

impl Script {
    /// What this fetch comes to; `None`: nothing.
    fn next(&self, wanted: Wanted) -> Option<Result<Token, SourceError>> {
        // The test may be over.
        let _ = self.asks.lock().expect("no panic").send(wanted);
        let step = self.steps.lock().expect("no panic").pop_front();
        match step {
            Some(Step::Brings(token)) => Some(Ok(token)),
            Some(Step::Fails(error)) => Some(Err(error)),
            Some(Step::Panics) => panic!("on purpose"),
            Some(Step::Hangs) => None,
            None => Some(Err(SourceError::final_word("the script is over"))),
        }
    }
}
