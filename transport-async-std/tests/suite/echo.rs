//! There and back again.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use steadfast_async_std::{
    Client,
    core::{MessageId, NotCancelled, Notice, StateKind},
};

use super::common::{Server, build, connect, run, soon, until};

#[test]
fn what_is_sent_comes_back_and_is_confirmed() {
    run(async {
        let server = Server::echo();
        let client = connect(&server.url()).await;
        let receipt = client.send("hello").await.expect("room");
        assert_eq!(client.receive().await.expect("an echo").as_text(), Some("hello"));
        assert!(receipt.await.is_confirmed());
    });
}

#[test]
fn a_client_that_is_made_at_rest_connects_when_it_is_asked_for_something() {
    run(async {
        let server = Server::echo();
        let client = Client::new(build(&server.url())).expect("a client");
        assert_eq!(client.state().current().kind(), StateKind::Idle);
        client.send("hello").await.expect("room");
        assert_eq!(client.receive().await.expect("an echo").as_text(), Some("hello"));
    });
}

#[test]
fn a_close_drains_first_and_reports_what_is_left() {
    run(async {
        let server = Server::echo();
        let client = connect(&server.url()).await;
        let receipts: Vec<_> = (0..100).map(|index| client.try_send(format!("{index}")).expect("room")).collect();
        let report = client.close(Duration::from_secs(10)).await;
        assert_eq!((report.unsettled, report.state.kind()), (vec![], StateKind::Stopped));
        for receipt in receipts {
            assert!(receipt.await.is_confirmed());
        }
    });
}

#[test]
fn every_size_comes_back() {
    run(async {
        let server = Server::echo();
        let client = connect(&server.url()).await;
        let mut messages = client.messages().expect("a queue");
        let mut sink = client.sink();
        for size in [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20, 3 << 20] {
            sink.send(vec![7; size].into()).await.expect("accepted");
            assert_eq!(soon(messages.next()).await.expect("an echo").len(), size);
        }
    });
}

#[test]
fn a_connection_that_is_lost_comes_back_and_nothing_with_it_is_lost() {
    run(async {
        let server = Server::accept(|mut socket, index| {
            if index == 0 {
                let _ = socket.read();
                super::common::reset(socket.into_inner());
            } else {
                super::common::echo(socket);
            }
        });
        let client = connect(&server.url()).await;
        let receipt = client.send("twice").await.expect("room");
        assert_eq!(client.receive().await.expect("an echo").as_text(), Some("twice"));
        assert!(receipt.await.is_confirmed());
        until(&client, StateKind::Open).await;
        assert_eq!(client.metrics().expect("a session").connects, 2);
    });
}

#[test]
fn a_client_at_rest_is_told_at_once_and_stays_at_rest() {
    let client = Client::new(build("ws://127.0.0.1:1/")).expect("a client");
    let notices = client.notices();
    client.reconnect_now();
    client.cancel(MessageId(7));
    let first = notices.try_receive().expect("a client").expect("a notice").notice;
    assert_eq!(first, Notice::NotCancelled { id: MessageId(7), why: NotCancelled::Unknown });
    assert_eq!(client.state().current().kind(), StateKind::Idle);
}
