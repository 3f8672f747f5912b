//! Where the messages come from: a thread that sends numbers at an even pace.

use std::{
    io,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use steadfast_core::{Message, MessageId, Refusal, SendOptions};

use crate::client::Sender;

/// A number that was sent, and the client's name for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sent {
    pub(crate) id: MessageId,
    pub(crate) number: u64,
}

/// How far it is with a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// It is about to be sent.
    Begins(u64),
    /// The client took it.
    Took(Sent),
}

/// The running source.
#[derive(Debug)]
pub(crate) struct Source {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<Vec<Sent>>,
}

impl Source {
    /// Sends `first`, the number after it, and so on, at `rate` messages a second, and tells of each. A client without room
    /// makes it wait, and slots missed so are not made up for.
    ///
    /// # Errors
    /// No thread can be had.
    pub(crate) fn start(
        sender: Sender,
        options: SendOptions,
        rate: u64,
        first: u64,
        tell: impl Fn(Step) + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let pause = Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX).max(1);
        let thread = thread::Builder::new()
            .name("source".into())
            .spawn(move || send(&sender, options, pause, first, &tell, &stopped))?;
        Ok(Self { stop, thread })
    }

    /// Stops it; every number that the client took, in the order of acceptance.
    pub(crate) fn stop(self) -> Vec<Sent> {
        // A source that the client turned away is over already.
        let _ = self.stop.send(());
        self.thread.join().unwrap_or_default()
    }
}

fn send(
    sender: &Sender,
    options: SendOptions,
    pause: Duration,
    first: u64,
    tell: &impl Fn(Step),
    stopped: &Receiver<()>,
) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut due = Instant::now();
    for number in first.. {
        if stopped.recv_timeout(due.saturating_duration_since(Instant::now())) != Err(RecvTimeoutError::Timeout) {
            return sent;
        }
        tell(Step::Begins(number));
        let mut message = Message::text(number.to_string());
        loop {
            match sender.send_timeout(message, options, PATIENCE) {
                Ok(id) => {
                    tell(Step::Took(Sent { id, number }));
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
