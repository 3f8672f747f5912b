//! The sessions: all of them on one event loop, on this thread.

use std::{
    cell::{Ref, RefCell},
    collections::BTreeMap,
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use steadfast_core::{Message, Notice, SendOptions, State, StateKind, Timestamp, config::Config};
use steadfast_mio::{Application, Connects, Endpoint, EngineKind, EventLoop, LoopHandle, Reads, Requests, SessionId};

use crate::exit::Failure;

/// All sessions.
pub(super) struct Crowd {
    sessions: EventLoop<Member>,
    ids: Vec<SessionId>,
    roll: Rc<RefCell<Roll>>,
    interrupted: Arc<AtomicBool>,
}

/// What is known of all sessions together.
#[derive(Debug, Default)]
pub(super) struct Roll {
    /// How many are open.
    pub(super) open: usize,
    /// How many have given up, which none should.
    pub(super) stopped: usize,
    /// When attempts began.
    pub(super) attempts: Vec<Timestamp>,
    /// When sessions became open.
    pub(super) opened: Vec<Timestamp>,
    /// When sessions that were open lost their connection.
    pub(super) lost: Vec<Timestamp>,
    /// Why, and why attempts failed.
    pub(super) causes: BTreeMap<String, u64>,
    /// From when a message was due to when its echo was there, in microseconds.
    pub(super) round_trips: Vec<u32>,
}

/// A session's application.
struct Member {
    roll: Rc<RefCell<Roll>>,
    epoch: Instant,
    open: bool,
}

/// Stops whatever the crowd is waiting for.
#[derive(Clone)]
pub(super) struct Interrupter {
    interrupted: Arc<AtomicBool>,
    handle: LoopHandle<Member>,
}

impl Crowd {
    /// Nobody yet.
    ///
    /// # Errors
    /// The system refuses a poll.
    pub(super) fn new(max_connects: Option<u32>) -> Result<Self, Failure> {
        let mut sessions = EventLoop::new().map_err(Failure::system("make an event loop"))?;
        if let Some(most) = max_connects.and_then(|most| NonZeroUsize::new(most as usize)) {
            sessions.driver_mut().set_max_connects(most);
        }
        Ok(Self { sessions, ids: Vec::new(), roll: Rc::default(), interrupted: Arc::default() })
    }

    /// A way to interrupt it, for any thread.
    pub(super) fn interrupter(&self) -> Interrupter {
        Interrupter { interrupted: Arc::clone(&self.interrupted), handle: self.sessions.handle() }
    }

    /// Adds sessions, which start to connect.
    ///
    /// # Errors
    /// Never with the addresses that are given here; the type is the caller's to handle all the same.
    pub(super) fn add(
        &mut self,
        count: u32,
        server: SocketAddr,
        engine: EngineKind,
        config: &Config,
        seed: u64,
    ) -> Result<(), Failure> {
        let endpoint = Endpoint::parse(&format!("ws://{server}/")).map_err(Failure::input)?.engine(engine);
        let epoch = self.sessions.epoch();
        for number in 0..u64::from(count) {
            let member = Member { roll: Rc::clone(&self.roll), epoch, open: false };
            // One's own seed each, and others with another seed of the whole.
            let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number);
            self.ids.push(self.sessions.add(endpoint.clone(), config.clone(), seed, member));
        }
        Ok(())
    }

    /// Runs the loop until this is so or that time has come; whether it is so. `tick`, if it is asked for, is called now and
    /// then.
    ///
    /// # Errors
    /// The user has interrupted it, or the system's poll fails.
    pub(super) fn run_until(
        &mut self,
        until: Instant,
        done: impl Fn(&Roll) -> bool,
        mut tick: Option<&mut dyn FnMut(&Roll)>,
    ) -> Result<bool, Failure> {
        loop {
            if done(&self.roll.borrow()) {
                return Ok(true);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            if let Some(tick) = &mut tick {
                tick(&self.roll.borrow());
            }
            self.run_once(if tick.is_some() { left.min(TICK) } else { left })?;
        }
    }

    /// Leaves the sessions alone for this long; how often the loop woke up meanwhile.
    ///
    /// # Errors
    /// As [`run_until`](Self::run_until).
    pub(super) fn idle(&mut self, span: Duration) -> Result<u64, Failure> {
        let until = Instant::now() + span;
        let mut rounds = 0;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // The last round was the end of the span.
                return Ok(u64::saturating_sub(rounds, 1));
            }
            self.run_once(left)?;
            rounds += 1;
        }
    }

    /// Lets every session send so many messages a second, all of them evenly spread, and waits for their echoes; how many
    /// were sent.
    ///
    /// # Errors
    /// As [`run_until`](Self::run_until).
    pub(super) fn talk(&mut self, rate: u32, span: Duration) -> Result<u64, Failure> {
        let all = self.ids.len() as u64;
        let each_second = all * u64::from(rate);
        let count = (u128::from(each_second) * span.as_micros() / 1_000_000).try_into().unwrap_or(u64::MAX);
        let begin = self.now();
        let due = |number: u64| begin + Duration::from_micros(number * 1_000_000 / each_second);
        let mut ids = self.ids.clone().into_iter().cycle();
        let mut sent = 0;
        while sent < count {
            while sent < count && due(sent) <= self.now() {
                let mut payload = [0; PAYLOAD];
                // Counted from when it should have been sent: a loop that is late is not forgiven.
                payload[..8].copy_from_slice(&due(sent).as_micros().to_be_bytes());
                if let Some(id) = ids.next() {
                    self.sessions.driver_mut().send(id, Message::binary(payload.to_vec()), SendOptions::default());
                }
                sent += 1;
            }
            self.run_once(due(sent) - self.now())?;
        }
        let echoed = |roll: &Roll| roll.round_trips.len() as u64 >= count;
        self.run_until(Instant::now() + PATIENCE, echoed, None)?;
        Ok(sent)
    }

    /// What is known of all sessions.
    pub(super) fn roll(&self) -> Ref<'_, Roll> {
        self.roll.borrow()
    }

    /// How many connect.
    pub(super) fn connects(&self) -> Connects {
        self.sessions.driver().connects()
    }

    /// How many pings they have sent, all together.
    pub(super) fn pings(&self) -> u64 {
        let driver = self.sessions.driver();
        self.ids.iter().filter_map(|id| driver.session(*id)).map(|session| session.metrics().pings).sum()
    }

    /// The time on the clock of the roll.
    pub(super) fn now(&self) -> Timestamp {
        since(self.sessions.epoch())
    }

    fn run_once(&mut self, timeout: Duration) -> Result<(), Failure> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Failure::system("go on")(io::Error::from(io::ErrorKind::Interrupted)));
        }
        self.sessions.run_once(Some(timeout)).map_err(Failure::system("poll"))
    }
}

impl Interrupter {
    pub(super) fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
        self.handle.wake();
    }
}

impl Application for Member {
    fn deliver(&mut self, message: Message<'_>, _: &mut Requests<'_>) -> Reads {
        if let Some(due) = message.as_bytes().first_chunk() {
            let taken = since(self.epoch) - Timestamp::from_micros(u64::from_be_bytes(*due));
            self.roll.borrow_mut().round_trips.push(u32::try_from(taken.as_micros()).unwrap_or(u32::MAX));
        }
        Reads::Continue
    }

    fn notify(&mut self, at: Timestamp, notice: Notice, _: &mut Requests<'_>) {
        let Notice::State(change) = notice else { return };
        let mut roll = self.roll.borrow_mut();
        let is_open = change.to.kind() == StateKind::Open;
        match (std::mem::replace(&mut self.open, is_open), is_open) {
            (false, true) => {
                roll.open += 1;
                roll.opened.push(at);
            }
            (true, false) => {
                roll.open -= 1;
                roll.lost.push(at);
            }
            (false, false) | (true, true) => {}
        }
        match change.to {
            State::Connecting { .. } => roll.attempts.push(at),
            State::Waiting { cause, .. } => *roll.causes.entry(cause.to_string()).or_default() += 1,
            State::Stopped { cause } => {
                roll.stopped += 1;
                *roll.causes.entry(format!("stopped: {cause:?}")).or_default() += 1;
            }
            _ => {}
        }
    }
}

fn since(epoch: Instant) -> Timestamp {
    Timestamp::from_micros(u64::try_from(epoch.elapsed().as_micros()).unwrap_or(u64::MAX))
}

/// How often the status line changes.
const TICK: Duration = Duration::from_millis(100);
/// How large a message is.
const PAYLOAD: usize = 32;
/// How long the last echoes may take.
const PATIENCE: Duration = Duration::from_secs(10);
