//! The session's voice: what it says is kept until handles ask for it, and who waits for it is woken.

use std::{
    sync::Arc,
    task::{Poll, Waker},
};

use steadfast_core::{
    ConnId, Epoch, Message, MessageId, Notice, Refusal, State, StateKind, Timestamp, Verdict, VerdictRun,
    wire::handshake::Accepted,
};
use steadfast_transport::{
    Failure,
    client::{
        Account, Backlog, Failures, Incoming, Lot, Place, ReceiveError, Subscribers, Ticket, Told, Waiters, Wakes,
    },
    pump::{Application, Reads, Requests, SendError},
};

use crate::{closings::Closings, refusals::Refusals};

/// Everything that the session and the handles of its client share.
#[derive(Debug)]
pub(crate) struct Voice {
    /// What is on its way out.
    pub(crate) account: Account,
    /// What came in, for each subscriber.
    queues: Vec<Option<Queue>>,
    /// How many queues hold the reads back.
    held: usize,
    /// Nothing holds the reads back any more, which the session does not know yet.
    pub(crate) resumes: bool,
    /// Whether nothing will come in: the session has stopped, or is gone.
    ended: bool,
    pub(crate) watched: Watched,
    /// Who waits for the end.
    pub(crate) closings: Closings,
    subscribers: Arc<Subscribers>,
    pub(crate) told: Told,
    failures: Failures,
    /// What was refused of the messages without a receipt.
    pub(crate) refusals: Refusals,
    /// Whom to wake when the lock is given back.
    pub(crate) wakes: Wakes,
}

/// One subscriber's queue.
#[derive(Debug)]
struct Queue {
    backlog: Backlog,
    /// How many handles take from it.
    readers: usize,
    waiters: Waiters,
}

/// The state, and who waits for a change of it.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) state: State,
    /// Rises with every change, from 1 on.
    pub(crate) version: u64,
    /// Whether the client is gone: there will be no change any more.
    pub(crate) closed: bool,
    pub(crate) waiters: Waiters,
}

impl Voice {
    pub(crate) fn new(account: Account, subscribers: Arc<Subscribers>) -> Self {
        let watched = Watched { state: State::Idle, version: 1, closed: false, waiters: Waiters::default() };
        Self {
            account,
            queues: Vec::new(),
            held: 0,
            resumes: false,
            ended: false,
            watched,
            closings: Closings::default(),
            subscribers,
            told: Told::default(),
            failures: Failures::default(),
            refusals: Refusals::default(),
            wakes: Wakes::default(),
        }
    }

    /// Reserves room for a message of this size, or lines up for it.
    #[inline]
    pub(crate) fn poll_reserve(
        &mut self,
        bytes: usize,
        ticket: &mut Option<Ticket>,
        task: &Waker,
    ) -> Poll<Result<(), Refusal>> {
        self.account.poll_reserve(bytes, ticket, task, &mut self.wakes)
    }

    /// Adds a queue with one reader; its number.
    pub(crate) fn open(&mut self, bounds: Incoming) -> usize {
        let queue = Some(Queue { backlog: Backlog::new(bounds), readers: 1, waiters: Waiters::default() });
        if let Some(free) = self.queues.iter().position(Option::is_none) {
            self.queues[free] = queue;
            return free;
        }
        self.queues.push(queue);
        self.queues.len() - 1
    }

    /// A queue has one reader more.
    pub(crate) fn join(&mut self, queue: usize) {
        if let Some(Some(queue)) = self.queues.get_mut(queue) {
            queue.readers += 1;
        }
    }

    /// A queue has one reader less. It goes with the last.
    pub(crate) fn part(&mut self, queue: usize) {
        let Some(place) = self.queues.get_mut(queue) else { return };
        let Some(known) = place else { return };
        known.readers -= 1;
        if known.readers == 0 {
            let released = known.backlog.clear();
            *place = None;
            self.release(released);
        }
    }

    /// Takes the next message out of a queue, or has this task woken when there is one.
    #[inline]
    pub(crate) fn poll_take(
        &mut self,
        queue: usize,
        place: &mut Place,
        task: &Waker,
    ) -> Poll<Result<Message<'static>, ReceiveError>> {
        if let Some(taken) = self.try_take(queue) {
            return Poll::Ready(taken);
        }
        if let Some(Some(queue)) = self.queues.get_mut(queue) {
            queue.waiters.wait(place, task, &mut self.wakes);
        }
        Poll::Pending
    }

    /// As [`poll_take`](Self::poll_take), for a reader who keeps what he is lent, and has taken all of that. If he is the only one,
    /// he is lent what waits.
    pub(crate) fn poll_take_all(
        &mut self,
        queue: usize,
        lent: &mut Lot,
        place: &mut Place,
        task: &Waker,
    ) -> Poll<Result<Message<'static>, ReceiveError>> {
        if let Some(Some(known)) = self.queues.get_mut(queue)
            && known.readers == 1
        {
            let released = known.backlog.lend(lent);
            self.release(released);
            if let Some(message) = lent.pop() {
                return Poll::Ready(Ok(message));
            }
        }
        self.poll_take(queue, place, task)
    }

    /// What a reader was lent waits again, as he is not the only one any more.
    pub(crate) fn give_back(&mut self, queue: usize, lent: &mut Lot) {
        if let Some(Some(queue)) = self.queues.get_mut(queue)
            && !lent.is_empty()
        {
            queue.backlog.give_back(lent);
        }
    }

    /// Takes the next message out of a queue, if there is one or there will be none.
    #[inline]
    pub(crate) fn try_take(&mut self, queue: usize) -> Option<Result<Message<'static>, ReceiveError>> {
        let known = self.queues.get_mut(queue)?.as_mut()?;
        match known.backlog.pop() {
            Some((message, released)) => {
                self.release(released);
                Some(Ok(message))
            }
            None => self.ended.then_some(Err(ReceiveError::Stopped)),
        }
    }

    /// Whoever had this place waits no more. If it was woken for a message that it did not take, another is.
    pub(crate) fn leave(&mut self, queue: usize, place: &mut Place) {
        let Some(Some(queue)) = self.queues.get_mut(queue) else { return };
        if queue.waiters.leave(place, &mut self.wakes) && !queue.backlog.is_empty() {
            queue.waiters.wake_all(&mut self.wakes);
        }
    }

    /// How many messages wait in a queue, and how many made room for newer ones.
    pub(crate) fn waiting(&self, queue: usize) -> (usize, u64) {
        let queue = self.queues.get(queue).and_then(Option::as_ref);
        queue.map_or((0, 0), |queue| (queue.backlog.len(), queue.backlog.missed()))
    }

    /// The session is gone, and this is the verdict of what it left unsettled.
    pub(crate) fn close(&mut self, verdict: Verdict) {
        self.account.close(verdict, &mut self.wakes);
        self.set_ended(true);
        self.wakes.absorb(self.subscribers.close());
        self.watched.closed = true;
        self.watched.waiters.wake_all(&mut self.wakes);
        self.end_closings();
    }

    /// Somebody closes the client: what ends unsettled from here on is kept for the report. Under which number he is told.
    pub(crate) fn begin_closing(&mut self) -> u64 {
        self.told.unsettled.get_or_insert_default();
        self.closings.begin()
    }

    /// Whoever waits for the end is told of it, or that there is none: it is as the state says.
    pub(crate) fn end_closings(&mut self) {
        let Self { told, watched, closings, wakes, .. } = self;
        closings.end(|| told.report(watched.state.clone()), wakes);
    }

    /// Whether nothing will come in.
    pub(crate) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// The session is started again: whoever asks for a message from here on waits for it.
    pub(crate) fn start(&mut self) {
        self.account.start();
        self.ended = false;
    }

    fn set_ended(&mut self, ended: bool) {
        self.ended = ended;
        for queue in self.queues.iter_mut().flatten() {
            queue.waiters.wake_all(&mut self.wakes);
        }
    }

    /// A queue holds the reads back no more, if `released`.
    #[inline]
    const fn release(&mut self, released: bool) {
        if released {
            self.held -= 1;
            self.resumes |= self.held == 0;
        }
    }

    fn settle(&mut self, notice: &Notice) {
        if let Notice::Verdict { verdict: Verdict::Confirmed | Verdict::Written, .. } = notice
            && !self.account.is_watched()
        {
            return;
        }
        if let Notice::Accepted { id } = notice {
            self.account.accept(*id, &mut self.wakes);
        }
        if let Some((id, outcome)) = self.told.outcome(notice)
            && !self.account.settle(id, outcome, &mut self.wakes)
            && let Notice::Refused { message, why, .. } = notice
        {
            self.refusals.refuse(id, || SendError { message: (**message).clone(), why: *why });
        }
    }

    /// A message is refused of which nobody else can be told.
    pub(crate) fn hand_back(&mut self, id: MessageId, message: Message<'static>, why: Refusal, at: Timestamp) {
        let notice = Notice::Refused { id, message: Box::new(message), why };
        self.wakes.absorb(self.subscribers.tell(at, &notice, None));
    }
}

impl Application for Voice {
    #[inline]
    fn deliver(&mut self, message: Message<'_>, _requests: &mut Requests<'_>) -> Reads {
        let Self { queues, held, wakes, .. } = self;
        let mut queues = queues.iter_mut().flatten();
        if Lot::is_short(&message) {
            for queue in queues {
                *held += usize::from(queue.push(wakes, |backlog| backlog.push_short(&message)));
            }
        } else if let Some(last) = queues.next_back() {
            let message = message.into_owned();
            for queue in queues {
                *held += usize::from(queue.push(wakes, |backlog| backlog.push(message.clone())));
            }
            *held += usize::from(last.push(wakes, |backlog| backlog.push(message)));
        }
        if self.held > 0 { Reads::Pause } else { Reads::Continue }
    }

    fn verdicts(&mut self, at: Timestamp, run: VerdictRun, requests: &mut Requests<'_>) {
        // Nearly always: nobody asks for each.
        if self.account.is_watched() || !self.subscribers.is_empty() {
            for notice in run.notices() {
                self.notify(at, notice, requests);
            }
        }
    }

    fn answers_later(&self) -> bool {
        true
    }

    fn notify(&mut self, at: Timestamp, notice: Notice, _requests: &mut Requests<'_>) {
        self.settle(&notice);
        if let Notice::Verdict { .. } = notice {
            self.wakes.absorb(self.subscribers.tell(at, &notice, None));
            return;
        }
        let failure = self.failures.of(&notice);
        self.wakes.absorb(self.subscribers.tell(at, &notice, failure.as_ref()));
        if let Notice::State(transition) = notice {
            // First the doors: whoever sees the state finds them as it says.
            let stopped = transition.to.kind() == StateKind::Stopped;
            if stopped || transition.from == StateKind::Stopped {
                self.account.set_stopped(stopped, &mut self.wakes);
            }
            if self.ended != stopped {
                self.set_ended(stopped);
            }
            self.watched.state = transition.to;
            self.watched.version += 1;
            self.watched.waiters.wake_all(&mut self.wakes);
            if stopped {
                self.end_closings();
            } else if transition.from == StateKind::Stopped {
                // A new beginning: what was left has been told.
                self.told.unsettled = None;
            }
        }
    }

    fn opened(&mut self, _conn: ConnId, accepted: &Accepted, _requests: &mut Requests<'_>) {
        self.told.subprotocol = accepted.subprotocol().map(str::to_owned);
    }

    fn failed(&mut self, _conn: ConnId, failure: &Failure, _requests: &mut Requests<'_>) {
        let failure = Arc::new(failure.clone());
        self.told.failure = Some(Arc::clone(&failure));
        self.failures.connection(failure);
    }

    fn fetch_failed(&mut self, _epoch: Epoch, failure: &Failure, _requests: &mut Requests<'_>) {
        let failure = Arc::new(failure.clone());
        self.told.failure = Some(Arc::clone(&failure));
        self.failures.fetch(failure);
    }
}

impl Queue {
    #[inline]
    fn push(&mut self, wakes: &mut Wakes, push: impl FnOnce(&mut Backlog) -> bool) -> bool {
        // All: one that is polled as a stream may have stopped to listen without a word.
        self.waiters.wake_all(wakes);
        push(&mut self.backlog)
    }
}
