//! What a sink says of its messages.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt, poll};
use steadfast_async_std::{
    Client, MessageSink, SendError,
    core::{CloseFrame, Delivery, Message, Network, Notice, Refusal, SendOptions, StateKind},
};

use super::common::{Server, build, config, run, soon};

#[test]
fn a_sink_tells_what_the_session_did_not_accept() {
    run(async {
        let error = volatile(&nowhere()).send("now or never".into()).await.expect_err("there is no connection");
        assert_eq!((error.message.as_text(), error.why), (Some("now or never"), Refusal::NotOpen));
    });
}

#[test]
fn each_sink_tells_of_its_own_messages_once_and_in_their_order() {
    run(async {
        let client = nowhere();
        let mut sinks = [volatile(&client), volatile(&client)];
        let mut told = [Vec::new(), Vec::new()];
        for index in 0..100 {
            for (sink, told) in sinks.iter_mut().zip(&mut told) {
                feed(sink, index, told).await;
            }
        }
        for (sink, mut told) in sinks.iter_mut().zip(told) {
            told.extend(errors(sink).await);
            assert_eq!(told, (0..100).map(|index| index.to_string()).collect::<Vec<_>>());
        }
    });
}

#[test]
fn a_sink_tells_of_its_own_messages_though_another_had_the_session_look_at_them() {
    run(async {
        let client = nowhere();
        let (mut one, mut other) = (volatile(&client), volatile(&client));
        let mut told = Vec::new();
        // One more than it keeps to itself.
        for index in 0..33 {
            feed(&mut one, index, &mut told).await;
        }
        assert_eq!(errors(&mut other).await, [""; 0]);
        told.extend(errors(&mut one).await);
        assert_eq!(told, (0..33).map(|index| index.to_string()).collect::<Vec<_>>());
    });
}

#[test]
fn what_a_sink_holds_when_the_client_is_stopped_comes_back_in_its_order() {
    run(async {
        let client = nowhere();
        let mut sink = client.sink();
        let mut told = Vec::new();
        for index in 0..10 {
            feed(&mut sink, index, &mut told).await;
        }
        client.stop(CloseFrame::NORMAL, None);
        assert_eq!(errors(&mut sink).await, (0..10).map(|index| index.to_string()).collect::<Vec<_>>());
    });
}

#[test]
fn a_sink_goes_on_after_an_error() {
    run(async {
        let server = Server::echo();
        let client = Client::new(build(&server.url())).expect("a client");
        client.network(Network::Offline);
        let mut sink = volatile(&client);
        sink.send("too soon".into()).await.expect_err("there is no connection");
        client.network(Network::Online);
        client.state().wait_for(|state| state.kind() == StateKind::Open).await.expect("a client");
        sink.send("in time".into()).await.expect("accepted");
        assert_eq!(soon(client.receive()).await.expect("an echo").as_text(), Some("in time"));
    });
}

#[test]
fn a_refusal_is_told_though_the_rest_waits_for_room() {
    run(async {
        let config = config().outbox_bounds(10, 100).build().expect("a good configuration");
        let client = Client::new(build("ws://127.0.0.1:1/").config(config)).expect("a client");
        client.try_send(vec![0; 60]).expect("room");
        let mut sink = volatile(&client);
        sink.feed("small".into()).await.expect("kept");
        sink.feed(vec![0; 60].into()).await.expect("kept");
        let error = soon(sink.flush()).await.expect_err("there is no connection");
        assert_eq!((error.message.as_text(), error.why), (Some("small"), Refusal::NotOpen));
        assert!(poll!(sink.flush()).is_pending());
    });
}

#[test]
fn what_finds_no_room_when_its_sink_is_dropped_comes_back_among_the_notices() {
    run(async {
        let client = full();
        let mut notices = client.notices();
        let mut sink = client.sink();
        sink.feed("no room".into()).await.expect("kept");
        drop(sink);
        let refused = async {
            while let Some(noticed) = notices.next().await {
                if let Notice::Refused { message, why, .. } = noticed.notice {
                    return Some((message.as_text().map(str::to_owned), why));
                }
            }
            None
        };
        assert_eq!(soon(refused).await, Some((Some("no room".into()), Refusal::Full)));
    });
}

#[test]
fn what_is_left_when_a_sink_is_dropped_is_sent_though_the_client_was_at_rest() {
    run(async {
        let server = Server::echo();
        let client = Client::new(build(&server.url())).expect("a client");
        let mut sink = client.sink();
        sink.feed("left".into()).await.expect("kept");
        drop(sink);
        let open = client.state().wait_for(|state| state.kind() == StateKind::Open).await;
        assert!(open.is_some());
        assert!(client.close(Duration::from_secs(10)).await.unsettled.is_empty());
        assert_eq!(client.receive().await.expect("an echo").as_text(), Some("left"));
    });
}

/// A sink whose messages are for the current connection only.
fn volatile(client: &Client) -> MessageSink {
    client.sink_with(SendOptions::new(Delivery::Volatile))
}

/// Hands a message to a sink, and notes what that says of others.
async fn feed(sink: &mut MessageSink, index: usize, told: &mut Vec<String>) {
    let message = Message::text(index.to_string()).into_owned();
    while let Err(error) = sink.feed(message.clone()).await {
        told.push(text(&error));
    }
}

/// All that a sink has to tell.
async fn errors(sink: &mut MessageSink) -> Vec<String> {
    let mut told = Vec::new();
    while let Err(error) = soon(sink.flush()).await {
        told.push(text(&error));
    }
    told
}

fn text(error: &SendError) -> String {
    error.message.as_text().expect("text").to_owned()
}

/// A client that is started, and comes to nothing.
fn nowhere() -> Client {
    let client = Client::new(build("ws://127.0.0.1:1/")).expect("a client");
    client.start();
    client
}

/// A client whose outbox is full, and stays so: it has no connection.
fn full() -> Client {
    let config = config().outbox_bounds(1, 1 << 20).build().expect("a good configuration");
    let client = Client::new(build("ws://127.0.0.1:1/").config(config)).expect("a client");
    client.try_send("first").expect("room");
    client
}
