//! The threads that ask the operating system for names: a few for the whole process.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io, mem,
    net::SocketAddr,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType};
use steadfast_core::DnsKind;

use crate::{
    dial::Answer,
    failure::Failure,
    pump::{Command, Mailbox},
};

/// Names that are asked for, by whichever loop, and the threads that ask: whoever wants a name that is asked for already
/// shares its lookup. Each thread goes away when no name is left, so that a process at rest has none.
///
/// A lookup cannot be interrupted, and with a dead name server it takes half a minute. So one that has taken too long
/// is not counted any more, and the names behind it get another thread.
pub(super) struct Lookups {
    /// Asks for the addresses of a name, and may take its time.
    ask: fn(&str) -> Found,
    /// How long a lookup may take before its thread counts as lost.
    patience: Duration,
    state: Mutex<State>,
    /// No name waits for a thread any more.
    idle: Condvar,
}

/// A name's addresses, whose ports mean nothing, or why there are none.
pub(super) type Found = Result<Vec<SocketAddr>, Failure>;

struct State {
    /// Who waits for each name.
    waiting: BTreeMap<Arc<str>, Vec<Weak<Mailbox>>>,
    /// Those of the names that wait for a thread.
    queue: VecDeque<Arc<str>>,
    /// When each lookup under way began, by its number.
    begun: BTreeMap<u64, Instant>,
    /// The number of the next lookup.
    next: u64,
    /// Whether a thread stands by until a lookup has taken too long.
    stands_by: bool,
}

impl Lookups {
    pub(super) const fn new(ask: fn(&str) -> Found, patience: Duration) -> Self {
        let state = State {
            waiting: BTreeMap::new(),
            queue: VecDeque::new(),
            begun: BTreeMap::new(),
            next: 0,
            stands_by: false,
        };
        Self { ask, patience, state: Mutex::new(state), idle: Condvar::new() }
    }

    /// Asks for a name; the answer is a [`Command::Resolved`] to this mailbox.
    pub(super) fn ask(&'static self, name: Arc<str>, mailbox: &Arc<Mailbox>) {
        let mut state = self.lock();
        if let Some(waiting) = state.waiting.get_mut(&name) {
            waiting.push(Arc::downgrade(mailbox));
            return;
        }
        state.waiting.insert(Arc::clone(&name), vec![Arc::downgrade(mailbox)]);
        state.queue.push_back(name);
        let refused = self.engage(&mut state);
        drop(state);
        for (name, waiting) in refused {
            let text = format!("`{name}`: no thread to resolve it on");
            answer(&name, &waiting, &Err(Failure::Dns { kind: DnsKind::Unavailable, text }));
        }
    }

    /// Finds threads for names that wait; those that will never get one, as there is none and none can be had.
    fn engage(&'static self, state: &mut State) -> Vec<(Arc<str>, Vec<Weak<Mailbox>>)> {
        while let Some((number, name)) = state.next(self.patience) {
            let taken = Arc::clone(&name);
            if spawn(move || self.work(number, taken)).is_err() {
                state.begun.remove(&number);
                state.queue.push_front(name);
                break;
            }
        }
        if !state.queue.is_empty() && !state.stands_by && state.begun.len() < MOST_THREADS {
            state.stands_by = spawn(move || self.stand_by()).is_ok();
        }
        if !state.begun.is_empty() || state.stands_by {
            return Vec::new();
        }
        state.queue.clear();
        mem::take(&mut state.waiting).into_iter().collect()
    }

    /// Looks up this name, and then others, as long as any wait.
    fn work(&'static self, mut number: u64, mut name: Arc<str>) {
        loop {
            let found = panic::catch_unwind(|| (self.ask)(&name)).unwrap_or_else(|_| {
                let text = format!("`{name}`: the lookup panicked");
                Err(Failure::Dns { kind: DnsKind::Unavailable, text })
            });
            let mut state = self.lock();
            state.begun.remove(&number);
            let waiting = state.waiting.remove(&name).unwrap_or_default();
            let next = state.next(self.patience);
            let _ = self.engage(&mut state);
            if state.queue.is_empty() {
                self.idle.notify_all();
            }
            drop(state);
            answer(&name, &waiting, &found);
            match next {
                Some(next) => (number, name) = next,
                None => return,
            }
        }
    }

    /// Waits until a lookup has taken too long, and becomes the thread that it is counted as no more.
    fn stand_by(&'static self) {
        let mut state = self.lock();
        loop {
            if let Some((number, name)) = state.next(self.patience) {
                state.stands_by = false;
                let _ = self.engage(&mut state);
                drop(state);
                return self.work(number, name);
            }
            let Some(lost) = state.next_lost(self.patience).filter(|_| !state.queue.is_empty()) else {
                state.stands_by = false;
                return;
            };
            let left = lost.saturating_duration_since(Instant::now());
            state = self.idle.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The name whose turn it is, if it may have a thread, and the number of its lookup, which has begun.
    fn next(&mut self, patience: Duration) -> Option<(u64, Arc<str>)> {
        let now = Instant::now();
        if self.begun.len() >= MOST_THREADS || self.awaited(patience, now).count() >= MAX_THREADS {
            return None;
        }
        loop {
            let name = self.queue.pop_front()?;
            // Loops may have gone away since they asked.
            if self.waiting.get(&name).is_some_and(|waiting| waiting.iter().any(|mailbox| mailbox.strong_count() > 0)) {
                self.next += 1;
                self.begun.insert(self.next, now);
                return Some((self.next, name));
            }
            self.waiting.remove(&name);
        }
    }

    /// When the next lookup will have taken too long.
    fn next_lost(&self, patience: Duration) -> Option<Instant> {
        self.awaited(patience, Instant::now()).min()
    }

    /// Until when each lookup that has not taken too long may take.
    fn awaited(&self, patience: Duration, now: Instant) -> impl Iterator<Item = Instant> {
        self.begun.values().map(move |begun| *begun + patience).filter(move |until| *until > now)
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("steadfast-dns".into()).spawn(work).map(drop)
}

fn answer(name: &Arc<str>, waiting: &[Weak<Mailbox>], found: &Found) {
    for mailbox in waiting.iter().filter_map(Weak::upgrade) {
        let answer = Answer { name: Arc::clone(name), found: found.clone() };
        // To wake a loop may run the application's code: the other loops are not to suffer for it.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| mailbox.post(Command::Resolved(answer))));
    }
}

/// Asks the operating system.
fn resolve(name: &str) -> Found {
    let failure = |kind, why: &dyn fmt::Display| Failure::Dns { kind, text: format!("`{name}`: {why}") };
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = dns_lookup::getaddrinfo(Some(name), None, Some(hints)).map_err(|error| {
        let kind = match error.kind() {
            LookupErrorKind::NoName | LookupErrorKind::NoData => DnsKind::NotFound,
            _ => DnsKind::Unavailable,
        };
        failure(kind, &io::Error::from(error))
    })?;
    let mut addresses = Vec::new();
    for info in found.filter_map(io::Result::ok) {
        // With its scope, if it has one: link-local addresses mean nothing without.
        if !addresses.contains(&info.sockaddr) {
            addresses.push(info.sockaddr);
        }
    }
    if addresses.is_empty() { Err(failure(DnsKind::NotFound, &"it has no addresses")) } else { Ok(addresses) }
}

/// The process' own.
pub(super) static LOOKUPS: Lookups = Lookups::new(resolve, Duration::from_secs(5));
/// How many lookups may be under way, but for those that have taken too long.
const MAX_THREADS: usize = 4;
/// How many may be under way with them: threads in lookups that hang are not to pile up.
const MOST_THREADS: usize = 16;

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        sync::mpsc,
        task::{Wake, Waker},
    };

    use super::*;

    /// A loop that sleeps until it is woken.
    struct Loop {
        mailbox: Arc<Mailbox>,
        woken: mpsc::Receiver<()>,
    }

    struct Alarm(mpsc::Sender<()>);

    impl Wake for Alarm {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }

    impl Loop {
        fn new() -> Self {
            let (alarm, woken) = mpsc::channel();
            Self { mailbox: Arc::new(Mailbox::new(Waker::from(Arc::new(Alarm(alarm))))), woken }
        }

        /// Waits until so many names are answered, and says which.
        fn answers(&self, wanted: usize) -> BTreeSet<String> {
            let (mut names, mut commands) = (BTreeSet::new(), Vec::new());
            while names.len() < wanted {
                self.mailbox.take(&mut commands);
                if commands.is_empty() {
                    self.woken.recv_timeout(GENEROUS).expect("an answer");
                }
                for command in commands.drain(..) {
                    if let Command::Resolved(answer) = command {
                        names.insert(answer.name.to_string());
                    }
                }
            }
            names
        }
    }

    /// Lookups that are not those of the other tests. Names that begin with `hang` are never answered.
    fn lookups(patience: Duration) -> &'static Lookups {
        let ask = |name: &str| {
            while name.starts_with("hang") {
                thread::park();
            }
            assert!(!name.starts_with("panic"), "as the test wants it");
            Ok(Vec::new())
        };
        Box::leak(Box::new(Lookups::new(ask, patience)))
    }

    #[test]
    fn a_name_is_answered_though_more_lookups_hang_than_there_are_threads() {
        let (lookups, asks) = (lookups(Duration::from_millis(20)), Loop::new());
        for n in 0..2 * MAX_THREADS {
            lookups.ask(format!("hang{n}").into(), &asks.mailbox);
        }
        lookups.ask("quick".into(), &asks.mailbox);
        assert_eq!(asks.answers(1), BTreeSet::from(["quick".into()]));
    }

    #[test]
    fn lookups_that_hang_do_not_pile_up_threads() {
        let (lookups, asks) = (lookups(Duration::ZERO), Loop::new());
        for n in 0..3 * MOST_THREADS {
            lookups.ask(format!("hang{n}").into(), &asks.mailbox);
        }
        let state = lookups.lock();
        assert_eq!((state.begun.len(), state.stands_by), (MOST_THREADS, false));
    }

    #[test]
    fn a_lookup_is_waited_for_before_it_gets_another_thread() {
        let (lookups, asks) = (lookups(GENEROUS), Loop::new());
        for n in 0..2 * MAX_THREADS {
            lookups.ask(format!("hang{n}").into(), &asks.mailbox);
        }
        assert_eq!(lookups.lock().begun.len(), MAX_THREADS);
    }

    #[test]
    fn all_loops_that_want_a_name_share_one_lookup() {
        let (lookups, loops) = (lookups(GENEROUS), [Loop::new(), Loop::new(), Loop::new()]);
        for n in 0..MAX_THREADS {
            lookups.ask(format!("hang{n}").into(), &loops[0].mailbox);
        }
        for asks in &loops {
            lookups.ask("shared".into(), &asks.mailbox);
        }
        assert_eq!(lookups.lock().queue, ["shared".into()]);
        // One of the lookups that hung comes back.
        let number = *lookups.lock().begun.keys().next().expect("a lookup");
        lookups.lock().begun.remove(&number);
        let _ = lookups.engage(&mut lookups.lock());
        for asks in &loops {
            assert_eq!(asks.answers(1), BTreeSet::from(["shared".into()]));
        }
    }

    #[test]
    fn a_lookup_that_panics_answers_that_there_is_nothing() {
        let (lookups, asks) = (lookups(GENEROUS), Loop::new());
        lookups.ask("panics".into(), &asks.mailbox);
        assert_eq!(asks.answers(1), BTreeSet::from(["panics".into()]));
        assert!(lookups.lock().waiting.is_empty());
    }

    #[test]
    fn a_loop_that_panics_when_it_is_woken_does_not_keep_the_others_from_their_answer() {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("as the test wants it");
            }
        }
        let (lookups, asks) = (lookups(Duration::ZERO), Loop::new());
        let panics = Arc::new(Mailbox::new(Waker::from(Arc::new(Panics))));
        answer(&"shared".into(), &[Arc::downgrade(&panics), Arc::downgrade(&asks.mailbox)], &(lookups.ask)("shared"));
        assert_eq!(asks.answers(1), BTreeSet::from(["shared".into()]));
    }

    #[test]
    fn names_that_only_loops_asked_for_that_are_gone_are_not_looked_up() {
        let (lookups, gone) = (lookups(GENEROUS), Loop::new());
        for n in 0..MAX_THREADS {
            lookups.ask(format!("hang{n}").into(), &gone.mailbox);
        }
        lookups.ask("unwanted".into(), &gone.mailbox);
        drop(gone);
        let mut state = lookups.lock();
        state.begun.clear();
        assert_eq!(state.next(GENEROUS), None);
        assert!(!state.waiting.contains_key("unwanted"));
    }

    #[test]
    fn no_thread_stays_when_no_name_is_left() {
        let (lookups, asks) = (lookups(GENEROUS), Loop::new());
        for n in 0..MOST_THREADS {
            lookups.ask(format!("name{n}").into(), &asks.mailbox);
        }
        asks.answers(MOST_THREADS);
        let state = lookups.lock();
        assert!(state.begun.is_empty() && state.waiting.is_empty());
    }

    const GENEROUS: Duration = Duration::from_mins(1);
}
