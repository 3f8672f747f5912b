//! Clauses about verdicts: one for each message, and a true one.

use steadfast_core::{Delivery, Dropped, Key, Lane, Message, MessageId, State, Verdict, config::WhenFull};

use super::{
    Checker, During,
    clause::Clause,
    ledger::{Cancel, Owed},
    same,
};

impl Checker {
    pub(super) fn verdict(&mut self, id: MessageId, verdict: Verdict, message: Option<&Message<'static>>) {
        // A start may settle what was kept before it says that the session goes on.
        if matches!(self.standing.told, State::Stopped { .. }) && !self.standing.started {
            self.blame(Clause::SettledFirst, || format!("{id} had its verdict after the session had stopped"));
        }
        let offered_twice =
            self.ledger.offer.as_ref().is_some_and(|offer| offer.id == id && offer.refused && !offer.duplicate);
        let Some(owed) = self.ledger.remove(id).filter(|_| !offered_twice) else {
            return self.blame(Clause::OneVerdict, || format!("{id} is owed no verdict, and got {verdict:?}"));
        };
        self.account.settled(verdict);
        let comes_back = matches!(verdict, Verdict::InDoubt | Verdict::Dropped(_));
        let right_message = message.map_or(!comes_back, |message| comes_back && same(message, &owed.message));
        if !right_message {
            self.blame(Clause::ComesBack, || {
                format!("{id} got {verdict:?}, and its message did not come as it should")
            });
        }
        if let Some(wrong) = self.wrong_verdict(&owed, verdict) {
            self.blame(Clause::VerdictTrue, || format!("{id} got {verdict:?}, but {wrong}"));
        }
        if let Verdict::Dropped(why) = verdict {
            self.dropped(id, &owed, why);
            if why == Dropped::Conflated
                && let Some(newer) = owed.key().and_then(|key| self.newer_than(key, id))
            {
                self.ledger.take_place(newer, owed.place);
            }
        }
        if self.during == During::Cancel(id) {
            self.cancel_settled(id, &owed, verdict);
        }
        if owed.options.durable {
            self.durable_settled(id, owed, verdict);
        }
    }

    fn cancel_settled(&mut self, id: MessageId, owed: &Owed, verdict: Verdict) {
        let right = match verdict {
            Verdict::Dropped(Dropped::Cancelled) => owed.handed.is_none(),
            Verdict::InDoubt => owed.sent_before > 0,
            Verdict::Confirmed | Verdict::Written | Verdict::Dropped(_) | Verdict::Kept => false,
        };
        if !right {
            self.blame(Clause::CancelAnswered, || format!("{id} was cancelled, and got {verdict:?}"));
        }
        self.ledger.cancel = Some((id, Cancel::Answered));
    }

    fn dropped(&mut self, id: MessageId, owed: &Owed, why: Dropped) {
        if owed.handed.is_some() {
            self.blame(Clause::HandedOverKept, || format!("{id} was dropped ({why:?}) after it was handed over"));
        }
        if let Some(first) = owed.first_on.filter(|_| self.truth) {
            self.ledger.dropped.insert(id, first);
        }
        let outbox = &self.settings.outbox;
        let is_bound = owed.options.bound_to.is_some();
        let fits = match why {
            Dropped::Displaced => {
                let is_for_another = matches!(self.during, During::Send(new) if new != id);
                let lane = self.ledger.offer.as_ref().map(|offer| offer.options.lane);
                let wrongs_control = lane == Some(Lane::Data) && owed.options.lane == Lane::Control;
                outbox.when_full == WhenFull::DropOldest && is_for_another && !is_bound && !wrongs_control
            }
            Dropped::NoRoom => !is_bound && outbox.when_full == WhenFull::DropNewest && self.during == During::Send(id),
            Dropped::Cancelled => self.during == During::Cancel(id),
            Dropped::Stopped => self.is_ending(),
            Dropped::ConnectionLost => is_bound || owed.options.delivery == Delivery::Volatile,
            Dropped::Expired => owed.expires.is_some_and(|at| at <= self.boot_time()),
            Dropped::Conflated => {
                let newer = owed.key().and_then(|key| self.newer_than(key, id));
                newer.is_some_and(|newer| self.ledger.owed[&newer].born > owed.born)
            }
            Dropped::IdentityChanged => self.is_left_behind(owed),
            Dropped::CannotConfirm => owed.options.delivery == Delivery::AtLeastOnce && !self.may_confirm(),
            _ => true,
        };
        if !fits {
            self.blame(Clause::VerdictTrue, || format!("{id} was dropped as {why:?}, which does not fit"));
        }
    }

    /// What is wrong with a verdict, if anything is.
    fn wrong_verdict(&self, owed: &Owed, verdict: Verdict) -> Option<&'static str> {
        let line = self.line.as_ref();
        match verdict {
            Verdict::Confirmed => {
                let Some(position) = owed.handed else { return Some("it was not handed over on this connection") };
                if line.is_none_or(|line| position >= line.answered) {
                    return Some("no ping behind it was answered");
                }
                (self.truth && !owed.arrived).then_some("it did not arrive")
            }
            Verdict::Written => {
                let Some(position) = owed.handed else { return Some("it was not handed over on this connection") };
                if self.may_confirm() && line.is_some_and(|line| line.can_ping) {
                    return Some("the link can confirm");
                }
                line.is_none_or(|line| position >= line.flushed).then_some("it was not flushed")
            }
            Verdict::InDoubt => self.wrong_doubt(owed),
            Verdict::Kept if !owed.options.durable => Some("it is not durable"),
            Verdict::Kept => (!self.is_ending()).then_some("the session does not stop"),
            Verdict::Dropped(_) if owed.may_have_arrived() => Some("it may have arrived"),
            Verdict::Dropped(_) => (self.truth && owed.arrived).then_some("it arrived"),
        }
    }

    /// What is sent instead of a message with this key.
    fn newer_than(&self, key: (Lane, Key), id: MessageId) -> Option<MessageId> {
        self.ledger.newest_of(key, id, self.during == During::Closed)
    }

    fn wrong_doubt(&self, owed: &Owed) -> Option<&'static str> {
        if !owed.may_have_arrived() {
            return Some("it was never handed over");
        }
        if self.is_ending() || matches!(self.during, During::Cancel(_)) || !self.may_confirm() {
            return None;
        }
        if owed.handed.is_some() {
            return Some("its connection still lives");
        }
        if owed.expires.is_some_and(|at| at <= self.boot_time()) {
            return None;
        }
        (!owed.used_up() && !self.is_left_behind(owed)).then_some("it may be sent again")
    }

    /// Whether it was accepted for somebody else than the session acts for.
    fn is_left_behind(&self, owed: &Owed) -> bool {
        owed.generation != self.badge.generation() || self.badge.is_another(owed.identity)
    }

    /// Whether the session is on its way to `Stopped`.
    pub(super) fn is_ending(&self) -> bool {
        self.standing.stopping.is_some() || self.standing.exhausted || self.standing.terminal
    }
}
