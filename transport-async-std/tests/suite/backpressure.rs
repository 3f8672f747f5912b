//! Backpressure, both ways, and slow readers.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt, future, poll, stream};
use steadfast_async_std::{
    Client, Incoming, SlowReader,
    core::{Message, Notice},
};

use super::common::{Server, build, config, run, soon};

#[test]
fn a_sink_takes_far_more_than_the_outbox_holds_and_everything_arrives_in_order() {
    run(async {
        let server = Server::echo();
        let config = config().outbox_bounds(10, 1 << 20).build().expect("a good configuration");
        let client = soon(build(&server.url()).config(config).connect()).await.expect("a connection");
        let mut sink = client.sink();
        let mut messages = client.messages().expect("a queue");
        let all = 0..1_000;
        let sending = async {
            let mut all =
                stream::iter(all.clone().map(|index: u32| Ok(Message::text(format!("{index}")).into_owned())));
            sink.send_all(&mut all).await.expect("accepted");
        };
        let receiving = async {
            for index in all.clone() {
                assert_eq!(messages.next().await.expect("an echo").as_text(), Some(&*format!("{index}")));
            }
        };
        future::join(sending, receiving).await;
    });
}

#[test]
fn a_full_queue_holds_the_reads_back_and_loses_nothing() {
    run(async {
        let server = Server::accept(|mut socket, _| {
            for _ in 0..2_000 {
                if socket.send(tungstenite::Message::binary(vec![7; 1 << 10])).is_err() {
                    return;
                }
            }
            while socket.read().is_ok() {}
        });
        let incoming = Incoming { max_messages: 10, max_bytes: 1 << 20, slow: SlowReader::HoldBack };
        let client = soon(build(&server.url()).incoming(incoming).connect()).await.expect("a connection");
        let messages = client.messages().expect("a queue");
        for _ in 0..2_000 {
            assert_eq!(soon(messages.receive()).await.expect("a message").len(), 1 << 10);
            assert!(messages.len() <= 10);
        }
    });
}

#[test]
fn a_stream_alone_with_its_queue_holds_the_reads_back_too_and_loses_nothing() {
    run(async {
        let server = Server::accept(|mut socket, _| {
            for index in 0..2_000 {
                if socket.send(tungstenite::Message::text(format!("{index}"))).is_err() {
                    return;
                }
            }
            while socket.read().is_ok() {}
        });
        let client = Client::new(build(&server.url()).without_receiver()).expect("a client");
        let mut stream = client.subscribe_with(Incoming { max_messages: 10, ..Incoming::default() });
        for index in 0..2_000 {
            assert_eq!(soon(stream.next()).await.expect("a message").as_text(), Some(&*format!("{index}")));
            assert!(stream.len() <= 10, "{}", stream.len());
        }
    });
}

#[test]
fn a_stream_that_is_cloned_keeps_nothing_to_itself() {
    run(async {
        let server = Server::echo();
        let client = soon(build(&server.url()).connect()).await.expect("a connection");
        let mut stream = client.subscribe();
        for index in 0..20_u8 {
            client.send(vec![index]).await.expect("room");
            client.receive().await.expect("an echo");
        }
        let next = soon(stream.next()).await.expect("a message");
        assert_eq!((next.as_bytes(), stream.len()), (&[0][..], 19));
        // Whatever way they are taken, they come once, and in their order.
        assert_eq!(soon(stream.receive()).await.expect("a message").as_bytes(), [1]);
        assert_eq!(stream.try_receive().expect("not stopped").expect("a message").as_bytes(), [2]);
        let mut clone = stream.clone();
        for index in 3..20 {
            let taker = if index % 2 == 0 { &mut clone } else { &mut stream };
            assert_eq!(soon(taker.next()).await.expect("a message").as_bytes(), [index]);
        }
        assert_eq!((clone.len(), stream.is_empty()), (0, true));
        // Alone again, the last is as the first was.
        drop(clone);
        client.send("last").await.expect("room");
        assert_eq!(soon(stream.next()).await.expect("a message").as_text(), Some("last"));
    });
}

#[test]
fn a_slow_subscriber_loses_the_oldest_where_that_is_asked_for() {
    run(async {
        let server = Server::echo();
        let client = soon(build(&server.url()).connect()).await.expect("a connection");
        let slow =
            client.subscribe_with(Incoming { max_messages: 10, max_bytes: 1 << 20, slow: SlowReader::DropOldest });
        for index in 0..100_u8 {
            client.send(vec![index]).await.expect("room");
            assert_eq!(client.receive().await.expect("an echo").as_bytes(), [index]);
        }
        assert_eq!((slow.len(), slow.missed()), (10, 90));
        assert_eq!(soon(slow.receive()).await.expect("a message").as_bytes(), [90]);
    });
}

#[test]
fn a_task_that_stood_in_and_does_not_come_is_replaced() {
    run(async {
        let server = Server::echo();
        let client = soon(build(&server.url()).connect()).await.expect("a connection");
        // It stands in, and is neither polled again nor dropped.
        let mut idle = client.messages().expect("a queue");
        assert!(poll!(idle.next()).is_pending());
        // Nothing but the verdict is awaited, and by somebody who does not stand in.
        let mut notices = client.notices();
        let receipt = client.send("m").await.expect("room");
        let verdict = async {
            while let Some(noticed) = notices.next().await {
                if let Notice::Verdict { .. } = noticed.notice {
                    return;
                }
            }
        };
        async_std::future::timeout(Duration::from_secs(5), verdict).await.expect("a verdict");
        assert!(receipt.await.is_confirmed());
    });
}
