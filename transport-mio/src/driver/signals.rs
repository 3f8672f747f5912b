//! What is told to all sessions of a loop: signals of the machine, and of whoever knows of them.

use std::time::Duration;

use steadfast_core::{Event, Network, Visibility};
use steadfast_transport::pump::{Application, SessionId};

use crate::driver::Driver;

impl<A: Application> Driver<A> {
    /// Has all sessions told what the machine says from here on, if this is Linux: that the network is gone, back or
    /// another, and that the machine was suspended. All drivers of a process share one thread for it.
    #[cfg(feature = "signals")]
    pub fn watch_signals(&mut self)
    where
        A: 'static,
    {
        use steadfast_transport::signals::{self, Signal};
        let handle = self.handle();
        self.signals = Some(signals::subscribe(move |signal| match signal {
            Signal::Network(network) => handle.network(network),
            Signal::Resumed { gap } => handle.resumed(gap),
            _ => {}
        }));
    }

    /// Passes on to all sessions what is known of the network.
    pub fn network(&mut self, network: Network) {
        self.tell_all(&Event::Network(network));
    }

    /// Tells all sessions that the process was suspended for this long.
    pub fn resumed(&mut self, gap: Duration) {
        self.tell_all(&Event::Resumed { gap });
    }

    /// Tells all sessions whether people see the application.
    pub fn visibility(&mut self, visibility: Visibility) {
        self.tell_all(&Event::Visibility(visibility));
    }

    fn tell_all(&mut self, event: &Event<'static>) {
        let sessions: Vec<SessionId> = self.sessions().collect();
        for session in sessions {
            self.tell(session, event.clone());
        }
    }
}
