//! What bytes come to.

use alloc::string::String;
use core::{fmt, mem};

use bytes::Bytes;

use super::Buffer;
use crate::{CloseFrame, Message};

/// What came in.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'b> {
    /// A message.
    Message(Received<'b>),
    /// A part of a message; only with [`Config::pieces`](super::Config::pieces).
    Piece(Piece<'b>),
    /// A ping. Its pong is written, or waits for [`Wire::pull`](super::Wire::pull).
    Ping(&'b [u8]),
    /// A pong: the answer to a ping of ours, or a sign of life that nobody asked for (RFC 6455 §5.5.3).
    Pong(&'b [u8]),
    /// The server's close frame; 1005 stands for one without a code. Its reply is written. Nothing comes behind it.
    Close(CloseFrame),
}

/// A part of a message. A message is one piece that is `first`, any number of them, and one that is `last`; one piece may
/// be both. The parts of a text are text: no character is split.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece<'b> {
    /// The part's bytes, as text or binary. It may be empty.
    pub payload: Message<'b>,
    /// Whether a message begins with it.
    pub first: bool,
    /// Whether the message ends with it.
    pub last: bool,
}

/// A message as it came in: borrowed from what was read, or from where it was assembled.
pub struct Received<'b>(Source<'b>);

pub(super) enum Source<'b> {
    Text(&'b str),
    Binary(&'b [u8]),
    /// A binary message that fills a buffer, and may be taken with it.
    Assembled(&'b mut Buffer),
}

impl<'b> Received<'b> {
    #[inline]
    pub(super) const fn new(source: Source<'b>) -> Self {
        Self(source)
    }

    /// The payload's bytes, of either kind.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Source::Text(text) => text.as_bytes(),
            Source::Binary(bytes) => bytes,
            Source::Assembled(buffer) => buffer.as_slice(),
        }
    }

    /// The text, if this is a text message.
    #[must_use]
    #[inline]
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Source::Text(text) => Some(text),
            Source::Binary(_) | Source::Assembled(_) => None,
        }
    }

    /// The message, borrowed.
    #[must_use]
    #[inline]
    pub fn into_message(self) -> Message<'b> {
        match self.0 {
            Source::Text(text) => Message::text(text),
            Source::Binary(bytes) => Message::binary(bytes),
            Source::Assembled(buffer) => Message::binary(buffer.as_slice()),
        }
    }

    /// The message, to keep. A binary one that was assembled takes its buffer along, without what of it would be wasted;
    /// others are copied once. (Text that was assembled, too: without a copy it would have to be judged again, which takes
    /// longer wherever it is not all ASCII.)
    #[must_use]
    pub fn into_owned(self) -> Message<'static> {
        match self.0 {
            Source::Text(text) => Message::text(String::from(text)),
            Source::Binary(bytes) => Message::binary(bytes.to_vec()),
            Source::Assembled(buffer) => {
                let mut bytes = mem::take(buffer).into_vec();
                if bytes.capacity() - bytes.len() > WASTE.max(bytes.len() / 4) {
                    bytes.shrink_to_fit();
                }
                Message::binary(bytes)
            }
        }
    }

    /// The message, to keep, as part of the memory that it was read into: `chunk` is what [`Wire::receive`] was given.
    /// A binary message inside it is not copied, and keeps all of `chunk` alive; any other is as with
    /// [`into_owned`](Self::into_owned).
    ///
    /// [`Wire::receive`]: super::Wire::receive
    #[must_use]
    pub fn into_owned_within(self, chunk: &Bytes) -> Message<'static> {
        match self.0 {
            Source::Binary(bytes) if lies_within(bytes, chunk) => Message::binary(chunk.slice_ref(bytes)),
            _ => self.into_owned(),
        }
    }
}

impl fmt::Debug for Received<'_> {
    /// As a [`Message`]: its length and its beginning.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Text(text) => Message::text(*text).fmt(f),
            Source::Binary(bytes) => Message::binary(*bytes).fmt(f),
            Source::Assembled(buffer) => Message::binary(buffer.as_slice()).fmt(f),
        }
    }
}

/// Whether `part` is a piece of `whole`'s memory.
fn lies_within(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}

/// So much memory too much is not worth a call of the allocator.
const WASTE: usize = 64 << 10;
