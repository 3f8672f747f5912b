//! What is told to whoever watches: spans, events and figures, and never what messages, headers or URLs say.
//!
//!     cargo test -p steadfast-mio --features tracing,metrics --test observability

#[path = "observability/capture.rs"]
mod capture;

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use self::capture::{Capture, Told};
use metrics_util::{
    MetricKind,
    debugging::{DebugValue, DebuggingRecorder, Snapshotter},
};
use steadfast_mio::{
    Application, Credentials, Endpoint, Endpoints, EventLoop, Place, Reads, Requests, SessionId, Token,
    core::{
        CloseFrame, Message, Notice, SendOptions, StateKind, Timestamp, Verdict,
        config::{Backoff, Config, Failures, Jitter, Schedule},
    },
};
use tungstenite::protocol::{CloseFrame as Frame, frame::coding::CloseCode};

/// Stands in the payload, the query, a header and the reason of a close frame.
const SECRET: &str = "hunter2";

/// Sends three messages on each connection and stops when those on the second are confirmed.
#[derive(Default)]
struct Sender {
    confirmed: u32,
    over: bool,
}

impl Application for Sender {
    fn deliver(&mut self, _: Message<'_>, _: &mut Requests<'_>) -> Reads {
        Reads::Continue
    }

    fn notify(&mut self, _: Timestamp, notice: Notice, requests: &mut Requests<'_>) {
        match notice {
            Notice::State(change) if change.to.kind() == StateKind::Open => {
                for _ in 0..3 {
                    requests.send(format!("payload {SECRET}"), SendOptions::default());
                }
            }
            Notice::State(change) => self.over |= change.to.kind() == StateKind::Stopped,
            Notice::Verdict { verdict: Verdict::Confirmed, .. } => {
                self.confirmed += 1;
                if self.confirmed == 6 {
                    requests.stop(CloseFrame::NORMAL, Some(Duration::from_secs(5)));
                }
            }
            _ => {}
        }
    }
}

/// A server that closes the first connection with 4000 and a reason after its messages, and reads from the second.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for connection in 0..2 {
            let (stream, _) = listener.accept().expect("a client");
            let mut socket = tungstenite::accept(stream).expect("an upgrade");
            let mut messages = 0;
            while let Ok(message) = socket.read() {
                messages += u32::from(message.is_text());
                // The ping behind the messages is answered first, so that they are confirmed.
                if connection == 0 && messages == 3 && message.is_ping() {
                    let _ = socket.flush();
                    let reason = format!("token={SECRET}").into();
                    let _ = socket.close(Some(Frame { code: CloseCode::Library(4_000), reason }));
                }
            }
        }
    });
    address
}

fn add(sessions: &mut EventLoop<Sender>, server: SocketAddr, with: fn(Endpoint) -> Endpoint) -> SessionId {
    let endpoint = Endpoint::parse(&format!("ws://{server}/private-{SECRET}?token={SECRET}"))
        .and_then(|endpoint| endpoint.header("Authorization", format!("Bearer {SECRET}")))
        .expect("a good endpoint");
    let schedule = Schedule::Fixed { delay: Duration::from_millis(10) };
    let backoff = Backoff { schedule, jitter: Jitter::None, first: None, ..Backoff::default() };
    let config = Config::builder().backoff(backoff).build().expect("a good configuration");
    sessions.add(with(endpoint), config, 1, Sender::default())
}

/// Runs a session to its end; it goes with the loop.
fn run() {
    run_with(|endpoint| endpoint);
}

fn run_with(with: fn(Endpoint) -> Endpoint) {
    let mut sessions = EventLoop::new().expect("a poll");
    let id = add(&mut sessions, server(), with);
    run_to_the_end(&mut sessions, id);
}

fn run_to_the_end(sessions: &mut EventLoop<Sender>, id: SessionId) {
    let start = Instant::now();
    while !sessions.driver_mut().application(id).is_some_and(|sender| sender.over) {
        assert!(start.elapsed() < Duration::from_secs(20), "not over in time");
        sessions.run_once(Some(Duration::from_millis(100))).expect("a poll");
    }
}

/// Everything that is told of a session that loses its connection once.
fn told() -> Capture {
    let capture = Capture::default();
    tracing::subscriber::with_default(capture.clone(), run);
    capture
}

fn field<'a>(told: &'a Told, name: &str) -> Option<&'a str> {
    told.fields.get(name).map(String::as_str)
}

#[test]
fn each_attempt_has_a_span_in_that_of_its_session() {
    let told = told();
    let sessions = told.named("session");
    assert_eq!(sessions.len(), 1);
    assert_eq!(field(&sessions[0], "host"), Some("127.0.0.1"));
    assert_eq!(field(&sessions[0], "secure"), Some("false"));
    let connections = told.named("connection");
    let named: Vec<_> = connections.iter().map(|span| (field(span, "conn"), field(span, "attempt"))).collect();
    assert_eq!(named, [(Some("1"), Some("1")), (Some("2"), Some("2"))]);
    for connection in &connections {
        assert!(connection.is_span && connection.level == tracing::Level::INFO);
        assert_eq!(told.parent(connection).expect("a parent").name, "session");
    }
}

#[test]
fn the_span_of_an_attempt_says_where_it_goes_and_not_where_another_went() {
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let server = server();
    let capture = Capture::default();
    tracing::subscriber::with_default(capture.clone(), || {
        let endpoints =
            [nobody, server].map(|address| Endpoint::parse(&format!("ws://{address}/")).expect("a good URL"));
        let schedule = Schedule::Fixed { delay: Duration::from_millis(10) };
        let backoff = Backoff { schedule, jitter: Jitter::None, first: None, ..Backoff::default() };
        let config = Config::builder().backoff(backoff).failures(Failures::RetryAll).build().expect("a configuration");
        let config = config.for_endpoints(2).expect("room for two");
        let mut sessions = EventLoop::new().expect("a poll");
        let endpoints = Endpoints::new(endpoints).expect("two");
        let id = sessions.add(endpoints, config, 1, Sender::default());
        run_to_the_end(&mut sessions, id);
    });
    let ports: Vec<_> = capture.named("connection").iter().map(|span| field(span, "port").map(str::to_owned)).collect();
    assert_eq!(ports[0], Some(nobody.port().to_string()));
    assert!(ports.contains(&Some(server.port().to_string())), "{ports:?}");
    assert_eq!(field(&capture.named("session")[0], "port"), Some(&*nobody.port().to_string()));
}

#[test]
fn changes_of_state_tell_why_and_what_was_decided() {
    let told = told();
    let states = told.named("state");
    let to: Vec<_> = states.iter().filter_map(|event| field(event, "to")).collect();
    assert_eq!(to, ["connecting", "open", "waiting", "connecting", "open", "closing", "stopped"]);
    let lost = &states[2];
    for (name, value) in [
        ("from", "open"),
        ("cause", "closed"),
        ("code", "4000"),
        ("detail", "closed by the server with 4000"),
        ("decision", "retry"),
        ("wait_ms", "10"),
    ] {
        assert_eq!(field(lost, name), Some(value), "{name} in {lost:?}");
    }
    assert_eq!(told.parent(lost).map(|span| span.name), Some("connection"));
    assert_eq!(field(&states[0], "cause"), None);
}

#[test]
fn stages_and_verdicts_are_told() {
    let told = told();
    let stages: Vec<_> =
        told.named("stage").iter().filter_map(|event| field(event, "stage").map(str::to_owned)).collect();
    assert_eq!(stages, ["connect", "upgrade", "connect", "upgrade"]);
    assert_eq!(told.named("opened").len(), 2);
    let verdicts = told.named("verdicts");
    let confirmed: u32 = verdicts.iter().filter_map(|event| field(event, "confirmed")?.parse::<u32>().ok()).sum();
    assert_eq!(confirmed, 6, "{verdicts:?}");
}

#[test]
fn nothing_tells_what_a_token_is() {
    let told = Capture::default();
    tracing::subscriber::with_default(told.clone(), || {
        run_with(|endpoint| {
            let asked = AtomicU32::new(0);
            // The first has no place in a header.
            let credentials = Credentials::fetched_by(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
                0 => Ok(Token::new(format!("{SECRET}\r\nX: 1"))),
                _ => Ok(Token::new(SECRET)),
            });
            let place = Place::header("X-Key", "").expect("a good name");
            endpoint.credentials(credentials.at(place)).expect("room for a token")
        });
    });
    let states = told.named("state");
    let to: Vec<_> = states.iter().filter_map(|event| field(event, "to")).collect();
    assert_eq!(&to[..4], ["authorizing", "waiting", "authorizing", "connecting"]);
    for one in told.all().iter() {
        let text = format!("{one:?}");
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn nothing_tells_what_messages_headers_or_urls_say() {
    let told = told();
    assert!(told.all().len() > 15);
    for one in told.all().iter() {
        assert_eq!(one.target, "steadfast");
        let text = format!("{one:?}");
        for word in [SECRET, "payload", "token", "private", "Bearer"] {
            assert!(!text.contains(word), "{word:?} is in {text}");
        }
    }
}

/// The figures by name and label, those of histograms as all their values.
fn figures(snapshotter: &Snapshotter) -> BTreeMap<String, (MetricKind, Vec<f64>)> {
    let figures = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
        let (kind, key) = key.into_parts();
        let label = key.labels().next().map(|label| format!("{{{}={}}}", label.key(), label.value()));
        let values = match value {
            #[expect(clippy::cast_precision_loss, reason = "counts are small")]
            DebugValue::Counter(count) => vec![count as f64],
            DebugValue::Gauge(value) => vec![value.0],
            DebugValue::Histogram(values) => values.iter().map(|value| value.0).collect(),
        };
        (format!("{}{}", key.name(), label.unwrap_or_default()), (kind, values))
    });
    figures.collect()
}

#[test]
fn figures_are_those_of_the_session() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, run);
    let figures = figures(&snapshotter);
    for (name, kind, value) in [
        ("steadfast_connect_attempts", MetricKind::Counter, 2.0),
        ("steadfast_reconnect_attempts", MetricKind::Counter, 1.0),
        ("steadfast_connects", MetricKind::Counter, 2.0),
        ("steadfast_reconnects", MetricKind::Counter, 1.0),
        ("steadfast_failures{cause=closed}", MetricKind::Counter, 1.0),
        ("steadfast_messages_out", MetricKind::Counter, 6.0),
        ("steadfast_bytes_out", MetricKind::Counter, 6.0 * 15.0),
        ("steadfast_messages_in", MetricKind::Counter, 0.0),
        ("steadfast_accepted", MetricKind::Counter, 6.0),
        ("steadfast_verdicts{verdict=confirmed}", MetricKind::Counter, 6.0),
        ("steadfast_verdicts{verdict=in-doubt}", MetricKind::Counter, 0.0),
        // The session is gone, and with it what it added.
        ("steadfast_sessions", MetricKind::Gauge, 0.0),
        ("steadfast_open_sessions", MetricKind::Gauge, 0.0),
        ("steadfast_queue_depth", MetricKind::Gauge, 0.0),
        ("steadfast_queue_bytes", MetricKind::Gauge, 0.0),
    ] {
        assert_eq!(figures.get(name), Some(&(kind, vec![value])), "{name} in {figures:#?}");
    }
    let share = &figures["steadfast_error_share"].1[0];
    assert!((0.0..=1.0).contains(share), "{share}");
    for name in ["steadfast_rtt_seconds", "steadfast_send_to_confirm_seconds"] {
        let (kind, values) = &figures[name];
        assert_eq!(*kind, MetricKind::Histogram);
        assert!(values.len() >= 2 && values.iter().all(|value| (0.0..20.0).contains(value)), "{name}: {values:?}");
    }
}

#[test]
#[cfg(feature = "store")]
fn what_stays_in_the_store_is_counted_as_kept() {
    let folder = std::env::temp_dir().join(format!("steadfast-eyes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (recorder, capture) = (DebuggingRecorder::new(), Capture::default());
    let snapshotter = recorder.snapshotter();
    let run = || {
        let store = steadfast_mio::store::Store::open(folder.join("outbox")).expect("opens");
        let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
        let endpoint = Endpoint::parse(&format!("ws://{nobody}/")).expect("a good URL");
        let config = Config::new(steadfast_mio::core::config::Settings { store: true, ..Default::default() });
        let mut sessions = EventLoop::new().expect("a poll");
        let id = sessions.add_stored(endpoint, config.expect("a configuration"), 1, store, Keeper::default());
        let driver = sessions.driver_mut();
        assert!(driver.send(id, "kept", SendOptions::durable()).is_some());
        let start = Instant::now();
        while !sessions.driver_mut().application(id).is_some_and(|keeper| keeper.over) {
            assert!(start.elapsed() < Duration::from_secs(20), "not over in time");
            sessions.run_once(Some(Duration::from_millis(100))).expect("a poll");
        }
    };
    metrics::with_local_recorder(&recorder, || tracing::subscriber::with_default(capture.clone(), run));
    let _ = std::fs::remove_dir_all(&folder);
    let figures = figures(&snapshotter);
    assert_eq!(figures["steadfast_verdicts{verdict=kept}"].1, [1.0]);
    assert_eq!(figures["steadfast_verdicts{verdict=dropped}"].1, [0.0]);
    let told: Vec<_> = capture.named("verdicts").iter().map(|event| field(event, "kept").map(str::to_owned)).collect();
    assert_eq!(told, [Some(String::from("1"))]);
}

/// Stops when its message is stored.
#[cfg(feature = "store")]
#[derive(Default)]
struct Keeper {
    over: bool,
}

#[cfg(feature = "store")]
impl Application for Keeper {
    fn deliver(&mut self, _: Message<'_>, _: &mut Requests<'_>) -> Reads {
        Reads::Continue
    }

    fn notify(&mut self, _: Timestamp, notice: Notice, requests: &mut Requests<'_>) {
        match notice {
            Notice::Accepted { .. } => requests.stop(CloseFrame::NORMAL, None),
            Notice::State(change) => self.over |= change.to.kind() == StateKind::Stopped,
            _ => {}
        }
    }
}

#[test]
fn every_figure_is_described_with_its_unit() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, run);
    let all = snapshotter.snapshot().into_vec();
    assert!(all.len() >= 20);
    for (key, unit, description, _) in all {
        assert!(unit.is_some() && description.is_some(), "{key:?}");
    }
}
