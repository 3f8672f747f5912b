//! From bytes to a configuration and events.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use steadfast_core::{
    Action, Cause, CloseCode, CloseFrame, ConnId, Delivery, Epoch, Event, FetchError, Identity, IoKind, Key, Lane,
    Lease, Message, MessageId, Network, PingPayload, ProxyKind, SendOptions, Stage, Timestamp, Visibility,
    config::{
        Background, Backoff, Breaker, Bucket, CleanClose, Config, Confirm, Credentials, Endpoints, Heartbeat, Outbox,
        Pace, Placement, Rate, Ready, Renewal, Settings, WhenFull,
    },
};

use super::shelf::Shelf;

/// What the driver remembers, so that some of what it says makes sense.
#[derive(Debug, Default)]
pub(super) struct Driver {
    /// The connection that the session asked for and was not told the end of.
    conn: Option<ConnId>,
    /// The last connection asked for.
    last: ConnId,
    timer: Option<Timestamp>,
    /// The pings that were not answered, the oldest first.
    pings: Vec<PingPayload>,
    /// The last message handed over.
    handed: MessageId,
    /// The last message sent.
    sent: u64,
    /// Pings and heartbeats that have not left.
    unflushed: u32,
    /// The last fetch of credentials.
    epoch: Epoch,
    /// Flushes only pings that it was given, in their place.
    honest: bool,
    /// There is a store: what it was given.
    store: Option<Shelf>,
}

/// What happens next.
pub(super) enum Next {
    /// The session is told this, at this time.
    Event(Timestamp, Event<'static>),
    /// The process dies, and begins again.
    Crash,
}

/// A configuration with small bounds, so that they are reached.
pub(super) fn config(input: &mut Unstructured<'_>) -> Result<(Config, u64)> {
    let defaults = Settings::default();
    let settings = Settings {
        backoff: input
            .choose(&[Backoff::default(), Backoff::fixed(), Backoff::list(), Backoff::linear(), Backoff::centrifugo()])?
            .clone(),
        heartbeat: heartbeat(input)?,
        answer_timeout: if input.ratio(1, 8)? { None } else { defaults.answer_timeout },
        confirm: Confirm {
            enabled: !input.ratio(1, 8)?,
            every: Duration::from_millis(*input.choose(&[0, 10, 1_000])?),
            max_messages: input.int_in_range(1..=8)?,
            max_bytes: input.int_in_range(1..=256)?,
        },
        outbox: Outbox {
            max_messages: input.int_in_range(1..=16)?,
            max_bytes: input.int_in_range(1..=512)?,
            when_full: *input.choose(&[WhenFull::Refuse, WhenFull::DropOldest, WhenFull::DropNewest])?,
            ..Outbox::default()
        },
        ready: *input.choose(&[Ready::Immediately, Ready::WhenTold])?,
        ..defaults
    };
    let mut config = settings;
    let slow = Bucket { count: 2, per: Duration::from_secs(1), burst: 2 };
    let bytes = Bucket { count: 50, per: Duration::from_secs(1), burst: 60 };
    config.rate = *input.choose(&[None, None, Some(Rate { messages: Some(slow), bytes: Some(bytes) })])?;
    if input.ratio(1, 2)? {
        config.credentials = Some(credentials(input, config.ready)?);
    }
    if input.ratio(1, 4)? {
        config.background = Background::Close { after: Duration::from_secs(input.int_in_range(0..=60)?) };
    }
    config.policy.clean = *input.choose(&[CleanClose::AllBut1000, CleanClose::UncleanOnly, CleanClose::Every])?;
    let seed: u64 = input.arbitrary()?;
    // Of the seed, so that what older inputs say is the same.
    if seed / 2 % 4 == 3 {
        let breaker = Breaker { failures: 2, open_for: Duration::from_secs(1), longest: Duration::from_secs(3) };
        config.endpoints = Endpoints { count: 3, priorities: vec![0, 0, 1], breaker, ..Endpoints::default() };
    }
    if seed / 8 % 4 == 3 {
        config.store = true;
        config.confirm.enabled = true;
        config.answer_timeout = config.answer_timeout.or(Settings::default().answer_timeout);
    }
    Ok((Config::new(config).expect("each value lies within its range"), seed))
}

fn credentials(input: &mut Unstructured<'_>, ready: Ready) -> Result<Credentials> {
    let placement = match ready {
        Ready::Immediately => Placement::AtUpgrade,
        Ready::WhenTold => *input.choose(&[Placement::AtUpgrade, Placement::FirstMessage])?,
    };
    let renewal = *input.choose(&[Renewal::NextConnection, Renewal::Message, Renewal::Reconnect])?;
    Ok(Credentials { placement, renewal, ..Credentials::default() })
}

/// The application's last word.
pub(super) fn stop() -> Event<'static> {
    Event::Stop { frame: CloseFrame::NORMAL, drain: None }
}

/// The end of a connection, of which all may have been sent.
pub(super) fn closed(conn: ConnId) -> Event<'static> {
    Event::Closed { conn, cause: Cause::Io(IoKind::Reset), untouched_from: None }
}

impl Driver {
    /// An honest one flushes only pings that it was given.
    pub(super) fn new(honest: bool, has_store: bool) -> Self {
        Self { honest, store: has_store.then(Shelf::default), ..Self::default() }
    }

    /// The process dies: its driver begins anew, and tells what its store holds.
    pub(super) fn crash(&mut self) -> Vec<Event<'static>> {
        let mut store = self.store.take();
        let restored = store.as_mut().map(Shelf::crash).unwrap_or_default();
        *self = Self { honest: self.honest, sent: self.sent, store, ..Self::default() };
        restored
    }

    /// What the store holds.
    pub(super) fn stored(&self) -> impl Iterator<Item = MessageId> {
        self.store.iter().flat_map(Shelf::ids)
    }

    /// The connection that is owed a `Closed`.
    pub(super) fn conn(&self) -> Option<ConnId> {
        self.conn
    }

    /// What happens next, and when.
    pub(super) fn next(&self, input: &mut Unstructured<'_>, now: Timestamp) -> Result<Next> {
        if input.is_empty() {
            return Err(arbitrary::Error::NotEnoughData);
        }
        let time = self.time(input, now)?;
        // A decision of its own, so that what inputs without a store say is the same.
        if let Some(store) = &self.store
            && input.ratio(1, 3)?
        {
            return Ok(match input.int_in_range(0..=15)? {
                0 => Next::Crash,
                1 if !self.honest => Next::Event(time, Shelf::nonsense(self.fresh_id(input)?, self.durable(input)?)),
                1..=8 => {
                    let (id, message) = (self.fresh_id(input)?, message(input)?);
                    Next::Event(time, Event::Send { id, message, options: self.durable(input)? })
                }
                _ => Next::Event(time, store.answer(input)?),
            });
        }
        Ok(Next::Event(time, self.pick(input)?))
    }

    pub(super) fn event(&mut self, event: &Event<'_>) {
        if let Some(store) = &mut self.store {
            store.event(event);
        }
        match event {
            Event::Send { id, .. } => self.sent = id.0,
            Event::Closed { conn, .. } if self.conn == Some(*conn) => self.conn = None,
            Event::Pong { payload, .. } => self.pings.retain(|ping| ping != payload),
            Event::PingFlushed { conn, .. } if self.conn == Some(*conn) => {
                self.unflushed = self.unflushed.saturating_sub(1);
            }
            Event::TimerFired => self.timer = None,
            _ => {}
        }
    }

    pub(super) fn action(&mut self, action: &Action<'_>) {
        if let Some(store) = &mut self.store {
            store.action(action);
        }
        match action {
            Action::Connect { conn, .. } => {
                (self.conn, self.last) = (Some(*conn), *conn);
                self.pings.clear();
                self.unflushed = 0;
            }
            Action::Send { id, .. } => self.handed = *id,
            Action::Ping { payload, .. } => {
                self.pings.push(*payload);
                self.unflushed += 1;
            }
            Action::Heartbeat { .. } => self.unflushed += 1,
            Action::SetTimer { at } => self.timer = Some(*at),
            Action::CancelTimer => self.timer = None,
            Action::FetchCredentials { epoch, .. } => self.epoch = *epoch,
            Action::Close { .. }
            | Action::Abort { .. }
            | Action::Deliver { .. }
            | Action::Present { .. }
            | Action::Persist(_)
            | Action::Forget { .. }
            | Action::Notify(_) => {}
        }
    }

    fn time(&self, input: &mut Unstructured<'_>, now: Timestamp) -> Result<Timestamp> {
        Ok(match input.int_in_range(0..=63)? {
            0..=25 => now,
            26..=38 => now + Duration::from_micros(input.int_in_range(1..=20_000)?),
            39..=56 => self.timer.unwrap_or(now),
            57..=60 => now + Duration::from_millis(input.int_in_range(20..=60_000)?),
            61..=62 => now + Duration::from_secs(input.int_in_range(60..=100_000)?),
            // Back, or to the end of time.
            _ => Timestamp::from_micros(input.arbitrary()?),
        })
    }

    fn pick(&self, input: &mut Unstructured<'_>) -> Result<Event<'static>> {
        Ok(match input.int_in_range(0..=37)? {
            0 => Event::Start,
            1 => Event::Stop { frame: frame(input)?, drain: span(input)? },
            2 => Event::ReconnectNow,
            3..=8 => Event::Send { id: self.fresh_id(input)?, message: message(input)?, options: self.options(input)? },
            9 => Event::Cancel { id: self.known_id(input)? },
            10 => Event::SetHeartbeat(heartbeat(input)?),
            11 => Event::Dialing { conn: self.named(input)?, stage: *input.choose(&Stage::ALL)? },
            12..=13 => Event::Opened { conn: self.named(input)?, can_ping: !input.ratio(1, 8)? },
            14 => Event::Ready { conn: self.named(input)? },
            15 => Event::Received { conn: self.named(input)?, message: message(input)? },
            16 => Event::Activity { conn: self.named(input)? },
            17..=19 => Event::Pong { conn: self.named(input)?, payload: self.payload(input)? },
            20 => Event::Wrote { conn: self.named(input)?, bytes: input.arbitrary()? },
            21..=22 => Event::Flushed { conn: self.named(input)?, up_to: self.known_id(input)? },
            23..=24 => self.ping_flushed(input)?,
            25 => Event::ReadsPaused { conn: self.named(input)? },
            26 => Event::ReadsResumed { conn: self.named(input)? },
            27 => Event::Closed {
                conn: self.named(input)?,
                cause: cause(input)?,
                untouched_from: self.perhaps_known(input)?,
            },
            28..=29 => Event::TimerFired,
            30 => Event::Network(*input.choose(&[Network::Online, Network::Offline, Network::Changed])?),
            31 => Event::Resumed { gap: Duration::from_secs(input.arbitrary::<u16>()?.into()) },
            32..=33 => Event::Credentials { epoch: self.fetched(input)?, result: lease(input)? },
            34 => Event::CredentialsRejected { conn: self.named(input)? },
            35 => Event::RefreshCredentials,
            36 => Event::SwitchIdentity { identity: Identity(input.int_in_range(1..=2)?) },
            _ => Event::Visibility(*input.choose(&[Visibility::Background, Visibility::Foreground])?),
        })
    }

    fn ping_flushed(&self, input: &mut Unstructured<'_>) -> Result<Event<'static>> {
        let (conn, overtook) = (self.named(input)?, self.perhaps_known(input)?);
        Ok(match (self.honest, self.unflushed) {
            (true, 0) => Event::Activity { conn },
            (true, _) => Event::PingFlushed { conn, overtook: None },
            (false, _) => Event::PingFlushed { conn, overtook },
        })
    }

    /// The current connection most of the time, one before it, or one that never was.
    fn named(&self, input: &mut Unstructured<'_>) -> Result<ConnId> {
        Ok(match input.int_in_range(0..=15)? {
            0 => ConnId(self.last.0.wrapping_sub(1)),
            1 => ConnId(input.arbitrary()?),
            _ => self.last,
        })
    }

    /// The next one most of the time; one used before, or any. Whoever is honest gives no new message the name of one that
    /// is in the store, as the contract asks.
    fn fresh_id(&self, input: &mut Unstructured<'_>) -> Result<MessageId> {
        let mut id = match input.int_in_range(0..=15)? {
            0 => self.known_id(input)?,
            1 => MessageId(input.arbitrary()?),
            _ => MessageId(self.sent.wrapping_add(1)),
        };
        while self.honest && self.stored().any(|stored| stored == id) {
            id = MessageId(id.0.wrapping_add(1));
        }
        Ok(id)
    }

    /// The last fetch most of the time, or any.
    fn fetched(&self, input: &mut Unstructured<'_>) -> Result<Epoch> {
        Ok(if input.ratio(1, 8)? { Epoch(input.arbitrary()?) } else { self.epoch })
    }

    fn known_id(&self, input: &mut Unstructured<'_>) -> Result<MessageId> {
        Ok(match input.int_in_range(0..=3)? {
            0 => MessageId(self.sent.wrapping_sub(input.int_in_range(0..=16)?)),
            _ => self.handed,
        })
    }

    fn perhaps_known(&self, input: &mut Unstructured<'_>) -> Result<Option<MessageId>> {
        Ok(if input.ratio(1, 4)? { Some(self.known_id(input)?) } else { None })
    }

    fn payload(&self, input: &mut Unstructured<'_>) -> Result<PingPayload> {
        Ok(match (self.pings.first(), self.pings.last()) {
            (Some(oldest), Some(newest)) if !input.ratio(1, 8)? => *input.choose(&[*oldest, *newest])?,
            _ => PingPayload(input.arbitrary()?),
        })
    }

    /// What can be stored most of the time.
    fn durable(&self, input: &mut Unstructured<'_>) -> Result<SendOptions> {
        if input.ratio(1, 8)? {
            return Ok(SendOptions { durable: true, ..self.options(input)? });
        }
        let ttls = [None, None, Some(Duration::ZERO), Some(Duration::from_millis(1)), Some(Duration::from_secs(5))];
        Ok(SendOptions {
            lane: *input.choose(&[Lane::Data, Lane::Control])?,
            ttl: *input.choose(&ttls)?,
            max_resends: *input.choose(&[None, None, Some(0), Some(1)])?,
            ..SendOptions::durable()
        })
    }

    fn options(&self, input: &mut Unstructured<'_>) -> Result<SendOptions> {
        let delivery = *input.choose(&[Delivery::AtLeastOnce, Delivery::AtMostOnce, Delivery::Volatile])?;
        let mut options = SendOptions::new(delivery);
        if input.ratio(1, 8)? {
            options = options.bound_to(self.named(input)?);
        }
        if input.ratio(1, 8)? {
            options = options.max_resends(input.int_in_range(0..=2)?);
        }
        if input.ratio(1, 4)? {
            let ttls = [None, None, Some(Duration::ZERO), Some(Duration::from_secs(5)), Some(Duration::MAX)];
            options.ttl = *input.choose(&ttls)?;
            options.lane = *input.choose(&[Lane::Data, Lane::Control])?;
            options.key = *input.choose(&[None, Some(Key(1)), Some(Key(2))])?;
        }
        Ok(options)
    }
}

fn lease(input: &mut Unstructured<'_>) -> Result<core::result::Result<Lease, FetchError>> {
    Ok(match input.int_in_range(0..=7)? {
        0 => Err(FetchError::Final),
        1 => Err(FetchError::Retry),
        kind => Ok(Lease {
            expires_in: *input.choose(&[
                None,
                Some(Duration::ZERO),
                Some(Duration::from_secs(100)),
                Some(Duration::MAX),
            ])?,
            identity: Identity(if kind == 2 { 2 } else { 1 }),
        }),
    })
}

fn heartbeat(input: &mut Unstructured<'_>) -> Result<Heartbeat> {
    let pace = Pace {
        interval: Duration::from_millis(*input.choose(&[0, 1, 1_000, 25_000])?).max(Duration::from_millis(1)),
        timeout: Duration::from_millis(*input.choose(&[1, 1_000, 10_000])?),
        missed_allowed: input.int_in_range(0..=2)?,
    };
    Ok(match input.int_in_range(0..=4)? {
        0 => Heartbeat::Off,
        1 => Heartbeat::Text { pace, ping: "ping".into(), pong: "pong".into(), deliver: input.arbitrary()? },
        2 => Heartbeat::Idle { timeout: pace.interval },
        _ => Heartbeat::Ping(pace),
    })
}

fn message(input: &mut Unstructured<'_>) -> Result<Message<'static>> {
    Ok(match input.int_in_range(0..=3)? {
        0 => Message::text(""),
        1 => Message::text("pong"),
        2 => Message::binary(&[0; 100][..]),
        _ => Message::text("twelve bytes"),
    })
}

fn span(input: &mut Unstructured<'_>) -> Result<Option<Duration>> {
    Ok(*input.choose(&[None, Some(Duration::ZERO), Some(Duration::from_secs(5)), Some(Duration::MAX)])?)
}

fn frame(input: &mut Unstructured<'_>) -> Result<CloseFrame> {
    let code = match input.int_in_range(0..=3)? {
        0 => CloseCode(input.arbitrary()?),
        1 => CloseCode::SERVICE_RESTART,
        2 => CloseCode::GOING_AWAY,
        _ => CloseCode::NORMAL,
    };
    Ok(CloseFrame { code, reason: String::new() })
}

fn cause(input: &mut Unstructured<'_>) -> Result<Cause> {
    Ok(match input.int_in_range(0..=7)? {
        0 => Cause::Closed(frame(input)?),
        1 => Cause::Rejected { status: input.int_in_range(100..=599)?, retry_after: span(input)? },
        2 => Cause::Aborted,
        3 => Cause::Protocol(CloseCode::PROTOCOL_ERROR),
        4 => Cause::NetworkLost,
        5 => Cause::Dial { stage: *input.choose(&Stage::ALL)?, kind: IoKind::Unreachable },
        6 => Cause::Proxy(*input.choose(&[ProxyKind::Authentication, ProxyKind::Refused])?),
        _ => Cause::Io(*input.choose(&[IoKind::Reset, IoKind::Refused, IoKind::Eof])?),
    })
}
