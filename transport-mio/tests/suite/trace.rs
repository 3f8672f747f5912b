//! What a client went through can be replayed.
use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use super::common::{self, SOON, Server, build};
use steadfast_mio::core::trace::{Payloads, Trace};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a lock").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Talks to a server that resets once, and says what was recorded.
fn recorded(payloads: Payloads) -> String {
    let server = Server::start(|stream, index| {
        let handle = stream.try_clone().expect("a handle");
        let Ok(mut socket) = tungstenite::accept(stream) else { return };
        if index == 0 {
            common::next_message(&mut socket);
            drop(socket);
            return common::reset(handle);
        }
        common::echo(socket);
    });
    let lines = Shared::default();
    let client = build(&server.url()).record(lines.clone(), payloads).connect().expect("a client");
    assert!(client.send("a secret").expect("room").wait().is_confirmed());
    assert_eq!(client.receive_timeout(SOON).expect("an echo").as_text(), Some("a secret"));
    assert_eq!(client.close(None).unsettled, []);
    String::from_utf8(lines.0.lock().expect("a lock").clone()).expect("text")
}

#[test]
fn a_recording_replays_to_the_same_decisions() {
    let trace = Trace::parse(&recorded(Payloads::Keep)).expect("a trace");
    assert_eq!(trace.truncated(), None);
    trace.verify().expect("the same decisions");
}

#[test]
fn a_recording_without_payloads_tells_nothing_and_replays_all_the_same() {
    let lines = recorded(Payloads::Omit);
    assert!(!lines.contains("secret"));
    Trace::parse(&lines).expect("a trace").verify().expect("the same decisions");
}
