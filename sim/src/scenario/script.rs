//! The application that plays a scenario's steps.

use std::time::Duration;

use steadfast_core::{
    CloseCode, CloseFrame, ConnId, Event, IoKind, Key, Message, MessageId, Network, Notice, SendOptions, State,
    Timestamp, Visibility, config::Heartbeat,
};

use super::{Scenario, Step, Tally};
use crate::{
    App, ClientId, Command, Commands, Driver, Fault, Heard, Link, Machine, REJECTED, ServerModel, StoreModel, World,
};

/// The script's own wake; batches have their number, and being ready has this with the connection's.
const NEXT: u64 = 0;
const READY: u64 = 1 << 63;

/// A [`Step::Send`] that goes on.
#[derive(Clone, Copy)]
struct Batch {
    left: u32,
    every: Duration,
    bytes: u32,
    text: bool,
    options: SendOptions,
    bound: bool,
    /// How many keys take turns.
    keys: u32,
}

pub(super) struct Script<'a> {
    scenario: &'a Scenario,
    next: usize,
    batches: Vec<Batch>,
    last_id: u64,
    conn: ConnId,
    driver: Driver,
    /// Until when something that a step began goes on.
    busy: Timestamp,
    started: bool,
    done: bool,
    pub(super) tally: Tally,
}

impl App for Script<'_> {
    fn hear(&mut self, now: Timestamp, _: ClientId, heard: Heard<'_>, commands: &mut Commands) {
        match heard {
            Heard::Woken { key: NEXT } => self.play(now, commands),
            Heard::Woken { key } if key & READY != 0 => commands.ready(ConnId(key & !READY)),
            Heard::Woken { key } => self.send(key, commands),
            Heard::Message { conn, message } => {
                self.tally.delivered += 1;
                if message.as_text() == Some(REJECTED) {
                    commands.tell(Event::CredentialsRejected { conn });
                }
            }
            Heard::Notice(notice) => self.noticed(notice, commands),
        }
    }
}

impl<'a> Script<'a> {
    pub(super) fn new(scenario: &'a Scenario) -> Self {
        Self {
            scenario,
            next: 0,
            batches: Vec::new(),
            last_id: 0,
            conn: ConnId(0),
            driver: scenario.around.driver,
            busy: Timestamp::ZERO,
            started: false,
            done: false,
            tally: Tally::default(),
        }
    }

    pub(super) const fn is_done(&self) -> bool {
        self.done
    }

    pub(super) const fn has_started(&self) -> bool {
        self.started
    }

    /// Plays steps until one takes time.
    fn play(&mut self, now: Timestamp, commands: &mut Commands) {
        while let Some(step) = self.scenario.steps.get(self.next) {
            self.next += 1;
            if let Step::Wait { span } = step {
                return commands.wake_in(*span, NEXT);
            }
            self.step(now, step, commands);
        }
        if now < self.busy {
            return commands.wake_in(self.busy.since(now), NEXT);
        }
        self.done = true;
    }

    fn step(&mut self, now: Timestamp, step: &Step, commands: &mut Commands) {
        match step {
            Step::Wait { .. } => {}
            Step::Start => {
                self.started = true;
                commands.start();
            }
            Step::Stop { code, drain } => {
                let frame = CloseFrame { code: CloseCode(*code), reason: String::new() };
                commands.tell(Event::Stop { frame, drain: *drain });
            }
            Step::ReconnectNow => commands.tell(Event::ReconnectNow),
            Step::SendDurable { count, every, bytes } => {
                let options = SendOptions::durable();
                let batch =
                    Batch { left: *count, every: *every, bytes: *bytes, text: true, options, bound: false, keys: 0 };
                self.batch(now, batch, commands);
            }
            Step::Store(store) => commands.push(Command::Store(*store)),
            Step::Crash => commands.push(Command::Crash),
            Step::Send { count, every, bytes, text, delivery, max_resends, bound } => {
                let options = SendOptions { max_resends: *max_resends, ..SendOptions::new(*delivery) };
                let (left, every, bytes, text, bound) = (*count, *every, *bytes, *text, *bound);
                self.batch(now, Batch { left, every, bytes, text, options, bound, keys: 0 }, commands);
            }
            Step::SendWith { count, every, bytes, options, keys } => {
                let (left, every, bytes, options, keys) = (*count, *every, *bytes, *options, *keys);
                self.batch(now, Batch { left, every, bytes, text: false, options, bound: false, keys }, commands);
            }
            Step::Cancel { back } => {
                commands.tell(Event::Cancel { id: self.back(*back) });
            }
            Step::Again { back } => {
                self.tally.offered += 1;
                commands.send(self.back(*back), "the same again", SendOptions::default());
            }
            Step::Network(network) => commands.network(*network),
            Step::Heartbeat(heartbeat) => commands.set_heartbeat(heartbeat.clone()),
            Step::PauseReads { span } => commands.push(Command::PauseReads(*span)),
            Step::Serve(models) => commands.push(Command::Serve(models.clone())),
            Step::Region { endpoint, servers, cut } => {
                commands.push(Command::Region { endpoint: *endpoint, servers: servers.clone(), cut: *cut });
            }
            Step::Link(link) => commands.push(Command::Link(*link)),
            Step::Fault(fault) => commands.fault(*fault),
            Step::Heal => commands.push(Command::Heal),
            Step::Sleep { span, clock, told } => {
                self.busy = self.busy.max(now + *span);
                commands.push(Command::Sleep { span: *span, clock: *clock, told: *told });
            }
            Step::ClockBack { span } => commands.push(Command::ClockBack(*span)),
            Step::Spurious { times } => (0..*times).for_each(|_| commands.tell(Event::TimerFired)),
            Step::Stale => commands.push(Command::Stale),
            Step::Source(grants) => commands.push(Command::Source(grants.clone())),
            Step::Revoke => commands.push(Command::Revoke),
            Step::Refresh => commands.tell(Event::RefreshCredentials),
            Step::Identity(identity) => commands.tell(Event::SwitchIdentity { identity: *identity }),
            Step::Visibility(visibility) => commands.tell(Event::Visibility(*visibility)),
        }
    }

    fn batch(&mut self, now: Timestamp, batch: Batch, commands: &mut Commands) {
        self.busy = self.busy.max(now + batch.every.saturating_mul(batch.left));
        self.batches.push(batch);
        self.send(self.batches.len() as u64, commands);
    }

    fn back(&self, back: u32) -> MessageId {
        MessageId(self.last_id.saturating_sub(back.into()).max(1))
    }

    /// Sends the next message of a batch, and all that are due with it.
    fn send(&mut self, key: u64, commands: &mut Commands) {
        let index = usize::try_from(key - 1).unwrap_or(usize::MAX);
        let Some(mut batch) = self.batches.get(index).copied() else { return };
        while batch.left > 0 {
            batch.left -= 1;
            self.send_one(batch, commands);
            if !batch.every.is_zero() && batch.left > 0 {
                commands.wake_in(batch.every, key);
                break;
            }
        }
        self.batches[index] = batch;
    }

    fn send_one(&mut self, batch: Batch, commands: &mut Commands) {
        self.last_id += 1;
        self.tally.offered += 1;
        let bytes = usize::try_from(batch.bytes).unwrap_or(0);
        let message = payload(self.last_id, bytes, batch.text);
        let turn = self.last_id % u64::from(batch.keys.max(1));
        let key = batch.options.key.map(|first| Key(first.0.saturating_add(turn)));
        let options = SendOptions { bound_to: batch.bound.then_some(self.conn), key, ..batch.options };
        commands.send(MessageId(self.last_id), message, options);
    }

    fn noticed(&mut self, notice: &Notice, commands: &mut Commands) {
        match notice {
            Notice::Verdict { verdict, .. } => self.tally.settled(*verdict),
            Notice::Refused { .. } => self.tally.refused += 1,
            Notice::State(change) => {
                if let State::Connecting { conn, .. } = change.to {
                    self.conn = conn;
                }
                if let State::Open { ready, .. } = change.to {
                    if change.from == steadfast_core::StateKind::Connecting {
                        self.tally.connections += 1;
                    }
                    if !ready {
                        self.prepare(commands);
                    }
                }
            }
            _ => {}
        }
    }

    /// Sends ahead what the connection needs, and says so.
    fn prepare(&mut self, commands: &mut Commands) {
        let options = SendOptions::default();
        let batch = Batch { left: 0, every: Duration::ZERO, bytes: 24, text: true, options, bound: true, keys: 0 };
        for _ in 0..self.scenario.ahead {
            self.send_one(batch, commands);
        }
        if self.scenario.ready_after.is_zero() {
            commands.ready(self.conn);
        } else {
            commands.wake_in(self.scenario.ready_after, READY | self.conn.0);
        }
    }

    /// From now on everything is well.
    pub(super) fn settle<M: Machine>(&self, world: &mut World<M>, client: ClientId) {
        let driver = Driver { can_ping: self.driver.can_ping, ..Driver::default() };
        let commands = [
            Command::Heal,
            Command::Serve(vec![ServerModel::Echo]),
            Command::Link(Link::default()),
            Command::Store(StoreModel::default()),
            Command::Driver(driver),
            Command::Source(Vec::new()),
            Command::Tell(Event::Visibility(Visibility::Foreground)),
            Command::Tell(Event::SetHeartbeat(Heartbeat::default())),
            Command::Tell(Event::Network(Network::Online)),
            Command::Fault(Fault::Io(IoKind::Other)),
            Command::Tell(Event::ReconnectNow),
        ];
        for command in commands {
            world.command(client, command);
        }
    }

    pub(super) fn stop<M: Machine>(world: &mut World<M>, client: ClientId) {
        world.tell(client, Event::Stop { frame: CloseFrame::NORMAL, drain: None });
    }
}

/// The id in eight bytes, and filler.
fn payload(id: u64, bytes: usize, text: bool) -> Message<'static> {
    if text {
        let mut digits = format!("{id:08}");
        digits.truncate(bytes.max(1));
        digits.extend(std::iter::repeat_n('·', bytes.saturating_sub(8) / 2));
        Message::text(digits)
    } else {
        let mut payload = id.to_le_bytes().to_vec();
        payload.resize(bytes, 0);
        Message::binary(payload)
    }
}
