//! Messages, and what a sender may ask for each.

use alloc::{string::String, vec::Vec};
use core::{fmt, ops::Deref, time::Duration};

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

/// What happens to a message when the connection breaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Delivery {
    /// Worth sending only now: refused while there is no open connection, never sent twice.
    Volatile,
    /// Queued while there is no connection, never sent twice: in doubt if the connection breaks before its confirmation.
    AtMostOnce,
    /// Queued while there is no connection, and sent again, in order, until confirmed. The server may see it twice. Refused
    /// where nothing can confirm it: with confirmation off, or on a link that cannot ping (a browser's).
    #[default]
    AtLeastOnce,
}

/// Which way a message goes out: order holds within a lane, across reconnects too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Lane {
    /// Goes before what waits in the lane of data, but lets one of those pass after
    /// [`control_burst`](crate::config::Outbox::control_burst) in a row.
    Control,
    /// Everything else.
    #[default]
    Data,
}

impl Lane {
    /// The usual one; for forms that leave it out.
    #[cfg(feature = "serde")]
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference to the field")]
    const fn is_usual(&self) -> bool {
        matches!(self, Self::Data)
    }
}

/// What a message is about, where only the newest is worth sending: a cursor's position, a symbol's quote. The numbers are the
/// application's; [`Keys`](crate::Keys) makes them from texts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Key(pub u64);

/// What a sender asks for one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct SendOptions {
    /// What happens to it when the connection breaks.
    pub delivery: Delivery,
    /// For this connection only: sent ahead of the outbox before [`Event::Ready`](crate::Event::Ready), never carried
    /// over to another connection, refused if this one is not open. Authentication and subscriptions go this way.
    pub bound_to: Option<ConnId>,
    /// How often an [`AtLeastOnce`](Delivery::AtLeastOnce) message may be sent *again*; `None`: until confirmed. When
    /// the limit is reached it ends in doubt at the next break. It keeps a message that kills its connection (one too
    /// large for the server, say) from doing so for ever.
    pub max_resends: Option<u32>,
    /// How long it may wait, from its acceptance on, in whole microseconds; on the session's clock and through what
    /// [`Resumed`](crate::Event::Resumed) tells of suspends. A message that has waited that long, connected or not, is
    /// [`Dropped::Expired`](crate::Dropped::Expired), or in doubt if an earlier connection may have carried it. Once handed
    /// to the driver it is not touched while that connection lasts. Zero is refused
    /// ([`Refusal::Expired`](crate::Refusal::Expired)); `None`: for ever.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub ttl: Option<Duration>,
    /// Which way it goes. What is sent ahead of [`Event::Ready`](crate::Event::Ready) keeps its own order.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Lane::is_usual"))]
    pub lane: Lane,
    /// It takes the place of the message of the same key and lane that waits and cannot have been sent; that one is
    /// [`Dropped::Conflated`](crate::Dropped::Conflated). What may have been sent is not replaced. `None`: every one counts.
    /// Means nothing for a message that is [bound](Self::bound_to).
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub key: Option<Key>,
    /// It outlives the process: accepted once it is stored, and told so by
    /// [`Notice::Accepted`](crate::Notice::Accepted); sent by the next process if this one dies before its verdict. Until
    /// then what comes after it in its lane waits for it. Refused
    /// ([`Refusal::CannotStore`](crate::Refusal::CannotStore)) without a [`store`](crate::config::Settings::store), unless it
    /// is [`AtLeastOnce`](Delivery::AtLeastOnce), or if it is bound to a connection or has a key.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "core::ops::Not::not"))]
    pub durable: bool,
}

impl SendOptions {
    /// Options with this delivery and nothing else asked.
    #[must_use]
    pub const fn new(delivery: Delivery) -> Self {
        Self { delivery, bound_to: None, max_resends: None, ttl: None, lane: Lane::Data, key: None, durable: false }
    }

    /// Whether it asks for what few do.
    #[inline]
    pub(crate) const fn is_rare(&self) -> bool {
        self.max_resends.is_some() || self.ttl.is_some() || self.key.is_some() || self.durable
    }

    /// For this connection only; see [`bound_to`](Self::bound_to).
    #[must_use]
    pub const fn bound_to(self, conn: ConnId) -> Self {
        Self { bound_to: Some(conn), ..self }
    }

    /// Send again at most this often; see [`max_resends`](Self::max_resends).
    #[must_use]
    pub const fn max_resends(self, resends: u32) -> Self {
        Self { max_resends: Some(resends), ..self }
    }

    /// Worth sending for this long; see [`ttl`](Self::ttl).
    #[must_use]
    pub const fn ttl(self, ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..self }
    }

    /// Before data; see [`Lane::Control`].
    #[must_use]
    pub const fn control(self) -> Self {
        Self { lane: Lane::Control, ..self }
    }

    /// Options of a message that outlives the process; see [`durable`](Self::durable).
    #[must_use]
    pub const fn durable() -> Self {
        Self { durable: true, ..Self::new(Delivery::AtLeastOnce) }
    }

    /// Only the newest of this key waits; see [`key`](Self::key).
    #[must_use]
    pub const fn key(self, key: Key) -> Self {
        Self { key: Some(key), ..self }
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
