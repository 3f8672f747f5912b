//! RFC 6455 §10.4: nothing that a server sends costs more than the limits allow.
#![cfg(feature = "wire")]

#[expect(dead_code, reason = "each of its users takes what it needs")]
mod wire;

use steadfast_core::{
    CloseFrame, Message, Timestamp,
    wire::{Config, ControlRate, FrameHeader, OpCode, Violation},
};
use wire::{Peer, Seen, frame, receive_with};

const SMALL: Config = Config {
    max_message_bytes: 1_000,
    max_frame_bytes: 600,
    max_empty_fragments: 3,
    control_rate: None,
    pieces: false,
    fragment_bytes: None,
};

#[test]
fn a_frame_may_be_as_large_as_its_limit_and_no_larger() {
    for len in [599, 600] {
        let seen = receive_with(SMALL, &frame(true, OpCode::Binary, &vec![1; len]));
        assert_eq!(seen, [Seen::Message(Message::binary(vec![1; len]))]);
    }
    let seen = receive_with(SMALL, &frame(true, OpCode::Binary, &[1; 601]));
    assert_eq!(seen, [Seen::Broken(Violation::FrameTooBig { bytes: 601, limit: 600 })]);
}

#[test]
fn a_message_may_be_as_large_as_its_limit_and_no_larger() {
    let in_two = |len: usize| {
        let first = frame(false, OpCode::Binary, &[1; 600]);
        receive_with(SMALL, &[first, frame(true, OpCode::Continuation, &vec![1; len - 600])].concat())
    };
    for len in [999, 1_000] {
        assert_eq!(in_two(len), [Seen::Message(Message::binary(vec![1; len]))]);
    }
    assert_eq!(in_two(1_001), [Seen::Broken(Violation::MessageTooBig { limit: 1_000 })]);
}

#[test]
fn too_large_a_message_is_refused_by_its_header_alone() {
    let mut peer = Peer::new(SMALL);
    let header = [0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    let bytes = (1 << 63) - 1;
    assert_eq!(peer.feed(&header), [Seen::Broken(Violation::FrameTooBig { bytes, limit: 600 })]);
    assert_eq!(peer.assembly.capacity(), 0);
}

#[test]
fn nothing_is_reserved_on_the_word_of_a_length() {
    let mut peer = Peer::new(Config { max_frame_bytes: 1 << 40, max_message_bytes: 1 << 40, ..Config::default() });
    assert_eq!(peer.feed(&[0x82, 127, 0, 0, 0, 0xFF, 0, 0, 0, 0]), []);
    assert_eq!(peer.feed(&[1; 1_000]), []);
    assert!(peer.assembly.capacity() <= 2_048, "{}", peer.assembly.capacity());
    // Room to read into is no more than came in.
    assert_eq!(peer.wire.space(&mut peer.assembly), None);
    let mut came_in = 1_000;
    while came_in < 1 << 20 {
        if let Some(space) = peer.wire.space(&mut peer.assembly) {
            let len = space.len();
            space.fill(1);
            peer.wire.filled(len, &mut peer.assembly);
            came_in += len;
        } else {
            assert_eq!(peer.feed(&[1; 500]), []);
            came_in += 500;
        }
        assert_eq!(peer.assembly.len(), came_in);
        assert!(peer.assembly.capacity() <= 2 * came_in, "{} B for {came_in}", peer.assembly.capacity());
    }
}

#[test]
fn what_was_not_read_into_the_space_is_not_counted() {
    let mut peer = Peer::new(Config::default());
    peer.wire.filled(10, &mut peer.assembly);
    let header = FrameHeader { fin: true, rsv1: false, opcode: OpCode::Binary, mask: None, len: 20_000 };
    let (head, len) = header.to_bytes();
    assert_eq!(peer.feed(&[&head[..len], &[1; 10_000]].concat()), []);
    let space = peer.wire.space(&mut peer.assembly).expect("half is missing");
    space.fill(1);
    let len = space.len();
    peer.wire.filled(usize::MAX, &mut peer.assembly);
    assert_eq!(peer.assembly.len(), 10_000 + len);
    assert_eq!(peer.feed(&vec![1; 10_000 - len]), [Seen::Message(Message::binary(vec![1; 20_000]))]);
}

#[test]
fn so_many_fragments_of_a_message_may_be_empty() {
    let empty = frame(false, OpCode::Continuation, b"");
    let with = |count: usize| {
        let last = frame(true, OpCode::Continuation, b"x");
        receive_with(SMALL, &[frame(false, OpCode::Binary, b"y"), empty.repeat(count), last].concat())
    };
    assert_eq!(with(3), [Seen::Message(Message::binary(b"yx".to_vec()))]);
    assert_eq!(with(4), [Seen::Broken(Violation::EmptyFragments { limit: 3 })]);
}

#[test]
fn empty_fragments_are_counted_for_each_message() {
    let message = [frame(false, OpCode::Binary, b""), frame(true, OpCode::Continuation, b"")].concat();
    assert_eq!(receive_with(SMALL, &message.repeat(10)).len(), 10);
}

#[test]
fn a_flood_of_control_frames_is_refused() {
    let config = Config { control_rate: Some(ControlRate { per_second: 10, burst: 20 }), ..SMALL };
    let mut peer = Peer::new(config);
    let ping = frame(true, OpCode::Ping, b"");
    let at = |peer: &mut Peer, seconds: u64| peer.wire.tick(Timestamp::from_micros(seconds * 1_000_000));
    at(&mut peer, 100);
    assert_eq!(peer.feed(&ping.repeat(20)).len(), 20);
    at(&mut peer, 101);
    assert_eq!(peer.feed(&ping.repeat(10)).len(), 10);
    let seen = peer.feed(&ping);
    assert_eq!(seen, [Seen::Broken(Violation::ControlFlood { per_second: 10 })]);
}

#[test]
fn the_close_frame_at_the_end_of_a_flood_counts() {
    let config = Config { control_rate: Some(ControlRate { per_second: 1, burst: 2 }), ..SMALL };
    let mut peer = Peer::new(config);
    let ping = frame(true, OpCode::Ping, b"");
    let seen = peer.feed(&[ping.repeat(2), frame(true, OpCode::Close, &1000u16.to_be_bytes())].concat());
    assert_eq!(seen.last(), Some(&Seen::Close(CloseFrame::NORMAL)));
}

#[test]
fn pings_that_are_not_read_back_do_not_fill_the_memory() {
    let mut peer = Peer::new(Config::default());
    for n in 0..100_000u32 {
        peer.feed(&frame(true, OpCode::Ping, &n.to_be_bytes()));
    }
    assert!(peer.out.len() < 1_000, "{}", peer.out.len());
    peer.out.clear();
    peer.wire.pull(&mut peer.out);
    // The latest is answered (§5.5.3).
    let written = peer.written();
    assert_eq!(written.len(), 1);
    assert_eq!((written[0].0.opcode, &written[0].1[..]), (OpCode::Pong, &99_999u32.to_be_bytes()[..]));
}

#[test]
fn a_sender_that_is_never_done_answers_every_ping() {
    let mut peer = Peer::new(Config::default());
    let message = Message::binary(vec![1; 1_000]);
    let (frame_bytes, mut sent) = (8 + 1_000, Vec::new());
    for n in 0..1_000u32 {
        peer.feed(&frame(true, OpCode::Ping, &n.to_be_bytes()));
        peer.wire.send(&message, &mut peer.out).expect("it is open");
        // All but the newest message leaves.
        let leaves = peer.out.len() - frame_bytes;
        sent.extend_from_slice(&peer.out.as_slice()[..leaves]);
        peer.out.consume(leaves);
        peer.wire.pull(&mut peer.out);
    }
    sent.extend_from_slice(peer.out.as_slice());
    let pongs = wire::frames(&sent).into_iter().filter(|(header, _)| header.opcode == OpCode::Pong);
    let expected = (0..1_000u32).map(|n| n.to_be_bytes().to_vec());
    assert!(pongs.map(|(_, payload)| payload).eq(expected));
}

#[test]
fn pieces_may_be_limited_too() {
    let config = Config { pieces: true, ..SMALL };
    let mut peer = Peer::new(config);
    let fragments = [frame(false, OpCode::Binary, &[1; 600]), frame(true, OpCode::Continuation, &[1; 401])].concat();
    assert_eq!(peer.feed(&fragments).last(), Some(&Seen::Broken(Violation::MessageTooBig { limit: 1_000 })));
}

#[test]
fn a_message_at_its_limit_may_end_with_an_empty_fragment() {
    let config = Config { max_empty_fragments: 0, ..Config::for_messages_of(1_000) };
    let bytes = [frame(false, OpCode::Binary, &[1; 1_000]), frame(true, OpCode::Continuation, b"")].concat();
    assert_eq!(receive_with(config, &bytes), [Seen::Message(Message::binary(vec![1; 1_000]))]);
}
