//! The outbox: every accepted message that is not settled, in the order in which it goes out.
//!
//! One queue, three parts: what was handed to the driver on this connection, what waits to be sent again, what was never
//! sent. A message handed over has a sequence number: its place in the order of all hand-overs.

use alloc::collections::VecDeque;

use crate::{
    config,
    message::{ConnId, Delivery, Message, MessageId, SendOptions},
    session::notice::{Dropped, NotCancelled, Refusal, Verdict},
};

/// An accepted message.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Entry {
    pub(super) id: MessageId,
    pub(super) message: Message<'static>,
    pub(super) delivery: Delivery,
    /// For the current connection only.
    pub(super) bound: bool,
    /// How often it was handed over and may have left.
    pub(super) sends: u32,
    pub(super) max_resends: u32,
}

/// The queue and its account.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(try_from = "stored::Outbox"))]
pub(super) struct Outbox {
    queue: VecDeque<Entry>,
    /// How many at the front were handed over on this connection.
    handed: usize,
    /// How many of those have left all buffers.
    flushed: usize,
    /// The sequence number of the front.
    first: u64,
    bytes: usize,
    handed_bytes: usize,
    /// How many are for the current connection only, and their bytes.
    bound: (usize, usize),
    highest: Option<MessageId>,
    /// The ids in the queue rise, so that one is found by halving.
    sorted: bool,
    /// Nothing was accepted since the last look.
    quiet: bool,
}

/// A message that is settled.
pub(super) struct Settled {
    pub(super) id: MessageId,
    pub(super) verdict: Verdict,
    pub(super) message: Message<'static>,
}

impl Entry {
    pub(super) fn new(id: MessageId, message: Message<'static>, options: SendOptions) -> Self {
        Self {
            id,
            message,
            delivery: options.delivery,
            bound: options.bound_to.is_some(),
            sends: 0,
            max_resends: options.max_resends.unwrap_or(u32::MAX),
        }
    }

    fn settled(self, verdict: Verdict) -> Settled {
        Settled { id: self.id, verdict, message: self.message }
    }

    /// It may not be dropped to make room: some connection may have carried it, or this one needs it.
    const fn is_protected(&self) -> bool {
        self.sends > 0 || self.bound
    }

    /// What becomes of it when the session acts for somebody else.
    const fn left_behind(&self) -> Verdict {
        if self.sends > 0 { Verdict::InDoubt } else { Verdict::Dropped(Dropped::IdentityChanged) }
    }

    /// What becomes of it when its connection ends: `None` if it stays.
    fn fate(&self) -> Option<Verdict> {
        let lost = if self.sends > 0 { Verdict::InDoubt } else { Verdict::Dropped(Dropped::ConnectionLost) };
        if self.bound {
            return Some(lost);
        }
        match self.delivery {
            Delivery::Volatile => Some(lost),
            Delivery::AtMostOnce => (self.sends > 0).then_some(Verdict::InDoubt),
            Delivery::AtLeastOnce => (self.sends > self.max_resends).then_some(Verdict::InDoubt),
        }
    }
}

impl Outbox {
    pub(super) const fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            handed: 0,
            flushed: 0,
            first: 0,
            bytes: 0,
            handed_bytes: 0,
            bound: (0, 0),
            highest: None,
            sorted: true,
            quiet: true,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The sequence number that the next hand-over gets.
    pub(super) const fn next_sequence(&self) -> u64 {
        self.first + self.handed as u64
    }

    pub(super) const fn has_unflushed(&self) -> bool {
        self.flushed < self.handed
    }

    pub(super) const fn has_handed(&self) -> bool {
        self.handed > 0
    }

    /// The message of this sequence number, while it is under way.
    pub(super) fn by_sequence(&self, sequence: u64) -> Option<&Entry> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        (index < self.handed).then(|| &self.queue[index])
    }

    pub(super) fn contains(&self, id: MessageId) -> bool {
        self.highest.is_some_and(|highest| id <= highest) && self.position(id).is_some()
    }

    fn position(&self, id: MessageId) -> Option<usize> {
        if self.sorted {
            self.queue.binary_search_by_key(&id, |entry| entry.id).ok()
        } else {
            self.queue.iter().position(|entry| entry.id == id)
        }
    }

    /// Whether nothing was accepted since the last look.
    pub(super) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether there is room for `len` more bytes that are for the current connection only.
    pub(super) const fn has_room_for_bound(&self, len: usize, window: &config::Confirm) -> bool {
        let (messages, bytes) = self.bound;
        messages == 0 || messages < window.max_messages as usize && bytes.saturating_add(len) <= window.max_bytes
    }

    /// Whether there is room for `len` more bytes.
    pub(super) fn has_room(&self, len: usize, bounds: &config::Outbox) -> bool {
        let (bound, bound_bytes) = self.bound;
        self.queue.len() - bound < bounds.max_messages as usize
            && (self.bytes - bound_bytes).saturating_add(len) <= bounds.max_bytes
    }

    /// Drops the oldest that may be dropped until there is room for `len` more bytes.
    ///
    /// # Errors
    /// If there would be no room even then; nothing is dropped in that case.
    pub(super) fn make_room(
        &mut self,
        len: usize,
        bounds: &config::Outbox,
        mut settle: impl FnMut(Settled),
    ) -> Result<(), Refusal> {
        let (bound, bound_bytes) = self.bound;
        let (mut messages, mut bytes, mut victims) = (self.queue.len() - bound, self.bytes - bound_bytes, 0_usize);
        let fits = |messages: usize, bytes: usize| {
            messages < bounds.max_messages as usize && bytes.saturating_add(len) <= bounds.max_bytes
        };
        for entry in self.queue.iter().skip(self.handed).filter(|entry| !entry.is_protected()) {
            if fits(messages, bytes) {
                break;
            }
            messages -= 1;
            bytes -= entry.message.len();
            victims += 1;
        }
        if !fits(messages, bytes) {
            return Err(Refusal::Full);
        }
        let mut index = self.handed;
        while victims > 0 {
            if self.queue[index].is_protected() {
                index += 1;
            } else {
                victims -= 1;
                settle(self.remove(index).settled(Verdict::Dropped(Dropped::Displaced)));
            }
        }
        Ok(())
    }

    /// Appends a message. `ahead`: it goes before everything that was not handed over, behind others sent ahead.
    #[inline]
    pub(super) fn push(&mut self, entry: Entry, ahead: bool) {
        self.quiet = false;
        self.bytes += entry.message.len();
        if entry.bound {
            self.bound = (self.bound.0 + 1, self.bound.1 + entry.message.len());
        }
        let is_highest = Some(entry.id) > self.highest;
        let is_last = is_highest || self.queue.back().is_some_and(|last| last.id < entry.id);
        self.sorted = self.queue.is_empty() || self.sorted && !ahead && is_last;
        self.highest = self.highest.max(Some(entry.id));
        if ahead {
            let behind = self.queue.iter().skip(self.handed).take_while(|waiting| waiting.bound).count();
            self.queue.insert(self.handed + behind, entry);
        } else {
            // First of all, so that nothing can fail once the entry is made, and it is made where it stays.
            while self.queue.len() == self.queue.capacity() {
                self.queue.reserve(1);
            }
            self.queue.push_back(entry);
        }
    }

    /// The next message to hand over, if `window` allows one more.
    pub(super) fn next_to_hand(&self, window: &config::Confirm) -> Option<&Entry> {
        let entry = self.queue.get(self.handed)?;
        let fits = self.handed < window.max_messages as usize
            && self.handed_bytes.saturating_add(entry.message.len()) <= window.max_bytes;
        (fits || self.handed == 0).then_some(entry)
    }

    /// Counts the next message as handed over; says its sequence number, its length, and whether it goes out again.
    pub(super) fn hand_over(&mut self) -> (u64, usize, bool) {
        let sequence = self.next_sequence();
        let entry = &mut self.queue[self.handed];
        let again = entry.sends > 0;
        entry.sends = entry.sends.saturating_add(1);
        let len = entry.message.len();
        self.handed += 1;
        self.handed_bytes += len;
        (sequence, len, again)
    }

    /// Whether a quarter of the window is in use.
    pub(super) const fn quarter_used(&self, window: &config::Confirm) -> bool {
        self.handed >= (window.max_messages as usize).div_ceil(4) || self.handed_bytes >= window.max_bytes.div_ceil(4)
    }

    /// Notes that all up to `id` have left; says whether that was news.
    pub(super) fn flushed(&mut self, id: MessageId) -> bool {
        // Most drivers write everything there is: then it is the last.
        let last = self.handed.checked_sub(1).filter(|&last| last >= self.flushed && self.queue[last].id == id);
        let found = last.or_else(|| {
            let ahead = self.queue.range(self.flushed..self.handed).position(|entry| entry.id == id)?;
            Some(self.flushed + ahead)
        });
        if let Some(index) = found {
            self.flushed = index + 1;
        }
        found.is_some()
    }

    /// The sequence number of `id`, if it is under way.
    pub(super) fn sequence_of(&self, id: MessageId) -> Option<u64> {
        let index = self.queue.range(..self.handed).position(|entry| entry.id == id)?;
        Some(self.first + index as u64)
    }

    /// The sequence number behind the last that has left all buffers.
    pub(super) const fn flushed_end(&self) -> u64 {
        self.first + self.flushed as u64
    }

    /// Takes the front message if its sequence number is below `end`.
    pub(super) fn settle_front(&mut self, end: u64) -> Option<Entry> {
        if self.handed == 0 || self.first >= end {
            return None;
        }
        let entry = self.queue.pop_front().expect("what was handed over is in the queue");
        let len = entry.message.len();
        self.first += 1;
        self.handed -= 1;
        self.flushed = self.flushed.saturating_sub(1);
        self.handed_bytes -= len;
        self.account_for(&entry);
        Some(entry)
    }

    /// The connection is over. What was handed over as `untouched` (a sequence number) or later is as if never sent.
    /// Everything that does not outlive the connection is settled, in order; if `departing`, everything that was handed over
    /// on it, as it is for another identity than what follows.
    pub(super) fn connection_over(&mut self, untouched: u64, departing: bool, mut settle: impl FnMut(Settled)) {
        let handed = core::mem::take(&mut self.handed);
        let next = self.first + handed as u64;
        let touched = usize::try_from(untouched.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.flushed = 0;
        self.handed_bytes = 0;
        for index in 0..self.queue.len() {
            let mut entry = self.queue.pop_front().expect("the loop runs once for each");
            if (touched..handed).contains(&index) {
                entry.sends -= 1;
            }
            let fate = if departing && index < handed { Some(entry.left_behind()) } else { entry.fate() };
            if let Some(verdict) = fate {
                self.account_for(&entry);
                settle(entry.settled(verdict));
            } else {
                self.queue.push_back(entry);
            }
        }
        self.first = next;
    }

    /// Settles everything that waits, in order: the session acts for somebody else from now on.
    pub(super) fn leave_behind(&mut self, mut settle: impl FnMut(Settled)) {
        while self.queue.len() > self.handed {
            let entry = self.remove(self.handed);
            let verdict = entry.left_behind();
            settle(entry.settled(verdict));
        }
    }

    /// Settles what can never be confirmed, because the link cannot ping.
    pub(super) fn drop_unconfirmable(&mut self, mut settle: impl FnMut(Settled)) {
        debug_assert_eq!(self.handed, 0, "called before anything is handed over");
        for _ in 0..self.queue.len() {
            let entry = self.queue.pop_front().expect("the loop runs once for each");
            if entry.delivery == Delivery::AtLeastOnce && !entry.bound {
                self.bytes -= entry.message.len();
                let dropped = Verdict::Dropped(Dropped::CannotConfirm);
                let verdict = if entry.sends > 0 { Verdict::InDoubt } else { dropped };
                settle(entry.settled(verdict));
            } else {
                self.queue.push_back(entry);
            }
        }
    }

    /// Takes a message back that waits.
    ///
    /// # Errors
    /// If it is under way, or nobody knows it.
    pub(super) fn cancel(&mut self, id: MessageId) -> Result<Settled, NotCancelled> {
        let index = self.position(id).ok_or(NotCancelled::Unknown)?;
        if index < self.handed {
            return Err(NotCancelled::HandedOver);
        }
        let entry = self.remove(index);
        let verdict = if entry.sends > 0 { Verdict::InDoubt } else { Verdict::Dropped(Dropped::Cancelled) };
        Ok(entry.settled(verdict))
    }

    fn remove(&mut self, index: usize) -> Entry {
        let entry = self.queue.remove(index).expect("the index was found in the queue");
        self.account_for(&entry);
        entry
    }

    /// A message has left the queue.
    fn account_for(&mut self, entry: &Entry) {
        let len = entry.message.len();
        self.bytes -= len;
        if entry.bound {
            self.bound = (self.bound.0 - 1, self.bound.1 - len);
        }
    }

    /// Settles everything, in order: what may have left is in doubt, the rest was dropped.
    pub(super) fn settle_all(&mut self, mut settle: impl FnMut(Settled)) {
        self.first = self.next_sequence();
        self.handed = 0;
        self.flushed = 0;
        self.bytes = 0;
        self.handed_bytes = 0;
        self.bound = (0, 0);
        while let Some(entry) = self.queue.pop_front() {
            let verdict = if entry.sends > 0 { Verdict::InDoubt } else { Verdict::Dropped(Dropped::Stopped) };
            settle(entry.settled(verdict));
        }
    }

    /// Gives memory back if nothing was accepted since the last call.
    pub(super) fn shrink_if_quiet(&mut self) {
        if self.quiet && self.queue.is_empty() {
            self.queue.shrink_to_fit();
        }
        self.quiet = true;
    }

    /// Every message, for a copy without payloads.
    #[cfg(feature = "trace")]
    pub(super) fn messages_mut(&mut self) -> impl Iterator<Item = &mut Message<'static>> {
        self.queue.iter_mut().map(|entry| &mut entry.message)
    }
}

impl SendOptions {
    /// The connection that the message must go to, if it must.
    pub(super) const fn bound(&self) -> Option<ConnId> {
        self.bound_to
    }
}

#[cfg(feature = "serde")]
mod stored {
    //! An outbox as it was written, not believed until it is checked: what the account says must be so.

    use super::{Entry, MessageId, VecDeque};

    #[derive(serde::Deserialize)]
    pub(super) struct Outbox {
        queue: VecDeque<Entry>,
        handed: usize,
        flushed: usize,
        first: u64,
        highest: Option<MessageId>,
        quiet: bool,
    }

    impl TryFrom<Outbox> for super::Outbox {
        type Error = &'static str;

        fn try_from(stored: Outbox) -> Result<Self, &'static str> {
            let Outbox { queue, handed, flushed, first, highest, quiet } = stored;
            if handed > queue.len() || flushed > handed {
                return Err("outbox: expected flushed <= handed <= the length of the queue");
            }
            if queue.iter().take(handed).any(|entry| entry.sends == 0) {
                return Err("outbox: expected a message that was handed over to have been sent");
            }
            let bytes = |entries: &mut dyn Iterator<Item = &Entry>| entries.map(|entry| entry.message.len()).sum();
            let bound = queue.iter().filter(|entry| entry.bound);
            Ok(Self {
                bytes: bytes(&mut queue.iter()),
                handed_bytes: bytes(&mut queue.iter().take(handed)),
                bound: (bound.clone().count(), bytes(&mut bound.clone())),
                highest: highest.max(queue.iter().map(|entry| entry.id).max()),
                sorted: queue.iter().is_sorted_by(|earlier, later| earlier.id < later.id),
                handed,
                flushed,
                first,
                quiet,
                queue,
            })
        }
    }
}
