//! Compressed messages on their way in (RFC 7692 §6.2).

use super::{
    Buffer, Config, Violation,
    receive::{Found, Kind, Receiver},
};

#[expect(clippy::unused_self, reason = "nothing is agreed on, so nothing can be inflated")]
impl Receiver {
    /// Nothing is agreed on.
    pub(super) const fn can_inflate(&self) -> bool {
        false
    }

    pub(super) fn inflate<'i>(
        &mut self,
        _: &Config,
        _: Kind,
        _: u64,
        _: &mut &'i [u8],
        _: &mut Buffer,
    ) -> Result<Option<Found<'i>>, Violation> {
        Err(Violation::Deflate)
    }

    pub(super) fn inflated_piece<'i>(
        &mut self,
        _: &Config,
        _: Kind,
        _: u64,
        _: &mut &'i [u8],
        _: &mut Buffer,
    ) -> Result<Option<Found<'i>>, Violation> {
        Err(Violation::Deflate)
    }
}
