//! Compressed messages of a hostile server.

use crate::suite::{
    bad_input::{refused, told},
    frames::frame,
    silence,
    victim::{Answer, Course, Harm, Then, judge_all, meet, small},
};
use steadfast_mio::{
    EngineKind, WireOptions,
    core::{
        Cause, HandshakeKind,
        wire::{Buffer, deflate},
    },
};

/// A good answer with more headers.
fn accepted(more: &'static str) -> Harm {
    Harm { answer: Answer::Accept(more), ..Harm::frames("") }
}

/// A good answer that accepts compression, and then these bytes.
fn compressed(bytes: impl Into<Vec<u8>>) -> Harm {
    Harm { begin: bytes.into(), ..accepted("Sec-WebSocket-Extensions: permessage-deflate\r\n") }
}

#[test]
fn compressed_messages_are_no_way_round_the_limits() {
    use HandshakeKind::Extension;
    let offer = deflate::Offer::new(deflate::Options::default()).expect("good options");
    let agreed = offer.judge("permessage-deflate").expect("what was offered").expect("compression");
    let mut bomb = Buffer::new();
    deflate::Deflater::new(&agreed).expect("a window").deflate(&vec![0; 4 << 20], true, &mut bomb);
    let bomb = bomb.as_slice();
    // In fragments of a byte, too.
    let (first, rest) = (frame(0x42, &bomb[..1]), bomb[1..].iter().flat_map(|byte| frame(0x00, &[*byte])));
    let pieces: Vec<u8> = first.into_iter().chain(rest).collect();
    let bits = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99\r\n";
    let cases = [
        ("a bomb", told(1009, "a message of more than 65536 B", compressed(frame(0xc2, bomb)))),
        ("a bomb in fragments", told(1009, "a message of more than 65536 B", compressed(pieces))),
        ("no DEFLATE", told(1007, "RFC 7692 §7.2.2", compressed([0xc2, 3, 0xff, 0xff, 0xff]))),
        ("a text that is none", told(1007, "§8.1", compressed([0xc1, 7, 0, 2, 0, 0xfd, 0xff, 0xc3, 0x28]))),
        ("RSV1 on a continuation", told(1002, "100", compressed([0x42, 1, 0, 0xc0, 0]))),
        ("RSV1 on a ping", told(1002, "100", compressed([0xc9, 0]))),
        ("a window of 2^99", refused(Extension, "RFC 7692", accepted(bits).then(Then::End))),
    ];
    let engine = EngineKind::Native(WireOptions { compression: Some(offer), ..WireOptions::default() });
    judge_all(&cases, |case| case.judge(&engine, &small()));
}

#[test]
fn silence_in_the_middle_of_a_compressed_message_ends_with_the_heartbeat() {
    let compression = deflate::Offer::new(deflate::Options::default()).ok();
    let engine = EngineKind::Native(WireOptions { compression, ..WireOptions::default() });
    // Of a stored block of five bytes, three; and then nothing of the next fragment.
    let stored = [0, 5, 0, 0xfa, 0xff, b'a', b'b', b'c'];
    let cases = [
        ("in a frame", compressed([&[0xc1, 20][..], &stored].concat())),
        ("between two fragments", compressed([&[0x41, 8][..], &stored].concat())),
    ];
    judge_all(&cases, |harm| {
        let Course { cause, heap, .. } = meet(&harm.clone().then(Then::Silence), &engine, &silence::lively());
        if cause == Cause::HeartbeatTimeout { Ok(()) } else { Err(format!("{cause:?}, {heap} B")) }
    });
}
