//! Messages, and the names of messages and connections.

use alloc::{string::String, vec::Vec};
use core::{fmt, ops::Deref};

use bytes::Bytes;
use bytestring::ByteString;

/// The application's name for a message, unique among the messages of a session that are not settled.
///
/// Ids that rise are cheapest: the session then knows without a search that an id is new.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct MessageId(pub u64);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// One connection of a session: an attempt and the socket's life after it. The first is 1, and none is used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct ConnId(pub u64);

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conn {}", self.0)
    }
}

/// A WebSocket message: text or binary (RFC 6455 §5.6).
///
/// The payload is borrowed (on its way through the core) or owned and cheap to clone (reference counted).
///
/// ```
/// use steadfast_core::Message;
///
/// let owned: Message<'static> = Message::text(String::from("hello"));
/// assert_eq!(owned.as_text(), Some("hello"));
/// let borrowed = Message::binary(&[1, 2, 3][..]);
/// assert_eq!(borrowed.as_bytes(), &[1, 2, 3]);
/// assert_eq!(borrowed.into_owned().len(), 3);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Message<'a> {
    /// UTF-8 text.
    Text(Text<'a>),
    /// Bytes.
    Binary(Binary<'a>),
}

/// The payload of a text message; reads as `&str`.
#[derive(Clone)]
pub struct Text<'a>(TextRepr<'a>);

#[derive(Clone)]
enum TextRepr<'a> {
    Borrowed(&'a str),
    Owned(ByteString),
}

/// The payload of a binary message; reads as `&[u8]`.
#[derive(Clone)]
pub struct Binary<'a>(BinaryRepr<'a>);

#[derive(Clone)]
enum BinaryRepr<'a> {
    Borrowed(&'a [u8]),
    Owned(Bytes),
}

impl<'a> Message<'a> {
    /// A text message from `&str` (borrowed), `String` or [`ByteString`] (owned).
    pub fn text(text: impl Into<Text<'a>>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message from `&[u8]` (borrowed), `Vec<u8>` or [`Bytes`] (owned).
    pub fn binary(bytes: impl Into<Binary<'a>>) -> Self {
        Self::Binary(bytes.into())
    }

    /// A message of this kind and length that says nothing.
    #[cfg(feature = "trace")]
    pub(crate) fn blank(text: bool, len: usize) -> Message<'static> {
        if text { Message::text(" ".repeat(len)) } else { Message::binary(alloc::vec![0; len]) }
    }

    /// The payload's bytes, of either kind.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The text, if this is a text message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// Whether this is a text message.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// The payload's length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty; an empty message is still a message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same message, free of what it borrowed from; copies the payload only if it was borrowed.
    #[must_use]
    #[inline]
    pub fn into_owned(self) -> Message<'static> {
        match self {
            Self::Text(text) => Message::Text(text.into_owned()),
            Self::Binary(bytes) => Message::Binary(bytes.into_owned()),
        }
    }

    /// The same message, borrowing from this one.
    #[must_use]
    pub fn borrowed(&self) -> Message<'_> {
        match self {
            Self::Text(text) => Message::text(&**text),
            Self::Binary(bytes) => Message::binary(&**bytes),
        }
    }
}

impl Text<'_> {
    /// The same text, free of what it borrowed from.
    #[must_use]
    #[inline]
    pub fn into_owned(self) -> Text<'static> {
        Text(TextRepr::Owned(self.into_byte_string()))
    }

    /// The text as a reference-counted string; copies only if it was borrowed.
    #[must_use]
    #[inline]
    pub fn into_byte_string(self) -> ByteString {
        match self.0 {
            TextRepr::Borrowed(text) => ByteString::from(String::from(text)),
            TextRepr::Owned(text) => text,
        }
    }
}

impl Binary<'_> {
    /// The same bytes, free of what they borrowed from.
    #[must_use]
    #[inline]
    pub fn into_owned(self) -> Binary<'static> {
        Binary(BinaryRepr::Owned(self.into_bytes()))
    }

    /// The bytes, reference-counted; copies only if they were borrowed.
    #[must_use]
    #[inline]
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            BinaryRepr::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            BinaryRepr::Owned(bytes) => bytes,
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            TextRepr::Borrowed(text) => text,
            TextRepr::Owned(text) => text,
        }
    }
}

impl Deref for Binary<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            BinaryRepr::Borrowed(bytes) => bytes,
            BinaryRepr::Owned(bytes) => bytes,
        }
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(TextRepr::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(TextRepr::Owned(text.into()))
    }
}

impl From<ByteString> for Text<'_> {
    fn from(text: ByteString) -> Self {
        Self(TextRepr::Owned(text))
    }
}

impl<'a> From<&'a [u8]> for Binary<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(BinaryRepr::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Binary<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(BinaryRepr::Owned(bytes.into()))
    }
}

impl From<Bytes> for Binary<'_> {
    fn from(bytes: Bytes) -> Self {
        Self(BinaryRepr::Owned(bytes))
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Message<'_> {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::binary(bytes)
    }
}

impl From<Vec<u8>> for Message<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::binary(bytes)
    }
}

macro_rules! compare_by_target {
    ($name:ident) => {
        impl PartialEq for $name<'_> {
            fn eq(&self, other: &Self) -> bool {
                **self == **other
            }
        }

        impl Eq for $name<'_> {}

        impl core::hash::Hash for $name<'_> {
            fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
                (**self).hash(state);
            }
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&**self, f)
            }
        }
    };
}

compare_by_target!(Text);
compare_by_target!(Binary);

/// How much of a payload `Debug` shows.
const SHOWN: usize = 64;

impl fmt::Debug for Message<'_> {
    /// The kind, the length and the beginning: a log line never holds megabytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.len();
        let more = if len > SHOWN { "…" } else { "" };
        match self {
            Self::Text(text) => {
                let mut end = len.min(SHOWN);
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                write!(f, "Text({len} B, {:?}{more})", &text[..end])
            }
            Self::Binary(bytes) => write!(f, "Binary({len} B, {:02x?}{more})", &bytes[..len.min(SHOWN)]),
        }
    }
}

#[cfg(feature = "serde")]
mod serialized {
    //! `{"text": "…"}` or `{"binary": [1, 2, 3]}`; read back as an owned message.
    use super::{Binary, Message, String, Text, Vec};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize)]
    #[serde(rename_all = "lowercase")]
    enum Out<'a> {
        Text(&'a str),
        Binary(&'a [u8]),
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum In {
        Text(String),
        Binary(Vec<u8>),
    }

    impl Serialize for Message<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self {
                Self::Text(text) => Out::Text(text),
                Self::Binary(bytes) => Out::Binary(bytes),
            }
            .serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for Message<'_> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Ok(match In::deserialize(deserializer)? {
                In::Text(text) => Message::Text(Text::from(text)),
                In::Binary(bytes) => Message::Binary(Binary::from(bytes)),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec};

    #[test]
    fn borrowed_and_owned_compare_equal() {
        assert_eq!(Message::text("a"), Message::text(String::from("a")));
        assert_eq!(Message::binary(&[1u8][..]), Message::binary(vec![1u8]));
        assert_ne!(Message::text("a"), Message::binary(vec![b'a']));
    }

    #[test]
    fn debug_shows_the_beginning_and_never_splits_a_character() {
        let message = Message::text("ä".repeat(100));
        let shown = format!("{message:?}");
        assert!(shown.starts_with("Text(200 B"), "{shown}");
        assert!(shown.len() < 120, "{shown}");
    }

    #[test]
    fn a_message_is_no_larger_than_six_words() {
        assert!(size_of::<Message<'static>>() <= 48);
    }
}
