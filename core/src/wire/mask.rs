//! Masks (RFC 6455 §5.3): unpredictable, and laid over the payload while it is copied.

use chacha20::{
    ChaCha12Rng,
    rand_core::{Rng, SeedableRng},
};

/// Where masking keys come from: a stream cipher of 12 rounds, which makes them a block at a time.
pub(super) struct Masks(ChaCha12Rng);

impl Masks {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    /// A key that nobody who has seen all before it can tell.
    #[inline]
    pub(super) fn next(&mut self) -> [u8; 4] {
        self.0.next_u32().to_le_bytes()
    }
}

/// Writes `payload`, masked, over `out`, which has its length, in one pass.
#[inline]
pub(super) fn mask_into(payload: &[u8], key: [u8; 4], out: &mut [u8]) {
    #[cfg(feature = "std")]
    if payload.len() >= WIDE {
        return mask_wide(payload, key, out);
    }
    mask_words(payload, key, out);
}

/// With the widest vectors that the processor turns out to have: the compiler may only count on those that all have, which
/// store half as much at a time or a quarter.
#[cfg(feature = "std")]
#[inline(never)]
fn mask_wide(payload: &[u8], mut key: [u8; 4], out: &mut [u8]) {
    // A store across the border of two cache lines takes as long as two.
    let before = out.as_ptr().align_offset(LINE).min(payload.len());
    let (head, payload) = payload.split_at(before);
    let (out_head, out) = out.split_at_mut(before);
    mask_words(head, key, out_head);
    key.rotate_left(before % 4);
    fearless_simd::dispatch!(fearless_simd::Level::new(), _simd => mask_words(payload, key, out));
}

/// A word at a time: the compiler makes vectors of it.
#[inline(always)]
#[expect(clippy::inline_always, reason = "where it is put decides how wide its vectors are")]
fn mask_words(payload: &[u8], key: [u8; 4], out: &mut [u8]) {
    let word = u32::from_ne_bytes(key);
    let (words, rest) = payload.as_chunks::<4>();
    let (out_words, out_rest) = out.as_chunks_mut::<4>();
    for (out, bytes) in out_words.iter_mut().zip(words) {
        *out = (u32::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for ((out, byte), key) in out_rest.iter_mut().zip(rest).zip(key) {
        *out = byte ^ key;
    }
}

/// From how many bytes on it pays to look for wide vectors.
#[cfg(feature = "std")]
const WIDE: usize = 512;
/// The bytes in a cache line of most processors.
#[cfg(feature = "std")]
const LINE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{collections::BTreeSet, vec, vec::Vec};

    #[test]
    fn each_byte_is_masked_with_the_key_s_byte_at_its_place() {
        let payload: Vec<u8> = (0..=255).cycle().take(1_000).collect();
        let key = [0x12, 0x34, 0x56, 0x78];
        for len in 0..=payload.len() {
            // At any place in memory.
            let mut out = vec![0; len + len % 67];
            let out = &mut out[len % 67..];
            mask_into(&payload[..len], key, out);
            let expected: Vec<u8> = (0..len).map(|at| payload[at] ^ key[at % 4]).collect();
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn keys_follow_from_the_seed_and_do_not_repeat() {
        let keys = |seed| {
            let mut masks = Masks::new([seed; 32]);
            (0..1_000).map(|_| masks.next()).collect::<Vec<_>>()
        };
        assert_eq!(keys(1), keys(1));
        assert_ne!(keys(1), keys(2));
        assert!(keys(1).into_iter().collect::<BTreeSet<_>>().len() > 995);
    }

    #[test]
    fn the_first_keys_of_a_seed_are_those_of_chacha12() {
        // The first words of ChaCha12 with a key and a nonce of zeros, by draft-strombergson-chacha-test-vectors-01.
        let mut masks = Masks::new([0; 32]);
        assert_eq!([masks.next(), masks.next()], [[0x9b, 0xf4, 0x9a, 0x6a], [0x07, 0x55, 0xf9, 0x53]]);
    }
}
