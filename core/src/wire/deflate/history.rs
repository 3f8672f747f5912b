//! The end of what a stream produced: what later bytes of it may refer back to.

use alloc::vec::Vec;
use core::fmt;

/// The last bytes of a stream, as many as its window has. It takes as much memory as was produced, up to the window.
pub(super) struct History {
    /// A ring once it is full; until then the bytes as they came.
    bytes: Vec<u8>,
    /// Where the ring's oldest byte is.
    oldest: usize,
    /// The window's size.
    window: usize,
}

impl History {
    /// Nothing yet.
    pub(super) const fn new(window: usize) -> Self {
        Self { bytes: Vec::new(), oldest: 0, window }
    }

    /// These bytes were produced.
    pub(super) fn extend(&mut self, produced: &[u8]) {
        let kept = &produced[produced.len().saturating_sub(self.window)..];
        let (added, replacing) = kept.split_at(kept.len().min(self.window - self.bytes.len()));
        self.add(added);
        let (end, start) = replacing.split_at(replacing.len().min(self.window - self.oldest));
        self.bytes[self.oldest..self.oldest + end.len()].copy_from_slice(end);
        self.bytes[..start.len()].copy_from_slice(start);
        self.oldest = (self.oldest + replacing.len()) % self.window;
    }

    /// The bytes in two parts, the older ones first.
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        let (newer, older) = self.bytes.split_at(self.oldest);
        [older, newer]
    }

    /// Forgets all, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.oldest = 0;
    }

    /// Gives back the memory that it does not need for what it has.
    pub(super) fn release(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// How many bytes of memory it holds.
    pub(super) const fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// Grows by doubling, and never beyond the window.
    fn add(&mut self, bytes: &[u8]) {
        let (len, capacity) = (self.bytes.len(), self.bytes.capacity());
        if len + bytes.len() > capacity {
            let larger = (len + bytes.len()).max(capacity * 2).min(self.window);
            self.bytes.reserve_exact(larger - len);
        }
        self.bytes.extend_from_slice(bytes);
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "History({} of {} B)", self.bytes.len(), self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_last_bytes_however_they_came() {
        for step in 1..40 {
            let (mut history, mut all) = (History::new(16), Vec::new());
            for round in 0..50usize {
                let count = u8::try_from(round * step % 37).expect("a few");
                let produced: Vec<u8> = (0..count).map(|i| i.wrapping_mul(41).wrapping_add(count)).collect();
                history.extend(&produced);
                all.extend_from_slice(&produced);
                assert_eq!(history.parts().concat(), all[all.len().saturating_sub(16)..], "step {step}, round {round}");
            }
        }
    }

    #[test]
    fn it_takes_no_more_memory_than_the_window() {
        let mut history = History::new(1_000);
        for _ in 0..100 {
            history.extend(&[7; 64]);
        }
        assert_eq!(history.memory(), 1_000);
    }

    #[test]
    fn released_it_takes_what_it_has_and_no_more() {
        let mut history = History::new(1 << 15);
        history.extend(&[7; 300]);
        history.extend(&[8; 1]);
        history.release();
        assert_eq!((history.memory(), history.parts().concat().len()), (301, 301));
    }
}
