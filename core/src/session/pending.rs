//! What was decided and not taken yet, and the iterator that hands it over.

use alloc::{boxed::Box, collections::VecDeque};
use core::num::NonZeroU64;

use crate::{
    Timestamp,
    close::CloseFrame,
    config::Heartbeat,
    lease::{Epoch, FetchReason, Identity},
    message::{ConnId, Message, MessageId},
    session::{
        action::{Action, Persist},
        endpoints::EndpointId,
        event::PingPayload,
        notice::{Notice, Verdict},
        outbox::Outbox,
    },
};

/// An action as the session keeps it: a message in the outbox is known by its sequence number.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Pending {
    Connect {
        conn: ConnId,
        attempt: u32,
        /// The epoch, which is never 0: so that it fits beside the rest.
        #[cfg_attr(feature = "serde", serde(default))]
        credentials: Option<NonZeroU64>,
        #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "EndpointId::is_first"))]
        endpoint: EndpointId,
    },
    Send {
        conn: ConnId,
        sequence: u64,
    },
    Ping {
        conn: ConnId,
        payload: PingPayload,
    },
    Heartbeat {
        conn: ConnId,
    },
    Close {
        conn: ConnId,
        frame: Box<CloseFrame>,
    },
    Abort {
        conn: ConnId,
    },
    SetTimer {
        at: Timestamp,
    },
    CancelTimer,
    Deliver {
        conn: ConnId,
        message: Box<Message<'static>>,
    },
    /// The same verdict, without the messages, for so many whose ids rise by one: the usual one. One pong confirms
    /// hundreds.
    Verdicts {
        first: MessageId,
        count: u32,
        verdict: Verdict,
    },
    Notify(Notice),
    FetchCredentials(Box<Fetch>),
    Present {
        conn: ConnId,
        epoch: Epoch,
    },
    Persist(Box<Persist>),
    /// So many whose ids rise by one.
    Forget {
        first: MessageId,
        count: u32,
    },
}

/// What is to be fetched: rare, and so not where it would make every action larger.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Fetch {
    pub(super) epoch: Epoch,
    pub(super) reason: FetchReason,
    pub(super) identity: Option<Identity>,
}

impl Pending {
    /// The connection that the action is for, if it goes out on one.
    pub(super) const fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Connect { conn, .. }
            | Self::Send { conn, .. }
            | Self::Ping { conn, .. }
            | Self::Heartbeat { conn }
            | Self::Close { conn, .. }
            | Self::Present { conn, .. }
            | Self::Abort { conn } => Some(*conn),
            Self::SetTimer { .. }
            | Self::CancelTimer
            | Self::Deliver { .. }
            | Self::Verdicts { .. }
            | Self::FetchCredentials(_)
            | Self::Notify(_)
            | Self::Persist(_)
            | Self::Forget { .. } => None,
        }
    }

    /// How many actions it stands for.
    const fn actions(&self) -> usize {
        match self {
            Self::Verdicts { count, .. } | Self::Forget { count, .. } => *count as usize,
            Self::Connect { .. }
            | Self::Send { .. }
            | Self::Ping { .. }
            | Self::Heartbeat { .. }
            | Self::Close { .. }
            | Self::Abort { .. }
            | Self::SetTimer { .. }
            | Self::CancelTimer
            | Self::Deliver { .. }
            | Self::FetchCredentials(_)
            | Self::Present { .. }
            | Self::Notify(_)
            | Self::Persist(_) => 1,
        }
    }

    /// The action with this index, without taking it; `None` if what it spoke of is gone.
    fn peek<'a>(&'a self, index: usize, outbox: &'a Outbox, heartbeat: &'a Heartbeat) -> Option<Action<'a>> {
        match self {
            Self::Deliver { conn, message } => Some(Action::Deliver { conn: *conn, message: message.borrowed() }),
            Self::Verdicts { first, verdict, .. } => Some(verdict_on(MessageId(first.0 + index as u64), *verdict)),
            Self::Forget { first, .. } => Some(Action::Forget { id: MessageId(first.0 + index as u64) }),
            other => resolve(other.clone(), outbox, heartbeat),
        }
    }
}

/// How many actions these stand for.
#[cfg(feature = "trace")]
pub(super) fn actions(pending: &VecDeque<Pending>) -> usize {
    pending.iter().map(Pending::actions).sum()
}

/// What the session decided, to be carried out in this order; from [`Session::handle`](crate::Session::handle).
///
/// The session's state is final already: dropping this early loses nothing, as what was not taken is handed out first
/// the next time (but do not [forget](core::mem::forget) it). While it lives, the compiler refuses the next event.
#[derive(Debug)]
#[must_use = "the session has decided these: carry them out, or they come again with the next event"]
pub struct Actions<'a> {
    pub(super) pending: &'a mut VecDeque<Pending>,
    pub(super) outbox: &'a Outbox,
    pub(super) heartbeat: &'a Heartbeat,
    /// How many of `pending` come from earlier events, and so before what follows.
    pub(super) old: usize,
    /// The connection of what follows.
    pub(super) conn: ConnId,
    /// A message handed over just now, by its sequence number: the usual case, kept out of the queue.
    pub(super) sent: Option<u64>,
    /// The message of the event being handled, on its way through.
    pub(super) lent: Option<Message<'a>>,
}

/// The same verdict for messages whose ids rise by one, which it leaves nothing to decide for: what a run of
/// [`Notice::Verdict`]s says without their messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct VerdictRun {
    /// The first of them.
    pub first: MessageId,
    /// How many they are, at least one.
    pub count: u32,
    /// What became of each.
    pub verdict: Verdict,
}

impl VerdictRun {
    /// What is said of each of them, in order.
    #[must_use]
    pub fn notices(self) -> impl ExactSizeIterator<Item = Notice> {
        let Self { first, count, verdict } = self;
        (0..count).map(move |index| Notice::Verdict {
            id: MessageId(first.0 + u64::from(index)),
            verdict,
            message: None,
        })
    }
}

impl Actions<'_> {
    /// The next actions, all at once, if they are [`Action::Notify`] with the same verdict for a run of messages, without these:
    /// one pong confirms hundreds. `None` if something else comes next, or nothing.
    ///
    /// A driver need not ask for it: what is not taken in this way comes from the iterator, one by one.
    #[inline]
    pub fn next_run(&mut self) -> Option<VerdictRun> {
        let comes_next = self.old > 0 || self.sent.is_none() && self.lent.is_none();
        let &Pending::Verdicts { first, count, verdict } = self.pending.front().filter(|_| comes_next)? else {
            return None;
        };
        self.pending.pop_front();
        self.old = self.old.saturating_sub(1);
        Some(VerdictRun { first, count, verdict })
    }

    /// How many wait to be taken, those of earlier events included.
    #[cfg(feature = "trace")]
    pub(crate) fn untaken(&self) -> usize {
        actions(self.pending) + usize::from(self.sent.is_some()) + usize::from(self.lent.is_some())
    }

    /// The actions that this very event led to, without taking them: for recorders and checkers.
    pub fn peek(&self) -> impl Iterator<Item = Action<'_>> {
        let sent = self.sent.and_then(|sequence| send(self.conn, sequence, self.outbox));
        let lent = self.lent.as_ref().map(|lent| Action::Deliver { conn: self.conn, message: lent.borrowed() });
        let queued = self.pending.iter().skip(self.old).flat_map(|pending| {
            (0..pending.actions()).filter_map(|index| pending.peek(index, self.outbox, self.heartbeat))
        });
        sent.into_iter().chain(lent).chain(queued)
    }
}

impl<'a> Iterator for Actions<'a> {
    type Item = Action<'a>;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "measured: a third of the cost of what comes in otherwise")]
    fn next(&mut self) -> Option<Action<'a>> {
        if self.old == 0 {
            if let Some(sequence) = self.sent.take() {
                return send(self.conn, sequence, self.outbox);
            }
            if let Some(message) = self.lent.take() {
                return Some(Action::Deliver { conn: self.conn, message });
            }
        }
        if self.pending.is_empty() { None } else { self.next_pending() }
    }
}

impl<'a> Actions<'a> {
    #[inline]
    fn next_pending(&mut self) -> Option<Action<'a>> {
        loop {
            match self.pending.front_mut()? {
                Pending::Verdicts { first, count, verdict } if *count > 1 => {
                    return Some(verdict_on(next_of(first, count), *verdict));
                }
                Pending::Forget { first, count } if *count > 1 => {
                    return Some(Action::Forget { id: next_of(first, count) });
                }
                _ => {}
            }
            let pending = self.pending.pop_front()?;
            self.old = self.old.saturating_sub(1);
            let action = resolve(pending, self.outbox, self.heartbeat);
            if action.is_some() {
                return action;
            }
        }
    }
}

#[inline]
fn send(conn: ConnId, sequence: u64, outbox: &Outbox) -> Option<Action<'_>> {
    let entry = outbox.by_sequence(sequence)?;
    Some(Action::Send { conn, id: entry.id, message: &entry.message })
}

/// Takes the first of a run of more than one.
#[inline]
const fn next_of(first: &mut MessageId, count: &mut u32) -> MessageId {
    let id = *first;
    first.0 += 1;
    *count -= 1;
    id
}

/// A verdict without its message.
#[inline]
const fn verdict_on(id: MessageId, verdict: Verdict) -> Action<'static> {
    Action::Notify(Notice::Verdict { id, verdict, message: None })
}

/// The action as the driver sees it; `None` if what it spoke of is gone.
fn resolve<'a>(pending: Pending, outbox: &'a Outbox, heartbeat: &'a Heartbeat) -> Option<Action<'a>> {
    Some(match pending {
        Pending::Connect { conn, attempt, credentials, endpoint } => {
            let credentials = credentials.map(|epoch| Epoch(epoch.get()));
            Action::Connect { conn, attempt, endpoint, credentials }
        }
        Pending::Send { conn, sequence } => return send(conn, sequence, outbox),
        Pending::Ping { conn, payload } => Action::Ping { conn, payload },
        Pending::Heartbeat { conn } => match heartbeat {
            Heartbeat::Text { ping, .. } => Action::Heartbeat { conn, text: ping },
            Heartbeat::Off | Heartbeat::Ping(_) | Heartbeat::Idle { .. } => return None,
        },
        Pending::Close { conn, frame } => Action::Close { conn, frame: *frame },
        Pending::Abort { conn } => Action::Abort { conn },
        Pending::SetTimer { at } => Action::SetTimer { at },
        Pending::CancelTimer => Action::CancelTimer,
        Pending::Deliver { conn, message } => Action::Deliver { conn, message: *message },
        Pending::Verdicts { first, verdict, .. } => verdict_on(first, verdict),
        Pending::Notify(notice) => Action::Notify(notice),
        Pending::FetchCredentials(fetch) => {
            let Fetch { epoch, reason, identity } = *fetch;
            Action::FetchCredentials { epoch, reason, identity }
        }
        Pending::Present { conn, epoch } => Action::Present { conn, epoch },
        Pending::Persist(persist) => Action::Persist(persist),
        Pending::Forget { first, .. } => Action::Forget { id: first },
    })
}

/// Actions as they were written, not believed until they are checked.
#[cfg(feature = "serde")]
pub(super) fn checked<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<VecDeque<Pending>, D::Error> {
    let pending: VecDeque<Pending> = serde::Deserialize::deserialize(deserializer)?;
    let is_run = |pending: &Pending| match pending {
        Pending::Verdicts { first, count, .. } | Pending::Forget { first, count } => {
            *count > 0 && first.0.checked_add(u64::from(*count)).is_some()
        }
        _ => true,
    };
    if pending.iter().all(is_run) {
        Ok(pending)
    } else {
        Err(serde::de::Error::custom("verdicts, forget: expected at least one, on ids below 2^64"))
    }
}

impl Drop for Actions<'_> {
    #[inline]
    fn drop(&mut self) {
        // By parts, so that the whole need not lie in memory.
        if let Some(sequence) = self.sent.take() {
            keep(self.pending, self.old, Pending::Send { conn: self.conn, sequence });
        }
        if let Some(message) = self.lent.take() {
            keep_message(self.pending, self.old, self.conn, message);
        }
    }
}

/// Puts what was not taken into its place in the queue.
#[cold]
fn keep(queue: &mut VecDeque<Pending>, place: usize, pending: Pending) {
    queue.insert(place, pending);
}

#[cold]
fn keep_message(queue: &mut VecDeque<Pending>, place: usize, conn: ConnId, message: Message<'_>) {
    keep(queue, place, Pending::Deliver { conn, message: Box::new(message.into_owned()) });
}

impl Pending {
    /// The message that the action holds, if it holds one.
    #[cfg(feature = "trace")]
    pub(super) fn message_mut(&mut self) -> Option<&mut Message<'static>> {
        match self {
            Self::Deliver { message, .. }
            | Self::Notify(Notice::Refused { message, .. } | Notice::Verdict { message: Some(message), .. }) => {
                Some(message)
            }
            Self::Persist(persist) => Some(&mut persist.message),
            Self::Connect { .. }
            | Self::Send { .. }
            | Self::Ping { .. }
            | Self::Heartbeat { .. }
            | Self::Close { .. }
            | Self::Abort { .. }
            | Self::SetTimer { .. }
            | Self::CancelTimer
            | Self::Verdicts { .. }
            | Self::FetchCredentials(_)
            | Self::Present { .. }
            | Self::Forget { .. }
            | Self::Notify(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_that_waits_is_no_larger_than_four_words() {
        assert!(size_of::<Pending>() <= 32, "{}", size_of::<Pending>());
    }
}
