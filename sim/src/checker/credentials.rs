//! Clauses about credentials, about whose messages go out, and about the background.

use std::time::Duration;

use steadfast_core::{
    Cause, ConnId, CredentialsKind, Decided, Decision, Epoch, Event, FetchError, Identity, Lease, MessageId, State,
    Timestamp, Visibility,
    config::{Background, Placement, Renewal},
};

use super::{Checker, During, clause::Clause};

/// What expires within this is of no use.
const MARGIN: Duration = Duration::from_secs(1);

/// From one attempt that follows a rejection at once to the next, at the least.
const AT_ONCE_EVERY: Duration = Duration::from_secs(30);

/// What the session knows of its credentials, as far as it can be told from outside.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, none of them a state")]
pub(super) struct Badge {
    /// The fetch under way, and until when.
    fetch: Option<(Epoch, Timestamp)>,
    last: Epoch,
    /// What may be presented, and until when.
    lease: Option<(Epoch, Option<Timestamp>)>,
    identity: Option<Identity>,
    is_chosen: bool,
    /// The application chose an identity, and there was no lease since.
    is_switching: bool,
    /// Rises with each change of identity: whose the messages are.
    generation: u64,
    /// That of the live connection, and for whom it is.
    of_line: u64,
    line_is_for: Option<Identity>,
    /// What the live connection, or the last one, stands for.
    used: Epoch,
    /// What it was told to present, on this connection.
    presented: Option<Epoch>,
    proven: Epoch,
    refused: Epoch,
    at_once: Option<Timestamp>,
    /// With this event: a fetch ended so; the identity changed; the next attempt may follow a rejection at once.
    answered: Option<(Epoch, Result<Lease, FetchError>)>,
    changed: bool,
    changed_told: bool,
    /// With this event the application said who it acts for, and nobody was known before.
    introduced: bool,
    pub(super) hurries: bool,
    /// Since when nobody sees the application.
    hidden: Option<Timestamp>,
    /// For how long it may have a connection in any case, as it began something there.
    least_hidden: Duration,
    /// When what is in use was presented on a connection that had proved itself.
    renewed: Option<Timestamp>,
}

impl Badge {
    /// Whose the messages are that are accepted now.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// For whom the session acts, as far as that is known.
    pub(super) const fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// Whether the session is known to act for somebody else.
    pub(super) fn is_another(&self, whose: Option<Identity>) -> bool {
        whose.is_some() && self.identity.is_some() && whose != self.identity
    }

    fn usable(&self, now: Timestamp) -> Option<Epoch> {
        let (epoch, expires) = self.lease?;
        expires.is_none_or(|expires| expires > now).then_some(epoch)
    }

    fn change(&mut self) {
        self.generation += 1;
        self.changed = true;
    }

    /// Whether the connection may be parted from politely for this cause, with what is known of the event.
    fn may_part(&self, during: During, renewal: Option<Renewal>) -> bool {
        let is_new = self.lease.is_some_and(|(epoch, _)| epoch > self.used);
        self.changed
            || self.introduced
            || during == During::Rejection
            || renewal == Some(Renewal::Reconnect) && is_new && matches!(during, During::Answered | During::Ready)
    }
}

impl Checker {
    /// What an event means for credentials and for the background, before it is handled.
    pub(super) fn credentials_event(&mut self, event: &Event<'_>) {
        let now = self.now;
        self.badge.answered = None;
        (self.badge.changed, self.badge.changed_told, self.badge.hurries) = (false, false, false);
        self.badge.introduced = false;
        match event {
            Event::Credentials { epoch, result } => self.answered(*epoch, *result),
            Event::SwitchIdentity { identity } => {
                self.during = During::SwitchIdentity;
                self.badge.is_chosen = true;
                let before = self.badge.identity.replace(*identity);
                if before != Some(*identity) {
                    self.badge.is_switching = true;
                    self.badge.lease = None;
                    // The first is no change: what there is, is for them.
                    if before.is_some() {
                        self.badge.change();
                    } else {
                        self.badge.introduced = true;
                        self.kept_for(*identity);
                    }
                }
            }
            Event::CredentialsRejected { conn } if self.is_live(*conn) => self.rejection_seen(),
            Event::RefreshCredentials if self.settings.credentials.is_some() => {
                let discards = !matches!(
                    self.standing.told,
                    State::Connecting { .. } | State::Open { .. } | State::Authorizing { .. }
                );
                if discards {
                    self.badge.lease = None;
                }
            }
            Event::Resumed { gap } => {
                if let Some((_, Some(expires))) = &mut self.badge.lease {
                    *expires = Timestamp::from_micros(expires.as_micros().saturating_sub(crate::span::micros(*gap)));
                }
            }
            Event::Visibility(visibility) => {
                self.during = During::Visibility(*visibility);
                match visibility {
                    Visibility::Background => drop(self.badge.hidden.get_or_insert(now)),
                    Visibility::Foreground => self.shown(),
                }
            }
            Event::Ready { conn } if self.is_live(*conn) => self.during = During::Ready,
            _ => {}
        }
    }

    fn answered(&mut self, epoch: Epoch, result: Result<Lease, FetchError>) {
        if self.badge.fetch.is_none_or(|(asked, _)| asked != epoch) {
            return;
        }
        self.during = During::Answered;
        self.badge.fetch = None;
        self.badge.answered = Some((epoch, result));
        let Ok(lease) = result else { return };
        let is_ours = !self.badge.is_chosen || self.badge.identity == Some(lease.identity);
        if !is_ours || lease.expires_in.is_some_and(|span| crate::span::micros(span) <= crate::span::micros(MARGIN)) {
            return;
        }
        let now = self.now;
        self.badge.lease = Some((epoch, lease.expires_in.map(|span| now + span)));
        self.badge.is_switching = false;
        match self.badge.identity.replace(lease.identity) {
            None => self.kept_for(lease.identity),
            Some(before) if before != lease.identity => self.badge.change(),
            Some(_) => {}
        }
    }

    /// The application is seen again: an open connection is probed, if it was not seen.
    fn shown(&mut self) {
        let (now, answers) = (self.now, self.expects_answers());
        if self.badge.hidden.take().is_none() {
            return;
        }
        self.badge.least_hidden = Duration::ZERO;
        if matches!(self.standing.told, State::Background { .. }) {
            self.standing.without_connection(now);
        }
        if let Some(line) = &mut self.line {
            line.doubt(now, answers);
        }
    }

    /// The application begins something in the background: it has its time for it.
    pub(super) fn begun_hidden(&mut self) {
        let now = self.now;
        if let Some(hidden) = &mut self.badge.hidden {
            *hidden = now;
            self.badge.least_hidden = self.settings.connect_timeout;
        }
    }

    fn rejection_seen(&mut self) {
        self.during = During::Rejection;
        let by_message = self.settings.credentials.as_ref().is_some_and(|wanted| wanted.renewal == Renewal::Message);
        let is_ready = self.line.as_ref().is_some_and(|line| line.is_usable() && line.ready);
        let is_known = self.badge.used == self.badge.refused;
        if by_message && is_ready && !is_known {
            self.rejected();
        }
    }

    /// What the live connection stands for was rejected; says whether the next attempt may follow at once.
    fn rejected(&mut self) -> bool {
        self.lasted();
        let now = self.now;
        let badge = &mut self.badge;
        badge.refused = badge.used;
        let is_newest = badge.lease.is_none_or(|(epoch, _)| epoch <= badge.used);
        if is_newest {
            badge.lease = None;
        }
        let was_new = is_newest && badge.used > badge.proven;
        let at_once = !was_new && badge.at_once.is_none_or(|last| now.since(last) >= AT_ONCE_EVERY);
        if at_once {
            badge.at_once = Some(now);
        }
        at_once
    }

    /// A connection, or an attempt, has ended, and this was decided.
    pub(super) fn rejected_by(&mut self, decided: Decided, is_ours: bool) {
        if decided.decision == Decision::RefreshCredentials && self.settings.credentials.is_some() && !is_ours {
            self.badge.hurries = self.rejected();
            if self.badge.hurries {
                self.row.failed(self.now);
            }
        }
    }

    pub(super) fn fetch_asked(&mut self, epoch: Epoch) {
        let now = self.now;
        if let Some((earlier, until)) = self.badge.fetch.filter(|(_, until)| now < *until) {
            self.blame(Clause::OneFetch, || format!("{epoch} was asked for, and {earlier} has until {until}"));
        }
        if epoch <= self.badge.last {
            let last = self.badge.last;
            self.blame(Clause::OneFetch, || format!("{epoch} was asked for after {last}"));
        }
        let at_rest = matches!(
            self.standing.told,
            State::Idle | State::Offline { .. } | State::Background { .. } | State::Stopped { .. }
        );
        if at_rest {
            let told = self.standing.told.clone();
            self.blame(Clause::QuietAtRest, || format!("{epoch} was asked for, and the session is {told}"));
        }
        let timeout = self.settings.credentials.as_ref().map_or(Duration::ZERO, |wanted| wanted.fetch_timeout);
        if self.settings.credentials.is_none() {
            self.blame(Clause::LeaseValid, || format!("{epoch} was asked for, and none are configured"));
        }
        self.badge.last = self.badge.last.max(epoch);
        self.badge.fetch = Some((epoch, now + timeout));
    }

    /// An attempt is made, and stands for these.
    pub(super) fn connects_with(&mut self, conn: ConnId, credentials: Option<Epoch>) {
        let usable = self.badge.usable(self.now);
        (self.badge.of_line, self.badge.line_is_for) = (self.badge.generation, self.badge.identity);
        self.badge.presented = None;
        if self.settings.credentials.is_none() {
            if credentials.is_some() {
                self.blame(Clause::LeaseValid, || format!("{conn} stands for {credentials:?}; none are configured"));
            }
            return;
        }
        if credentials != usable || credentials.is_none() {
            let lease = self.badge.lease;
            self.blame(Clause::LeaseValid, || format!("{conn} stands for {credentials:?}, and there is {lease:?}"));
        }
        self.badge.used = credentials.unwrap_or_default();
        self.badge.renewed = None;
    }

    pub(super) fn presented(&mut self, conn: ConnId, epoch: Epoch) {
        if !self.may_send_on(conn) {
            self.blame(Clause::LiveConnection, || format!("{epoch} was presented on {conn}, which does not take it"));
        }
        let known = self.badge.lease.map_or(self.badge.used, |(newest, _)| newest);
        if epoch != known || self.badge.of_line != self.badge.generation {
            self.blame(Clause::LeaseValid, || format!("{epoch} was presented on {conn}, and {known} is the newest"));
        }
        self.lasted();
        self.badge.presented = Some(epoch);
        self.badge.used = epoch;
        self.badge.renewed = self.row.is_fresh().then_some(self.now);
    }

    /// What was presented on a connection that had proved itself has done so, too, if that lasted.
    pub(super) fn lasted(&mut self) {
        let (now, span) = (self.now, self.settings.stable_after);
        if self.badge.renewed.take_if(|at| now.since(*at) >= span).is_some() {
            self.proven();
        }
    }

    /// A message goes out on a connection: it was accepted for whom the connection is, and behind what presents it.
    pub(super) fn sent_as(&mut self, conn: ConnId, id: MessageId, generation: u64, whose: Option<Identity>) {
        if generation != self.badge.of_line || whose.is_some() && whose != self.badge.line_is_for {
            self.blame(Clause::IdentityKept, || format!("{id} was sent on {conn}, which is for another identity"));
        }
        let placement = self.settings.credentials.as_ref().map(|wanted| wanted.placement);
        if placement == Some(Placement::FirstMessage) && self.badge.presented.is_none() {
            self.blame(Clause::PresentedFirst, || format!("{id} was sent on {conn} before credentials were presented"));
        }
    }

    pub(super) fn refreshed(&mut self, epoch: Epoch) {
        let right = matches!(self.badge.answered, Some((answered, Ok(_))) if answered == epoch)
            && self.badge.lease.is_some_and(|(newest, _)| newest == epoch);
        if !right {
            self.blame(Clause::EpochKept, || format!("{epoch} was said to be new, which no answer brought"));
        }
    }

    pub(super) fn fetch_failed(&mut self, epoch: Epoch, kind: CredentialsKind) {
        let now = self.now;
        let right = match (kind, self.badge.answered) {
            (CredentialsKind::TimedOut, _) => {
                self.badge.fetch.take().is_some_and(|(asked, until)| asked == epoch && until <= now)
            }
            (CredentialsKind::Failed, Some((answered, Err(FetchError::Retry))))
            | (CredentialsKind::Refused, Some((answered, Err(FetchError::Final)))) => answered == epoch,
            (CredentialsKind::Expired, Some((answered, Ok(lease)))) => {
                answered == epoch
                    && lease.expires_in.is_some_and(|span| crate::span::micros(span) <= crate::span::micros(MARGIN))
            }
            (CredentialsKind::Mismatched, Some((answered, Ok(lease)))) => {
                answered == epoch && self.badge.identity != Some(lease.identity)
            }
            _ => false,
        };
        if !right {
            self.blame(Clause::EpochKept, || format!("{epoch} was said to have failed ({kind:?}), which it did not"));
        }
        // Verdicts come before the state that they belong to.
        if matches!(self.standing.told, State::Authorizing { .. }) {
            let decided = self.settings.decide(&Cause::Credentials(kind));
            self.standing.terminal = decided.decision == Decision::Terminal;
        }
    }

    pub(super) fn identity_told(&mut self, identity: Identity) {
        self.badge.changed_told = true;
        if !self.badge.changed || self.badge.identity != Some(identity) {
            self.blame(Clause::IdentityKept, || format!("{identity} was told, which nobody chose"));
        }
    }

    pub(super) fn proven(&mut self) {
        self.badge.proven = self.badge.proven.max(self.badge.used);
        self.badge.renewed = None;
    }

    /// Whether a polite close may be the session's own.
    pub(super) fn may_leave(&self) -> bool {
        let renewal = self.settings.credentials.as_ref().map(|wanted| wanted.renewal);
        self.badge.may_part(self.during, renewal) || self.is_forgotten()
    }

    /// A connection is left for this cause, by the session's own wish: was there reason?
    pub(super) fn left_for(&mut self, cause: &Cause) {
        let renewal = self.settings.credentials.as_ref().map(|wanted| wanted.renewal);
        let right = match cause {
            Cause::Background => self.is_forgotten(),
            Cause::Credentials(CredentialsKind::Rejected) => self.during == During::Rejection,
            Cause::Credentials(CredentialsKind::IdentityChanged) => self.badge.changed || self.badge.introduced,
            Cause::Credentials(CredentialsKind::Renewed) => {
                !self.badge.changed && self.badge.may_part(self.during, renewal)
            }
            Cause::Credentials(_) => false,
            _ => true,
        };
        if !right {
            self.blame(Clause::RefreshHarmless, || format!("a connection was left ({cause}) without a reason"));
        }
        let is_found =
            matches!(cause, Cause::HeartbeatTimeout | Cause::AnswerTimeout | Cause::IdleTimeout | Cause::WriteTimeout);
        let failed = !is_found && matches!(self.badge.answered, Some((_, Err(_))));
        if failed && matches!(self.standing.told, State::Open { .. }) {
            self.blame(Clause::RefreshHarmless, || format!("a failed refresh cost a connection ({cause})"));
        }
    }

    /// Whether a state that follows an end without a wait is one that may.
    pub(super) fn may_follow_at_once(&self) -> bool {
        match &self.standing.told {
            _ if self.during != During::Closed => false,
            State::Closing { cause, .. } if cause.is_deliberate() => match cause {
                Cause::Background => true,
                // At once if it had proved itself, or somebody else was chosen.
                _ => self.row.is_fresh() || self.badge.is_switching,
            },
            _ => self.badge.hurries,
        }
    }

    /// Whether nobody has seen the application for so long that there is to be no connection.
    pub(super) fn is_forgotten(&self) -> bool {
        self.background_deadline().is_some_and(|at| at <= self.now)
    }

    /// When nobody will have seen the application for so long that there is to be no connection.
    pub(super) fn background_deadline(&self) -> Option<Timestamp> {
        let Background::Close { after } = self.settings.background else { return None };
        if self.standing.stopping.is_some() {
            return None;
        }
        Some(self.badge.hidden? + after.max(self.badge.least_hidden))
    }

    /// All actions of the event are known.
    pub(super) fn credentials_handled(&mut self, state: &State) {
        if self.badge.changed && !self.badge.changed_told {
            self.blame(Clause::IdentityKept, || "the identity changed, and nobody was told".into());
        }
        let generation = self.badge.generation;
        let left_behind =
            self.ledger.owed.iter().find(|(_, owed)| owed.generation != generation && owed.handed.is_none());
        let left_behind = left_behind.or_else(|| {
            let mut restored = self.durable.taken_up.iter().filter_map(|id| self.ledger.owed.get_key_value(id));
            restored.find(|(_, owed)| owed.handed.is_none() && self.badge.is_another(owed.identity))
        });
        if let Some((id, _)) = left_behind {
            let id = *id;
            self.blame(Clause::IdentityKept, || format!("{id} waits for an identity that is over"));
        }
        let is_active = matches!(
            state,
            State::Connecting { .. } | State::Open { .. } | State::Waiting { .. } | State::Authorizing { .. }
        );
        if is_active && self.is_forgotten() {
            self.blame(Clause::BackgroundKept, || format!("the session is {state}, and nobody sees it for long"));
        }
        if matches!(state, State::Background { .. }) && !self.is_forgotten() && self.standing.stopping.is_none() {
            self.blame(Clause::BackgroundKept, || "it rests as in the background, and is not there".into());
        }
    }

    /// When a fetch must have had its answer.
    pub(super) fn fetch_deadline(&self) -> Option<Timestamp> {
        matches!(self.standing.told, State::Authorizing { .. }).then_some(self.badge.fetch?.1)
    }
}
