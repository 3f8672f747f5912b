//! From the first connect to the last descriptor.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use super::common::{self, SOON, Server, build, config, connect, drain, next_message, open, reset};
use steadfast_mio::{
    ReceiveError,
    core::{
        CloseFrame, Decision, Delivery, Dropped, Refusal, SendOptions, State, StateKind, StopCause, Verdict,
        config::{Backoff, Jitter, Match, Ready, Schedule},
    },
};

#[test]
fn queued_messages_go_out_in_order_after_a_reconnect() {
    let (told, heard) = mpsc::channel();
    let server = Server::start(move |stream, index| {
        if index < 3 {
            return reset(stream);
        }
        let mut socket = tungstenite::accept(stream).expect("a client");
        while let Some(message) = next_message(&mut socket) {
            let _ = told.send(message.into_data());
        }
    });
    let client = connect(&server.url());
    for index in 0..100_u8 {
        client.send(vec![index]).expect("room");
    }
    for index in 0..100_u8 {
        assert_eq!(heard.recv_timeout(SOON).expect("a message"), [index][..]);
    }
    assert!(client.metrics().expect("a thread").attempts >= 4);
}

#[test]
fn nothing_is_lost_or_overtaken_while_the_server_resets_again_and_again() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let server = Server::start(move |stream, index| {
        let handle = stream.try_clone().expect("a handle");
        let Ok(mut socket) = tungstenite::accept(stream) else { return };
        for _ in 0..if index < 8 { 40 } else { usize::MAX } {
            let Some(message) = next_message(&mut socket) else { return };
            let bytes: [u8; 4] = message.into_data()[..].try_into().expect("four bytes");
            record.lock().expect("a lock").push(u32::from_be_bytes(bytes));
        }
        drop(socket);
        reset(handle);
    });
    let client = connect(&server.url());
    let receipts: Vec<_> =
        (0..1_000_u32).map(|index| client.send(index.to_be_bytes().to_vec()).expect("room")).collect();
    for receipt in &receipts {
        assert_eq!(receipt.wait().verdict(), Some(Verdict::Confirmed));
    }
    // Each connection starts again at or before the first that was in doubt: never a gap.
    let seen = seen.lock().expect("a lock");
    let mut next = 0;
    for &index in seen.iter() {
        assert!(index <= next, "{index} came before {next}");
        next = next.max(index + 1);
    }
    assert_eq!(next, 1_000);
}

#[test]
fn a_sender_on_another_thread_lets_the_outbox_follow() {
    let server = Server::echo();
    let config = config().ready(Ready::WhenTold).build().expect("a good configuration");
    let client = build(&server.url()).config(config).connect().expect("a client");
    let queued = client.send("behind the login").expect("room");
    let State::Open { conn, ready: false } = open(&client) else { panic!("nobody said that it is ready") };
    let sender = client.sender();
    thread::spawn(move || sender.ready(conn)).join().expect("no panic");
    assert_eq!(queued.wait().verdict(), Some(Verdict::Confirmed));
}

#[test]
fn at_most_once_is_in_doubt_after_a_break_and_never_sent_again() {
    let (told, heard) = mpsc::channel();
    let server = Server::start(move |stream, index| {
        let handle = stream.try_clone().expect("a handle");
        let mut socket = tungstenite::accept(stream).expect("a client");
        while let Some(message) = next_message(&mut socket) {
            let _ = told.send(message.into_text().expect("a text").to_string());
            if index == 0 {
                drop(socket);
                return reset(handle);
            }
        }
    });
    let client = connect(&server.url());
    open(&client);
    let options = SendOptions::new(Delivery::AtMostOnce);
    let outcome = client.send_with("once", options).expect("room").wait();
    // The pong may have come before the reset, in which case there is no doubt.
    assert!([Some(Verdict::InDoubt), Some(Verdict::Confirmed)].contains(&outcome.verdict()), "{outcome:?}");
    client.send_with("next", options).expect("room");
    assert_eq!(heard.recv_timeout(SOON).as_deref(), Ok("once"));
    assert_eq!(heard.recv_timeout(SOON).as_deref(), Ok("next"));
}

#[test]
fn the_state_can_be_watched() {
    let server = Server::start(|stream, index| {
        let handle = stream.try_clone().expect("a handle");
        let mut socket = tungstenite::accept(stream).expect("a client");
        if index == 0 {
            drop(socket);
            return reset(handle);
        }
        drain(&mut socket);
    });
    let client = connect(&server.url());
    let mut watch = client.state();
    let second = watch.wait_for(SOON, |state| matches!(state, State::Open { conn, .. } if conn.0 == 2));
    assert!(second.is_some());
    assert_eq!(watch.current(), second.expect("a state"));
    assert_eq!(watch.changed(Duration::ZERO), None);
    let mut other = watch.clone();
    let waiting = thread::spawn(move || other.changed(SOON).map(|state| state.kind()));
    let report = client.close(None);
    assert_eq!(report.state, State::Stopped { cause: StopCause::Application });
    assert!(waiting.join().expect("no panic").is_some());
    // Gone for good: a watch does not wait for what cannot come.
    assert_eq!(watch.wait_for(SOON, |state| state.kind() == StateKind::Open), None);
}

#[test]
fn a_wait_can_be_ended() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let schedule = Schedule::Fixed { delay: Duration::from_hours(1) };
    let config = config().backoff(Backoff { schedule, jitter: Jitter::None, first: None, ..Backoff::default() });
    let config = config.build().expect("a good configuration");
    let client = common::builder(&format!("ws://{address}/")).config(config).connect().expect("a client");
    client.state().wait_for(SOON, |state| state.kind() == StateKind::Waiting).expect("a wait");
    let _server = Server::on(TcpListener::bind(address).expect("the same port"), |stream, _| {
        if let Ok(socket) = tungstenite::accept(stream) {
            common::echo(socket);
        }
    });
    client.reconnect_now();
    open(&client);
}

#[test]
fn close_waits_until_everything_is_confirmed() {
    let server = Server::echo();
    let client = build(&server.url()).without_receiver().connect().expect("a client");
    let receipts: Vec<_> = (0..500_u32).map(|_| client.send("m").expect("room")).collect();
    let report = client.close(Some(SOON));
    assert_eq!((report.unsettled.len(), report.state), (0, State::Stopped { cause: StopCause::Application }));
    assert!(receipts.iter().all(|receipt| receipt.try_get().is_some_and(|outcome| outcome.is_confirmed())));
}

#[test]
fn close_reports_what_was_left() {
    let hanging = TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = connect(&format!("ws://{}/", hanging.local_addr().expect("an address")));
    let receipts = [client.send("a").expect("room"), client.send("b").expect("room")];
    let report = client.close(Some(Duration::from_millis(20)));
    let left: Vec<_> = report.unsettled.iter().map(|left| (left.id, left.verdict)).collect();
    let dropped = Verdict::Dropped(Dropped::Stopped);
    assert_eq!(left, receipts.each_ref().map(|receipt| (receipt.id(), dropped)));
    assert_eq!(report.unsettled[0].message.as_ref().and_then(|message| message.as_text()), Some("a"));
}

#[test]
fn a_server_that_does_not_answer_the_close_is_left_in_time() {
    let (keep, kept) = mpsc::channel();
    let server = Server::start(move |stream, _| {
        let _ = keep.send(tungstenite::accept(stream).expect("a client"));
    });
    let config = config().close_timeout(Duration::from_millis(50)).build().expect("a good configuration");
    let client = common::builder(&server.url()).config(config).connect().expect("a client");
    open(&client);
    assert_eq!(client.close(None).state, State::Stopped { cause: StopCause::Application });
    drop(kept);
}

#[test]
fn dropping_a_client_tells_the_server_and_settles_every_message() {
    let (told, heard) = mpsc::channel();
    let server = Server::start(move |stream, _| {
        let mut socket = tungstenite::accept(stream).expect("a client");
        loop {
            match socket.read() {
                Ok(tungstenite::Message::Close(frame)) => {
                    let _ = told.send(frame.map(|frame| u16::from(frame.code)));
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    });
    let client = connect(&server.url());
    open(&client);
    let receipts: Vec<_> = (0..100).map(|_| client.send("m").expect("room")).collect();
    let sender = client.sender();
    drop(client);
    assert!(receipts.iter().all(|receipt| receipt.try_get().is_some()));
    assert!(sender.send("too late").is_err());
    assert_eq!(heard.recv_timeout(SOON).expect("a close frame"), Some(1001));
}

#[test]
fn a_stopped_client_refuses_at_the_door_until_it_is_started_again() {
    let server = Server::echo();
    let client = connect(&server.url());
    open(&client);
    client.stop(CloseFrame::NORMAL, None);
    let error = client.send("too late").expect_err("it was told to stop");
    assert_eq!((error.why, error.message.as_text()), (Refusal::Stopped, Some("too late")));
    client.state().wait_for(SOON, |state| state.kind() == StateKind::Stopped).expect("an end");
    assert_eq!(client.send("too late").expect_err("it has stopped").why, Refusal::Stopped);
    client.start();
    let receipt = client.send("in time").expect("a door");
    assert!(receipt.wait().is_confirmed());
    assert_eq!(client.sender().unsettled(), (0, 0));
}

#[test]
fn whoever_receives_after_a_start_waits_for_what_will_come() {
    let server = Server::echo();
    let client = connect(&server.url());
    open(&client);
    client.stop(CloseFrame::NORMAL, None);
    client.state().wait_for(SOON, |state| state.kind() == StateKind::Stopped).expect("an end");
    assert_eq!(client.try_receive(), Err(ReceiveError::Stopped));
    let ((go, gone), (holds, held)) = (mpsc::channel::<()>(), mpsc::channel());
    thread::scope(|scope| {
        // The session cannot have its turn as long as somebody looks at it.
        scope.spawn(|| {
            client.inspect(move |_| {
                let _ = holds.send(());
                let _ = gone.recv();
            })
        });
        held.recv().expect("a look");
        client.start();
        assert_eq!(client.try_receive(), Ok(None));
        drop(go);
    });
    client.send("again").expect("a door");
    assert_eq!(client.receive().expect("an echo").as_text(), Some("again"));
}

#[test]
fn a_session_that_ends_by_itself_refuses_at_the_door_until_it_is_started_again() {
    let server = Server::start(|stream, index| {
        if index == 0 {
            common::answer(stream, b"HTTP/1.1 418 I'm a teapot\r\n\r\n");
        } else if let Ok(socket) = tungstenite::accept(stream) {
            common::echo(socket);
        }
    });
    let config = config().rule(Match::Status { from: 418, to: 418 }, Decision::Terminal);
    let config = config.build().expect("a good configuration");
    let client = common::builder(&server.url()).config(config).connect().expect("a client");
    client.state().wait_for(SOON, |state| state.kind() == StateKind::Stopped).expect("an end");
    assert_eq!(client.send("too late").expect_err("it has stopped").why, Refusal::Stopped);
    client.start();
    assert!(client.send("in time").expect("a door").wait().is_confirmed());
}

#[test]
fn a_stop_that_is_taken_back_while_it_drains_leaves_the_door_open() {
    let hanging = TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = connect(&format!("ws://{}/", hanging.local_addr().expect("an address")));
    let receipt = client.send("first").expect("room");
    client.stop(CloseFrame::NORMAL, Some(SOON));
    assert!(client.send("between").is_err());
    client.start();
    let second = client.send("second").expect("a door");
    assert_eq!(client.metrics().expect("a thread").accepted, 2);
    drop(client);
    let dropped = Some(Verdict::Dropped(Dropped::Stopped));
    assert_eq!([receipt.wait().verdict(), second.wait().verdict()], [dropped, dropped]);
}

#[test]
fn a_panic_of_who_inspects_is_the_callers_and_the_session_goes_on() {
    let server = Server::echo();
    let client = connect(&server.url());
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        client.inspect(|_| panic!("this panic is part of the test"))
    }));
    assert!(caught.is_err());
    assert!(client.send("on").expect("room").wait().is_confirmed());
}

#[test]
fn readers_that_wait_are_woken_when_the_client_goes() {
    let server = Server::echo();
    let mut builder = build(&server.url());
    let notices = builder.notices();
    let client = builder.connect().expect("a client");
    open(&client);
    let receivers = [client.receiver().expect("a queue"), client.receiver().expect("a queue"), client.subscribe()];
    let waiting = receivers.map(|receiver| thread::spawn(move || receiver.receive()));
    drop(client);
    for reader in waiting {
        assert_eq!(reader.join().expect("no panic"), Err(ReceiveError::Stopped));
    }
    // The notices end, too, and not only when somebody tires of waiting.
    assert!(notices.last().is_some());
}

/// Threads and descriptors of this process.
#[cfg(target_os = "linux")]
fn belongings() -> (usize, usize) {
    let count = |path| std::fs::read_dir(path).expect("a directory").count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// Runs this test's part in a process of its own, so that the other tests' threads and descriptors are not counted.
#[cfg(target_os = "linux")]
fn alone(name: &str, part: impl FnOnce()) {
    const ALONE: &str = "STEADFAST_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return part();
    }
    let [program, args @ ..] = common::one_test(module_path!(), name);
    common::assert_ran(std::process::Command::new(program).args(args).env(ALONE, "1"));
}

/// Waits until no more is there than before.
#[cfg(target_os = "linux")]
fn assert_all_gone(before: (usize, usize)) {
    let start = std::time::Instant::now();
    loop {
        // The server may not have closed its end yet when `before` was counted.
        let (threads, descriptors) = belongings();
        if threads <= before.0 && descriptors <= before.1 {
            return;
        }
        assert!(start.elapsed() < SOON, "{threads} threads and {descriptors} descriptors, before: {before:?}");
        thread::yield_now();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn ten_thousand_clients_leave_no_thread_and_no_descriptor_behind() {
    alone("ten_thousand_clients_leave_no_thread_and_no_descriptor_behind", || {
        let server = serial_server();
        let once = || {
            let client = connect(&server.url());
            open(&client);
        };
        // Until the allocator has what it keeps.
        (0..100).for_each(|_| once());
        let before = belongings();
        let resident = resident();
        for _ in 0..10_000 {
            once();
        }
        assert_all_gone(before);
        // 200 bytes each would show; the allocator's slack does not.
        println!("{} bytes more than before", resident_since(resident));
        assert!(resident_since(resident) < 2 << 20, "{} bytes more than before", resident_since(resident));
    });
}

/// A server of one thread, for clients that come one after the other.
#[cfg(target_os = "linux")]
fn serial_server() -> Serial {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            if let Ok(mut socket) = tungstenite::accept(stream.expect("a client")) {
                drain(&mut socket);
            }
        }
    });
    Serial(url)
}

#[cfg(target_os = "linux")]
struct Serial(String);

#[cfg(target_os = "linux")]
impl Serial {
    fn url(&self) -> String {
        self.0.clone()
    }
}

/// This process's memory, in bytes.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

#[cfg(target_os = "linux")]
fn resident_since(before: usize) -> usize {
    resident().saturating_sub(before)
}

#[cfg(target_os = "linux")]
#[test]
fn clients_dropped_in_any_state_leave_nothing_behind() {
    alone("clients_dropped_in_any_state_leave_nothing_behind", || {
        let hanging = TcpListener::bind("127.0.0.1:0").expect("a port");
        let hanging_url = format!("ws://{}/", hanging.local_addr().expect("an address"));
        let refused = TcpListener::bind("127.0.0.1:0").expect("a port");
        let refused_url = format!("ws://{}/", refused.local_addr().expect("an address"));
        drop(refused);
        let server = serial_server();
        let before = belongings();
        for round in 0..100 {
            // At once, whatever it is doing.
            drop(connect(&server.url()));
            drop(connect(&hanging_url));
            if round < 5 {
                // The resolver may take its time.
                drop(connect("ws://there-is-no-such-host.invalid/"));
            }
            // Within the handshake.
            let client = connect(&hanging_url);
            let (stream, _) = hanging.accept().expect("a client");
            drop((client, stream));
            // While it waits to try again.
            let client = connect(&refused_url);
            client.state().wait_for(SOON, |state| state.kind() == StateKind::Waiting).expect("a wait");
            drop(client);
            // With messages that nobody will take.
            let client = connect(&server.url());
            let receipt = client.send(vec![0; 1 << 20]).expect("room");
            let receiver = client.receiver();
            drop(client);
            assert!(receipt.try_get().is_some());
            drop((receipt, receiver));
        }
        // The backlog of the listener that never answered is the test's own.
        drop(hanging);
        let before = (before.0, before.1 - 1);
        assert_all_gone(before);
    });
}
