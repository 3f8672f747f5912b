//! The client's thread: an event loop with one session.

use std::{io, sync::Arc, thread};

use steadfast_transport::{
    Endpoint,
    client::{Guard, Receiver, Sender, Shared, Voice},
};

use crate::{
    client::{Client, ClientBuilder, builder::BuildError},
    event_loop::EventLoop,
};

impl Client {
    pub(super) fn spawn(endpoint: Endpoint, builder: ClientBuilder) -> Result<Self, BuildError> {
        let seed = builder.seed.map_or_else(random_seed, Ok)?;
        let shared = Arc::new(Shared::new(&builder.config, builder.subscribers));
        let receiver =
            builder.incoming.map(|incoming| Receiver::new(Arc::clone(&shared.inbox), shared.inbox.open(incoming)));
        let close_timeout = builder.config.close_timeout;

        let mut event_loop = EventLoop::new()?;
        let voice = Voice::new(Arc::clone(&shared));
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

fn random_seed() -> io::Result<u64> {
    getrandom::u64().map_err(|error| io::Error::other(error.to_string()))
}
