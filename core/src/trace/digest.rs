//! Digests: what was decided, in one number.

use core::fmt;

use serde::Serialize;

use crate::{Action, ConnId, Message, MessageId, Notice, Refusal, SendOptions, Verdict};

/// The 64-bit FNV-1a hash (Fowler, Noll, Vo): simple enough to be computed by any tool that reads a trace.
#[derive(Clone, Copy)]
pub(super) struct Fnv(u64);

impl Fnv {
    pub(super) const fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    pub(super) const fn with(mut self, bytes: &[u8]) -> Self {
        let mut index = 0;
        while index < bytes.len() {
            self.0 = (self.0 ^ bytes[index] as u64).wrapping_mul(0x0000_0100_0000_01B3);
            index += 1;
        }
        self
    }

    pub(super) const fn finish(self) -> u64 {
        self.0
    }
}

/// What an event led to: how many actions, and their digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Decided {
    /// How many actions.
    pub count: usize,
    /// Their digest; see the [format](crate::trace#the-format-version-1).
    pub digest: u64,
}

impl Decided {
    pub(super) fn of<'a>(actions: impl Iterator<Item = Action<'a>>) -> Self {
        let (mut count, mut hash) = (0, Fnv::new());
        for action in actions {
            let json = serde_json::to_string(&Canonical::of(&action)).expect("actions have no maps and no floats");
            count += 1;
            hash = hash.with(json.as_bytes()).with(b"\n");
        }
        Self { count, digest: hash.finish() }
    }
}

impl fmt::Display for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} actions with digest {:016x}", self.count, self.digest)
    }
}

/// A payload without its content.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Shape {
    kind: Kind,
    len: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Text,
    Binary,
}

impl Kind {
    pub(super) const fn of(message: &Message<'_>) -> Self {
        if message.is_text() { Self::Text } else { Self::Binary }
    }
}

impl Shape {
    fn of(message: &Message<'_>) -> Self {
        Self { kind: Kind::of(message), len: message.len() }
    }
}

/// An action as it is hashed: those with payloads have shapes instead.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Canonical<'a> {
    Send {
        conn: ConnId,
        id: MessageId,
        payload: Shape,
    },
    Deliver {
        conn: ConnId,
        payload: Shape,
    },
    Verdict {
        id: MessageId,
        verdict: Verdict,
        payload: Option<Shape>,
    },
    Refused {
        id: MessageId,
        why: Refusal,
        payload: Shape,
    },
    Persist {
        id: MessageId,
        payload: Shape,
        options: SendOptions,
    },
    #[serde(untagged)]
    Other(&'a Action<'a>),
}

impl<'a> Canonical<'a> {
    fn of(action: &'a Action<'a>) -> Self {
        match action {
            Action::Send { conn, id, message } => Self::Send { conn: *conn, id: *id, payload: Shape::of(message) },
            Action::Deliver { conn, message } => Self::Deliver { conn: *conn, payload: Shape::of(message) },
            Action::Notify(Notice::Verdict { id, verdict, message }) => {
                let payload = message.as_ref().map(|message| Shape::of(message));
                Self::Verdict { id: *id, verdict: *verdict, payload }
            }
            Action::Notify(Notice::Refused { id, message, why }) => {
                Self::Refused { id: *id, why: *why, payload: Shape::of(message) }
            }
            Action::Persist(persist) => {
                Self::Persist { id: persist.id, payload: Shape::of(&persist.message), options: persist.options }
            }
            Action::Connect { .. }
            | Action::Ping { .. }
            | Action::Heartbeat { .. }
            | Action::Close { .. }
            | Action::Abort { .. }
            | Action::SetTimer { .. }
            | Action::CancelTimer
            | Action::FetchCredentials { .. }
            | Action::Present { .. }
            | Action::Forget { .. }
            | Action::Notify(_) => Self::Other(action),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EndpointId;
    use alloc::boxed::Box;

    #[test]
    fn the_hash_is_fnv_1a() {
        // From the reference vectors of draft-eastlake-fnv.
        assert_eq!(Fnv::new().with(b"").finish(), 0xCBF2_9CE4_8422_2325);
        assert_eq!(Fnv::new().with(b"a").finish(), 0xAF63_DC4C_8601_EC8C);
        assert_eq!(Fnv::new().with(b"foobar").finish(), 0x8594_4171_F739_67E8);
    }

    #[test]
    fn digests_are_pinned() {
        let connect = Action::Connect { conn: ConnId(1), attempt: 2, endpoint: EndpointId(0), credentials: None };
        let json = b"{\"connect\":{\"conn\":1,\"attempt\":2}}\n";
        assert_eq!(Decided::of([connect].into_iter()).digest, Fnv::new().with(json).finish());
        let connect = Action::Connect { conn: ConnId(1), attempt: 2, endpoint: EndpointId(3), credentials: None };
        let json = b"{\"connect\":{\"conn\":1,\"attempt\":2,\"endpoint\":3}}\n";
        assert_eq!(Decided::of([connect].into_iter()).digest, Fnv::new().with(json).finish());
        let deliver = Action::Deliver { conn: ConnId(3), message: Message::text("hello") };
        let json = b"{\"deliver\":{\"conn\":3,\"payload\":{\"kind\":\"text\",\"len\":5}}}\n";
        assert_eq!(Decided::of([deliver].into_iter()).digest, Fnv::new().with(json).finish());
    }

    #[test]
    fn payloads_count_by_kind_and_length_alone() {
        let digest = |message: Message<'static>| {
            let notice = Notice::Refused { id: MessageId(1), message: Box::new(message), why: Refusal::Full };
            Decided::of([Action::Notify(notice)].into_iter()).digest
        };
        assert_eq!(digest(Message::text("abc")), digest(Message::text("xyz")));
        assert_ne!(digest(Message::text("abc")), digest(Message::text("abcd")));
        assert_ne!(digest(Message::text("abc")), digest(Message::binary(&b"abc"[..])));
    }
}
