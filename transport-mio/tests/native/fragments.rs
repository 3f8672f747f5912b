//! Long messages in fragments: what gets between them, and what is known of them when the connection breaks there.

use std::{
    io::Write,
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc},
    thread,
    time::Instant,
};

use crate::suite::{
    common::{self, SOON, Server, config, next_message, open, reset, upgrade},
    frames::{frame, next_frame},
};
use steadfast_mio::{
    Client, EngineKind, Outcome, WireOptions,
    core::{Delivery, SendOptions, Verdict, config::ConfigBuilder},
};

/// A client whose frames carry no more than 16 KiB.
fn connect(url: &str, config: ConfigBuilder) -> Client {
    let options = WireOptions { fragment_bytes: Some(16 << 10), ..WireOptions::default() };
    let config = config.outbox_bounds(100, 128 << 20).build().expect("a good configuration");
    Client::builder(url).engine(EngineKind::Native(options)).config(config).connect().expect("a client")
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
        while answer_frame(&mut stream).0 != BEGIN {}
        // The rest is more than the kernel takes: what is asked for from here on is between fragments.
        gone.lock().expect("a lock").recv().expect("a word");
        let (mut len, mut pings) = (16 << 10, 0);
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
    // The first is ahead of the message; its answer, which confirms nothing, leads to another.
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
