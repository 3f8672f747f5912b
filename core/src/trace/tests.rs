use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::time::Duration;

use super::*;
use crate::{
    Cause, CloseFrame, ConnId, Delivery, Event, IoKind, Message, MessageId, Notice, PingPayload, SendOptions, Stage,
    State, StateKind, Timestamp,
    config::{Config, Heartbeat, Pace},
    rng::Rng,
};

/// A small driver that plays server, network and application at once, by a seed.
struct Driver {
    recorder: Recorder,
    rng: Rng,
    now: Timestamp,
    timer: Option<Timestamp>,
    pings: Vec<PingPayload>,
    sent: Option<MessageId>,
    next_id: u64,
    /// How many actions of an event are taken at most; what is left comes with the next event.
    patience: usize,
}

const SECRET: &str = "the password is swordfish";

impl Driver {
    fn new(config: Config, options: Options) -> Self {
        Self {
            recorder: Recorder::new(config, 7, options),
            rng: Rng::new(3),
            now: Timestamp::ZERO,
            timer: None,
            pings: Vec::new(),
            sent: None,
            next_id: 1,
            patience: usize::MAX,
        }
    }

    fn event(&mut self, event: Event<'_>) {
        let mut actions = self.recorder.handle(self.now, event);
        for action in actions.by_ref().take(self.patience).map(OwnedAction::from) {
            match action {
                OwnedAction::SetTimer { at } => self.timer = Some(at),
                OwnedAction::CancelTimer => self.timer = None,
                OwnedAction::Ping { payload, .. } => self.pings.push(payload),
                OwnedAction::Send { id, .. } => self.sent = Some(id),
                _ => {}
            }
        }
    }

    /// What a server, a network and an application may do next.
    fn step(&mut self) {
        self.now = self.now + Duration::from_millis(self.rng.between(1, 400));
        if self.timer.is_some_and(|at| at <= self.now) {
            self.timer = None;
            return self.event(Event::TimerFired);
        }
        let chance = self.rng.between(0, 99);
        match self.recorder.session().state() {
            State::Idle | State::Stopped { .. } => self.event(Event::Start),
            State::Connecting { conn, .. } => match chance {
                0..30 => self.event(Event::Dialing { conn, stage: Stage::Connect }),
                30..80 => self.event(Event::Opened { conn, can_ping: true }),
                80..90 => self.event(Event::Closed { conn, cause: Cause::Io(IoKind::Refused), untouched_from: None }),
                _ => self.send(),
            },
            State::Open { conn, .. } => self.open(conn, chance),
            State::Closing { conn, .. } => {
                self.event(Event::Closed { conn, cause: Cause::Aborted, untouched_from: None });
            }
            State::Waiting { .. } if chance < 10 => self.event(Event::ReconnectNow),
            State::Waiting { .. } | State::Offline { .. } | State::Authorizing { .. } | State::Background { .. } => {
                self.send();
            }
        }
    }

    fn open(&mut self, conn: ConnId, chance: u64) {
        match chance {
            0..15 => {
                if let Some(up_to) = self.sent.take() {
                    self.event(Event::Flushed { conn, up_to });
                }
            }
            15..40 => {
                if let Some(payload) = self.pings.pop() {
                    self.event(Event::PingFlushed { conn, overtook: None });
                    self.event(Event::Pong { conn, payload });
                }
            }
            40..60 => self.event(Event::Received { conn, message: Message::text(SECRET) }),
            60..65 => self.event(Event::Received { conn, message: Message::binary(SECRET.as_bytes()) }),
            65..70 => self.event(Event::Received { conn, message: Message::text("pong") }),
            70..75 => {
                self.pings.clear();
                self.event(Event::Closed { conn, cause: Cause::Io(IoKind::Reset), untouched_from: None });
            }
            75 => self.event(Event::Stop { frame: CloseFrame::NORMAL, drain: None }),
            _ => self.send(),
        }
    }

    fn send(&mut self) {
        let id = MessageId(self.next_id);
        self.next_id += 1;
        let delivery = if self.rng.between(0, 1) == 0 { Delivery::AtLeastOnce } else { Delivery::AtMostOnce };
        self.event(Event::Send { id, message: Message::text(SECRET), options: SendOptions::new(delivery) });
    }

    fn run(mut self, steps: usize) -> Self {
        for _ in 0..steps {
            self.step();
        }
        self
    }

    fn lines(mut self) -> String {
        self.recorder.take_lines()
    }
}

fn text_heartbeat() -> Config {
    let heartbeat = Heartbeat::Text { pace: Pace::default(), ping: "ping".into(), pong: "pong".into(), deliver: false };
    Config::builder().heartbeat(heartbeat).build().expect("it is possible")
}

fn recorded(options: Options) -> String {
    Driver::new(Config::default(), options).run(1_000).lines()
}

fn parsed(lines: &str) -> Trace {
    Trace::parse(lines).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(lines: &str) -> TraceError {
    Trace::parse(lines).map(|trace| trace.len()).expect_err("the trace is not one")
}

fn differs(lines: &str) -> (u64, usize) {
    match parsed(lines).verify().expect_err("the replay differs") {
        ReplayError::Differs { index, line, .. } => (index, line),
    }
}

#[test]
fn a_recording_replays_to_the_same_state() {
    let mut driver = Driver::new(Config::default(), Options::default()).run(3_000);
    let trace = parsed(&driver.recorder.take_lines());
    assert!(trace.len() > 2_000);
    assert_eq!((trace.seed(), trace.config(), trace.payloads()), (7, &Config::default(), Payloads::Keep));
    let mut replay = trace.replay();
    assert!(replay.by_ref().all(|step| step.is_ok()));
    assert_eq!(replay.session().state(), driver.recorder.session().state());
    assert_eq!(replay.session().metrics(), driver.recorder.session().metrics());
}

#[test]
fn the_driver_of_these_tests_goes_through_many_states() {
    let trace = parsed(&recorded(Options::default()));
    let kinds: alloc::collections::BTreeSet<StateKind> =
        trace.replay().map(|step| step.expect("it is the same code").state.kind()).collect();
    assert!(kinds.len() >= 4, "{kinds:?}");
    let verdicts = trace.replay().flat_map(|step| step.expect("it is the same code").actions);
    assert!(verdicts.filter(|action| matches!(action, OwnedAction::Notify(Notice::Verdict { .. }))).count() > 100);
}

#[test]
fn steps_have_events_in_order_with_what_they_led_to() {
    let mut recorder = Recorder::new(Config::default(), 1, Options::default());
    drop(recorder.handle(Timestamp::from_micros(5), Event::Start));
    let trace = parsed(&recorder.take_lines());
    let step = trace.replay().next().expect("one event").expect("it is the same code");
    assert_eq!((step.index, step.event.at, step.event.event), (0, Timestamp::from_micros(5), Event::Start));
    assert!(step.actions.iter().any(|action| matches!(action, OwnedAction::Connect { .. })), "{:?}", step.actions);
    assert_eq!(step.state.kind(), StateKind::Connecting);
}

#[test]
fn lines_taken_bit_by_bit_are_one_trace() {
    let mut driver = Driver::new(Config::default(), Options::default());
    let mut lines = String::new();
    for _ in 0..50 {
        driver.step();
        lines += &driver.recorder.take_lines();
    }
    assert_eq!(parsed(&lines).verify(), Ok(()));
    assert_eq!(driver.recorder.take_lines(), "");
}

#[test]
fn two_runs_have_the_same_digest_and_another_has_not() {
    let (one, two) = (recorded(Options::default()), recorded(Options::default()));
    assert_eq!(one, two);
    assert_eq!(parsed(&one).digest(), parsed(&two).digest());
    let other = Driver::new(text_heartbeat(), Options::default()).run(1_000).lines();
    assert_ne!(parsed(&one).digest(), parsed(&other).digest());
}

#[test]
fn another_seed_is_told_by_the_first_event_that_differs() {
    let lines = recorded(Options::default());
    let (index, line) = differs(&lines.replacen("\"seed\":7", "\"seed\":8", 1));
    assert_eq!(u64::try_from(line).expect("lines fit"), index + 2);
    let before = lines.lines().take(line - 1).fold(String::new(), |text, line| text + line + "\n");
    assert_eq!(parsed(&before.replacen("\"seed\":7", "\"seed\":8", 1)).verify(), Ok(()));
}

#[test]
fn another_configuration_is_told_by_the_first_event_that_differs() {
    let lines = recorded(Options::default());
    let other = lines.replacen("\"connect_timeout\":\"10s\"", "\"connect_timeout\":\"11s\"", 1);
    assert_ne!(other, lines);
    let error = parsed(&other).verify().expect_err("the timer is set to another time");
    let text = error.to_string();
    assert!(text.contains("were recorded, now there are"), "{text}");
    assert!(text.contains("set the timer"), "{text}");
}

#[test]
fn nothing_of_a_payload_is_left_when_payloads_are_omitted() {
    let options = Options::default().payloads(Payloads::Omit);
    for options in [options, Options::bounded(4_000).payloads(Payloads::Omit)] {
        let lines = recorded(options);
        assert!(!lines.contains("swordfish"));
        // The bytes of a binary message would be numbers.
        assert!(!lines.contains(&format!("{:?}", &SECRET.as_bytes()[..4]).replace(' ', "")[1..]));
        assert_eq!(parsed(&lines).verify(), Ok(()));
    }
}

#[test]
fn omitting_payloads_leaves_the_digests_alone() {
    let (kept, omitted) =
        (parsed(&recorded(Options::default())), parsed(&recorded(Options::default().payloads(Payloads::Omit))));
    assert_eq!(kept.digest(), omitted.digest());
    assert_eq!(omitted.payloads(), Payloads::Omit);
}

#[test]
fn the_heartbeats_answer_is_kept_as_the_session_heeds_it() {
    let lines = Driver::new(text_heartbeat(), Options::default().payloads(Payloads::Omit)).run(1_000).lines();
    assert!(lines.lines().skip(1).any(|line| line.contains("{\"text\":\"pong\"}")));
    assert!(!lines.contains("swordfish"));
    assert_eq!(parsed(&lines).verify(), Ok(()));
}

#[test]
fn a_placeholder_never_answers_the_heartbeat() {
    let blank = Heartbeat::Text { pace: Pace::default(), ping: "?".into(), pong: " ".into(), deliver: false };
    let config = Config::builder().heartbeat(blank).build().expect("it is possible");
    let mut driver = Driver::new(config, Options::default().payloads(Payloads::Omit));
    driver.event(Event::Start);
    let conn = driver.recorder.session().state().conn().expect("it connects");
    driver.event(Event::Opened { conn, can_ping: false });
    driver.event(Event::Received { conn, message: Message::text("x") });
    assert_eq!(parsed(&driver.lines()).verify(), Ok(()));
}

#[test]
fn a_changed_heartbeat_is_heeded_in_the_replay() {
    let mut driver = Driver::new(Config::default(), Options::bounded(3_000).payloads(Payloads::Omit));
    let Heartbeat::Text { pace, ping, .. } = text_heartbeat().heartbeat.clone() else { unreachable!("it is text") };
    driver.event(Event::SetHeartbeat(Heartbeat::Text { pace, ping, pong: SECRET[..8].into(), deliver: false }));
    driver.event(Event::Start);
    let driver = driver.run(500);
    assert_eq!(parsed(&driver.lines()).verify(), Ok(()));
}

#[test]
fn actions_that_the_driver_left_are_left_in_the_replay_too() {
    let mut driver = Driver::new(Config::default(), Options::default());
    driver.patience = 1;
    let mut driver = driver.run(3_000);
    let lines = driver.recorder.take_lines();
    assert!(lines.contains("\"left\":"));
    let trace = parsed(&lines);
    let mut replay = trace.replay();
    for step in replay.by_ref() {
        step.unwrap_or_else(|error| panic!("{error}"));
    }
    assert_eq!(replay.session().metrics(), driver.recorder.session().metrics());
}

#[test]
fn a_bounded_recording_stays_below_its_bound_but_for_the_checkpoint() {
    const BOUND: usize = 8_000;
    let mut driver = Driver::new(Config::default(), Options::bounded(BOUND));
    let mut least = usize::MAX;
    for step in 0..1_000 {
        driver.step();
        let lines = driver.recorder.take_lines();
        let events: usize = lines.lines().filter(|line| line.starts_with("{\"at\"")).map(|line| line.len() + 1).sum();
        assert!(events <= BOUND, "{events} bytes");
        if step > 100 {
            least = least.min(events);
        }
    }
    // There is always a past to look at.
    assert!(least > BOUND / 2 - 1_000, "{least} bytes");
    assert!(parsed(&driver.recorder.take_lines()).forgotten() > 500);
}

#[test]
fn a_bounded_recording_replays_to_the_same_state_at_any_time() {
    let mut driver = Driver::new(Config::default(), Options::bounded(4_000));
    for _ in 0..40 {
        (0..9).for_each(|_| driver.step());
        let trace = parsed(&driver.recorder.take_lines());
        let mut replay = trace.replay();
        for step in replay.by_ref() {
            step.unwrap_or_else(|error| panic!("{error}"));
        }
        assert_eq!(replay.session().metrics(), driver.recorder.session().metrics());
    }
}

#[test]
fn events_keep_their_number_when_others_are_forgotten() {
    let trace = parsed(&recorded(Options::bounded(4_000)));
    let first = trace.replay().next().expect("there are events").expect("it is the same code");
    assert_eq!(first.index, trace.forgotten());
    assert!(first.index > 500);
}

#[test]
fn a_truncated_last_line_is_left_out_and_reported() {
    let lines = recorded(Options::default());
    let whole = parsed(&lines);
    let last = lines.trim_end().rfind('\n').expect("there are many lines") + 1;
    for cut in [last + 1, last + 9, lines.len() - 2] {
        let trace = parsed(&lines[..cut]);
        assert_eq!(trace.len(), whole.len() - 1);
        assert_eq!(trace.truncated(), Some(lines.lines().count()));
        assert_eq!(trace.verify(), Ok(()));
    }
    assert_eq!(parsed(&lines[..last]).truncated(), None);
    // Only the line feed is missing.
    assert_eq!((parsed(lines.trim_end()).len(), parsed(lines.trim_end()).truncated()), (whole.len(), None));
}

#[test]
fn garbage_is_refused_with_its_line() {
    let lines = recorded(Options::default());
    let mut broken: Vec<&str> = lines.lines().collect();
    broken[5] = "{\"at\": 1, \"event\": \"sleep\", \"actions\": \"0\", \"n\": 0}";
    let error = refused(&broken.join("\n"));
    assert_eq!(error.line(), 6);
    assert!(error.expected().contains("an event"));
    assert!(error.found().contains("unknown variant `sleep`"), "{error}");
    broken[5] = "";
    assert_eq!(refused(&broken.join("\n")).line(), 6);
    broken[5] = "{\"at\": 1, \"event\": \"start\", \"actions\": \"xyz\", \"n\": 0}";
    assert!(refused(&broken.join("\n")).to_string().starts_with("line 6: expected a digest of 16 hexadecimal digits"));
}

#[test]
fn a_bad_header_is_refused() {
    assert_eq!(refused("").to_string(), "line 1: expected the header of a trace, found nothing");
    assert_eq!(refused("hello\nworld\n").line(), 1);
    assert!(refused("hello").to_string().contains("`hello`"));
    assert_eq!(refused("{\"steadfast_trace\":2,\"other\":1}\n").found(), "version 2");
    let impossible =
        recorded(Options::default()).replacen("\"connect_timeout\":\"10s\"", "\"connect_timeout\":\"0s\"", 1);
    assert!(refused(&impossible).found().contains("`connect_timeout` is 0s"), "{}", refused(&impossible));
}

#[test]
fn a_made_up_length_takes_no_memory() {
    let header = recorded(Options::default()).lines().next().map(String::from).expect("there is a header");
    let line = "{\"at\":1,\"event\":{\"received\":{\"conn\":1,\"message\":{\"omitted\":{\"kind\":\"binary\",\"len\":\
                9999999999999,\"hash\":\"0\"}}}},\"actions\":\"0\",\"n\":0}\n";
    let error = refused(&format!("{header}\n{line}"));
    assert_eq!((error.line(), error.found()), (2, "9999999999999"));
}

#[test]
fn every_event_is_read_back_the_same() {
    let conn = ConnId(1);
    let events = vec![
        Event::Start,
        Event::Stop { frame: CloseFrame::NORMAL, drain: Some(Duration::from_micros(1)) },
        Event::ReconnectNow,
        Event::Cancel { id: MessageId(u64::MAX) },
        Event::SetHeartbeat(Heartbeat::Off),
        Event::SetHeartbeat(text_heartbeat().heartbeat.clone()),
        Event::Dialing { conn, stage: Stage::Connect },
        Event::Opened { conn, can_ping: false },
        Event::Ready { conn },
        Event::Received { conn, message: Message::text("\u{0}\"\\ä\n") },
        Event::Received { conn, message: Message::binary(vec![0, 255]) },
        Event::Activity { conn },
        Event::Pong { conn, payload: PingPayload([9; 8]) },
        Event::Wrote { conn, bytes: 1 },
        Event::Flushed { conn, up_to: MessageId(1) },
        Event::PingFlushed { conn, overtook: Some(MessageId(1)) },
        Event::ReadsPaused { conn },
        Event::ReadsResumed { conn },
        Event::Closed { conn, cause: Cause::Closed(CloseFrame::NORMAL), untouched_from: Some(MessageId(3)) },
        Event::TimerFired,
        Event::Network(crate::Network::Changed),
        Event::Resumed { gap: Duration::MAX },
    ];
    let mut recorder = Recorder::new(Config::default(), 0, Options::default());
    for event in &events {
        drop(recorder.handle(Timestamp::ZERO, event.clone()));
    }
    let trace = parsed(&recorder.take_lines());
    let replayed = trace.replay().map(|step| step.unwrap_or_else(|error| panic!("{error}")).event.event);
    assert!(replayed.eq(events));
}
