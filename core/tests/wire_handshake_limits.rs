//! What a hostile server can cost: heads and bodies without end, in pieces of any size.
#![cfg(feature = "wire")]

mod handshake;

use handshake::{GOOD, Outcome, begin, feed, judge_with, request};
use proptest::prelude::*;
use steadfast_core::{
    Cause, HandshakeKind,
    wire::handshake::{BodyState, Handshake, Limits, Progress, Violation},
};

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";

fn judge(limits: Limits, answer: impl AsRef<[u8]>) -> Outcome {
    judge_with(&request(), limits, answer)
}

fn head_limit(max_head_bytes: usize) -> Limits {
    Limits { max_head_bytes, ..Limits::default() }
}

#[test]
fn a_head_may_be_as_large_as_the_limit_and_not_one_byte_larger() {
    let limit = 1_000;
    for (length, fits) in [(999, true), (1_000, true), (1_001, false), (1_002, false)] {
        let padding = "y".repeat(length - GOOD.len() - "X: \r\n\r\n".len());
        let head = format!("{GOOD}X: {padding}\r\n\r\n");
        assert_eq!(head.len(), length);
        // What follows is no part of it.
        match judge(head_limit(limit), format!("{head}\r\nrest")) {
            Outcome::Accepted(_, taken) => assert!(fits && taken == length, "{length}"),
            outcome => assert_eq!((outcome.failed(), fits), (Violation::HeadTooLarge { limit }, false), "{length}"),
        }
    }
}

#[test]
fn the_default_limit_is_16_kib() {
    let padding = |length: usize| format!("{GOOD}X: {}\r\n\r\n", "y".repeat(length - GOOD.len() - 7));
    judge(Limits::default(), padding(16 << 10)).accepted();
    let too_large = judge(Limits::default(), padding((16 << 10) + 1)).failed();
    assert_eq!(too_large, Violation::HeadTooLarge { limit: 16 << 10 });
}

#[test]
fn interim_answers_count_as_part_of_the_head() {
    let good = format!("{GOOD}\r\n");
    for hints in 0..5 {
        let answer = format!("{}{good}", HINTS.repeat(hints));
        judge(head_limit(answer.len()), &answer).accepted();
        let limit = answer.len() - 1;
        assert_eq!(judge(head_limit(limit), &answer).failed(), Violation::HeadTooLarge { limit });
    }
    // One that fills it leaves no room for an answer, and none has to come to see that.
    let limit = HINTS.len();
    assert_eq!(judge(head_limit(limit), HINTS).failed(), Violation::HeadTooLarge { limit });
}

#[test]
fn there_may_be_as_many_headers_as_the_limit_and_not_one_more() {
    let answer = |headers: usize| format!("{GOOD}{}\r\n", "X: y\r\n".repeat(headers - 3));
    for max_headers in [3, 4, 100] {
        let limits = Limits { max_headers, ..Limits::default() };
        judge(limits, answer(max_headers)).accepted();
        let too_many = Violation::TooManyHeaders { limit: max_headers };
        assert_eq!(judge(limits, answer(max_headers + 1)).failed(), too_many);
    }
    let too_many = judge(Limits::default(), answer(101)).failed();
    assert_eq!(
        (too_many.clone(), too_many.kind()),
        (Violation::TooManyHeaders { limit: 100 }, HandshakeKind::TooLarge)
    );
}

#[test]
fn limits_of_nothing_are_kept_too() {
    let none = Limits { max_head_bytes: 0, max_headers: 0, max_body_bytes: 0 };
    assert_eq!(judge(none, "H").failed(), Violation::HeadTooLarge { limit: 0 });
    let no_headers = Limits { max_head_bytes: 100, ..none };
    let rejected = judge(no_headers, "HTTP/1.1 403 No\r\n\r\nbody").rejected();
    assert_eq!((rejected.body(), rejected.body_state()), (&b""[..], BodyState::Cut));
}

/// Allocations, and the most bytes held at once, while these chunks are taken.
fn cost<'a>(handshake: Handshake, chunks: impl Iterator<Item = &'a [u8]>) -> (u64, u64, Option<Outcome>) {
    let mut outcome = None;
    let info = allocation_counter::measure(|| outcome = Some(feed(handshake, chunks)));
    (info.count_total, info.bytes_max, outcome)
}

#[test]
fn a_head_that_trickles_in_is_parsed_once() {
    let head = format!("{GOOD}{}\r\n", "X: y\r\n".repeat(90));
    let (at_once, ..) = cost(begin(&request()), [head.as_bytes()].into_iter());
    let (in_pieces, _, outcome) = cost(begin(&request()), head.as_bytes().chunks(1));
    assert!(matches!(outcome, Some(Outcome::Accepted(..))), "{outcome:?}");
    // The buffer for the head grows a few times. A parser that is asked for each line allocates for each.
    assert!(in_pieces <= at_once + 10, "{in_pieces} allocations, {at_once} at once");
}

#[test]
fn a_server_that_talks_without_end_costs_no_more_than_the_limits() {
    let endless: [(&str, &str); 6] = [
        ("HTTP/1.1 101 Go\r\n", "X: y\r\n"),
        ("HTTP/1.1 101 Go\r\nX: ", "y"),
        ("HTTP/1.1 101 ", "y"),
        ("", HINTS),
        ("HTTP/1.1 403 No\r\n\r\n", "body"),
        ("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
    ];
    for (begin_with, again) in endless {
        let chunks = [begin_with.as_bytes()].into_iter().chain(std::iter::repeat_n(again.as_bytes(), 50_000));
        let (_, held, outcome) = cost(begin(&request()), chunks);
        // A vector that grows holds what it had and twice as much.
        assert!(held <= 3 * (16 << 10), "{held} B for {again:?}");
        let stopped = match outcome.expect("there is one") {
            Outcome::Failed(violation) => violation == Violation::HeadTooLarge { limit: 16 << 10 },
            Outcome::Rejected(rejected, _) => {
                rejected.body_state() == BodyState::Cut && rejected.body().len() == 4 << 10
            }
            Outcome::Accepted(..) | Outcome::Ended(_) => false,
        };
        assert!(stopped, "{again:?}");
    }
}

#[test]
fn a_chunk_of_16_eib_costs_nothing() {
    let answer = b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx";
    let (_, held, outcome) = cost(begin(&request()), [&answer[..]].into_iter());
    assert!(held <= 1_024, "{held} B");
    assert_eq!(outcome.expect("there is one").rejected().body(), b"x");
}

#[test]
fn silence_after_half_a_head_is_told_at_the_end_only() {
    let mut handshake = begin(&request());
    assert_eq!(handshake.receive(&mut &GOOD.as_bytes()[..50]), Progress::Incomplete);
    for _ in 0..3 {
        assert_eq!(handshake.receive(&mut &b""[..]), Progress::Incomplete);
    }
    assert_eq!(handshake.ended(), Cause::Handshake(HandshakeKind::Truncated));
}

/// Lines of answers, good, bad and odd.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(
        &[
            "HTTP/1.1 101 Go\r\n",
            "HTTP/1.1 100 Go on\r\n\r\n",
            "HTTP/1.1 403 No\r\n",
            "Upgrade: websocket\r\n",
            "Connection: keep-alive, Upgrade\r\n",
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
            "Sec-WebSocket-Extensions: permessage-deflate\r\n",
            "Content-Length: 3\r\n",
            "Transfer-Encoding: chunked\r\n",
            "3\r\nabc\r\n0\r\n",
            "\r\n",
            "\n",
        ][..],
    );
    prop_oneof![
        8 => known.prop_map(|line| line.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn how_an_answer_is_cut_never_matters(
        good in prop::option::of(Just(GOOD)),
        lines in prop::collection::vec(line(), 0..12),
        cuts in prop::collection::vec(1..40_usize, 1..20),
        max_head_bytes in prop::sample::select(&[0, 40, 160, 300][..]),
    ) {
        let answer = [good.unwrap_or_default().as_bytes(), &lines.concat()].concat();
        let limits = Limits { max_head_bytes, max_headers: 6, max_body_bytes: 4 };
        let handshake = begin(&request()).with_limits(limits);
        let mut chunks = Vec::new();
        let mut rest = &answer[..];
        for cut in cuts.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, behind) = rest.split_at(cut.min(rest.len()));
            chunks.push(chunk);
            rest = behind;
        }
        prop_assert_eq!(feed(handshake.clone(), chunks), feed(handshake, [&answer[..]]));
    }
}

#[test]
fn a_broken_chunk_is_no_end_of_the_body() {
    let chunked = "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n";
    for broken in ["0x2\r\nhi\r\n", "2G\r\nhi\r\n", "2\r\nhi\r\r\n0\r\n", "2\r\nhi\rx"] {
        let rejected = feed(begin(&request()), [chunked.as_bytes(), broken.as_bytes()]).rejected();
        assert_eq!(rejected.body_state(), BodyState::Cut, "{broken:?}");
    }
    for good in ["2;x=y\r\nhi\r\n0\r\n", "2 \r\nhi\n0\n"] {
        let rejected = feed(begin(&request()), [chunked.as_bytes(), good.as_bytes()]).rejected();
        assert_eq!((rejected.body_state(), rejected.body()), (BodyState::Whole, &b"hi"[..]), "{good:?}");
    }
}
