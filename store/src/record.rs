//! A message as bytes: the store's own compact format.
//!
//! ```text
//! offset  bytes
//! 0       1      version: 1, or 2 if it says for whom it is
//! 1       1      flags: 1 text, 2 a limit of resends, 4 the lane of control, 8 a time to live, 16 for whom, others 0
//! 2       8      the message's id
//! 10      0 | 4  the limit of resends
//!         0 | 8  when it expires: microseconds since 1970, by the clock on the wall
//!         0 | 8  for whom it was accepted
//!         …      the payload
//! ```
//! Numbers are little-endian. A record with an unknown flag, with 16 in another version than 2 or without it in that, or a text
//! that is not UTF-8 is damaged; one with a higher version is newer. So a program that knows nothing of identities leaves a file
//! alone in which there are any, and sends nobody's messages as another's.

use std::time::{Duration, SystemTime};

use steadfast_core::{Identity, Lane, Message, MessageId, Persist, SendOptions};

use crate::store::Restored;

/// The highest version that is written.
pub const VERSION: u8 = 2;

/// That of a message of which nobody knows for whom it is.
const FOR_ANYBODY: u8 = 1;

const TEXT: u8 = 1;
const RESENDS: u8 = 2;
const CONTROL: u8 = 4;
const EXPIRES: u8 = 8;
const WHOSE: u8 = 16;
const KNOWN: u8 = TEXT | RESENDS | CONTROL | EXPIRES | WHOSE;

/// Why a record cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordError {
    /// It is of this version, which is not known yet.
    Newer(u8),
    /// It is damaged.
    Damaged,
}

/// Writes a message behind what is in `out`; `now` is in microseconds since 1970.
pub fn encode(persist: &Persist, now: u64, out: &mut Vec<u8>) {
    let Persist { id, message, options, identity } = persist;
    let (mut version, mut flags) = (FOR_ANYBODY, 0);
    if message.is_text() {
        flags |= TEXT;
    }
    if options.max_resends.is_some() {
        flags |= RESENDS;
    }
    if options.lane == Lane::Control {
        flags |= CONTROL;
    }
    if options.ttl.is_some() {
        flags |= EXPIRES;
    }
    if identity.is_some() {
        flags |= WHOSE;
        version = VERSION;
    }
    out.reserve(LONGEST_HEAD + message.len());
    out.extend([version, flags]);
    out.extend(id.0.to_le_bytes());
    if let Some(resends) = options.max_resends {
        out.extend(resends.to_le_bytes());
    }
    if let Some(ttl) = options.ttl {
        let micros = u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX);
        out.extend(now.saturating_add(micros).to_le_bytes());
    }
    if let Some(identity) = identity {
        out.extend(identity.0.to_le_bytes());
    }
    out.extend(message.as_bytes());
}

/// Reads a message, with what is left of its time to live `now`.
///
/// # Errors
/// It is of a newer version, or damaged.
pub fn decode(record: &[u8], now: u64) -> Result<Restored, RecordError> {
    let mut rest = record;
    let [version, flags] = take(&mut rest)?;
    match version {
        0 => return Err(RecordError::Damaged),
        FOR_ANYBODY | VERSION => {}
        newer => return Err(RecordError::Newer(newer)),
    }
    let is_whose = flags & WHOSE != 0;
    if flags & !KNOWN != 0 || is_whose != (version == VERSION) {
        return Err(RecordError::Damaged);
    }
    let id = MessageId(u64::from_le_bytes(take(&mut rest)?));
    let mut options = SendOptions::durable();
    if flags & CONTROL != 0 {
        options = options.control();
    }
    if flags & RESENDS != 0 {
        options = options.max_resends(u32::from_le_bytes(take(&mut rest)?));
    }
    if flags & EXPIRES != 0 {
        options = options.ttl(Duration::from_micros(u64::from_le_bytes(take(&mut rest)?).saturating_sub(now)));
    }
    let identity = if is_whose { Some(Identity(u64::from_le_bytes(take(&mut rest)?))) } else { None };
    let message = if flags & TEXT == 0 {
        Message::binary(rest)
    } else {
        Message::text(str::from_utf8(rest).map_err(|_| RecordError::Damaged)?)
    };
    Ok(Restored { id, message: message.into_owned(), options, identity })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], RecordError> {
    let (head, tail) = rest.split_first_chunk().ok_or(RecordError::Damaged)?;
    *rest = tail;
    Ok(*head)
}

/// The time on the wall, in microseconds since 1970.
pub(crate) fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

const LONGEST_HEAD: usize = 2 + 8 + 4 + 8 + 8;
