//! How many sessions of a loop may connect at the same time, and whose turn is next.

use std::{collections::BTreeMap, num::NonZeroUsize};

use steadfast_core::ConnId;

/// Lets only so many sessions connect at the same time; the others wait in the order in which they came.
///
/// A session is inside from the beginning of its attempt (the name's resolution) until its WebSocket is open, or the
/// attempt has failed. One that waits has not begun: its connect timeout does not run.
#[derive(Debug)]
pub(super) struct Gate {
    most: NonZeroUsize,
    inside: usize,
    /// The most that were inside at the same time.
    peak: usize,
    /// Who waits, by ticket.
    waiting: BTreeMap<u64, usize>,
    next_ticket: u64,
}

/// Where a session stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Place {
    /// It does not want to connect, or is connected.
    #[default]
    Elsewhere,
    /// It waits with this ticket.
    Waiting(u64),
    /// It connects, for this connection to be.
    Inside(ConnId),
}

/// How many sessions of a loop connect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Connects {
    /// Attempts under way: from the resolution of the name until the WebSocket is open.
    pub under_way: usize,
    /// Attempts that wait their turn.
    pub waiting: usize,
    /// The most that were under way at the same time.
    pub peak: usize,
    /// The most that may be.
    pub limit: usize,
}

impl Gate {
    pub(super) const fn new(most: NonZeroUsize) -> Self {
        Self { most, inside: 0, peak: 0, waiting: BTreeMap::new(), next_ticket: 0 }
    }

    /// Changes how many may be inside. Those that are stay there.
    pub(super) const fn set_most(&mut self, most: NonZeroUsize) {
        self.most = most;
    }

    /// The session in this slot wants to begin this connection, or to begin it again elsewhere; whether it may. If not, it
    /// waits behind all others, and [`next`](Self::next) names it.
    pub(super) fn enter(&mut self, place: &mut Place, slot: usize, conn: ConnId) -> bool {
        match *place {
            Place::Inside(inside) if inside == conn => return true,
            // Whoever gives a connection up in the queue and wants another has waited no less for that.
            Place::Waiting(_) => return false,
            Place::Inside(_) | Place::Elsewhere => self.leave(place),
        }
        if self.has_room() && self.waiting.is_empty() {
            self.let_in(place, conn);
            return true;
        }
        *place = Place::Waiting(self.next_ticket);
        self.waiting.insert(self.next_ticket, slot);
        self.next_ticket += 1;
        false
    }

    /// The session does not connect any more, or does not want to.
    pub(super) fn leave(&mut self, place: &mut Place) {
        match std::mem::take(place) {
            Place::Elsewhere => {}
            Place::Waiting(ticket) => {
                self.waiting.remove(&ticket);
            }
            Place::Inside(_) => self.inside -= 1,
        }
    }

    /// The slot of the session whose turn it is, if there is room for it.
    pub(super) fn next(&self) -> Option<usize> {
        self.waiting.first_key_value().filter(|_| self.has_room()).map(|(_, slot)| *slot)
    }

    /// Lets a session in, which waits no longer.
    pub(super) fn admit(&mut self, place: &mut Place, conn: ConnId) {
        self.leave(place);
        self.let_in(place, conn);
    }

    pub(super) fn connects(&self) -> Connects {
        let (under_way, waiting) = (self.inside, self.waiting.len());
        Connects { under_way, waiting, peak: self.peak, limit: self.most.get() }
    }

    const fn has_room(&self) -> bool {
        self.inside < self.most.get()
    }

    fn let_in(&mut self, place: &mut Place, conn: ConnId) {
        *place = Place::Inside(conn);
        self.inside += 1;
        self.peak = self.peak.max(self.inside);
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new(MAX_CONNECTS)
    }
}

/// How many sessions of a loop connect at the same time, unless it is told otherwise. 128 is the smallest backlog in wide
/// use of a socket that listens (`SOMAXCONN` of Linux before 5.4 and of macOS, and what Rust's standard library asks for):
/// one loop cannot overflow it, however many sessions come back at once. A connection that a full backlog drops is tried
/// again by TCP after a second, and then after two more.
pub(super) const MAX_CONNECTS: NonZeroUsize = NonZeroUsize::new(128).unwrap();

#[cfg(test)]
mod tests {
    use super::*;

    const CONN: ConnId = ConnId(1);

    fn gate(most: usize) -> Gate {
        Gate::new(NonZeroUsize::new(most).expect("not zero"))
    }

    /// Sessions that want to connect, one after the other.
    fn crowd(gate: &mut Gate, count: usize) -> Vec<Place> {
        let mut places = vec![Place::default(); count];
        for (slot, place) in places.iter_mut().enumerate() {
            gate.enter(place, slot, CONN);
        }
        places
    }

    /// Lets in whoever may, and says who.
    fn let_in(gate: &mut Gate, places: &mut [Place]) -> Vec<usize> {
        let mut admitted = Vec::new();
        while let Some(slot) = gate.next() {
            gate.admit(&mut places[slot], CONN);
            admitted.push(slot);
        }
        admitted
    }

    #[test]
    fn no_more_are_inside_than_may_be() {
        let mut gate = gate(3);
        let mut places = crowd(&mut gate, 10);
        assert_eq!(places.iter().filter(|place| **place == Place::Inside(CONN)).count(), 3);
        assert!(let_in(&mut gate, &mut places).is_empty());
        assert_eq!(gate.connects(), Connects { under_way: 3, waiting: 7, peak: 3, limit: 3 });
    }

    #[test]
    fn who_came_first_is_let_in_first() {
        let mut gate = gate(1);
        let mut places = crowd(&mut gate, 4);
        let mut order = Vec::new();
        for leaves in 0..3 {
            gate.leave(&mut places[leaves]);
            order.extend(let_in(&mut gate, &mut places));
        }
        assert_eq!(order, [1, 2, 3]);
    }

    #[test]
    fn a_newcomer_does_not_overtake_those_that_wait() {
        let mut gate = gate(1);
        let mut places = crowd(&mut gate, 2);
        gate.leave(&mut places[0]);
        assert!(!gate.enter(&mut places[0], 0, CONN), "somebody waits already");
        assert_eq!(let_in(&mut gate, &mut places), [1]);
        gate.leave(&mut places[1]);
        assert_eq!(let_in(&mut gate, &mut places), [0]);
    }

    #[test]
    fn who_gives_up_waiting_is_not_called() {
        let mut gate = gate(1);
        let mut places = crowd(&mut gate, 3);
        gate.leave(&mut places[1]);
        gate.leave(&mut places[0]);
        assert_eq!(let_in(&mut gate, &mut places), [2]);
        assert_eq!(gate.connects(), Connects { under_way: 1, waiting: 0, peak: 1, limit: 1 });
    }

    #[test]
    fn who_begins_the_same_attempt_again_stays_inside() {
        let mut gate = gate(1);
        let mut places = crowd(&mut gate, 2);
        assert!(gate.enter(&mut places[0], 0, CONN));
        assert_eq!(gate.connects().under_way, 1);
    }

    #[test]
    fn who_begins_another_attempt_lets_the_others_go_first() {
        let mut gate = gate(1);
        let mut places = crowd(&mut gate, 2);
        assert!(!gate.enter(&mut places[0], 0, ConnId(2)));
        assert_eq!(let_in(&mut gate, &mut places), [1]);
    }

    #[test]
    fn who_waits_with_another_attempt_keeps_its_place() {
        let mut gate = gate(1);
        let mut places = crowd(&mut gate, 3);
        assert!(!gate.enter(&mut places[1], 1, ConnId(2)));
        gate.leave(&mut places[0]);
        assert_eq!(let_in(&mut gate, &mut places), [1]);
    }

    #[test]
    fn leaving_twice_is_leaving_once() {
        let mut gate = gate(1);
        let mut places = crowd(&mut gate, 2);
        gate.leave(&mut places[0]);
        gate.leave(&mut places[0]);
        assert_eq!(let_in(&mut gate, &mut places), [1]);
    }

    #[test]
    fn a_wider_gate_lets_more_in_and_a_narrower_one_sends_nobody_out() {
        let mut gate = gate(2);
        let mut places = crowd(&mut gate, 6);
        gate.set_most(NonZeroUsize::new(4).expect("not zero"));
        assert_eq!(let_in(&mut gate, &mut places), [2, 3]);
        gate.set_most(NonZeroUsize::MIN);
        assert_eq!(gate.connects().under_way, 4);
        for place in &mut places[..3] {
            gate.leave(place);
            assert_eq!(gate.next(), None);
        }
        gate.leave(&mut places[3]);
        assert_eq!(let_in(&mut gate, &mut places), [4]);
    }
}
