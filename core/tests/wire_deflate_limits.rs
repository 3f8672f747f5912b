//! RFC 7692, in hostile hands: what is corrupt, what is too long, and what it costs.

#[expect(dead_code, reason = "each of its users takes what it needs")]
mod deflate;

use allocation_counter::measure;
use deflate::{PlainDeflater, agreed, deflate, inflate, json};
use steadfast_core::wire::{
    Buffer,
    deflate::{Agreed, Corrupt, Deflater, Inflater, Progress},
};

#[test]
fn a_bomb_stops_at_the_limit_and_not_before() {
    let bomb = PlainDeflater::new(9).message(&vec![0; BOMB]);
    assert!(bomb.len() < BOMB / 900, "{} bytes", bomb.len());
    for (limit, fits) in [(BOMB - 1, false), (BOMB, true), (BOMB + 1, true)] {
        let (mut inflater, mut message) = (Inflater::new(&agreed("")), Buffer::new());
        // As the limit is checked: one byte more than it allows is asked for.
        let came = inflater.inflate(&mut &bomb[..], &mut message, limit + 1).expect("a valid stream");
        assert_eq!(came == Progress::NeedsInput, fits, "limit {limit}");
        assert_eq!(message.len(), BOMB.min(limit + 1));
    }
}

#[test]
fn a_bomb_costs_the_limit_and_no_more() {
    let bomb = PlainDeflater::new(9).message(&vec![0; 100 * BOMB]);
    let (mut inflater, mut message) = (Inflater::new(&agreed("")), Buffer::new());
    let cost = measure(|| {
        assert_eq!(inflater.inflate(&mut &bomb[..], &mut message, BOMB), Ok(Progress::Full));
    });
    // A buffer that doubles, its old half beside it while it grows, and the window.
    assert!(cost.bytes_max < 3 * BOMB as u64 + (1 << 17), "{cost:?}");
    assert_eq!(message.len(), BOMB);
}

#[test]
fn a_long_message_comes_in_parts_of_the_size_that_is_asked_for() {
    let expected = json(100_000, 1);
    let payload = PlainDeflater::new(6).message(&expected);
    for max in [1, 2, 7, 1_000, 65_536] {
        let (mut inflater, mut part, mut message) = (Inflater::new(&agreed("")), Buffer::new(), Vec::new());
        let mut input = &payload[..];
        loop {
            let progress = if input.is_empty() {
                inflater.finish(&mut part, max)
            } else {
                inflater.inflate(&mut input, &mut part, max)
            };
            assert!(part.len() <= max);
            message.extend_from_slice(part.as_slice());
            part.clear();
            if progress == Ok(Progress::NeedsInput) && input.is_empty() {
                assert_eq!(inflater.finish(&mut part, max), Ok(Progress::NeedsInput));
                break;
            }
        }
        assert_eq!(message, expected, "parts of {max} bytes");
    }
}

#[test]
fn what_deflate_does_not_have_is_corrupt() {
    for (payload, what) in [
        (&[0x06][..], "a type of block"),
        (&[0x00, 0x05, 0x00, 0xfa, 0xfe], "the length of a stored block"),
        (&[0xf2, 0x00, 0x11, 0x00, 0x00], "a distance beyond the beginning"),
        (&[0xfc, 0x00, 0x00], "a number of codes"),
        (&[0x04, 0x00, 0xfe, 0xff], "a set of codes"),
        (&[0x02, 0x7e, 0xff, 0xff], "a distance code"),
    ] {
        for answer in EITHER {
            let mut inflater = Inflater::new(&agreed(answer));
            assert_eq!(inflate(&mut inflater, payload), Err(Corrupt::Invalid), "{what}");
        }
    }
}

#[test]
fn what_was_inflated_before_the_corrupt_place_is_there() {
    let mut message = Buffer::new();
    let payload = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0x06];
    let judged = Inflater::new(&agreed("")).inflate(&mut &payload[..], &mut message, 100);
    assert_eq!(judged, Err(Corrupt::Invalid));
    assert_eq!(message.as_slice(), b"He");
}

#[test]
fn what_is_corrupt_behind_what_was_asked_for_is_found_when_more_is_asked_for() {
    let payload = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0x06];
    for cut in 0..payload.len() {
        let (mut inflater, mut message) = (Inflater::new(&agreed("")), Buffer::new());
        let mut asked_for = 2;
        let mut judged = Ok(Progress::NeedsInput);
        for mut part in [&payload[..cut], &payload[cut..]] {
            while judged == Ok(Progress::Full) || judged.is_ok() && !part.is_empty() {
                let left = asked_for - message.len();
                judged = inflater.inflate(&mut part, &mut message, left);
                if judged == Ok(Progress::Full) {
                    assert_eq!(message.as_slice(), b"He", "cut at {cut}");
                    asked_for = 3;
                }
            }
        }
        assert_eq!((asked_for, judged), (3, Err(Corrupt::Invalid)), "cut at {cut}");
    }
}

#[test]
fn a_message_that_ends_within_a_block_is_found_at_its_end() {
    let stored = PlainDeflater::new(0).message(&json(300, 1));
    let fixed = deflate(&mut Deflater::new(&agreed("")).expect("a window"), &json(300, 1));
    for whole in [stored, fixed] {
        // One byte of 0 would be an empty message.
        for cut in 2..whole.len() {
            for answer in EITHER {
                let mut inflater = Inflater::new(&agreed(answer));
                let judged = inflate(&mut inflater, &whole[..cut]);
                assert_eq!(judged, Err(Corrupt::Truncated), "cut at {cut} of {}", whole.len());
            }
        }
    }
}

#[test]
fn a_message_that_ends_within_a_blocks_own_codes_is_found_at_its_end() {
    let whole = PlainDeflater::new(9).message(&json(2_000, 1));
    assert_eq!(whole[0] & 7, 0b100, "a block with codes of its own");
    for cut in 1..whole.len() {
        for answer in EITHER {
            let judged = inflate(&mut Inflater::new(&agreed(answer)), &whole[..cut]);
            assert_eq!(judged, Err(Corrupt::Truncated), "cut at {cut} of {}", whole.len());
        }
    }
}

#[test]
fn a_message_that_ends_before_its_missing_codes_are_missed_is_found_at_its_end() {
    // The lengths of the codes for lengths are all 0, which zlib only objects to once every length was read.
    for answer in EITHER {
        let judged = inflate(&mut Inflater::new(&agreed(answer)), &[0x6c, 0x6f, 0x00]);
        assert_eq!(judged, Err(Corrupt::Truncated));
    }
}

#[test]
fn bytes_behind_a_message_are_not_taken_for_its_end() {
    let mut payload = vec![0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    payload.extend_from_slice(&[0, 0, 0xff, 0xff]);
    let judged = inflate(&mut Inflater::new(&agreed("")), &payload);
    assert_eq!(judged, Err(Corrupt::Truncated), "the end that has to be cut off was sent, and a block is missing");
}

#[test]
fn messages_in_steady_state_allocate_nothing() {
    for answer in EITHER {
        let mut conversation = Conversation::new(&agreed(answer));
        (0..100).for_each(|n| conversation.round(n));
        let cost = measure(|| (0..1_000).for_each(|n| conversation.round(n)));
        assert_eq!(cost.count_total, 0, "{cost:?}");
    }
}

#[test]
fn nothing_is_allocated_before_the_first_message() {
    let agreed = agreed("");
    let cost = measure(|| {
        let (inflater, deflater) = (Inflater::new(&agreed), Deflater::new(&agreed).expect("a window"));
        assert_eq!((inflater.memory(), deflater.memory()), (0, 0));
    });
    assert_eq!(cost.count_total, 0);
}

#[test]
fn the_memory_that_is_counted_is_the_memory_that_is_held() {
    for bits in 9..=15 {
        let agreed = agreed(&format!("; server_max_window_bits={bits}; client_max_window_bits={bits}"));
        let (mut inflater, mut deflater) = (Inflater::new(&agreed), Deflater::new(&agreed).expect("a window"));
        let (mut payload, mut message) = (Buffer::from(vec![0; 100_000]), Buffer::from(vec![0; 200_000]));
        let text = json(100_000, 3);
        let held = measure(|| {
            payload.clear();
            deflater.deflate(&text, true, &mut payload);
        });
        assert_eq!(held.bytes_current, i64::try_from(deflater.memory()).expect("a number of bytes"), "{bits} bits");
        let held = measure(|| {
            message.clear();
            inflater.inflate(&mut payload.as_slice(), &mut message, usize::MAX).expect("a message");
            inflater.finish(&mut message, usize::MAX).expect("a message");
        });
        assert_eq!(held.bytes_current, i64::try_from(inflater.memory()).expect("a number of bytes"), "{bits} bits");
        let given_back = measure(|| {
            deflater.release();
            inflater.release();
        });
        assert_eq!((deflater.memory(), inflater.memory()), (0, 1 << bits));
        assert!(given_back.bytes_current < -150_000, "{given_back:?}");
    }
}

/// Both directions, with buffers that are used again.
struct Conversation {
    deflater: Deflater,
    inflater: Inflater,
    payload: Buffer,
    message: Buffer,
    messages: Vec<Vec<u8>>,
}

impl Conversation {
    fn new(agreed: &Agreed) -> Self {
        Self {
            deflater: Deflater::new(agreed).expect("a window"),
            inflater: Inflater::new(agreed),
            payload: Buffer::new(),
            message: Buffer::new(),
            messages: [10, 100, 1_000, 16_384].map(|bytes| json(bytes, bytes)).into(),
        }
    }

    fn round(&mut self, n: usize) {
        let text = &self.messages[n % self.messages.len()];
        self.payload.clear();
        self.message.clear();
        self.deflater.deflate(text, true, &mut self.payload);
        self.inflater.inflate(&mut self.payload.as_slice(), &mut self.message, usize::MAX).expect("a message");
        self.inflater.finish(&mut self.message, usize::MAX).expect("a message");
        assert_eq!(self.message.as_slice(), text);
    }
}

/// With context takeover, and without.
const EITHER: [&str; 2] = ["", "; server_no_context_takeover; client_no_context_takeover"];

const BOMB: usize = 1 << 20;
