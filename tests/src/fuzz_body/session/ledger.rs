//! What a session promises, whatever a driver tells it.

use std::collections::BTreeMap;

use steadfast_core::{
    Action, ConnId, Event, Lane, MessageId, Notice, SendOptions, Session, StateKind, Timestamp, Verdict, config::Config,
};

/// Follows the events and actions of one session, and panics at a broken promise:
///
/// - an accepted message gets exactly one verdict, a refused one none, and a settled one is not handed over any more;
/// - one connection at a time, each with a new name, and actions only for it;
/// - messages of a lane are handed over in the order in which they were accepted, on each connection anew, but for those with a
///   key, which take the place of others;
/// - timers lie ahead;
/// - when the session has stopped, nothing is unsettled and no connection is left.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    now: Timestamp,
    /// Accepted and not settled, with the place in the order of acceptance.
    unsettled: BTreeMap<MessageId, Accepted>,
    /// Handed to the store, and not accepted yet: each has its place.
    asked: BTreeMap<MessageId, Accepted>,
    /// Whether messages may wait for a name before they are handed to the store: with credentials, which bring one.
    may_wait_for_a_name: bool,
    /// How many there ever were, accepted or on their way to the store.
    places: u64,
    accepted: u64,
    conn: Option<ConnId>,
    last_conn: ConnId,
    /// The place of the last message of each lane handed over on this connection.
    handed: BTreeMap<Lane, u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Accepted {
    place: u64,
    lane: Lane,
    /// Bound messages go ahead of the outbox, and those with a key in the place of another.
    out_of_turn: bool,
}

impl Ledger {
    pub(super) fn new(config: &Config) -> Self {
        Self { may_wait_for_a_name: config.credentials.is_some(), ..Self::default() }
    }

    /// An event is about to be handled, and will lead to these actions.
    pub(super) fn event(&mut self, now: Timestamp, event: &Event<'_>, actions: &[Action<'_>]) {
        self.now = now;
        let persisted = |wanted: MessageId| {
            actions.iter().any(|action| matches!(action, Action::Persist(persist) if persist.id == wanted))
        };
        let refused = actions.iter().filter_map(|action| match action {
            Action::Notify(Notice::Refused { id, .. }) => Some(*id),
            _ => None,
        });
        let mut refused = refused.peekable();
        match event {
            Event::Send { id, options, .. } if persisted(*id) => {
                let place = self.place(*options);
                assert_eq!(self.asked.insert(*id, place), None, "{id} was handed to the store twice");
            }
            // Refused at once: it is as if it had not been.
            Event::Send { id, .. } if refused.next_if_eq(id).is_some() => {}
            // It waits until it is known for whom it is.
            Event::Send { id, options, .. } if options.durable => {
                assert!(self.may_wait_for_a_name, "{id} is durable, and nobody asked the store to keep it");
                let place = self.place(*options);
                assert_eq!(self.asked.insert(*id, place), None, "{id} waits twice");
            }
            Event::Send { id, options, .. } => self.accept(*id, *options),
            Event::Closed { conn, .. } if self.conn == Some(*conn) => self.conn = None,
            _ => {}
        }
        for id in refused {
            assert!(self.asked.remove(&id).is_some(), "{id} was refused, and neither sent nor on its way to the store");
        }
    }

    pub(super) fn action(&mut self, action: &Action<'_>) {
        let now = self.conn;
        let on_conn = |conn: &ConnId| assert_eq!(Some(*conn), now, "an action for another connection: {action:?}");
        match action {
            Action::Connect { conn, attempt, .. } => {
                assert_eq!(self.conn, None, "a second connection");
                assert!(*conn > self.last_conn, "the name of a connection is used again");
                assert!(*attempt >= 1);
                (self.conn, self.last_conn) = (Some(*conn), *conn);
                self.handed.clear();
            }
            Action::Send { conn, id, .. } => {
                on_conn(conn);
                let entry = self.unsettled.get(id).expect("only what is unsettled is handed over");
                if !entry.out_of_turn {
                    let before = self.handed.insert(entry.lane, entry.place);
                    assert!(
                        before.is_none_or(|before| before < entry.place),
                        "{id} came after a younger one of its lane"
                    );
                }
            }
            Action::Ping { conn, .. }
            | Action::Heartbeat { conn, .. }
            | Action::Close { conn, .. }
            | Action::Abort { conn }
            | Action::Present { conn, .. }
            | Action::Deliver { conn, .. } => on_conn(conn),
            Action::SetTimer { at } => assert!(*at > self.now, "a timer for {at} was set at {}", self.now),
            Action::Notify(Notice::Verdict { id, verdict, message }) => {
                assert!(self.unsettled.remove(id).is_some(), "{id} has no verdict to come: {verdict:?}");
                let comes_back = matches!(verdict, Verdict::InDoubt | Verdict::Dropped(_));
                assert_eq!(message.is_some(), comes_back, "{id}: {verdict:?}");
            }
            Action::Notify(Notice::Accepted { id }) => {
                let options = SendOptions::durable();
                let accepted =
                    self.asked.remove(id).unwrap_or_else(|| Accepted { out_of_turn: true, ..self.place(options) });
                self.accepted += 1;
                assert_eq!(self.unsettled.insert(*id, accepted), None, "{id} was accepted twice");
            }
            Action::CancelTimer
            | Action::FetchCredentials { .. }
            | Action::Persist(_)
            | Action::Forget { .. }
            | Action::Notify(_) => {}
        }
    }

    /// The event was handled, and every action taken.
    pub(super) fn handled(&mut self, session: &Session) {
        assert_eq!(session.unsettled().0, self.unsettled.len() + self.asked.len(), "messages held and not settled");
        let metrics = session.metrics();
        assert_eq!(metrics.accepted, self.accepted, "messages accepted");
        assert_eq!(metrics.accepted, metrics.verdicts.total() + self.unsettled.len() as u64, "one verdict each");
        if session.state().kind() == StateKind::Stopped {
            assert_eq!(self.unsettled.len(), 0, "stopped with messages unsettled");
            assert_eq!(self.conn, None, "stopped with a connection left");
        }
    }

    fn place(&mut self, options: SendOptions) -> Accepted {
        self.places += 1;
        let out_of_turn = options.bound_to.is_some() || options.key.is_some();
        Accepted { place: self.places, lane: options.lane, out_of_turn }
    }

    fn accept(&mut self, id: MessageId, options: SendOptions) {
        self.accepted += 1;
        let accepted = self.place(options);
        assert_eq!(self.unsettled.insert(id, accepted), None, "{id} was accepted twice");
    }
}
