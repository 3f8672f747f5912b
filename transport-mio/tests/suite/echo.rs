//! Messages there and back, and what the request says.

use std::{collections::BTreeSet, io::Write, sync::mpsc, thread, time::Duration};

use super::common::{self, SOON, Server, build, config, connect, drain, open};
use steadfast_mio::{
    Outcome,
    core::{Delivery, Dropped, Message, Refusal, SendOptions, StateKind, Verdict},
};
use tungstenite::handshake::server::{Request, Response};

/// Around every boundary of a frame's length, of the read buffer, and of what the kernel takes at once.
const SIZES: [usize; 14] =
    [0, 1, 125, 126, 127, 4_095, 4_096, 16_384, 65_535, 65_536, 65_537, 131_072, 1_000_000, 3 << 20];

#[test]
fn text_of_every_size_comes_back_and_is_confirmed() {
    let server = Server::echo();
    let client = connect(&server.url());
    for size in SIZES {
        let text: String = "aä€😀".chars().cycle().take(size / 2).collect();
        let receipt = client.send(text.clone()).expect("room");
        assert_eq!(client.receive_timeout(SOON).expect("an echo").as_text(), Some(text.as_str()));
        assert!(receipt.wait().is_confirmed(), "{size}");
    }
}

#[test]
fn bytes_of_every_size_come_back_and_are_confirmed() {
    let server = Server::echo();
    let client = connect(&server.url());
    for size in SIZES {
        let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
        let receipt = client.send(bytes.clone()).expect("room");
        assert_eq!(client.receive_timeout(SOON).expect("an echo"), Message::binary(bytes));
        assert!(receipt.wait().is_confirmed(), "{size}");
    }
}

#[test]
fn many_messages_keep_their_order_and_each_gets_one_verdict() {
    let server = Server::echo();
    let client = connect(&server.url());
    let receiver = client.receiver().expect("a queue");
    let reader = thread::spawn(move || {
        for index in 0..20_000_u32 {
            assert_eq!(receiver.receive_timeout(SOON).expect("an echo").as_bytes(), index.to_be_bytes());
        }
    });
    let sender = client.sender();
    let receipts: Vec<_> = (0..20_000_u32)
        .map(|index| sender.send_blocking(index.to_be_bytes().to_vec(), SendOptions::default()).expect("room"))
        .collect();
    reader.join().expect("every echo in order");
    for receipt in receipts {
        assert_eq!(receipt.wait().verdict(), Some(Verdict::Confirmed));
    }
    let metrics = client.metrics().expect("a thread");
    assert_eq!((metrics.verdicts.confirmed, client.sender().unsettled()), (20_000, (0, 0)));
}

#[test]
fn messages_of_many_threads_keep_each_threads_order() {
    let server = Server::echo();
    let client = connect(&server.url());
    thread::scope(|scope| {
        for name in 0..8_u8 {
            let sender = client.sender();
            scope.spawn(move || {
                for index in 0..200_u8 {
                    sender.send_blocking(vec![name, index], SendOptions::default()).expect("room");
                }
            });
        }
        let mut next = [0; 8];
        for _ in 0..8 * 200 {
            let message = client.receive_timeout(SOON).expect("an echo");
            let [name, index] = message.as_bytes() else { panic!("two bytes") };
            assert_eq!(*index, std::mem::replace(&mut next[usize::from(*name)], index + 1));
        }
    });
}

#[test]
fn what_is_sent_before_the_connection_opens_is_queued() {
    let server = Server::echo();
    let client = connect(&server.url());
    let receipts: Vec<_> = (0..100_u8).map(|index| client.send(vec![index]).expect("room")).collect();
    for index in 0..100_u8 {
        assert_eq!(client.receive_timeout(SOON).expect("an echo").as_bytes(), [index]);
    }
    assert!(receipts.iter().all(|receipt| receipt.wait().is_confirmed()));
}

#[test]
fn the_server_sees_the_headers_and_the_subprotocols() {
    let (told, heard) = mpsc::channel();
    let server = Server::start(move |stream, _| {
        let told = told.clone();
        #[expect(clippy::result_large_err, reason = "tungstenite's signature")]
        let answer = move |request: &Request, mut response: Response| {
            let header = |name: &str| request.headers()[name].to_str().expect("ASCII").to_owned();
            let _ = told.send((
                request.uri().to_string(),
                header("host"),
                header("authorization"),
                header("sec-websocket-protocol"),
            ));
            response.headers_mut().insert("Sec-WebSocket-Protocol", "chat.v1".parse().expect("a value"));
            Ok(response)
        };
        if let Ok(socket) = tungstenite::accept_hdr(stream, answer) {
            common::echo(socket);
        }
    });
    let client = build(&format!("ws://{}/chat?room=7", server.address))
        .header("Authorization", "Bearer abc")
        .subprotocol("chat.v2")
        .subprotocol("chat.v1")
        .connect()
        .expect("a client");
    open(&client);
    assert_eq!(client.subprotocol().as_deref(), Some("chat.v1"));
    let (uri, host, authorization, protocols) = heard.recv_timeout(SOON).expect("a request");
    assert_eq!((uri.as_str(), host), ("/chat?room=7", server.address.to_string()));
    assert_eq!((authorization.as_str(), protocols.as_str()), ("Bearer abc", "chat.v2, chat.v1"));
}

#[test]
fn a_ping_is_answered_while_nothing_else_happens() {
    let (told, heard) = mpsc::channel();
    let server = Server::start(move |stream, _| {
        let mut socket = tungstenite::accept(stream).expect("a client");
        for payload in [&b"first"[..], b"", b"third"] {
            socket.send(tungstenite::Message::Ping(payload.to_vec().into())).expect("a ping");
            loop {
                if let tungstenite::Message::Pong(pong) = socket.read().expect("a frame") {
                    let _ = told.send(pong == payload);
                    break;
                }
            }
        }
        drain(&mut socket);
    });
    let _client = connect(&server.url());
    for _ in 0..3 {
        assert!(heard.recv_timeout(SOON).expect("a pong"));
    }
}

#[test]
fn a_fragmented_message_with_a_ping_in_it_is_one_message() {
    let server = Server::start(|stream, _| {
        let mut socket = tungstenite::accept(stream).expect("a client");
        let frames = [&[0x01, 2, b'a', 0xc3][..], &[0x89, 0], &[0x00, 1, 0xa4], &[0x80, 1, b'b']];
        for frame in frames {
            socket.get_mut().write_all(frame).expect("a frame");
        }
        drain(&mut socket);
    });
    let client = connect(&server.url());
    assert_eq!(client.receive_timeout(SOON).expect("a message").as_text(), Some("aäb"));
}

#[test]
fn a_volatile_message_without_a_connection_comes_back_through_its_receipt() {
    let server = Server::start(|stream, _| common::finish(&stream));
    let client = connect(&server.url());
    let options = SendOptions::new(Delivery::Volatile);
    let outcome = client.send_with("now or never", options).expect("room").wait();
    assert_eq!(outcome, Outcome::Refused { why: Refusal::NotOpen, message: Message::text("now or never") });
}

#[test]
fn a_message_that_waits_can_be_taken_back() {
    let server = Server::start(|stream, _| common::finish(&stream));
    let client = connect(&server.url());
    let receipt = client.send("a mistake").expect("room");
    client.cancel(receipt.id());
    let verdict = Verdict::Dropped(Dropped::Cancelled);
    assert_eq!(receipt.wait(), Outcome::Settled { verdict, message: Some(Message::text("a mistake")) });
}

#[test]
fn without_confirmation_written_is_the_verdict() {
    let server = Server::echo();
    let config = config().confirmation(false).build().expect("a good configuration");
    let client = common::builder(&server.url()).config(config).connect().expect("a client");
    let receipt = client.send_with("hello", SendOptions::new(Delivery::AtMostOnce)).expect("room");
    assert_eq!(receipt.wait().verdict(), Some(Verdict::Written));
}

#[test]
fn clones_of_a_receiver_share_the_work() {
    let server = Server::echo();
    let client = connect(&server.url());
    let receiver = client.receiver().expect("a queue");
    let (told, heard) = mpsc::channel();
    for _ in 0..4 {
        let (receiver, told) = (receiver.clone(), told.clone());
        thread::spawn(move || receiver.for_each(|message| told.send(message.as_bytes().to_vec()).expect("an ear")));
    }
    drop((told, receiver));
    for index in 0..1_000_u32 {
        client.sender().send_blocking(index.to_be_bytes().to_vec(), SendOptions::default()).expect("room");
    }
    let seen: BTreeSet<Vec<u8>> = (0..1_000).map(|_| heard.recv_timeout(SOON).expect("an echo")).collect();
    assert_eq!(seen.len(), 1_000);
    let report = client.close(Some(SOON));
    assert_eq!(report.unsettled, []);
    // Every reader has ended: nobody can tell any more.
    assert!(heard.recv_timeout(SOON).is_err_and(|error| error == mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn subscribers_each_see_every_message() {
    let server = Server::echo();
    let client = build(&server.url()).without_receiver().connect().expect("a client");
    let subscribers = [client.subscribe(), client.subscribe(), client.subscribe()];
    for index in 0..100_u8 {
        client.send(vec![index]).expect("room");
    }
    for subscriber in subscribers {
        for index in 0..100_u8 {
            assert_eq!(subscriber.receive_timeout(SOON).expect("an echo").as_bytes(), [index]);
        }
    }
}

#[test]
fn states_and_verdicts_are_noticed_in_their_order() {
    let server = Server::echo();
    let mut builder = build(&server.url());
    let notices = builder.notices();
    let client = builder.connect().expect("a client");
    assert!(client.send("hello").expect("room").wait().is_confirmed());
    let report = client.close(None);
    assert_eq!(report.state.kind(), StateKind::Stopped);
    let mut words = Vec::new();
    let mut last = steadfast_mio::core::Timestamp::ZERO;
    for noticed in notices {
        assert!(noticed.at >= last);
        last = noticed.at;
        match noticed.notice {
            steadfast_mio::core::Notice::State(transition) => words.push(format!("{:?}", transition.to.kind())),
            steadfast_mio::core::Notice::Verdict { verdict, .. } => words.push(format!("{verdict:?}")),
            _ => {}
        }
    }
    assert_eq!(words, ["Connecting", "Open", "Confirmed", "Closing", "Stopped"]);
}

#[test]
fn round_trips_are_measured() {
    let server = Server::echo();
    let client = connect(&server.url());
    assert!(client.send("hello").expect("room").wait().is_confirmed());
    let least = client.metrics().expect("a thread").rtt.min.expect("a round trip");
    assert!(least > Duration::ZERO && least < SOON);
}
