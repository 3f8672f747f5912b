//! What the session did not accept of what was handed in without a receipt: each sink is told of its own.

use std::{collections::VecDeque, fmt, ops::Range};

use steadfast_core::MessageId;
use steadfast_transport::pump::SendError;

/// Which sink handed in what the session was not told yet, and what it refused, until the sink asks.
///
/// Whoever hands in messages holds the client's lock meanwhile, so that their ids are in a row: a message that is accepted
/// leaves no trace here.
#[derive(Default)]
pub(crate) struct Refusals {
    /// The sink that hands in messages now, and the first of their ids.
    current: Option<(u64, u64)>,
    /// Ids that the session was not told yet, and their sinks.
    untold: Vec<(Range<u64>, u64)>,
    /// What was refused, in the order of the ids of each sink.
    refused: VecDeque<(u64, SendError)>,
    /// The next sink's number.
    next: u64,
}

impl Refusals {
    /// There is a new sink; its number.
    pub(crate) const fn join(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A sink is gone, and does not ask any more.
    pub(crate) fn leave(&mut self, sink: u64) {
        self.untold.retain(|(_, other)| *other != sink);
        self.refused.retain(|(other, _)| *other != sink);
    }

    /// What is handed in from this id on is this sink's.
    pub(crate) const fn begin(&mut self, sink: u64, first: u64) {
        self.current = Some((sink, first));
    }

    /// What is handed in from this id on is somebody else's. `untold`: the session was not told of all before it.
    pub(crate) fn end(&mut self, next: u64, untold: bool) {
        if let Some((sink, first)) = self.current.take()
            && untold
            && first < next
        {
            self.untold.push((first..next, sink));
        }
    }

    /// The session was told of everything.
    #[inline]
    pub(crate) fn told(&mut self) {
        self.untold.clear();
    }

    /// The session does not accept this message.
    pub(crate) fn refuse(&mut self, id: MessageId, error: impl FnOnce() -> SendError) {
        let current = self.current.filter(|(_, first)| *first <= id.0).map(|(sink, _)| sink);
        let owner = || self.untold.iter().find(|(ids, _)| ids.contains(&id.0)).map(|(_, sink)| *sink);
        if let Some(sink) = current.or_else(owner) {
            self.add(sink, error());
        }
    }

    /// A message of this sink is not let in.
    pub(crate) fn add(&mut self, sink: u64, error: SendError) {
        self.refused.push_back((sink, error));
    }

    /// The first of this sink's messages that was refused, and whether there are more.
    #[inline]
    pub(crate) fn take(&mut self, sink: u64) -> Option<(SendError, bool)> {
        if self.refused.is_empty() { None } else { self.find(sink) }
    }

    #[cold]
    fn find(&mut self, sink: u64) -> Option<(SendError, bool)> {
        let place = self.refused.iter().position(|(other, _)| *other == sink)?;
        let (_, error) = self.refused.remove(place)?;
        Some((error, self.refused.iter().any(|(other, _)| *other == sink)))
    }
}

impl fmt::Debug for Refusals {
    /// How many, and never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refusals").field(&self.refused.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use steadfast_core::{Message, Refusal};

    use super::*;

    fn refuse(refusals: &mut Refusals, id: u64) {
        refusals.refuse(MessageId(id), || SendError {
            message: Message::text(id.to_string()).into_owned(),
            why: Refusal::NotOpen,
        });
    }

    fn taken(refusals: &mut Refusals, sink: u64) -> Vec<String> {
        std::iter::from_fn(|| refusals.take(sink))
            .map(|(error, _)| error.message.as_text().expect("text").to_owned())
            .collect()
    }

    #[test]
    fn each_sink_is_told_of_its_own_in_their_order() {
        let mut refusals = Refusals::default();
        let (one, other) = (refusals.join(), refusals.join());
        refusals.begin(one, 1);
        refusals.end(3, true);
        refusals.begin(other, 3);
        refusals.end(4, true);
        refusals.begin(one, 5);
        for id in 1..6 {
            refuse(&mut refusals, id);
        }
        assert_eq!(
            (taken(&mut refusals, one), taken(&mut refusals, other)),
            (vec!["1".into(), "2".into(), "5".into()], vec!["3".into()])
        );
    }

    #[test]
    fn what_the_session_was_told_of_leaves_nothing_behind() {
        let mut refusals = Refusals::default();
        let sink = refusals.join();
        for id in 1..100 {
            refusals.begin(sink, id);
            refusals.end(id + 1, true);
            refusals.told();
        }
        assert!(refusals.untold.is_empty());
    }

    #[test]
    fn a_sink_that_is_gone_leaves_nothing_behind() {
        let mut refusals = Refusals::default();
        let sink = refusals.join();
        refusals.begin(sink, 1);
        refusals.end(3, true);
        refuse(&mut refusals, 1);
        refusals.leave(sink);
        refuse(&mut refusals, 2);
        assert!(refusals.refused.is_empty());
    }
}
