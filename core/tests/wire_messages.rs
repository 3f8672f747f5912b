//! RFC 6455 §5.4, §6.2 and §8.1: fragments, messages, text.
#![cfg(feature = "wire")]

#[expect(dead_code, reason = "each of its users takes what it needs")]
mod wire;

use steadfast_core::{
    Message,
    wire::{Buffer, Config, Event, OpCode, Violation, Wire},
};
use wire::{Peer, Seen, frame, receive, receive_with, text, violation};

#[test]
fn fragments_are_put_together_with_control_frames_between() {
    let bytes = [
        frame(false, OpCode::Text, b"one "),
        frame(true, OpCode::Ping, b"p"),
        frame(false, OpCode::Continuation, b"two "),
        frame(true, OpCode::Pong, b"q"),
        frame(true, OpCode::Continuation, b"three"),
        text("next"),
    ]
    .concat();
    let expected = [
        Seen::Ping(b"p".to_vec()),
        Seen::Pong(b"q".to_vec()),
        Seen::Message(Message::text("one two three")),
        Seen::Message(Message::text("next")),
    ];
    assert_eq!(receive(&bytes), expected);
}

#[test]
fn fragments_may_be_empty() {
    let bytes = [
        frame(false, OpCode::Binary, b""),
        frame(false, OpCode::Continuation, b"x"),
        frame(false, OpCode::Continuation, b""),
        frame(true, OpCode::Continuation, b""),
    ]
    .concat();
    assert_eq!(receive(&bytes), [Seen::Message(Message::binary(vec![b'x']))]);
    let nothing = [frame(false, OpCode::Text, b""), frame(true, OpCode::Continuation, b"")].concat();
    assert_eq!(receive(&nothing), [Seen::Message(Message::text(""))]);
}

#[test]
fn a_continuation_of_nothing_is_refused() {
    for fin in [false, true] {
        assert_eq!(violation(&frame(fin, OpCode::Continuation, b"x")), Violation::UnexpectedContinuation);
    }
}

#[test]
fn a_message_within_a_message_is_refused() {
    for second in [OpCode::Text, OpCode::Binary] {
        let bytes = [frame(false, OpCode::Text, b"x"), frame(true, second, b"y")].concat();
        assert_eq!(violation(&bytes), Violation::ExpectedContinuation);
    }
}

#[test]
fn a_continuation_after_the_last_fragment_is_refused() {
    let bytes = [
        frame(false, OpCode::Text, b"x"),
        frame(true, OpCode::Continuation, b"y"),
        frame(true, OpCode::Continuation, b"z"),
    ]
    .concat();
    let expected = [Seen::Message(Message::text("xy")), Seen::Broken(Violation::UnexpectedContinuation)];
    assert_eq!(receive(&bytes), expected);
}

#[test]
fn text_is_whole_however_its_characters_are_cut() {
    let characters = "aé€😀".repeat(20);
    for size in [1, 2, 3, 5, 7] {
        let mut bytes = Vec::new();
        let chunks: Vec<_> = characters.as_bytes().chunks(size).collect();
        for (at, chunk) in chunks.iter().enumerate() {
            let opcode = if at == 0 { OpCode::Text } else { OpCode::Continuation };
            bytes.extend(frame(at + 1 == chunks.len(), opcode, chunk));
        }
        assert_eq!(receive(&bytes), [Seen::Message(Message::text(characters.clone()))]);
    }
}

/// Text that goes wrong at a byte, and how many bytes of it may still be right.
const BAD: [(&[u8], usize); 9] = [
    (b"ok\xFF", 2),
    (b"ok\x80", 2),
    (b"ok\xC0\xAF", 2),
    (b"ok\xE0\x80", 3),
    (b"ok\xED\xA0", 3),
    (b"ok\xF4\x90", 3),
    (b"ok\xF5", 2),
    (b"ok\xF0\x9F\x98\x41", 5),
    (b"ok\xE2\x82\xE2", 4),
];

#[test]
fn bad_text_fails_at_the_byte_that_makes_it_bad() {
    for (bad, right) in BAD {
        let mut peer = Peer::new(Config::default());
        // A frame that announces much more than comes.
        assert_eq!(peer.feed(&[0x81, 100]), []);
        for (at, byte) in bad.iter().enumerate() {
            let seen = peer.feed(&[*byte]);
            if at < right {
                assert_eq!(seen, [], "{bad:02x?} at {at}");
            } else {
                assert_eq!(seen, [Seen::Broken(Violation::Utf8)], "{bad:02x?} at {at}");
                break;
            }
        }
    }
}

#[test]
fn bad_text_fails_before_what_follows_it_is_looked_at() {
    for (bad, _) in BAD {
        let bytes = [frame(false, OpCode::Text, bad), frame(true, OpCode::Ping, b"p"), vec![0xFF]].concat();
        assert_eq!(receive(&bytes), [Seen::Broken(Violation::Utf8)], "{bad:02x?}");
    }
}

#[test]
fn text_that_ends_within_a_character_is_bad() {
    for cut in ["é", "€", "😀"].map(|character| &character.as_bytes()[..character.len() - 1]) {
        assert_eq!(violation(&frame(true, OpCode::Text, cut)), Violation::Utf8);
        let fragments = [frame(false, OpCode::Text, cut), frame(true, OpCode::Continuation, b"")].concat();
        assert_eq!(violation(&fragments), Violation::Utf8);
    }
}

#[test]
fn binary_messages_are_not_judged() {
    assert_eq!(receive(&frame(true, OpCode::Binary, b"\xFF\xFE")), [Seen::Message(Message::binary(vec![0xFF, 0xFE]))]);
}

#[test]
fn a_message_inside_the_input_is_borrowed_from_it() {
    let bytes = text("hello");
    let mut wire = Wire::new(Config::default(), [0; 32]);
    let (mut assembly, mut out) = (Buffer::new(), Buffer::new());
    let mut input = &bytes[..];
    let Some(Ok(Event::Message(message))) = wire.receive(&mut input, &mut assembly, &mut out) else { panic!() };
    assert!(bytes.as_ptr_range().contains(&message.as_bytes().as_ptr()));
}

#[test]
fn a_binary_message_is_kept_without_a_copy() {
    let chunk = bytes::Bytes::from([frame(true, OpCode::Binary, &[7; 100]), text("tail")].concat());
    let mut wire = Wire::new(Config::default(), [0; 32]);
    let (mut assembly, mut out) = (Buffer::new(), Buffer::new());
    let mut input = &chunk[..];
    let Some(Ok(Event::Message(message))) = wire.receive(&mut input, &mut assembly, &mut out) else { panic!() };
    let Message::Binary(kept) = message.into_owned_within(&chunk) else { panic!() };
    assert!(chunk.as_ptr_range().contains(&kept.as_ptr()));
    assert_eq!(&kept[..], &[7; 100]);
    let Some(Ok(Event::Message(message))) = wire.receive(&mut input, &mut assembly, &mut out) else { panic!() };
    assert_eq!(message.into_owned_within(&chunk), Message::text("tail"));
    // One that was assembled takes its buffer along.
    let bytes = frame(true, OpCode::Binary, &[9; 5_000]);
    let (mut first, mut second) = bytes.split_at(3_000);
    let _ = assembly.room(8_000);
    assert!(wire.receive(&mut first, &mut assembly, &mut out).is_none());
    let at = assembly.as_slice().as_ptr();
    let Some(Ok(Event::Message(message))) = wire.receive(&mut second, &mut assembly, &mut out) else { panic!() };
    let Message::Binary(kept) = message.into_owned() else { panic!() };
    assert_eq!((kept.len(), assembly.capacity()), (5_000, 0));
    assert_eq!((kept.as_ptr(), &kept[..]), (at, &[9; 5_000][..]));
}

#[test]
fn a_large_message_may_be_read_to_where_it_is_assembled() {
    for opcode in [OpCode::Text, OpCode::Binary] {
        let payload: Vec<u8> = (0..300_000u32).map(|at| b'a' + (at % 26) as u8).collect();
        let stream = [frame(true, opcode, &payload), text("next")].concat();
        let mut peer = Peer::new(Config::default());
        assert_eq!(peer.feed(&stream[..5_000]), []);
        let mut rest = &stream[5_000..];
        let mut direct = 0;
        while let Some(space) = peer.wire.space(&mut peer.assembly) {
            let len = space.len().min(10_000);
            space[..len].copy_from_slice(&rest[..len]);
            rest = &rest[len..];
            direct += len;
            peer.wire.filled(len, &mut peer.assembly);
        }
        assert_eq!(direct, payload.len() + 10 - 5_000);
        let expected = match opcode {
            OpCode::Text => Message::text(String::from_utf8(payload).expect("ASCII")),
            _ => Message::binary(payload),
        };
        assert_eq!(peer.feed(b""), [Seen::Message(expected)]);
        assert_eq!(peer.feed(rest), [Seen::Message(Message::text("next"))]);
    }
}

#[test]
fn bad_text_that_was_read_to_its_place_fails_with_the_next_call() {
    let mut peer = Peer::new(Config::default());
    assert_eq!(peer.feed(&[&[0x81, 126, 0x50, 0][..], &vec![b'a'; 0x4800]].concat()), []);
    let space = peer.wire.space(&mut peer.assembly).expect("much is missing");
    assert_eq!(space.len(), 0x800);
    space[..2].copy_from_slice(b"a\xFF");
    peer.wire.filled(2, &mut peer.assembly);
    assert_eq!(peer.feed(b""), [Seen::Broken(Violation::Utf8)]);
    assert!(peer.wire.space(&mut peer.assembly).is_none());
}

#[test]
fn there_is_no_space_but_in_the_middle_of_a_message() {
    let mut peer = Peer::new(Config::default());
    assert!(peer.wire.space(&mut peer.assembly).is_none());
    peer.feed(&text("whole"));
    assert!(peer.wire.space(&mut peer.assembly).is_none());
    peer.feed(&[0x89, 5, b'p']);
    assert!(peer.wire.space(&mut peer.assembly).is_none());
}

const PIECES: Config = Config {
    max_message_bytes: 1 << 20,
    max_frame_bytes: 1 << 20,
    max_empty_fragments: 10,
    control_rate: None,
    pieces: true,
    fragment_bytes: None,
};

/// The pieces of each message, joined, with the number of pieces that begin and end one.
fn joined(seen: &[Seen]) -> (Vec<String>, usize, usize) {
    let (mut messages, mut firsts, mut lasts) = (Vec::new(), 0, 0);
    for event in seen {
        let Seen::Piece(Message::Text(text), first, last) = event else { panic!("{event:?}") };
        if *first {
            messages.push(String::new());
        }
        messages.last_mut().expect("a first piece came").push_str(text);
        firsts += usize::from(*first);
        lasts += usize::from(*last);
    }
    (messages, firsts, lasts)
}

#[test]
fn pieces_of_text_are_text_however_the_bytes_come() {
    let characters = "aé€😀".repeat(10);
    let (one, two) = characters.as_bytes().split_at(37);
    let stream =
        [frame(false, OpCode::Text, one), frame(true, OpCode::Continuation, two), text(""), text("ä")].concat();
    for size in 1..stream.len() {
        let mut peer = Peer::new(PIECES);
        let seen: Vec<_> = stream.chunks(size).flat_map(|chunk| peer.feed(chunk)).collect();
        assert_eq!(joined(&seen), (vec![characters.clone(), String::new(), "ä".into()], 3, 3), "by {size}");
        assert!(peer.assembly.capacity() <= 256, "no more than a character waits");
    }
}

#[test]
fn pieces_come_as_soon_as_their_bytes() {
    let mut peer = Peer::new(PIECES);
    let piece = |text: &str, first, last| Seen::Piece(Message::text(text.to_owned()), first, last);
    assert_eq!(peer.feed(&[0x01, 4, b'a', b'b']), [piece("ab", true, false)]);
    assert_eq!(peer.feed("c\u{e9}".as_bytes().split_at(2).0), [piece("c", false, false)]);
    assert_eq!(
        peer.feed(&[0x89, 1, b'p', 0x80, 2, 0xA9, b'd']),
        [Seen::Ping(b"p".to_vec()), piece("é", false, false), piece("d", false, true)]
    );
}

#[test]
fn bad_text_fails_in_pieces_too() {
    for (bad, _) in BAD {
        let seen = receive_bad_pieces(bad);
        assert_eq!(seen.last(), Some(&Seen::Broken(Violation::Utf8)), "{bad:02x?}");
    }
    assert_eq!(receive_bad_pieces(b"\xE2\x82").last(), Some(&Seen::Broken(Violation::Utf8)));
}

fn receive_bad_pieces(bad: &[u8]) -> Vec<Seen> {
    let mut peer = Peer::new(PIECES);
    frame(true, OpCode::Text, bad).iter().flat_map(|byte| peer.feed(&[*byte])).collect()
}

#[test]
fn whole_binary_pieces_are_first_and_last() {
    let seen = Peer::new(PIECES).feed(&frame(true, OpCode::Binary, b"xyz"));
    assert_eq!(seen, [Seen::Piece(Message::binary(b"xyz".to_vec()), true, true)]);
}

#[test]
fn a_control_frame_that_is_cut_does_not_disturb_the_message_around_it() {
    let ping = frame(true, OpCode::Ping, &[b'p'; 125]);
    let bytes = [frame(false, OpCode::Text, "aé".as_bytes()), ping, frame(true, OpCode::Continuation, b"z")].concat();
    let expected = [Seen::Ping(vec![b'p'; 125]), Seen::Message(Message::text("aéz"))];
    assert_eq!(receive_with(Config::default(), &bytes), expected);
}

#[test]
fn an_assembly_buffer_with_a_message_in_it_is_not_given_to_another_connection() {
    let mut peer = Peer::new(Config::default());
    let bytes = [frame(false, OpCode::Text, b"secret"), frame(true, OpCode::Continuation, b"")].concat();
    let mut input = &bytes[..];
    assert!(matches!(peer.wire.receive(&mut input, &mut peer.assembly, &mut peer.out), Some(Ok(Event::Message(_)))));
    assert!(!peer.wire.is_at_rest());
    assert!(peer.wire.receive(&mut input, &mut peer.assembly, &mut peer.out).is_none());
    assert!(peer.wire.is_at_rest() && peer.assembly.is_empty());
}

#[test]
fn what_a_connection_left_of_its_last_message_does_not_reach_another() {
    let half = frame(false, OpCode::Text, b"secret");
    for end in [frame(true, OpCode::Close, b""), vec![0x83, 0], frame(true, OpCode::Continuation, b"\xFF")] {
        let mut ended = Peer::new(Config::default());
        ended.feed(&[&half[..], &end].concat());
        assert!(ended.wire.is_at_rest() && ended.wire.is_closed());
        let mut other = Peer::new(Config::default());
        other.assembly = ended.assembly;
        let bytes = [frame(false, OpCode::Text, b"o"), frame(true, OpCode::Continuation, b"wn")].concat();
        assert_eq!(other.feed(&bytes), [Seen::Message(Message::text("own"))]);
    }
}

#[test]
fn an_event_shows_the_beginning_of_its_message_only() {
    let mut peer = Peer::new(Config::default());
    let bytes = text(&"secret ".repeat(1_000));
    let event = peer.wire.receive(&mut &bytes[..], &mut peer.assembly, &mut peer.out);
    assert!(format!("{event:?}").len() < 200, "{event:?}");
}

#[test]
fn a_message_that_is_kept_does_not_keep_much_more_than_itself() {
    let mut peer = Peer::new(Config::default());
    let bytes = frame(true, OpCode::Binary, &vec![1; (1 << 20) + 1]);
    let mut kept = None;
    let held = allocation_counter::measure(|| {
        for mut chunk in bytes.chunks(16 << 10) {
            while let Some(event) = peer.wire.receive(&mut chunk, &mut peer.assembly, &mut peer.out) {
                match event {
                    Ok(Event::Message(message)) => kept = Some(message.into_owned()),
                    other => panic!("{other:?}"),
                }
            }
        }
    });
    assert_eq!(kept.map(|message| message.len()), Some((1 << 20) + 1));
    assert!(held.bytes_current < 5 << 18, "{held:?}");
}
