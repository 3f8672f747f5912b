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
        if let Some(line) = &mut self.line {
            line.changed = false;
            if line.doubtful.is_some() {
                line.grace = now;
            }
            line.pings.push_back(Ping { payload, at: now, covers: line.handed, flushed: None });
            line.covered = line.handed;
            line.last_frame = Some(now);
            line.pinged = now;
            line.unflushed_pings.push_back(false);
            line.unflushed(now);
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
        let heartbeat = since(line.pinged) >= interval.min(timeout)
            || line.doubtful.is_some()
            || line.late.is_some()
            || line.changed
            || self.overslept;
        if heartbeat || matches!(self.during, During::Probe | During::Network(_) | During::SetHeartbeat) {
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
            line.text_pings.push_back(Ping { payload, at: now, covers: line.handed, flushed: None });
            line.pinged = now;
            line.unflushed_pings.push_back(true);
            line.unflushed(now);
        }
    }

    pub(super) fn ping_flushed(&mut self, overtook: Option<MessageId>) {
        let now = self.now;
        let position = overtook.and_then(|id| self.ledger.owed.get(&id)?.handed);
        let Some(line) = &mut self.line else { return };
        let Some(is_text) = line.unflushed_pings.pop_front() else { return };
        let pings = if is_text { &mut line.text_pings } else { &mut line.pings };
        if let Some(ping) = pings.iter_mut().find(|ping| ping.flushed.is_none()) {
            ping.flushed = Some(now);
            if now > ping.at {
                line.slow_flush = now;
            }
            ping.covers = ping.covers.min(position.unwrap_or(u64::MAX));
            if !is_text {
                line.covered = ping.covers;
            }
        }
        line.wrote(now);
    }

    pub(super) fn ponged(&mut self, payload: PingPayload) {
        self.during = During::Answer;
        let now = self.now;
        let Some(line) = &mut self.line else { return };
        line.hear(now);
        let Some(index) = line.pings.iter().position(|ping| ping.payload == payload) else { return };
        line.answered_at = now;
        if let Some(ping) = line.pings.drain(..=index).next_back() {
            line.answered = line.answered.max(ping.covers);
        }
    }
}
