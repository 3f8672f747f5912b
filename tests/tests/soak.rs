//! Under breaks every 0.4 s of every kind, with and without latency: nothing lost, nothing failed, order kept, all
//! settled, and no more duplicates than were in doubt. Real sockets; `steadfast_tests::soak` says how each is counted.

use std::{thread, time::Duration};

use steadfast_mio::{EngineKind, WireOptions};
use steadfast_tests::soak::{Kind, Report, Soak};

#[test]
fn every_kind_of_break_leaves_every_message_accounted_for() {
    soak(&EngineKind::default());
}

/// So that breaks come between fragments, and pings before the last of them.
#[test]
fn every_kind_of_break_leaves_every_message_accounted_for_with_a_frame_for_each_byte() {
    soak(&EngineKind::Native(WireOptions { fragment_bytes: Some(1), ..WireOptions::default() }));
}

#[test]
fn every_kind_of_break_leaves_every_message_accounted_for_with_tungstenite_as_the_engine() {
    soak(&EngineKind::Tungstenite);
}

fn soak(engine: &EngineKind) {
    let reports: Vec<Report> = thread::scope(|scope| {
        let running: Vec<_> = Kind::ALL
            .into_iter()
            .flat_map(|kind| [0, 20].map(|millis| Soak::new(engine.clone(), kind, Duration::from_millis(millis), 1)))
            .map(|soak| scope.spawn(move || soak.run().expect("ports, sockets and threads")))
            .collect();
        running.into_iter().map(|run| run.join().expect("a soak does not panic")).collect()
    });
    for report in &reports {
        println!("{report:?}");
        assert!(report.breaks >= 10, "the connection was hardly broken: {report:?}");
    }
    let broken: Vec<_> = reports.iter().filter(|report| !report.broken_promises().is_empty()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}
