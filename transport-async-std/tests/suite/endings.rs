//! What is left when a client is gone: nothing.

use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use async_std::task;
use futures_util::{StreamExt, future, stream::FusedStream};
use steadfast_async_std::{
    Client, ReceiveError,
    core::{CloseFrame, Notice, Refusal, State, StateKind, Verdict},
};

use super::common::{SOON, Server, build, connect, run, soon};

#[test]
fn dropping_a_thousand_clients_closes_their_sockets_and_ends_their_tasks() {
    run(async {
        let (tell, ended) = mpsc::channel();
        let server = Server::accept(move |socket, _| {
            let mut stream = socket.into_inner();
            let _ = stream.read_to_end(&mut Vec::new());
            let _ = tell.send(());
        });
        for _ in 0..20 {
            let mut notices = Vec::new();
            for _ in 0..50 {
                let mut builder = build(&server.url());
                notices.push(builder.notices());
                drop(soon(builder.connect()).await.expect("a connection"));
            }
            for notices in notices {
                soon(notices.collect::<Vec<_>>()).await;
            }
        }
        for _ in 0..1_000 {
            ended.recv_timeout(SOON).expect("the end of a connection");
        }
    });
}

#[test]
fn a_clone_keeps_the_session_and_the_last_takes_it_along() {
    run(async {
        let server = Server::echo();
        let client = connect(&server.url()).await;
        let (clone, mut state) = (client.clone(), client.state());
        drop(client);
        assert!(clone.send("on").await.expect("room").await.is_confirmed());
        drop(clone);
        while soon(state.changed()).await.is_some() {}
        assert_eq!(state.current().kind(), StateKind::Stopped);
    });
}

#[test]
fn whoever_waits_when_the_client_goes_is_told_so() {
    run(async {
        let server = Server::accept(|socket, _| {
            let _ = socket.into_inner().read_to_end(&mut Vec::new());
        });
        let client = connect(&server.url()).await;
        let messages = client.messages().expect("a queue");
        let receiver = task::spawn(async move { messages.receive().await });
        let receipt = task::spawn(client.send("lost").await.expect("room"));
        drop(client);
        assert!(soon(receiver).await.is_err());
        let verdict = soon(receipt).await.verdict();
        assert!(matches!(verdict, Some(Verdict::InDoubt | Verdict::Dropped(_))), "{verdict:?}");
    });
}

#[test]
fn many_tasks_send_stop_and_drop_at_once_and_every_message_has_an_outcome_or_comes_back() {
    run(async {
        let server = Server::echo();
        for round in 0..20 {
            let client = connect(&server.url()).await;
            let accepted = Arc::new(AtomicUsize::new(0));
            let senders: Vec<_> = (0..4)
                .map(|_| {
                    let (client, accepted) = (client.clone(), Arc::clone(&accepted));
                    task::spawn(async move {
                        let mut receipts = Vec::new();
                        for _ in 0..100 {
                            match client.send("m").await {
                                Ok(receipt) => receipts.push(receipt),
                                Err(error) => {
                                    assert_eq!((error.why, error.message.as_text()), (Refusal::Stopped, Some("m")));
                                }
                            }
                        }
                        accepted.fetch_add(receipts.len(), Ordering::SeqCst);
                        receipts
                    })
                })
                .collect();
            if round % 2 == 0 {
                client.stop(CloseFrame::NORMAL, Some(Duration::from_millis(1)));
            }
            drop(client);
            for sender in senders {
                for receipt in soon(sender).await {
                    soon(receipt).await;
                }
            }
        }
    });
}

#[test]
fn a_client_whose_executor_is_blocked_is_served_by_whoever_waits() {
    run(async {
        let server = Server::echo();
        let client: Client = connect(&server.url()).await;
        let (release, blocked) = mpsc::channel::<()>();
        let blocked = Arc::new(std::sync::Mutex::new(blocked));
        let blockers: Vec<_> = (0..8)
            .map(|_| {
                let blocked = Arc::clone(&blocked);
                task::spawn(async move { drop(blocked.lock().map(|blocked| blocked.recv())) })
            })
            .collect();
        let receipt = client.send("through").await.expect("room");
        assert_eq!(client.receive().await.expect("an echo").as_text(), Some("through"));
        assert!(receipt.await.is_confirmed());
        drop(release);
        for blocker in blockers {
            soon(blocker).await;
        }
    });
}

#[test]
fn a_client_that_is_closed_before_it_began_never_begins() {
    let server = Server::start(|_, _| ());
    run(async {
        let client = Client::new(build(&server.url())).expect("a client");
        let mut notices = client.notices();
        assert_eq!(client.close(None).await.state.kind(), StateKind::Stopped);
        assert_eq!(client.receive().await.map(drop), Err(ReceiveError::Stopped));
        assert!(client.try_send("too late").is_err());
        while let Ok(Some(noticed)) = notices.try_receive() {
            if let Notice::State(transition) = noticed.notice {
                assert_ne!(transition.to.kind(), StateKind::Connecting);
            }
        }
        // Until somebody says so.
        client.start();
        client.state().wait_for(|state| state.kind() == StateKind::Connecting).await.expect("a beginning");
        drop(notices.next().await);
    });
}

#[test]
fn what_a_wait_looks_for_may_look_at_the_client() {
    let server = Server::echo();
    run(async {
        let client = connect(&server.url()).await;
        let idle = |state: &State| state.kind() == StateKind::Open && client.unsettled() == (0, 0);
        assert!(client.state().wait_for(idle).await.is_some());
    });
}

#[test]
fn notices_of_a_client_that_cannot_be_end() {
    run(async {
        let mut builder = Client::builder("no url");
        let mut notices = builder.notices();
        assert!(Client::new(builder).is_err());
        assert!(notices.next().await.is_none());
    });
}

#[test]
fn a_client_that_is_started_again_is_asked_for_messages_again() {
    run(async {
        let server = Server::echo();
        let client = connect(&server.url()).await;
        let mut messages = client.messages().expect("a queue");
        client.close(None).await;
        assert!(messages.next().await.is_none());
        assert!(messages.is_terminated());
        client.start();
        assert!(!messages.is_terminated());
        // It does not know yet that it was started.
        let sent = async { client.send("again").await.expect("room").await };
        let (message, outcome) = soon(future::join(client.receive(), sent)).await;
        assert_eq!(message.expect("an echo").as_text(), Some("again"));
        assert!(outcome.is_confirmed());
    });
}
