//! The judgement over many lives of one client: what its processes said, against what the server has read.

use std::collections::{BTreeMap, BTreeSet};

use super::said::Said;
use crate::words::messages;

/// What both sides have to say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Evidence {
    /// What each process said, in its order. All but the last were killed, if any was.
    pub(super) lives: Vec<Vec<Said>>,
    /// What the server has read, in the order of reading.
    pub(super) arrivals: Vec<Arrival>,
    /// Messages that the store holds at the end.
    pub(super) left: u64,
}

/// A message that the server has read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Arrival {
    /// From which life, counted from 0.
    pub(super) life: usize,
    /// On which connection.
    pub(super) conn: u64,
    /// Which number; `None` for what was no message of the client's.
    pub(super) number: Option<u64>,
}

/// What came of it, in messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Judgement {
    pub(super) sent: u64,
    /// Told to be stored.
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) confirmed: u64,
    /// Found in the store, over all lives.
    pub(super) restored: u64,
    /// Arrived, each counted once.
    pub(super) delivered: u64,
    /// Told to be accepted or confirmed, and never arrived.
    pub(super) lost: u64,
    /// Arrivals of what had arrived before.
    pub(super) duplicates: u64,
    /// Arrivals in a life that neither found the message in its store nor sent it first: it was not in doubt.
    pub(super) not_in_doubt: u64,
    /// Arrivals of what had arrived on the same connection.
    pub(super) repeated: u64,
    /// First arrivals behind later ones, arrivals behind later ones of the same connection, and what stores held out of order.
    pub(super) reordered: u64,
    /// Back from the store, though confirmed and not there any more in between.
    pub(super) revived: u64,
    /// Settled as something else than confirmed.
    pub(super) given_up: u64,
    /// Accepted or restored in the last life, and not settled by its end; and what the store holds then.
    pub(super) unsettled: u64,
    /// Arrivals of what was never sent.
    pub(super) strangers: u64,
}

impl Evidence {
    /// Judges it.
    pub(super) fn judge(&self) -> Judgement {
        let all = |of: fn(&Said) -> Option<u64>| self.lives.iter().flatten().filter_map(of).collect::<BTreeSet<u64>>();
        let (sent, accepted, confirmed) = (all(sends), all(accepted), all(confirmed));
        let mut judgement = Judgement {
            sent: size(&sent),
            accepted: size(&accepted),
            refused: size(&all(refused)),
            confirmed: size(&confirmed),
            restored: self.lives.iter().flatten().filter_map(restored).count() as u64,
            given_up: size(&all(given_up)),
            ..Judgement::default()
        };
        let arrived = self.hear_the_server(&sent, &mut judgement);
        judgement.delivered = size(&arrived);
        judgement.lost = accepted.union(&confirmed).filter(|number| !arrived.contains(number)).count() as u64;
        self.look_into_stores(&mut judgement);
        judgement
    }

    /// What arrived, and whether it should have, then and there.
    fn hear_the_server(&self, sent: &BTreeSet<u64>, judgement: &mut Judgement) -> BTreeSet<u64> {
        let known: Vec<BTreeSet<u64>> =
            self.lives.iter().map(|life| of(life, |said| restored(said).or(sends(said)))).collect();
        let mut arrived = BTreeSet::new();
        let mut on_connections: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for arrival in &self.arrivals {
            let Some(number) = arrival.number.filter(|number| sent.contains(number)) else {
                judgement.strangers += 1;
                continue;
            };
            let here = on_connections.entry(arrival.conn).or_default();
            let overtaken = here.last().is_some_and(|last| number < *last);
            judgement.repeated += u64::from(!here.insert(number));
            let late = arrived.last().is_some_and(|last| number < *last);
            let first = arrived.insert(number);
            judgement.duplicates += u64::from(!first);
            judgement.reordered += u64::from(overtaken || first && late);
            let explained = known.get(arrival.life).is_some_and(|known| known.contains(&number));
            judgement.not_in_doubt += u64::from(!explained);
        }
        arrived
    }

    /// What each life found in its store, in which order, and what the last one left.
    fn look_into_stores(&self, judgement: &mut Judgement) {
        // Confirmed, and since then not in the store that a process found: gone for good.
        let mut done = BTreeSet::new();
        let mut before: &[Said] = &[];
        for life in &self.lives {
            let found: Vec<u64> = life.iter().filter_map(restored).collect();
            judgement.reordered += found.windows(2).filter(|pair| pair[0] >= pair[1]).count() as u64;
            let found: BTreeSet<u64> = found.into_iter().collect();
            done.extend(of(before, confirmed).difference(&found));
            judgement.revived += found.intersection(&done).count() as u64;
            before = life;
        }
        let owed = of(before, |said| restored(said).or(accepted(said)));
        judgement.unsettled = self.left + owed.difference(&of(before, confirmed)).count() as u64;
    }
}

impl Judgement {
    /// What speaks against the client; nothing if it kept its promises.
    pub(super) fn findings(&self) -> Vec<String> {
        [
            (self.lost, "accepted, and lost"),
            (self.reordered, "out of order"),
            (self.repeated, "arrived twice on one connection"),
            (self.not_in_doubt, "arrived from a process that had nothing to do with them"),
            (self.revived, "back from the store after they were forgotten"),
            (self.given_up, "accepted, and given up"),
            (self.unsettled, "accepted, and left unsettled"),
            (self.strangers, "arrived that were never sent"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", messages(number)))
        .collect()
    }
}

fn of(life: &[Said], what: impl Fn(&Said) -> Option<u64>) -> BTreeSet<u64> {
    life.iter().filter_map(what).collect()
}

fn size(numbers: &BTreeSet<u64>) -> u64 {
    numbers.len() as u64
}

macro_rules! what_is_said {
    ($($name:ident $variant:ident)*) => {
        $(
            const fn $name(said: &Said) -> Option<u64> {
                if let Said::$variant(number) = said { Some(*number) } else { None }
            }
        )*
    };
}

what_is_said! { restored Restored sends Sends accepted Accepted refused Refused confirmed Confirmed given_up GivenUp }

#[cfg(test)]
mod tests {
    use super::{
        Said::{Accepted, Confirmed, GivenUp, Restored, Sends},
        *,
    };

    fn sent_and_accepted(numbers: std::ops::RangeInclusive<u64>) -> Vec<Said> {
        numbers.flat_map(|number| [Sends(number), Accepted(number)]).collect()
    }

    fn arrivals(life: usize, conn: u64, numbers: &[u64]) -> impl Iterator<Item = Arrival> {
        numbers.iter().map(move |number| Arrival { life, conn, number: Some(*number) })
    }

    /// 1 to 4 are accepted, 1 is confirmed, 1 and 2 arrive; killed; 2 to 4 are in the store, and 5 is new.
    fn honest() -> Evidence {
        let mut first = sent_and_accepted(1..=4);
        first.push(Confirmed(1));
        let mut second = vec![Restored(2), Restored(3), Restored(4)];
        second.extend(sent_and_accepted(5..=5));
        second.extend((2..=5).map(Confirmed));
        Evidence {
            lives: vec![first, second],
            arrivals: arrivals(0, 1, &[1, 2]).chain(arrivals(1, 2, &[2, 3, 4, 5])).collect(),
            left: 0,
        }
    }

    /// What is found if the evidence is changed like this.
    fn found(change: impl FnOnce(&mut Evidence)) -> Judgement {
        let mut evidence = honest();
        change(&mut evidence);
        let judgement = evidence.judge();
        assert!(!judgement.findings().is_empty(), "{judgement:?}");
        judgement
    }

    #[test]
    fn what_was_in_doubt_at_a_kill_may_come_twice() {
        let judgement = honest().judge();
        assert_eq!(judgement.findings(), [""; 0]);
        assert_eq!((judgement.accepted, judgement.delivered, judgement.duplicates, judgement.restored), (5, 5, 1, 3));
    }

    #[test]
    fn a_client_without_its_store_loses_what_was_not_sent() {
        let judgement = found(|evidence| {
            evidence.lives[1].retain(|said| !matches!(said, Restored(_) | Confirmed(2..=4)));
            evidence.arrivals.retain(|arrival| arrival.life == 0 || arrival.number == Some(5));
        });
        assert_eq!(judgement.lost, 2);
    }

    #[test]
    fn what_was_confirmed_and_never_arrived_is_lost() {
        assert_eq!(found(|evidence| evidence.arrivals.truncate(5)).lost, 1);
    }

    #[test]
    fn what_was_sent_and_never_accepted_may_be_lost() {
        let mut evidence = honest();
        evidence.lives[0].push(Sends(9));
        assert_eq!(evidence.judge().findings(), [""; 0]);
    }

    #[test]
    fn what_comes_again_and_was_not_in_the_store_is_found() {
        assert_eq!(
            found(|evidence| evidence.arrivals.insert(2, Arrival { life: 1, conn: 2, number: Some(1) })).not_in_doubt,
            1
        );
    }

    #[test]
    fn what_comes_twice_on_a_connection_is_found() {
        assert_eq!(found(|evidence| evidence.arrivals.extend(arrivals(1, 2, &[5]))).repeated, 1);
    }

    #[test]
    fn what_overtakes_over_a_kill_is_found() {
        assert_eq!(found(|evidence| evidence.arrivals[1].number = Some(4)).reordered, 2);
    }

    #[test]
    fn what_overtakes_on_a_connection_is_found() {
        assert_eq!(found(|evidence| evidence.arrivals.swap(4, 5)).reordered, 1);
    }

    #[test]
    fn a_store_out_of_order_is_found() {
        assert_eq!(found(|evidence| evidence.lives[1].swap(0, 1)).reordered, 1);
    }

    #[test]
    fn what_comes_back_after_it_was_forgotten_is_found() {
        let again = vec![Restored(1), Sends(6), Confirmed(1)];
        assert_eq!(found(|evidence| evidence.lives.push(again)).revived, 1);
    }

    #[test]
    fn what_is_left_at_the_end_is_found() {
        assert_eq!(found(|evidence| evidence.left = 1).unsettled, 1);
        assert_eq!(found(|evidence| evidence.lives[1].retain(|said| *said != Confirmed(5))).unsettled, 1);
    }

    #[test]
    fn what_was_given_up_is_found() {
        assert_eq!(found(|evidence| evidence.lives[0].push(GivenUp(3))).given_up, 1);
    }

    #[test]
    fn what_was_never_sent_is_found() {
        assert_eq!(found(|evidence| evidence.arrivals[0].number = None).strangers, 1);
        assert_eq!(found(|evidence| evidence.arrivals.extend(arrivals(1, 2, &[77]))).strangers, 1);
    }
}
