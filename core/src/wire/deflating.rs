//! Compressed messages on their way out (RFC 7692 §6.1).

use super::{
    Buffer,
    deflate::{Agreed, Deflater},
    send::{FIN, Sender},
};

/// What compresses, and where it puts what comes out.
pub(super) struct Compressor {
    deflater: Deflater,
    /// Messages of fewer bytes go out as they are.
    threshold: usize,
    /// What was compressed, until it is masked: empty between frames.
    compressed: Buffer,
}

impl Compressor {
    /// `None` if the server wants a window that is too small: then everything is sent as it is (RFC 7692 §6).
    pub(super) fn new(agreed: &Agreed) -> Option<Self> {
        Some(Self { deflater: Deflater::new(agreed)?, threshold: agreed.threshold(), compressed: Buffer::new() })
    }

    pub(super) fn memory(&self) -> usize {
        self.deflater.memory() + self.compressed.capacity()
    }

    /// What was compressed is written. The memory for the next message stays, unless it is much.
    fn clear(&mut self) {
        if self.compressed.capacity() > KEPT {
            self.compressed.release();
        } else {
            self.compressed.clear();
        }
    }

    pub(super) fn release(&mut self) {
        self.deflater.release();
        self.compressed.release();
    }
}

impl Sender {
    /// Whether a message of so many bytes is compressed.
    pub(super) fn compresses(&self, len: usize) -> bool {
        self.compressor.as_ref().is_some_and(|compressor| len >= compressor.threshold)
    }

    /// Compresses a whole message and writes it, unless that would not make it shorter; whether it did. With a threshold
    /// of 0 it does in any case.
    pub(super) fn compressed_message(&mut self, head: u8, bytes: &[u8], most: usize, out: &mut Buffer) -> bool {
        let Some(mut compressor) = self.compressor.take() else { return false };
        let shorter = if compressor.threshold > 0 {
            compressor.deflater.shorten(bytes, &mut compressor.compressed)
        } else {
            compressor.deflater.deflate(bytes, true, &mut compressor.compressed);
            true
        };
        if shorter {
            self.frames(head, compressor.compressed.as_slice(), most, out);
        }
        compressor.clear();
        self.compressor = Some(compressor);
        shorter
    }

    /// Compresses a part of a message, and writes what came of it in frames of at most `most` bytes; whether anything did.
    pub(super) fn compressed_part(&mut self, head: u8, bytes: &[u8], most: usize, out: &mut Buffer) -> bool {
        let last = head & FIN != 0;
        let mut compressor = self.compressor.take().expect("a message is compressed only where it is agreed on");
        compressor.deflater.deflate(bytes, last, &mut compressor.compressed);
        let anything = last || !compressor.compressed.is_empty();
        if anything {
            self.frames(head, compressor.compressed.as_slice(), most, out);
        }
        compressor.clear();
        self.compressor = Some(compressor);
        anything
    }
}

/// What of a compressed message's memory is kept for the next.
const KEPT: usize = 64 << 10;
