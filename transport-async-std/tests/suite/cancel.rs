//! Futures that are dropped before they come to their ends.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt, poll};
use std::task::Poll;
use steadfast_async_std::core::{MessageId, Refusal, StateKind};

use super::common::{Server, build, config, connect, poll_times, run, soon, until};

#[test]
fn a_receive_that_is_dropped_loses_no_message() {
    run(async {
        let server = Server::echo();
        let client = connect(&server.url()).await;
        for index in 0..60 {
            client.send(format!("{index}")).await.expect("room");
        }
        let mut expected = 0;
        while expected < 60 {
            // Each is dropped after its first poll, whatever that came to.
            let taken = match poll_times(expected % 3, client.receive()).await {
                Some(taken) => taken,
                None => client.receive().await,
            };
            assert_eq!(taken.expect("an echo").as_text(), Some(&*format!("{expected}")));
            expected += 1;
        }
    });
}

#[test]
fn a_message_that_woke_a_receive_that_is_dropped_goes_to_another() {
    run(async {
        let server = Server::echo();
        let client = connect(&server.url()).await;
        let mut first = Box::pin(client.receive());
        assert!(poll!(&mut first).is_pending());
        let messages = client.messages().expect("a queue");
        let second = async_std::task::spawn(async move { messages.receive().await });
        client.send("one").await.expect("room").await;
        drop(first);
        assert_eq!(soon(second).await.expect("an echo").as_text(), Some("one"));
    });
}

#[test]
fn a_send_that_is_dropped_while_it_waits_for_room_was_not_sent() {
    run(async {
        let client = full().await;
        for times in 1..4 {
            assert!(poll_times(times, client.send("never")).await.is_none());
        }
        assert_eq!(client.unsettled().0, 1);
    });
}

#[test]
fn a_reserve_that_is_dropped_leaves_the_line_to_those_behind_it() {
    run(async {
        let server = Server::echo();
        let config = config().outbox_bounds(1, 1 << 20).build().expect("a good configuration");
        let client = soon(build(&server.url()).config(config).connect()).await.expect("a connection");
        let permit = client.reserve(1).await.expect("room");
        let mut first = Box::pin(client.reserve(1));
        let mut second = Box::pin(client.reserve(1));
        assert!(poll!(&mut first).is_pending());
        assert!(poll!(&mut second).is_pending());
        drop(first);
        drop(permit);
        assert_eq!(second.await.expect("room").bytes(), 1);
    });
}

#[test]
fn room_that_was_given_to_a_reserve_that_is_dropped_goes_to_the_next() {
    run(async {
        let server = Server::echo();
        let config = config().outbox_bounds(1, 1 << 20).build().expect("a good configuration");
        let client = soon(build(&server.url()).config(config).connect()).await.expect("a connection");
        let permit = client.reserve(1).await.expect("room");
        let mut first = Box::pin(client.reserve(1));
        let mut second = Box::pin(client.reserve(1));
        assert!(poll!(&mut first).is_pending());
        assert!(poll!(&mut second).is_pending());
        // It is the first's now, which does not know it yet.
        drop(permit);
        assert!(poll!(&mut second).is_pending());
        drop(first);
        assert!(matches!(poll!(&mut second), Poll::Ready(Ok(_))));
    });
}

#[test]
fn nobody_overtakes_those_who_wait_for_room() {
    run(async {
        let server = Server::echo();
        let config = config().outbox_bounds(10, 100).build().expect("a good configuration");
        let client = soon(build(&server.url()).config(config).connect()).await.expect("a connection");
        let permit = client.reserve(60).await.expect("room");
        let mut large = Box::pin(client.reserve(60));
        assert!(poll!(&mut large).is_pending());
        assert_eq!(client.try_send("small").expect_err("others wait").why, Refusal::Full);
        let mut small = Box::pin(client.reserve(1));
        assert!(poll!(&mut small).is_pending());
        drop(permit);
        assert!(matches!(poll!(&mut large), Poll::Ready(Ok(_))));
        assert!(matches!(poll!(&mut small), Poll::Ready(Ok(_))));
    });
}

#[test]
fn a_receipt_that_is_dropped_changes_nothing_for_its_message() {
    run(async {
        let server = Server::echo();
        let client = connect(&server.url()).await;
        for times in 0..3 {
            let receipt = client.send("kept").await.expect("room");
            let _ = poll_times(times, receipt).await;
            assert_eq!(client.receive().await.expect("an echo").as_text(), Some("kept"));
        }
        assert!(client.close(Duration::from_secs(10)).await.unsettled.is_empty());
    });
}

#[test]
fn a_connect_that_is_dropped_takes_the_client_with_it() {
    run(async {
        let server = Server::echo();
        for times in 0..3 {
            let mut builder = build(&server.url());
            let notices = builder.notices();
            let client = poll_times(times, builder.connect()).await;
            drop(client);
            // They end when the client is gone.
            soon(notices.collect::<Vec<_>>()).await;
        }
    });
}

#[test]
fn a_close_that_is_dropped_has_begun_and_goes_on() {
    run(async {
        let server = Server::echo();
        let client = connect(&server.url()).await;
        assert!(poll_times(0, client.close(Duration::from_secs(10))).await.is_none());
        until(&client, StateKind::Stopped).await;
    });
}

#[test]
fn a_flush_that_is_dropped_leaves_the_rest_in_its_sink_and_keeps_its_place() {
    run(async {
        let client = full().await;
        let mut sink = client.sink();
        sink.feed("second".into()).await.expect("kept");
        assert!(poll!(sink.flush()).is_pending());
        client.cancel(MessageId(1));
        let mut behind = Box::pin(client.reserve(1));
        assert!(poll!(&mut behind).is_pending());
        soon(sink.flush()).await.expect("accepted");
        assert_eq!(client.unsettled(), (1, "second".len()));
    });
}

#[test]
fn a_wait_for_a_state_that_is_dropped_has_seen_none() {
    run(async {
        let server = Server::echo();
        let client = connect(&server.url()).await;
        let mut state = client.state();
        assert!(poll!(state.wait_for(|_| false)).is_pending());
        assert_eq!(soon(state.changed()).await.expect("a client").kind(), StateKind::Open);
    });
}

/// A client whose outbox is full, and stays so: it has no connection.
async fn full() -> steadfast_async_std::Client {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let config = config().outbox_bounds(1, 1 << 20).build().expect("a good configuration");
    let client = steadfast_async_std::Client::new(build(&format!("ws://{nobody}/")).config(config)).expect("a client");
    client.send("first").await.expect("room");
    client
}
