//! Bytes that wait: to be written, or for the rest of their message.

use alloc::{vec, vec::Vec};
use core::{fmt, mem};

/// A queue of bytes: appended at the back, taken from the front, always one slice.
///
/// Its storage is initialised once and then used again, so that masking writes each byte where it stays, and a socket
/// may be read straight into it. It gives memory back only when told to ([`release`](Self::release)).
///
/// ```
/// use steadfast_core::wire::Buffer;
///
/// let mut buffer = Buffer::new();
/// buffer.extend_from_slice(b"hello");
/// buffer.consume(2); // the socket took two bytes
/// assert_eq!(buffer.as_slice(), b"llo");
/// ```
#[derive(Default)]
pub struct Buffer {
    /// All of it is initialised; what lies outside `start..end` means nothing.
    storage: Vec<u8>,
    start: usize,
    end: usize,
    /// How many bytes were ever taken from the front or forgotten there.
    gone: u64,
}

impl Buffer {
    /// An empty buffer that has not allocated.
    #[must_use]
    pub const fn new() -> Self {
        Self { storage: Vec::new(), start: 0, end: 0, gone: 0 }
    }

    /// What is in it.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.storage[self.start..self.end]
    }

    /// How many bytes are in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// How many bytes of memory it holds.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.storage.capacity()
    }

    /// Takes bytes from the front: no more than there are.
    pub fn consume(&mut self, bytes: usize) {
        let bytes = bytes.min(self.len());
        self.gone += bytes as u64;
        self.start += bytes;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Forgets what is in it, and keeps the memory.
    pub const fn clear(&mut self) {
        self.gone += self.len() as u64;
        (self.start, self.end) = (0, 0);
    }

    /// Forgets all but the first `len` bytes.
    pub const fn truncate(&mut self, len: usize) {
        if len < self.len() {
            self.end = self.start + len;
        }
    }

    /// Gives the memory back, and forgets what was in it.
    pub fn release(&mut self) {
        *self = Self { gone: self.gone + self.len() as u64, ..Self::new() };
    }

    /// How many bytes ever left it.
    pub(super) const fn gone(&self) -> u64 {
        self.gone
    }

    /// Appends a copy of these bytes.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        let room = self.append(bytes.len());
        // In blocks: some processors copy long stretches many times slower where the addresses lie unhappily.
        for (room, bytes) in room.chunks_mut(BLOCK).zip(bytes.chunks(BLOCK)) {
            room.copy_from_slice(bytes);
        }
    }

    /// Appends `len` bytes of no meaning, for the caller to overwrite.
    #[inline]
    #[must_use = "they have to be overwritten"]
    pub fn append(&mut self, len: usize) -> &mut [u8] {
        if self.storage.len() - self.end < len {
            self.grow(len);
        }
        let start = self.end;
        self.end += len;
        &mut self.storage[start..self.end]
    }

    /// Room for at least `len` bytes behind what is in it, to read into; [`fill`](Self::fill) then says how many came.
    #[must_use = "to be read into"]
    pub fn room(&mut self, len: usize) -> &mut [u8] {
        if self.storage.len() - self.end < len {
            self.grow(len);
        }
        &mut self.storage[self.end..]
    }

    /// Counts the first `len` bytes of the [`room`](Self::room) as part of it, at most as many as there are.
    pub fn fill(&mut self, len: usize) {
        self.end += len.min(self.storage.len() - self.end);
    }

    /// The bytes as a vector, without a copy unless some were taken from the front.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        let Self { mut storage, start, end, .. } = self;
        storage.truncate(end);
        storage.drain(..start);
        storage
    }

    /// Makes room for `len` more: by moving what is left to the front if at least as much was taken, so that each byte
    /// is moved at most once for each that was taken, or else by at least doubling.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, len: usize) {
        let live = self.len();
        if live <= self.start && self.storage.len() - live >= len {
            self.storage.copy_within(self.start..self.end, 0);
        } else {
            let size = (live + len).max(self.storage.len() * 2).max(SMALLEST);
            if self.start == 0 && size <= self.storage.capacity() {
                self.storage.resize(self.storage.capacity(), 0);
            } else {
                let mut larger = vec![0; size];
                larger[..live].copy_from_slice(self.as_slice());
                let _ = mem::replace(&mut self.storage, larger);
            }
        }
        (self.start, self.end) = (0, live);
    }
}

/// How much is copied at once.
const BLOCK: usize = 1 << 10;
/// The first allocation: a few small frames.
const SMALLEST: usize = 256;

impl From<Vec<u8>> for Buffer {
    /// The vector's bytes, and its memory, without a copy.
    fn from(storage: Vec<u8>) -> Self {
        let end = storage.len();
        Self { storage, start: 0, end, gone: 0 }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} of {} B)", self.len(), self.storage.len())
    }
}

/// Writing appends, and never fails.
#[cfg(feature = "std")]
impl std::io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_the_order_in_which_they_went_in() {
        let (mut buffer, mut expected, mut next) = (Buffer::new(), Vec::new(), 0u8);
        for round in 0..2_000usize {
            for _ in 0..round % 37 {
                buffer.extend_from_slice(&[next]);
                expected.push(next);
                next = next.wrapping_add(1);
            }
            let taken = (round % 23).min(expected.len());
            assert_eq!(&buffer.as_slice()[..taken], &expected[..taken]);
            buffer.consume(taken);
            expected.drain(..taken);
        }
        assert_eq!(buffer.as_slice(), expected);
    }

    #[test]
    fn a_buffer_that_is_emptied_again_and_again_never_grows() {
        let mut buffer = Buffer::new();
        buffer.extend_from_slice(&[1; 100]);
        let capacity = buffer.capacity();
        for _ in 0..1_000 {
            buffer.consume(60);
            buffer.extend_from_slice(&[2; 60]);
        }
        assert_eq!((buffer.len(), buffer.capacity()), (100, capacity));
    }

    #[test]
    fn what_is_read_into_the_room_counts_once_it_is_filled() {
        let mut buffer = Buffer::new();
        buffer.extend_from_slice(b"ab");
        buffer.room(3)[..3].copy_from_slice(b"cde");
        assert_eq!(buffer.as_slice(), b"ab");
        buffer.fill(2);
        assert_eq!(buffer.into_vec(), b"abcd");
    }

    #[test]
    fn a_vector_with_spare_memory_is_used_to_its_end() {
        let mut vector = Vec::with_capacity(1_000);
        vector.push(1);
        let mut buffer = Buffer::from(vector);
        buffer.extend_from_slice(&[2; 900]);
        assert_eq!((buffer.len(), buffer.capacity()), (901, 1_000));
    }
}
