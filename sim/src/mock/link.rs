//! One connection after it was accepted: what is known of it, and the two threads that read and write.

use std::{
    collections::VecDeque,
    io,
    ops::Deref,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tungstenite::protocol::frame::{CloseFrame, Frame};

use super::{
    hub::Hub,
    lock,
    pipe::Pipe,
    reading,
    record::{Ending, Received, Record, Request, Security, Side},
};

/// One connection. The server keeps it for its record; the socket is let go of when the connection is over.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) number: usize,
    pub(super) patience: Duration,
    /// Told of every change.
    hub: Arc<Hub>,
    pipe: Mutex<Option<Arc<Pipe>>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a test's, each for itself")]
pub(super) struct State {
    pub(super) request: Option<Request>,
    pub(super) security: Option<Security>,
    /// What came, and was not dropped.
    pub(super) received: VecDeque<Received>,
    /// How much of it was looked at by those who expect messages.
    pub(super) seen: usize,
    /// How many pings were expected so far.
    pub(super) seen_pings: usize,
    /// Whether what was seen is kept for the record.
    pub(super) keep: bool,
    pub(super) ending: Option<Ending>,
    /// What waits to be written, and how much of all that was ever queued the operating system has taken.
    out: VecDeque<Vec<u8>>,
    queued: u64,
    taken: u64,
    /// To be said when everything was written.
    last: Option<Last>,
    pub(super) frozen: bool,
    pub(super) answer_pings: bool,
    pub(super) answer_close: bool,
    /// Whether our close frame is queued.
    pub(super) close_sent: bool,
    /// The socket is given up: threads end.
    pub(super) over: bool,
    /// How many [hold](Hold) the socket.
    holders: usize,
}

/// The socket, as long as somebody uses it: only then is it closed.
#[derive(Debug)]
pub(super) struct Hold {
    link: Arc<Link>,
    /// Always there, until it is dropped.
    pipe: Option<Arc<Pipe>>,
}

/// How the server's way out ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Last {
    /// FIN, and TLS's own goodbye before it.
    Fin,
    /// FIN without TLS's goodbye.
    Cut,
}

impl State {
    /// Bytes that the operating system has taken since the upgrade.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }
}

impl Link {
    pub(super) fn new(number: usize, pipe: Pipe, hub: &Arc<Hub>, patience: Duration, keep: bool) -> Arc<Self> {
        let state = State {
            request: None,
            security: None,
            received: VecDeque::new(),
            seen: 0,
            seen_pings: 0,
            keep,
            ending: None,
            out: VecDeque::new(),
            queued: 0,
            taken: 0,
            last: None,
            frozen: false,
            answer_pings: true,
            answer_close: true,
            close_sent: false,
            over: false,
            holders: 0,
        };
        Arc::new(Self {
            number,
            patience,
            hub: Arc::clone(hub),
            pipe: Mutex::new(Some(Arc::new(pipe))),
            state: Mutex::new(state),
            changed: Condvar::new(),
        })
    }

    pub(super) fn record(&self) -> Record {
        let state = lock(&self.state);
        Record {
            number: self.number,
            request: state.request.clone(),
            received: state.received.iter().cloned().collect(),
            ending: state.ending.clone(),
            security: state.security.clone(),
        }
    }

    /// The socket; `None` once it was given up.
    pub(super) fn pipe(self: &Arc<Self>) -> Option<Hold> {
        let pipe = lock(&self.pipe).clone()?;
        self.change(|state| state.holders += 1);
        Some(Hold { link: Arc::clone(self), pipe: Some(pipe) })
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&lock(&self.state))
    }

    /// Changes something, and tells all who wait.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut lock(&self.state));
        self.changed.notify_all();
        self.hub.tell();
        changed
    }

    /// Waits until `ready` has something, at most until then.
    pub(super) fn wait<T>(&self, until: Instant, mut ready: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let mut state = lock(&self.state);
        loop {
            if let Some(found) = ready(&mut state) {
                return Some(found);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The first ending is the one that is told.
    pub(super) fn end(&self, ending: Ending) {
        self.change(|state| {
            state.ending.get_or_insert(ending);
        });
    }

    /// Starts to read and write frames; `tail` was read after the request.
    pub(super) fn start(self: &Arc<Self>, tail: Vec<u8>) {
        // The reader waits for the writer to end: it has to be counted first.
        self.spawn(|link, pipe| link.write_all(pipe));
        self.spawn(move |link, pipe| link.read_all(pipe, tail));
    }

    /// Does something with the socket on a thread of its own.
    pub(super) fn spawn(self: &Arc<Self>, run: impl FnOnce(&Arc<Self>, &Pipe) + Send + 'static) {
        if let Some(hold) = self.pipe() {
            thread::spawn(move || run(&hold.link, &hold));
        }
    }

    fn read_all(&self, pipe: &Pipe, tail: Vec<u8>) {
        reading::read_messages(self, pipe, tail);
        // Whoever closes with something unread resets the stream.
        reading::drain(self, pipe);
        self.change(|state| {
            state.last.get_or_insert(Last::Fin);
        });
        self.wait(Instant::now() + self.patience, |state| (state.over || state.holders == 1).then_some(()));
        self.give_up(false);
    }

    fn write_all(&self, pipe: &Pipe) {
        while let Some(chunk) = self.next_chunk() {
            let written = pipe.write(&chunk, |bytes| self.change(|state| state.taken += bytes as u64));
            if !written.unwrap_or(false) {
                return;
            }
        }
        if let Some(last) = self.look(|state| state.last.filter(|_| !state.over)) {
            pipe.finish(last == Last::Cut);
        }
    }

    /// What to write next; `None` if there will be nothing more.
    fn next_chunk(&self) -> Option<Vec<u8>> {
        let mut state = lock(&self.state);
        loop {
            if state.over {
                return None;
            }
            if let Some(chunk) = state.out.pop_front() {
                return Some(chunk);
            }
            if state.last.is_some() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets the socket go: at once if nobody uses it, else as soon as they notice.
    pub(super) fn give_up(&self, reset: bool) {
        // First, so that who is woken does not take it for the client's end.
        self.change(|state| {
            state.over = true;
            state.ending.get_or_insert(Ending::ByServer);
        });
        let pipe = lock(&self.pipe).take();
        if let Some(pipe) = pipe {
            pipe.stop(reset);
        }
    }

    /// Ends the stream once what is under way was written; at once if nothing is.
    pub(super) fn let_go(&self) {
        if self.look(|state| state.holders == 0) {
            self.give_up(false);
        } else {
            self.finish(Last::Fin);
        }
    }

    /// RST. When this returns it was sent.
    pub(super) fn reset(&self) {
        self.give_up(true);
        self.wait(Instant::now() + self.patience, |state| (state.holders == 0).then_some(()));
    }

    /// The server is dropped: FIN, and its threads end.
    pub(super) fn drop_with_server(&self) {
        self.give_up(false);
        self.wait(Instant::now() + self.patience, |state| (state.holders == 0).then_some(()));
    }

    /// Puts bytes behind those that wait.
    pub(super) fn queue(&self, bytes: Vec<u8>) {
        self.change(|state| {
            state.queued += bytes.len() as u64;
            state.out.push_back(bytes);
        });
    }

    pub(super) fn queue_frame(&self, frame: Frame) {
        self.queue(encode(frame));
    }

    /// Queues a close frame, once.
    pub(super) fn queue_close(&self, frame: Option<CloseFrame>) {
        let bytes = encode(Frame::close(frame));
        self.change(|state| {
            if !std::mem::replace(&mut state.close_sent, true) {
                state.queued += bytes.len() as u64;
                state.out.push_back(bytes);
            }
        });
    }

    /// Ends the way out when everything queued was written.
    pub(super) fn finish(&self, last: Last) {
        self.change(|state| state.last = Some(last));
    }

    /// Waits until the operating system has taken everything; says how much is left if it does not.
    pub(super) fn flushed(&self, until: Instant) -> Result<(), u64> {
        self.wait(until, |state| (state.over || state.taken == state.queued).then_some(()))
            .ok_or_else(|| self.look(|state| state.queued - state.taken))
    }

    /// Takes back those that wait and are the same as these; says how many.
    pub(super) fn unqueue(&self, bytes: &[u8]) -> u64 {
        self.change(|state| {
            let before = state.out.len();
            state.out.retain(|waiting| waiting != bytes);
            let gone = (before - state.out.len()) as u64;
            state.queued -= gone * bytes.len() as u64;
            gone
        })
    }

    /// Bytes that the operating system has taken since the upgrade.
    pub(super) fn taken(&self) -> u64 {
        self.look(|state| state.taken)
    }

    /// Bytes that wait to be taken.
    pub(super) fn waiting(&self) -> u64 {
        self.look(|state| state.queued - state.taken)
    }

    /// Reads when that is allowed and there is something. An error of the kind `ConnectionAborted` means that the
    /// connection was given up, one of the kind `TimedOut` that it is too late.
    pub(super) fn read(&self, pipe: &Pipe, buffer: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        loop {
            self.may_read()?;
            if let Some(read) = pipe.decrypted(buffer)? {
                return Ok(read);
            }
            if !pipe.readable(until)? {
                if until.is_some_and(|until| until <= Instant::now()) {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                continue;
            }
            let state = lock(&self.state);
            if state.frozen || state.over {
                continue;
            }
            // Nothing is read once somebody was told that it is frozen: that takes the lock.
            let received = pipe.receive(buffer);
            drop(state);
            pipe.answer();
            if let Some(read) = received? {
                return Ok(read);
            }
        }
    }

    /// Waits as long as nothing may be read.
    pub(super) fn may_read(&self) -> io::Result<()> {
        let mut state = lock(&self.state);
        loop {
            if state.over {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            // A server that cannot write does not read on for ever.
            if !state.frozen && state.queued - state.taken <= UNSENT_MAX {
                return Ok(());
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What the reader makes of a close frame: the answer, and the ending if that was the last word.
    pub(super) fn closed_by_client(&self, code: Option<u16>, reason: &str, answer: Option<CloseFrame>) {
        let (ours_first, answers) = self.look(|state| (state.close_sent, state.answer_close));
        if !ours_first && !answers {
            return;
        }
        let by = if ours_first { Side::Server } else { Side::Client };
        self.queue_close(answer);
        self.end(Ending::Closed { by, code, reason: reason.to_owned() });
        self.finish(Last::Fin);
    }
}

impl Deref for Hold {
    type Target = Pipe;

    fn deref(&self) -> &Pipe {
        self.pipe.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        drop(self.pipe.take());
        self.link.change(|state| state.holders -= 1);
    }
}

/// A frame as a server sends it: not masked.
pub(super) fn encode(frame: Frame) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(frame.len());
    frame.format(&mut bytes).expect("memory takes everything");
    bytes
}

/// How many bytes may wait to be written while the server still reads.
const UNSENT_MAX: u64 = 4 << 20;
