//! The way in: frames, put together to messages (RFC 6455 §5 and §6.2).

use super::{
    Buffer, Config, Event, FrameHeader, OpCode, Piece, Received, Violation,
    config::most_compressed,
    control::{self, Allowance},
    event::Source,
    utf8,
};
use crate::{Message, Timestamp};

/// What has come in, and what it is a part of.
#[derive(Debug)]
pub(super) struct Receiver {
    /// Whether it stands between two messages and nothing is left of the last: all that the short way asks.
    pub(super) at_rest: bool,
    pub(super) stage: Stage,
    /// The message under way.
    pub(super) message: Option<Kind>,
    /// Whether its current frame is its last.
    pub(super) fin: bool,
    /// Whether a piece of it was handed out.
    pub(super) begun: bool,
    /// Header bytes that are not a whole header.
    head: [u8; FrameHeader::MAX_BYTES],
    head_len: u8,
    /// What was handed out of the assembly buffer, and goes with the next call.
    pub(super) handed: Handed,
    /// How many bytes of the assembled text are known to be whole characters.
    pub(super) judged: usize,
    /// How many bytes of payload the message's frames announced.
    pub(super) announced: u64,
    pub(super) empty_fragments: u32,
    allowance: Allowance,
    /// How many bytes of a compressed message were handed out in pieces.
    pub(super) inflated: u64,
    /// What inflates, once it was agreed on.
    #[cfg(feature = "deflate")]
    pub(super) inflater: Option<alloc::boxed::Box<super::deflate::Inflater>>,
}

/// A part of the assembly buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Handed {
    Nothing,
    /// So many bytes at its front.
    Front(usize),
    /// What lies behind so many.
    Behind(usize),
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// A header.
    Head,
    /// So many bytes of a data frame's payload.
    Data(u64),
    /// So many bytes of a control frame's payload. What came of it is behind `at` bytes of the assembly buffer.
    Control { opcode: OpCode, missing: u8, at: usize },
    /// Nothing: a close frame came, or the server broke the protocol.
    Over,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kind {
    pub(super) text: bool,
    pub(super) compressed: bool,
}

/// What was found, before it is looked at.
#[derive(Debug)]
pub(super) enum Found<'i> {
    /// A message, whole inside the input.
    Whole { text: bool, payload: &'i [u8] },
    /// The message in the assembly buffer.
    Assembled { text: bool },
    /// A control frame: inside the input, or behind so many bytes of the assembly buffer.
    Control(OpCode, Result<&'i [u8], usize>),
    /// A part of a message, inside the input.
    Piece { payload: Message<'i>, first: bool, last: bool },
    /// A part of a message: so many bytes at the front of the assembly buffer.
    AssembledPiece { text: bool, bytes: usize, first: bool, last: bool },
}

impl Receiver {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            at_rest: !config.pieces,
            stage: Stage::Head,
            message: None,
            fin: false,
            begun: false,
            head: [0; FrameHeader::MAX_BYTES],
            head_len: 0,
            handed: Handed::Nothing,
            judged: 0,
            announced: 0,
            empty_fragments: 0,
            allowance: Allowance::new(config.control_rate),
            inflated: 0,
            #[cfg(feature = "deflate")]
            inflater: None,
        }
    }

    pub(super) fn tick(&mut self, config: &Config, now: Timestamp) {
        if let Some(rate) = config.control_rate {
            self.allowance.fill(rate, now);
        }
    }

    /// Whether nothing more comes.
    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Whether the frame that begins with this input breaks the protocol by its first byte (RFC 6455 §5.2 and §5.4).
    pub(super) fn is_doomed(&self, input: &[u8]) -> bool {
        let Some(&first) = input.first() else { return false };
        if !matches!(self.stage, Stage::Head) || self.head_len != 0 {
            return false;
        }
        #[cfg(feature = "deflate")]
        let reserved = if self.inflater.is_some() { 0x30 } else { 0x70 };
        #[cfg(not(feature = "deflate"))]
        let reserved = 0x70;
        let opcode = first & 0x0f;
        first & reserved != 0 || matches!(opcode, 3..=7 | 11..=15) || opcode == 0 && self.message.is_none()
    }

    /// Whether it needs nothing of what is in the assembly buffer: it stands between two messages and nothing of it is
    /// handed out, or nothing more comes.
    pub(super) const fn is_at_rest(&self) -> bool {
        let between_messages = self.message.is_none()
            && matches!(self.stage, Stage::Head)
            && self.head_len == 0
            && matches!(self.handed, Handed::Nothing);
        between_messages || matches!(self.stage, Stage::Over)
    }

    /// Takes back what was handed out of the assembly buffer; whether it stands between two messages because of that.
    #[inline]
    pub(super) fn take_back(&mut self, config: &Config, assembly: &mut Buffer) -> bool {
        match core::mem::replace(&mut self.handed, Handed::Nothing) {
            Handed::Nothing => return false,
            Handed::Front(bytes) => assembly.consume(bytes),
            Handed::Behind(bytes) => assembly.truncate(bytes),
        }
        self.at_rest = self.is_at_rest() && !self.is_over() && !config.pieces;
        self.at_rest
    }

    /// The long way: anything. `None` once all of the input is taken. What was handed out has to be
    /// [taken back](Self::take_back) before.
    #[inline(never)]
    pub(super) fn next<'b, 'i: 'b>(
        &mut self,
        config: &Config,
        input: &mut &'i [u8],
        assembly: &'b mut Buffer,
    ) -> Option<Result<Event<'b>, Violation>> {
        if self.is_at_rest() {
            // What another connection left, when it ended in the middle of a message.
            assembly.clear();
        }
        let event = match self.advance(config, input, assembly) {
            Ok(Some(found)) => Some(self.hand_out(found, assembly)),
            Ok(None) => None,
            Err(violation) => Some(Err(violation)),
        };
        if let Some(Err(_)) = event {
            self.stage = Stage::Over;
            *input = &[];
        }
        self.at_rest = self.is_at_rest() && !self.is_over() && !config.pieces;
        event
    }

    /// Takes from the input until there is something to hand out, or nothing left.
    fn advance<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i [u8],
        assembly: &mut Buffer,
    ) -> Result<Option<Found<'i>>, Violation> {
        loop {
            let found = match self.stage {
                Stage::Over => {
                    *input = &[];
                    return Ok(None);
                }
                Stage::Head => {
                    let Some(header) = self.head(input)? else { return Ok(None) };
                    self.begin(config, header, assembly.len())?;
                    None
                }
                Stage::Data(missing) => {
                    let found = match self.message.expect("payload of a data frame belongs to a message") {
                        kind if config.pieces => self.piece(config, kind, missing, input, assembly)?,
                        kind if kind.compressed => self.inflate(config, kind, missing, input, assembly)?,
                        kind => self.gather(kind, missing, input, assembly)?,
                    };
                    if found.is_none() && matches!(self.stage, Stage::Data(_)) {
                        return Ok(None);
                    }
                    found
                }
                Stage::Control { opcode, missing, at } => {
                    let found = self.control(opcode, missing, at, input, assembly);
                    if found.is_none() {
                        return Ok(None);
                    }
                    found
                }
            };
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Takes a header; `None` if it is not whole.
    fn head(&mut self, input: &mut &[u8]) -> Result<Option<FrameHeader>, Violation> {
        let before = usize::from(self.head_len);
        if before == 0
            && let Some((header, taken)) = FrameHeader::parse(input)?
        {
            *input = &input[taken..];
            return Ok(Some(header));
        }
        let added = input.len().min(self.head.len() - before);
        self.head[before..before + added].copy_from_slice(&input[..added]);
        if let Some((header, taken)) = FrameHeader::parse(&self.head[..before + added])? {
            *input = &input[taken - before..];
            self.head_len = 0;
            return Ok(Some(header));
        }
        *input = &input[added..];
        self.head_len += u8::try_from(added).expect("a header is short");
        Ok(None)
    }

    /// Judges a header where it stands.
    fn begin(&mut self, config: &Config, header: FrameHeader, at: usize) -> Result<(), Violation> {
        let FrameHeader { fin, rsv1, opcode, mask, len } = header;
        // §5.1
        if mask.is_some() {
            return Err(Violation::Masked);
        }
        // §5.2, and RFC 7692 §6: only the first frame of a message says that it is compressed.
        let first = matches!(opcode, OpCode::Text | OpCode::Binary);
        if rsv1 && !(first && self.can_inflate()) {
            return Err(Violation::ReservedBits(4));
        }
        if opcode.is_control() {
            // A close frame ends the flood.
            if opcode != OpCode::Close {
                self.allowance.take(config.control_rate)?;
            }
            let missing = u8::try_from(len).expect("the header's parser refuses long control frames");
            self.stage = Stage::Control { opcode, missing, at };
            return Ok(());
        }
        // §5.4
        match self.message {
            None if !first => return Err(Violation::UnexpectedContinuation),
            Some(_) if first => return Err(Violation::ExpectedContinuation),
            None => {
                self.message = Some(Kind { text: opcode == OpCode::Text, compressed: rsv1 });
                (self.judged, self.announced, self.inflated) = (0, 0, 0);
                (self.empty_fragments, self.begun) = (0, false);
            }
            Some(_) => {}
        }
        if len > config.max_frame_bytes {
            return Err(Violation::FrameTooBig { bytes: len, limit: config.max_frame_bytes });
        }
        self.announced = self.announced.saturating_add(len);
        let compressed = self.message.is_some_and(|kind| kind.compressed);
        if self.announced
            > if compressed { most_compressed(config.max_message_bytes) } else { config.max_message_bytes }
        {
            return Err(Violation::MessageTooBig { limit: config.max_message_bytes });
        }
        if len == 0 && !fin {
            self.empty_fragments += 1;
            if self.empty_fragments > config.max_empty_fragments {
                return Err(Violation::EmptyFragments { limit: config.max_empty_fragments });
            }
        }
        self.fin = fin;
        self.stage = Stage::Data(len);
        Ok(())
    }

    /// Takes payload of a plain message.
    fn gather<'i>(
        &mut self,
        Kind { text, .. }: Kind,
        missing: u64,
        input: &mut &'i [u8],
        assembly: &mut Buffer,
    ) -> Result<Option<Found<'i>>, Violation> {
        let payload = take(input, missing);
        let complete = self.took(missing, payload.len());
        if complete && self.fin {
            self.message = None;
            if assembly.is_empty() {
                return Ok(Some(Found::Whole { text, payload }));
            }
            assembly.extend_from_slice(payload);
            return Ok(Some(Found::Assembled { text }));
        }
        assembly.extend_from_slice(payload);
        if text {
            self.judge(assembly)?;
        }
        Ok(None)
    }

    /// Payload of a data frame came in; whether all of it is there now.
    pub(super) fn took(&mut self, missing: u64, bytes: usize) -> bool {
        let left = missing - bytes as u64;
        self.stage = if left == 0 { Stage::Head } else { Stage::Data(left) };
        left == 0
    }

    /// So much of the frame's payload is still to be looked at, which may be nothing.
    pub(super) fn go_on(&mut self, missing: u64) {
        self.stage = Stage::Data(missing);
    }

    /// Judges the text that was assembled, as far as it is there: before anything else is reported, so that what is
    /// reported does not depend on how the bytes came in.
    pub(super) fn judge(&mut self, assembly: &Buffer) -> Result<(), Violation> {
        let whole = utf8::judge(&assembly.as_slice()[self.judged..]).map_err(|_| Violation::Utf8)?;
        self.judged += whole.len();
        Ok(())
    }

    /// Takes payload of a control frame.
    #[inline(never)]
    fn control<'i>(
        &mut self,
        opcode: OpCode,
        missing: u8,
        at: usize,
        input: &mut &'i [u8],
        assembly: &mut Buffer,
    ) -> Option<Found<'i>> {
        let payload = take(input, u64::from(missing));
        let left = missing - u8::try_from(payload.len()).expect("not more than was missing");
        if left == 0 && assembly.len() == at {
            self.stage = Stage::Head;
            return Some(Found::Control(opcode, Ok(payload)));
        }
        assembly.extend_from_slice(payload);
        if left == 0 {
            self.stage = Stage::Head;
            return Some(Found::Control(opcode, Err(at)));
        }
        self.stage = Stage::Control { opcode, missing: left, at };
        None
    }

    /// Looks at what was found, and lends it out.
    #[inline(never)]
    fn hand_out<'b, 'i: 'b>(&mut self, found: Found<'i>, assembly: &'b mut Buffer) -> Result<Event<'b>, Violation> {
        let checked = |payload| utf8::text(payload).map_err(|_| Violation::Utf8);
        Ok(match found {
            Found::Whole { text: true, payload } => Event::Message(Received::new(Source::Text(checked(payload)?))),
            Found::Whole { text: false, payload } => Event::Message(Received::new(Source::Binary(payload))),
            Found::Assembled { text } => {
                self.handed = Handed::Front(assembly.len());
                let source =
                    if text { Source::Text(checked(assembly.as_slice())?) } else { Source::Assembled(assembly) };
                Event::Message(Received::new(source))
            }
            Found::Piece { payload, first, last } => Event::Piece(Piece { payload, first, last }),
            Found::AssembledPiece { text, bytes, first, last } => {
                self.handed = Handed::Front(bytes);
                let bytes = &assembly.as_slice()[..bytes];
                let payload = if text { Message::text(checked(bytes)?) } else { Message::binary(bytes) };
                Event::Piece(Piece { payload, first, last })
            }
            Found::Control(opcode, place) => {
                let payload = match place {
                    Ok(payload) => payload,
                    Err(at) => {
                        self.handed = Handed::Behind(at);
                        &assembly.as_slice()[at..]
                    }
                };
                match opcode {
                    OpCode::Ping => Event::Ping(payload),
                    OpCode::Pong => Event::Pong(payload),
                    OpCode::Close | OpCode::Continuation | OpCode::Text | OpCode::Binary => {
                        let frame = control::read_close(payload)?;
                        self.stage = Stage::Over;
                        Event::Close(frame)
                    }
                }
            }
        })
    }

    /// Room for the rest of a large message; see [`Wire::space`](super::Wire::space).
    pub(super) fn space<'b>(&self, config: &Config, assembly: &'b mut Buffer) -> Option<&'b mut [u8]> {
        let (Stage::Data(missing), Some(Kind { compressed: false, .. })) = (self.stage, self.message) else {
            return None;
        };
        if missing == 0 || config.pieces || self.handed != Handed::Nothing {
            return None;
        }
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        // What memory there is, or as much as came in so far: not a byte on the word of the header.
        let room = assembly.room(missing.min(assembly.len()));
        let len = room.len().min(missing);
        (len >= missing.min(SPACE)).then(|| &mut room[..len])
    }

    /// So many bytes were read into the space.
    pub(super) fn filled(&mut self, config: &Config, bytes: usize, assembly: &mut Buffer) {
        let space = self.space(config, assembly).map_or(0, |space| space.len());
        if let (Stage::Data(missing), 1..) = (self.stage, space) {
            let bytes = bytes.min(space);
            assembly.fill(bytes);
            // The frame ends with the next call, even if nothing is missing any more.
            self.stage = Stage::Data(missing - bytes as u64);
        }
    }
}

/// Takes no more than `most` bytes from the front of the input.
pub(super) fn take<'i>(input: &mut &'i [u8], most: u64) -> &'i [u8] {
    let (taken, rest) = input.split_at(usize::try_from(most).unwrap_or(usize::MAX).min(input.len()));
    *input = rest;
    taken
}

/// The least that is offered for the rest of a message, if that much is missing: less is not worth a read of its own.
const SPACE: usize = 4 << 10;
