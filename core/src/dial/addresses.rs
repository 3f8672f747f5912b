//! The order in which addresses are tried.

use alloc::{collections::VecDeque, vec::Vec};
use core::net::SocketAddr;

/// The addresses of one name: those to be tried, in order, and those that were.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses {
    /// Each that was told, in the order in which they came; bounded for each family.
    known: Vec<SocketAddr>,
    /// Those not tried yet.
    waiting: VecDeque<SocketAddr>,
    /// How many answers they came in.
    answers: u32,
    /// The family of the one tried last is IPv6; `None` before the first.
    last_was_v6: Option<bool>,
}

impl Addresses {
    /// Takes another answer of the resolver's, at most `limit` addresses of each family in all.
    pub(super) fn add(&mut self, addresses: &[SocketAddr], port: u16, limit: usize) {
        self.answers = self.answers.saturating_add(1);
        for &found in addresses {
            let mut address = found;
            address.set_port(port);
            let same_family = |known: &&SocketAddr| known.is_ipv6() == address.is_ipv6();
            if self.known.iter().filter(same_family).count() < limit && !self.known.contains(&address) {
                self.known.push(address);
                self.waiting.push_back(address);
            }
        }
        if let Some(last_was_v6) = self.last_was_v6 {
            // Where the race is on, the newcomers take turns with those that wait.
            self.waiting = interleave(self.waiting.drain(..).collect(), !last_was_v6);
        }
    }

    /// Puts them in order for the session's attempt of this number, counted from 1: families take turns (RFC 8305 §4), and
    /// each attempt begins with the next address, so that one that accepts and then swallows everything costs one
    /// connect timeout and not all of them.
    pub(super) fn order(&mut self, attempt: u32) {
        let Some(first) = self.waiting.front() else { return };
        // The resolver has sorted one answer by its rules. Of several, that which came first need not be preferred.
        let v6_first = if self.answers > 1 { self.has_v6() } else { first.is_ipv6() };
        let mut turns = interleave(self.waiting.drain(..).collect(), v6_first);
        let skipped = attempt.saturating_sub(1) as usize % turns.len();
        turns.rotate_left(skipped);
        let v6_first = turns[0].is_ipv6();
        self.waiting = interleave(turns.into(), v6_first);
    }

    /// The next to be tried.
    pub(super) fn take(&mut self) -> Option<SocketAddr> {
        let next = self.waiting.pop_front()?;
        self.last_was_v6 = Some(next.is_ipv6());
        Some(next)
    }

    /// Whether none is left to try.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether one that is left is of IPv6.
    pub(super) fn has_v6(&self) -> bool {
        self.waiting.iter().any(SocketAddr::is_ipv6)
    }
}

/// Alternates between the families, each in its own order.
fn interleave(addresses: Vec<SocketAddr>, v6_first: bool) -> VecDeque<SocketAddr> {
    let mut mixed = VecDeque::with_capacity(addresses.len());
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv6() == v6_first);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        let before = mixed.len();
        mixed.extend(first.next());
        mixed.extend(second.next());
        if mixed.len() == before {
            return mixed;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use super::*;

    fn parsed(addresses: &[&str]) -> Vec<SocketAddr> {
        let address = |text: &&str| SocketAddr::new(text.parse().expect("an address"), 9);
        addresses.iter().map(address).collect()
    }

    fn taken(mut addresses: Addresses) -> String {
        let mut order = Vec::new();
        while let Some(address) = addresses.take() {
            assert_eq!(address.port(), 80);
            order.push(address.ip().to_string());
        }
        order.join(" ")
    }

    fn ordered(attempt: u32, answers: &[&[&str]]) -> Addresses {
        let mut addresses = Addresses::default();
        for answer in answers {
            addresses.add(&parsed(answer), 80, 16);
        }
        addresses.order(attempt);
        addresses
    }

    #[test]
    fn families_take_turns_beginning_with_that_of_the_first() {
        assert_eq!(taken(ordered(1, &[&["::1", "::2", "::3", "10.0.0.1"]])), "::1 10.0.0.1 ::2 ::3");
        assert_eq!(taken(ordered(1, &[&["10.0.0.1", "10.0.0.2", "::1"]])), "10.0.0.1 ::1 10.0.0.2");
    }

    #[test]
    fn each_attempt_begins_with_the_next_address_and_families_still_take_turns() {
        let orders = [1, 2, 3, 4, 5].map(|attempt| taken(ordered(attempt, &[&["::1", "::2", "::3", "10.0.0.1"]])));
        let [first, second, third, fourth, fifth] = orders;
        assert_eq!(first, "::1 10.0.0.1 ::2 ::3");
        assert_eq!(second, "10.0.0.1 ::2 ::3 ::1");
        assert_eq!(third, "::2 10.0.0.1 ::3 ::1");
        assert_eq!(fourth, "::3 10.0.0.1 ::1 ::2");
        assert_eq!(fifth, first);
    }

    #[test]
    fn of_several_answers_ipv6_begins_whichever_came_first() {
        assert_eq!(taken(ordered(1, &[&["10.0.0.1"], &["::1", "::2"]])), "::1 10.0.0.1 ::2");
    }

    #[test]
    fn newcomers_take_turns_with_those_that_wait() {
        let mut addresses = ordered(1, &[&["::1", "::2", "::3"]]);
        assert_eq!(addresses.take().map(|address| address.ip().to_string()).as_deref(), Some("::1"));
        addresses.add(&parsed(&["10.0.0.1", "10.0.0.2"]), 80, 16);
        assert_eq!(taken(addresses), "10.0.0.1 ::2 10.0.0.2 ::3");
    }

    #[test]
    fn an_address_is_tried_once_however_often_it_is_told() {
        let mut addresses = ordered(1, &[&["::1", "::1", "10.0.0.1"], &["10.0.0.1", "::1"]]);
        assert_eq!(addresses.take().map(|address| address.port()), Some(80));
        addresses.add(&parsed(&["::1"]), 80, 16);
        assert_eq!(taken(addresses), "10.0.0.1");
    }

    #[test]
    fn neither_family_can_crowd_out_the_other() {
        let mut addresses = Addresses::default();
        let many: Vec<SocketAddr> = (0..1_000u16).map(|at| SocketAddr::from(([0, 0, 0, 0, 0, 0, 1, at], 0))).collect();
        addresses.add(&many, 80, 3);
        addresses.add(&parsed(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]), 80, 3);
        addresses.order(1);
        assert_eq!(taken(addresses), "::1:0 10.0.0.1 ::1:1 10.0.0.2 ::1:2 10.0.0.3");
    }

    #[test]
    fn without_addresses_there_is_no_order() {
        assert_eq!(taken(ordered(7, &[])), "");
    }
}
