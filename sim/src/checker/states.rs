//! Clauses about states: told as they are, and fitting what happened.

use std::time::Duration;

use steadfast_core::{
    Cause, CloseFrame, ConnId, Decided, Decision, Network, State, StateKind, StopCause, Timestamp,
    config::{Heartbeat, Settings},
};

use super::{Checker, During, clause::Clause};

/// The application wants the session to stop.
#[derive(Debug)]
pub(super) struct Stopping {
    pub(super) frame: CloseFrame,
    /// When the time to drain is over; `None`: it does not drain.
    pub(super) drained: Option<Timestamp>,
    /// When the close began.
    pub(super) closing: Option<Timestamp>,
    /// And then it is to start again.
    restart: bool,
}

/// Where the session stands, and what the application wants of it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, none of them a state")]
pub(super) struct Standing {
    pub(super) told: State,
    pub(super) stopping: Option<Stopping>,
    pub(super) exhausted: bool,
    pub(super) terminal: bool,
    pub(super) can_ping: bool,
    /// There is no network, by the application's word.
    pub(super) offline: bool,
    /// The connection that ended last had been open.
    pub(super) lost: bool,
    heartbeat: Option<Heartbeat>,
    before: Option<Heartbeat>,
    /// Since when there is no open connection while one is wanted, and whether that was told as a long outage.
    outage: Option<(Timestamp, bool)>,
    /// `Start` was said since the session stopped.
    pub(super) started: bool,
    /// Why the last connection ended, by the driver's word, with this event.
    ended: Option<Cause>,
}

impl Standing {
    pub(super) const fn new() -> Self {
        Self {
            told: State::Idle,
            stopping: None,
            exhausted: false,
            terminal: false,
            can_ping: true,
            offline: false,
            lost: false,
            heartbeat: None,
            before: None,
            outage: None,
            started: false,
            ended: None,
        }
    }

    /// Why the last connection ended, while that is being handled.
    pub(super) const fn ended_by(&self) -> Option<&Cause> {
        self.ended.as_ref()
    }

    /// The heartbeat in force.
    pub(super) fn heartbeat<'a>(&'a self, settings: &'a Settings) -> &'a Heartbeat {
        self.heartbeat.as_ref().unwrap_or(&settings.heartbeat)
    }

    pub(super) fn set_heartbeat(&mut self, heartbeat: &Heartbeat) {
        self.before = self.heartbeat.replace(heartbeat.clone());
    }

    /// The last one was refused.
    pub(super) fn heartbeat_refused(&mut self) {
        self.heartbeat = self.before.take();
    }

    pub(super) fn opened(&mut self, can_ping: bool) {
        self.can_ping = can_ping;
        self.outage = None;
    }

    /// The session has no connection from here on, and wants one.
    pub(super) fn without_connection(&mut self, now: Timestamp) {
        if self.outage.is_none() && self.stopping.as_ref().is_none_or(|stop| stop.closing.is_none()) {
            self.outage = Some((now, false));
        }
    }

    /// The time to drain is over while the connection is being given up: it closes already.
    pub(super) fn drain_ends_while_closing(&mut self, now: Timestamp, empty: bool) {
        if let Some(stopping) = &mut self.stopping
            && stopping.drained.is_some_and(|drained| drained <= now || empty)
            && matches!(self.told, State::Closing { .. })
        {
            stopping.closing.get_or_insert(now);
        }
    }

    /// Until when a long outage must have been told.
    pub(super) fn outage_deadline(&self, settings: &Settings) -> Option<Timestamp> {
        let (since, told) = self.outage?;
        (!told).then(|| settings.long_outage.map(|span| since + span)).flatten()
    }
}

impl Checker {
    pub(super) fn start(&mut self) {
        self.during = During::Start;
        self.standing.started = true;
        match &mut self.standing.stopping {
            Some(stopping) if stopping.closing.is_some() => stopping.restart = true,
            Some(_) => {
                self.standing.stopping = None;
                if !matches!(self.standing.told, State::Background { .. }) {
                    self.begun_hidden();
                }
            }
            None => {}
        }
        if matches!(self.standing.told, State::Idle | State::Stopped { .. }) {
            self.begun_hidden();
            self.row.afresh();
            self.failover.begin_row();
            self.standing.outage = Some((self.now, false));
        }
    }

    pub(super) fn stop(&mut self, frame: &CloseFrame, drain: Option<Duration>) {
        self.during = During::Stop;
        if matches!(self.standing.told, State::Stopped { .. }) {
            return;
        }
        if let Some(stopping) = self.standing.stopping.as_mut().filter(|stopping| stopping.closing.is_some()) {
            stopping.restart = false;
            return;
        }
        let drains = self.ledger.len() > 0 && !matches!(self.standing.told, State::Idle);
        let drained = drain.filter(|_| drains).map(|span| self.now + span);
        let closing = drained.is_none().then_some(self.now);
        let frame = CloseFrame::new(frame.code, frame.reason.clone());
        self.standing.stopping = Some(Stopping { frame, drained, closing, restart: false });
        if drained.is_some() && matches!(self.standing.told, State::Background { .. }) {
            self.standing.without_connection(self.now);
        }
        if closing.is_some() {
            self.standing.outage = self.standing.outage.filter(|_| self.line.is_some());
        }
    }

    pub(super) fn network(&mut self, network: Network) {
        self.during = During::Network(network);
        let now = self.now;
        let was_offline = std::mem::replace(&mut self.standing.offline, network == Network::Offline);
        let news = was_offline || network == Network::Changed;
        match (network, &self.standing.told) {
            (Network::Offline, _) => return self.row.dwell(),
            (Network::Online | Network::Changed, State::Waiting { .. } | State::Offline { .. }) => self.row.hint(news),
            _ => {}
        }
        let answers = self.expects_answers();
        if let Some(line) = self.line.as_mut().filter(|_| news) {
            line.doubt(now, answers);
        }
    }

    /// A connection ended, by the driver's word.
    pub(super) fn ended(&mut self, cause: &Cause) {
        let cause = match &self.standing.told {
            State::Closing { cause, .. } => cause.clone(),
            _ => cause.clone(),
        };
        let decided = self.settings.decide(&cause);
        self.standing.terminal = decided.decision == Decision::Terminal;
        let is_ours = matches!(&self.standing.told, State::Closing { cause, .. } if cause.is_deliberate());
        let is_stopping = self.standing.stopping.as_ref().is_some_and(|stop| stop.closing.is_some());
        if !is_stopping {
            self.rejected_by(decided, is_ours);
        }
        self.endpoint_ended(&cause, decided.decision);
        self.standing.ended = Some(cause);
        if !is_stopping && self.badge.hurries {
            self.hurries_elsewhere();
        }
    }

    /// An attempt could not be made for want of credentials, as the state that follows says: an end like others.
    fn unauthorized(&mut self, to: &State, decided: Option<Decided>) {
        let (State::Authorizing { .. }, Some(decided)) = (&self.standing.told, decided) else { return };
        let (State::Waiting { cause, .. }
        | State::Offline { cause: Some(cause), .. }
        | State::Background { cause: Some(cause), .. }
        | State::Stopped { cause: StopCause::Terminal(cause) | StopCause::Exhausted(cause) }) = to
        else {
            return;
        };
        self.during = During::Closed;
        self.standing.terminal = decided.decision == Decision::Terminal;
        self.standing.ended = Some(cause.clone());
        self.row.over_now(self.now);
    }

    pub(super) fn state_told(&mut self, from: StateKind, to: &State, decided: Option<Decided>) {
        let before = self.standing.told.kind();
        if from != before || *to == self.standing.told {
            self.blame(Clause::StateTold, || format!("{from:?} became {to:?}, but it was {before:?}"));
        }
        if let Some(wrong) = self.wrong_state(to) {
            self.blame(Clause::StateFits, || format!("{to:?}, but {wrong}"));
        }
        if before == StateKind::Stopped && !std::mem::take(&mut self.standing.started) {
            self.blame(Clause::StoppedStays, || format!("{to:?} came after Stopped, without Start"));
        }
        self.unauthorized(to, decided);
        match to {
            State::Authorizing { .. } => self.attempt_authorized(),
            State::Connecting { .. } => {}
            // Without an attempt it means nothing any more.
            _ => self.failover.forget_word(),
        }
        self.follows_policy(to, decided);
        match to {
            State::Waiting { until, attempt, .. } => self.wait_told(*until, *attempt, decided),
            State::Offline { attempt, .. } => self.offline_told(*attempt, decided),
            State::Background { attempt, .. } => {
                self.offline_told(*attempt, decided);
                self.standing.outage = None;
            }
            State::Authorizing { attempt, .. } => {
                self.attempt_announced(*attempt);
                self.wait_ended(true);
            }
            State::Connecting { .. } => self.wait_ended(false),
            State::Closing { cause, .. } => self.closing_told(cause),
            State::Stopped { cause } => self.stopped_told(cause),
            _ => {}
        }
        self.standing.told = to.clone();
    }

    fn closing_told(&mut self, cause: &Cause) {
        self.given_up(cause);
        let now = self.now;
        let wanted = *cause == Cause::Stopped;
        let (aborted, closing) = self.line.as_ref().map_or((false, None), |line| (line.aborted, line.closing));
        if wanted {
            match &mut self.standing.stopping {
                Some(stopping) => {
                    stopping.closing.get_or_insert(now);
                }
                None => self.blame(Clause::StateFits, || "it closes as if stopped, and was not".into()),
            }
        } else {
            self.left_for(cause);
            let may_be_polite = cause.is_deliberate() || matches!(cause, Cause::Credentials(_));
            let is_polite = may_be_polite && closing.is_some();
            if !is_polite && (!aborted || closing.is_some()) {
                self.blame(Clause::DeadAborted, || format!("a connection given up ({cause}) was not aborted at once"));
            }
            if self.line.as_ref().is_some_and(|line| line.opened.is_some()) {
                self.standing.without_connection(now);
            }
            self.row.over(now);
        }
    }

    fn stopped_told(&mut self, cause: &StopCause) {
        let open = self.ledger.len();
        if open > 0 {
            self.blame(Clause::SettledFirst, || format!("{open} messages were not settled when it stopped"));
        }
        let fits = match cause {
            StopCause::Application => self.standing.stopping.is_some(),
            StopCause::Terminal(_) => self.standing.terminal,
            StopCause::Exhausted(_) => self.standing.exhausted,
            _ => true,
        };
        if !fits {
            self.blame(Clause::StateFits, || format!("it stopped ({cause}), which nothing led to"));
        }
        let restart = self.standing.stopping.take().is_some_and(|stopping| stopping.restart);
        self.standing.exhausted = false;
        self.standing.terminal = false;
        self.standing.started = restart;
        self.standing.outage = None;
        if restart {
            self.begun_hidden();
            self.row.afresh();
            self.failover.begin_row();
            self.standing.outage = Some((self.now, false));
        }
    }

    /// What is wrong with a state, if anything is.
    fn wrong_state(&self, to: &State) -> Option<&'static str> {
        let conn = self.line.as_ref().map(|line| line.conn);
        let opened = self.line.as_ref().is_some_and(|line| line.opened.is_some());
        match to {
            State::Connecting { conn, .. } => (*conn <= self.last_conn).then_some("that connection is an old one"),
            State::Open { conn: open, ready } => {
                let ready_fits = self.line.as_ref().is_some_and(|line| line.ready == *ready);
                (conn != Some(*open) || !opened || !ready_fits).then_some("that connection is not, or not so")
            }
            State::Closing { conn: closing, .. } => (conn != Some(*closing)).then_some("there is no such connection"),
            State::Idle => Some("nothing leads back there"),
            _ => conn.is_some().then_some("there is a connection"),
        }
    }

    fn follows_policy(&mut self, to: &State, decided: Option<Decided>) {
        let ended = self.standing.ended.clone();
        let (Some(decided), Some(cause)) = (decided, ended) else { return };
        let right = self.settings.decide(&cause);
        if decided != right {
            self.blame(Clause::PolicyKept, || format!("{cause}: {decided:?} was decided, {right:?} is the policy"));
        }
        let follows = match to {
            State::Stopped { cause: StopCause::Terminal(_) } => decided.decision == Decision::Terminal,
            State::Stopped { .. } => true,
            _ => decided.decision != Decision::Terminal,
        };
        if !follows {
            self.blame(Clause::PolicyKept, || format!("{:?} was decided, and {to:?} followed", decided.decision));
        }
    }

    /// What `state()` says after an event.
    pub(super) fn state_is(&mut self, state: &State) {
        if *state != self.standing.told {
            let told = self.standing.told.clone();
            self.blame(Clause::StateTold, || format!("state() is {state:?}, and {told:?} was told last"));
        }
        if let State::Connecting { conn, .. } = state
            && !self.is_live(*conn)
        {
            let conn: ConnId = *conn;
            self.blame(Clause::StateFits, || format!("it is connecting, and {conn} was not asked for"));
        }
        if self.standing.ended.take().is_some() {
            self.standing.terminal = false;
        }
    }

    pub(super) fn long_outage(&mut self, since: Timestamp) {
        let span = self.settings.long_outage.unwrap_or(Duration::MAX);
        let now = self.now;
        let right = matches!(self.standing.outage, Some((began, false)) if began == since && now.since(since) >= span);
        if !right {
            let outage = self.standing.outage;
            self.blame(Clause::OutageTold, || format!("an outage since {since} was told; there is {outage:?}"));
        }
        self.standing.outage = Some((since, true));
    }
}
