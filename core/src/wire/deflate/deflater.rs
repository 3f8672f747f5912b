//! Compressed messages on their way out (RFC 7692 §7.2.1).

use core::fmt;

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush};

use super::{Agreed, options::COMPRESSOR_WINDOW_BITS};
use crate::wire::Buffer;

/// Compresses the client's messages. Memory is taken with the first.
///
/// ```
/// use steadfast_core::wire::{Buffer, deflate::{Deflater, Offer, Options}};
///
/// let agreed = Offer::new(Options::default())?.judge("permessage-deflate")?.expect("the server compresses");
/// let mut deflater = Deflater::new(&agreed).expect("a window of 32 KiB");
/// let mut payload = Buffer::new();
/// deflater.deflate(b"Hel", false, &mut payload);
/// deflater.deflate(b"lo", true, &mut payload);
/// assert_eq!(payload.as_slice(), b"\xf2\x48\xcd\xc9\xc9\x07\x00"); // RFC 7692 §7.2.3.1
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Deflater {
    /// `None` until the first message, and when its memory was given back.
    stream: Option<Deflate>,
    /// Whether messages refer back to those before them.
    takeover: bool,
    window_bits: u8,
    level: u8,
    /// Whether a message began, and bytes of it came.
    within: bool,
}

impl Deflater {
    /// For messages to a server with which this was agreed. It has not allocated. `None` if the server wants a window of
    /// 256 bytes: then messages are sent uncompressed.
    #[must_use]
    pub fn new(agreed: &Agreed) -> Option<Self> {
        COMPRESSOR_WINDOW_BITS.contains(&agreed.client_max_window_bits()).then(|| Self {
            stream: None,
            takeover: !agreed.client_no_context_takeover(),
            window_bits: agreed.client_max_window_bits(),
            level: agreed.level(),
            within: false,
        })
    }

    /// Compresses a part of a message, and appends what has come of it so far: perhaps nothing, before the message's end.
    pub fn deflate(&mut self, input: &[u8], end_of_message: bool, out: &mut Buffer) {
        self.within |= !input.is_empty();
        if !end_of_message {
            if !input.is_empty() {
                self.feed(input, DeflateFlush::NoFlush, out);
            }
        } else if self.within {
            self.feed(input, DeflateFlush::SyncFlush, out);
            // §7.2.1: the end that every message has is not sent.
            debug_assert!(out.as_slice().ends_with(&[0, 0, 0xff, 0xff]), "a flush ends with an empty stored block");
            out.truncate(out.len() - 4);
            self.within = false;
            if !self.takeover {
                self.begin_again();
            }
        } else {
            // §7.2.3.6: an empty message. zlib makes nothing of nothing.
            out.extend_from_slice(&[0]);
        }
    }

    /// Compresses a whole message and appends it, if that makes it shorter. If not, nothing is appended: the message is
    /// to be sent as it is, and later ones do not refer back to it, nor to those before it.
    #[must_use = "a message that is not compressed is sent as it is"]
    pub fn shorten(&mut self, message: &[u8], out: &mut Buffer) -> bool {
        if message.is_empty() {
            return false;
        }
        let before = out.len();
        self.deflate(message, true, out);
        let shorter = out.len() - before < message.len();
        if !shorter {
            out.truncate(before);
            if self.takeover {
                self.begin_again();
            }
        }
        shorter
    }

    /// How many bytes of memory it holds.
    #[must_use]
    pub const fn memory(&self) -> usize {
        // A window twice, for each of its bytes the place of one like it, and the table of where those begin.
        let window = 1 << self.window_bits;
        if self.stream.is_some() { 4 * window + REST_BYTES } else { 0 }
    }

    /// Gives back all memory. Later messages do not refer back to those before. In the middle of a message it does
    /// nothing.
    pub fn release(&mut self) {
        if !self.within {
            self.stream = None;
        }
    }

    fn feed(&mut self, mut input: &[u8], flush: DeflateFlush, out: &mut Buffer) {
        let (level, window_bits) = (self.level, self.window_bits);
        let stream = self.stream.get_or_insert_with(|| stream(level, window_bits));
        loop {
            let room = out.room(input.len().saturating_add(SLACK).min(STEP));
            let len = room.len();
            let before = (stream.total_in(), stream.total_out());
            stream.compress(input, room, flush).expect("a stream that was made right takes any input");
            let taken = usize::try_from(stream.total_in() - before.0).expect("a slice's length");
            let produced = usize::try_from(stream.total_out() - before.1).expect("a slice's length");
            out.fill(produced);
            input = &input[taken..];
            if produced < len {
                debug_assert!(input.is_empty(), "all is taken when there is room");
                return;
            }
        }
    }

    fn begin_again(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.reset();
        }
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deflater({} B)", self.memory())
    }
}

/// A stream without a header.
fn stream(level: u8, window_bits: u8) -> Deflate {
    Deflate::new_with_config(DeflateConfig {
        level: level.into(),
        window_bits: -i32::from(window_bits),
        mem_level: MEM_LEVEL,
        ..DeflateConfig::default()
    })
}

/// Blocks of 2,048 symbols at most: 100 KiB less than with zlib's default of 16,384, for messages that become longer by
/// half a percent from 256 KiB on, and by nothing up to 1 KiB.
const MEM_LEVEL: i32 = 5;

/// What does not depend on the window: 128 KiB of hash table, 14 KiB for a block, and the stream's state.
const REST_BYTES: usize = 148_608;

/// Room beyond a piece's length, so that most pieces need one call. zlib wants at least seven bytes.
const SLACK: usize = 64;

/// For how many bytes room is made at a time, at most. What room there is, is used.
const STEP: usize = 64 << 10;
