//! Wakers that use the client when they are woken, and when they are dropped: an executor's last reference to a task may.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, mpsc},
    task::{Context, Wake, Waker},
    thread,
};

use futures_util::StreamExt;
use steadfast_async_std::{
    Client, Incoming, SlowReader,
    core::{CloseFrame, StateKind},
};

use super::common::{SOON, Server, build, run};

#[test]
fn a_waker_that_is_replaced_may_use_the_client_when_it_goes() {
    in_time(|| {
        let client = Client::new(build("ws://127.0.0.1:1/")).expect("a client");
        let mut first = client.state();
        for _ in 0..2 {
            // It returns the current state first, and waits then.
            let waker = Curious::waker(&client);
            let _ = pin!(first.changed()).poll(&mut Context::from_waker(&waker));
        }
        // It is woken, and stands in for the client's task all the same, which nothing else keeps it for.
        client.stop(CloseFrame::NORMAL, None);
        let mut second = client.state();
        for _ in 0..2 {
            let _ = second.poll_next_unpin(&mut Context::from_waker(Waker::noop()));
        }
    });
}

#[test]
fn a_waker_may_use_the_client_when_others_are_to_have_their_turn() {
    in_time(|| {
        let server = Server::accept(|mut socket, _| {
            for _ in 0..MESSAGES {
                if socket.send(tungstenite::Message::binary(vec![7; 64 << 10])).is_err() {
                    return;
                }
            }
            while socket.read().is_ok() {}
        });
        let incoming = Incoming { max_messages: 1, max_bytes: 1, slow: SlowReader::DropOldest };
        let client = run(build(&server.url()).incoming(incoming).connect()).expect("a connection");
        let (messages, mut state) = (client.messages().expect("a queue"), client.state());
        // There is always more to read than it may without a pause.
        while messages.missed() + 1 < MESSAGES {
            let waker = Curious::waker(&client);
            let _ = pin!(state.changed()).poll(&mut Context::from_waker(&waker));
        }
        assert_eq!(state.current().kind(), StateKind::Open);
    });
}

/// A waker that uses its client.
struct Curious(Client);

impl Curious {
    fn waker(client: &Client) -> Waker {
        Waker::from(Arc::new(Self(client.clone())))
    }
}

impl Wake for Curious {
    fn wake(self: Arc<Self>) {
        let _ = self.0.unsettled();
    }
}

impl Drop for Curious {
    fn drop(&mut self) {
        let _ = self.0.unsettled();
    }
}

/// Runs a test on a thread of its own, which may hang.
fn in_time(test: impl FnOnce() + Send + 'static) {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        test();
        let _ = tell.send(());
    });
    told.recv_timeout(SOON).expect("it waits for itself, or failed");
}

/// How many messages come in.
const MESSAGES: u64 = 1_000;
