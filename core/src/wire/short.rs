//! The short ways in: for an unfragmented and uncompressed message that lies in one read, and for the beginning and the end
//! of a large one. Whatever else comes, and whatever is wrong in any way, is left to the long way.

use super::{
    Buffer, Config, FrameHeader, OpCode, Received, Violation,
    event::Source,
    receive::{Handed, Kind, Receiver, Stage},
    utf8,
};

impl Receiver {
    /// The short way: an unfragmented and uncompressed message that lies in the input as a whole. `None` if it is
    /// anything else, or wrong in any way.
    #[inline]
    pub(super) fn short<'i>(&self, config: &Config, input: &mut &'i [u8]) -> Option<Received<'i>> {
        if !self.at_rest {
            return None;
        }
        let (&[first, second], rest) = input.split_first_chunk::<2>()?;
        let (len, rest) = match second {
            0..=125 => (usize::from(second), rest),
            126 => {
                let (&len, rest) = rest.split_first_chunk::<2>()?;
                (usize::from(u16::from_be_bytes(len)), rest)
            }
            127 => {
                let (&len, rest) = rest.split_first_chunk::<8>()?;
                (usize::try_from(u64::from_be_bytes(len)).ok()?, rest)
            }
            _ => return None,
        };
        let (payload, rest) = rest.split_at_checked(len)?;
        // A length in too long a form is refused on the long way.
        let least = [0, 126, 0x1_0000][usize::from(second.saturating_sub(125))];
        if len < least || len as u64 > config.max_message_bytes.min(config.max_frame_bytes) {
            return None;
        }
        let source = match first {
            TEXT => Source::Text(utf8::text(payload).ok()?),
            BINARY => Source::Binary(payload),
            _ => return None,
        };
        *input = rest;
        Some(Received::new(source))
    }

    /// Takes the beginning of an unfragmented and uncompressed message whose rest has not come yet, as a large one is
    /// met with. `false`, with nothing taken, for anything else, and for what is wrong in any way.
    #[inline]
    pub(super) fn begin_large(&mut self, config: &Config, input: &mut &[u8], assembly: &mut Buffer) -> bool {
        if !self.at_rest {
            return false;
        }
        let Ok(Some((FrameHeader { fin: true, rsv1: false, opcode, mask: None, len }, taken))) =
            FrameHeader::parse(input)
        else {
            return false;
        };
        let (payload, text) = (&input[taken..], opcode == OpCode::Text);
        if payload.len() as u64 >= len
            || len > config.max_message_bytes.min(config.max_frame_bytes)
            || !(text || opcode == OpCode::Binary)
        {
            return false;
        }
        self.judged = 0;
        if text {
            let Ok(whole) = utf8::judge(payload) else { return false };
            self.judged = whole.len();
        }
        // What another connection left, when it ended in the middle of a message.
        assembly.clear();
        assembly.extend_from_slice(payload);
        *input = &[];
        self.message = Some(Kind { text, compressed: false });
        (self.announced, self.inflated, self.empty_fragments, self.begun) = (len, 0, 0, false);
        (self.fin, self.stage, self.at_rest) = (true, Stage::Data(len - payload.len() as u64), false);
        true
    }

    /// Whether the last of a plain message was just read to its place, so that nothing is left to do but to hand it out.
    #[inline]
    pub(super) fn is_assembled(&self, config: &Config) -> bool {
        self.stage == Stage::Data(0) && self.fin && self.message.is_some_and(|kind| !kind.compressed) && !config.pieces
    }

    /// That message.
    #[inline]
    pub(super) fn assembled<'b>(
        &mut self,
        input: &mut &[u8],
        assembly: &'b mut Buffer,
    ) -> Result<Received<'b>, Violation> {
        let text = self.message.take().is_some_and(|kind| kind.text);
        (self.stage, self.handed) = (Stage::Head, Handed::Front(assembly.len()));
        if !text {
            return Ok(Received::new(Source::Assembled(assembly)));
        }
        let text = utf8::text(assembly.as_slice()).map_err(|_| {
            self.stage = Stage::Over;
            *input = &[];
            Violation::Utf8
        })?;
        Ok(Received::new(Source::Text(text)))
    }
}

/// The first byte of an unfragmented text message.
const TEXT: u8 = 0x81;
/// The first byte of an unfragmented binary message.
const BINARY: u8 = 0x82;
