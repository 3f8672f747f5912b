//! Where the messages come from: a thread that sends numbers at an even pace.

use std::{
    io,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use steadfast_core::{Delivery, Message, MessageId, Refusal, SendOptions};

use crate::client::Sender;

/// A number that was sent, and the client's name for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sent {
    pub(crate) id: MessageId,
    pub(crate) number: u64,
}

/// The running source.
#[derive(Debug)]
pub(crate) struct Source {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<Vec<Sent>>,
}

impl Source {
    /// Sends 1, 2, 3 … at `rate` messages a second. A client without room makes it wait, and slots missed so are not
    /// made up for.
    ///
    /// # Errors
    /// No thread can be had.
    pub(crate) fn start(sender: Sender, delivery: Delivery, rate: u64) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let pause = Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX).max(1);
        let thread = thread::Builder::new()
            .name("source".into())
            .spawn(move || send(&sender, SendOptions::new(delivery), pause, &stopped))?;
        Ok(Self { stop, thread })
    }

    /// Stops it; every number that the client took, in the order of acceptance.
    pub(crate) fn stop(self) -> Vec<Sent> {
        // A source that the client turned away is over already.
        let _ = self.stop.send(());
        self.thread.join().unwrap_or_default()
    }
}

fn send(sender: &Sender, options: SendOptions, pause: Duration, stopped: &Receiver<()>) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut due = Instant::now();
    for number in 1.. {
        if stopped.recv_timeout(due.saturating_duration_since(Instant::now())) != Err(RecvTimeoutError::Timeout) {
            return sent;
        }
        let mut message = Message::text(number.to_string());
        loop {
            match sender.send_timeout(message, options, PATIENCE) {
                Ok(id) => {
                    sent.push(Sent { id, number });
                    break;
                }
                Err(error) if error.why == Refusal::Full && stopped.try_recv().is_err() => message = error.message,
                Err(_) => return sent,
            }
        }
        due = (due + pause).max(Instant::now().checked_sub(BACKLOG).unwrap_or(due));
    }
    sent
}

/// How long a send waits for room before it looks whether to stop.
const PATIENCE: Duration = Duration::from_millis(100);
/// How far the pace may lag behind and catch up again.
const BACKLOG: Duration = Duration::from_millis(100);
