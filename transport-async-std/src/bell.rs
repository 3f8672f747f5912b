//! What woke the session, and whom to wake for it.

use std::{
    fmt, mem,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Wake, Waker},
};

/// Remembers what it was rung for, and wakes whoever is to give the session its turn.
///
/// That is the client's task, which comes for certain. But when a socket has news, most often some task waits for what
/// the news may bring, and would be woken by the client's: it stands in for that and is woken itself, which saves
/// the way over another task, and perhaps another thread. It may be gone, or busy with something else, so that it does
/// not come. Who leaves says so; and as long as stand-ins are called, the client's task looks every now and then
/// whether one of them was called in vain ([`Watch`]). While it does, it is not woken for news that come when nobody waits, and
/// leaves them alone when it comes for something else: whoever was called last is most likely at work with what he found, and
/// about to come back. Two threads that give turns by turns are in each other's way.
pub(crate) struct Bell {
    rung: AtomicU8,
    sleepers: Mutex<Sleepers>,
}

/// What a bell is rung for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rung(u8);

/// Whose waiting is a stand-in's; each future or stream has one.
#[derive(Debug, Default)]
pub(crate) struct Seat(Option<u64>);

/// What the client's task has to do about stand-ins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Watch {
    /// Look again in a while.
    Keep,
    /// None was called since the last time.
    End,
}

#[derive(Default)]
struct Sleepers {
    task: Option<Waker>,
    /// By their numbers, which rise. The last is called first.
    stand_ins: Vec<(u64, Waker)>,
    /// The next stand-in's number.
    next: u64,
    /// Whether a stand-in was called since the task looked last.
    called: bool,
    /// Whether the task looks after them: if not, it is woken together with the next.
    watched: bool,
}

/// Rings for one thing.
struct Rope {
    bell: Arc<Bell>,
    what: Rung,
}

impl Rung {
    /// There may be something to read.
    pub(crate) const READ: Self = Self(1);
    /// There may be room to write, or a connect has come to an end.
    pub(crate) const WRITE: Self = Self(2);
    /// A name was resolved.
    pub(crate) const MAIL: Self = Self(4);
    /// Something is left over.
    pub(crate) const WORK: Self = Self(8);
    /// Something was asked for.
    const ASKED: Self = Self(16);
    /// What the client's task sees to although stand-ins are at work.
    const OWN: Self = Self(Self::MAIL.0 | Self::ASKED.0);

    pub(crate) const fn has(self, what: Self) -> bool {
        self.0 & what.0 != 0
    }
}

impl Bell {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { rung: AtomicU8::new(0), sleepers: Mutex::default() })
    }

    /// A waker that rings for this.
    pub(crate) fn rope(self: &Arc<Self>, what: Rung) -> Waker {
        Waker::from(Arc::new(Rope { bell: Arc::clone(self), what }))
    }

    /// A socket has news, a name was resolved, or something is left over: whoever stands in may see to it.
    pub(crate) fn ring(&self, what: Rung) {
        if Rung(self.rung.fetch_or(what.0, Ordering::AcqRel)).has(what) {
            // Whoever was called then has not come yet.
            return;
        }
        let mut sleepers = self.lock();
        let stand_in = sleepers.stand_ins.pop();
        sleepers.called |= stand_in.is_some();
        if !sleepers.watched
            && let Some(task) = &sleepers.task
        {
            task.wake_by_ref();
        }
        drop(sleepers);
        if let Some((_, waker)) = stand_in {
            // It is the application's, and this may be a thread that resolves names: a panic there is told on standard error.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }

    /// There is something that the client's task is to do.
    pub(crate) fn ring_task(&self) {
        self.rung.fetch_or(Rung::ASKED.0, Ordering::AcqRel);
        self.wake_task();
    }

    /// Something is left over that whoever stood in will most likely see to when he comes again.
    pub(crate) fn ring_again(&self) {
        self.rung.fetch_or(Rung::WORK.0, Ordering::AcqRel);
        let mut sleepers = self.lock();
        sleepers.called = true;
        if !sleepers.watched
            && let Some(task) = &sleepers.task
        {
            task.wake_by_ref();
        }
    }

    /// What it was rung for since the last time.
    #[inline]
    pub(crate) fn take(&self) -> Rung {
        Rung(self.rung.swap(0, Ordering::AcqRel))
    }

    /// The same, but only what the client's task sees to although stand-ins are at work.
    pub(crate) fn take_own(&self) -> Rung {
        Rung(self.rung.fetch_and(!Rung::OWN.0, Ordering::AcqRel) & Rung::OWN.0)
    }

    /// Whether stand-ins are at work: what a socket has to say is left to them.
    pub(crate) fn is_left_to_stand_ins(&self) -> bool {
        self.lock().watched
    }

    /// Whether it was rung since somebody took what for.
    #[inline]
    pub(crate) fn is_rung(&self) -> bool {
        self.rung.load(Ordering::Acquire) != 0
    }

    /// Has this task woken in the place of the client's when a socket has news. It has to look whether the bell
    /// [was rung](Self::is_rung) meanwhile. If it took another's seat, that one's waker comes back: it may be the last thing
    /// that keeps a task, which is not to go under a lock.
    #[must_use = "it is to go without a lock"]
    pub(crate) fn stand_in(&self, seat: &mut Seat, waker: &Waker) -> Option<Waker> {
        let mut sleepers = self.lock();
        if let Some(place) = sleepers.place(seat) {
            let known = &mut sleepers.stand_ins[place].1;
            return (!known.will_wake(waker)).then(|| mem::replace(known, waker.clone()));
        }
        sleepers.next += 1;
        let number = sleepers.next;
        seat.0 = Some(number);
        sleepers.stand_ins.push((number, waker.clone()));
        None
    }

    /// Whoever has this seat stands in no more. If it was called and did not come, the client's task is.
    pub(crate) fn leave(&self, seat: &mut Seat) {
        if seat.0.is_none() {
            return;
        }
        let mut sleepers = self.lock();
        let old = sleepers.place(seat).map(|place| sleepers.stand_ins.remove(place));
        drop(sleepers);
        seat.0 = None;
        if old.is_none() && self.is_rung() {
            self.wake_task();
        }
    }

    /// Looks after stand-ins from here on, or again.
    pub(crate) fn watch(&self) -> Watch {
        let mut sleepers = self.lock();
        sleepers.watched = mem::take(&mut sleepers.called);
        if sleepers.watched { Watch::Keep } else { Watch::End }
    }

    /// The client's task is this one.
    pub(crate) fn wakes(&self, task: &Waker) {
        let mut sleepers = self.lock();
        if !sleepers.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            let old = sleepers.task.replace(task.clone());
            drop(sleepers);
            drop(old);
        }
    }

    /// Wakes nobody from here on.
    pub(crate) fn hush(&self) {
        let Sleepers { task, stand_ins, .. } = mem::take(&mut *self.lock());
        drop((task, stand_ins));
    }

    /// Wakes the client's task.
    pub(crate) fn wake_task(&self) {
        if let Some(task) = &self.lock().task {
            task.wake_by_ref();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sleepers {
    /// Where among those who stand in the one with this seat is.
    fn place(&self, seat: &Seat) -> Option<usize> {
        let own = seat.0?;
        self.stand_ins.binary_search_by_key(&own, |(number, _)| *number).ok()
    }
}

impl Wake for Rope {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.bell.ring(self.what);
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bell").field("rung", &self.rung).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A waker of an application that fails.
    struct Failing;

    impl Wake for Failing {
        fn wake(self: Arc<Self>) {
            panic!("the application's waker failed");
        }
    }

    /// A waker that counts.
    #[derive(Default)]
    struct Counting(AtomicU8);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Counting {
        fn count(&self) -> u8 {
            self.0.load(Ordering::Relaxed)
        }
    }

    /// A bell with a task behind it that looks after stand-ins.
    fn watched(task: &Arc<Counting>) -> Arc<Bell> {
        let bell = Bell::new();
        bell.wakes(&Waker::from(Arc::clone(task)));
        let _ = bell.stand_in(&mut Seat::default(), Waker::noop());
        bell.ring(Rung::READ);
        assert_eq!((bell.watch(), task.count()), (Watch::Keep, 1));
        let _ = bell.take();
        bell
    }

    #[test]
    fn news_are_left_to_whoever_was_called_last_while_the_task_looks_after_them() {
        let task = Arc::default();
        let bell = watched(&task);
        bell.ring(Rung::READ);
        assert_eq!((task.count(), bell.is_rung()), (1, true));
    }

    #[test]
    fn the_task_that_comes_for_something_else_leaves_a_sockets_news_to_them() {
        let task = Arc::default();
        let bell = watched(&task);
        bell.ring(Rung::READ);
        bell.ring_task();
        assert!(bell.is_left_to_stand_ins());
        assert_eq!(bell.take_own(), Rung::ASKED);
        assert_eq!(bell.take(), Rung::READ);
    }

    #[test]
    fn whoever_was_called_and_has_not_come_between_two_looks_is_waited_for_no_more() {
        let task = Arc::default();
        let bell = watched(&task);
        let _ = bell.stand_in(&mut Seat::default(), Waker::noop());
        bell.ring(Rung::READ);
        assert_eq!((bell.watch(), bell.is_left_to_stand_ins()), (Watch::Keep, true));
        assert_eq!((bell.watch(), bell.is_left_to_stand_ins()), (Watch::End, false));
        assert!(bell.is_rung());
    }

    #[test]
    fn the_task_is_woken_again_once_nobody_was_called_for_a_while() {
        let task = Arc::default();
        let bell = watched(&task);
        assert_eq!(bell.watch(), Watch::End);
        bell.ring(Rung::READ);
        assert_eq!(task.count(), 2);
    }

    #[test]
    fn all_who_wait_stand_in_but_who_has_left() {
        let bell = Bell::new();
        let mut waiting: [(Seat, Arc<Counting>); 3] = Default::default();
        for (seat, waker) in &mut waiting {
            let _ = bell.stand_in(seat, &Waker::from(Arc::clone(waker)));
        }
        bell.leave(&mut waiting[1].0);
        for what in [Rung::READ, Rung::WRITE, Rung::MAIL] {
            bell.ring(what);
        }
        assert_eq!(waiting.map(|(_, waker)| waker.count()), [1, 0, 1]);
    }

    #[test]
    fn whoever_rings_outlives_a_waker_that_panics() {
        let bell = Bell::new();
        let _ = bell.stand_in(&mut Seat::default(), &Waker::from(Arc::new(Failing)));
        bell.rope(Rung::MAIL).wake();
        assert!(bell.is_rung());
    }
}
