//! RFC 7692 §6: compressed messages among frames.
#![cfg(feature = "deflate")]

#[expect(dead_code, reason = "each of its users takes what it needs")]
mod wire;

use steadfast_core::{
    CloseFrame, Message,
    wire::{
        Buffer, Config, FrameHeader, OpCode, Piece, Violation, Wire,
        deflate::{Agreed, Deflater, Inflater, Offer, Options},
    },
};
use wire::{Peer, Seen, frame, text};

fn agreed(options: Options, answer: &str) -> Agreed {
    Offer::new(options).expect("in range").judge(answer).expect("as offered").expect("the server compresses")
}

fn peer(config: Config) -> Peer {
    let mut peer = Peer::new(config);
    peer.wire = Wire::with_deflate(config, &agreed(Options::default(), "permessage-deflate"), [7; 32]);
    peer
}

/// A server's compressor.
fn server() -> Deflater {
    Deflater::new(&agreed(Options::default(), "permessage-deflate")).expect("a window of 32 KiB")
}

fn compressed(server: &mut Deflater, message: &[u8]) -> Vec<u8> {
    let mut payload = Buffer::new();
    server.deflate(message, true, &mut payload);
    payload.into_vec()
}

/// Bytes that cannot be compressed.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| draw()).collect()
}

fn marked(fin: bool, opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(fin, opcode, payload);
    bytes[0] |= 0x40;
    bytes
}

/// What these bytes come to, all at once and byte by byte.
fn receive(config: Config, bytes: &[u8]) -> Vec<Seen> {
    let seen = peer(config).feed(bytes);
    let mut by_bytes = peer(config);
    assert_eq!(bytes.iter().flat_map(|byte| by_bytes.feed(&[*byte])).collect::<Vec<_>>(), seen, "byte by byte");
    seen
}

#[test]
fn compressed_messages_are_inflated_with_what_came_before_them() {
    let mut server = server();
    let one = "the same words, ".repeat(20);
    let bytes: Vec<u8> =
        (0..5).flat_map(|_| marked(true, OpCode::Text, &compressed(&mut server, one.as_bytes()))).collect();
    assert!(bytes.len() < one.len());
    assert_eq!(receive(Config::default(), &bytes), vec![Seen::Message(Message::text(one)); 5]);
}

#[test]
fn fragments_are_marked_once_and_control_frames_never() {
    let payload = compressed(&mut server(), b"hello hello hello");
    let (first, second) = payload.split_at(4);
    let ping = frame(true, OpCode::Ping, b"p");
    let good = [marked(false, OpCode::Text, first), ping.clone(), frame(true, OpCode::Continuation, second)].concat();
    let expected = [Seen::Ping(b"p".to_vec()), Seen::Message(Message::text("hello hello hello"))];
    assert_eq!(receive(Config::default(), &good), expected);
    let bad = [marked(false, OpCode::Text, first), marked(true, OpCode::Continuation, second)].concat();
    assert_eq!(receive(Config::default(), &bad), [Seen::Broken(Violation::ReservedBits(4))]);
    let ping = marked(true, OpCode::Ping, b"p");
    assert_eq!(receive(Config::default(), &ping), [Seen::Broken(Violation::ReservedBits(4))]);
}

#[test]
fn plain_messages_may_come_between() {
    let mut server = server();
    let mut compressed = || marked(true, OpCode::Text, &compressed(&mut server, b"squeezed"));
    let bytes = [compressed(), text("plain"), compressed(), text("")].concat();
    let expected = ["squeezed", "plain", "squeezed", ""].map(|text| Seen::Message(Message::text(text)));
    assert_eq!(receive(Config::default(), &bytes), expected);
}

#[test]
fn an_empty_compressed_message_is_empty() {
    assert_eq!(receive(Config::default(), &marked(true, OpCode::Text, &[0])), [Seen::Message(Message::text(""))]);
    assert_eq!(
        receive(Config::default(), &marked(true, OpCode::Binary, &[])),
        [Seen::Message(Message::binary(vec![]))]
    );
}

#[test]
fn the_limit_holds_for_what_is_inflated() {
    let config = Config { max_message_bytes: 10_000, ..Config::default() };
    for len in [9_999, 10_000] {
        let bytes = marked(true, OpCode::Binary, &compressed(&mut server(), &vec![0; len]));
        assert_eq!(receive(config, &bytes), [Seen::Message(Message::binary(vec![0; len]))]);
    }
    let bomb = marked(true, OpCode::Binary, &compressed(&mut server(), &vec![0; 10_001]));
    assert_eq!(receive(config, &bomb), [Seen::Broken(Violation::MessageTooBig { limit: 10_000 })]);
}

#[test]
fn what_compression_makes_longer_is_not_too_long_for_that() {
    let noise = noise(10_000);
    let payload = compressed(&mut server(), &noise);
    assert!(payload.len() > noise.len());
    let bytes = marked(true, OpCode::Binary, &payload);
    assert_eq!(receive(Config::for_messages_of(10_000), &bytes), [Seen::Message(Message::binary(noise))]);
}

#[test]
fn a_close_in_the_middle_of_a_message_lets_memory_go() {
    let mut peer = peer(Config::default());
    let piece = Piece { payload: Message::text("a piece"), first: true, last: false };
    peer.wire.send_piece(&piece, &mut peer.out).expect("it is open");
    assert!(peer.wire.compression_memory() > 100_000);
    peer.wire.close(&CloseFrame::NORMAL, &mut peer.out);
    assert!(peer.wire.compression_memory() < 1_000, "{}", peer.wire.compression_memory());
}

#[test]
fn a_bomb_costs_its_limit_and_no_more() {
    let config = Config { max_message_bytes: 100_000, ..Config::default() };
    let bomb = marked(true, OpCode::Binary, &compressed(&mut server(), &vec![0; 50 << 20]));
    assert!(bomb.len() < 1 << 20);
    let mut peer = peer(config);
    assert_eq!(peer.feed(&bomb), [Seen::Broken(Violation::MessageTooBig { limit: 100_000 })]);
    assert!(peer.assembly.capacity() <= 300_000, "{}", peer.assembly.capacity());
}

#[test]
fn what_is_no_deflate_is_refused_with_1007() {
    let bytes = marked(true, OpCode::Binary, &[0xFF; 20]);
    assert_eq!(receive(Config::default(), &bytes), [Seen::Broken(Violation::Deflate)]);
    assert_eq!(Violation::Deflate.close_code().0, 1007);
    // A message that ends within a block.
    let cut = &compressed(&mut server(), &[b"hello ".repeat(50), (0..=255).collect()].concat())[..100];
    assert_eq!(receive(Config::default(), &marked(true, OpCode::Binary, cut)), [Seen::Broken(Violation::Deflate)]);
}

#[test]
fn bad_text_fails_while_it_is_inflated() {
    let mut server = server();
    let mut payload = Buffer::new();
    server.deflate(b"good and then \xFF", false, &mut payload);
    server.deflate(&frame_noise(5_000), true, &mut payload);
    let bytes = marked(true, OpCode::Text, payload.as_slice());
    assert_eq!(receive(Config::default(), &bytes), [Seen::Broken(Violation::Utf8)]);
    // Long before the end.
    let mut peer = peer(Config::default());
    assert_eq!(peer.feed(&bytes[..bytes.len() - 500]), [Seen::Broken(Violation::Utf8)]);
}

#[test]
fn bad_text_is_told_before_its_length_however_it_comes() {
    let config = Config { max_message_bytes: 1, ..Config::default() };
    let bytes = marked(true, OpCode::Text, &compressed(&mut server(), b"\xFFxx"));
    assert_eq!(receive(config, &bytes), [Seen::Broken(Violation::Utf8)]);
}

#[test]
fn what_lies_behind_the_limit_is_not_judged_in_pieces_either() {
    let config = Config { pieces: true, max_message_bytes: 0, ..Config::default() };
    let bytes = marked(true, OpCode::Text, &compressed(&mut server(), b"x\xFF"));
    assert_eq!(receive(config, &bytes), [Seen::Broken(Violation::MessageTooBig { limit: 0 })]);
}

#[test]
fn a_frame_s_limit_is_one_on_what_is_sent() {
    let config = Config { max_frame_bytes: 200, ..Config::default() };
    let bytes = marked(true, OpCode::Binary, &compressed(&mut server(), &[0; 5_000]));
    assert_eq!(receive(config, &bytes), [Seen::Message(Message::binary(vec![0; 5_000]))]);
}

#[test]
fn pieces_of_a_compressed_text_are_text() {
    let config = Config { pieces: true, ..Config::default() };
    let characters = "aé€😀".repeat(9_000);
    let payload = compressed(&mut server(), characters.as_bytes());
    let (first, second) = payload.split_at(payload.len() / 2);
    let bytes = [marked(false, OpCode::Text, first), frame(true, OpCode::Continuation, second), text("z")].concat();
    for size in [1, 3, 50, bytes.len()] {
        let mut peer = peer(config);
        let mut messages = Vec::new();
        let mut lasts = 0;
        for seen in bytes.chunks(size).flat_map(|chunk| peer.feed(chunk)) {
            let Seen::Piece(Message::Text(text), first, last) = seen else { panic!("{seen:?}") };
            if first {
                messages.push(String::new());
            }
            messages.last_mut().expect("a first piece came").push_str(&text);
            lasts += usize::from(last);
        }
        assert_eq!((messages, lasts), (vec![characters.clone(), "z".into()], 2), "by {size}");
        assert!(peer.assembly.capacity() <= 64 << 10, "{}", peer.assembly.capacity());
    }
}

/// What a server inflates of a client's frames.
fn inflated(inflater: &mut Inflater, frames: &[(FrameHeader, Vec<u8>)]) -> Vec<u8> {
    let mut out = Buffer::new();
    for (_, payload) in frames {
        inflater.inflate(&mut &payload[..], &mut out, usize::MAX).expect("DEFLATE");
    }
    inflater.finish(&mut out, usize::MAX).expect("whole");
    out.into_vec()
}

fn reader() -> Inflater {
    Inflater::new(&agreed(Options::default(), "permessage-deflate"))
}

#[test]
fn messages_from_the_threshold_on_are_compressed() {
    let mut peer = peer(Config::default());
    let mut reader = reader();
    for _ in 0..3 {
        let message = "x".repeat(Options::default().threshold);
        peer.wire.send(&Message::text(&*message), &mut peer.out).expect("open");
        let written = peer.written();
        assert!(written[0].0.rsv1 && written[0].1.len() < 20);
        assert_eq!(inflated(&mut reader, &written), message.as_bytes());
    }
    peer.wire.send(&Message::text("x".repeat(Options::default().threshold - 1)), &mut peer.out).expect("open");
    assert!(!peer.written()[0].0.rsv1);
}

#[test]
fn what_cannot_be_compressed_is_sent_as_it_is_and_the_next_does_not_refer_to_it() {
    let mut peer = peer(Config::default());
    let mut reader = reader();
    let noise: Vec<u8> = frame_noise(1_000);
    peer.wire.send(&Message::binary(&noise[..]), &mut peer.out).expect("open");
    let written = peer.written();
    assert_eq!((written[0].0.rsv1, &written[0].1), (false, &noise));
    let again = noise.repeat(2);
    peer.wire.send(&Message::binary(&again[..]), &mut peer.out).expect("open");
    let written = peer.written();
    assert!(written[0].0.rsv1);
    assert_eq!(inflated(&mut reader, &written), again);
}

/// Bytes without a pattern: masked zeros.
fn frame_noise(len: usize) -> Vec<u8> {
    let mut wire = Wire::new(Config { fragment_bytes: Some(4), ..Config::default() }, [3; 32]);
    let mut out = Buffer::new();
    wire.send(&Message::binary(vec![0; len]), &mut out).expect("open");
    out.as_slice().chunks(10).flat_map(|frame| frame[6..].to_vec()).collect()
}

#[test]
fn fragments_of_a_compressed_message_are_marked_once() {
    let mut peer = peer(Config { fragment_bytes: Some(2_000), ..Config::default() });
    let message = (0..3_000).map(|n| (n * n).to_string()).collect::<Vec<_>>().join(" ");
    peer.wire.send(&Message::text(&*message), &mut peer.out).expect("open");
    peer.wire.ping(b"p", &mut peer.out).expect("open");
    let mut written = peer.written();
    assert_eq!(written.pop().expect("the ping").0.opcode, OpCode::Ping);
    assert!(written.len() > 1);
    for (at, (header, payload)) in written.iter().enumerate() {
        assert!(payload.len() <= 2_000, "{} B", payload.len());
        assert_eq!((header.rsv1, header.fin), (at == 0, at + 1 == written.len()));
        assert_eq!(header.opcode, if at == 0 { OpCode::Text } else { OpCode::Continuation });
    }
    assert_eq!(inflated(&mut reader(), &written), message.as_bytes());
}

#[test]
fn what_compression_makes_in_one_lump_is_cut_into_fragments_too() {
    for threshold in [0, 10] {
        let mut peer = Peer::new(Config::default());
        let options = Options { threshold, ..Options::default() };
        let config = Config { fragment_bytes: Some(100), ..Config::default() };
        peer.wire = Wire::with_deflate(config, &agreed(options, "permessage-deflate"), [7; 32]);
        // Nothing that could be shortened: a compressor keeps it back, and gives it out at once.
        let noise = noise(10_000);
        let mut reader = reader();
        for len in [50, 100, 10_000] {
            peer.wire.send(&Message::binary(noise[..len].to_vec()), &mut peer.out).expect("open");
            let written = peer.written();
            for (at, (header, payload)) in written.iter().enumerate() {
                assert!(payload.len() <= 100, "{} B of {len}", payload.len());
                assert_eq!(header.fin, at + 1 == written.len());
            }
            let sent = if written[0].0.rsv1 {
                inflated(&mut reader, &written)
            } else {
                written.into_iter().flat_map(|(_, payload)| payload).collect()
            };
            assert_eq!(sent, noise[..len]);
        }
    }
}

#[test]
fn a_large_message_leaves_no_memory_behind_in_the_compressor() {
    let mut peer = peer(Config::default());
    let noise = noise(4 << 20);
    peer.wire.send(&Message::binary(noise), &mut peer.out).expect("open");
    assert!(peer.wire.compression_memory() < 400 << 10, "{}", peer.wire.compression_memory());
}

#[test]
fn pieces_are_compressed_as_one_message() {
    let mut peer = peer(Config::default());
    for (text, first, last) in [("hello ", true, false), ("", false, false), ("hello hello", false, true)] {
        peer.wire.send_piece(&Piece { payload: Message::text(text), first, last }, &mut peer.out).expect("they fit");
    }
    let written = peer.written();
    assert!(written[0].0.rsv1 && written[0].0.opcode == OpCode::Text && written.last().expect("one").0.fin);
    assert_eq!(inflated(&mut reader(), &written), b"hello hello hello");
}

#[test]
fn a_quiet_connection_gives_the_memory_back_and_goes_on() {
    let mut peer = peer(Config::default());
    let (mut server, mut reader) = (server(), reader());
    let message = "what was said before ".repeat(30);
    let at_first = peer.wire.compression_memory();
    for _ in 0..3 {
        let bytes = marked(true, OpCode::Text, &compressed(&mut server, message.as_bytes()));
        assert_eq!(peer.feed(&bytes), [Seen::Message(Message::text(message.clone()))]);
        peer.wire.send(&Message::text(&*message), &mut peer.out).expect("open");
        assert_eq!(inflated(&mut reader, &peer.written()), message.as_bytes());
        assert!(peer.wire.compression_memory() > 100_000);
        peer.wire.release();
        // The server's window, as far as it is filled, is all that has to stay.
        assert!(peer.wire.compression_memory() < at_first + 3 * message.len() + 1_000);
    }
}

#[test]
fn nothing_is_released_in_the_middle_of_a_message() {
    let mut peer = peer(Config::default());
    let bytes = marked(true, OpCode::Text, &compressed(&mut server(), &b"hello ".repeat(50)));
    assert_eq!(peer.feed(&bytes[..8]), []);
    peer.wire.release();
    assert_eq!(peer.feed(&bytes[8..]), [Seen::Message(Message::text("hello ".repeat(50)))]);
}

#[test]
fn with_a_window_of_256_bytes_nothing_is_compressed() {
    let agreed = agreed(Options::default(), "permessage-deflate; client_max_window_bits=8");
    let mut wire = Wire::with_deflate(Config::default(), &agreed, [1; 32]);
    let mut out = Buffer::new();
    wire.send(&Message::text("x".repeat(5_000)), &mut out).expect("open");
    assert!(!wire::frames(out.as_slice())[0].0.rsv1);
}

#[test]
fn with_a_threshold_of_zero_everything_is_compressed() {
    let options = Options { threshold: 0, ..Options::default() };
    let mut wire = Wire::with_deflate(Config::default(), &agreed(options, "permessage-deflate"), [1; 32]);
    let (mut out, mut reader) = (Buffer::new(), reader());
    for message in [Vec::new(), b"x".to_vec(), frame_noise(500)] {
        wire.send(&Message::binary(&message[..]), &mut out).expect("open");
        let written = wire::frames(out.as_slice());
        assert!(written[0].0.rsv1);
        assert_eq!(inflated(&mut reader, &written), message);
        out.clear();
    }
}

#[test]
fn there_is_no_space_to_read_into_in_a_compressed_message() {
    let mut peer = peer(Config::default());
    let bytes = marked(true, OpCode::Binary, &compressed(&mut server(), &noise(50_000)));
    assert_eq!(peer.feed(&bytes[..30_000]), []);
    assert_eq!(peer.wire.space(&mut peer.assembly), None);
    peer.wire.filled(100, &mut peer.assembly);
    assert_eq!(peer.feed(&bytes[30_000..]), [Seen::Message(Message::binary(noise(50_000)))]);
}

#[test]
fn the_limit_holds_for_each_message_that_is_inflated_in_pieces() {
    let config = Config { pieces: true, ..Config::for_messages_of(1_000) };
    let mut server = server();
    let mut in_two = |len: usize| {
        let payload = compressed(&mut server, &noise(len));
        let (first, second) = payload.split_at(payload.len() / 2);
        [marked(false, OpCode::Binary, first), frame(true, OpCode::Continuation, second)].concat()
    };
    let mut peer = peer(config);
    for len in [1_000, 1_000, 1_000] {
        assert!(matches!(peer.feed(&in_two(len)).last(), Some(Seen::Piece(_, _, true))));
    }
    let seen = peer.feed(&in_two(1_001));
    assert_eq!(seen.last(), Some(&Seen::Broken(Violation::MessageTooBig { limit: 1_000 })));
}
