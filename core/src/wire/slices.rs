//! A large message on its way out, a slice at a time.

use super::{Buffer, mask::mask_into};

/// A message that is written a slice at a time, in one frame; see [`Wire::send_in_slices`](super::Wire::send_in_slices).
///
/// Dropped before its end, it writes all that is left of the message: whatever happens, the frame is whole, and what
/// comes next can be written behind it.
#[derive(Debug)]
pub struct Slices<'w> {
    /// What is not written yet.
    rest: &'w [u8],
    /// The masking key, turned so that it begins where the rest does.
    key: [u8; 4],
    /// The most payload in a slice.
    most: usize,
    /// Whether something was written that was not lent yet.
    fresh: bool,
    out: &'w mut Buffer,
}

impl<'w> Slices<'w> {
    /// With the frame's header written to `out`.
    pub(super) fn new(payload: &'w [u8], key: [u8; 4], most: usize, out: &'w mut Buffer) -> Self {
        Self { rest: payload, key, most: most.max(1), fresh: true, out }
    }

    /// Appends the next slice to the buffer and lends that, to be written out and emptied; `None` once all was lent.
    #[inline]
    pub fn more(&mut self) -> Option<&mut Buffer> {
        if self.rest.is_empty() && !self.fresh {
            return None;
        }
        self.write(self.most);
        self.fresh = false;
        Some(self.out)
    }

    fn write(&mut self, most: usize) {
        let (slice, rest) = self.rest.split_at(most.min(self.rest.len()));
        mask_into(slice, self.key, self.out.append(slice.len()));
        self.key.rotate_left(slice.len() % 4);
        self.rest = rest;
    }
}

impl Drop for Slices<'_> {
    fn drop(&mut self) {
        self.write(self.rest.len());
    }
}
