//! Who is slow slows the other down, and fills no memory.

use std::time::Duration;

use steadfast_core::{Refusal, SendOptions, StateKind, config::Outbox};

use crate::case::{Case, config};

over_everything!(
    a_client_that_does_not_take_what_came_stops_the_servers_writes,
    a_server_that_does_not_read_fills_the_outbox_and_no_more,
    what_was_held_back_comes_in_order,
);

fn a_client_that_does_not_take_what_came_stops_the_servers_writes(case: Case) {
    let server = case.builder().socket_buffers(64 << 10, 64 << 10).by_hand();
    let client = case.connect(&server);
    let conn = server.accept();
    client.wait_for(StateKind::Open);
    let text = "x".repeat(10_000);
    // The queue takes 1,024 messages or 4 MiB; beyond that there is what the two kernels hold.
    let flood = conn.flood(&text, Duration::from_millis(500), 64 << 20);
    assert!(flood.bytes > 4 << 20, "{flood:?}");
    // Whoever takes them all gets them all.
    for _ in 0..flood.messages {
        assert_eq!(client.receive().len(), text.len());
    }
    conn.send_text("the last");
    assert_eq!(client.receive_text(), "the last");
}

fn what_was_held_back_comes_in_order(case: Case) {
    let server = case.by_hand();
    let client = case.connect(&server);
    let conn = server.accept();
    for n in 0..5_000 {
        conn.send_text(&format!("{n} {}", "y".repeat(n % 700)));
    }
    for n in 0..5_000 {
        let text = client.receive_text();
        assert_eq!(text.split(' ').next(), Some(&*n.to_string()));
    }
}

fn a_server_that_does_not_read_fills_the_outbox_and_no_more(case: Case) {
    let server = case.builder().socket_buffers(64 << 10, 64 << 10).by_hand();
    let outbox = Outbox { max_messages: 10_000, max_bytes: 4 << 20, ..Outbox::default() };
    let client = case.connect_to(case.endpoint(&server.url()), config().outbox(outbox));
    let conn = server.accept();
    client.wait_for(StateKind::Open);
    conn.freeze();
    let message = || vec![7; 50_000];
    let mut receipts = Vec::new();
    let refused = loop {
        match client.try_send(message(), SendOptions::default()) {
            Ok(receipt) => receipts.push(receipt),
            Err(error) => break error,
        }
        // What is not confirmed counts, however far it has come.
        assert!(receipts.len() <= (4 << 20) / 50_000, "{} messages", receipts.len());
    };
    assert_eq!((refused.why, refused.message.len()), (Refusal::Full, 50_000));
    conn.thaw();
    for _ in 0..receipts.len() {
        assert_eq!(conn.expect_message().payload().len(), 50_000);
    }
    assert!(receipts.iter().all(|receipt| receipt.wait().is_confirmed()));
}
