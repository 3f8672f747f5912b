//! Durable messages: handed to the store, taken from it, forgotten.

use alloc::{boxed::Box, vec::Vec};

use crate::{
    lease::Identity,
    message::{Message, MessageId},
    options::{Delivery, SendOptions},
    session::{
        Session,
        action::Persist,
        notice::{Dropped, Notice, Refusal, StoreError, Verdict},
        outbox::Entry,
        pending::Pending,
        phase::Phase,
        settle,
    },
};

impl Session {
    /// Whether a message with these options can be stored.
    pub(super) fn can_store(&self, options: &SendOptions) -> bool {
        let is_free = options.bound_to.is_none() && options.key.is_none();
        self.config.store && is_free && options.delivery == Delivery::AtLeastOnce
    }

    /// Has a message stored that waits in the outbox. Where somebody will be named, nothing is stored for nobody: the next process
    /// may act for somebody else, who is not to send it.
    #[cold]
    pub(super) fn persist(&mut self, id: MessageId, message: Message<'static>, options: SendOptions) {
        let identity = self.identity();
        if identity.is_none() && self.config.credentials.is_some() {
            return;
        }
        self.pending.push_back(Pending::Persist(Box::new(Persist { id, message, options, identity })));
    }

    /// It is known for whom what waits to be stored is. Without credentials that was asked for at once.
    pub(super) fn persist_what_waits(&mut self) {
        if self.config.credentials.is_none() {
            return;
        }
        for (id, message, options) in self.outbox.to_be_stored(self.boot_time()) {
            self.persist(id, message, options);
        }
    }

    /// The store has answered.
    pub(super) fn persisted(&mut self, id: MessageId, result: Result<(), StoreError>) {
        match result {
            Ok(()) => {
                if !self.outbox.stored(id) {
                    return;
                }
                self.account.accepted += 1;
                self.notify(Notice::Accepted { id });
            }
            Err(why) => {
                let Some(message) = self.outbox.withdraw(id) else { return };
                self.refuse(id, message, Refusal::NotStored(why));
                self.judge_low_mark();
            }
        }
        // What waited behind it may go.
        self.pump(false);
        self.judge_drain();
    }

    /// The store has held a message since an earlier process.
    pub(super) fn restored(
        &mut self,
        id: MessageId,
        message: Message<'static>,
        options: SendOptions,
        identity: Option<Identity>,
    ) {
        if self.config.store && matches!(self.phase, Phase::Idle | Phase::Stopped { .. }) {
            let identity = identity.or(self.identity());
            self.outbox.keep(Entry::restored(id, message, options, identity, self.boot_time()));
        }
    }

    /// The session starts, or hears for whom it acts, and goes on with what the store has kept. Without credentials it may never
    /// hear that: then what is for somebody stays where it is.
    pub(super) fn take_up_kept(&mut self) {
        let (identity, will_know) = (self.identity(), self.config.credentials.is_some());
        for entry in self.outbox.take_kept() {
            if identity.is_none() && !will_know && entry.is_for_somebody() {
                self.outbox.keep(entry);
                continue;
            }
            match self.outbox.take_up(entry, identity) {
                Some(Ok(id)) => {
                    self.account.accepted += 1;
                    self.notify(Notice::Accepted { id });
                }
                Some(Err(settled)) => {
                    self.account.accepted += 1;
                    self.notify(Notice::Accepted { id: settled.id });
                    settle(&mut self.account, &mut self.pending, settled);
                }
                None => {}
            }
        }
        self.judge_high_mark();
    }
}

/// Messages to be forgotten, in runs of ids that rise by one.
#[derive(Default)]
pub(super) struct Forgets(Vec<(MessageId, u32)>);

impl Forgets {
    #[cold]
    pub(super) fn push(&mut self, id: MessageId) {
        match self.0.last_mut() {
            Some((first, count)) if first.0.checked_add(u64::from(*count)) == Some(id.0) => *count += 1,
            _ => self.0.push((id, 1)),
        }
    }

    pub(super) fn into_pending(self) -> impl Iterator<Item = Pending> {
        self.0.into_iter().map(|(first, count)| Pending::Forget { first, count })
    }
}

/// Why a message is not accepted that was taken out of the outbox before it was stored.
pub(super) const fn refusal(verdict: Verdict) -> Refusal {
    match verdict {
        Verdict::Dropped(Dropped::Cancelled) => Refusal::Cancelled,
        Verdict::Dropped(Dropped::Expired) => Refusal::Expired,
        Verdict::Dropped(Dropped::CannotConfirm) => Refusal::CannotConfirm,
        Verdict::Dropped(Dropped::IdentityChanged) => Refusal::IdentityChanged,
        Verdict::Dropped(Dropped::Displaced | Dropped::NoRoom | Dropped::Conflated) => Refusal::Full,
        Verdict::Dropped(Dropped::Stopped | Dropped::ConnectionLost)
        | Verdict::Confirmed
        | Verdict::Written
        | Verdict::InDoubt
        | Verdict::Kept => Refusal::Stopped,
    }
}
