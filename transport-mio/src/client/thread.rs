//! The client's thread: an event loop with one session.

use std::{sync::Arc, thread};

use steadfast_transport::{
    client::{BuildError, Guard, Parts, Receiver, Sender, Shared, Voice},
    pump::Pump,
};

use crate::{client::Client, driver::Made, event_loop::EventLoop};

impl Client {
    pub(super) fn spawn(parts: Parts) -> Result<Self, BuildError> {
        let Parts { endpoints, config, seed, incoming, subscribers, .. } = parts;
        let shared = Arc::new(Shared::new(&config, subscribers));
        let receiver = incoming.map(|incoming| Receiver::new(Arc::clone(&shared.inbox), shared.inbox.open(incoming)));
        let close_timeout = config.close_timeout;

        let mut event_loop = EventLoop::new()?;
        #[cfg(feature = "store")]
        if let Some(store) = &parts.store {
            shared.ledger.enter_restored(store.peek().iter().map(|restored| (restored.id, restored.message.len())));
        }
        let voice = Voice::new(Arc::clone(&shared));
        let added = event_loop.driver_mut().insert(voice, |id, voice, mailbox| {
            #[cfg(feature = "trace")]
            let made = Made::new(match parts.recording {
                Some(recording) => {
                    let options = steadfast_core::trace::Options::default().payloads(recording.payloads);
                    let recorder = steadfast_core::trace::Recorder::new(config, seed, options);
                    Pump::recorded(id, endpoints, recorder, recording.to, voice)
                }
                None => Pump::new(id, endpoints, config, seed, voice),
            });
            #[cfg(not(feature = "trace"))]
            let made = Made::new(Pump::new(id, endpoints, config, seed, voice));
            #[cfg(feature = "store")]
            let made = match parts.store {
                Some(store) => made.stored(store, mailbox),
                None => made,
            };
            #[cfg(not(feature = "store"))]
            let _ = mailbox;
            made
        });
        let session = added.expect("a loop without sessions has room for one");
        event_loop.driver_mut().be_alone();
        #[cfg(feature = "signals")]
        if parts.signals {
            event_loop.driver_mut().watch_signals();
        }
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
            incoming: incoming.unwrap_or_default(),
            shared,
            close_timeout,
            epoch,
            thread: Some(thread),
        })
    }
}
