//! RFC 7692 §6.2: whatever a compressed stream holds, how it is cut never matters.
#![cfg(feature = "deflate")]

#[expect(dead_code, reason = "each of its users takes what it needs")]
mod wire;

use proptest::{collection::vec, option, prelude::*, sample::Index, sample::select};
use steadfast_core::wire::{
    Buffer, Config, OpCode, Violation, Wire,
    deflate::{Agreed, Deflater, Offer, Options},
};
use wire::{Peer, Seen, frame};

/// A compressed message as a server sends it, or nearly.
#[derive(Clone, Debug)]
struct Sent {
    text: bool,
    message: Vec<u8>,
    /// A bit of the payload that is wrong.
    flipped: Option<(Index, u8)>,
    /// How much of the payload there is, if not all.
    shortened: Option<Index>,
    /// Where the payload is cut in two frames, with a ping between them.
    fragments: Option<Index>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let letters = vec(select(&b"abcxxxxxxx"[..]), 0..400);
    let long = (vec(any::<u8>(), 1..50), 1..600_usize).prop_map(|(part, times)| part.repeat(times));
    let cafe = "[aé€😀]{0,80}".prop_map(String::into_bytes);
    let message = (prop_oneof![3 => letters, 1 => long, 3 => cafe], option::weighted(0.3, any::<Index>()));
    let wrong = (option::weighted(0.2, (any::<Index>(), 0..8_u8)), option::weighted(0.1, any::<Index>()));
    (any::<bool>(), message, wrong, option::of(any::<Index>())).prop_map(
        |(text, (mut message, bad), (flipped, shortened), fragments)| {
            if let (Some(at), false) = (bad, message.is_empty()) {
                *at.get_mut(&mut message) = 0xFF;
            }
            Sent { text, message, flipped, shortened, fragments }
        },
    )
}

impl Sent {
    fn bytes(&self, server: &mut Deflater) -> Vec<u8> {
        let mut payload = Buffer::new();
        server.deflate(&self.message, true, &mut payload);
        let mut payload = payload.into_vec();
        if let Some((at, bit)) = self.flipped {
            *at.get_mut(&mut payload) ^= 1 << bit;
        }
        if let Some(end) = self.shortened {
            payload.truncate(end.index(payload.len() + 1));
        }
        let opcode = if self.text { OpCode::Text } else { OpCode::Binary };
        let Some(cut) = self.fragments else { return marked(true, opcode, &payload) };
        let (first, second) = payload.split_at(cut.index(payload.len() + 1));
        let ping = frame(true, OpCode::Ping, b"between");
        [marked(false, opcode, first), ping, frame(true, OpCode::Continuation, second)].concat()
    }
}

fn marked(fin: bool, opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(fin, opcode, payload);
    bytes[0] |= 0x40;
    bytes
}

fn agreed() -> Agreed {
    let offer = Offer::new(Options::default()).expect("in range");
    offer.judge("permessage-deflate").expect("as offered").expect("the server compresses")
}

/// The messages that came whole, and what ended it.
fn receive(config: Config, bytes: &[u8], chunk: usize) -> (Vec<Vec<u8>>, Option<Violation>) {
    let mut peer = Peer::new(config);
    peer.wire = Wire::with_deflate(config, &agreed(), [7; 32]);
    let (mut messages, mut under_way, mut violation) = (Vec::new(), Vec::new(), None);
    for seen in bytes.chunks(chunk).flat_map(|chunk| peer.feed(chunk)) {
        match seen {
            Seen::Message(message) => messages.push(message.as_bytes().to_vec()),
            Seen::Piece(piece, _, last) => {
                under_way.extend_from_slice(piece.as_bytes());
                if last {
                    messages.push(std::mem::take(&mut under_way));
                }
            }
            Seen::Broken(broken) => violation = Some(broken),
            Seen::Ping(_) | Seen::Pong(_) | Seen::Close(_) => {}
        }
    }
    (messages, violation)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn messages_and_verdict_are_the_same_for_any_cut(
        sent in vec(sent(), 1..4),
        limit in select(&[0_u64, 1, 5, 50, 200, 1_000, 20_000][..]),
        pieces: bool,
        chunk in 2..60_usize,
    ) {
        let config = Config { max_message_bytes: limit, pieces, ..Config::default() };
        let mut server = Deflater::new(&agreed()).expect("a window of 32 KiB");
        let bytes: Vec<u8> = sent.iter().flat_map(|sent| sent.bytes(&mut server)).collect();
        let whole = receive(config, &bytes, bytes.len());
        prop_assert_eq!(&receive(config, &bytes, 1), &whole, "byte by byte");
        prop_assert_eq!(&receive(config, &bytes, chunk), &whole);
        // Whether it is handed out whole or in pieces makes no difference either.
        let other = Config { pieces: !pieces, ..config };
        prop_assert_eq!(&receive(other, &bytes, bytes.len()), &whole);
    }
}

#[test]
fn a_compressed_message_that_inflates_to_nothing_ends_at_its_limit() {
    let config = Config { max_message_bytes: 1_000, ..Config::default() };
    // Blocks of nothing: a stored one of length 0 has 5 bytes.
    let nothing = [0, 0, 0, 0xFF, 0xFF].repeat(200);
    let mut bytes = marked(false, OpCode::Binary, &nothing);
    let fragments = (2_000 + (64 << 10)) / nothing.len();
    bytes.extend(frame(false, OpCode::Continuation, &nothing).repeat(fragments - 1));
    assert_eq!(receive(config, &bytes, bytes.len()), (vec![], None));
    bytes.extend(frame(false, OpCode::Continuation, &nothing));
    let too_big = Violation::MessageTooBig { limit: 1_000 };
    assert_eq!(receive(config, &bytes, bytes.len()), (vec![], Some(too_big)));
}
