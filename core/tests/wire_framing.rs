//! RFC 6455 §5.1, §5.2 and §5.5: frames, one by one.
#![cfg(feature = "wire")]

#[expect(dead_code, reason = "each of its users takes what it needs")]
mod wire;

use steadfast_core::{
    Message,
    wire::{Config, OpCode, Violation},
};
use wire::{Peer, Seen, frame, receive, text, violation};

#[test]
fn a_masked_frame_of_the_server_s_is_refused() {
    assert_eq!(violation(&[0x81, 0x82, 1, 2, 3, 4, b'h', b'i']), Violation::Masked);
}

#[test]
fn each_reserved_bit_is_refused_while_nothing_is_agreed_on() {
    for (bit, named) in [(0x40, 4), (0x20, 2), (0x10, 1)] {
        for opcode in [0x1, 0x2, 0x8, 0x9, 0xA] {
            assert_eq!(violation(&[0x80 | bit | opcode, 0]), Violation::ReservedBits(named));
        }
    }
}

#[test]
fn reserved_opcodes_are_refused() {
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        assert_eq!(violation(&[0x80 | opcode, 0]), Violation::ReservedOpcode(opcode));
    }
}

#[test]
fn lengths_at_the_borders_of_their_forms_are_read() {
    for len in [0, 1, 125, 126, 127, 65_535, 65_536, 65_537] {
        let payload = vec![b'x'; len];
        let mut peer = Peer::new(Config::default());
        let bytes = frame(true, OpCode::Binary, &payload);
        assert_eq!(peer.feed(&bytes), [Seen::Message(Message::binary(payload.clone()))]);
        let mut in_two = peer.feed(&bytes[..bytes.len() / 2]);
        in_two.extend(peer.feed(&bytes[bytes.len() / 2..]));
        assert_eq!(in_two, [Seen::Message(Message::binary(payload))]);
    }
}

#[test]
fn lengths_in_too_long_a_form_are_refused() {
    for len in [0u8, 1, 125] {
        assert_eq!(violation(&[0x82, 126, 0, len]), Violation::LengthNotMinimal(len.into()));
        assert_eq!(violation(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0, len]), Violation::LengthNotMinimal(len.into()));
    }
    assert_eq!(violation(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]), Violation::LengthNotMinimal(0xFFFF));
}

#[test]
fn too_long_a_form_is_refused_with_the_payload_at_hand() {
    let mut bytes = vec![0x81, 126, 0, 5];
    bytes.extend_from_slice(b"hello");
    assert_eq!(violation(&bytes), Violation::LengthNotMinimal(5));
    let mut bytes = vec![0x82, 127, 0, 0, 0, 0, 0, 0, 0, 200];
    bytes.extend_from_slice(&[0; 200]);
    assert_eq!(violation(&bytes), Violation::LengthNotMinimal(200));
}

#[test]
fn a_length_of_sixteen_exbibytes_is_refused() {
    assert_eq!(violation(&[[0x82, 127].as_slice(), &[0xFF; 8]].concat()), Violation::LengthOverflow(u64::MAX));
}

#[test]
fn fragmented_and_long_control_frames_are_refused() {
    for opcode in [OpCode::Close, OpCode::Ping, OpCode::Pong] {
        assert_eq!(violation(&frame(false, opcode, b"")), Violation::ControlFragmented);
        assert_eq!(violation(&frame(true, opcode, &[b'x'; 126])), Violation::ControlTooLong);
    }
}

#[test]
fn a_ping_is_told_and_answered_with_its_payload() {
    for payload in [&b""[..], b"hello", &[0xFF; 125]] {
        let mut peer = Peer::new(Config::default());
        assert_eq!(peer.feed(&frame(true, OpCode::Ping, payload)), [Seen::Ping(payload.to_vec())]);
        let written = peer.written();
        assert_eq!(written.len(), 1);
        assert_eq!((written[0].0.opcode, &written[0].1[..]), (OpCode::Pong, payload));
    }
}

#[test]
fn every_ping_of_ten_is_answered_in_order() {
    let pings: Vec<u8> = (0..10).flat_map(|n| frame(true, OpCode::Ping, &[n])).collect();
    let mut peer = Peer::new(Config::default());
    assert_eq!(peer.feed(&pings).len(), 10);
    let answered: Vec<_> = peer.written().into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(answered, (0..10).map(|n| vec![n]).collect::<Vec<_>>());
}

#[test]
fn a_pong_is_told_and_not_answered() {
    let mut peer = Peer::new(Config::default());
    assert_eq!(peer.feed(&frame(true, OpCode::Pong, b"x")), [Seen::Pong(b"x".to_vec())]);
    assert!(peer.out.is_empty());
}

#[test]
fn what_follows_a_violation_is_ignored() {
    let mut peer = Peer::new(Config::default());
    assert_eq!(peer.feed(&[&[0x83, 0][..], &text("more")].concat()).len(), 1);
    assert_eq!(peer.feed(&text("more")), []);
    assert!(peer.wire.is_closed() && !peer.wire.is_open());
}

#[test]
fn a_violation_is_answered_with_the_code_that_it_demands() {
    for (bytes, code) in [
        (&[0x83, 0][..], 1002),
        (&[0x81, 1, 0xFF], 1007),
        (&[0x82, 127, 0, 0, 0, 0, 0x10, 0, 0, 1], 1009),
        (&[0x88, 1, 3], 1002),
        (&[0x88, 3, 3, 0xE8, 0xFF], 1007),
    ] {
        let mut peer = Peer::new(Config::default());
        let seen = peer.feed(bytes);
        let [Seen::Broken(violation)] = seen[..] else { panic!("{seen:?}") };
        assert_eq!(violation.close_code().0, code, "{violation}");
        let written = peer.written();
        assert_eq!((written.len(), written[0].0.opcode), (1, OpCode::Close));
        assert_eq!(written[0].1, code.to_be_bytes());
        assert!(violation.to_string().contains(violation.clause()) && violation.clause().contains('§'));
    }
}

#[test]
fn messages_and_control_frames_come_in_their_order() {
    let bytes = [text("a"), frame(true, OpCode::Ping, b"p"), frame(true, OpCode::Binary, b"b"), text("")].concat();
    let expected = [
        Seen::Message(Message::text("a")),
        Seen::Ping(b"p".to_vec()),
        Seen::Message(Message::binary(&b"b"[..]).into_owned()),
        Seen::Message(Message::text("")),
    ];
    assert_eq!(receive(&bytes), expected);
}

#[test]
fn every_violation_has_its_code_and_names_its_clause() {
    let table = [
        (Violation::ReservedBits(1), 1002, "RFC 6455 §5.2"),
        (Violation::ReservedOpcode(3), 1002, "RFC 6455 §5.2"),
        (Violation::Masked, 1002, "RFC 6455 §5.1"),
        (Violation::LengthNotMinimal(1), 1002, "RFC 6455 §5.2"),
        (Violation::LengthOverflow(1 << 63), 1002, "RFC 6455 §5.2"),
        (Violation::ControlFragmented, 1002, "RFC 6455 §5.5"),
        (Violation::ControlTooLong, 1002, "RFC 6455 §5.5"),
        (Violation::UnexpectedContinuation, 1002, "RFC 6455 §5.4"),
        (Violation::ExpectedContinuation, 1002, "RFC 6455 §5.4"),
        (Violation::CloseTooShort, 1002, "RFC 6455 §5.5.1"),
        (Violation::CloseCode(1005), 1002, "RFC 6455 §7.4"),
        (Violation::CloseReason, 1007, "RFC 6455 §5.5.1"),
        (Violation::Utf8, 1007, "RFC 6455 §8.1"),
        (Violation::Deflate, 1007, "RFC 7692 §7.2.2"),
        (Violation::FrameTooBig { bytes: 2, limit: 1 }, 1009, "RFC 6455 §10.4"),
        (Violation::MessageTooBig { limit: 1 }, 1009, "RFC 6455 §10.4"),
        (Violation::EmptyFragments { limit: 1 }, 1008, "RFC 6455 §10.4"),
        (Violation::ControlFlood { per_second: 1 }, 1008, "RFC 6455 §10.4"),
    ];
    for (violation, code, clause) in table {
        assert_eq!((violation.close_code().0, violation.clause()), (code, clause), "{violation}");
        assert!(violation.to_string().contains("expected") || code > 1007, "{violation}");
    }
}
