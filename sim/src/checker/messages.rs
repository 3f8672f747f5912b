//! Clauses about what goes in and out: offers, refusals, sending, order, bounds.

use std::time::Duration;

use steadfast_core::{
    ConnId, Delivery, Message, MessageId, NotCancelled, Refusal, SendOptions, State, Watermark, config::WhenFull,
};

use super::{
    Checker, During,
    clause::Clause,
    ledger::{Cancel, Line, Offer, Owed},
    same,
};

impl Checker {
    pub(super) fn offered(&mut self, id: MessageId, message: &Message<'static>, options: SendOptions) {
        self.during = During::Send(id);
        let duplicate = self.ledger.owed.contains_key(&id);
        let mut before = self.ledger.held(options.bound_to.is_some());
        let replaced = options.key.filter(|_| options.bound_to.is_none());
        if let Some(old) = replaced.and_then(|key| self.ledger.newest_of((options.lane, key), id, false)) {
            before = (before.0 - 1, before.1 - self.ledger.owed[&old].message.len() as u64);
        }
        if !duplicate {
            self.ledger.generation = self.badge.generation();
            let ahead = options.bound_to.is_some() && !self.line.as_ref().is_some_and(|line| line.ready);
            self.ledger.accept(id, message, options, ahead, self.boot_time());
            self.ledger.dropped.remove(&id);
        }
        let (message, impossible) = (message.clone(), self.impossible(options));
        self.ledger.offer = Some(Offer { id, message, options, duplicate, impossible, refused: false, before });
    }

    /// Why a message with these options must be refused now, whatever else.
    fn impossible(&self, options: SendOptions) -> Option<&'static str> {
        if !self.is_wanted(options) {
            Some("the session stops or has stopped")
        } else if options.ttl.is_some_and(|ttl| ttl < Duration::from_micros(1)) {
            Some("it has no time to live")
        } else if options.bound_to.is_some_and(|conn| !self.is_open_as(conn)) {
            Some("it is bound to a connection that is not open")
        } else if options.delivery == Delivery::Volatile && !matches!(self.standing.told, State::Open { .. }) {
            Some("it is volatile, and nothing is open")
        } else if options.durable && !self.can_store(options) {
            Some("it cannot be stored")
        } else {
            None
        }
    }

    /// Whether the session takes messages with these options at all: one that drains takes what its connection needs.
    fn is_wanted(&self, options: SendOptions) -> bool {
        let drains = self.standing.stopping.as_ref().map(|stop| stop.closing.is_none());
        drains.is_none_or(|drains| drains && options.bound_to.is_some())
            && !matches!(self.standing.told, State::Stopped { .. })
    }

    pub(super) fn refused(&mut self, id: MessageId, message: &Message<'static>, why: Refusal) {
        if self.refused_while_stored(id, message, why) {
            return;
        }
        let Some(mut offer) = self.ledger.offer.take().filter(|offer| offer.id == id && !offer.refused) else {
            return self.blame(Clause::OneVerdict, || format!("{id} was refused although it was not offered now"));
        };
        if !same(&offer.message, message) {
            self.blame(Clause::ComesBack, || format!("{id} was refused and came back as another message"));
        }
        if !offer.duplicate {
            match self.ledger.remove(id) {
                None => self.blame(Clause::OneVerdict, || format!("{id} had its verdict, and was refused")),
                Some(owed) if owed.handed.is_some() => {
                    self.blame(Clause::OneVerdict, || format!("{id} was sent, and refused"));
                }
                Some(_) => {}
            }
        }
        if !self.refusal_is_true(&offer, why) {
            self.blame(Clause::RefusalTrue, || format!("{id} was refused as {why:?}, which it is not"));
        }
        offer.refused = true;
        self.account.refused += 1;
        self.ledger.offer = Some(offer);
    }

    fn refusal_is_true(&self, offer: &Offer, why: Refusal) -> bool {
        let outbox = &self.settings.outbox;
        let (messages, bytes) = offer.before;
        let len = offer.message.len() as u64;
        match why {
            Refusal::DuplicateId => offer.duplicate,
            Refusal::Full if offer.options.bound_to.is_some() => !self.bound_fits(messages, bytes, len),
            Refusal::Full => {
                (outbox.when_full != WhenFull::DropNewest || offer.options.durable)
                    && (messages >= u64::from(outbox.max_messages) || bytes + len > outbox.max_bytes as u64)
            }
            Refusal::TooLarge => len > outbox.max_bytes as u64,
            Refusal::NotOpen => offer.options.delivery == Delivery::Volatile && !self.takes_volatile(),
            Refusal::NotThatConnection => offer.options.bound_to.is_some_and(|conn| !self.is_open_as(conn)),
            Refusal::CannotConfirm => offer.options.delivery == Delivery::AtLeastOnce && !self.may_confirm(),
            Refusal::Stopped => !self.is_wanted(offer.options),
            Refusal::Expired => offer.options.ttl.is_some_and(|ttl| ttl < Duration::from_micros(1)),
            Refusal::CannotStore => offer.options.durable && !self.can_store(offer.options),
            _ => true,
        }
    }

    fn can_store(&self, options: SendOptions) -> bool {
        let is_free = options.bound_to.is_none() && options.key.is_none();
        self.settings.store && is_free && options.delivery == Delivery::AtLeastOnce
    }

    /// Whether one more message of `len` bytes may be bound to the connection: the first may always.
    fn bound_fits(&self, messages: u64, bytes: u64, len: u64) -> bool {
        let window = &self.settings.confirm;
        messages == 0 || messages < u64::from(window.max_messages) && bytes + len <= window.max_bytes as u64
    }

    /// Whether a volatile message could be sent now.
    fn takes_volatile(&self) -> bool {
        matches!(self.standing.told, State::Open { ready: true, .. })
    }

    fn is_open_as(&self, conn: ConnId) -> bool {
        matches!(self.standing.told, State::Open { conn: open, .. } if open == conn)
    }

    /// Whether anything can confirm, as far as is known.
    pub(super) fn may_confirm(&self) -> bool {
        let confirms = self.settings.confirm.enabled && self.settings.answer_timeout.is_some();
        confirms && self.standing.can_ping
    }

    /// All actions of the event are known: what had to be answered was.
    pub(super) fn sent_all_answers(&mut self) {
        if let Some(offer) = self.ledger.offer.take().filter(|offer| !offer.refused) {
            if offer.options.durable {
                self.is_being_stored(offer.id);
            } else {
                self.is_plain_now(offer.id);
                self.account.accepted += 1;
            }
            if offer.duplicate {
                self.blame(Clause::RefusalTrue, || format!("{} was accepted twice", offer.id));
            }
            if let Some(why) = offer.impossible {
                self.blame(Clause::RefusalTrue, || format!("{} was accepted, and {why}", offer.id));
            }
        }
        if let Some((id, Cancel::Asked { .. })) = self.ledger.cancel.take() {
            self.blame(Clause::CancelAnswered, || format!("the cancel of {id} had no answer"));
        }
    }

    pub(super) fn cancel_asked(&mut self, id: MessageId) {
        self.during = During::Cancel(id);
        let owed = self.ledger.owed.get(&id);
        let handed = owed.is_some_and(|owed| owed.handed.is_some());
        self.ledger.cancel = Some((id, Cancel::Asked { known: owed.is_some(), handed }));
    }

    pub(super) fn not_cancelled(&mut self, id: MessageId, why: NotCancelled) {
        let right = match (self.ledger.cancel, why) {
            (Some((asked, Cancel::Asked { known, .. })), NotCancelled::Unknown) => asked == id && !known,
            (Some((asked, Cancel::Asked { handed, .. })), NotCancelled::HandedOver) => asked == id && handed,
            _ => false,
        };
        if !right {
            self.blame(Clause::CancelAnswered, || format!("{id} was not cancelled as {why:?}, which it is not"));
        }
        self.ledger.cancel = Some((id, Cancel::Answered));
    }

    pub(super) fn sent(&mut self, conn: ConnId, id: MessageId, message: &Message<'static>) {
        if !self.may_send_on(conn) {
            self.blame(Clause::LiveConnection, || format!("{id} was sent on {conn}, which does not take it"));
        }
        let Some(owed) = self.ledger.owed.get(&id) else {
            return self.blame(Clause::SendsOwed, || format!("{id} was sent, but is not owed"));
        };
        let options = owed.options;
        if options.durable {
            self.sent_stored(id);
        }
        let Some(owed) = self.ledger.owed.get(&id) else { return };
        let twice = owed.handed.is_some();
        let changed = !same(&owed.message, message);
        let repeated = owed.sent_before > 0;
        let again = owed.sent_before > 0 && owed.used_up();
        let expired = owed.expires.is_some_and(|at| at < self.boot_time());
        let (generation, whose) = (owed.generation, owed.identity);
        if twice {
            return self.blame(Clause::SendsOwed, || format!("{id} was sent twice on {conn}"));
        }
        if changed {
            self.blame(Clause::SendsOwed, || format!("{id} was sent as another message than was accepted"));
        }
        if again {
            self.blame(Clause::ResendsAllowed, || format!("{id} was sent again on {conn}"));
        }
        if expired {
            self.blame(Clause::ExpiresInTime, || format!("{id} was sent on {conn} after its time"));
        }
        self.account.sent += 1;
        self.account.sent_bytes += message.len() as u64;
        self.account.resent += u64::from(repeated);
        self.sent_as(conn, id, generation, whose);
        self.keeps_order(conn, id, options);
        self.keeps_hand_over_bound(id, message.len() as u64);
        self.keeps_rate(id, message.len() as u64);
        if let Some(line) = &mut self.line {
            self.ledger.hand_over(id, conn, line.handed);
            line.handed += 1;
            line.unflushed(self.now);
        }
    }

    fn keeps_order(&mut self, conn: ConnId, id: MessageId, options: SendOptions) {
        let ready = self.line.as_ref().is_some_and(|line| line.ready);
        let place = |owed: &Owed| (owed.line, owed.place);
        let here = self.ledger.owed.get(&id).map(place);
        match options.bound_to {
            Some(bound) if bound != conn => {
                return self.blame(Clause::SendsOwed, || format!("{id} is bound to {bound}, and was sent on {conn}"));
            }
            None if !ready => {
                return self.blame(Clause::WaitsForReady, || format!("{id} was sent on {conn} before it was ready"));
            }
            Some(_) | None => {}
        }
        // What is sent shows that it is ready.
        let Some(next) = self.ledger.next(true, self.settings.outbox.control_burst).filter(|next| *next != id) else {
            return;
        };
        let there = self.ledger.owed.get(&next).map(place);
        let lanes = [Line::Control, Line::Data];
        let in_lanes = |place: Option<(Line, u64)>| place.is_some_and(|(line, _)| lanes.contains(&line));
        let same_line = here.map(|(line, _)| line) == there.map(|(line, _)| line);
        let clause =
            if !same_line && in_lanes(here) && in_lanes(there) { Clause::LanesTakeTurns } else { Clause::InOrder };
        self.blame(clause, || format!("{id} was sent on {conn}, and {next} was next"));
    }

    fn keeps_hand_over_bound(&mut self, id: MessageId, bytes: u64) {
        let confirm = &self.settings.confirm;
        let (messages, unconfirmed) = self.ledger.unconfirmed;
        let over = messages >= u64::from(confirm.max_messages) || unconfirmed + bytes > confirm.max_bytes as u64;
        if over && messages > 0 {
            self.blame(Clause::HandOverBounded, || {
                format!("{id} was handed over on top of {messages} messages with {unconfirmed} bytes")
            });
        }
    }

    pub(super) fn outbox_is_bounded(&mut self) {
        let outbox = &self.settings.outbox;
        let (messages, bytes) = self.ledger.held(false);
        let over = messages > u64::from(outbox.max_messages) || bytes > outbox.max_bytes as u64;
        if over && !self.is_past_bounds() {
            self.blame(Clause::OutboxBounded, || format!("the outbox holds {messages} messages with {bytes} bytes"));
        }
        let (messages, bytes) = self.ledger.held(true);
        let window = &self.settings.confirm;
        if messages > 1 && (messages > u64::from(window.max_messages) || bytes > window.max_bytes as u64) {
            self.blame(Clause::OutboxBounded, || format!("{messages} messages with {bytes} bytes are bound"));
        }
    }

    pub(super) fn watermark(&mut self, mark: Watermark, messages: u32, bytes: u64) {
        let high = mark == Watermark::High;
        if high == self.ledger.mark_high {
            self.blame(Clause::WatermarksTurn, || format!("{mark:?} was told twice in a row"));
        }
        self.ledger.mark_high = high;
        let outbox = &self.settings.outbox;
        let percent = |part: u64, whole: u64| u128::from(part) * 100 / u128::from(whole.max(1));
        let full = percent(messages.into(), outbox.max_messages.into()).max(percent(bytes, outbox.max_bytes as u64));
        let right =
            if high { full >= u128::from(outbox.high_watermark) } else { full <= u128::from(outbox.low_watermark) };
        if !right {
            self.blame(Clause::WatermarksTurn, || format!("{mark:?} was told with {messages} messages, {bytes} bytes"));
        }
    }
}
