//! Messages piece by piece, as they come in (RFC 6455 §6.2 allows it where no extension needs the whole).

use super::{
    Buffer, Config, Violation,
    receive::{Found, Kind, Receiver, take},
    utf8,
};
use crate::Message;

impl Receiver {
    /// Takes payload of a message that is handed out in pieces. Of a text, what is not a whole character yet waits in
    /// the assembly buffer.
    #[inline(never)]
    pub(super) fn piece<'i>(
        &mut self,
        config: &Config,
        kind: Kind,
        missing: u64,
        input: &mut &'i [u8],
        assembly: &mut Buffer,
    ) -> Result<Option<Found<'i>>, Violation> {
        if kind.compressed {
            return self.inflated_piece(config, kind, missing, input, assembly);
        }
        if kind.text && !assembly.is_empty() {
            return self.character(missing, input, assembly);
        }
        let payload = take(input, missing);
        let last = self.took(missing, payload.len()) && self.fin;
        let payload = if kind.text {
            let text = utf8::judge(payload).map_err(|_| Violation::Utf8)?;
            assembly.extend_from_slice(&payload[text.len()..]);
            if last && !assembly.is_empty() {
                return Err(Violation::Utf8);
            }
            Message::text(text)
        } else {
            Message::binary(payload)
        };
        Ok((last || !payload.is_empty()).then(|| Found::Piece { payload, first: self.hand_over(last), last }))
    }

    /// Completes the character that waits, byte by byte: at most three are needed.
    fn character<'i>(
        &mut self,
        mut missing: u64,
        input: &mut &'i [u8],
        assembly: &mut Buffer,
    ) -> Result<Option<Found<'i>>, Violation> {
        loop {
            let byte = take(input, missing.min(1));
            assembly.extend_from_slice(byte);
            let last = self.took(missing, byte.len()) && self.fin;
            missing -= byte.len() as u64;
            let whole = utf8::judge(assembly.as_slice()).map_err(|_| Violation::Utf8)?;
            if !whole.is_empty() {
                let first = self.hand_over(last);
                return Ok(Some(Found::AssembledPiece { text: true, bytes: assembly.len(), first, last }));
            }
            if last {
                return Err(Violation::Utf8);
            }
            if byte.is_empty() || missing == 0 {
                return Ok(None);
            }
        }
    }

    /// Takes note that a piece is handed out; whether it is the first of its message. With the last, the message is over.
    pub(super) fn hand_over(&mut self, last: bool) -> bool {
        if last {
            self.message = None;
        }
        !core::mem::replace(&mut self.begun, true)
    }
}
