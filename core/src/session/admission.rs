//! Whether a message is accepted: what is refused and why, and where room is made for what is not.

use alloc::boxed::Box;

use crate::{
    config::WhenFull,
    message::{ConnId, Message, MessageId},
    options::{Delivery, SendOptions},
    session::{
        Session,
        notice::{Notice, Refusal},
        outbox::{Need, Slot},
        phase::{Intent, Phase},
        settle,
    },
    time::micros,
};

/// How a message is accepted.
pub(super) enum Admission {
    /// In its place: `ahead` of what waits, or at the end of its lane.
    Queue { ahead: bool },
    /// In the place of one that waits, and is settled by it.
    Replace(Slot),
    /// There is no room, and the policy is to drop the newest.
    DropAtOnce,
}

impl Session {
    #[cold]
    pub(super) fn refuse(&mut self, id: MessageId, message: Message<'static>, why: Refusal) {
        self.account.refused += 1;
        self.notify(Notice::Refused { id, message: Box::new(message), why });
    }

    #[inline]
    pub(super) fn admit(&mut self, id: MessageId, len: usize, options: &SendOptions) -> Result<Admission, Refusal> {
        // What a connection needs before it is ready, a drain needs too.
        let is_wanted = match self.intent {
            Intent::Run => true,
            Intent::Drain { .. } => options.bound_to.is_some(),
            Intent::Stop { .. } => false,
        };
        if !is_wanted || matches!(self.phase, Phase::Stopped { .. }) {
            return Err(Refusal::Stopped);
        }
        if self.outbox.contains(id) {
            return Err(Refusal::DuplicateId);
        }
        if options.ttl.is_some_and(|ttl| micros(ttl) == 0) {
            return Err(Refusal::Expired);
        }
        if options.durable && !self.can_store(options) {
            return Err(Refusal::CannotStore);
        }
        let open = self.open_link().map(|link| (link.conn, link.ready));
        if let Some(bound) = options.bound_to {
            return self.admit_bound(bound, open, len);
        }
        match options.delivery {
            Delivery::Volatile if !open.is_some_and(|(_, ready)| ready) => return Err(Refusal::NotOpen),
            Delivery::AtLeastOnce if !self.config.confirms() || self.can_ping == Some(false) => {
                return Err(Refusal::CannotConfirm);
            }
            Delivery::Volatile | Delivery::AtMostOnce | Delivery::AtLeastOnce => {}
        }
        let bounds = &self.config.outbox;
        if len > bounds.max_bytes {
            return Err(Refusal::TooLarge);
        }
        let replaces = self.outbox.replaced_by(options.lane, options.key);
        let need = Need { len, lane: options.lane, replaces };
        if !self.outbox.has_room(need, bounds) {
            match bounds.when_full {
                WhenFull::Refuse => return Err(Refusal::Full),
                // It would have to be stored to be accepted.
                WhenFull::DropNewest if options.durable => return Err(Refusal::Full),
                WhenFull::DropNewest => return Ok(Admission::DropAtOnce),
                WhenFull::DropOldest => {
                    let (account, pending) = (&mut self.account, &mut self.pending);
                    self.outbox.make_room(need, bounds, |settled| settle(account, pending, settled))?;
                }
            }
        }
        Ok(replaces.map_or(Admission::Queue { ahead: false }, Admission::Replace))
    }

    /// A message for the open connection alone. It has bounds of its own, those of the window: a full outbox must not keep
    /// a connection from being made ready to empty it.
    fn admit_bound(&self, bound: ConnId, open: Option<(ConnId, bool)>, len: usize) -> Result<Admission, Refusal> {
        let Some((_, is_ready)) = open.filter(|(conn, _)| *conn == bound) else {
            return Err(Refusal::NotThatConnection);
        };
        if len > self.config.outbox.max_bytes {
            return Err(Refusal::TooLarge);
        }
        if !self.outbox.has_room_for_bound(len, &self.config.confirm) {
            return Err(Refusal::Full);
        }
        Ok(Admission::Queue { ahead: !is_ready })
    }
}
