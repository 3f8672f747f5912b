//! The session with all that it has, and the turns that it is given: by the client's task, or by whoever is there already.

use std::{collections::VecDeque, fmt, mem, sync::Arc};

use steadfast_core::{
    CloseCode, CloseFrame, Dropped, Event, Message, MessageId, Refusal, SendOptions, Session, Timestamp, Verdict,
};
use steadfast_transport::{
    Ready,
    client::Parts,
    pump::{self, Command, Mailbox, Pump, SendError, SessionId},
};

use crate::{
    bell::{Bell, Rung},
    net::{Socket, Sockets},
    voice::Voice,
};

/// Everything behind a client's lock.
#[derive(Debug)]
pub(crate) struct State {
    life: Life,
    /// What was asked for and the session was not told yet.
    requests: Vec<Event<'static>>,
    /// Whether it was told something, and had no turn since.
    told: bool,
    /// The name of the next message.
    next_id: u64,
    /// Whether the bell was rung for what is asked for.
    rung: bool,
    /// For when the task has set its alarm.
    pub(crate) armed: Option<Timestamp>,
    /// For when it was asked to set it, since it last had its turn.
    asked: Option<Timestamp>,
}

#[derive(Debug)]
enum Life {
    Alive(Box<Machinery>),
    Gone(Box<Voice>),
    /// While one becomes the other.
    Going,
}

struct Machinery {
    pump: Pump<Voice, Socket>,
    shared: pump::Shared<Sockets>,
    mailbox: Arc<Mailbox>,
    commands: Vec<Command>,
}

impl State {
    pub(crate) fn new(parts: Parts, voice: Voice, bell: &Arc<Bell>) -> Self {
        let id = SessionId { slot: 0, serial: 1 };
        let Parts { endpoints, config, seed, .. } = parts;
        #[cfg(feature = "trace")]
        let pump = match parts.recording {
            Some(recording) => {
                let options = steadfast_core::trace::Options::default().payloads(recording.payloads);
                let recorder = steadfast_core::trace::Recorder::new(config, seed, options);
                Pump::recorded(id, endpoints, recorder, recording.to, voice)
            }
            None => Pump::new(id, endpoints, config, seed, voice),
        };
        #[cfg(not(feature = "trace"))]
        let pump = Pump::new(id, endpoints, config, seed, voice);
        let mailbox = Arc::new(Mailbox::new(bell.rope(Rung::MAIL)));
        #[cfg_attr(not(feature = "store"), expect(unused_mut, reason = "what is restored is told at once"))]
        let mut shared = pump::Shared::new(Sockets::new(bell), &mailbox);
        #[cfg(feature = "store")]
        let (mut pump, mut next_id) = (pump, 1);
        #[cfg(feature = "store")]
        if let Some(store) = parts.store {
            next_id = store.highest().map_or(1, |highest| highest.0.saturating_add(1));
            for event in pump.keep_in(store, &mailbox) {
                pump.turn(&mut shared, Timestamp::ZERO).apply(event);
            }
        }
        #[cfg(not(feature = "store"))]
        let next_id = 1;
        Self {
            life: Life::Alive(Box::new(Machinery { pump, shared, mailbox, commands: Vec::new() })),
            requests: Vec::new(),
            told: false,
            next_id,
            rung: false,
            armed: None,
            asked: None,
        }
    }

    /// What the session said, and says.
    #[inline]
    pub(crate) fn voice(&mut self) -> &mut Voice {
        match &mut self.life {
            Life::Alive(machinery) => machinery.pump.application(),
            Life::Gone(voice) => voice,
            Life::Going => unreachable!("nobody looks while it goes"),
        }
    }

    /// The session; `None` if it is gone.
    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.life {
            Life::Alive(machinery) => Some(machinery.pump.session()),
            Life::Gone(_) | Life::Going => None,
        }
    }

    /// Whether the session is gone.
    pub(crate) const fn is_gone(&self) -> bool {
        !matches!(self.life, Life::Alive(_))
    }

    /// When it has to have its turn at the latest.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match &self.life {
            Life::Alive(machinery) => machinery.pump.deadline(),
            Life::Gone(_) | Life::Going => None,
        }
    }

    /// Whether the task is to be woken to set its alarm earlier; it is asked once.
    pub(crate) fn wants_alarm(&mut self) -> bool {
        let Some(at) = self.deadline() else { return false };
        let wants = [self.armed, self.asked].into_iter().flatten().all(|known| at < known);
        if wants {
            self.asked = Some(at);
        }
        wants
    }

    /// The alarm that the task is to set; `None`: the one that is set will do, as it may ring too early.
    pub(crate) fn alarm(&mut self) -> Option<Timestamp> {
        self.asked = None;
        let at = self.deadline().filter(|at| self.armed.is_none_or(|armed| *at < armed))?;
        self.armed = Some(at);
        Some(at)
    }

    /// Hands in a message, in the place of this many bytes of reserved room; its name.
    #[inline]
    pub(crate) fn enter(
        &mut self,
        message: Message<'static>,
        options: SendOptions,
        reserved: usize,
        watched: bool,
    ) -> Result<MessageId, SendError> {
        let id = MessageId(self.next_id);
        let voice = self.voice();
        let bytes = message.len();
        match voice.account.redeem(reserved, bytes, watched.then_some(id), &mut voice.wakes) {
            Ok(()) => {
                self.next_id += 1;
                self.requests.push(Event::Send { id, message, options });
                Ok(id)
            }
            Err(why) => Err(SendError { message, why }),
        }
    }

    /// Hands in messages without receipts, from the front, as long as there is room for them at once, and tells the session
    /// of each right away, so that nothing has to be kept of them in between. It has to have its turn then. How many bytes
    /// they have.
    pub(crate) fn hand_over(
        &mut self,
        messages: &mut VecDeque<Message<'static>>,
        options: SendOptions,
        now: Timestamp,
    ) -> usize {
        // What was asked for before comes before them.
        self.tell(now);
        let Life::Alive(machinery) = &mut self.life else { return 0 };
        let Machinery { pump, shared, .. } = &mut **machinery;
        shared.take_buffers();
        let (mut turn, mut bytes) = (pump.turn(shared, now), 0);
        while let Some(len) = messages.front().map(Message::len)
            && turn.application().account.admits(len).is_ok()
            && let Some(message) = messages.pop_front()
        {
            turn.application().account.enter_unwatched(len);
            turn.send_as(MessageId(self.next_id), message, options);
            self.next_id += 1;
            bytes += len;
            self.told = true;
        }
        shared.leave_buffers();
        bytes
    }

    /// What is handed in from here on comes through this sink, until it [ends](Self::end_handing_in).
    #[inline]
    pub(crate) fn begin_handing_in(&mut self, sink: u64) {
        let first = self.next_id;
        self.voice().refusals.begin(sink, first);
    }

    /// What is handed in from here on comes from somebody else.
    #[inline]
    pub(crate) fn end_handing_in(&mut self) {
        let (next, untold) = (self.next_id, !self.requests.is_empty());
        self.voice().refusals.end(next, untold);
    }

    /// Refuses a message, among the notices: whoever handed it in is gone.
    pub(crate) fn give_back(&mut self, message: Message<'static>, why: Refusal, at: Timestamp) {
        let id = MessageId(self.next_id);
        self.next_id += 1;
        self.voice().hand_back(id, message, why, at);
    }

    /// Asks the session for something.
    pub(crate) fn ask(&mut self, event: Event<'static>) {
        if !self.is_gone() {
            self.requests.push(event);
        }
    }

    /// Whether something is asked for that the session was not told yet.
    #[inline]
    pub(crate) const fn has_requests(&self) -> bool {
        !self.requests.is_empty() || self.told
    }

    /// Whether the bell is to be rung for what is asked for.
    #[inline]
    pub(crate) fn has_to_ring(&mut self) -> bool {
        let rings = !self.rung && (self.has_requests() || self.voice().resumes);
        self.rung |= rings;
        rings
    }

    /// Tells the session what was asked for, and nothing else. It has to have its turn then.
    pub(crate) fn tell(&mut self, now: Timestamp) {
        let Life::Alive(machinery) = &mut self.life else { return };
        let Machinery { pump, shared, .. } = &mut **machinery;
        shared.take_buffers();
        let mut turn = pump.turn(shared, now);
        for event in self.requests.drain(..) {
            turn.apply(event);
        }
        pump.application().refusals.told();
        shared.leave_buffers();
    }

    /// Gives the session its turn, with at most so many reads; whether it needs another one soon.
    pub(crate) fn turn(&mut self, rung: Rung, now: Timestamp, reads: u32) -> bool {
        (self.rung, self.told) = (false, false);
        let Life::Alive(machinery) = &mut self.life else { return false };
        let Machinery { pump, shared, mailbox, commands } = &mut **machinery;
        shared.take_buffers();
        if mem::take(&mut pump.application().resumes) {
            pump.resume_reads();
        }
        if rung.has(Rung::READ) || rung.has(Rung::WRITE) {
            pump.ready(Ready { readable: rung.has(Rung::READ), writable: rung.has(Rung::WRITE), ended: false });
        }
        let due = pump.deadline().is_some_and(|at| at <= now);
        let mut turn = pump.turn(shared, now);
        if due {
            // What came in may have come in time.
            let _ = turn.settle_within(reads);
        }
        turn.apply_all(self.requests.drain(..));
        if due {
            turn.expire();
        }
        pump.application().refusals.told();
        if rung.has(Rung::MAIL) {
            loop {
                mailbox.take(commands);
                if commands.is_empty() {
                    break;
                }
                for command in commands.drain(..) {
                    match command {
                        Command::Resolved(answer) => {
                            let _ = shared.answered(&answer.name);
                            pump.turn(shared, now).resolved(&answer);
                        }
                        Command::Stored(_, answers) => pump.turn(shared, now).stored(answers),
                        Command::Fetched(fetched) => pump.turn(shared, now).fetched(*fetched),
                        // Handles ask in another way here.
                        Command::Event(..) | Command::ResumeReads(_) | Command::Remove(_) | Command::Inspect(..) => {}
                    }
                }
            }
        }
        let unfinished = pump.turn(shared, now).settle_within(reads);
        let connects = shared.next_to_connect().is_some();
        if connects {
            pump.turn(shared, now).connect();
        }
        pump.write_lines();
        let (messages, bytes) = pump.session().unsettled();
        let Voice { account, wakes, .. } = pump.application();
        account.recount(u32::try_from(messages).unwrap_or(u32::MAX), bytes, wakes);
        shared.leave_buffers();
        unfinished || connects
    }

    /// Ends the session at once: every message gets its verdict, and the socket is closed.
    pub(crate) fn remove(&mut self, now: Timestamp) {
        if self.is_gone() {
            return;
        }
        if let Life::Alive(machinery) = &mut self.life {
            let Machinery { pump, shared, .. } = &mut **machinery;
            let mut turn = pump.turn(shared, now);
            // What was handed in before is told the session before: its verdict brings it back.
            for event in self.requests.drain(..).filter(|event| *event != Event::Start) {
                turn.apply(event);
            }
            turn.stop(Event::Stop { frame: CloseFrame::new(CloseCode::GOING_AWAY, ""), drain: None });
            pump.write_lines();
        }
        self.end(Verdict::Dropped(Dropped::Stopped));
    }

    /// The session is gone, and this is the verdict of what it left unsettled.
    pub(crate) fn end(&mut self, verdict: Verdict) {
        if self.is_gone() {
            return;
        }
        if let Life::Alive(machinery) = mem::replace(&mut self.life, Life::Going) {
            let Machinery { mut pump, mailbox, .. } = *machinery;
            mailbox.close();
            // This is under the client's lock, and on whatever thread drops the client: no place to wait for a disk.
            pump.leave_keeper();
            let mut voice = pump.into_application();
            for request in mem::take(&mut self.requests) {
                if let Event::Send { id, message, .. } = request {
                    voice.refusals.refuse(id, || SendError { message, why: Refusal::Stopped });
                }
            }
            voice.close(verdict);
            self.life = Life::Gone(Box::new(voice));
        }
    }
}

impl fmt::Debug for Machinery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Machinery").field(&self.pump).finish()
    }
}
