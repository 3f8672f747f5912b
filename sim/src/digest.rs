//! A 64-bit digest of everything a session decided, the same on every platform.

use std::{
    fmt::{self, Write as _},
    hash::{Hash, Hasher},
};

use steadfast_core::{Action, Notice, Timestamp};

/// Two runs with equal digests made the same decisions at the same times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Digest {
    fn word(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 ^= self.0 >> 32;
    }

    fn message(&mut self, kind: u64, id: u64, bytes: &[u8]) {
        self.word(kind);
        self.word(id);
        Hasher::write(self, bytes);
    }

    /// Takes in one action.
    pub(crate) fn action(&mut self, now: Timestamp, action: &Action<'_>) {
        self.word(now.as_micros());
        match action {
            Action::Connect { conn, attempt, endpoint, credentials } => {
                (1u64, conn.0, *attempt, *endpoint).hash(self);
                if let Some(epoch) = credentials {
                    self.word(epoch.0);
                }
            }
            Action::Send { conn, id, message } => {
                self.word(conn.0);
                self.message(2, id.0, message.as_bytes());
            }
            Action::Ping { conn, payload } => (3u64, conn.0, payload.0).hash(self),
            Action::Heartbeat { conn, text } => (4u64, conn.0, text).hash(self),
            Action::Close { conn, frame } => (5u64, conn.0, frame).hash(self),
            Action::Abort { conn } => (6u64, conn.0).hash(self),
            Action::SetTimer { at } => (7u64, at.as_micros()).hash(self),
            Action::CancelTimer => self.word(8),
            Action::Deliver { conn, message } => self.message(9, conn.0, message.as_bytes()),
            Action::Notify(Notice::Verdict { id, verdict, message }) => {
                (10u64, id.0, verdict).hash(self);
                self.word(u64::from(message.is_some()));
            }
            Action::FetchCredentials { epoch, reason, identity } => (11u64, epoch, reason, identity).hash(self),
            Action::Present { conn, epoch } => (12u64, conn.0, epoch.0).hash(self),
            Action::Persist(persist) => self.message(13, persist.id.0, persist.message.as_bytes()),
            Action::Forget { id } => (14u64, id.0).hash(self),
            Action::Notify(notice) => {
                // The rest is rare: its whole text counts, so that no field is forgotten.
                write!(self, "{notice:?}").unwrap_or_default();
            }
        }
    }

    /// The digest so far.
    pub(crate) const fn value(self) -> u64 {
        self.0
    }
}

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.word(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.word(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.word(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.word(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.word(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.word(value.cast_unsigned() as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        Hasher::write(self, text.as_bytes());
        Ok(())
    }
}
