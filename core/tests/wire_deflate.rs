//! RFC 7692 §7.2: what a message looks like when it is compressed.

mod deflate;

use deflate::{PlainDeflater, PlainInflater, agreed, agreed_with, deflate, inflate, json};
use steadfast_core::wire::{
    Buffer,
    deflate::{Corrupt, Deflater, Inflater, Options, Progress},
};

#[test]
fn one_block_is_read_and_written_as_in_7_2_3_1() {
    let payload = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(inflate(&mut inflater(""), &payload), Ok(b"Hello".to_vec()));
    assert_eq!(deflate(&mut deflater(""), b"Hello"), payload);
}

#[test]
fn fragments_are_read_and_written_as_in_7_2_3_1() {
    let (mut inflater, mut message) = (inflater(""), Buffer::new());
    for mut fragment in [&[0xf2, 0x48, 0xcd][..], &[], &[0xc9, 0xc9, 0x07, 0x00]] {
        assert_eq!(inflater.inflate(&mut fragment, &mut message, 100), Ok(Progress::NeedsInput));
    }
    assert_eq!(inflater.finish(&mut message, 100), Ok(Progress::NeedsInput));
    assert_eq!(message.as_slice(), b"Hello");

    let (mut deflater, mut payload) = (deflater(""), Buffer::new());
    for fragment in [&b"Hel"[..], b"", b"lo"] {
        deflater.deflate(fragment, false, &mut payload);
    }
    deflater.deflate(b"", true, &mut payload);
    assert_eq!(payload.as_slice(), [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
}

#[test]
fn a_window_is_shared_by_messages_as_in_7_2_3_2() {
    let payloads = [&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..], &[0xf2, 0x00, 0x11, 0x00, 0x00]];
    let mut inflater = inflater("");
    for payload in payloads {
        assert_eq!(inflate(&mut inflater, payload), Ok(b"Hello".to_vec()));
    }
    // The example's compressor is lazier than level 1.
    let mut deflater = Deflater::new(&agreed_with(Options { level: 6, ..Options::default() }, "")).expect("a window");
    for payload in payloads {
        assert_eq!(deflate(&mut deflater, b"Hello"), payload);
    }
}

#[test]
fn without_takeover_no_message_refers_back_to_another() {
    let mut deflater = deflater("; client_no_context_takeover");
    assert_eq!(deflate(&mut deflater, b"Hello"), deflate(&mut deflater, b"Hello"));

    let mut inflater = inflater("; server_no_context_takeover");
    assert_eq!(inflate(&mut inflater, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]), Ok(b"Hello".to_vec()));
    let refused = inflate(&mut inflater, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
    assert_eq!(refused, Err(Corrupt::Invalid));
}

#[test]
fn a_block_without_compression_is_read_as_in_7_2_3_3() {
    let payload = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    for answer in EITHER {
        assert_eq!(inflate(&mut inflater(answer), &payload), Ok(b"Hello".to_vec()));
    }
}

#[test]
fn a_last_block_is_read_as_in_7_2_3_4() {
    let payload = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    for answer in EITHER {
        let mut inflater = inflater(answer);
        for _ in 0..3 {
            assert_eq!(inflate(&mut inflater, &payload), Ok(b"Hello".to_vec()));
        }
    }
}

#[test]
fn a_last_block_whose_end_was_cut_off_is_read_as_the_last() {
    // The empty stored block that ends a message says itself that it is the last.
    for answer in EITHER {
        let mut inflater = inflater(answer);
        for (payload, message) in [
            (&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x04][..], &b"Hello"[..]),
            (&[0x01], b""),
            (&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], b"Hello"),
        ] {
            assert_eq!(inflate(&mut inflater, payload), Ok(message.to_vec()));
        }
    }
}

#[test]
fn what_follows_a_last_block_refers_back_to_what_came_before_it() {
    let within = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0xf2, 0x00, 0x11, 0x00, 0x00];
    for answer in EITHER {
        assert_eq!(inflate(&mut inflater(answer), &within), Ok(b"HelloHello".to_vec()));
    }
    let mut inflater = inflater("");
    assert_eq!(inflate(&mut inflater, &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]), Ok(b"Hello".to_vec()));
    assert_eq!(inflate(&mut inflater, &[0xf2, 0x00, 0x11, 0x00, 0x00]), Ok(b"Hello".to_vec()));
}

#[test]
fn two_blocks_are_read_as_in_7_2_3_5() {
    let payload = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    for answer in EITHER {
        assert_eq!(inflate(&mut inflater(answer), &payload), Ok(b"Hello".to_vec()));
    }
}

#[test]
fn an_empty_message_is_read_and_written_as_in_7_2_3_6() {
    for answer in EITHER {
        let (mut inflater, mut deflater) = (inflater(answer), deflater(answer));
        for message in [&b""[..], b"Hello", b"", b"", b"Hello"] {
            let payload = deflate(&mut deflater, message);
            if message.is_empty() {
                assert_eq!(payload, [0]);
            }
            assert_eq!(inflate(&mut inflater, &payload), Ok(message.to_vec()));
        }
    }
}

#[test]
fn a_message_without_a_byte_is_taken_for_an_empty_one() {
    let mut inflater = inflater("");
    assert_eq!(inflate(&mut inflater, &[]), Ok(Vec::new()));
    assert_eq!(inflate(&mut inflater, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]), Ok(b"Hello".to_vec()));
}

#[test]
fn a_server_of_another_make_is_understood() {
    for level in [0, 1, 6, 9] {
        for answer in EITHER {
            let (mut server, mut inflater) = (PlainDeflater::new(level), inflater(answer));
            for (n, bytes) in SIZES.into_iter().enumerate() {
                let message = json(bytes, n);
                assert_eq!(inflate(&mut inflater, &server.message(&message)), Ok(message), "level {level}");
                if !answer.is_empty() {
                    server.forget();
                }
            }
        }
    }
}

#[test]
fn a_server_that_ends_every_message_with_a_last_block_is_understood() {
    for answer in EITHER {
        let (mut server, mut inflater) = (PlainDeflater::new(6), inflater(answer));
        for (n, bytes) in SIZES.into_iter().enumerate() {
            let message = json(bytes, n);
            assert_eq!(inflate(&mut inflater, &server.final_message(&message)), Ok(message));
        }
    }
}

#[test]
fn a_server_of_another_make_understands_with_every_window_and_level() {
    let messages: Vec<Vec<u8>> = SIZES.into_iter().enumerate().map(|(n, size)| json(size, n)).collect();
    for bits in 9..=15 {
        for level in 1..=9 {
            for reset in ["", "; client_no_context_takeover"] {
                let options = Options { level, ..Options::default() };
                let agreed = agreed_with(options, &format!("{reset}; client_max_window_bits={bits}"));
                let (mut deflater, mut server) = (Deflater::new(&agreed).expect("a window"), PlainInflater::new(bits));
                for message in &messages {
                    assert_eq!(server.message(&deflate(&mut deflater, message)), *message, "{agreed:?}");
                    if !reset.is_empty() {
                        server.forget();
                    }
                }
            }
        }
    }
}

#[test]
fn every_window_of_a_server_is_enough_with_the_memory_given_back_each_time() {
    for bits in 8..=15 {
        // A compressor with 512 bytes of window refers back by at most 250, as `PlainInflater` checks: fit for 256, too.
        let other_side = format!("; client_max_window_bits={}", bits.max(9));
        let mut server = deflater(&other_side);
        let mut check = PlainInflater::new(bits);
        let mut inflater = inflater(&format!("; server_max_window_bits={bits}"));
        for (n, size) in SIZES.into_iter().enumerate() {
            let message = json(size, n);
            let payload = deflate(&mut server, &message);
            assert_eq!(check.message(&payload), message);
            assert_eq!(inflate(&mut inflater, &payload), Ok(message), "{bits} bits");
            inflater.release();
        }
    }
}

#[test]
fn a_server_that_wants_a_window_of_256_bytes_gets_its_messages_uncompressed() {
    assert!(Deflater::new(&agreed("; client_max_window_bits=8")).is_none());
}

#[test]
fn a_conversation_goes_on_after_the_compressor_gave_its_memory_back() {
    let (mut deflater, mut server) = (deflater(""), PlainInflater::new(15));
    for n in 0..50 {
        let message = json(700, n);
        assert_eq!(server.message(&deflate(&mut deflater, &message)), message);
        if n % 3 == 0 {
            deflater.release();
        }
    }
}

#[test]
fn in_the_middle_of_a_message_nothing_is_given_back() {
    let (mut deflater, mut inflater) = (deflater(""), inflater(""));
    let (mut payload, mut message) = (Buffer::new(), Buffer::new());
    for part in [b"Hel", b"lo,", b" He", b"llo"] {
        deflater.deflate(part, false, &mut payload);
        deflater.release();
    }
    deflater.deflate(b"", true, &mut payload);
    for byte in payload.as_slice() {
        assert_eq!(inflater.inflate(&mut &[*byte][..], &mut message, 100), Ok(Progress::NeedsInput));
        inflater.release();
    }
    assert_eq!(inflater.finish(&mut message, 100), Ok(Progress::NeedsInput));
    assert_eq!(message.as_slice(), b"Hello, Hello");
}

#[test]
fn what_compressing_makes_no_shorter_is_left_as_it_is() {
    for answer in EITHER {
        let (mut deflater, mut server) = (deflater(answer), PlainInflater::new(15));
        let mut out = Buffer::new();
        for n in 0..10 {
            let noise = noise(1_000, n);
            out.clear();
            out.extend_from_slice(b"before");
            assert!(!deflater.shorten(&noise, &mut out), "noise");
            assert!(!deflater.shorten(b"", &mut out), "nothing");
            assert_eq!(out.as_slice(), b"before");
            // The server has not seen the noise: nothing may refer back to it.
            let message = [&noise[..300], &json(500, 1)].concat();
            assert!(deflater.shorten(&message, &mut out));
            assert_eq!(server.message(&out.as_slice()[6..]), message);
            if !answer.is_empty() {
                server.forget();
            }
        }
    }
}

/// Bytes that nothing is to be saved on.
fn noise(bytes: usize, mut seed: u32) -> Vec<u8> {
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    };
    (0..bytes).map(|_| next()).collect()
}

fn inflater(answer: &str) -> Inflater {
    Inflater::new(&agreed(answer))
}

fn deflater(answer: &str) -> Deflater {
    Deflater::new(&agreed(answer)).expect("a window")
}

/// With context takeover, and without.
const EITHER: [&str; 2] = ["", "; server_no_context_takeover; client_no_context_takeover"];

/// Lengths of messages, around those of windows and blocks.
const SIZES: [usize; 10] = [1, 2, 3, 100, 257, 1_000, 4_097, 33_000, 20, 70_000];
