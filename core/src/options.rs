//! What a sender may ask for each message.

use core::time::Duration;

use crate::message::ConnId;

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
    /// With credentials it is stored once it is known for whom the session acts; an application that knows says so with
    /// [`SwitchIdentity`](crate::Event::SwitchIdentity).
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
