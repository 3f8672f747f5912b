//! Compressed messages on their way in (RFC 7692 §6.2).

use super::{
    Buffer, Config, Violation,
    receive::{Found, Kind, Receiver, take},
};

impl Receiver {
    /// Takes payload of a compressed message that is handed out whole.
    #[inline(never)]
    pub(super) fn inflate<'i>(
        &mut self,
        config: &Config,
        Kind { text, .. }: Kind,
        missing: u64,
        input: &mut &'i [u8],
        assembly: &mut Buffer,
    ) -> Result<Option<Found<'i>>, Violation> {
        let mut payload = take(input, missing);
        let ends = self.took(missing, payload.len()) && self.fin;
        // One byte more than is allowed tells that there are more.
        let limit = usize::try_from(config.max_message_bytes).unwrap_or(usize::MAX);
        let most = limit.saturating_add(1) - assembly.len();
        let inflated = self.inflate_some(&mut payload, ends, assembly, most);
        // What is handed out is judged there. What is not, before anything else is said of it: of two faults the one that
        // comes first counts, however the bytes are cut.
        if text && !(ends && inflated == Ok(false)) {
            self.judge(assembly)?;
        }
        inflated?;
        if assembly.len() > limit {
            return Err(Violation::MessageTooBig { limit: config.max_message_bytes });
        }
        if ends {
            self.message = None;
        }
        Ok(ends.then_some(Found::Assembled { text }))
    }

    /// Takes payload of a compressed message that is handed out in pieces. Of a text, what is not a whole character yet
    /// stays in the assembly buffer.
    pub(super) fn inflated_piece<'i>(
        &mut self,
        config: &Config,
        Kind { text, .. }: Kind,
        missing: u64,
        input: &mut &'i [u8],
        assembly: &mut Buffer,
    ) -> Result<Option<Found<'i>>, Violation> {
        let before = assembly.len();
        let mut payload = &input[..usize::try_from(missing).unwrap_or(usize::MAX).min(input.len())];
        let offered = payload.len();
        let ends = self.fin && offered as u64 == missing;
        // One byte more than is allowed tells that there are more, and nothing behind it is looked at.
        let left = usize::try_from(config.max_message_bytes - self.inflated).unwrap_or(usize::MAX);
        let inflated = self.inflate_some(&mut payload, ends, assembly, left.saturating_add(1).min(PIECE));
        *input = &input[offered - payload.len()..];
        let whole = if text {
            super::utf8::judge(assembly.as_slice()).map_err(|_| Violation::Utf8)?.len()
        } else {
            assembly.len()
        };
        let more = inflated?;
        self.inflated += (assembly.len() - before) as u64;
        if self.inflated > config.max_message_bytes {
            return Err(Violation::MessageTooBig { limit: config.max_message_bytes });
        }
        let last = self.took(missing, offered - payload.len()) && self.fin && !more;
        if more {
            // What is left comes with the next call, even if no more bytes do.
            self.go_on(missing - (offered - payload.len()) as u64);
        }
        if last && whole < assembly.len() {
            return Err(Violation::Utf8);
        }
        if whole == 0 && !last {
            return Ok(None);
        }
        Ok(Some(Found::AssembledPiece { text, bytes: whole, first: self.hand_over(last), last }))
    }
}

#[cfg(feature = "deflate")]
impl Receiver {
    /// Whether compression is agreed on.
    pub(super) const fn can_inflate(&self) -> bool {
        self.inflater.is_some()
    }

    /// Inflates as much as becomes at most so many bytes; whether there may be more of it.
    fn inflate_some(
        &mut self,
        payload: &mut &[u8],
        ends: bool,
        assembly: &mut Buffer,
        most: usize,
    ) -> Result<bool, Violation> {
        use super::deflate::Progress;

        let inflater = self.inflater.as_mut().expect("a message is compressed only where it is agreed on");
        let before = assembly.len();
        let corrupt = |_| Violation::Deflate;
        let mut progress = inflater.inflate(payload, assembly, most).map_err(corrupt)?;
        if ends && progress == Progress::NeedsInput {
            progress = inflater.finish(assembly, most - (assembly.len() - before)).map_err(corrupt)?;
        }
        Ok(progress == Progress::Full)
    }
}

#[cfg(not(feature = "deflate"))]
#[expect(clippy::unused_self, reason = "nothing is agreed on, so nothing can be inflated")]
impl Receiver {
    /// Nothing is agreed on.
    pub(super) const fn can_inflate(&self) -> bool {
        false
    }

    fn inflate_some(&mut self, _: &mut &[u8], _: bool, _: &mut Buffer, _: usize) -> Result<bool, Violation> {
        Err(Violation::Deflate)
    }
}

/// How much is inflated at once for a piece.
const PIECE: usize = 16 << 10;
