//! Many threads at once.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use steadfast_core::{SendOptions, StateKind};
use steadfast_mio::Outcome;

use crate::case::Case;

over_everything!(
    what_many_threads_send_arrives_once_each_and_in_their_order,
    whoever_sends_while_it_closes_is_told_what_became_of_it,
);

fn what_many_threads_send_arrives_once_each_and_in_their_order(case: Case) {
    let server = case.echo();
    let client = case.connect(&server);
    client.wait_for(StateKind::Open);
    let confirmed = AtomicU32::new(0);
    thread::scope(|scope| {
        for name in 0..THREADS {
            let (client, confirmed) = (&client, &confirmed);
            scope.spawn(move || {
                let receipts: Vec<_> = (0..EACH).map(|n| client.send(format!("{name} {n}"))).collect();
                let good = receipts.iter().filter(|receipt| receipt.wait().is_confirmed()).count();
                confirmed.fetch_add(u32::try_from(good).expect("a few"), Ordering::Relaxed);
            });
        }
        let mut next = [0; THREADS];
        for _ in 0..THREADS * EACH {
            let text = client.receive_text();
            let (name, n) = text.split_once(' ').expect("two numbers");
            let name: usize = name.parse().expect("a number");
            assert_eq!(n.parse(), Ok(next[name]), "out of order in {text}");
            next[name] += 1;
        }
    });
    assert_eq!(confirmed.load(Ordering::Relaxed) as usize, THREADS * EACH);
}

fn whoever_sends_while_it_closes_is_told_what_became_of_it(case: Case) {
    for _ in 0..20 {
        let server = case.echo();
        let client = case.connect(&server);
        client.wait_for(StateKind::Open);
        let barrier = Barrier::new(THREADS + 1);
        let handles = client.handles(THREADS);
        thread::scope(|scope| {
            for handle in handles {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    for n in 0..EACH {
                        // Refused at the door, or accepted and then told of: never neither.
                        let Ok(receipt) = handle.try_send(n.to_string(), SendOptions::default()) else { return };
                        assert!(matches!(receipt.wait(), Outcome::Settled { .. } | Outcome::Refused { .. }));
                    }
                });
            }
            barrier.wait();
            client.close(None);
        });
    }
}

const THREADS: usize = 8;
const EACH: usize = 200;
