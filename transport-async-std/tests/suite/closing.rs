//! What a close comes to, whatever is asked for meanwhile.

use std::time::Duration;

use steadfast_async_std::{
    Client,
    core::{Dropped, State, StateKind, StopCause, Verdict},
};

use super::common::{Server, build, connect, run, soon, until};

#[test]
fn a_close_comes_to_its_end_though_the_client_is_started_again_meanwhile() {
    run(async {
        let server = Server::echo();
        let client = connect(&server.url()).await;
        let closing = client.close(None);
        client.start();
        assert_eq!(soon(closing).await.state, State::Stopped { cause: StopCause::Application });
        until(&client, StateKind::Open).await;
    });
}

#[test]
fn a_close_reports_what_was_left_though_the_client_is_started_again_before_it_asks() {
    run(async {
        let client = nowhere();
        let left = client.try_send("left").expect("room").id();
        let closing = client.close(None);
        client.start();
        until(&client, StateKind::Waiting).await;
        let report = soon(closing).await;
        assert_eq!(report.unsettled.iter().map(|unsettled| unsettled.id).collect::<Vec<_>>(), [left]);
        assert_eq!(report.unsettled[0].verdict, Verdict::Dropped(Dropped::Stopped));
    });
}

#[test]
fn a_close_whose_drain_is_taken_back_says_that_there_was_no_end() {
    run(async {
        let client = nowhere();
        let owed = client.try_send("owed").expect("room");
        let closing = client.close(Duration::from_hours(1));
        client.start();
        let report = soon(closing).await;
        assert_ne!(report.state.kind(), StateKind::Stopped);
        assert_eq!((report.unsettled.len(), owed.try_get()), (0, None));
    });
}

#[test]
fn whoever_waits_for_a_close_is_woken_when_its_drain_is_taken_back() {
    run(async {
        let client = nowhere();
        let _owed = client.try_send("owed").expect("room");
        let waiting = async_std::task::spawn(client.close(Duration::from_hours(1)));
        until(&client, StateKind::Waiting).await;
        client.start();
        assert_ne!(soon(waiting).await.state.kind(), StateKind::Stopped);
    });
}

#[test]
fn a_close_right_after_a_start_does_not_take_the_last_end_for_its_own() {
    run(async {
        let client = nowhere();
        soon(client.close(None)).await;
        client.start();
        let left = client.try_send("left").expect("room").id();
        let report = soon(client.close(None)).await;
        assert_eq!(report.unsettled.iter().map(|unsettled| unsettled.id).collect::<Vec<_>>(), [left]);
    });
}

#[test]
fn a_second_close_reports_what_the_first_one_left() {
    run(async {
        let client = nowhere();
        let left = client.try_send("left").expect("room").id();
        drop(client.close(None));
        let report = soon(client.close(None)).await;
        assert_eq!(report.unsettled.iter().map(|unsettled| unsettled.id).collect::<Vec<_>>(), [left]);
    });
}

#[test]
fn a_close_that_is_spawned_drains_though_the_client_is_dropped() {
    run(async {
        let server = Server::echo();
        let client = connect(&server.url()).await;
        let receipts: Vec<_> = (0..100).map(|index| client.try_send(format!("{index}")).expect("room")).collect();
        let closing = async_std::task::spawn(client.close(Duration::from_secs(10)));
        drop(client);
        assert!(soon(closing).await.unsettled.is_empty());
        for receipt in receipts {
            assert!(soon(receipt).await.is_confirmed());
        }
    });
}

/// A client that is started, and comes to nothing.
fn nowhere() -> Client {
    let client = Client::new(build("ws://127.0.0.1:1/")).expect("a client");
    client.start();
    client
}
