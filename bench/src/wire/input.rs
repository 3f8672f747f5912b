//! What is sent and received: the same for everyone.

use std::{fmt::Write as _, sync::Arc};

use bytes::Bytes;

/// Text or binary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Text,
    Binary,
}

impl Kind {
    /// Its name in tables and keys.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }
}

/// Messages of one kind and size, and the bytes in which a server sends them.
pub(crate) struct Input {
    pub(crate) kind: Kind,
    /// Bytes in each message.
    pub(crate) size: usize,
    /// Each in its own allocation.
    pub(crate) messages: Vec<Bytes>,
    /// All of them as unmasked frames, one after another: a ring, as it ends where a frame ends.
    pub(crate) stream: Arc<[u8]>,
}

impl Input {
    /// About 2 MiB of messages, at least 16: more than the caches next to a core hold, so that what arrives is about
    /// as cold as what a kernel hands over.
    pub(crate) fn new(kind: Kind, size: usize) -> Self {
        let count = (RING_BYTES / size).max(16);
        let messages: Vec<Bytes> = match kind {
            Kind::Text => texts(size, count),
            Kind::Binary => binaries(size, count),
        };
        let mut stream = Vec::new();
        for message in &messages {
            stream.push(if kind == Kind::Text { 0x81 } else { 0x82 });
            append_length(&mut stream, message.len());
            stream.extend_from_slice(message);
        }
        Self { kind, size, messages, stream: stream.into() }
    }

    /// What a sender cycles through: as much as a program has at hand that has just made it, up to 64 messages and
    /// 256 KiB, and at least four.
    pub(crate) fn outgoing(&self) -> &[Bytes] {
        &self.messages[..(OUTGOING_BYTES / self.size).clamp(4, 64)]
    }
}

/// The length of a frame's payload in the shortest form, without a mask (RFC 6455 §5.2).
fn append_length(stream: &mut Vec<u8>, len: usize) {
    if let Ok(len) = u8::try_from(len)
        && len < 126
    {
        stream.push(len);
    } else if let Ok(len) = u16::try_from(len) {
        stream.push(126);
        stream.extend_from_slice(&len.to_be_bytes());
    } else {
        stream.push(127);
        stream.extend_from_slice(&(len as u64).to_be_bytes());
    }
}

/// JSON-like records in ASCII; of [`BEYOND_ASCII`] messages one has a name or a sign in other letters in most of its records
/// (about one byte in thirty), as what people write has. Each message is a window on them, filled up with blanks where a
/// character would be cut.
fn texts(size: usize, count: usize) -> Vec<Bytes> {
    let mut random = Random(size as u64);
    let plain = records(size + 64 * 1024, &NAMES[..4], &NOTES[..3], &mut random);
    let rich = records(size + 64 * 1024, &NAMES, &NOTES, &mut random);
    let message = |index: usize| {
        let records = if index.is_multiple_of(BEYOND_ASCII) { &rich } else { &plain };
        let start = records.ceil_char_boundary(random.below(records.len() - size - 3));
        let window = &records[start..records.floor_char_boundary(start + size)];
        let mut message = String::with_capacity(size);
        message.push_str(window);
        message.extend(std::iter::repeat_n(' ', size - window.len()));
        message.into()
    };
    (0..count).map(message).collect()
}

/// At least `len` bytes of records.
fn records(len: usize, names: &[&str], notes: &[&str], random: &mut Random) -> String {
    let mut records = String::new();
    while records.len() < len {
        let (name, note) = (names[random.below(names.len())], notes[random.below(notes.len())]);
        let (id, price) = (random.below(1_000_000), random.below(100_000));
        write!(records, r#"{{"id":{id},"user":"{name}","price":{price},"note":"{note}"}},"#).expect("strings grow");
    }
    records
}

fn binaries(size: usize, count: usize) -> Vec<Bytes> {
    let mut random = Random(size as u64);
    let mut message = || {
        let mut bytes: Vec<u8> = Vec::with_capacity(size + 8);
        while bytes.len() < size {
            bytes.extend_from_slice(&random.next().to_le_bytes());
        }
        bytes.truncate(size);
        bytes.into()
    };
    (0..count).map(|_| message()).collect()
}

/// xorshift64*: the same messages in every run.
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 32).unwrap_or(0) % bound
    }
}

const RING_BYTES: usize = 2 * 1024 * 1024;
const OUTGOING_BYTES: usize = 256 * 1024;
const BEYOND_ASCII: usize = 8;
/// The first four, and the first three, are ASCII.
const NAMES: [&str; 8] = ["anna", "bob", "carol", "dave", "Zoë", "Łukasz", "李明", "Σοφία"];
const NOTES: [&str; 6] = ["ok", "filled at market", "retry later", "limit 12.30 €", "déjà vu", "thanks 🙏"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_has_the_size_that_was_asked_for() {
        for kind in [Kind::Text, Kind::Binary] {
            for size in [16, 128, 1024, 70_000] {
                assert!(Input::new(kind, size).messages.iter().all(|message| message.len() == size));
            }
        }
    }

    #[test]
    fn texts_are_text_and_some_of_them_are_not_ascii() {
        for size in [16, 128] {
            let texts = Input::new(Kind::Text, size).messages;
            assert!(texts.iter().all(|text| std::str::from_utf8(text).is_ok()));
            assert!(texts.iter().any(|text| !text.is_ascii()));
            assert!(texts.iter().any(|text| text.is_ascii()));
        }
    }
}
