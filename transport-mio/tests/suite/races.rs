//! Many threads on one client, and a client that goes in the middle of it.

use std::{thread, time::Duration};

use super::common::{self, SOON, Server, build, connect, open};
use steadfast_mio::{
    Outcome,
    core::{CloseFrame, Refusal, SendOptions, Session, Verdict},
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

#[test]
fn sends_race_with_stops_and_starts_and_the_account_stays_exact() {
    let server = Server::echo();
    let client = build(&server.url()).without_receiver().connect().expect("a client");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut receipts = Vec::new();
                for _ in 0..2_000 {
                    match client.send("m") {
                        Ok(receipt) => receipts.push(receipt),
                        Err(error) => {
                            assert!([Refusal::Stopped, Refusal::Full].contains(&error.why), "{error:?}");
                            thread::yield_now();
                        }
                    }
                }
                for receipt in receipts {
                    assert!(receipt.wait_timeout(SOON).is_some(), "no outcome");
                }
            });
        }
        for round in 0..40 {
            client.stop(CloseFrame::NORMAL, (round % 2 == 0).then_some(Duration::from_millis(1)));
            thread::yield_now();
            client.start();
            thread::yield_now();
        }
    });
    assert_eq!(client.sender().unsettled(), (0, 0));
    assert_eq!(client.inspect(Session::unsettled), Some((0, 0)));
    let metrics = client.metrics().expect("a thread");
    let verdicts = metrics.verdicts;
    let settled = verdicts.confirmed + verdicts.written + verdicts.in_doubt + verdicts.dropped;
    assert_eq!(metrics.accepted, settled);
    // The last word was to start.
    assert!(client.send("on").expect("a door").wait_timeout(SOON).is_some());
}
