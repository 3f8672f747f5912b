//! What becomes of messages, whatever becomes of connections.

use std::time::Duration;

use steadfast_core::{Delivery, Dropped, Refusal, SendOptions, StateKind, Verdict, config::Outbox};
use steadfast_mio::Outcome;

use crate::case::{Case, config};

over_everything!(
    what_was_not_confirmed_is_sent_again_and_confirmed,
    what_is_sent_at_most_once_is_in_doubt_after_a_break,
    what_is_queued_while_the_server_is_away_arrives_in_order,
    what_is_volatile_is_refused_without_a_connection,
    a_full_outbox_hands_messages_back,
    what_is_left_at_the_end_is_told,
);

fn what_was_not_confirmed_is_sent_again_and_confirmed(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    let conn = server.accept();
    conn.answer_pings(false);
    let receipt = client.send("precious");
    conn.expect_text("precious");
    conn.reset();
    let conn = server.accept();
    conn.expect_text("precious");
    assert!(receipt.wait().is_confirmed());
}

fn what_is_sent_at_most_once_is_in_doubt_after_a_break(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    let conn = server.accept();
    conn.answer_pings(false);
    let once = SendOptions { delivery: Delivery::AtMostOnce, ..SendOptions::default() };
    let receipt = client.try_send("once", once).expect("room");
    conn.expect_text("once");
    conn.reset();
    assert_eq!(receipt.wait().verdict(), Some(Verdict::InDoubt));
    let conn = server.accept();
    client.send("next");
    conn.expect_text("next");
}

fn what_is_queued_while_the_server_is_away_arrives_in_order(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    let conn = server.accept();
    server.kill();
    drop(conn);
    client.wait_for(StateKind::Waiting);
    let receipts: Vec<_> = (0..50).map(|n| client.send(n.to_string())).collect();
    server.restart();
    let conn = server.accept();
    for n in 0..50 {
        conn.expect_text(&n.to_string());
    }
    assert!(receipts.iter().all(|receipt| receipt.wait().is_confirmed()));
}

fn what_is_volatile_is_refused_without_a_connection(case: Case) {
    let server = case.by_hand();
    server.kill();
    let client = case.connect_to(case.endpoint(&server.url()), config());
    client.wait_for(StateKind::Waiting);
    let now = SendOptions { delivery: Delivery::Volatile, ..SendOptions::default() };
    let outcome = client.try_send("now", now).expect("an open door").wait();
    assert!(matches!(outcome, Outcome::Refused { why: Refusal::NotOpen, .. }), "{outcome:?}");
}

fn a_full_outbox_hands_messages_back(case: Case) {
    let server = case.by_hand();
    server.kill();
    let outbox = Outbox { max_messages: 3, ..Outbox::default() };
    let client = case.connect_to(case.endpoint(&server.url()), config().outbox(outbox));
    for n in 0..3 {
        client.send(n.to_string());
    }
    let error = client.try_send("one too many", SendOptions::default()).err().expect("no room");
    assert_eq!((error.why, error.message.as_text()), (Refusal::Full, Some("one too many")));
}

fn what_is_left_at_the_end_is_told(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    let conn = server.accept();
    conn.answer_pings(false);
    client.send("unconfirmed");
    conn.expect_text("unconfirmed");
    server.kill();
    drop(conn);
    client.wait_for(StateKind::Waiting);
    client.send("never sent");
    let report = client.close(Some(Duration::from_millis(50)));
    let left: Vec<_> =
        report.unsettled.iter().map(|left| (left.message.as_ref().and_then(|it| it.as_text()), left.verdict)).collect();
    assert_eq!(
        left,
        [(Some("unconfirmed"), Verdict::InDoubt), (Some("never sent"), Verdict::Dropped(Dropped::Stopped))]
    );
}
