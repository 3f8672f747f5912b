//! What is told to whoever watches a client in its task: the same as on every transport, as the pump tells it.
//!
//!     cargo test -p steadfast-async-std --features tracing,metrics --test observability

#[path = "../../transport-mio/tests/observability/capture.rs"]
mod capture;

use std::{net::TcpListener, thread};

use self::capture::Capture;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use steadfast_async_std::Client;

/// Stands in the payload, the query and a header.
const SECRET: &str = "hunter2";

/// Tasks run on whichever thread, so that what they tell goes to the whole program: this is its only test.
#[test]
fn a_client_is_seen_and_its_secrets_are_not() {
    let capture = Capture::default();
    tracing::subscriber::set_global_default(capture.clone()).expect("the first");
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().expect("the first");

    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut socket = tungstenite::accept(stream).expect("an upgrade");
        while socket.read().is_ok() {}
    });
    async_std::task::block_on(talk(&format!("ws://{address}/?token={SECRET}")));

    let to: Vec<_> = capture.named("state").iter().filter_map(|event| event.fields.get("to").cloned()).collect();
    assert_eq!(to, ["connecting", "open", "closing", "stopped"]);
    let connections = capture.named("connection");
    let parents: Vec<_> = connections.iter().filter_map(|connection| capture.parent(connection)).collect();
    assert!(connections[0].is_span && connections[0].level == tracing::Level::INFO);
    assert_eq!((parents.len(), parents[0].name), (1, "session"));
    for one in capture.all().iter().filter(|one| one.target == "steadfast") {
        assert!(!format!("{one:?}").contains(SECRET), "{one:?}");
    }
    let confirmed = snapshotter.snapshot().into_vec().into_iter().any(|(key, _, _, value)| {
        let is_it = key.key().labels().any(|label| label.value() == "confirmed");
        is_it && value == DebugValue::Counter(1)
    });
    assert!(confirmed);
}

/// Sends one message, and waits for what becomes of it.
async fn talk(url: &str) {
    let client =
        Client::builder(url).header("Authorization", format!("Bearer {SECRET}")).connect().await.expect("a client");
    let receipt = client.send(format!("payload {SECRET}")).await.expect("room");
    receipt.await;
    client.close(None).await;
}
