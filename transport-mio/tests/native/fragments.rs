//! Long messages in fragments: what gets between them, and what is known of them when the connection breaks there.

use std::{
    io::Write,
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use crate::suite::{
    common::{self, SOON, Server, config, next_message, open, reset, upgrade},
    frames::{frame, next_frame},
};
use steadfast_mio::{
    Application, Client, Endpoint, EngineKind, EventLoop, Outcome, Reads, Requests, WireOptions,
    core::{
        CloseFrame, Delivery, Message, Notice, SendOptions, StateKind, Timestamp, Verdict,
        config::{Config, ConfigBuilder},
    },
};

/// An endpoint whose frames carry no more than 16 KiB.
fn endpoint(url: &str) -> Endpoint {
    let options = WireOptions { fragment_bytes: Some(16 << 10), ..WireOptions::default() };
    common::endpoint(url).engine(EngineKind::Native(options))
}

/// Room for long messages.
fn bounds(config: ConfigBuilder) -> Config {
    config.outbox_bounds(100, 128 << 20).build().expect("a good configuration")
}

fn connect(url: &str, config: ConfigBuilder) -> Client {
    Client::to(endpoint(url)).config(bounds(config)).connect().expect("a client")
}

/// A door behind which the kernel keeps little of what was not read.
fn narrow() -> TcpListener {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(32 << 10).expect("an option");
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().expect("an address").into()).expect("a port");
    socket.listen(16).expect("a listener");
    socket.into()
}

/// Waits until the session has asked for so many pings.
fn wait_for_pings(client: &Client, pings: u64) {
    let start = Instant::now();
    while client.metrics().expect("a thread").pings < pings {
        assert!(start.elapsed() < SOON, "no ping in time");
        thread::yield_now();
    }
}

/// Reads a frame, and answers it if it is a ping.
fn answer_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let (first, payload) = next_frame(stream).expect("a frame");
    if first == PING {
        stream.write_all(&frame(0x8a, &payload)).expect("a client");
    }
    (first, payload)
}

#[test]
fn a_ping_gets_between_the_fragments_of_a_message_that_is_read_slowly() {
    const LEN: usize = 16 << 20;
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let (told, heard) = mpsc::channel();
    let server = Server::on(narrow(), move |mut stream, _| {
        upgrade(&mut stream, b"");
        let (mut len, mut pings) = (0, 0);
        // The first is behind as many fragments as go into a write.
        loop {
            match answer_frame(&mut stream) {
                (PING, _) => break,
                (_, payload) => len += payload.len(),
            }
        }
        assert!(len > 0 && len < LEN / 2, "a ping behind {len} B");
        // The rest is more than the kernel takes: what is asked for from here on is between fragments.
        gone.lock().expect("a lock").recv().expect("a word");
        loop {
            match answer_frame(&mut stream) {
                (PING, _) => pings += usize::from(len < LEN),
                (first, payload) => {
                    assert!(payload.len() <= 16 << 10 && [CONTINUE, END].contains(&first));
                    len += payload.len();
                    if first == END {
                        let _ = told.send((len, pings));
                    }
                }
            }
        }
    });
    let client = connect(&server.url(), config());
    open(&client);
    let pings = client.metrics().expect("a thread").pings;
    let receipt = client.send(vec![7; LEN]).expect("room");
    // The first confirms nothing, and so its answer leads to another.
    wait_for_pings(&client, pings + 2);
    go.send(()).expect("a server");
    let (len, pings) = heard.recv_timeout(SOON).expect("a message");
    assert_eq!(len, LEN);
    assert!(pings > 0);
    assert!(receipt.wait_timeout(SOON).expect("an outcome").is_confirmed());
}

#[test]
fn a_pong_gets_between_the_fragments_too() {
    const LEN: usize = 16 << 20;
    let (told, heard) = mpsc::channel();
    let server = Server::on(narrow(), move |mut stream, _| {
        upgrade(&mut stream, b"");
        while answer_frame(&mut stream).0 != BEGIN {}
        // More of them than are answered while the buffer is not emptied: the latest has to come in any case.
        for number in 0..200_u8 {
            stream.write_all(&frame(PING, &[number])).expect("a client");
        }
        let (mut last, mut within) = (None, true);
        while last != Some(199) {
            match answer_frame(&mut stream) {
                (PONG, payload) => last = payload.first().copied(),
                (first, _) => within &= first != END,
            }
        }
        let _ = told.send(within);
        while next_frame(&mut stream).is_some() {}
    });
    let client = connect(&server.url(), config());
    let _receipt = client.send(vec![7; LEN]).expect("room");
    assert!(heard.recv_timeout(SOON).expect("the last pong"), "it came behind the message");
}

#[test]
fn a_message_that_fits_into_a_write_is_confirmed_by_the_ping_behind_it() {
    let (told, heard) = mpsc::channel();
    let server = Server::start(move |mut stream, _| {
        upgrade(&mut stream, b"");
        while let Some((first, payload)) = next_frame(&mut stream) {
            let _ = told.send(first);
            if first == PING {
                stream.write_all(&frame(PONG, &payload)).expect("a client");
            }
        }
    });
    let client = connect(&server.url(), config());
    open(&client);
    let receipt = client.send(vec![7; 40_000]).expect("room");
    assert!(receipt.wait_timeout(SOON).expect("an outcome").is_confirmed());
    let frames: Vec<u8> = (0..4).map(|_| heard.recv_timeout(SOON).expect("a frame")).collect();
    assert_eq!(frames, [BEGIN, CONTINUE, END, PING]);
}

#[test]
fn a_server_that_closes_between_two_fragments_is_answered_between_them() {
    let (told, heard) = mpsc::channel();
    let server = Server::on(narrow(), move |mut stream, index| {
        if index > 0 {
            return tungstenite::accept(stream).map_or((), common::echo);
        }
        upgrade(&mut stream, b"");
        while answer_frame(&mut stream).0 != CONTINUE {}
        stream.write_all(&frame(0x88, &[0x03, 0xe9])).expect("a client");
        while let Some((first, payload)) = next_frame(&mut stream) {
            if [END, 0x88].contains(&first) {
                let _ = told.send((first, payload));
            }
        }
    });
    let client = connect(&server.url(), config());
    let once = SendOptions::new(Delivery::AtMostOnce);
    let cut = client.send_with(vec![7; 8 << 20], once).expect("room");
    let behind = client.send_with("behind", once).expect("room");
    assert_eq!(heard.recv_timeout(SOON).expect("an answer"), (0x88, vec![0x03, 0xe9]));
    assert_eq!(cut.wait_timeout(SOON).expect("an outcome").verdict(), Some(Verdict::InDoubt));
    assert!(behind.wait_timeout(SOON).expect("an outcome").is_confirmed());
}

#[test]
fn a_close_waits_for_the_last_fragment() {
    let (told, heard) = mpsc::channel();
    let server = Server::on(narrow(), move |mut stream, _| {
        upgrade(&mut stream, b"");
        let (mut len, mut ended) = (0, false);
        while let Some((first, payload)) = next_frame(&mut stream) {
            match first {
                BEGIN => {
                    len += payload.len();
                    let _ = told.send((len, ended));
                }
                0x88 => {
                    let _ = told.send((len, ended));
                    let _ = stream.write_all(&frame(0x88, &payload));
                    return;
                }
                PING => {}
                _ => {
                    assert!(!ended, "a fragment behind the last");
                    (len, ended) = (len + payload.len(), first == END);
                }
            }
        }
    });
    let client = connect(&server.url(), config());
    open(&client);
    let _receipt = client.send(vec![7; 8 << 20]).expect("room");
    assert_eq!(heard.recv_timeout(SOON).expect("a fragment"), (16 << 10, false));
    client.stop(CloseFrame::NORMAL, None);
    assert_eq!(heard.recv_timeout(SOON).expect("a close frame"), (8 << 20, true));
    client.state().wait_for(SOON, |state| state.kind() == StateKind::Stopped).expect("an end");
}

#[test]
fn a_long_message_is_not_in_memory_twice() {
    let server = Server::on(narrow(), move |mut stream, _| {
        upgrade(&mut stream, b"");
        while let Some((first, payload)) = next_frame(&mut stream) {
            if first == PING {
                stream.write_all(&frame(PONG, &payload)).expect("a client");
            }
        }
    });
    let message = Message::binary(vec![7; 32 << 20]);
    let (endpoint, config) = (endpoint(&server.url()), bounds(config()));
    let cost = allocation_counter::measure(|| {
        let mut sessions = EventLoop::new().expect("a poll");
        let id = sessions.add(endpoint, config, 1, Silent);
        sessions.driver_mut().send(id, message, SendOptions::default());
        let start = Instant::now();
        while sessions.driver().session(id).is_some_and(|session| session.metrics().verdicts.confirmed == 0) {
            assert!(start.elapsed() < SOON, "not confirmed in time");
            sessions.run_once(Some(Duration::from_millis(100))).expect("a poll");
        }
    });
    assert!(cost.bytes_max < 1 << 20, "{} B", cost.bytes_max);
}

/// Has nothing to say, and wants to hear nothing.
struct Silent;

impl Application for Silent {
    fn deliver(&mut self, _message: Message<'_>, _requests: &mut Requests<'_>) -> Reads {
        Reads::Continue
    }

    fn notify(&mut self, _at: Timestamp, _notice: Notice, _requests: &mut Requests<'_>) {}
}

#[test]
fn a_break_between_two_fragments_leaves_their_message_in_doubt_and_those_behind_it_untouched() {
    let (told, heard) = mpsc::channel();
    let server = Server::on(narrow(), move |mut stream, index| {
        if index > 0 {
            let mut socket = tungstenite::accept(stream).expect("a client");
            while let Some(message) = next_message(&mut socket) {
                let _ = told.send(message.into_data());
            }
            return;
        }
        upgrade(&mut stream, b"");
        // The small one before it is confirmed by then: its ping came first.
        let mut fragments = 0;
        while fragments < 20 {
            fragments += usize::from([BEGIN, CONTINUE].contains(&answer_frame(&mut stream).0));
        }
        reset(stream);
    });
    let client = connect(&server.url(), config());
    let once = SendOptions::new(Delivery::AtMostOnce);
    open(&client);
    let before = client.send_with("before", once).expect("room");
    assert!(before.wait_timeout(SOON).expect("an outcome").is_confirmed());
    let broken = client.send_with(vec![7; 8 << 20], once).expect("room");
    let behind = client.send_with("behind", once).expect("room");
    let outcome = broken.wait_timeout(SOON).expect("an outcome");
    let Outcome::Settled { verdict: Verdict::InDoubt, message: Some(message) } = outcome else { panic!("{outcome:?}") };
    assert_eq!(message.len(), 8 << 20);
    // At most once, and sent again: no byte of it had left.
    assert!(behind.wait_timeout(SOON).expect("an outcome").is_confirmed());
    assert_eq!(heard.recv_timeout(SOON).expect("a message"), "behind");
    assert!(heard.try_recv().is_err());
}

#[test]
fn a_fragmented_message_is_sent_again_as_a_whole_where_that_is_asked() {
    let (told, heard) = mpsc::channel();
    let server = Server::on(narrow(), move |mut stream, index| {
        if index > 0 {
            let mut socket = tungstenite::accept(stream).expect("a client");
            let _ = told.send(next_message(&mut socket).map(tungstenite::Message::into_data));
            common::drain(&mut socket);
            return;
        }
        upgrade(&mut stream, b"");
        while answer_frame(&mut stream).0 != CONTINUE {}
        reset(stream);
    });
    let client = connect(&server.url(), config());
    let bytes: Vec<u8> = (0..=250).cycle().take(4 << 20).collect();
    let receipt = client.send(bytes.clone()).expect("room");
    assert!(heard.recv_timeout(SOON).expect("a connection").expect("a message") == bytes);
    assert!(receipt.wait_timeout(SOON).expect("an outcome").is_confirmed());
}

#[test]
fn messages_of_every_length_keep_their_order_and_are_confirmed() {
    let server = Server::echo();
    let client = connect(&server.url(), config());
    let receiver = client.receiver().expect("a queue");
    let lengths = [0, 1, 16_383, 16_384, 16_385, 5, 100_000, 32_768, 3, 3 << 20, 0, 49_152];
    let receipts: Vec<_> = lengths.map(|len| client.send("ä".repeat(len / 2)).expect("room")).into();
    for len in lengths {
        let echo = receiver.receive_timeout(SOON).expect("an echo");
        assert_eq!(echo.as_text().map(str::len), Some(len / 2 * 2));
    }
    assert!(receipts.iter().all(|receipt| receipt.wait().is_confirmed()));
}

/// The first byte of a frame: of a binary message's first fragment, of one in its middle, of its last.
const BEGIN: u8 = 0x02;
const CONTINUE: u8 = 0x00;
const END: u8 = 0x80;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
