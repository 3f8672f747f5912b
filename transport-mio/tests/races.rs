//! Many threads on one client, and a client that goes in the middle of it.

mod common;

use std::{thread, time::Duration};

use common::{Server, build, connect, open};
use steadfast_mio::{
    Outcome,
    core::{SendOptions, Verdict},
};

#[test]
fn whoever_sends_while_the_client_goes_gets_an_outcome_or_the_message_back() {
    let server = Server::echo();
    for round in 0..50 {
        let client = connect(&server.url());
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let sender = client.sender();
                thread::spawn(move || {
                    let mut receipts = Vec::new();
                    loop {
                        match sender.send("m") {
                            Ok(receipt) => receipts.push(receipt),
                            Err(error) if sender.send("m").is_err_and(|error| is_gone(&error)) => {
                                assert_eq!(error.message.as_text(), Some("m"));
                                return receipts;
                            }
                            Err(_) => thread::yield_now(),
                        }
                    }
                })
            })
            .collect();
        let receiver = client.receiver().expect("a queue");
        let reader = thread::spawn(move || receiver.count());
        if round % 2 == 0 {
            open(&client);
        }
        drop(client);
        for sender in senders {
            for receipt in sender.join().expect("no panic") {
                // Known at once: nobody waits for a client that is gone.
                assert!(receipt.try_get().is_some());
            }
        }
        reader.join().expect("no panic");
    }
}

fn is_gone(error: &steadfast_mio::SendError) -> bool {
    error.why == steadfast_mio::core::Refusal::Stopped
}

#[test]
fn cancels_race_with_sends_and_every_message_still_has_one_verdict() {
    let server = Server::echo();
    let client = build(&server.url()).without_receiver().connect().expect("a client");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for index in 0..100 {
                    let receipt = client.sender().send_blocking("m", SendOptions::default()).expect("room, in time");
                    if index % 3 == 0 {
                        client.cancel(receipt.id());
                    }
                    let outcome = receipt.wait_timeout(common::SOON).expect("an outcome");
                    let verdict =
                        matches!(outcome, Outcome::Settled { verdict: Verdict::Confirmed | Verdict::Dropped(_), .. });
                    assert!(verdict, "{outcome:?}");
                }
            });
        }
        for _ in 0..20 {
            client.reconnect_now();
            assert!(client.metrics().is_some());
            thread::yield_now();
        }
    });
    let verdicts = client.metrics().expect("a thread").verdicts;
    assert_eq!(verdicts.confirmed + verdicts.dropped, 400);
    assert_eq!(client.close(Some(Duration::from_secs(5))).unsettled, []);
}
