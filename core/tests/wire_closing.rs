//! RFC 6455 §5.5.1, §7.1 and §7.4: the closing handshake.
#![cfg(feature = "wire")]

mod wire;

use steadfast_core::{
    CloseCode, CloseFrame, Message,
    wire::{Config, OpCode, SendError, Violation},
};
use wire::{Peer, Seen, close, frame, receive, text, violation};

fn closed(code: u16, reason: &str) -> Seen {
    Seen::Close(CloseFrame { code: CloseCode(code), reason: reason.into() })
}

#[test]
fn a_close_frame_is_told_and_answered_with_the_same_code() {
    let mut peer = Peer::new(Config::default());
    assert_eq!(peer.feed(&close(1001, b"going")), [closed(1001, "going")]);
    let written = peer.written();
    assert_eq!(written.len(), 1);
    assert_eq!((written[0].0.opcode, &written[0].1[..2]), (OpCode::Close, &1001u16.to_be_bytes()[..]));
    assert!(peer.wire.is_closed());
}

#[test]
fn a_close_frame_without_a_code_is_answered_without_one() {
    let mut peer = Peer::new(Config::default());
    assert_eq!(peer.feed(&frame(true, OpCode::Close, b"")), [closed(1005, "")]);
    assert_eq!(peer.written()[0].1, b"");
}

#[test]
fn codes_that_may_not_stand_on_the_wire_are_refused() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        assert_eq!(violation(&close(code, b"")), Violation::CloseCode(code));
    }
    for code in [1000, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
        assert_eq!(receive(&close(code, b"")), [closed(code, "")]);
    }
}

#[test]
fn half_a_code_and_a_bad_reason_are_refused() {
    assert_eq!(violation(&frame(true, OpCode::Close, &[3])), Violation::CloseTooShort);
    assert_eq!(violation(&close(1000, b"\xFF")), Violation::CloseReason);
    assert_eq!(violation(&close(1000, "é".as_bytes().split_at(1).0)), Violation::CloseReason);
}

#[test]
fn what_follows_a_close_frame_is_ignored() {
    let bytes = [close(1000, b""), text("late"), vec![0xFF; 10]].concat();
    assert_eq!(receive(&bytes), [closed(1000, "")]);
}

#[test]
fn messages_come_in_until_the_server_closes() {
    let mut peer = Peer::new(Config::default());
    peer.wire.close(&CloseFrame::NORMAL, &mut peer.out);
    assert!(!peer.wire.is_open() && !peer.wire.is_closed());
    assert_eq!(peer.feed(&text("still")), [Seen::Message(Message::text("still"))]);
    assert_eq!(peer.feed(&close(1000, b"")), [closed(1000, "")]);
    assert!(peer.wire.is_closed());
    // One close frame, and no more.
    let written = peer.written();
    assert_eq!((written.len(), written[0].0.opcode), (1, OpCode::Close));
}

#[test]
fn nothing_is_sent_behind_a_close_frame() {
    let mut peer = Peer::new(Config::default());
    peer.wire.close(&CloseFrame::new(CloseCode(4000), "bye"), &mut peer.out);
    let before = peer.out.len();
    assert_eq!(peer.wire.send(&Message::text("x"), &mut peer.out), Err(SendError::Closed));
    assert_eq!(peer.wire.ping(b"", &mut peer.out), Err(SendError::Closed));
    assert_eq!(peer.wire.pong(b"", &mut peer.out), Err(SendError::Closed));
    peer.wire.close(&CloseFrame::NORMAL, &mut peer.out);
    assert_eq!(peer.out.len(), before);
    assert_eq!(peer.written()[0].1, [&4000u16.to_be_bytes()[..], b"bye"].concat());
}

/// RFC 6455 §5.5.2: unless the server's close frame came.
#[test]
fn pings_are_answered_until_the_server_closes() {
    let mut peer = Peer::new(Config::default());
    peer.wire.close(&CloseFrame::NORMAL, &mut peer.out);
    peer.written();
    let ping = frame(true, OpCode::Ping, b"p");
    assert_eq!(peer.feed(&ping), [Seen::Ping(b"p".to_vec())]);
    let written = peer.written();
    assert_eq!((written.len(), written[0].0.opcode, &written[0].1[..]), (1, OpCode::Pong, &b"p"[..]));
    // And of many more than fit none waits any longer once it has closed.
    peer.feed(&ping.repeat(100));
    assert_eq!(peer.feed(&close(1000, b"")), [closed(1000, "")]);
    assert_eq!(peer.feed(&ping), []);
    peer.written();
    peer.wire.pull(&mut peer.out);
    assert!(peer.out.is_empty());
}

#[test]
fn a_close_frame_may_come_within_a_message() {
    let bytes = [frame(false, OpCode::Text, b"half"), close(1001, b"")].concat();
    assert_eq!(receive(&bytes), [closed(1001, "")]);
}

#[test]
fn a_violation_after_our_close_frame_writes_no_second_one() {
    let mut peer = Peer::new(Config::default());
    peer.wire.close(&CloseFrame::NORMAL, &mut peer.out);
    assert_eq!(peer.feed(&[0x83]), [Seen::Broken(Violation::ReservedOpcode(3))]);
    assert_eq!(peer.written().len(), 1);
}
