//! The way out: messages, made into masked frames (RFC 6455 §5 and §6.1).

use alloc::boxed::Box;
use core::{error, fmt};

use super::{
    Buffer, Config, FrameHeader, OpCode, Piece, Slices, control,
    mask::{Masks, mask_into},
};
use crate::{CloseFrame, Message};

/// Why a message was not written. Nothing of it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SendError {
    /// A close frame was written, behind which no message may follow (RFC 6455 §5.5.1), and no ping has a use.
    Closed,
    /// Pieces of another message are under way, and it has to end first (RFC 6455 §5.4).
    MessageUnderWay,
    /// A piece that is not the first, and no message under way.
    NoMessageUnderWay,
    /// A piece of text within a binary message, or the reverse.
    KindChanged,
    /// A ping or pong of more than 125 bytes (RFC 6455 §5.5).
    ControlTooLong(usize),
}

/// What goes out, and what of it is under way.
pub(super) struct Sender {
    /// Whether a message can be written as one plain frame right now: all that the short way asks.
    plain: bool,
    /// Whether messages are neither compressed nor fragmented.
    simple: bool,
    closed: bool,
    /// The message whose pieces are under way.
    under_way: Option<UnderWay>,
    masks: Masks,
    /// How many pongs were written, of which it is not known that they left the buffer.
    pongs: u8,
    /// The ping whose pong has to wait for room, once there was one.
    waiting_pong: Option<Box<Waiting>>,
    /// What compresses, once it was agreed on.
    #[cfg(feature = "deflate")]
    pub(super) compressor: Option<Box<super::deflating::Compressor>>,
}

/// The payload of a ping.
struct Waiting {
    /// Whether it waits. If not, this is memory for the next.
    now: bool,
    /// When so many bytes have left the buffer, the pongs before it have.
    behind: u64,
    len: usize,
    payload: [u8; MAX_CONTROL],
}

/// A part of a message: a fragment, or a piece.
struct Part<'m> {
    text: bool,
    bytes: &'m [u8],
    first: bool,
    last: bool,
    /// How long the message is, as far as that is known.
    len: usize,
    /// The most payload of one frame.
    most: usize,
}

#[derive(Clone, Copy, Debug)]
struct UnderWay {
    text: bool,
    compressed: bool,
    /// Whether a frame of it was written.
    begun: bool,
}

impl Sender {
    pub(super) fn new(config: &Config, mask_seed: [u8; 32]) -> Self {
        Self {
            plain: config.fragment_bytes.is_none(),
            simple: config.fragment_bytes.is_none(),
            closed: false,
            under_way: None,
            masks: Masks::new(mask_seed),
            pongs: 0,
            waiting_pong: None,
            #[cfg(feature = "deflate")]
            compressor: None,
        }
    }

    /// Messages are compressed from now on.
    #[cfg(feature = "deflate")]
    pub(super) fn compress(&mut self, compressor: super::deflating::Compressor) {
        self.compressor = Some(Box::new(compressor));
        (self.plain, self.simple) = (false, false);
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether pieces of a message are under way.
    #[cfg(feature = "deflate")]
    pub(super) const fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    #[inline]
    pub(super) fn send(&mut self, config: &Config, message: &Message<'_>, out: &mut Buffer) -> Result<(), SendError> {
        if self.plain {
            self.frame(FIN | opcode(message) as u8, message.as_bytes(), out);
            return Ok(());
        }
        let mut from = 0;
        loop {
            from = self.send_from(config, message, from, out)?;
            if from == message.len() {
                return Ok(());
            }
        }
    }

    pub(super) fn send_in_slices<'w>(
        &mut self,
        config: &Config,
        message: &'w Message<'_>,
        slice_bytes: usize,
        out: &'w mut Buffer,
    ) -> Result<Slices<'w>, SendError> {
        if !self.plain {
            self.send(config, message, out)?;
            return Ok(Slices::new(&[], [0; 4], slice_bytes, out));
        }
        let key = self.masks.next();
        let (head, len) = header(FIN | opcode(message) as u8, key, message.len());
        out.extend_from_slice(&head[..len]);
        Ok(Slices::new(message.as_bytes(), key, slice_bytes, out))
    }

    /// Writes the fragment that begins at byte `from`; where the next one begins.
    pub(super) fn send_from(
        &mut self,
        config: &Config,
        message: &Message<'_>,
        from: usize,
        out: &mut Buffer,
    ) -> Result<usize, SendError> {
        let len = message.len();
        let from = from.min(len);
        let most = config.fragment_bytes.map_or(usize::MAX, |most| most.max(1));
        let to = len.min(from.saturating_add(most));
        let bytes = &message.as_bytes()[from..to];
        self.part(&Part { text: message.is_text(), bytes, first: from == 0, last: to == len, len, most }, out)?;
        Ok(to)
    }

    pub(super) fn send_piece(&mut self, piece: &Piece<'_>, out: &mut Buffer) -> Result<(), SendError> {
        let &Piece { ref payload, first, last } = piece;
        // How long it will be is not known, but for one that ends at once.
        let len = if last { payload.len() } else { usize::MAX };
        let (text, bytes) = (payload.is_text(), payload.as_bytes());
        self.part(&Part { text, bytes, first, last, len, most: usize::MAX }, out)
    }

    /// Writes a part of a message.
    fn part(&mut self, part: &Part<'_>, out: &mut Buffer) -> Result<(), SendError> {
        let &Part { text, bytes, first, last, len, most } = part;
        if self.closed {
            return Err(SendError::Closed);
        }
        let mut message = match self.under_way {
            Some(_) if first => return Err(SendError::MessageUnderWay),
            None if !first => return Err(SendError::NoMessageUnderWay),
            Some(message) if message.text != text => return Err(SendError::KindChanged),
            Some(message) => message,
            None => UnderWay { text, compressed: self.compresses(len), begun: false },
        };
        let opcode = match (message.begun, text) {
            (true, _) => OpCode::Continuation,
            (false, true) => OpCode::Text,
            (false, false) => OpCode::Binary,
        };
        if first && last && message.compressed {
            // Only if it is worth it.
            if self.compressed_message(FIN | RSV1 | opcode as u8, bytes, most, out) {
                return Ok(());
            }
            message.compressed = false;
        }
        let head = u8::from(last) << 7 | u8::from(message.compressed && !message.begun) << 6 | opcode as u8;
        if message.compressed {
            message.begun |= self.compressed_part(head, bytes, most, out);
        } else {
            self.frame(head, bytes, out);
            message.begun = true;
        }
        self.under_way = (!last).then_some(message);
        self.plain = last && self.simple;
        Ok(())
    }

    #[cfg(not(feature = "deflate"))]
    const fn compresses(&self, _: usize) -> bool {
        let _ = self;
        false
    }

    #[cfg(not(feature = "deflate"))]
    const fn compressed_message(&mut self, _: u8, _: &[u8], _: usize, _: &mut Buffer) -> bool {
        let _ = self;
        false
    }

    #[cfg(not(feature = "deflate"))]
    fn compressed_part(&mut self, head: u8, bytes: &[u8], most: usize, out: &mut Buffer) -> bool {
        self.frames(head, bytes, most, out);
        true
    }

    pub(super) fn control(&mut self, opcode: OpCode, payload: &[u8], out: &mut Buffer) -> Result<(), SendError> {
        if self.closed {
            return Err(SendError::Closed);
        }
        if payload.len() > MAX_CONTROL {
            return Err(SendError::ControlTooLong(payload.len()));
        }
        self.frame(FIN | opcode as u8, payload, out);
        Ok(())
    }

    /// Answers a ping, even behind a close frame of ours (RFC 6455 §5.5.2: unless the server's came). While what is in the
    /// buffer does not leave only so many are answered one by one, and then the latest, as §5.5.3 allows: a server that
    /// pings and does not read must not fill the memory.
    pub(super) fn answer(&mut self, ping: &[u8], out: &mut Buffer) {
        if out.is_empty() {
            self.pongs = 0;
        }
        if self.pongs < MAX_PONGS {
            self.pongs += 1;
            self.frame(FIN | OpCode::Pong as u8, ping, out);
        } else {
            let behind = out.gone() + out.len() as u64;
            let waiting = self
                .waiting_pong
                .get_or_insert_with(|| Box::new(Waiting { now: false, behind: 0, len: 0, payload: [0; MAX_CONTROL] }));
            if !waiting.now {
                (waiting.now, waiting.behind) = (true, behind);
            }
            waiting.len = ping.len();
            waiting.payload[..ping.len()].copy_from_slice(ping);
        }
    }

    /// Writes what waited for what was in the buffer to leave it.
    #[inline]
    pub(super) fn pull(&mut self, out: &mut Buffer) {
        if self.waiting_pong.is_some() {
            self.pull_pong(out);
        }
    }

    fn pull_pong(&mut self, out: &mut Buffer) {
        let Some(mut ping) = self.waiting_pong.take() else { return };
        if ping.now && (out.is_empty() || out.gone() >= ping.behind) {
            (self.pongs, ping.now) = (0, false);
            self.answer(&ping.payload[..ping.len], out);
        }
        self.waiting_pong = Some(ping);
    }

    /// The server's close frame came, or it broke the protocol: nothing is answered any more.
    pub(super) fn end(&mut self, frame: &CloseFrame, out: &mut Buffer) {
        self.waiting_pong = None;
        self.close(frame, out);
    }

    /// Writes a close frame, unless one was written.
    pub(super) fn close(&mut self, frame: &CloseFrame, out: &mut Buffer) {
        let (payload, len) = control::close_payload(frame);
        // The only error is the one that makes it superfluous.
        let _ = self.control(OpCode::Close, &payload[..len], out);
        (self.closed, self.plain, self.under_way) = (true, false, None);
        #[cfg(feature = "deflate")]
        let _ = self.compressor.take();
    }

    /// Writes a part of a message in frames of at most `most` bytes of payload, the first of which begins with `head`.
    pub(super) fn frames(&mut self, mut head: u8, mut payload: &[u8], most: usize, out: &mut Buffer) {
        while let Some((fragment, rest @ [_, ..])) = payload.split_at_checked(most) {
            self.frame(head & !FIN, fragment, out);
            (head, payload) = (head & FIN | OpCode::Continuation as u8, rest);
        }
        self.frame(head, payload, out);
    }

    /// Writes a frame.
    #[inline]
    pub(super) fn frame(&mut self, first: u8, payload: &[u8], out: &mut Buffer) {
        let key = self.masks.next();
        if let Ok(len @ 0..=125) = u8::try_from(payload.len()) {
            let (head, body) = out.append(SHORT_HEAD + payload.len()).split_at_mut(SHORT_HEAD);
            head.copy_from_slice(&[first, 0x80 | len, key[0], key[1], key[2], key[3]]);
            mask_into(payload, key, body);
        } else {
            let (bytes, len) = header(first, key, payload.len());
            let (head, body) = out.append(len + payload.len()).split_at_mut(len);
            head.copy_from_slice(&bytes[..len]);
            mask_into(payload, key, body);
        }
    }
}

/// The header of a masked frame that begins with this byte, and its length.
#[inline]
fn header(first: u8, key: [u8; 4], len: usize) -> ([u8; FrameHeader::MAX_BYTES], usize) {
    let header = FrameHeader { fin: true, rsv1: false, opcode: OpCode::Binary, mask: Some(key), len: len as u64 };
    let (mut bytes, len) = header.to_bytes();
    bytes[0] = first;
    (bytes, len)
}

const fn opcode(message: &Message<'_>) -> OpCode {
    if message.is_text() { OpCode::Text } else { OpCode::Binary }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("closed", &self.closed)
            .field("under_way", &self.under_way)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("a close frame was sent, and no message may follow it"),
            Self::MessageUnderWay => f.write_str("another message is under way, and its last piece has to come first"),
            Self::NoMessageUnderWay => f.write_str("no message is under way that this piece could belong to"),
            Self::KindChanged => f.write_str("a message is text or binary, and cannot be both"),
            Self::ControlTooLong(len) => write!(f, "a ping or pong of {len} B, where 125 are allowed"),
        }
    }
}

impl error::Error for SendError {}

/// The last frame of a message.
pub(super) const FIN: u8 = 0x80;
/// The mark of a compressed message, on its first frame (RFC 7692 §6).
const RSV1: u8 = 0x40;
/// The length of the header of a masked frame of up to 125 bytes.
const SHORT_HEAD: usize = 6;
/// The most payload in a control frame (RFC 6455 §5.5).
const MAX_CONTROL: usize = 125;
/// How many pongs may lie in a buffer.
const MAX_PONGS: u8 = 64;
