//! One attempt of one session: from its `Connect` to a stream, and on to `Opened`.

use alloc::{collections::VecDeque, vec::Vec};

use super::{
    action::{Action, Actions, AttemptId},
    addresses::Addresses,
    event::Event,
    hop::{Hop, Peer, Route},
    race::Race,
};
use crate::{Cause, DnsKind, IoKind, Stage, Timestamp};

/// One attempt of one session to get from a name to an open WebSocket; made for an
/// [`Action::Connect`](crate::Action::Connect), and dropped when the attempt is over.
///
/// See the [module](super) for the loop around it. The contract:
/// 1. **Infallible and deterministic**, as the session is: no event in any order makes [`handle`](Self::handle) fail, and
///    the same events at the same times give the same actions.
/// 2. **One stream.** At most one [`Use`](Action::Use); no socket is begun after it, and every other was cancelled before
///    it. What comes of a socket that was cancelled changes nothing.
/// 3. **It ends**: in `Use`, or in one [`Fail`](Action::Fail) once nothing is left to hope for, or with
///    [`Cancel`](Event::Cancel).
/// 4. **Bounded**: sockets at once and addresses, by [`Race`].
/// 5. **One timer**, always in the future, and none while there is nothing to wait for. Events come before deadlines: a
///    socket that is connected when the next would be due wins.
#[derive(Clone, Debug)]
pub struct Dialer {
    route: Route,
    race: Race,
    /// Which attempt of the session's it is, counted from 1.
    attempt: u32,
    /// The latest time seen.
    now: Timestamp,
    phase: Phase,
    stage: Stage,
    /// What the driver's timer was set to last, if it has not fired since.
    armed: Option<Timestamp>,
    pending: VecDeque<Action>,
}

#[derive(Clone, Debug)]
enum Phase {
    Idle,
    Racing(Racing),
    /// There is a stream: proxy, TLS, upgrade.
    Won,
    Over,
}

/// From the first question to the first stream.
#[derive(Clone, Debug, Default)]
struct Racing {
    addresses: Addresses,
    /// More addresses may come.
    resolving: bool,
    /// The resolver's failure.
    unresolved: Option<DnsKind>,
    /// The order is set, and sockets may be begun.
    begun: bool,
    /// Before the race has begun: when it does not wait for IPv6 any longer. Then: when the next address is due.
    due: Option<Timestamp>,
    under_way: Vec<AttemptId>,
    /// How many sockets were begun.
    sockets: u32,
    /// The most telling failure so far.
    failure: Option<IoKind>,
}

impl Dialer {
    /// An attempt that has not begun. `attempt` is what the session's [`Connect`](crate::Action::Connect) says: each
    /// attempt in a row begins with another address.
    #[must_use]
    pub fn new(route: Route, race: Race, attempt: u32) -> Self {
        let stage = match &route.hop {
            Hop::Name { .. } => Stage::Resolve,
            Hop::Address(_) | Hop::Local => Stage::Connect,
        };
        let (now, phase, pending) = (Timestamp::ZERO, Phase::Idle, VecDeque::new());
        Self { route, race, attempt, now, phase, stage, armed: None, pending }
    }

    /// Handles one event, and returns what is to be done, in order.
    ///
    /// Never fails and never panics. A `now` that lies before an earlier one counts as that.
    pub fn handle(&mut self, now: Timestamp, event: Event<'_>) -> Actions<'_> {
        self.now = self.now.max(now);
        self.apply(event);
        self.advance();
        self.rearm();
        Actions(&mut self.pending)
    }

    /// The stage that the attempt is in, or was in when it ended.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// Where the first connection goes.
    #[must_use]
    pub const fn hop(&self) -> &Hop {
        &self.route.hop
    }

    /// When the driver's timer is to fire; for drivers that look at the time anyway.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        self.armed
    }

    /// What to tell the session when the stream fails or ends before the WebSocket is open.
    #[must_use]
    pub const fn lost(&self, kind: IoKind) -> Cause {
        Cause::Dial { stage: self.stage, kind }
    }

    /// Every event, in every state.
    fn apply(&mut self, event: Event<'_>) {
        match (&mut self.phase, event) {
            (Phase::Idle, Event::Start) => self.start(),
            (Phase::Racing(racing), Event::Resolved { addresses, more }) if racing.resolving => {
                let Hop::Name { port, .. } = self.route.hop else { return };
                racing.addresses.add(addresses, port, usize::from(self.race.max_addresses()));
                racing.resolving = more;
                if !racing.begun && racing.due.is_none() && !racing.addresses.is_empty() {
                    racing.due = Some(self.now + self.race.resolution_delay());
                }
            }
            (Phase::Racing(racing), Event::Unresolved { kind }) if racing.resolving => {
                racing.resolving = false;
                racing.unresolved = Some(kind);
            }
            (Phase::Racing(racing), Event::Failed { attempt, kind }) if racing.is_under_way(attempt) => {
                racing.under_way.retain(|&other| other != attempt);
                if racing.failure.is_none_or(|known| telling(kind) > telling(known)) {
                    racing.failure = Some(kind);
                }
                // Nothing is to be gained by letting the next one wait.
                racing.due = Some(self.now);
            }
            (Phase::Racing(racing), Event::Connected { attempt }) if racing.is_under_way(attempt) => {
                racing.under_way.retain(|&other| other != attempt);
                self.won(attempt);
            }
            (Phase::Won, Event::Tunnelled) if self.stage == Stage::Proxy => self.enter(self.after_proxy()),
            (Phase::Won, Event::Secured) if self.stage == Stage::Tls => self.enter(Stage::Upgrade),
            (Phase::Won, Event::Opened) if self.stage == Stage::Upgrade => self.phase = Phase::Over,
            (Phase::Idle | Phase::Racing(_) | Phase::Won, Event::Cancel) => self.cancel(),
            (_, Event::TimerFired) => self.armed = None,
            (
                Phase::Idle | Phase::Racing(_) | Phase::Won | Phase::Over,
                Event::Start
                | Event::Resolved { .. }
                | Event::Unresolved { .. }
                | Event::Connected { .. }
                | Event::Failed { .. }
                | Event::Tunnelled
                | Event::Secured
                | Event::Opened
                | Event::Cancel,
            ) => {}
        }
    }

    fn start(&mut self) {
        self.pending.push_back(Action::Enter { stage: self.stage });
        let mut racing = Racing::default();
        match self.route.hop {
            Hop::Name { .. } => {
                racing.resolving = true;
                self.pending.push_back(Action::Resolve);
            }
            Hop::Address(address) => {
                racing.begun = true;
                self.pending.push_back(racing.begin(Peer::Tcp(address)));
            }
            Hop::Local => {
                racing.begun = true;
                self.pending.push_back(racing.begin(Peer::Local));
            }
        }
        self.phase = Phase::Racing(racing);
    }

    /// What has become due, and what has become hopeless.
    fn advance(&mut self) {
        let Phase::Racing(racing) = &mut self.phase else { return };
        if !racing.begun {
            // IPv4 gives IPv6 a moment, but not the other way round (RFC 8305 §3).
            let waits = racing.resolving && !racing.addresses.has_v6();
            if waits && racing.due.is_none_or(|due| due > self.now) {
                return;
            }
            racing.begun = true;
            racing.due = Some(self.now);
            racing.addresses.order(self.attempt);
        }
        if racing.under_way.len() < usize::from(self.race.max_sockets())
            && racing.due.is_none_or(|due| due <= self.now)
            && let Some(address) = racing.addresses.take()
        {
            let connect = racing.begin(Peer::Tcp(address));
            racing.due = Some(self.now + self.race.attempt_delay());
            if self.stage == Stage::Resolve {
                self.enter(Stage::Connect);
            }
            self.pending.push_back(connect);
        } else if racing.under_way.is_empty() && racing.addresses.is_empty() && !racing.resolving {
            let cause = match (racing.failure, racing.unresolved) {
                (Some(kind), _) => Cause::Dial { stage: Stage::Connect, kind },
                (None, kind) => Cause::Dns(kind.unwrap_or(DnsKind::NotFound)),
            };
            self.phase = Phase::Over;
            self.pending.push_back(Action::Fail { cause });
        }
    }

    fn won(&mut self, attempt: AttemptId) {
        self.abandon();
        self.phase = Phase::Won;
        self.pending.push_back(Action::Use { attempt });
        self.enter(if self.route.proxy { Stage::Proxy } else { self.after_proxy() });
    }

    fn cancel(&mut self) {
        self.abandon();
        self.phase = Phase::Over;
    }

    /// Cancels what is under way.
    fn abandon(&mut self) {
        if let Phase::Racing(racing) = &mut self.phase {
            // What was not taken has not been done: it need not be undone.
            for attempt in racing.under_way.drain(..) {
                let begin = |action: &Action| matches!(action, Action::Connect { attempt: it, .. } if *it == attempt);
                match self.pending.iter().position(begin) {
                    Some(at) => drop(self.pending.remove(at)),
                    None => self.pending.push_back(Action::Cancel { attempt }),
                }
            }
        }
    }

    const fn after_proxy(&self) -> Stage {
        if self.route.tls { Stage::Tls } else { Stage::Upgrade }
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.pending.push_back(Action::Enter { stage });
    }

    /// Tells the driver when to come back, if that has changed.
    fn rearm(&mut self) {
        let due = match &self.phase {
            Phase::Racing(racing) if racing.waits(self.race) => racing.due,
            Phase::Idle | Phase::Racing(_) | Phase::Won | Phase::Over => None,
        };
        if due != self.armed {
            self.armed = due;
            self.pending.retain(|action| !matches!(action, Action::SetTimer { .. } | Action::CancelTimer));
            self.pending.push_back(due.map_or(Action::CancelTimer, |at| Action::SetTimer { at }));
        }
    }
}

impl Racing {
    fn begin(&mut self, to: Peer) -> Action {
        self.sockets += 1;
        let attempt = AttemptId(self.sockets);
        self.under_way.push(attempt);
        Action::Connect { attempt, to }
    }

    fn is_under_way(&self, attempt: AttemptId) -> bool {
        self.under_way.contains(&attempt)
    }

    /// Whether something happens when the time has come.
    fn waits(&self, race: Race) -> bool {
        !self.addresses.is_empty() && (!self.begun || self.under_way.len() < usize::from(race.max_sockets()))
    }
}

/// A host that answers says more than a network that does not know it.
const fn telling(kind: IoKind) -> u8 {
    match kind {
        IoKind::Refused | IoKind::Reset => 3,
        IoKind::TimedOut | IoKind::Exhausted => 2,
        IoKind::Unreachable => 1,
        IoKind::Eof | IoKind::BrokenPipe | IoKind::Other => 0,
    }
}
