//! Clauses about pings: their interval, and the pace of those that confirm.

use steadfast_core::{ConnId, MessageId, PingPayload, config::Heartbeat};

use super::{Checker, During, Ping, clause::Clause};

impl Checker {
    pub(super) fn pinged(&mut self, conn: ConnId, payload: PingPayload) {
        if !self.may_send_on(conn) {
            return self.blame(Clause::LiveConnection, || format!("{conn} was pinged, which does not take it"));
        }
        if let Some(wrong) = self.wrong_ping() {
            self.blame(Clause::BarrierPaced, || format!("{conn} was pinged {wrong}"));
        }
        self.account.pings += 1;
        let now = self.now;
        let is_text = self.heartbeat_is_text();
        if let Some(line) = &mut self.line {
            line.changed = false;
            line.overdue = false;
            if line.doubtful.is_some() {
                line.grace = now;
            }
            let ordinal = line.ask(now);
            line.pings.push_back(Ping { ordinal, payload, at: now, covers: line.handed, flushed: None });
            line.covered = line.handed;
            line.last_frame = Some(now);
            if !is_text {
                line.pinged = now;
            }
        }
    }

    /// What is wrong with a ping now, if anything is.
    fn wrong_ping(&self) -> Option<&'static str> {
        let line = self.line.as_ref()?;
        let now = self.now;
        let (interval, timeout) = self.pace();
        let since = |at| now.since(at);
        let confirms = self.may_confirm() && line.can_ping;
        let uncovered = confirms && line.handed > line.covered && self.ledger.unconfirmed.0 > 0;
        // A miss, a heartbeat and a probe have reasons of their own.
        let heartbeat = line.missed_at == Some(now)
            || line.overdue
            || !self.heartbeat_is_text() && since(line.pinged) >= interval.min(timeout)
            || line.doubtful.is_some()
            || line.late.is_some()
            || line.changed
            || self.overslept;
        if heartbeat
            || matches!(self.during, During::Probe | During::Network(_) | During::Visibility(_) | During::SetHeartbeat)
        {
            return None;
        }
        if !line.pings.is_empty() {
            return Some("while another ping is unanswered");
        }
        if !uncovered {
            return Some("with nothing to confirm, and no heartbeat due");
        }
        let confirm = &self.settings.confirm;
        let (messages, bytes) = self.ledger.unconfirmed;
        let quarter =
            messages >= u64::from(confirm.max_messages.div_ceil(4)) || bytes >= confirm.max_bytes.div_ceil(4) as u64;
        let early = line.last_frame.is_some_and(|last| since(last) < confirm.every);
        (early && !quarter).then_some("sooner after the last ping than confirm.every allows")
    }

    pub(super) fn text_pinged(&mut self, conn: ConnId, text: &str) {
        if !self.may_send_on(conn) {
            return self.blame(Clause::LiveConnection, || format!("{conn} was pinged, which does not take it"));
        }
        let right = matches!(self.standing.heartbeat(&self.settings), Heartbeat::Text { ping, .. } if ping == text);
        if !right {
            self.blame(Clause::PingsInTime, || format!("{text:?} was sent, which is not the heartbeat's text"));
        }
        let now = self.now;
        if let Some(line) = &mut self.line {
            let payload = PingPayload([0; 8]);
            let ordinal = line.ask(now);
            line.text_pings.push_back(Ping { ordinal, payload, at: now, covers: line.handed, flushed: None });
            line.pinged = now;
            line.overdue = false;
        }
    }

    pub(super) fn ping_flushed(&mut self, overtook: Option<MessageId>) {
        let now = self.now;
        let position = overtook.and_then(|id| self.ledger.owed.get(&id)?.handed);
        let heartbeat = self.standing.heartbeat(&self.settings);
        let (frames_count, texts_count) =
            (matches!(heartbeat, Heartbeat::Ping(_)), matches!(heartbeat, Heartbeat::Text { .. }));
        let Some(line) = &mut self.line else { return };
        if line.presumed > 0 {
            line.presumed -= 1;
            return;
        }
        if !line.has_unflushed_ping() {
            return;
        }
        let ordinal = line.left;
        line.left += 1;
        line.ping_left(now);
        let mut counts = false;
        if let Some(ping) = line.pings.iter_mut().find(|ping| ping.ordinal == ordinal) {
            ping.flushed = Some(now);
            if now > ping.at {
                line.slow_flush = now;
            }
            ping.covers = ping.covers.min(position.unwrap_or(u64::MAX));
            line.covered = ping.covers;
            counts = frames_count;
        } else if let Some(ping) = line.text_pings.iter_mut().find(|ping| ping.ordinal == ordinal) {
            ping.flushed = Some(now);
            if now > ping.at {
                line.slow_flush = now;
            }
            counts = texts_count;
        }
        if counts {
            line.awaiting.get_or_insert(now);
        }
        line.wrote(now);
    }

    pub(super) fn ponged(&mut self, payload: PingPayload) {
        self.during = During::Answer;
        let now = self.now;
        let frames_count = matches!(self.standing.heartbeat(&self.settings), Heartbeat::Ping(_));
        let Some(line) = &mut self.line else { return };
        line.hear(now);
        let Some(index) = line.pings.iter().position(|ping| ping.payload == payload) else { return };
        line.answered_at = now;
        let answered = line.pings.drain(..=index).next_back();
        if let Some(ping) = answered {
            line.answered = line.answered.max(ping.covers);
            line.must_have_left(ping.ordinal);
        }
        if frames_count {
            line.awaiting = line.unanswered();
        }
    }
}
