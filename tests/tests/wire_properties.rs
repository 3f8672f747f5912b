//! What holds for the wire whatever comes in or goes out: proptest draws, or all that there is is tried.

use proptest::{collection::vec, prelude::*, sample::select, test_runner::Config as Proptest};
use steadfast_core::{
    CloseCode, CloseFrame, Message,
    wire::{Config, Violation},
};
use steadfast_tests::fuzz_body::{
    self,
    feed::{Cuts, Feed, Seen},
    plain_frames,
    tungstenite_peer::{End, opinion},
};
use tungstenite::protocol::Role;

/// About each border of the forms of a length.
const LENGTHS: [usize; 12] = [0, 1, 2, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537];

fn cases(cases: u32) -> Proptest {
    Proptest { cases, max_shrink_iters: 4_000, failure_persistence: None, ..Proptest::default() }
}

/// A frame as a server may send it: well formed, mostly, and in an order that means something now and then.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => select(&[0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A, 0x00, 0x80][..]),
        1 => any::<u8>(),
    ];
    let text = "[aé€😀]{0,60}".prop_map(String::into_bytes);
    let payload = prop_oneof![20 => text, 10 => vec(any::<u8>(), 0..140), 1 => vec(Just(b'x'), 65_530..65_540)];
    (first, payload).prop_map(|(first, payload)| {
        let mut bytes = Vec::new();
        plain_frames::write(first, &payload, &mut bytes);
        bytes
    })
}

/// A message cut into fragments anywhere, with a ping before each.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    (any::<bool>(), "[aé€😀]{0,30}", vec(0..120_usize, 0..4)).prop_map(|(text, payload, mut ends)| {
        let (mut bytes, mut from) = (Vec::new(), 0);
        ends.retain(|end| *end < payload.len());
        ends.sort_unstable();
        ends.push(payload.len());
        for (part, to) in ends.iter().enumerate() {
            plain_frames::write(0x89, &[0; 3], &mut bytes);
            let opcode = if part > 0 { 0 } else { 2 - u8::from(text) };
            let fin = u8::from(part + 1 == ends.len()) << 7;
            plain_frames::write(fin | opcode, &payload.as_bytes()[from..*to], &mut bytes);
            from = *to;
        }
        bytes
    })
}

fn message() -> impl Strategy<Value = Message<'static>> {
    let len = prop_oneof![3 => 0..300_usize, 1 => select(&LENGTHS[..])];
    prop_oneof![
        "[aé€😀]{0,80}".prop_map(Message::text),
        (len, any::<u8>()).prop_map(|(len, byte)| Message::binary(vec![byte; len])),
    ]
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn how_the_bytes_are_cut_never_matters(
        head: [u8; 10],
        frames in vec(prop_oneof![frame(), fragments()], 0..8),
        cut in any::<prop::sample::Index>(),
        noise in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut bytes = frames.concat();
        bytes.truncate(cut.index(bytes.len() * 2 + 1));
        if let (Some((at, byte)), false) = (noise, bytes.is_empty()) {
            *at.get_mut(&mut bytes) = byte;
        }
        fuzz_body::wire(&[&head[..], &bytes].concat());
    }

    #[test]
    fn tungstenite_makes_the_same_of_the_same_bytes(
        frames in vec(prop_oneof![frame(), fragments()], 0..8),
        noise in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
        limits: [u8; 2],
    ) {
        let mut bytes = frames.concat();
        if let (Some((at, byte)), false) = (noise, bytes.is_empty()) {
            *at.get_mut(&mut bytes) = byte;
        }
        fuzz_body::differential(&[&limits[..], &bytes].concat());
    }

    #[test]
    fn what_is_sent_is_what_tungstenite_receives(
        messages in vec(message(), 0..8),
        fragment_bytes in select(vec![None, Some(1), Some(100), Some(125), Some(126), Some(65_536)]),
    ) {
        let mut feed = Feed::new(Config { fragment_bytes, ..Config::default() });
        for message in &messages {
            feed.wire.send(message, &mut feed.out).unwrap();
        }
        let heard = opinion(Role::Server, feed.out.as_slice(), usize::MAX, usize::MAX);
        let said: Vec<Seen> = messages
            .iter()
            .map(|message| Seen::Message { text: message.is_text(), bytes: message.as_bytes().into() })
            .collect();
        prop_assert_eq!((heard.seen, heard.end), (said, End::Open));
    }

    #[test]
    fn a_bad_text_fails_at_the_earliest_byte(
        before in "[aé€😀]{0,20}",
        bad in vec(any::<u8>(), 1..6),
        fragment in 0..80_usize,
        pieces: bool,
    ) {
        let text = [before.as_bytes(), &bad].concat();
        let hopeless = |bytes: &[u8]| std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_some());
        let earliest = (0..=text.len()).find(|end| hopeless(&text[..*end]));
        let fragment = fragment.min(text.len());
        let mut bytes = Vec::new();
        plain_frames::write(0x01, &text[..fragment], &mut bytes);
        // More is announced than comes: that the text is cut is no violation.
        plain_frames::write(0x80, &[&text[fragment..], &[0; 30]].concat(), &mut bytes);
        bytes.truncate(bytes.len() - 30);
        let mut feed = Feed::new(Config { pieces, ..Config::default() });
        let failed_at = bytes.iter().position(|byte| {
            feed.chunk(&[*byte]);
            feed.violation.is_some()
        });
        let headers = |end: usize| if end <= fragment { 2 } else { 4 };
        prop_assert_eq!(failed_at.map(|at| at + 1), earliest.map(|end| end + headers(end)));
        prop_assert!(matches!(feed.violation, None | Some(Violation::Utf8)));
    }

    #[test]
    fn a_text_is_judged_in_pieces_as_it_is_judged_whole(
        before in "[aé€😀]{0,20}",
        end in vec(select(&[0x41, 0x80, 0x9F, 0xA9, 0xC3, 0xE2, 0xED, 0xF0, 0xF4, 0xFF][..]), 0..4),
        fragment in 0..80_usize,
        seed: u64,
    ) {
        let text = [before.as_bytes(), &end].concat();
        let fragment = fragment.min(text.len());
        let mut bytes = Vec::new();
        plain_frames::write(0x01, &text[..fragment], &mut bytes);
        plain_frames::write(0x80, &text[fragment..], &mut bytes);
        let good = std::str::from_utf8(&text).is_ok();
        for pieces in [false, true] {
            for cuts in [Cuts::None, Cuts::Drawn(seed)] {
                let mut feed = Feed::new(Config { pieces, ..Config::default() });
                feed.all(&bytes, cuts);
                prop_assert_eq!(feed.violation, (!good).then_some(Violation::Utf8), "in pieces: {}", pieces);
                let whole = match feed.seen.as_slice() {
                    [Seen::Message { bytes, .. } | Seen::Piece { bytes, first: true, last: true, .. }] => *bytes == text,
                    _ => false,
                };
                prop_assert_eq!(whole, good, "in pieces: {}", pieces);
            }
        }
    }
}

fn close_frame(code: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    plain_frames::write(0x88, &code.to_be_bytes(), &mut bytes);
    bytes
}

/// RFC 6455 §7.4 and the IANA registry of close codes.
fn may_stand_on_the_wire(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[test]
fn every_close_code_that_comes_in_is_answered_with_itself_or_1002() {
    for code in 0..=u16::MAX {
        let mut feed = Feed::new(Config::default());
        feed.all(&close_frame(code), Cuts::None);
        let answer = if may_stand_on_the_wire(code) {
            assert_eq!(feed.seen, [Seen::Close(CloseFrame { code: CloseCode(code), reason: String::new() })]);
            code
        } else {
            assert_eq!((feed.seen.as_slice(), feed.violation), (&[][..], Some(Violation::CloseCode(code))));
            1002
        };
        assert_eq!(plain_frames::read(feed.out.as_slice()), [(0x88, answer.to_be_bytes().to_vec())]);
    }
}

#[test]
fn every_close_code_goes_out_as_itself_or_not_at_all() {
    for code in 0..=u16::MAX {
        let mut feed = Feed::new(Config::default());
        feed.wire.close(&CloseFrame { code: CloseCode(code), reason: "why".into() }, &mut feed.out);
        let payload = [&code.to_be_bytes()[..], b"why"].concat();
        let expected = if may_stand_on_the_wire(code) { payload } else { Vec::new() };
        assert_eq!(plain_frames::read(feed.out.as_slice()), [(0x88, expected)]);
    }
}

#[test]
fn messages_about_every_limit_are_taken_up_to_it() {
    for limit in LENGTHS {
        let config = Config { max_message_bytes: limit as u64, ..Config::default() };
        for len in limit.saturating_sub(1)..=limit + 1 {
            let mut bytes = Vec::new();
            plain_frames::write(0x82, &vec![7; len], &mut bytes);
            let too_big = Violation::MessageTooBig { limit: limit as u64 };
            judged_by_its_length(config, &bytes, len, limit, too_big);
            // The same in two fragments.
            bytes.clear();
            plain_frames::write(0x02, &vec![7; len / 2], &mut bytes);
            plain_frames::write(0x80, &vec![7; len - len / 2], &mut bytes);
            judged_by_its_length(config, &bytes, len, limit, too_big);
        }
    }
}

#[test]
fn frames_about_every_limit_are_taken_up_to_it() {
    for limit in LENGTHS {
        let config = Config { max_frame_bytes: limit as u64, ..Config::default() };
        for len in limit.saturating_sub(1)..=limit + 1 {
            let mut bytes = Vec::new();
            plain_frames::write(0x82, &vec![7; len], &mut bytes);
            let too_big = Violation::FrameTooBig { bytes: len as u64, limit: limit as u64 };
            judged_by_its_length(config, &bytes, len, limit, too_big);
        }
    }
}

/// A message of `len` bytes comes through if it is not over the limit; else it fails, in whatever chunks.
fn judged_by_its_length(config: Config, bytes: &[u8], len: usize, limit: usize, too_big: Violation) {
    for cuts in [Cuts::None, Cuts::Every(1_000), Cuts::Drawn(len as u64)] {
        let mut feed = Feed::new(config);
        feed.all(bytes, cuts);
        if len <= limit {
            assert_eq!(feed.seen, [Seen::Message { text: false, bytes: vec![7; len] }], "{len} of {limit} B");
        } else {
            assert_eq!((feed.seen.len(), feed.violation), (0, Some(too_big)), "{len} of {limit} B");
        }
    }
}

#[test]
fn what_is_too_big_fails_with_its_header() {
    for limit in LENGTHS {
        for config in [
            Config { max_message_bytes: limit as u64, ..Config::default() },
            Config { max_frame_bytes: limit as u64, ..Config::default() },
        ] {
            let mut bytes = Vec::new();
            plain_frames::write(0x81, &vec![b'x'; limit + 1], &mut bytes);
            let mut feed = Feed::new(config);
            feed.all(&bytes[..bytes.len() - limit - 1], Cuts::None);
            assert_eq!(feed.violation.map(Violation::close_code), Some(CloseCode::TOO_BIG), "{limit} B");
            assert_eq!(feed.assembly.capacity(), 0);
        }
    }
}

#[test]
fn messages_of_every_length_come_out_as_they_went_in() {
    for len in LENGTHS {
        let mut feed = Feed::new(Config::default());
        feed.wire.send(&Message::text("x".repeat(len)), &mut feed.out).unwrap();
        feed.wire.send(&Message::binary(vec![9; len]), &mut feed.out).unwrap();
        let heard = opinion(Role::Server, feed.out.as_slice(), len, len);
        let messages = [(true, b'x'), (false, 9)].map(|(text, byte)| Seen::Message { text, bytes: vec![byte; len] });
        assert_eq!((heard.seen.as_slice(), heard.end), (&messages[..], End::Open), "{len} B");
    }
}

#[test]
fn messages_are_fragmented_where_they_are_longer_than_a_fragment() {
    for limit in LENGTHS.into_iter().skip(1) {
        for (len, frames) in [(limit - 1, 1), (limit, 1), (limit + 1, 2)] {
            let mut feed = Feed::new(Config { fragment_bytes: Some(limit), ..Config::default() });
            feed.wire.send(&Message::binary(vec![9; len]), &mut feed.out).unwrap();
            assert_eq!(plain_frames::read(feed.out.as_slice()).len(), frames, "{len} B in fragments of {limit}");
            let heard = opinion(Role::Server, feed.out.as_slice(), len, limit);
            assert_eq!(heard.seen, [Seen::Message { text: false, bytes: vec![9; len] }]);
        }
    }
}

#[test]
fn only_so_many_pongs_wait_and_then_the_latest() {
    let mut feed = Feed::new(Config::default());
    let mut bytes = Vec::new();
    (0..200).for_each(|at| plain_frames::write(0x89, &[at], &mut bytes));
    feed.all(&bytes, Cuts::None);
    let pongs = |out: &[u8]| plain_frames::read(out).into_iter().map(|(_, payload)| payload[0]).collect::<Vec<_>>();
    assert_eq!(pongs(feed.out.as_slice()), (0..64).collect::<Vec<_>>());
    feed.out.clear();
    feed.wire.pull(&mut feed.out);
    assert_eq!(pongs(feed.out.as_slice()), [199]);
}

#[test]
fn no_space_is_made_on_the_word_of_a_header() {
    let mut feed = Feed::new(Config::default());
    let mut bytes = vec![0x82, 127];
    bytes.extend((16_u64 << 20).to_be_bytes());
    bytes.extend([1, 2, 3]);
    feed.chunk(&bytes);
    assert_eq!(feed.wire.space(&mut feed.assembly), None);
    assert!(feed.assembly.capacity() <= 1_024, "{} B", feed.assembly.capacity());
}
