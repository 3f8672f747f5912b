//! RFC 6455 §5.3 and §6.1: what goes out.
#![cfg(feature = "wire")]

#[expect(dead_code, reason = "each of its users takes what it needs")]
mod wire;

use steadfast_core::{
    Message,
    wire::{Config, OpCode, Piece, SendError},
};
use wire::{Peer, frame};

#[test]
fn every_length_around_the_borders_of_the_forms_is_written_in_the_shortest() {
    for len in [0, 1, 7, 8, 9, 124, 125, 126, 127, 128, 1_023, 65_534, 65_535, 65_536, 65_537, 200_000] {
        let payload: Vec<u8> = (0..len).map(|at| u8::try_from(at % 251).expect("below 251")).collect();
        let mut peer = Peer::new(Config::default());
        peer.wire.send(&Message::binary(&payload[..]), &mut peer.out).expect("open");
        let head = match len {
            0..=125 => 6,
            126..=65_535 => 8,
            _ => 14,
        };
        assert_eq!(peer.out.len(), head + len);
        let written = peer.written();
        assert_eq!((written.len(), written[0].0.opcode, written[0].0.fin), (1, OpCode::Binary, true));
        assert_eq!(written[0].1, payload);
    }
}

#[test]
fn many_messages_go_into_one_buffer() {
    let mut peer = Peer::new(Config::default());
    for n in 0..100 {
        peer.wire.send(&Message::text(format!("message {n}")), &mut peer.out).expect("open");
    }
    peer.wire.ping(b"nonce", &mut peer.out).expect("open");
    let written = peer.written();
    assert_eq!(written.len(), 101);
    assert_eq!((written[99].0.opcode, &written[99].1[..]), (OpCode::Text, &b"message 99"[..]));
    assert_eq!((written[100].0.opcode, &written[100].1[..]), (OpCode::Ping, &b"nonce"[..]));
}

#[test]
fn a_message_in_slices_is_the_frame_that_it_is_as_a_whole() {
    for len in [0, 1, 125, 126, 1_000, 5_000, 70_000] {
        let message =
            Message::binary((0..len).map(|at| u8::try_from(at % 251).expect("below 251")).collect::<Vec<_>>());
        let mut whole = Peer::new(Config::default());
        whole.wire.send(&message, &mut whole.out).expect("open");
        for slice in [0, 1, 3, 512, 4_096, 1 << 20] {
            if len > 1_000 && slice < 512 {
                continue;
            }
            let mut peer = Peer::new(Config::default());
            let mut bytes = Vec::new();
            let mut slices = peer.wire.send_in_slices(&message, slice, &mut peer.out).expect("open");
            while let Some(out) = slices.more() {
                assert!(out.len() <= 14 + slice.max(1), "{} B at a time, where {slice} were asked for", out.len());
                bytes.extend_from_slice(out.as_slice());
                out.clear();
            }
            drop(slices);
            assert_eq!(bytes, whole.out.as_slice(), "{len} B in slices of {slice}");
            assert!(peer.out.is_empty());
        }
    }
}

#[test]
fn what_is_left_of_a_message_in_slices_is_written_when_they_are_dropped() {
    let mut peer = Peer::new(Config::default());
    let message = Message::text("x".repeat(1_000));
    let mut slices = peer.wire.send_in_slices(&message, 10, &mut peer.out).expect("open");
    assert_eq!(slices.more().map(|out| out.len()), Some(8 + 10));
    drop(slices);
    peer.wire.ping(b"behind", &mut peer.out).expect("open");
    let written = peer.written();
    assert_eq!((written[0].0.opcode, written[0].1.len()), (OpCode::Text, 1_000));
    assert_eq!(written[1].1, b"behind");
}

#[test]
fn a_message_in_slices_is_fragmented_where_messages_are() {
    let mut peer = Peer::new(Config { fragment_bytes: Some(10), ..Config::default() });
    let message = Message::text("x".repeat(25));
    let mut slices = peer.wire.send_in_slices(&message, 4, &mut peer.out).expect("open");
    assert!(slices.more().is_some(), "all of it, at once");
    assert!(slices.more().is_none());
    drop(slices);
    assert_eq!(peer.written().iter().map(|(_, payload)| payload.len()).collect::<Vec<_>>(), [10, 10, 5]);
}

#[test]
fn each_frame_has_a_mask_of_its_own() {
    let mut peer = Peer::new(Config::default());
    for _ in 0..200 {
        peer.wire.send(&Message::text(""), &mut peer.out).expect("open");
    }
    let mut keys: Vec<_> = peer.written().into_iter().map(|(header, _)| header.mask).collect();
    keys.sort();
    keys.dedup();
    assert!(keys.len() >= 199, "{} of 200", keys.len());
}

#[test]
fn long_messages_are_fragmented_when_asked() {
    let mut peer = Peer::new(Config { fragment_bytes: Some(10), ..Config::default() });
    for (len, sizes) in [(0, &[0][..]), (10, &[10]), (11, &[10, 1]), (30, &[10, 10, 10])] {
        peer.wire.send(&Message::text("x".repeat(len)), &mut peer.out).expect("open");
        let written = peer.written();
        assert_eq!(written.iter().map(|(_, payload)| payload.len()).collect::<Vec<_>>(), sizes);
        for (at, (header, _)) in written.iter().enumerate() {
            assert_eq!(header.opcode, if at == 0 { OpCode::Text } else { OpCode::Continuation });
            assert_eq!(header.fin, at + 1 == sizes.len());
        }
    }
}

#[test]
fn a_ping_gets_in_between_the_fragments_of_a_message() {
    let mut peer = Peer::new(Config { fragment_bytes: Some(4), ..Config::default() });
    let message = Message::text("sixteen bytes ok");
    let mut from = 0;
    while from < message.len() {
        from = peer.wire.send_from(&message, from, &mut peer.out).expect("open");
        peer.wire.ping(b"p", &mut peer.out).expect("control frames may always be sent");
    }
    let opcodes: Vec<_> = peer.written().into_iter().map(|(header, _)| header.opcode).collect();
    let (text, ping, more) = (OpCode::Text, OpCode::Ping, OpCode::Continuation);
    assert_eq!(opcodes, [text, ping, more, ping, more, ping, more, ping]);
}

#[test]
fn a_ping_of_the_server_s_is_answered_between_fragments() {
    let mut peer = Peer::new(Config { fragment_bytes: Some(4), ..Config::default() });
    let message = Message::text("12345678");
    assert_eq!(peer.wire.send_from(&message, 0, &mut peer.out), Ok(4));
    peer.feed(&frame(true, OpCode::Ping, b"p"));
    assert_eq!(peer.wire.send_from(&message, 4, &mut peer.out), Ok(8));
    let opcodes: Vec<_> = peer.written().into_iter().map(|(header, _)| header.opcode).collect();
    assert_eq!(opcodes, [OpCode::Text, OpCode::Pong, OpCode::Continuation]);
}

#[test]
fn a_message_may_be_sent_piece_by_piece() {
    let mut peer = Peer::new(Config::default());
    for (text, first, last) in [("a", true, false), ("", false, false), ("bc", false, true), ("d", true, true)] {
        let piece = Piece { payload: Message::text(text), first, last };
        peer.wire.send_piece(&piece, &mut peer.out).expect("they fit");
    }
    let written: Vec<_> = peer.written().into_iter().map(|(head, text)| (head.opcode, head.fin, text)).collect();
    let expected = [
        (OpCode::Text, false, b"a".to_vec()),
        (OpCode::Continuation, false, Vec::new()),
        (OpCode::Continuation, true, b"bc".to_vec()),
        (OpCode::Text, true, b"d".to_vec()),
    ];
    assert_eq!(written, expected);
}

#[test]
fn pieces_that_do_not_fit_are_refused_and_write_nothing() {
    let piece = |payload, first, last| Piece { payload, first, last };
    let mut peer = Peer::new(Config::default());
    let orphan = piece(Message::text("x"), false, true);
    assert_eq!(peer.wire.send_piece(&orphan, &mut peer.out), Err(SendError::NoMessageUnderWay));
    assert!(peer.out.is_empty());
    peer.wire.send_piece(&piece(Message::text("x"), true, false), &mut peer.out).expect("it fits");
    let before = peer.out.len();
    let another = piece(Message::text("x"), true, false);
    assert_eq!(peer.wire.send_piece(&another, &mut peer.out), Err(SendError::MessageUnderWay));
    assert_eq!(peer.wire.send(&Message::text("x"), &mut peer.out), Err(SendError::MessageUnderWay));
    let binary = piece(Message::binary(vec![1]), false, true);
    assert_eq!(peer.wire.send_piece(&binary, &mut peer.out), Err(SendError::KindChanged));
    assert_eq!(peer.out.len(), before);
    peer.wire.send_piece(&piece(Message::text("x"), false, true), &mut peer.out).expect("it ends");
    assert_eq!(peer.wire.send(&Message::text("next"), &mut peer.out), Ok(()));
}

#[test]
fn control_frames_hold_no_more_than_125_bytes() {
    let mut peer = Peer::new(Config::default());
    assert_eq!(peer.wire.ping(&[0; 125], &mut peer.out), Ok(()));
    let before = peer.out.len();
    assert_eq!(peer.wire.ping(&[0; 126], &mut peer.out), Err(SendError::ControlTooLong(126)));
    assert_eq!(peer.wire.pong(&[0; 126], &mut peer.out), Err(SendError::ControlTooLong(126)));
    assert_eq!(peer.out.len(), before);
}
