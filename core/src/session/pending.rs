//! What was decided and not taken yet, and the iterator that hands it over.

use alloc::{boxed::Box, collections::VecDeque};

use crate::{
    Timestamp,
    close::CloseFrame,
    config::Heartbeat,
    message::{ConnId, Message},
    session::{action::Action, event::PingPayload, notice::Notice, outbox::Outbox},
};

/// An action as the session keeps it: a message in the outbox is known by its sequence number.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Pending {
    Connect {
        conn: ConnId,
        attempt: u32,
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
    /// The message that the event lent; made owned if it is not taken.
    DeliverLent {
        conn: ConnId,
    },
    Deliver {
        conn: ConnId,
        message: Box<Message<'static>>,
    },
    Notify(Notice),
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
            | Self::Abort { conn } => Some(*conn),
            Self::SetTimer { .. }
            | Self::CancelTimer
            | Self::DeliverLent { .. }
            | Self::Deliver { .. }
            | Self::Notify(_) => None,
        }
    }
}

/// What the session decided, to be carried out in this order; from [`Session::handle`](crate::Session::handle).
///
/// The session's state is final already: dropping this early loses nothing, as what was not taken is handed out first
/// the next time. While it lives, the compiler refuses the next event.
#[derive(Debug)]
#[must_use = "the session has decided these: carry them out, or they come again with the next event"]
pub struct Actions<'a> {
    pub(super) pending: &'a mut VecDeque<Pending>,
    pub(super) outbox: &'a Outbox,
    pub(super) heartbeat: &'a Heartbeat,
    /// The message of the event being handled, on its way through.
    pub(super) lent: Option<Message<'a>>,
    /// How many come from earlier events.
    pub(super) old: usize,
}

impl Actions<'_> {
    /// The actions that this very event led to, without taking them: for recorders and checkers.
    pub fn peek(&self) -> impl Iterator<Item = Action<'_>> {
        self.pending.iter().skip(self.old).filter_map(|pending| match pending {
            Pending::DeliverLent { conn } => {
                let message = self.lent.as_ref()?.borrowed();
                Some(Action::Deliver { conn: *conn, message })
            }
            Pending::Deliver { conn, message } => Some(Action::Deliver { conn: *conn, message: message.borrowed() }),
            other => resolve(other.clone(), self.outbox, self.heartbeat),
        })
    }
}

impl<'a> Iterator for Actions<'a> {
    type Item = Action<'a>;

    #[inline]
    fn next(&mut self) -> Option<Action<'a>> {
        loop {
            let pending = self.pending.pop_front()?;
            self.old = self.old.saturating_sub(1);
            let action = match pending {
                Pending::DeliverLent { conn } => self.lent.take().map(|message| Action::Deliver { conn, message }),
                other => resolve(other, self.outbox, self.heartbeat),
            };
            if action.is_some() {
                return action;
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.pending.len()))
    }
}

/// The action as the driver sees it; `None` if what it spoke of is gone.
fn resolve<'a>(pending: Pending, outbox: &'a Outbox, heartbeat: &'a Heartbeat) -> Option<Action<'a>> {
    Some(match pending {
        Pending::Connect { conn, attempt } => Action::Connect { conn, attempt },
        Pending::Send { conn, sequence } => {
            let entry = outbox.by_sequence(sequence)?;
            Action::Send { conn, id: entry.id, message: &entry.message }
        }
        Pending::Ping { conn, payload } => Action::Ping { conn, payload },
        Pending::Heartbeat { conn } => match heartbeat {
            Heartbeat::Text { ping, .. } => Action::Heartbeat { conn, text: ping },
            Heartbeat::Off | Heartbeat::Ping(_) | Heartbeat::Idle { .. } => return None,
        },
        Pending::Close { conn, frame } => Action::Close { conn, frame: *frame },
        Pending::Abort { conn } => Action::Abort { conn },
        Pending::SetTimer { at } => Action::SetTimer { at },
        Pending::CancelTimer => Action::CancelTimer,
        Pending::DeliverLent { .. } => return None,
        Pending::Deliver { conn, message } => Action::Deliver { conn, message: *message },
        Pending::Notify(notice) => Action::Notify(notice),
    })
}

impl Drop for Actions<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(message) = self.lent.take() {
            keep(self.pending, message);
        }
    }
}

/// Makes a message owned that was not taken while it was lent.
#[cold]
fn keep(pending: &mut VecDeque<Pending>, message: Message<'_>) {
    if let Some(place) = pending.iter_mut().find(|pending| matches!(pending, Pending::DeliverLent { .. }))
        && let Pending::DeliverLent { conn } = *place
    {
        *place = Pending::Deliver { conn, message: Box::new(message.into_owned()) };
    }
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
            Self::Connect { .. }
            | Self::Send { .. }
            | Self::Ping { .. }
            | Self::Heartbeat { .. }
            | Self::Close { .. }
            | Self::Abort { .. }
            | Self::SetTimer { .. }
            | Self::CancelTimer
            | Self::DeliverLent { .. }
            | Self::Notify(_) => None,
        }
    }
}
