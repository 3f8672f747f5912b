//! Backpressure, both ways.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use super::common::{self, SOON, Server, build, config, connect, drain, next_message, open};
use steadfast_mio::{
    Incoming, SlowReader,
    core::{CloseFrame, Refusal, SendOptions, StateKind},
};

/// Sends messages of 16 KiB, as fast as they are taken, and counts them.
fn flood(sent: Arc<AtomicU64>, total: u64) -> Server {
    Server::start(move |stream, _| {
        let Ok(mut socket) = tungstenite::accept(stream) else { return };
        for _ in 0..total {
            if socket.send(tungstenite::Message::binary(vec![7; 16 << 10])).is_err() {
                return;
            }
            sent.fetch_add(1, Ordering::SeqCst);
        }
        drain(&mut socket);
    })
}

/// Waits until a count stands still for a while, and says where it stands.
fn standstill(count: &AtomicU64) -> u64 {
    let start = Instant::now();
    let (mut last, mut since) = (0, Instant::now());
    while start.elapsed() < SOON {
        let now = count.load(Ordering::SeqCst);
        if now != last {
            (last, since) = (now, Instant::now());
        } else if now > 0 && since.elapsed() > Duration::from_millis(300) {
            return now;
        }
        thread::yield_now();
    }
    panic!("the count never stood still");
}

#[test]
fn a_reader_that_does_not_read_stalls_the_servers_writes_and_loses_nothing() {
    const TOTAL: u64 = 4_000;
    let sent = Arc::new(AtomicU64::new(0));
    let server = flood(Arc::clone(&sent), TOTAL);
    let incoming = Incoming { max_messages: 10, max_bytes: 1 << 20, slow: SlowReader::HoldBack };
    let client = build(&server.url()).incoming(incoming).connect().expect("a client");
    let queue = client.receiver().expect("a queue");
    let start = Instant::now();
    while queue.len() < 10 {
        assert!(start.elapsed() < SOON, "{} messages wait", queue.len());
        thread::yield_now();
    }
    let stalled = standstill(&sent);
    // 64 MiB were offered; what went out is in the kernel's buffers, and ours hold the bound.
    assert!(stalled < TOTAL, "{stalled} of {TOTAL} went out");
    assert_eq!(queue.len(), 10);
    for _ in 0..TOTAL {
        assert_eq!(client.receive_timeout(SOON).expect("a message").len(), 16 << 10);
    }
}

#[test]
fn liveness_clocks_stop_while_the_reader_rests() {
    let sent = Arc::new(AtomicU64::new(0));
    let server = flood(Arc::clone(&sent), 4_000);
    let incoming = Incoming { max_messages: 10, ..Incoming::default() };
    let ms = Duration::from_millis;
    let config = config().heartbeat_interval(ms(20)).heartbeat_timeout(ms(20)).missed_allowed(0);
    let client = common::builder(&server.url()).config(config.build().expect("a good configuration"));
    let client = client.incoming(incoming).connect().expect("a client");
    standstill(&sent);
    assert_eq!(client.state().current().kind(), StateKind::Open);
    assert_eq!(client.metrics().expect("a thread").connects, 1);
}

#[test]
fn a_subscriber_that_asked_for_it_loses_the_oldest_and_holds_nobody_back() {
    let server = Server::start(|stream, _| {
        let mut socket = tungstenite::accept(stream).expect("a client");
        // Once the subscriber is there.
        next_message(&mut socket).expect("a message");
        for index in 0..100_u8 {
            socket.send(tungstenite::Message::binary(vec![index])).expect("a client");
        }
        drain(&mut socket);
    });
    let incoming = Incoming { max_messages: 10, max_bytes: 64 << 20, slow: SlowReader::DropOldest };
    let client = build(&server.url()).connect().expect("a client");
    let (slow, last) = (client.subscribe_with(incoming), client.subscribe());
    client.send("go").expect("room");
    for index in 0..100_u8 {
        assert_eq!(client.receive_timeout(SOON).expect("a message").as_bytes(), [index]);
        // It subscribed last and is given each message last: then the slow one has it, too.
        assert_eq!(last.receive_timeout(SOON).expect("a message").as_bytes(), [index]);
    }
    assert_eq!((slow.len(), slow.missed()), (10, 90));
    assert_eq!(slow.receive_timeout(SOON).expect("a message").as_bytes(), [90]);
}

/// A server that accepts and reads only when told to.
fn reluctant() -> (Server, mpsc::Sender<()>, Arc<AtomicU64>) {
    let (tell, told) = mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    let read = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&read);
    let server = Server::start(move |stream, _| {
        let Ok(mut socket) = tungstenite::accept(stream) else { return };
        let _ = told.lock().expect("a lock").recv();
        while next_message(&mut socket).is_some() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (server, tell, read)
}

#[test]
fn a_server_that_does_not_read_fills_the_outbox_and_the_message_comes_back() {
    let (server, tell, read) = reluctant();
    let config = config().outbox_bounds(100_000, 32 << 20).build().expect("a good configuration");
    let client = common::builder(&server.url()).config(config).connect().expect("a client");
    open(&client);
    let message = vec![1; 64 << 10];
    let mut accepted = Vec::new();
    let refused = loop {
        match client.send(message.clone()) {
            Ok(receipt) => accepted.push(receipt),
            Err(error) => break error,
        }
    };
    assert_eq!((refused.why, refused.message.len()), (Refusal::Full, 64 << 10));
    assert_eq!(accepted.len(), (32 << 20) / (64 << 10));
    let error = client.sender().send_timeout(message.clone(), SendOptions::default(), Duration::from_millis(50));
    assert_eq!(error.expect_err("no room").why, Refusal::Full);

    tell.send(()).expect("a server");
    client.sender().send_blocking(message, SendOptions::default()).expect("room, in time");
    for receipt in &accepted {
        assert!(receipt.wait().is_confirmed());
    }
    assert!(read.load(Ordering::SeqCst) >= accepted.len() as u64);
}

#[test]
fn a_message_larger_than_the_outbox_is_refused_at_the_door() {
    let server = Server::echo();
    let config = config().outbox_bounds(10, 1_000).build().expect("a good configuration");
    let client = common::builder(&server.url()).config(config).connect().expect("a client");
    assert_eq!(client.send(vec![0; 1_001]).expect_err("no room, ever").why, Refusal::TooLarge);
}

#[test]
fn senders_that_wait_for_room_are_woken_when_the_client_goes() {
    let (server, tell, _) = reluctant();
    let config = config().outbox_bounds(4, 1 << 20).build().expect("a good configuration");
    let client = common::builder(&server.url()).config(config).connect().expect("a client");
    let sender = client.sender();
    let waiting = thread::spawn(move || {
        loop {
            if let Err(error) = sender.send_blocking("m", SendOptions::default()) {
                return error.why;
            }
        }
    });
    open(&client);
    drop(client);
    assert_eq!(waiting.join().expect("no panic"), Refusal::Stopped);
    drop(tell);
}

#[test]
fn senders_that_wait_for_room_are_woken_when_the_session_is_stopped() {
    let (server, tell, _) = reluctant();
    let config = config().outbox_bounds(1, 1 << 20).build().expect("a good configuration");
    let client = common::builder(&server.url()).config(config).connect().expect("a client");
    let first = client.send("first").expect("room");
    let sender = client.sender();
    let waiting = thread::spawn(move || sender.send_blocking("second", SendOptions::default()));
    // It drains, and so there will be no room for as long as the server reads nothing.
    client.stop(CloseFrame::NORMAL, Some(SOON));
    let error = waiting.join().expect("no panic").expect_err("it was told to stop");
    assert_eq!((error.why, error.message.as_text()), (Refusal::Stopped, Some("second")));
    assert_eq!(client.sender().unsettled(), (1, 5));
    tell.send(()).expect("a server");
    assert!(first.wait().is_confirmed());
}

#[test]
fn a_ping_is_not_stuck_behind_megabytes() {
    // A confirmation comes while far more than one window of data is under way the other way round.
    let server = Server::echo();
    let client = connect(&server.url());
    let receiver = client.receiver().expect("a queue");
    let reader = thread::spawn(move || receiver.take(64).map(|message| message.len()).sum::<usize>());
    let receipts: Vec<_> = (0..64)
        .map(|_| client.sender().send_blocking(vec![3; 512 << 10], SendOptions::default()).expect("room"))
        .collect();
    assert!(receipts.iter().all(|receipt| receipt.wait().is_confirmed()));
    assert_eq!(reader.join().expect("no panic"), 64 * (512 << 10));
}
