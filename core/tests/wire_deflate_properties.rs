//! RFC 7692 with any messages, in any pieces, and with memory given back at any time between them.

#[expect(dead_code, reason = "each of its users takes what it needs")]
mod deflate;

use deflate::{PlainDeflater, PlainInflater, agreed_with};
use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest},
};
use steadfast_core::wire::{
    Buffer,
    deflate::{Deflater, Inflater, Options, Progress},
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_server_of_another_make_is_understood_in_any_pieces(
        sent in vec(sent(), 1..10),
        level in 0..=9u8,
        takeover in any::<bool>(),
    ) {
        let answer = if takeover { "" } else { "; server_no_context_takeover" };
        let (mut server, mut inflater) = (PlainDeflater::new(level), Inflater::new(&agreed_with(Options::default(), answer)));
        let mut message = Buffer::new();
        for Sent { text, pieces, asked_for, release, last_block } in sent {
            let payload = if last_block { server.final_message(&text) } else { server.message(&text) };
            if !takeover {
                server.forget();
            }
            message.clear();
            for mut piece in cut(&payload, &pieces) {
                while inflater.inflate(&mut piece, &mut message, asked_for) != Ok(Progress::NeedsInput) {}
                assert!(piece.is_empty());
            }
            while inflater.finish(&mut message, asked_for) != Ok(Progress::NeedsInput) {}
            assert_eq!(message.as_slice(), text);
            if release {
                inflater.release();
            }
        }
    }

    #[test]
    fn a_server_of_another_make_understands_what_was_compressed_in_any_pieces(
        sent in vec(sent(), 1..10),
        level in 1..=9u8,
        bits in 9..=15u8,
        takeover in any::<bool>(),
    ) {
        let reset = if takeover { "" } else { "; client_no_context_takeover" };
        let options = Options { level, ..Options::default() };
        let agreed = agreed_with(options, &format!("{reset}; client_max_window_bits={bits}"));
        let (mut deflater, mut server) = (Deflater::new(&agreed).expect("a window"), PlainInflater::new(bits));
        let mut payload = Buffer::new();
        for Sent { text, pieces, release, last_block, .. } in sent {
            payload.clear();
            let cut = cut(&text, &pieces);
            for (n, piece) in cut.iter().enumerate() {
                deflater.deflate(piece, !last_block && n + 1 == cut.len(), &mut payload);
            }
            if last_block {
                deflater.deflate(&[], true, &mut payload);
            }
            assert_eq!(server.message(payload.as_slice()), text);
            if !takeover {
                server.forget();
            }
            if release {
                deflater.release();
            }
        }
    }
}

#[test]
fn a_server_that_only_stores_is_understood_whatever_the_length() {
    let mut inflater = Inflater::new(&agreed_with(Options::default(), "; server_no_context_takeover"));
    for len in [31_742..31_748, 32_766..32_770, 65_533..65_538, 95_230..95_240].into_iter().flatten() {
        let text = vec![0; len];
        for payload in [PlainDeflater::new(0).message(&text), PlainDeflater::new(0).final_message(&text)] {
            assert!(deflate::inflate(&mut inflater, &payload) == Ok(text.clone()), "{len} bytes");
        }
    }
}

/// A message, and how it is handled.
#[derive(Clone, Debug)]
struct Sent {
    text: Vec<u8>,
    /// Where its bytes are cut, as parts of 256.
    pieces: Vec<u8>,
    /// How many bytes are asked for at a time.
    asked_for: usize,
    /// Whether memory is given back behind it.
    release: bool,
    /// Whether its end comes as a last block (inwards), or alone (outwards).
    last_block: bool,
}

fn sent() -> impl Strategy<Value = Sent> {
    let asked_for = prop_oneof![1..20usize, 20..70_000usize, Just(usize::MAX)];
    (text(), vec(any::<u8>(), 0..5), asked_for, any::<bool>(), any::<bool>()).prop_map(
        |(text, mut pieces, asked_for, release, last_block)| {
            pieces.sort_unstable();
            Sent { text, pieces, asked_for, release, last_block }
        },
    )
}

/// Something that compresses well, or not at all.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let words = vec(prop_oneof![Just("{\"id\":"), Just("price"), Just("1234567"), Just("},"), Just(" ")], 0..300);
    let long = (any::<u8>(), 0..40_000usize).prop_map(|(byte, len)| vec![byte; len]);
    prop_oneof![
        4 => words.prop_map(|words| words.concat().into_bytes()),
        1 => vec(any::<u8>(), 0..3_000),
        1 => long,
        1 => Just(Vec::new()),
    ]
}

fn cut<'a>(bytes: &'a [u8], at: &[u8]) -> Vec<&'a [u8]> {
    let (mut parts, mut from) = (Vec::new(), 0);
    for &part in at {
        let to = (bytes.len() * usize::from(part) / 256).max(from);
        parts.push(&bytes[from..to]);
        from = to;
    }
    parts.push(&bytes[from..]);
    parts
}
