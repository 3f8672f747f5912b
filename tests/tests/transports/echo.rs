//! Messages of every size, there and back.

use steadfast_core::Message;

use crate::case::Case;

over_everything!(echo_of_every_size, messages_keep_their_order);

fn echo_of_every_size(case: Case) {
    let server = case.echo();
    let client = case.connect(&server);
    for size in SIZES {
        for message in [Message::text("x".repeat(size)), Message::binary(pattern(size))] {
            let receipt = client.send(message.clone());
            assert!(client.receive() == message, "{size} bytes came back otherwise");
            assert!(receipt.wait().is_confirmed(), "{size} bytes");
        }
    }
    assert_eq!(server.accepted(), 1);
}

fn messages_keep_their_order(case: Case) {
    let server = case.echo();
    let client = case.connect(&server);
    let name = |n: usize| format!("{n} {}", "x".repeat(n * 37 % 5_000));
    let receipts: Vec<_> = (0..500).map(|n| client.send(name(n))).collect();
    for n in 0..500 {
        assert_eq!(client.receive_text(), name(n));
    }
    assert!(receipts.iter().all(|receipt| receipt.wait().is_confirmed()));
}

fn pattern(size: usize) -> Vec<u8> {
    (0..=250).cycle().take(size).collect()
}

/// Around every border of a frame's header, of a TLS record and of our buffers.
const SIZES: [usize; 17] = [
    0,
    1,
    125,
    126,
    127,
    4_096,
    16_383,
    16_384,
    16_385,
    65_535,
    65_536,
    65_537,
    131_071,
    131_073,
    262_144,
    1 << 20,
    3 << 20,
];
